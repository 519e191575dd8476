/* vfio/viability.c - which members of an IOMMU group stand in the way
 *
 * A group can be used only if no member is driven by a host driver that does
 * DMA through the kernel's own I/O address space (iommu_group_claim_dma_owner
 * in drivers/iommu/iommu.c). The kernel only says "no"; this says who. It is
 * used for messages alone: whether a group is viable the kernel decides.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vfio/name.h"
#include "vfio/sysfs.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/base/trace.h"

/* Drivers with .driver_managed_dma, and the stub that touches nothing. */
static const char *const harmless[] = { "pcieport", "pci-stub" };

/* PCI Code and ID Assignment 1.16, base classes. */
static const char *const class_names[] = {
	"old device",
	"storage controller",
	"network controller",
	"display controller",
	"multimedia device",
	"memory controller",
	"bridge",
	"communication device",
	"system peripheral",
	"input device",
	"docking station",
	"processor",
	"serial controller",
	"wireless controller",
	"intelligent controller",
	"satellite device",
	"encryption controller",
	"signal processor",
	"accelerator",
};

static const char *class_name(uint32_t class_code)
{
	unsigned base = class_code >> 16 & 0xff;

	return base < ARRAY_LEN(class_names) ? class_names[base] : "device";
}

struct survey {
	int group;
	struct err *e;
	unsigned blockers, assignable;
	char first[24]; /* the first one in the way */
};

static bool is_blocking(const char *driver)
{
	if (driver[0] == '\0' || vfio_is_vfio_driver(driver))
		return false;
	for (unsigned i = 0; i < ARRAY_LEN(harmless); i++) {
		if (strcmp(driver, harmless[i]) == 0)
			return false;
	}
	return true;
}

static uint32_t hex_file(const char *bdf, const char *file)
{
	char path[VFIO_SYSFS_PATH_SIZE], text[32];

	vfio_name_path(bdf, file, path);
	if (sys_read_text(path, text, sizeof(text)) <= 0)
		return 0;
	return (uint32_t)strtoul(text, NULL, 16);
}

static int judge(const char *bdf, void *arg)
{
	struct survey *s = arg;
	char driver[64];
	bool blocking;

	vfio_driver_of(bdf, driver, sizeof(driver));
	blocking = is_blocking(driver);
	s->assignable += vfio_is_vfio_driver(driver);
	log_info("vfio: group %d: %s %s %04x:%04x, driver %s: %s", s->group,
		 bdf, class_name(hex_file(bdf, "class")),
		 hex_file(bdf, "vendor"), hex_file(bdf, "device"),
		 driver[0] ? driver : "none", blocking ? "blocking" : "ok");
	if (!blocking)
		return 0;
	if (s->blockers++ == 0)
		snprintf(s->first, sizeof(s->first), "%s", bdf);
	err_add(s->e, "%s %s is bound to %s", s->blockers == 1 ? ":" : ",", bdf,
		driver);
	return 0;
}

/* Write down who blocks @group; false, and only the first words, if nobody
 * does. */
static bool name_blockers(struct survey *s, struct err *e)
{
	char path[64];

	(void)err_set(e, -EPERM, "group %d is not viable", s->group);
	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%d/devices",
		 s->group);
	(void)sys_list(path, judge, s);
	if (s->blockers == 0)
		return false;
	err_hint(e,
		 "bind every function of group %d to vfio-pci, or leave it "
		 "unbound: "
		 "echo vfio-pci > /sys/bus/pci/devices/%s/driver_override && "
		 "echo %s > /sys/bus/pci/devices/%s/driver/unbind && "
		 "echo %s > /sys/bus/pci/drivers_probe",
		 s->group, s->first, s->first, s->first, s->first);
	return true;
}

int vfio_explain_viability(int group, const char *bdf, struct err *e)
{
	struct survey s = { .group = group, .e = e };

	if (name_blockers(&s, e))
		return -EPERM;
	err_add(e, ": the kernel does not say why");
	err_hint(e,
		 "end whatever else uses the functions in "
		 "/sys/kernel/iommu_groups/%d/devices; dmesg may say more",
		 group);
	return -EPERM;
}

int vfio_explain_busy(int group, struct err *e)
{
	struct survey s = { .group = group, .e = e };

	if (name_blockers(&s, e))
		return -EPERM;
	(void)err_set(e, -EBUSY,
		      "another process holds the function, another one of "
		      "group %d, or /dev/vfio/%d",
		      group, group);
	err_hint(e, "a group can have one user: end the other VM; `fuser -v "
		    "/dev/vfio/* /dev/vfio/devices/*` shows who it is");
	return -EBUSY;
}

/* iommu_device_claim_dma_owner says EPERM where the group belongs to a host
 * driver or to another iommufd, iommufd_device_bind where interrupts are not
 * remapped. A function alone in its group has one user at most: of two, the
 * kernel refuses the second with EINVAL. */
int vfio_explain_claim(int group, struct err *e)
{
	struct survey s = { .group = group, .e = e };

	if (name_blockers(&s, e))
		return -EPERM;
	if (s.assignable < 2)
		return 0;
	(void)err_set(e, -EPERM,
		      "another process holds another function of group %d, or "
		      "the host has no interrupt remapping",
		      group);
	err_hint(e, "`fuser -v /dev/vfio/devices/*` shows who it is; dmesg, "
		    "whether the IOMMU remaps interrupts");
	return -EPERM;
}

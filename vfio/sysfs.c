/* vfio/sysfs.c - what sysfs tells about a host function before VFIO is touched
 *
 * Everything is read from /sys/bus/pci/devices/<bdf>/ (of a mediated device,
 * /sys/bus/mdev/devices/<uuid>/) and /sys/kernel/iommu_groups/<n>/. Nothing is
 * written: binding a function to vfio-pci is the operator's decision, so each
 * refusal carries the commands.
 */
#include "vfio/sysfs.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "vfio/name.h"
#include "vmm/base/bytes.h"
#include "vmm/base/range.h"
#include "vmm/base/sys.h"

enum { PATH_SIZE = VFIO_SYSFS_PATH_SIZE, MAX_RESERVED = 64 };

/* -------- single facts -------- */

/* The last part of the path that link @file of @bdf points to. */
static int link_name(const char *bdf, const char *file, char *out, size_t n)
{
	char path[PATH_SIZE], target[512];
	const char *slash;
	int rc;

	vfio_name_path(bdf, file, path);
	rc = sys_readlink(path, target, sizeof(target));
	if (rc < 0)
		return rc;
	slash = strrchr(target, '/');
	snprintf(out, n, "%.*s", (int)n - 1, slash ? slash + 1 : target);
	return 0;
}

void vfio_driver_of(const char *bdf, char *out, size_t n)
{
	if (link_name(bdf, "driver", out, n) < 0)
		out[0] = '\0';
}

/* A number from a small text file, or @fallback. */
static int64_t number(const char *bdf, const char *file, int64_t fallback)
{
	char path[PATH_SIZE], text[32], *end;
	int64_t v;

	vfio_name_path(bdf, file, path);
	if (sys_read_text(path, text, sizeof(text)) <= 0)
		return fallback;
	v = strtoll(text, &end, 0);
	return end == text ? fallback : v;
}

int vfio_node_number(const char *path, dev_t *out)
{
	unsigned major, minor;
	char text[32];
	int rc = sys_read_text(path, text, sizeof(text));

	if (rc < 0)
		return rc;
	if (sscanf(text, "%u:%u", &major, &minor) != 2)
		return -EINVAL;
	*out = makedev(major, minor);
	return 0;
}

bool vfio_is_vfio_driver(const char *driver)
{
	size_t n = strlen(driver);

	/* vfio-pci, and variants such as mlx5_vfio_pci and xe-vfio-pci */
	return n >= 8 && (strcmp(driver + n - 8, "vfio-pci") == 0 ||
			  strcmp(driver + n - 8, "vfio_pci") == 0);
}

/* A driver of another name that registered the function with VFIO. */
static bool has_vfio_device(const char *bdf)
{
	char path[PATH_SIZE];
	struct stat st;

	vfio_name_path(bdf, "vfio-dev", path);
	return sys_stat(path, &st) == 0;
}

bool vfio_has(const char *bdf)
{
	char driver[64];

	vfio_driver_of(bdf, driver, sizeof(driver));
	return vfio_is_vfio_driver(driver) || has_vfio_device(bdf);
}

int vfio_group_of(const char *bdf, struct err *e)
{
	char name[32], *end;
	long group;
	int rc = link_name(bdf, "iommu_group", name, sizeof(name));

	if (rc < 0 && rc != -ENOENT)
		return err_sys(e, rc, "cannot tell its IOMMU group");
	if (rc < 0 && vfio_name_is_mdev(bdf)) {
		(void)err_set(e, -ENODEV,
			      "is in no IOMMU group: this kernel makes none "
			      "for mediated devices");
		err_hint(e, "it was built without CONFIG_VFIO_GROUP; "
			    "--iommu=iommufd does without");
		return -ENODEV;
	}
	if (rc < 0) {
		(void)err_set(e, -ENODEV,
			      "is in no IOMMU group: nothing would "
			      "confine its DMA");
		err_hint(e,
			 "switch on VT-d or AMD-Vi in the firmware; on Intel "
			 "hosts boot Linux with intel_iommu=on");
		return -ENODEV;
	}
	group = strtol(name, &end, 10);
	if (end == name || *end != '\0' || group < 0 || group > INT32_MAX)
		return err_set(e, -EINVAL, "iommu_group is '%s', no number",
			       name);
	return (int)group;
}

/* -------- reserved regions of a group -------- */

struct reserved {
	uint64_t start, end; /* both included */
	char type[32];
};

/* "direct-relaxable" regions are given up at boot: graphics, USB. */
static bool stays(const struct reserved *r)
{
	return strcmp(r->type, "direct-relaxable") != 0 && r->end >= r->start;
}

/* Lines "0x00000000fee00000 0x00000000feefffff msi". */
static unsigned list_reserved(int group, struct reserved *out, unsigned max)
{
	char path[PATH_SIZE], text[4096], *line, *rest = text;
	unsigned n = 0;

	snprintf(path, sizeof(path),
		 "/sys/kernel/iommu_groups/%d/reserved_regions", group);
	if (sys_read_text(path, text, sizeof(text)) <= 0)
		return 0;
	while (n < max && (line = strsep(&rest, "\n"))) {
		struct reserved *r = &out[n];

		if (sscanf(line, "%" SCNx64 " %" SCNx64 " %31s", &r->start,
			   &r->end, r->type) == 3)
			n++;
	}
	return n;
}

int vfio_explain_firmware(int group, struct err *e)
{
	struct reserved r[MAX_RESERVED];
	unsigned n = list_reserved(group, r, MAX_RESERVED), i = 0;

	while (i < n && strcmp(r[i].type, "direct") != 0)
		i++;
	if (i == n)
		return 0;
	(void)err_set(e, -EINVAL,
		      "group %d: platform firmware (RMRR or IVMD) ties it to "
		      "memory; it cannot be assigned",
		      group);
	err_hint(e, "see /sys/kernel/iommu_groups/%d/reserved_regions", group);
	return -EINVAL;
}

bool vfio_group_reserves(int group, uint64_t base, uint64_t size)
{
	struct range r[MAX_RESERVED];
	unsigned n = vfio_group_reserved(group, r, MAX_RESERVED);

	for (unsigned i = 0; i < n; i++)
		if (range_overlaps(r[i].base, r[i].size, base, size))
			return true;
	return false;
}

unsigned vfio_group_reserved(int group, struct range *out, unsigned max)
{
	struct reserved r[MAX_RESERVED];
	unsigned n = list_reserved(group, r, MAX_RESERVED), kept = 0;

	for (unsigned i = 0; i < n && kept < max; i++) {
		uint64_t more = r[i].end - r[i].start;

		if (stays(&r[i])) /* 2^64 bytes have no size */
			out[kept++] = (struct range){
				r[i].start, more == UINT64_MAX ? more : more + 1
			};
	}
	return kept;
}

/* -------- the function as a whole -------- */

/* The raw hardware view. Without CAP_SYS_ADMIN only 64 bytes come. */
static void read_config(const char *bdf, struct vfio_function *f)
{
	char path[PATH_SIZE];
	ssize_t n;
	int fd;

	vfio_name_path(bdf, "config", path);
	fd = sys_open(path, O_RDONLY);
	if (fd < 0)
		return;
	n = sys_pread(fd, f->config, sizeof(f->config), 0);
	f->config_size = n > 0 ? (unsigned)n : 0;
	sys_close(&fd);
}

/* From the hardware's registers, but for a virtual function, whose IDs are all
 * ones there: from the files of the kernel, which knows them. */
static void identify(struct vfio_function *f)
{
	f->vendor = le16_load(f->config + PCI_VENDOR_ID);
	f->device = le16_load(f->config + PCI_DEVICE_ID);
	f->class_code = le32_load(f->config + PCI_CLASS_REVISION) >> 8;
	if (f->config_size >= PCI_STD_HEADER_SIZEOF && f->vendor != 0xffff)
		return;
	f->vendor = (uint16_t)number(f->name, "vendor", 0);
	f->device = (uint16_t)number(f->name, "device", 0);
	f->class_code = (uint32_t)number(f->name, "class", 0);
}

static int check_exists(const char *name, struct err *e)
{
	char path[PATH_SIZE];
	struct stat st;
	int rc;

	vfio_name_path(name, "", path);
	rc = sys_stat(path, &st);
	if (rc == -ENOENT)
		return vfio_name_missing(name, e);
	return rc < 0 ? err_sys(e, rc, "cannot look at %s", path) : 0;
}

static int check_endpoint(const struct vfio_function *f, struct err *e)
{
	unsigned type = f->config[PCI_HEADER_TYPE] & 0x7f;

	/* an all-ones header is a function that does not answer: device.c's */
	if (f->config_size < 64 || type == 0x7f ||
	    type == PCI_HEADER_TYPE_NORMAL)
		return 0;
	(void)err_set(
		e, -EINVAL,
		"is a bridge (class %06x, header type %u): only endpoints "
		"can be assigned",
		f->class_code, type);
	err_hint(e, "assign the functions behind it");
	return -EINVAL;
}

static int check_driver(const struct vfio_function *f, struct err *e)
{
	const char *b = f->name;

	if (vfio_has(b))
		return 0;
	if (f->driver[0] == '\0') {
		(void)err_set(e, -ENODEV,
			      "is bound to no driver, it has to be "
			      "bound to vfio-pci");
		err_hint(e,
			 "modprobe vfio-pci && "
			 "echo vfio-pci > /sys/bus/pci/devices/%s/"
			 "driver_override && "
			 "echo %s > /sys/bus/pci/drivers_probe",
			 b, b);
		return -ENODEV;
	}
	(void)err_set(e, -EBUSY,
		      "is bound to %s, it has to be bound to vfio-pci",
		      f->driver);
	err_hint(e,
		 "modprobe vfio-pci && "
		 "echo vfio-pci > /sys/bus/pci/devices/%s/driver_override && "
		 "echo %s > /sys/bus/pci/devices/%s/driver/unbind && "
		 "echo %s > /sys/bus/pci/drivers_probe",
		 b, b, b, b);
	return -EBUSY;
}

static int pci_build(struct vfio_function *f, struct err *e)
{
	char path[PATH_SIZE];
	int rc;

	read_config(f->name, f);
	identify(f);
	f->numa_node = (int)number(f->name, "numa_node", -1);
	vfio_name_path(f->name, "reset_method", path);
	if (sys_read_text(path, f->reset_method, sizeof(f->reset_method)) < 0)
		f->reset_method[0] = '\0';
	vfio_driver_of(f->name, f->driver, sizeof(f->driver));
	rc = check_endpoint(f, e);
	if (rc < 0)
		return rc;
	f->group = vfio_group_of(f->name, e);
	if (f->group < 0)
		return f->group;
	return check_driver(f, e);
}

/* A mediated device shows neither IDs nor config space here: it has to be open
 * for that. Whatever drives one is VFIO's. */
static int mdev_build(struct vfio_function *f, struct err *e)
{
	struct err why = ERR_NONE;

	vfio_driver_of(f->name, f->driver, sizeof(f->driver));
	if (f->driver[0] == '\0') {
		(void)err_set(e, -ENODEV, "is bound to no driver");
		err_hint(e,
			 "echo 1 > /sys/bus/mdev/devices/%s/remove, and make "
			 "it anew",
			 f->name);
		return -ENODEV;
	}
	/* -1 where only iommufd can have it, see vfio_group_of */
	f->group = vfio_group_of(f->name, &why);
	if (f->group < 0)
		f->group = -1;
	return 0;
}

static int function_build(struct vfio_function *f, struct err *e)
{
	int rc = check_exists(f->name, e);

	if (rc < 0)
		return rc;
	return vfio_name_is_mdev(f->name) ? mdev_build(f, e) : pci_build(f, e);
}

int vfio_function_find(const char *text, struct vfio_function *out,
		       struct err *e)
{
	struct vfio_function f = { .group = -1, .numa_node = -1 };
	int rc = vfio_name_find(text, f.name, e);

	if (rc < 0)
		return rc;
	rc = function_build(&f, e);
	if (rc < 0)
		return err_in(e, rc, "%s", f.name);
	*out = f;
	return 0;
}

/* vfio/refusal.c - what it means when a step of opening is refused */
#include "vfio/refusal.h"

#include <stdarg.h>
#include <stdio.h>

#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"

struct refusal {
	enum vfio_step step;
	int code;
	const char *cause, *hint;
};

/* As root, too: devcgroup_check_permission of the kernel says EPERM, and none
 * of these nodes does by itself. */
#define FORBIDDEN "a device cgroup or a security module forbids it"
#define ALLOW                                                                  \
	"let the service (DeviceAllow=) or the container (--device) have the " \
	"node; dmesg may name the module"

static const struct refusal refusals[] = {
	{ VFIO_STEP_CONTAINER, -ENOENT, "VFIO is not loaded",
	  "modprobe vfio-pci" },
	{ VFIO_STEP_CONTAINER, -ENODEV, "VFIO is not loaded",
	  "modprobe vfio-pci" },
	{ VFIO_STEP_CONTAINER, -EACCES, "permission denied",
	  "the node is normally open to all: chmod 0666 /dev/vfio/vfio" },
	{ VFIO_STEP_CONTAINER, -EPERM, FORBIDDEN, ALLOW },
	{ VFIO_STEP_GROUP, -ENOENT,
	  "no function of the group is bound to a vfio driver",
	  "bind the function to vfio-pci with driver_override and "
	  "drivers_probe" },
	{ VFIO_STEP_GROUP, -EACCES, "permission denied",
	  "run as root, or give the node to the user: chown USER on it" },
	{ VFIO_STEP_GROUP, -EPERM, FORBIDDEN, ALLOW },
	{ VFIO_STEP_GROUP, -EBUSY,
	  "another process holds the group, or a function of it through "
	  "/dev/vfio/devices",
	  "a group can be opened once: end the other VM; `fuser -v "
	  "/dev/vfio/*` shows who it is" },
	{ VFIO_STEP_GROUP, -ENODEV, "its driver is just being unbound",
	  "try again when the binding has settled" },
	{ VFIO_STEP_SET_CONTAINER, -EINVAL,
	  "the IOMMU refuses to put the group there: its address width or "
	  "coherency differs, or firmware ties it to memory",
	  "dmesg says more" },
	{ VFIO_STEP_SET_CONTAINER, -EPERM,
	  "the host cannot keep the function from forging interrupts: no "
	  "interrupt remapping",
	  "switch on interrupt remapping in the firmware; "
	  "vfio_iommu_type1.allow_unsafe_interrupts=1 overrides this, and then "
	  "a guest can inject any interrupt into the host" },
	{ VFIO_STEP_SET_CONTAINER, -ENOMEM, "the host is out of memory", NULL },
	{ VFIO_STEP_SET_IOMMU, -EPERM,
	  "the host cannot keep the function from forging interrupts: no "
	  "interrupt remapping",
	  "switch on interrupt remapping in the firmware; "
	  "vfio_iommu_type1.allow_unsafe_interrupts=1 overrides this, and then "
	  "a guest can inject any interrupt into the host" },
	{ VFIO_STEP_SET_IOMMU, -EINVAL,
	  "the IOMMU refuses the group: firmware ties it to memory, or its "
	  "address width does not fit",
	  "dmesg says more" },
	{ VFIO_STEP_SET_IOMMU, -ENODEV,
	  "the module vfio_iommu_type1 is not loaded",
	  "modprobe vfio_iommu_type1" },
	{ VFIO_STEP_SET_IOMMU, -EBUSY,
	  "another user holds the functions of the group", NULL },
	{ VFIO_STEP_DEVICE, -EAGAIN,
	  "the function is being reset or configured by something else",
	  "try again; `lsof /sys/bus/pci/devices/*/config` may show who" },
	{ VFIO_STEP_DEVICE, -ENODEV,
	  "the function is not bound to a vfio driver, or is just being "
	  "unbound",
	  "bind it to vfio-pci with driver_override and drivers_probe" },
	{ VFIO_STEP_DEVICE, -EACCES,
	  "VFIO owns its physical function, or virtual functions of it, too: "
	  "they ask for a VF token",
	  "give the same vf-token=UUID to the physical function, which is "
	  "opened first, and to each virtual one; or leave the physical "
	  "function on its host driver" },
	{ VFIO_STEP_TOKEN, -EACCES,
	  "the VF token is not the one that its physical function was opened "
	  "with",
	  "give the same vf-token=UUID to the physical function, which is "
	  "opened first, and to each virtual one" },
	{ VFIO_STEP_TOKEN, -EINVAL,
	  "it has a VF token, but is neither the virtual function of a "
	  "physical one that VFIO owns, nor such a one",
	  "leave vf-token out" },
	{ VFIO_STEP_BIND_TOKEN, -EINVAL,
	  "this kernel takes no VF token through iommufd (Linux 6.17 does), or "
	  "VFIO does not own its physical function",
	  "use --iommu=group, or leave vf-token out" },
	{ VFIO_STEP_DEVICE, -EINVAL, "the driver refuses to open it",
	  "dmesg says more" },
	{ VFIO_STEP_DEVICE, -EIO, "the function does not answer",
	  "load vfio-pci with disable_idle_d3=1, or write 0 to "
	  "d3cold_allowed of the function; dmesg says more" },
	{ VFIO_STEP_DEVICE, -EBUSY, "another user has opened it", NULL },
	{ VFIO_STEP_MAP, -ENOMEM,
	  "the limit for locked memory is reached, or the host is out of "
	  "memory",
	  "raise it: ulimit -l unlimited, or LimitMEMLOCK=infinity for a "
	  "service" },
	{ VFIO_STEP_MAP, -ENOSPC, "no mapping is left in the I/O address space",
	  "raise the parameter vfio_iommu_type1.dma_entry_limit" },
	{ VFIO_STEP_MAP, -EINVAL,
	  "part of the range is reserved or beyond what the IOMMU translates",
	  "see /sys/kernel/iommu_groups/*/reserved_regions" },
	{ VFIO_STEP_MAP, -EEXIST, "something is mapped there already",
	  "this is a mistake of minivmm: please report it" },
	{ VFIO_STEP_MAP, -EFAULT,
	  "its pages cannot be pinned for long: RAM has to be anonymous, "
	  "memfd or hugetlb memory",
	  NULL },
	{ VFIO_STEP_PEER, -EINVAL,
	  "these are I/O addresses that the IOMMU does not translate", NULL },
	{ VFIO_STEP_PEER, -EFAULT, "the kernel finds no memory there", NULL },
	{ VFIO_STEP_PEER_FILE, -ENODEV, "the function does not decode", NULL },
	{ VFIO_STEP_PEER_FILE, -ENOTTY,
	  "this kernel's iommufd takes no files of BARs", NULL },
	{ VFIO_STEP_IOMMUFD, -ENOENT, "this kernel has no iommufd",
	  "modprobe iommufd; this takes Linux 6.6 or newer with "
	  "CONFIG_IOMMUFD; --iommu=group does without" },
	{ VFIO_STEP_IOMMUFD, -ENODEV, "iommufd is not loaded",
	  "modprobe iommufd" },
	{ VFIO_STEP_IOMMUFD, -EACCES, "permission denied",
	  "run as root, give the node to the user, or use --iommu=group" },
	{ VFIO_STEP_IOMMUFD, -EPERM, FORBIDDEN, ALLOW },
	{ VFIO_STEP_CDEV, -ENOENT, "the kernel has it, but /dev has not",
	  "mount devtmpfs on /dev, or let udev make the node" },
	{ VFIO_STEP_CDEV, -EACCES, "permission denied",
	  "run as root, or give the node to the user: chown USER on it" },
	{ VFIO_STEP_CDEV, -EPERM, FORBIDDEN, ALLOW },
	{ VFIO_STEP_CDEV, -ENODEV, "its driver is just being unbound",
	  "try again when the binding has settled" },
	{ VFIO_STEP_BIND, -EPERM,
	  "the host cannot keep the function from forging interrupts: no "
	  "interrupt remapping",
	  "switch on interrupt remapping in the firmware; "
	  "iommufd.allow_unsafe_interrupts=1 overrides this, and then a guest "
	  "can inject any interrupt into the host" },
	{ VFIO_STEP_BIND, -EINVAL,
	  "another process has it open, or its DMA bypasses the caches of "
	  "the CPUs",
	  "`fuser -v /dev/vfio/devices/*` shows who has it; for DMA that is "
	  "not coherent use --iommu=group" },
	{ VFIO_STEP_ATTACH, -EINVAL,
	  "the IOMMU refuses: its page sizes or its address width do not fit",
	  "dmesg says more" },
	{ VFIO_STEP_ATTACH, -EADDRINUSE,
	  "guest RAM is mapped where the platform reserves addresses for it",
	  "see /sys/kernel/iommu_groups/*/reserved_regions" },
	{ VFIO_STEP_ATTACH, -ENOMEM,
	  "the host is out of memory, or the limit for locked memory is "
	  "reached",
	  "ulimit -l unlimited, or LimitMEMLOCK=infinity for a service" },
	{ VFIO_STEP_IOAS_MAP, -ENOMEM,
	  "the limit for locked memory is reached, or the host is out of "
	  "memory",
	  "raise it: ulimit -l unlimited, or LimitMEMLOCK=infinity for a "
	  "service; what other processes of the same user have locked "
	  "counts too" },
};

/* A step at which an errno means what it means at @step, unless the table knows
 * better; @step if there is none. */
static enum vfio_step general(enum vfio_step step)
{
	switch (step) {
	case VFIO_STEP_BIND_TOKEN:
		return VFIO_STEP_TOKEN;
	case VFIO_STEP_BIND:
	case VFIO_STEP_TOKEN:
		return VFIO_STEP_DEVICE;
	case VFIO_STEP_IOAS_MAP:
		return VFIO_STEP_MAP;
	case VFIO_STEP_PEER_FILE:
		return VFIO_STEP_PEER;
	default:
		return step;
	}
}

static const struct refusal *find(enum vfio_step step, int rc)
{
	for (unsigned i = 0; i < ARRAY_LEN(refusals); i++) {
		const struct refusal *r = &refusals[i];

		if (r->step == step && r->code == rc)
			return r;
	}
	return NULL;
}

int vfio_refused(struct err *e, enum vfio_step step, int rc, const char *fmt,
		 ...)
{
	const struct refusal *r = find(step, rc);
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	for (; !r && general(step) != step; step = general(step))
		r = find(general(step), rc);
	if (!r)
		return err_sys(e, rc, "%s", what);
	(void)err_set(e, rc, "%s: %s", what, r->cause);
	if (r->hint)
		err_hint(e, "%s", r->hint);
	return rc;
}

int vfio_refused_node(struct err *e, enum vfio_step step, int rc,
		      const char *path)
{
	struct stat st;

	(void)vfio_refused(e, step, rc, "cannot open %s", path);
	if (rc == -EACCES && sys_stat(path, &st) == 0)
		err_add(e, " (owner %u:%u, mode %04o)", st.st_uid, st.st_gid,
			st.st_mode & 07777);
	return rc;
}

/* vfio/iommufd.c - /dev/iommu and a character device for each function
 *
 * How it works
 *
 *     vfio_iommufd_iommu_open          attach "0000:01:00.0"
 *       open /dev/iommu                  which vfioN is it?        (sysfs)
 *                                        open /dev/vfio/devices/vfioN
 *                                        KVM learns of it          (FILE_ADD)
 *     map RAM                            the function is ours      (BIND)
 *       IOAS_MAP in the first IOAS,      it joins an IOAS     (IOAS_ALLOC,
 *       IOAS_COPY in further ones                              ATTACH)
 *                                        first of it? replay maps
 *                                        -> kernel.c
 *
 * Before BIND the node answers no other request. BIND claims the DMA of the
 * whole group, opens the function, which resets it, and fixes which VM the
 * kernel thinks it belongs to: hence FILE_ADD comes first.
 *
 * KVM keeps the open file, and finds it again by a descriptor of it when it is
 * told to forget it. So we keep one of our own beside that of kernel.c; the
 * function is closed, detached and unbound when both are gone:
 *
 *     kernel.c closes its descriptor, FILE_DEL, close ours, destroy an IOAS
 *     that no function is attached to any more.
 *
 * Rules: drivers/vfio/device_cdev.c and drivers/iommu/iommufd/device.c. Where
 * the node is and what else to check about it: cdev.c.
 */
#include "vfio/iommufd.h"

#include <fcntl.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "vfio/cdev.h"
#include "vfio/ioas.h"
#include "vfio/kernel.h"
#include "vfio/kvm.h"
#include "vfio/name.h"
#include "vfio/refusal.h"
#include "vfio/spaces.h"
#include "vfio/sysfs.h"
#include "vfio/token.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/base/trace.h"

enum {
	MAX_DEVICES = 64,
	BIND_TRIES = 10,
	BIND_WAIT_MS = 100,
};

struct attached {
	char name[VFIO_NAME_SIZE]; /* empty: slot is free */
	int fd; /* of the node; kernel.c has another of the same file */
	int group;
	struct vfio_ioas *space; /* NULL: not attached */
	bool kvm_knows;
	struct iommufd_iommu *owner;
};

struct iommufd_iommu {
	struct vfio_iommu iommu;
	int fd; /* /dev/iommu */
	struct vfio_kvm kvm;
	struct vfio_spaces spaces;
	struct attached attached[MAX_DEVICES];
};

static struct iommufd_iommu *iommu_of(struct vfio_iommu *i)
{
	return container_of(i, struct iommufd_iommu, iommu);
}

/* -------- /dev/iommu -------- */

/* Locked memory counts for the process, as with a container; by default it
 * counts for all processes of the user together. Wants CAP_SYS_RESOURCE. */
static void count_for_process(int fd)
{
	struct iommu_option o = {
		.size = sizeof(o),
		.option_id = IOMMU_OPTION_RLIMIT_MODE,
		.op = IOMMU_OPTION_OP_SET,
		.val64 = 1,
	};

	if (sys_ioctl(fd, IOMMU_OPTION, &o) < 0)
		log_info("vfio: memory that is locked for DMA counts for the "
			 "user, not for this process");
}

/* Descriptor @fd came from elsewhere. */
static int check_node(int fd, struct err *e)
{
	unsigned major, minor;
	char text[32];
	struct stat st;
	int rc = sys_read_text("/sys/class/misc/iommu/dev", text, sizeof(text));

	if (rc < 0)
		return vfio_refused(e, VFIO_STEP_IOMMUFD, rc,
				    "cannot tell what /dev/iommu is");
	rc = sys_fstat(fd, &st);
	if (rc < 0)
		return err_sys(e, rc, "cannot look at descriptor %d", fd);
	if (sscanf(text, "%u:%u", &major, &minor) == 2 && S_ISCHR(st.st_mode) &&
	    st.st_rdev == makedev(major, minor))
		return 0;
	(void)err_set(e, -EINVAL, "descriptor %d is not /dev/iommu", fd);
	err_hint(e, "whoever starts minivmm opens /dev/iommu for reading and "
		    "writing, and leaves it open");
	return -EINVAL;
}

static int node_take(int fd, struct err *e)
{
	int rc = check_node(fd, e);

	if (rc < 0) {
		sys_close(&fd);
		return rc;
	}
	count_for_process(fd);
	return fd;
}

static int node_open(struct err *e)
{
	int fd = sys_open("/dev/iommu", O_RDWR);

	if (fd < 0)
		return vfio_refused_node(e, VFIO_STEP_IOMMUFD, fd,
					 "/dev/iommu");
	count_for_process(fd);
	return fd;
}

/* -------- bind, attach -------- */

/* The IOMMU said no: does the platform say why? */
static int refused(const struct attached *a, enum vfio_step step, int rc,
		   const char *what, struct err *e)
{
	if (rc == -EINVAL && vfio_explain_firmware(a->group, e) < 0)
		return rc;
	return vfio_refused(e, step, rc, "%s", what);
}

/* Binding tries to reset the function and gives up with EAGAIN when something
 * else has its lock at the moment. */
static int try_bind(const struct attached *a, const uint8_t *token)
{
	for (unsigned n = 0;; n++) {
		struct vfio_device_bind_iommufd b = {
			.argsz = sizeof(b),
			.iommufd = a->owner->fd,
#ifdef VFIO_DEVICE_BIND_FLAG_TOKEN
			.flags = token ? VFIO_DEVICE_BIND_FLAG_TOKEN : 0,
			.token_uuid_ptr = (uintptr_t)token,
#endif
		};
		int rc = sys_ioctl(a->fd, VFIO_DEVICE_BIND_IOMMUFD, &b);

		if (rc != -EAGAIN || n == BIND_TRIES)
			return rc;
		sys_sleep_ms(BIND_WAIT_MS);
	}
}

/* The kernel takes one since Linux 6.17, whose headers say how. */
static int take_token(const char *text, uint8_t out[VFIO_TOKEN_BYTES],
		      struct err *e)
{
#ifdef VFIO_DEVICE_BIND_FLAG_TOKEN
	return vfio_token_parse(text, out, e);
#else
	(void)err_set(
		e, -ENOTSUP,
		"this build of minivmm cannot give a VF token to iommufd");
	err_hint(e, "use --iommu=group, or build with headers of Linux 6.17");
	return -ENOTSUP;
#endif
}

/* Before it is bound a node answers nothing but the request to. */
static bool is_bound(int fd)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	return sys_ioctl(fd, VFIO_DEVICE_GET_INFO, &info) >= 0;
}

static int bound_before(int fd, struct err *e)
{
	(void)err_set(e, -EINVAL,
		      "descriptor %d is bound to an iommufd already", fd);
	err_hint(e, "whoever opens the node leaves VFIO_DEVICE_BIND_IOMMUFD to "
		    "minivmm");
	return -EINVAL;
}

static int bind_function(const struct attached *a, const struct vfio_wanted *w,
			 struct err *e)
{
	const char *token = w->vf_token;
	uint8_t uuid[VFIO_TOKEN_BYTES] = { 0 };
	int rc = token ? take_token(token, uuid, e) : 0;

	if (rc < 0)
		return rc;
	rc = try_bind(a, token ? uuid : NULL);
	if (rc >= 0)
		return 0;
	if (rc == -EBUSY)
		return vfio_explain_busy(a->group, e);
	if (rc == -EPERM && vfio_explain_claim(a->group, e) < 0)
		return rc;
	if (rc == -EINVAL && w->fd && is_bound(a->fd))
		return bound_before(w->fd, e);
	return refused(a, token ? VFIO_STEP_BIND_TOKEN : VFIO_STEP_BIND, rc,
		       "cannot open the function", e);
}

/* -EAGAIN: it does not go there, another space may take it. */
static int try_space(struct attached *a, struct vfio_ioas *s, struct err *e)
{
	struct vfio_device_attach_iommufd_pt at = { .argsz = sizeof(at) };
	bool blank = s->id == 0;
	int rc = blank ? vfio_ioas_open(s, a->owner->fd, e) : 0;

	if (rc < 0)
		return rc;
	at.pt_id = s->id;
	rc = sys_ioctl(a->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &at);
	if (rc < 0 && blank)
		vfio_ioas_close(s);
	if (rc == -EINVAL && !blank)
		return -EAGAIN;
	if (rc < 0)
		return refused(a, VFIO_STEP_ATTACH, rc,
			       "cannot join an I/O address space", e);
	a->space = s;
	s->devices++;
	return blank ? vfio_spaces_replay(&a->owner->spaces, s, e) : 0;
}

/* First a space that is there, then a new one: VFIO-OPEN-12. */
static int join_space(struct attached *a, struct err *e)
{
	for (unsigned n = 0; n < VFIO_MAX_SPACES; n++) {
		struct vfio_ioas *s = &a->owner->spaces.space[n];
		int rc;

		if (s->id == 0 && vfio_spaces_other(&a->owner->spaces, s))
			log_info("vfio: %s needs an I/O address space of its "
				 "own",
				 a->name);
		rc = try_space(a, s, e);
		if (rc != -EAGAIN)
			return rc;
	}
	return err_set(e, -ENOSPC,
		       "too many functions that cannot share an I/O address "
		       "space");
}

/* -------- functions -------- */

/* For messages, so that a mediated device can do without. */
static int learn_group(struct attached *a, struct err *e)
{
	a->group = vfio_group_of(a->name, e);
	if (a->group >= 0 || !vfio_name_is_mdev(a->name))
		return a->group;
	*e = ERR_NONE;
	a->group = -1;
	return 0;
}

static int attached_build(struct attached *a, const struct vfio_wanted *w,
			  struct err *e)
{
	int rc = learn_group(a, e);

	if (rc < 0)
		return rc;
	rc = w->fd ? vfio_cdev_check(a->name, a->fd, e)
		   : vfio_cdev_open(a->name, e);
	if (rc < 0)
		return rc;
	if (!w->fd)
		a->fd = rc;
	rc = vfio_kvm_add(&a->owner->kvm, a->fd, e);
	if (rc < 0)
		return rc;
	a->kvm_knows = true;
	rc = bind_function(a, w, e);
	return rc < 0 ? rc : join_space(a, e);
}

/* Safe half-built; kernel.c's call once it has closed its descriptor. */
static void attached_leave(void *arg)
{
	struct attached *a = arg;

	if (a->kvm_knows)
		vfio_kvm_remove(&a->owner->kvm, a->fd);
	a->kvm_knows = false;
	sys_close(&a->fd);
	/* a space in use cannot be destroyed, so the function went first */
	if (a->space && --a->space->devices == 0)
		vfio_ioas_close(a->space);
	a->space = NULL;
	a->name[0] = '\0';
}

static int slot_for(struct iommufd_iommu *i, const char *name,
		    struct attached **out, struct err *e)
{
	struct attached *vacant = NULL;

	for (unsigned n = MAX_DEVICES; n-- > 0;) {
		struct attached *a = &i->attached[n];

		if (strcmp(a->name, name) == 0)
			return err_set(e, -EEXIST, "is given twice");
		if (a->name[0] == '\0')
			vacant = a;
	}
	if (!vacant)
		return err_set(e, -ENOSPC, "more than %d functions",
			       MAX_DEVICES);
	*out = vacant;
	return 0;
}

static int iommufd_attach(struct vfio_iommu *iommu, const struct vfio_wanted *w,
			  struct vfio_dev **out, struct err *e)
{
	struct iommufd_iommu *i = iommu_of(iommu);
	struct attached *a = NULL;
	int rc = slot_for(i, w->name, &a, e);
	int fd = w->fd ? w->fd : -1;

	if (rc < 0) {
		sys_close(&fd);
		return rc;
	}
	*a = (struct attached){ .fd = fd, .owner = i };
	snprintf(a->name, sizeof(a->name), "%s", w->name);
	rc = attached_build(a, w, e);
	fd = rc < 0 ? rc : sys_dup(a->fd);
	if (fd < 0) {
		attached_leave(a);
		return rc < 0 ? rc
			      : err_sys(e, fd,
					"no further descriptor of the "
					"function");
	}
	return vfio_kernel_open(fd, w->name, attached_leave, a, out, e);
}

/* -------- the I/O address space, in each IOAS -------- */

static int iommufd_map(struct vfio_iommu *iommu, iova_t at, const struct ram *r,
		       struct err *e)
{
	const struct vfio_map m = { at, r->size, r->hva };

	return vfio_spaces_map(&iommu_of(iommu)->spaces, &m, e);
}

static int iommufd_unmap(struct vfio_iommu *iommu, iova_t at, uint64_t size,
			 struct err *e)
{
	return vfio_spaces_unmap(&iommu_of(iommu)->spaces, at, size, e);
}

static int iommufd_peer_map(struct vfio_iommu *iommu, const struct vfio_peer *p,
			    struct err *e)
{
	int file = p->dev->ops->dma_file(p->dev, p->index, p->off, p->size, e);
	int rc;

	if (file < 0)
		return file;
	rc = vfio_spaces_map_file(&iommu_of(iommu)->spaces, file, p->at,
				  p->size, e);
	sys_close(&file);
	return rc;
}

static int iommufd_peer_unmap(struct vfio_iommu *iommu,
			      const struct vfio_peer *p, struct err *e)
{
	return vfio_spaces_unmap_file(&iommu_of(iommu)->spaces, p->at, p->size,
				      e);
}

static int iommufd_peer_check(struct vfio_iommu *iommu, struct vfio_dev *d,
			      struct err *e)
{
	if (!d->ops->dma_file)
		return err_set(e, -ENOTSUP,
			       "a mediated device makes no file of its BARs, "
			       "which iommufd could map");
	return d->ops->dma_file(d, 0, 0, 0, e);
}

static int iommufd_ranges(struct vfio_iommu *iommu, struct range *out,
			  unsigned max, struct err *e)
{
	return vfio_spaces_ranges(&iommu_of(iommu)->spaces, out, max, e);
}

static int iommufd_facts(struct vfio_iommu *iommu, struct vfio_iommu_facts *out,
			 struct err *e)
{
	return vfio_spaces_facts(&iommu_of(iommu)->spaces, out, e);
}

static int iommufd_blame(struct vfio_iommu *iommu, const struct range *r)
{
	struct iommufd_iommu *i = iommu_of(iommu);

	for (unsigned n = 0; n < MAX_DEVICES; n++) {
		const struct attached *a = &i->attached[n];

		if (a->name[0] != '\0' &&
		    vfio_group_reserves(a->group, r->base, r->size))
			return a->group;
	}
	return -1;
}

static void iommufd_close(struct vfio_iommu *iommu)
{
	struct iommufd_iommu *i = iommu_of(iommu);

	sys_close(&i->fd);
	/* Kept until the last FILE_DEL: closing it first would leave KVM
	 * holding the functions. */
	vfio_kvm_close(&i->kvm);
	free(i);
}

static const struct vfio_iommu_ops iommufd_ops = {
	.attach = iommufd_attach,
	.map = iommufd_map,
	.unmap = iommufd_unmap,
	.peer_map = iommufd_peer_map,
	.peer_unmap = iommufd_peer_unmap,
	.peer_check = iommufd_peer_check,
	.ranges = iommufd_ranges,
	.facts = iommufd_facts,
	.blame = iommufd_blame,
	.close = iommufd_close,
};

int vfio_iommufd_iommu_open(int vm_fd, int given, struct vfio_iommu **out,
			    struct err *e)
{
	struct iommufd_iommu *i;
	int fd = given ? node_take(given, e) : node_open(e);

	if (fd < 0)
		return fd;
	i = calloc(1, sizeof(*i));
	if (!i) {
		sys_close(&fd);
		return err_set(e, -ENOMEM, "out of memory");
	}
	i->iommu.ops = &iommufd_ops;
	i->fd = fd;
	i->kvm = (struct vfio_kvm){ .vm_fd = vm_fd, .fd = -1 };
	vfio_maps_init(&i->spaces.maps);
	*out = &i->iommu;
	return 0;
}

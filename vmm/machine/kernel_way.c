/* machine/kernel_way.c - which of the kernel's interfaces; see kernel_way.h */
#include "vmm/machine/kernel_way.h"

#include "vfio/cdev.h"
#include "vfio/group.h"
#include "vfio/iommufd.h"
#include "vmm/base/sys.h"
#include "vmm/base/trace.h"

/* -------- descriptors of a launcher -------- */

static int adopt(int fd, struct err *e)
{
	int rc = sys_adopt(fd);

	if (rc >= 0)
		return 0;
	(void)err_sys(e, rc, "there is no descriptor %d", fd);
	err_hint(e, "whoever starts minivmm has to leave it open, and not "
		    "close-on-exec");
	return rc;
}

/* One for all functions; any of them may say which. */
static int adopt_iommufd(struct assignment *a, int fd, struct err *e)
{
	int rc = 0;

	if (fd == 0 || fd == a->iommufd)
		return 0;
	if (a->iommufd != 0)
		return err_set(e, -EINVAL,
			       "iommufd=%d and iommufd=%d: all functions share "
			       "one",
			       a->iommufd, fd);
	rc = adopt(fd, e);
	if (rc == 0)
		a->iommufd = fd;
	return rc;
}

static int adopt_fd(const struct assignment *a, const struct assigned *f,
		    struct err *e)
{
	int fd = f->options.fd;

	if (fd == 0)
		return 0;
	for (const struct assigned *o = a->function; o < f; o++)
		if (o->options.fd == fd)
			return err_set(e, -EINVAL,
				       "descriptor %d is %s already", fd,
				       o->function.name);
	if (fd == a->iommufd)
		return err_set(e, -EINVAL,
			       "descriptor %d is /dev/iommu already", fd);
	return adopt(fd, e);
}

static int check_way(const struct assignment *a, const struct assigned *f,
		     struct err *e)
{
	if (a->kernel != CONFIG_IOMMU_GROUP ||
	    (f->options.fd == 0 && f->options.iommufd == 0))
		return 0;
	return err_set(e, -EINVAL,
		       "fd and iommufd are no descriptors for --iommu=group");
}

void kernel_way_disown(struct assignment *a, unsigned first)
{
	for (unsigned i = first; i < a->n; i++)
		a->function[i].options.fd = 0;
}

int kernel_way_adopt(struct assignment *a, struct err *e)
{
	for (unsigned i = 0; i < a->n; i++) {
		const struct assigned *f = &a->function[i];
		int rc = check_way(a, f, e);

		if (rc == 0)
			rc = adopt_iommufd(a, f->options.iommufd, e);
		if (rc == 0)
			rc = adopt_fd(a, f, e);
		if (rc < 0) {
			kernel_way_disown(a, i);
			return err_in(e, rc, "%s", f->function.name);
		}
	}
	return 0;
}

void kernel_way_close(struct assignment *a)
{
	for (unsigned i = 0; i < a->n; i++) {
		int fd = a->function[i].options.fd;

		fd = fd ? fd : -1;
		sys_close(&fd);
		a->function[i].options.fd = 0;
	}
	if (a->iommufd != 0)
		sys_close(&a->iommufd);
	a->iommufd = 0;
}

/* -------- the choice -------- */

static bool has_descriptors(const struct assignment *a)
{
	for (unsigned i = 0; i < a->n; i++)
		if (a->function[i].options.fd != 0)
			return true;
	return a->iommufd != 0;
}

/* All functions through one interface (VFIO-OPEN-11). */
static bool has_iommufd(const struct assignment *a)
{
	for (unsigned i = 0; i < a->n; i++) {
		const struct assigned *f = &a->function[i];

		if (f->backend == CONFIG_VFIO &&
		    !vfio_cdev_offered(f->function.name))
			return false;
	}
	return true;
}

/* Containers take BARs on every kernel, iommufd on new ones only
 * (vfio/dmabuf.h), which shows once a function is open; VF tokens it takes
 * since Linux 6.17. */
static bool prefers_groups(const struct assignment *a)
{
	bool prefers = false;

	for (unsigned i = 0; i < a->n; i++) {
		const struct assigned *f = &a->function[i];

		if (f->backend == CONFIG_VFIO)
			prefers |= f->options.p2p ||
				   f->options.vf_token[0] != '\0';
	}
	return prefers;
}

/* Where there are no groups, or none that we may open, the functions are more
 * important than p2p=on. */
static bool has_groups(const struct assignment *a)
{
	for (unsigned i = 0; i < a->n; i++) {
		const struct assigned *f = &a->function[i];

		if (f->backend == CONFIG_VFIO &&
		    !vfio_group_offered(f->function.group))
			return false;
	}
	return true;
}

static bool takes_iommufd(const struct assignment *a)
{
	if (a->kernel == CONFIG_IOMMU_FD || has_descriptors(a))
		return true;
	return a->kernel == CONFIG_IOMMU_AUTO && has_iommufd(a) &&
	       !(prefers_groups(a) && has_groups(a));
}

int kernel_way_open(struct assignment *a, struct vm *vm,
		    struct vfio_iommu **out, struct err *e)
{
	bool fd = takes_iommufd(a);
	int given = a->iommufd;

	log_info("vfio: through %s", fd ? "iommufd" : "containers and groups");
	if (!fd)
		return vfio_group_iommu_open(vm->fd, out, e);
	a->iommufd = 0;
	return vfio_iommufd_iommu_open(vm->fd, given, out, e);
}

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

static void give_up(int *fd)
{
	if (*fd != 0)
		sys_close(fd);
	*fd = 0;
}

/* The number may name something that was taken over as something else. Before
 * @f, that is. */
static int check_new(const struct assignment *a, const struct assigned *f,
		     int fd, struct err *e)
{
	const char *is = fd == a->iommufd     ? "/dev/iommu"
			 : fd == a->container ? "/dev/vfio/vfio"
					      : NULL;

	for (const struct assigned *o = a->function; o < f; o++)
		if (o->options.fd == fd || o->options.group == fd)
			is = o->function.name;
	if (!is)
		return 0;
	return err_set(e, -EINVAL, "descriptor %d is %s already", fd, is);
}

/* One for all functions; any of them may say which. @own: the one that all
 * share, so far. */
static int adopt_shared(const struct assignment *a, const struct assigned *f,
			int *own, int fd, const char *key, struct err *e)
{
	int rc;

	if (fd == 0 || fd == *own)
		return 0;
	if (*own != 0)
		return err_set(e, -EINVAL,
			       "%s=%d and %s=%d: all functions share one", key,
			       *own, key, fd);
	rc = check_new(a, f, fd, e);
	if (rc == 0)
		rc = adopt(fd, e);
	if (rc == 0)
		*own = fd;
	return rc;
}

static int adopt_fd(const struct assignment *a, const struct assigned *f,
		    struct err *e)
{
	int fd = f->options.fd;
	int rc = fd ? check_new(a, f, fd, e) : 0;

	return fd && rc == 0 ? adopt(fd, e) : rc;
}

/* One for all functions of a group, each of which may name it. */
static int adopt_group(const struct assignment *a, const struct assigned *f,
		       struct err *e)
{
	int fd = f->options.group;
	int rc;

	if (fd == 0)
		return 0;
	for (const struct assigned *o = a->function; o < f; o++) {
		if (o->options.group == 0 ||
		    o->function.group != f->function.group)
			continue;
		if (o->options.group == fd)
			return 0;
		return err_set(e, -EINVAL,
			       "group=%d and group=%d: the functions of group "
			       "%d share one",
			       o->options.group, fd, f->function.group);
	}
	rc = check_new(a, f, fd, e);
	return rc < 0 ? rc : adopt(fd, e);
}

/* Its node opens once, so those that do not name it get the same. */
static void share_groups(struct assignment *a)
{
	for (unsigned i = 0; i < a->n; i++) {
		const struct assigned *f = &a->function[i];

		for (unsigned k = 0; f->options.group && k < a->n; k++) {
			struct assigned *o = &a->function[k];

			if (o->backend == CONFIG_VFIO &&
			    o->function.group == f->function.group)
				o->options.group = f->options.group;
		}
	}
}

static bool names_iommufd(const struct assigned *f)
{
	return f->options.fd != 0 || f->options.iommufd != 0;
}

static bool names_groups(const struct assigned *f)
{
	return f->options.group != 0 || f->options.container != 0;
}

/* All functions of a VM come through one interface (VFIO-OPEN-11). */
static int check_way(const struct assignment *a, const struct assigned *f,
		     struct err *e)
{
	bool fd = names_iommufd(f), group = names_groups(f);

	if (fd && a->kernel == CONFIG_IOMMU_GROUP)
		return err_set(e, -EINVAL,
			       "fd and iommufd are no descriptors for "
			       "--iommu=group");
	if (group && a->kernel == CONFIG_IOMMU_FD)
		return err_set(e, -EINVAL,
			       "group and container are no descriptors for "
			       "--iommu=iommufd");
	for (const struct assigned *o = a->function; o < f; o++) {
		fd |= names_iommufd(o);
		group |= names_groups(o);
	}
	if (!fd || !group)
		return 0;
	return err_set(e, -EINVAL,
		       "fd and iommufd are of one interface of the kernel, "
		       "group and container of the other: a VM uses one");
}

void kernel_way_disown(struct assignment *a, unsigned first)
{
	for (unsigned i = first; i < a->n; i++) {
		a->function[i].options.fd = 0;
		a->function[i].options.group = 0;
	}
}

static int adopt_all(struct assignment *a, const struct assigned *f,
		     struct err *e)
{
	int rc = check_way(a, f, e);

	if (rc == 0)
		rc = adopt_shared(a, f, &a->iommufd, f->options.iommufd,
				  "iommufd", e);
	if (rc == 0)
		rc = adopt_shared(a, f, &a->container, f->options.container,
				  "container", e);
	if (rc == 0)
		rc = adopt_fd(a, f, e);
	return rc == 0 ? adopt_group(a, f, e) : rc;
}

int kernel_way_adopt(struct assignment *a, struct err *e)
{
	for (unsigned i = 0; i < a->n; i++) {
		const struct assigned *f = &a->function[i];
		int rc = adopt_all(a, f, e);

		if (rc < 0) {
			kernel_way_disown(a, i);
			return err_in(e, rc, "%s", f->function.name);
		}
	}
	share_groups(a);
	return 0;
}

static void give_up_group(struct assignment *a, int fd)
{
	for (unsigned i = 0; i < a->n; i++)
		if (a->function[i].options.group == fd)
			a->function[i].options.group = 0;
	give_up(&fd);
}

void kernel_way_close(struct assignment *a)
{
	for (unsigned i = 0; i < a->n; i++) {
		give_up(&a->function[i].options.fd);
		give_up_group(a, a->function[i].options.group);
	}
	give_up(&a->iommufd);
	give_up(&a->container);
}

/* -------- the choice -------- */

static bool any(const struct assignment *a,
		bool (*is)(const struct assigned *f))
{
	for (unsigned i = 0; i < a->n; i++)
		if (is(&a->function[i]))
			return true;
	return false;
}

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
	if (a->kernel == CONFIG_IOMMU_FD || any(a, names_iommufd))
		return true;
	return a->kernel == CONFIG_IOMMU_AUTO && !any(a, names_groups) &&
	       has_iommufd(a) && !(prefers_groups(a) && has_groups(a));
}

int kernel_way_open(struct assignment *a, struct vm *vm,
		    struct vfio_iommu **out, struct err *e)
{
	bool fd = takes_iommufd(a);
	int given = fd ? a->iommufd : a->container;

	log_info("vfio: through %s", fd ? "iommufd" : "containers and groups");
	a->iommufd = a->container = 0;
	if (!fd)
		return vfio_group_iommu_open(vm->fd, given, out, e);
	return vfio_iommufd_iommu_open(vm->fd, given, out, e);
}

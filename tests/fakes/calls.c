/* tests/fakes/calls.c - the functions of sys.h that work on paths and fds */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "tests/fakes/fake.h"

static long result(long rc)
{
	return rc < 0 ? -errno : rc;
}

/* -------- opening -------- */

/* A description of its own for the memfd's contents, as open() gives one. */
static int open_contents(const struct node *n, int flags, const char *path)
{
	char self[64];
	int fd;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", n->memfd);
	fd = open(self, (flags & ~O_CREAT) | O_CLOEXEC);
	return fd < 0 ? -errno : fd_plain(fd, KIND_FILE, path);
}

static int open_node(const struct node *n, int flags, const char *path)
{
	switch (n->type) {
	case NODE_FILE:
		return open_contents(n, flags, path);
	case NODE_KVM:
		return kvm_open();
	case NODE_CONTAINER:
		return container_open();
	case NODE_GROUP:
		return group_open(n->number);
	case NODE_IOMMUFD:
		return iommufd_open();
	case NODE_CDEV:
		return cdev_open(n->number);
	default:
		return -EISDIR;
	}
}

static int open_real(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fd_plain(fd, KIND_FILE, path);
}

static int open_any(const char *path, int flags)
{
	struct node *n;

	if (path_is_real(path))
		return open_real(path, flags);
	n = node_find(path, true);
	if (n)
		return open_node(n, flags, path);
	if (!(flags & O_CREAT))
		return -ENOENT;
	node_add(path, NODE_FILE, 0);
	n = node_find(path, true);
	n->memfd = memfd_create("fake", MFD_CLOEXEC);
	return open_node(n, flags, path);
}

int sys_open(const char *path, int flags)
{
	struct call c;
	long rc = call_begin(&c, "open %s", path);

	if (rc == 0)
		rc = open_any(path, flags);
	return (int)call_end(&c, rc);
}

int sys_create(const char *path, int flags)
{
	struct call c;
	long rc = call_begin(&c, "create %s", path);

	if (rc == 0)
		rc = open_any(path, flags | O_CREAT);
	return (int)call_end(&c, rc);
}

void sys_close(int *fd)
{
	struct call c;

	if (*fd < 0)
		return;
	call_begin_void(&c, "close %s", fd_name(*fd));
	fd_close(*fd);
	(void)call_end(&c, 0);
	socket_closed(*fd);
	*fd = -1;
}

int sys_adopt(int fd)
{
	struct call c;
	long rc = call_begin(&c, "adopt %s", fd_name(fd));

	if (rc == 0 && !fd_obj(fd))
		rc = -EBADF;
	return (int)call_end(&c, rc);
}

int sys_dup(int fd)
{
	struct call c;
	long rc = call_begin(&c, "dup %s", fd_name(fd));
	struct obj *o = fd_obj(fd);

	if (rc == 0) {
		rc = result(fcntl(fd, F_DUPFD_CLOEXEC, 3));
		if (rc >= 0 && o) {
			obj_hold(o);
			rc = fd_adopt(o, (int)rc);
		} else if (rc >= 0) {
			rc = fd_plain((int)rc, KIND_OTHER, "stdio");
		}
	}
	return (int)call_end(&c, rc);
}

int sys_set_nonblock(int fd, bool on)
{
	struct call c;
	long rc = call_begin(&c, "set_nonblock %s %d", fd_name(fd), on);

	if (rc == 0)
		rc = result(fcntl(fd, F_GETFL));
	if (rc >= 0)
		rc = result(fcntl(fd, F_SETFL,
				  on ? rc | O_NONBLOCK : rc & ~O_NONBLOCK));
	return (int)call_end(&c, rc < 0 ? rc : 0);
}

/* -------- transfers -------- */

/* Reads and writes that may block are made without the lock. */
ssize_t sys_read(int fd, void *buf, size_t n)
{
	struct call c;
	long rc = call_begin(&c, "read %s len=%zu", fd_name(fd), n);

	(void)call_end(&c, rc);
	if (rc == 0)
		do
			rc = result(read(fd, buf, n));
		while (rc == -EINTR);
	return rc;
}

ssize_t sys_write(int fd, const void *buf, size_t n)
{
	struct call c;
	long rc = call_begin(&c, "write %s len=%zu", fd_name(fd), n);
	struct obj *o = fd_obj_of(fd, KIND_EVENTFD);

	if (rc == 0 && o) {
		eventfd_signal(o);
		return call_end(&c, (long)n);
	}
	(void)call_end(&c, rc);
	if (rc == 0)
		do
			rc = result(write(fd, buf, n));
		while (rc == -EINTR);
	return rc;
}

static void describe_rw(struct call *c, int fd, const char *what, size_t n,
			uint64_t off)
{
	uint64_t in;
	unsigned region;

	if (fd_obj_of(fd, KIND_DEVICE)) {
		region = device_region_of(off, &in);
		snprintf(c->line, sizeof(c->line),
			 "%s %s region=%u off=%#jx len=%zu", what, fd_name(fd),
			 region, (uintmax_t)in, n);
	} else {
		snprintf(c->line, sizeof(c->line), "%s %s off=%#jx len=%zu",
			 what, fd_name(fd), (uintmax_t)off, n);
	}
}

ssize_t sys_pread(int fd, void *buf, size_t n, uint64_t off)
{
	struct call c, text;
	struct obj *o;
	long rc;

	fake_lock();
	describe_rw(&text, fd, "pread", n, off);
	fake_unlock();
	rc = call_begin(&c, "%s", text.line);
	o = fd_obj_of(fd, KIND_DEVICE);
	if (rc == 0)
		rc = o ? device_rw(container_of(o, struct device, o), buf, NULL,
				   n, off)
		       : result(pread(fd, buf, n, (off_t)off));
	return call_end(&c, rc);
}

ssize_t sys_pwrite(int fd, const void *buf, size_t n, uint64_t off)
{
	struct call c, text;
	struct obj *o;
	long rc;

	fake_lock();
	describe_rw(&text, fd, "pwrite", n, off);
	fake_unlock();
	rc = n >= 1 && n <= 8 ? call_begin(&c, "%s value=%#jx", text.line,
					   (uintmax_t)le_load(buf, (unsigned)n))
			      : call_begin(&c, "%s", text.line);
	o = fd_obj_of(fd, KIND_DEVICE);
	if (rc == 0)
		rc = o ? device_rw(container_of(o, struct device, o), NULL, buf,
				   n, off)
		       : result(pwrite(fd, buf, n, (off_t)off));
	return call_end(&c, rc);
}

/* -------- stat -------- */

static void stat_node(const struct node *n, struct stat *out)
{
	*out = (struct stat){ .st_nlink = 1 };
	switch (n->type) {
	case NODE_FILE:
		(void)fstat(n->memfd, out);
		out->st_mode = S_IFREG | 0600;
		break;
	case NODE_DIR:
		out->st_mode = S_IFDIR | 0755;
		break;
	case NODE_GROUP:
		out->st_mode = S_IFCHR | 0600;
		out->st_rdev = group_device(n->number);
		break;
	default:
		out->st_mode = S_IFCHR | 0600;
		out->st_rdev = makedev(10, 196 + (unsigned)n->number);
	}
}

int sys_stat(const char *path, struct stat *out)
{
	struct call c;
	long rc = call_begin(&c, "stat %s", path);
	struct node *n = node_find(path, true);

	if (rc == 0 && path_is_real(path))
		rc = result(stat(path, out));
	else if (rc == 0 && !n)
		rc = -ENOENT;
	else if (rc == 0)
		stat_node(n, out);
	return (int)call_end(&c, rc);
}

int sys_fstat(int fd, struct stat *out)
{
	struct call c;
	long rc = call_begin(&c, "fstat %s", fd_name(fd));

	if (rc == 0)
		rc = result(fstat(fd, out));
	/* contents are memfds, which fstat calls regular files */
	if (rc == 0 && fd_obj_of(fd, KIND_DEVICE)) {
		out->st_mode = S_IFCHR | 0600;
		out->st_rdev =
			cdev_number(container_of(fd_obj(fd), struct device, o));
	}
	if (rc == 0 && fd_obj_of(fd, KIND_GROUP)) {
		out->st_mode = S_IFCHR | 0600;
		out->st_rdev = group_device(
			container_of(fd_obj(fd), struct group, o)->number);
	}
	if (rc == 0 && fd_obj_of(fd, KIND_IOMMUFD)) {
		out->st_mode = S_IFCHR | 0600;
		out->st_rdev = iommufd_number();
	}
	return (int)call_end(&c, rc);
}

int sys_map_unit(int fd, uint64_t *out)
{
	struct statfs s = { 0 };
	struct call c;
	long rc = call_begin(&c, "fstatfs %s", fd_name(fd));

	if (rc == 0)
		rc = result(fstatfs(fd, &s));
	if (rc == 0)
		*out = s.f_type == HUGETLBFS_MAGIC ? (uint64_t)s.f_bsize
						   : FAKE_PAGE;
	return (int)call_end(&c, rc);
}

/* -------- ioctl -------- */

static void describe_irq_set(unsigned long arg, char *buf, size_t n)
{
	const struct vfio_irq_set *s = (const void *)arg;
	uint32_t f = s->flags;

	snprintf(buf, n, " index=%u start=%u count=%u %s %s", s->index,
		 s->start, s->count,
		 f & VFIO_IRQ_SET_ACTION_MASK	  ? "mask"
		 : f & VFIO_IRQ_SET_ACTION_UNMASK ? "unmask"
						  : "trigger",
		 f & VFIO_IRQ_SET_DATA_NONE   ? "none"
		 : f & VFIO_IRQ_SET_DATA_BOOL ? "bool"
					      : "eventfd");
}

static void describe_device(unsigned long cmd, unsigned long arg, char *buf,
			    size_t n)
{
	const uint32_t *v = (const void *)arg;

	if (cmd == VFIO_DEVICE_SET_IRQS)
		describe_irq_set(arg, buf, n);
	else if (cmd == VFIO_DEVICE_GET_REGION_INFO ||
		 cmd == VFIO_DEVICE_GET_IRQ_INFO)
		snprintf(buf, n, " index=%u", v[2]);
	else if (cmd == VFIO_DEVICE_ATTACH_IOMMUFD_PT)
		snprintf(buf, n, " ioas=%u", v[2]);
}

static void describe_container(unsigned long cmd, unsigned long arg, char *buf,
			       size_t n)
{
	const struct vfio_iommu_type1_dma_map *m = (const void *)arg;
	const struct vfio_iommu_type1_dma_unmap *u = (const void *)arg;

	if (cmd == VFIO_IOMMU_MAP_DMA)
		snprintf(buf, n, " iova=%#jx size=%#jx flags=%u",
			 (uintmax_t)m->iova, (uintmax_t)m->size, m->flags);
	else if (cmd == VFIO_IOMMU_UNMAP_DMA)
		snprintf(buf, n, " iova=%#jx size=%#jx", (uintmax_t)u->iova,
			 (uintmax_t)u->size);
	else if (cmd == VFIO_CHECK_EXTENSION || cmd == VFIO_SET_IOMMU)
		snprintf(buf, n, " %lu", arg);
}

static void describe(const struct obj *o, unsigned long cmd, unsigned long arg,
		     char *buf, size_t n)
{
	buf[0] = '\0';
	if (!o)
		return;
	if (o->kind == KIND_DEVICE)
		describe_device(cmd, arg, buf, n);
	else if (o->kind == KIND_CONTAINER)
		describe_container(cmd, arg, buf, n);
	else if (o->kind == KIND_IOMMUFD)
		iommufd_describe(cmd, arg, buf, n);
	else if (o->kind == KIND_GROUP && cmd == VFIO_GROUP_GET_DEVICE_FD)
		snprintf(buf, n, " %s", (const char *)arg);
	else if (o->kind != KIND_GROUP)
		kvm_describe(cmd, arg, buf, n);
}

static long dispatch(struct obj *o, unsigned long cmd, unsigned long arg)
{
	if (!o)
		return -EBADF;
	switch (o->kind) {
	case KIND_KVM:
	case KIND_VM:
	case KIND_VCPU:
	case KIND_KVM_DEVICE:
		return kvm_ioctl(o, cmd, arg);
	case KIND_CONTAINER:
		return container_ioctl(container_of(o, struct container, o),
				       cmd, arg);
	case KIND_GROUP:
		return group_ioctl(container_of(o, struct group, o), cmd, arg);
	case KIND_DEVICE:
		return container_of(o, struct device, o)->through_cdev
			       ? cdev_ioctl(container_of(o, struct device, o),
					    cmd, arg)
			       : device_ioctl(container_of(o, struct device, o),
					      cmd, arg);
	case KIND_IOMMUFD:
		return iommufd_ioctl(o, cmd, arg);
	default:
		return -ENOTTY;
	}
}

int sys_ioctl_(int fd, unsigned long cmd, const char *name, unsigned long arg)
{
	char text[256];
	struct call c;
	struct obj *o;
	long rc;

	fake_lock();
	o = fd_obj(fd);
	describe(o, cmd, arg, text, sizeof(text));
	if (o && o->kind == KIND_VCPU && cmd == KVM_RUN) {
		obj_hold(o);
		fake_unlock();
		return (int)kvm_run(o);
	}
	fake_unlock();
	rc = call_begin(&c, "ioctl %s %s%s", name, fd_name(fd), text);
	if (rc == 0)
		rc = dispatch(o, cmd, arg);
	return (int)call_end(&c, rc);
}

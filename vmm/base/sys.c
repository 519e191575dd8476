/* base/sys.c - the only calls to the host: files, ioctls, memory
 *
 * Events, processes and terminals are in sys_event.c. Each call is traced here
 * (category host) and nowhere else, with the fd shown as what it is: the
 * kernel knows that already, so /proc/self/fd is asked while tracing.
 */
#include "vmm/base/sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "vmm/base/ioctls.h"
#include "vmm/base/sys_trace.h"

/* -------- files -------- */

static int open_file(const char *path, int flags)
{
	int rc;

	do
		rc = open(path, flags | O_CLOEXEC, 0600);
	while (rc < 0 && errno == EINTR);
	rc = sys_result(rc);
	SYS_TRACE(rc, "open(%s, %#o)", path, (unsigned)flags);
	return rc;
}

int sys_open(const char *path, int flags)
{
	return open_file(path, flags);
}

int sys_create(const char *path, int flags)
{
	return open_file(path, flags | O_CREAT);
}

static bool has_standard_fds(void)
{
	bool all = true;

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		all = all && fcntl(fd, F_GETFD) >= 0;
	return all;
}

int sys_fill_standard_fds(void)
{
	int fd;

	/* a root folder without devices has no /dev/null */
	if (has_standard_fds())
		return 0;
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return (int)sys_result(fd);
	(void)close(fd);
	return 0;
}

void sys_close(int *fd)
{
	struct sys_name name;

	if (*fd < 0)
		return;
	SYS_TRACE(0, "close(%s)", sys_name(*fd, &name));
	/* Linux frees the number even when close() reports EINTR or EIO. */
	(void)close(*fd);
	*fd = -1;
}

/* One transfer that a signal does not cut short. */
#define TRANSFER(call)                                   \
	__extension__({                                  \
		ssize_t transfer_;                       \
		do                                       \
			transfer_ = (call);              \
		while (transfer_ < 0 && errno == EINTR); \
		(ssize_t) sys_result(transfer_);         \
	})

ssize_t sys_read(int fd, void *buf, size_t n)
{
	struct sys_name name;
	ssize_t rc = TRANSFER(read(fd, buf, n));

	SYS_TRACE(rc, "read(%s, %zu)", sys_name(fd, &name), n);
	return rc;
}

ssize_t sys_write(int fd, const void *buf, size_t n)
{
	struct sys_name name;
	ssize_t rc = TRANSFER(write(fd, buf, n));

	SYS_TRACE(rc, "write(%s, %zu)", sys_name(fd, &name), n);
	return rc;
}

ssize_t sys_pread(int fd, void *buf, size_t n, uint64_t off)
{
	struct sys_name name;
	ssize_t rc = TRANSFER(pread(fd, buf, n, (off_t)off));

	SYS_TRACE(rc, "pread(%s, %zu, at %#" PRIx64 ")", sys_name(fd, &name), n,
		  off);
	return rc;
}

ssize_t sys_pwrite(int fd, const void *buf, size_t n, uint64_t off)
{
	struct sys_name name;
	ssize_t rc = TRANSFER(pwrite(fd, buf, n, (off_t)off));

	SYS_TRACE(rc, "pwrite(%s, %zu, at %#" PRIx64 ")", sys_name(fd, &name),
		  n, off);
	return rc;
}

int sys_rename(const char *from, const char *to)
{
	int rc = (int)sys_result(rename(from, to));

	SYS_TRACE(rc, "rename(%s, %s)", from, to);
	return rc;
}

int sys_unlink(const char *path)
{
	int rc = (int)sys_result(unlink(path));

	SYS_TRACE(rc, "unlink(%s)", path);
	return rc;
}

int sys_fstat(int fd, struct stat *out)
{
	struct sys_name name;
	int rc = (int)sys_result(fstat(fd, out));

	SYS_TRACE(rc, "fstat(%s)", sys_name(fd, &name));
	return rc;
}

int sys_stat(const char *path, struct stat *out)
{
	int rc = (int)sys_result(stat(path, out));

	SYS_TRACE(rc, "stat(%s)", path);
	return rc;
}

/* What came by exec cannot be close-on-exec, and all of ours is. */
static int adopt(int fd)
{
	int flags = (int)sys_result(fcntl(fd, F_GETFD));

	if (flags >= 0 && flags & FD_CLOEXEC)
		return -EBADF;
	return flags < 0 ? flags
			 : (int)sys_result(fcntl(fd, F_SETFD, FD_CLOEXEC));
}

int sys_adopt(int fd)
{
	struct sys_name name;
	int rc = adopt(fd);

	SYS_TRACE(rc, "adopt(%s)", sys_name(fd, &name));
	return rc;
}

int sys_dup(int fd)
{
	struct sys_name name;
	int rc = (int)sys_result(fcntl(fd, F_DUPFD_CLOEXEC, 0));

	SYS_TRACE(rc, "dup(%s)", sys_name(fd, &name));
	return rc;
}

int sys_set_nonblock(int fd, bool on)
{
	struct sys_name name;
	int rc = (int)sys_result(fcntl(fd, F_GETFL));

	if (rc >= 0)
		rc = (int)sys_result(fcntl(
			fd, F_SETFL, on ? rc | O_NONBLOCK : rc & ~O_NONBLOCK));
	SYS_TRACE(rc, "fcntl(%s, nonblock=%d)", sys_name(fd, &name), on);
	return rc;
}

/* -------- sysfs and small text files -------- */

static ssize_t read_all(int fd, char *buf, size_t n)
{
	size_t used = 0;

	while (used < n) {
		ssize_t rc = TRANSFER(read(fd, buf + used, n - used));

		if (rc < 0)
			return rc;
		if (rc == 0)
			break;
		used += (size_t)rc;
	}
	return (ssize_t)used;
}

static int read_text(const char *path, char *buf, size_t n)
{
	ssize_t rc;
	int fd;

	fd = (int)TRANSFER(open(path, O_RDONLY | O_CLOEXEC));
	if (fd < 0)
		return fd;
	rc = read_all(fd, buf, n - 1);
	(void)close(fd);
	if (rc < 0)
		return (int)rc;
	while (rc > 0 && strchr(" \t\r\n", buf[rc - 1]))
		rc--;
	buf[rc] = '\0';
	return (int)rc;
}

int sys_read_text(const char *path, char *buf, size_t n)
{
	int rc;

	assert(n > 0);
	rc = read_text(path, buf, n);
	SYS_TRACE(rc, "read_text(%s)", path);
	return rc;
}

int sys_readlink(const char *path, char *buf, size_t n)
{
	ssize_t rc;

	assert(n > 0);
	rc = sys_result(readlink(path, buf, n - 1));
	if (rc >= 0)
		buf[rc] = '\0';
	SYS_TRACE(rc, "readlink(%s)", path);
	return (int)rc;
}

int sys_realpath(const char *path, char *buf, size_t n)
{
	char *real = realpath(path, NULL);
	int rc = real ? (int)strlen(real) : -errno;

	if (real && (size_t)rc >= n)
		rc = -ENAMETOOLONG;
	if (rc >= 0)
		memcpy(buf, real, (size_t)rc + 1);
	free(real);
	SYS_TRACE(rc, "realpath(%s)", path);
	return rc;
}

static int is_real_entry(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

int sys_list(const char *path, int (*each)(const char *name, void *arg),
	     void *arg)
{
	struct dirent **list;
	int n = (int)sys_result(scandir(path, &list, is_real_entry, alphasort));
	int rc = 0;

	SYS_TRACE(n, "list(%s)", path);
	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		if (rc == 0)
			rc = each(list[i]->d_name, arg);
		free(list[i]);
	}
	free(list);
	return rc;
}

/* -------- ioctl -------- */

static void trace_ioctl(int fd, unsigned long cmd, const char *name,
			unsigned long arg, int rc)
{
	struct sys_name fd_name;
	char text[256];

	/* Exits are the KVM category's; here they would bury everything. */
	if (cmd == KVM_RUN && rc == 0)
		return;
	ioctl_describe(name, arg, text, sizeof(text));
	SYS_TRACE(rc, "ioctl(%s, %s%s)", sys_name(fd, &fd_name), name, text);
}

int sys_ioctl_(int fd, unsigned long cmd, const char *name, unsigned long arg)
{
	int rc;

	/* A vCPU's EINTR is how it is told to stop. */
	do
		rc = ioctl(fd, cmd, arg);
	while (rc < 0 && errno == EINTR && cmd != KVM_RUN);
	rc = (int)sys_result(rc);
	if (trace_on(TRACE_HOST))
		trace_ioctl(fd, cmd, name, arg, rc);
	return rc;
}

/* -------- memory -------- */

static int map(void *at, size_t size, int prot, int flags, int fd, uint64_t off,
	       void **out)
{
	struct sys_name name;
	void *p = mmap(at, size, prot, flags, fd, (off_t)off);
	int rc = p == MAP_FAILED ? (int)sys_result(-1) : 0;

	SYS_TRACE(rc, "mmap(%s, size=%#zx, off=%#" PRIx64 ", at=%p)",
		  sys_name(fd, &name), size, off, rc < 0 ? at : p);
	if (rc == 0)
		*out = p;
	return rc;
}

int sys_mmap(size_t size, int prot, int flags, int fd, uint64_t off, void **out)
{
	return map(NULL, size, prot, flags, fd, off, out);
}

int sys_mmap_fixed(void *at, size_t size, int prot, int flags, int fd,
		   uint64_t off)
{
	void *out;

	return map(at, size, prot, flags | MAP_FIXED, fd, off, &out);
}

void sys_munmap(void *at, size_t size)
{
	int rc = (int)sys_result(munmap(at, size));

	SYS_TRACE(rc, "munmap(%p, size=%#zx)", at, size);
}

int sys_madvise(void *at, size_t size, int advice)
{
	int rc;

	do
		rc = madvise(at, size, advice);
	while (rc < 0 && errno == EINTR);
	rc = (int)sys_result(rc);
	SYS_TRACE(rc, "madvise(%p, size=%#zx, %d)", at, size, advice);
	return rc;
}

int sys_memfd(const char *name, uint64_t size, unsigned flags)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	int fd = (int)sys_result(
		memfd_create(name, flags | MFD_CLOEXEC | MFD_ALLOW_SEALING));

	if (fd >= 0 && (ftruncate(fd, (off_t)size) < 0 ||
			fcntl(fd, F_ADD_SEALS, seals) < 0)) {
		int rc = (int)sys_result(-1);

		(void)close(fd);
		fd = rc;
	}
	SYS_TRACE(fd, "memfd(%s, size=%#" PRIx64 ")", name, size);
	return fd;
}

int sys_map_unit(int fd, uint64_t *out)
{
	struct sys_name name;
	struct statfs s;
	int rc = (int)sys_result(fstatfs(fd, &s));

	SYS_TRACE(rc, "fstatfs(%s)", sys_name(fd, &name));
	if (rc < 0)
		return rc;
	*out = s.f_type == HUGETLBFS_MAGIC ? (uint64_t)s.f_bsize
					   : sys_page_size();
	return 0;
}

size_t sys_page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

uint64_t sys_memory_total(void)
{
	return (uint64_t)sysconf(_SC_PHYS_PAGES) * sys_page_size();
}

unsigned sys_cpus_online(void)
{
	return (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
}

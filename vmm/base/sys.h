/* base/sys.h - the only calls to the host
 *
 * Every other file reaches the kernel through these. They return a negative
 * errno on failure, retry EINTR where that is right, open everything
 * close-on-exec, and are the one place where host calls are traced. Tests
 * replace this whole file at link time by tests/fakes/kernel.c, so product
 * code has no hooks for tests.
 *
 * The calls themselves are thread-safe, as the kernel's are.
 */
#ifndef BASE_SYS_H
#define BASE_SYS_H

#include <assert.h>
#include <linux/ioctl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <termios.h>

/* -------- files -------- */

/* open(2) with O_CLOEXEC added. Returns an fd. */
int sys_open(const char *path, int flags);
/* The same, creating with mode 0600. */
int sys_create(const char *path, int flags);
/* Whoever starts us may have closed descriptors 0 to 2. They become /dev/null,
 * before an fd of a device gets that number and our messages as writes. */
int sys_fill_standard_fds(void);
/* Close *@fd if it is one and store -1; safe on -1. */
void sys_close(int *fd);
/* Each returns the number of bytes; short counts are the caller's to judge.
 * sys_read and sys_write return -EAGAIN on a non-blocking fd. */
ssize_t sys_read(int fd, void *buf, size_t n);
ssize_t sys_write(int fd, const void *buf, size_t n);
ssize_t sys_pread(int fd, void *buf, size_t n, uint64_t off);
ssize_t sys_pwrite(int fd, const void *buf, size_t n, uint64_t off);
/* Give the file @from the name @to, whose former owner is gone then: at no
 * moment is there none. */
int sys_rename(const char *from, const char *to);
int sys_unlink(const char *path);
int sys_fstat(int fd, struct stat *out);
int sys_stat(const char *path, struct stat *out);
int sys_dup(int fd);
/* A descriptor that whoever started us left open for us: from now on ours, and
 * close-on-exec. -EBADF: there is none of that number, or it is ours already.
 */
int sys_adopt(int fd);
int sys_set_nonblock(int fd, bool on);

/* -------- sysfs and small text files -------- */

/* Read at most @n - 1 bytes of a small file as a string, without its trailing
 * white space. Returns its length. */
int sys_read_text(const char *path, char *buf, size_t n);
/* The target of a symbolic link as a string. Returns its length. */
int sys_readlink(const char *path, char *buf, size_t n);
/* The absolute path of what @path leads to, in which no part is a link, as a
 * string. -ENAMETOOLONG: @n bytes are too few. Returns its length. */
int sys_realpath(const char *path, char *buf, size_t n);
/* Call @each for every entry but "." and "..", in sorted order, until it
 * returns nonzero; that value is returned, 0 at the end. */
int sys_list(const char *path, int (*each)(const char *name, void *arg),
	     void *arg);

/* -------- ioctl -------- */

/* @ptr points to what @CMD takes. A command that encodes a size (KVM's do,
 * VFIO's do not) refuses a pointer to anything of another size at compile
 * time. Returns what the ioctl returned (0 or positive), or negative errno. */
#define sys_ioctl(fd, CMD, ptr)                                         \
	__extension__({                                                 \
		static_assert(_IOC_SIZE(CMD) == 0 ||                    \
				      _IOC_SIZE(CMD) == sizeof(*(ptr)), \
			      "argument is not what " #CMD " takes");   \
		sys_ioctl_((fd), (unsigned long)(CMD), #CMD,            \
			   (unsigned long)(uintptr_t)(ptr));            \
	})

/* For commands that take a number, or nothing (0). */
#define sys_ioctl_num(fd, CMD, num) \
	sys_ioctl_((fd), (unsigned long)(CMD), #CMD, (unsigned long)(num))

int sys_ioctl_(int fd, unsigned long cmd, const char *name, unsigned long arg);

/* -------- memory -------- */

int sys_mmap(size_t size, int prot, int flags, int fd, uint64_t off,
	     void **out);
/* As sys_mmap over the address @at, which the caller has reserved. */
int sys_mmap_fixed(void *at, size_t size, int prot, int flags, int fd,
		   uint64_t off);
void sys_munmap(void *at, size_t size);
int sys_madvise(void *at, size_t size, int advice);
/* An anonymous, close-on-exec file of @size bytes, for good: whoever gets the
 * descriptor cannot change the size. Flags as memfd_create. */
int sys_memfd(const char *name, uint64_t size, unsigned flags);
/* What mmap rounds the size of a map of @fd up to: a page, or a huge one where
 * the file is made of those. */
int sys_map_unit(int fd, uint64_t *out);
size_t sys_page_size(void);
uint64_t sys_memory_total(void); /* bytes of RAM of the host */
unsigned sys_cpus_online(void);

/* -------- events -------- */

/* A non-blocking eventfd with value 0. Returns an fd. */
int sys_eventfd(void);
/* These two do not wait, even if somebody who shares @fd made it blocking. */
void sys_eventfd_signal(int fd);
/* Take the count away; 0 if there was none. */
uint64_t sys_eventfd_drain(int fd);
/* Would a read of @fd succeed at once? */
bool sys_readable(int fd);
int sys_epoll_create(void);
int sys_epoll_ctl(int epfd, int op, int fd, uint32_t events, uint64_t data);
/* @timeout_ms -1 waits for ever. Returns the number of events; EINTR is 0. */
int sys_epoll_wait(int epfd, struct epoll_event *out, int max, int timeout_ms);
/* A timer fd on CLOCK_MONOTONIC; @ns from now, 0 disarms. Returns an fd. */
int sys_timerfd(void);
int sys_timerfd_arm(int fd, uint64_t ns);
/* Block the signals of the 0-terminated list in this and all later threads
 * and read them from the fd that is returned. */
int sys_signalfd(const int *signals);
int sys_signalfd_read(int fd); /* a signal number, or negative errno */
/* The calling thread, and those it starts, take no signals but SIGSYS. */
void sys_block_signals(void);
uint64_t sys_now_ns(void); /* CLOCK_MONOTONIC */
int64_t sys_wall_s(void);  /* CLOCK_REALTIME, seconds since 1970 */
void sys_sleep_ms(unsigned ms);

/* -------- UNIX sockets -------- */

enum { SYS_MAX_FDS = 253 }; /* in one message: the kernel's SCM_MAX_FD */

/* Descriptors that came with a message: close-on-exec, the caller's. */
struct sys_fds {
	int fd[SYS_MAX_FDS];
	unsigned n;
	bool lost; /* there were more, but no room for them in this process */
};

/* Connect to the stream socket at @path. Returns a non-blocking fd; -EAGAIN:
 * too many others wait to be accepted there. */
int sys_connect(const char *path);
/* Send what fits of @buf, and with its first byte @fds; no SIGPIPE. Returns the
 * number of bytes, or -EAGAIN. */
ssize_t sys_send(int fd, const void *buf, size_t n, const int *fds,
		 unsigned n_fds);
/* Receive at most @n bytes, and the descriptors that came with them. 0: the
 * other end is closed. -EAGAIN: nothing is there. */
ssize_t sys_recv(int fd, void *buf, size_t n, struct sys_fds *out);
/* Let both ends read "closed". */
void sys_shutdown(int fd);
/* Wait until one of @events (EPOLLIN ...) or an error comes. Returns what
 * came, 0 after @timeout_ms or a signal. */
int sys_poll(int fd, uint32_t events, int timeout_ms);

/* -------- process and terminal -------- */

/* Install an empty handler for @signal (no SA_RESTART), so that pthread_kill
 * makes a blocking ioctl of that thread return EINTR. sys_ioctl_ does not
 * retry EINTR for KVM_RUN. The calling thread, and those it starts, take the
 * signal even if whoever started us blocked it, which exec passes on. */
int sys_catch(int signal);
/* Whoever started us wants it to have no effect: nohup(1). */
bool sys_is_ignored(int signal);

int sys_getrlimit(int resource, struct rlimit *out);
int sys_setrlimit(int resource, const struct rlimit *r);
/* Has this process CAP_IPC_LOCK in its effective set? */
bool sys_can_lock_memory(void);
bool sys_isatty(int fd);
int sys_tty_get(int fd, struct termios *out);
int sys_tty_set(int fd, const struct termios *t);
/* A pseudo terminal, its own side non-blocking and raw. Returns the fd, and
 * the other side's path in @name. */
int sys_pty(char *name, size_t n);

#endif

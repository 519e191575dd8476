/* base/sys_event.c - the only calls to the host: events, process, terminal
 *
 * The other half of sys.c.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>

#include "vmm/base/sys.h"
#include "vmm/base/sys_trace.h"

enum { NS_PER_S = 1000000000 };

/* -------- events -------- */

int sys_eventfd(void)
{
	int rc = (int)sys_result(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));

	SYS_TRACE(rc, "eventfd(%d)", 0);
	return rc;
}

static bool is_ready(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, 0) > 0 && (p.revents & events);
}

void sys_eventfd_signal(int fd)
{
	struct sys_name name;
	uint64_t one = 1;
	ssize_t rc;

	/* A count at its end: the reader is told anyway. Asked for before each
	 * try, since whoever else has the eventfd can take O_NONBLOCK from it;
	 * an eventfd takes no RWF_NOWAIT for writing. */
	do
		rc = is_ready(fd, POLLOUT) ? write(fd, &one, sizeof(one)) : 0;
	while (rc < 0 && errno == EINTR);
	SYS_TRACE(sys_result(rc), "eventfd_signal(%s)", sys_name(fd, &name));
}

/* Without O_NONBLOCK too. Not every kernel has RWF_NOWAIT for eventfds. */
static ssize_t read_now(int fd, uint64_t *count)
{
	struct iovec v = { count, sizeof(*count) };
	ssize_t rc = preadv2(fd, &v, 1, -1, RWF_NOWAIT);

	if (rc < 0 && errno == EOPNOTSUPP)
		rc = is_ready(fd, POLLIN) ? read(fd, count, sizeof(*count)) : 0;
	return rc;
}

uint64_t sys_eventfd_drain(int fd)
{
	struct sys_name name;
	uint64_t count = 0;
	ssize_t rc;

	do
		rc = read_now(fd, &count);
	while (rc < 0 && errno == EINTR);
	if (rc != sizeof(count))
		count = 0;
	SYS_TRACE((long)count, "eventfd_drain(%s)", sys_name(fd, &name));
	return count;
}

bool sys_readable(int fd)
{
	return is_ready(fd, POLLIN);
}

int sys_epoll_create(void)
{
	int rc = (int)sys_result(epoll_create1(EPOLL_CLOEXEC));

	SYS_TRACE(rc, "epoll_create(%d)", 0);
	return rc;
}

int sys_epoll_ctl(int epfd, int op, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event ev = { .events = events, .data.u64 = data };
	struct sys_name name;
	int rc = (int)sys_result(epoll_ctl(epfd, op, fd, &ev));

	SYS_TRACE(rc, "epoll_ctl(%s, %s, %#x)",
		  op == EPOLL_CTL_ADD	? "add"
		  : op == EPOLL_CTL_DEL ? "del"
					: "mod",
		  sys_name(fd, &name), events);
	return rc;
}

int sys_epoll_wait(int epfd, struct epoll_event *out, int max, int timeout_ms)
{
	int rc = (int)sys_result(epoll_wait(epfd, out, max, timeout_ms));

	return rc == -EINTR ? 0 : rc;
}

int sys_timerfd(void)
{
	int rc = (int)sys_result(
		timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));

	SYS_TRACE(rc, "timerfd(%d)", 0);
	return rc;
}

int sys_timerfd_arm(int fd, uint64_t ns)
{
	struct itimerspec t = {
		.it_value.tv_sec = (time_t)(ns / NS_PER_S),
		.it_value.tv_nsec = (long)(ns % NS_PER_S),
	};
	int rc = (int)sys_result(timerfd_settime(fd, 0, &t, NULL));

	SYS_TRACE(rc, "timerfd_arm(%d, %" PRIu64 " ns)", fd, ns);
	return rc;
}

int sys_signalfd(const int *signals)
{
	sigset_t set;
	int rc;

	sigemptyset(&set);
	for (; *signals != 0; signals++)
		sigaddset(&set, *signals);
	rc = -pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (rc == 0)
		rc = (int)sys_result(
			signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
	SYS_TRACE(rc, "signalfd(%d)", 0);
	return rc;
}

void sys_block_signals(void)
{
	sigset_t set;

	sigfillset(&set);
	/* a refused call is told where it is made (sys_privilege.h) */
	sigdelset(&set, SIGSYS);
	(void)pthread_sigmask(SIG_SETMASK, &set, NULL);
}

int sys_signalfd_read(int fd)
{
	struct signalfd_siginfo info;
	ssize_t rc;

	do
		rc = sys_result(read(fd, &info, sizeof(info)));
	while (rc == -EINTR);
	if (rc < 0)
		return (int)rc;
	SYS_TRACE(rc, "signalfd_read(%d): signal %u", fd, info.ssi_signo);
	return rc == sizeof(info) ? (int)info.ssi_signo : -EIO;
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return t.tv_sec * (int64_t)NS_PER_S + t.tv_nsec;
}

uint64_t sys_now_ns(void)
{
	return (uint64_t)clock_ns(CLOCK_MONOTONIC);
}

int64_t sys_wall_s(void)
{
	return clock_ns(CLOCK_REALTIME) / NS_PER_S;
}

void sys_sleep_ms(unsigned ms)
{
	struct timespec t = { .tv_sec = ms / 1000,
			      .tv_nsec = ms % 1000 * 1000000L };

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t) == EINTR)
		;
}

/* -------- process -------- */

static void caught(int signal)
{
	/* Only there so that the signal interrupts a system call. */
	(void)signal;
}

int handle_signal(int signal, struct sigaction *a)
{
	sigset_t set;
	int rc;

	sigemptyset(&a->sa_mask);
	sigemptyset(&set);
	sigaddset(&set, signal);
	rc = (int)sys_result(sigaction(signal, a, NULL));
	if (rc == 0)
		rc = -pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	SYS_TRACE(rc, "catch(signal %d)", signal);
	return rc;
}

int sys_catch(int signal)
{
	struct sigaction a = { .sa_handler = caught };

	return handle_signal(signal, &a);
}

bool sys_is_ignored(int signal)
{
	struct sigaction a;
	bool is = sigaction(signal, NULL, &a) == 0 && a.sa_handler == SIG_IGN;

	SYS_TRACE(is, "ignored(signal %d)", signal);
	return is;
}

int sys_getrlimit(int resource, struct rlimit *out)
{
	int rc = (int)sys_result(
		getrlimit((enum __rlimit_resource)resource, out));

	SYS_TRACE(rc, "getrlimit(%d)", resource);
	return rc;
}

int sys_setrlimit(int resource, const struct rlimit *r)
{
	int rc =
		(int)sys_result(setrlimit((enum __rlimit_resource)resource, r));

	SYS_TRACE(rc, "setrlimit(%d, soft=%ju)", resource,
		  (uintmax_t)r->rlim_cur);
	return rc;
}

bool sys_can_lock_memory(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return syscall(SYS_capget, &header, data) == 0 &&
	       (data[CAP_TO_INDEX(CAP_IPC_LOCK)].effective &
		CAP_TO_MASK(CAP_IPC_LOCK));
}

/* -------- terminal -------- */

bool sys_isatty(int fd)
{
	return isatty(fd) == 1;
}

int sys_tty_get(int fd, struct termios *out)
{
	return (int)sys_result(tcgetattr(fd, out));
}

int sys_tty_set(int fd, const struct termios *t)
{
	int rc;

	/* Pending output is written with the old settings. EINTR: from a
	 * background process group, or a signal while draining. */
	do
		rc = (int)sys_result(tcsetattr(fd, TCSADRAIN, t));
	while (rc == -EINTR);
	SYS_TRACE(rc, "tty_set(%d)", fd);
	return rc;
}

static int pty_build(int fd, char *name, size_t n)
{
	struct termios t;
	int rc;

	if (grantpt(fd) < 0 || unlockpt(fd) < 0)
		return (int)sys_result(-1);
	rc = -ptsname_r(fd, name, n);
	if (rc < 0)
		return rc;
	rc = sys_tty_get(fd, &t);
	if (rc < 0)
		return rc;
	cfmakeraw(&t);
	return sys_tty_set(fd, &t);
}

int sys_pty(char *name, size_t n)
{
	int fd = (int)sys_result(
		posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
	int rc;

	if (fd >= 0) {
		rc = pty_build(fd, name, n);
		if (rc < 0) {
			(void)close(fd);
			fd = rc;
		}
	}
	SYS_TRACE(fd, "pty(%s)", fd < 0 ? "" : name);
	return fd;
}

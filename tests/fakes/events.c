/* tests/fakes/events.c - eventfds with listeners, epoll, timers, limits
 *
 * An eventfd is a real one, so epoll and poll see it. When the kernel listens
 * to it (an irqfd, an unmask of INTx), a signal goes there and the count is
 * taken at once, as the kernel's wait queue does.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "tests/fakes/fake.h"

enum { NS_PER_S = 1000000000 };

static struct {
	uint64_t memory, huge, ahead_ns, slept_ns;
	unsigned cpus;
	struct rlimit memlock;
	bool memlock_cap;
	struct listener *listeners;
} host;

void events_reset(void)
{
	memset(&host, 0, sizeof(host));
	host.memory = UINT64_C(64) << 30;
	host.cpus = 2;
	host.memlock = (struct rlimit){ RLIM_INFINITY, RLIM_INFINITY };
}

static long result(long rc)
{
	return rc < 0 ? -errno : rc;
}

/* -------- eventfds -------- */

void listener_add(struct listener *l, struct obj *eventfd)
{
	struct listener **p = &host.listeners;

	obj_hold(eventfd);
	l->eventfd = eventfd;
	l->next = NULL;
	while (*p)
		p = &(*p)->next;
	*p = l;
}

void listener_remove(struct listener *l)
{
	for (struct listener **p = &host.listeners; *p; p = &(*p)->next) {
		if (*p == l) {
			*p = l->next;
			obj_release(l->eventfd);
			l->eventfd = NULL;
			return;
		}
	}
}

bool eventfd_has_listener(const struct obj *eventfd,
			  void (*fired)(struct listener *l))
{
	for (struct listener *l = host.listeners; l; l = l->next) {
		if (l->eventfd == eventfd && l->fired == fired)
			return true;
	}
	return false;
}

bool eventfd_is_ready(const struct obj *o)
{
	struct pollfd p = { .fd = o->fd, .events = POLLIN };

	return o->fd >= 0 && poll(&p, 1, 0) > 0 && (p.revents & POLLIN);
}

uint64_t eventfd_take(struct obj *o)
{
	uint64_t count = 0;

	if (o->fd < 0 || read(o->fd, &count, sizeof(count)) != sizeof(count))
		return 0;
	return count;
}

void eventfd_signal(struct obj *o)
{
	uint64_t one = 1;

	/* an eventfd whose user is gone may still be signalled */
	if (o->fd < 0)
		return;
	if (write(o->fd, &one, sizeof(one)) < 0)
		return;
	for (struct listener *l = host.listeners; l; l = l->next) {
		if (l->eventfd == o) {
			(void)eventfd_take(o);
			l->fired(l);
			return;
		}
	}
}

int sys_eventfd(void)
{
	struct call c;
	long rc = call_begin(&c, "eventfd");

	if (rc == 0)
		rc = result(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	if (rc >= 0 && rc != 0)
		rc = fd_plain((int)rc, KIND_EVENTFD, "eventfd");
	return (int)call_end(&c, rc);
}

void sys_eventfd_signal(int fd)
{
	struct call c;
	struct obj *o;

	call_begin_void(&c, "signal %s", fd_name(fd));
	o = fd_obj_of(fd, KIND_EVENTFD);
	if (o)
		eventfd_signal(o);
	else
		misuse("signal of fd %d, which is no eventfd", fd);
	(void)call_end(&c, 0);
}

uint64_t sys_eventfd_drain(int fd)
{
	uint64_t count = 0;
	struct call c;
	struct obj *o;

	call_begin_void(&c, "drain %s", fd_name(fd));
	o = fd_obj_of(fd, KIND_EVENTFD);
	if (o)
		count = eventfd_take(o);
	else
		misuse("drain of fd %d, which is no eventfd", fd);
	(void)call_end(&c, 0);
	return count;
}

bool sys_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0 && (p.revents & POLLIN);
}

/* -------- epoll, timers, signals -------- */

int sys_epoll_create(void)
{
	struct call c;
	long rc = call_begin(&c, "epoll_create");

	if (rc == 0)
		rc = fd_plain(epoll_create1(EPOLL_CLOEXEC), KIND_OTHER,
			      "epoll");
	return (int)call_end(&c, rc);
}

int sys_epoll_ctl(int epfd, int op, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event ev = { .events = events, .data.u64 = data };
	struct call c;
	const char *what = op == EPOLL_CTL_ADD	 ? "add"
			   : op == EPOLL_CTL_DEL ? "del"
						 : "mod";
	long rc;

	/* taking away cannot fail in a way that anyone could act upon */
	if (op == EPOLL_CTL_DEL) {
		call_begin_void(&c, "epoll_ctl %s %s", what, fd_name(fd));
		rc = 0;
	} else {
		rc = call_begin(&c, "epoll_ctl %s %s", what, fd_name(fd));
	}
	if (rc == 0)
		rc = result(epoll_ctl(epfd, op, fd, &ev));
	return (int)call_end(&c, rc);
}

int sys_epoll_wait(int epfd, struct epoll_event *out, int max, int timeout_ms)
{
	struct call c;
	long rc = call_begin(&c, "epoll_wait");

	/* it may block, so without the lock */
	(void)call_end(&c, rc);
	if (rc == 0)
		rc = result(epoll_wait(epfd, out, max, timeout_ms));
	return rc == -EINTR ? 0 : (int)rc;
}

int sys_timerfd(void)
{
	struct call c;
	long rc = call_begin(&c, "timerfd");

	if (rc == 0)
		rc = fd_plain(timerfd_create(CLOCK_MONOTONIC,
					     TFD_CLOEXEC | TFD_NONBLOCK),
			      KIND_OTHER, "timerfd");
	return (int)call_end(&c, rc);
}

int sys_timerfd_arm(int fd, uint64_t ns)
{
	struct itimerspec t = {
		.it_value.tv_sec = (time_t)(ns / NS_PER_S),
		.it_value.tv_nsec = (long)(ns % NS_PER_S),
	};
	struct call c;
	long rc = call_begin(&c, "timerfd_arm ns=%ju", (uintmax_t)ns);

	if (rc == 0)
		rc = result(timerfd_settime(fd, 0, &t, NULL));
	return (int)call_end(&c, rc);
}

int sys_signalfd(const int *signals)
{
	struct call c;
	long rc = call_begin(&c, "signalfd");
	sigset_t set;

	sigemptyset(&set);
	for (; *signals != 0; signals++)
		sigaddset(&set, *signals);
	if (rc == 0)
		rc = -pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (rc == 0)
		rc = fd_plain(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
			      KIND_OTHER, "signalfd");
	return (int)call_end(&c, rc);
}

int sys_signalfd_read(int fd)
{
	struct signalfd_siginfo info;
	ssize_t rc = result(read(fd, &info, sizeof(info)));

	return rc < 0 ? (int)rc : (int)info.ssi_signo;
}

void sys_block_signals(void)
{
	sigset_t set;

	sigfillset(&set);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return t.tv_sec * (int64_t)NS_PER_S + t.tv_nsec;
}

uint64_t sys_now_ns(void)
{
	return (uint64_t)clock_ns(CLOCK_MONOTONIC) +
	       __atomic_load_n(&host.ahead_ns, __ATOMIC_RELAXED);
}

int64_t sys_wall_s(void)
{
	return clock_ns(CLOCK_REALTIME) / NS_PER_S;
}

void fake_advance_ns(uint64_t ns)
{
	(void)__atomic_add_fetch(&host.ahead_ns, ns, __ATOMIC_RELAXED);
}

void sys_sleep_ms(unsigned ms)
{
	const struct timespec one_ms = { 0, 1000000 };
	struct call c;

	call_begin_void(&c, "sleep_ms %u", ms);
	(void)call_end(&c, 0);
	/* one millisecond in earnest, for tests that wait for a thread */
	if (ms == 0)
		return;
	(void)nanosleep(&one_ms, NULL);
	fake_advance_ns((ms - 1) * UINT64_C(1000000));
	(void)__atomic_add_fetch(&host.slept_ns, ms * UINT64_C(1000000),
				 __ATOMIC_RELAXED);
}

uint64_t fake_slept_ns(void)
{
	return __atomic_load_n(&host.slept_ns, __ATOMIC_RELAXED);
}

/* -------- process -------- */

static void caught(int signal)
{
	(void)signal;
}

int sys_fill_standard_fds(void)
{
	return 0;
}

int sys_catch(int signal)
{
	struct sigaction a = { .sa_handler = caught };
	struct call c;
	long rc = call_begin(&c, "catch %d", signal);

	sigemptyset(&a.sa_mask);
	if (rc == 0)
		rc = result(sigaction(signal, &a, NULL));
	return (int)call_end(&c, rc);
}

bool sys_is_ignored(int signal)
{
	struct sigaction a;

	return sigaction(signal, NULL, &a) == 0 && a.sa_handler == SIG_IGN;
}

int sys_getrlimit(int resource, struct rlimit *out)
{
	struct call c;
	long rc = call_begin(&c, "getrlimit %d", resource);

	if (rc == 0 && resource == RLIMIT_MEMLOCK)
		*out = host.memlock;
	else if (rc == 0)
		rc = result(getrlimit((enum __rlimit_resource)resource, out));
	return (int)call_end(&c, rc);
}

int sys_setrlimit(int resource, const struct rlimit *r)
{
	struct call c;
	long rc = call_begin(&c, "setrlimit %d soft=%ju hard=%ju", resource,
			     (uintmax_t)r->rlim_cur, (uintmax_t)r->rlim_max);

	if (rc == 0 && resource == RLIMIT_MEMLOCK) {
		if (r->rlim_cur > r->rlim_max)
			rc = -EINVAL;
		else if (r->rlim_max > host.memlock.rlim_max)
			rc = -EPERM;
		else
			host.memlock = *r;
	} else if (rc == 0) {
		rc = result(setrlimit((enum __rlimit_resource)resource, r));
	}
	return (int)call_end(&c, rc);
}

bool sys_can_lock_memory(void)
{
	return host.memlock_cap;
}

uint64_t sys_memory_total(void)
{
	return host.memory;
}

unsigned sys_cpus_online(void)
{
	return host.cpus;
}

bool host_has_memlock_cap(void)
{
	return host.memlock_cap;
}

uint64_t host_memlock(void)
{
	return host.memlock.rlim_cur;
}

uint64_t host_hugepages(void)
{
	return host.huge;
}

void fake_memory_total(uint64_t bytes)
{
	host.memory = bytes;
}

void fake_cpus_online(unsigned n)
{
	host.cpus = n;
}

void fake_hugepages(uint64_t bytes)
{
	host.huge = bytes;
}

void fake_memlock(uint64_t soft, uint64_t hard, bool cap_ipc_lock)
{
	host.memlock = (struct rlimit){ soft, hard };
	host.memlock_cap = cap_ipc_lock;
}

/* -------- terminal -------- */

bool sys_isatty(int fd)
{
	return isatty(fd) == 1;
}

int sys_tty_get(int fd, struct termios *out)
{
	struct call c;
	long rc = call_begin(&c, "tty_get");

	if (rc == 0)
		rc = result(tcgetattr(fd, out));
	return (int)call_end(&c, rc);
}

int sys_tty_set(int fd, const struct termios *t)
{
	struct call c;
	long rc = call_begin(&c, "tty_set");

	if (rc == 0)
		rc = result(tcsetattr(fd, TCSADRAIN, t));
	return (int)call_end(&c, rc);
}

static long pty(char *name, size_t n)
{
	struct termios t;
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (grantpt(fd) < 0 || unlockpt(fd) < 0 ||
	    ptsname_r(fd, name, n) != 0 || tcgetattr(fd, &t) < 0) {
		long rc = -errno;

		(void)close(fd);
		return rc;
	}
	cfmakeraw(&t);
	(void)tcsetattr(fd, TCSANOW, &t);
	return fd_plain(fd, KIND_OTHER, "pty");
}

int sys_pty(char *name, size_t n)
{
	struct call c;
	long rc = call_begin(&c, "pty");

	if (rc == 0)
		rc = pty(name, n);
	return (int)call_end(&c, rc);
}

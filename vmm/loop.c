/* vmm/loop.c - the event loop of the main thread, see loop.h
 *
 * Events are taken from the kernel one at a time: a handler may remove, and
 * its owner free, any other entry, and with a batch in hand we would still
 * hold a pointer to it. The kernel's ready list rotates, so none starves.
 */
#include "vmm/loop.h"

#include <assert.h>
#include <inttypes.h>

#include "vmm/base/sys.h"

enum { READY_MAX = 64, NS_PER_MS = 1000000 };

static void woken(struct loop_fd *f, uint32_t events)
{
	sys_eventfd_drain(f->fd);
}

static int loop_build(struct loop *l, struct err *e)
{
	l->epfd = sys_epoll_create();
	if (l->epfd < 0)
		return err_sys(e, l->epfd, "cannot make an epoll instance");
	l->wake_fd = sys_eventfd();
	if (l->wake_fd < 0)
		return err_sys(e, l->wake_fd, "cannot make an eventfd");
	l->wake = (struct loop_fd){ .handler = woken, .fd = l->wake_fd };
	return loop_add(l, &l->wake, EPOLLIN, e);
}

int loop_open(struct loop *l, struct err *e)
{
	int rc;

	*l = LOOP_EMPTY;
	rc = loop_build(l, e);
	if (rc < 0) {
		loop_close(l);
		return err_in(e, rc, "event loop");
	}
	return 0;
}

void loop_close(struct loop *l)
{
	loop_remove(l, &l->wake);
	sys_close(&l->wake_fd);
	sys_close(&l->epfd);
}

int loop_add(struct loop *l, struct loop_fd *f, uint32_t events, struct err *e)
{
	int rc;

	assert(!f->listed && f->handler);
	rc = sys_epoll_ctl(l->epfd, EPOLL_CTL_ADD, f->fd, events,
			   (uint64_t)(uintptr_t)f);
	if (rc < 0)
		return err_sys(e, rc, "cannot watch fd %d", f->fd);
	f->listed = true;
	return 0;
}

int loop_change(struct loop *l, struct loop_fd *f, uint32_t events)
{
	assert(f->listed);
	return sys_epoll_ctl(l->epfd, EPOLL_CTL_MOD, f->fd, events,
			     (uint64_t)(uintptr_t)f);
}

void loop_remove(struct loop *l, struct loop_fd *f)
{
	if (!f->listed)
		return;
	sys_epoll_ctl(l->epfd, EPOLL_CTL_DEL, f->fd, 0, 0);
	f->listed = false;
}

/* Wait for one event, at most @ms milliseconds (-1: for ever), and handle it.
 * Returns how many there were. */
static int handle_one(struct loop *l, int ms, struct err *e)
{
	struct epoll_event ev;
	struct loop_fd *f;
	int rc;

	rc = sys_epoll_wait(l->epfd, &ev, 1, ms);
	if (rc < 0)
		return err_sys(e, rc, "event loop: cannot wait");
	if (rc == 0)
		return 0;
	f = (struct loop_fd *)(uintptr_t)ev.data.u64;
	f->handler(f, ev.events);
	return 1;
}

static bool stopped(struct loop *l)
{
	/* Pairs with the release in loop_leave. */
	return atomic_load_explicit(&l->stop, memory_order_acquire);
}

int loop_run(struct loop *l, struct err *e)
{
	int rc = 0;

	while (rc >= 0 && !stopped(l))
		rc = handle_one(l, -1, e);
	return rc < 0 ? rc : 0;
}

/* What is always ready must not keep us here. */
static int handle_ready(struct loop *l, struct err *e)
{
	int rc = 1;

	for (unsigned i = 0; i < READY_MAX && rc > 0 && !stopped(l); i++)
		rc = handle_one(l, 0, e);
	return rc < 0 ? rc : 0;
}

int loop_run_for(struct loop *l, unsigned ms, struct err *e)
{
	uint64_t now = sys_now_ns(), end = now + (uint64_t)ms * NS_PER_MS;
	int rc = 0;

	if (ms == 0)
		return handle_ready(l, e);
	for (; rc >= 0 && now < end && !stopped(l); now = sys_now_ns())
		rc = handle_one(l, (int)((end - now) / NS_PER_MS + 1), e);
	return rc < 0 ? rc : 0;
}

void loop_stop(struct loop *l)
{
	uint64_t never = 0;

	atomic_compare_exchange_strong_explicit(
		&l->stop_ns, &never, sys_now_ns(), memory_order_relaxed,
		memory_order_relaxed);
	loop_leave(l);
}

void loop_leave(struct loop *l)
{
	atomic_store_explicit(&l->stop, true, memory_order_release);
	if (l->wake_fd >= 0)
		sys_eventfd_signal(l->wake_fd);
}

void loop_again(struct loop *l)
{
	atomic_store_explicit(&l->stop, false, memory_order_relaxed);
}

uint64_t loop_stopped_at(struct loop *l)
{
	return atomic_load_explicit(&l->stop_ns, memory_order_relaxed);
}

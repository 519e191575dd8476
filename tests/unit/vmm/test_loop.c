/* The event loop runs handlers one at a time until it is told to stop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "tests/fakes/kernel.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/loop.h"

/* A watched eventfd. */
struct bell {
	struct loop_fd watch;
	struct loop *loop;
	struct bell *victim; /* removed by the handler */
	unsigned rung, stop_at;
	uint32_t events;
};

static void bell_rang(struct loop_fd *f, uint32_t events)
{
	struct bell *b = container_of(f, struct bell, watch);

	b->rung++;
	b->events = events;
	if (!(events & EPOLLOUT))
		sys_eventfd_drain(f->fd);
	if (b->victim)
		loop_remove(b->loop, &b->victim->watch);
	if (b->rung == b->stop_at)
		loop_stop(b->loop);
}

static void bell_open(struct bell *b, struct loop *l)
{
	struct err e = ERR_NONE;

	*b = (struct bell){ .loop = l };
	b->watch.handler = bell_rang;
	b->watch.fd = sys_eventfd();
	assert_true(b->watch.fd >= 0);
	assert_int_equal(loop_add(l, &b->watch, EPOLLIN, &e), 0);
}

static void bell_close(struct bell *b)
{
	loop_remove(b->loop, &b->watch);
	sys_close(&b->watch.fd);
}

static int open_loop(void *arg, struct err *e)
{
	return loop_open(arg, e);
}

static void close_loop(void *arg)
{
	loop_close(arg);
}

static void opening_survives_every_failure(void **state)
{
	struct loop l;

	assert_true(fake_sweep(open_loop, close_loop, &l, "event loop") >= 3);
}

static void closing_what_was_never_opened_is_safe(void **state)
{
	struct loop l = LOOP_EMPTY;

	loop_close(&l);
	loop_stop(&l);
}

static void stop_before_run_returns_at_once(void **state)
{
	struct err e = ERR_NONE;
	struct loop l;

	assert_int_equal(loop_open(&l, &e), 0);
	loop_stop(&l);
	loop_stop(&l);
	assert_int_equal(loop_run(&l, &e), 0);
	loop_close(&l);
}

static void handler_runs_when_its_fd_is_ready(void **state)
{
	struct err e = ERR_NONE;
	struct bell a, b;
	struct loop l;

	assert_int_equal(loop_open(&l, &e), 0);
	bell_open(&a, &l);
	bell_open(&b, &l);
	b.stop_at = 1;
	sys_eventfd_signal(b.watch.fd);
	assert_int_equal(loop_run(&l, &e), 0);
	assert_int_equal(a.rung, 0);
	assert_int_equal(b.rung, 1);
	assert_int_equal(b.events, EPOLLIN);
	bell_close(&a);
	bell_close(&b);
	loop_close(&l);
}

/* Both are ready when the first handler removes the other. */
static void removed_fd_is_not_called_even_if_ready(void **state)
{
	struct err e = ERR_NONE;
	struct bell a, b;
	struct loop l;

	assert_int_equal(loop_open(&l, &e), 0);
	bell_open(&a, &l);
	bell_open(&b, &l);
	a.victim = &b;
	b.victim = &a;
	a.stop_at = b.stop_at = 1;
	sys_eventfd_signal(a.watch.fd);
	sys_eventfd_signal(b.watch.fd);
	assert_int_equal(loop_run(&l, &e), 0);
	assert_int_equal(a.rung + b.rung, 1);
	bell_close(&a);
	bell_close(&b);
	loop_close(&l);
}

static void change_of_events_takes_effect(void **state)
{
	struct err e = ERR_NONE;
	struct bell a;
	struct loop l;

	assert_int_equal(loop_open(&l, &e), 0);
	bell_open(&a, &l);
	a.stop_at = 1;
	assert_int_equal(loop_change(&l, &a.watch, EPOLLOUT), 0);
	assert_int_equal(loop_run(&l, &e), 0);
	assert_int_equal(a.events, EPOLLOUT);
	bell_close(&a);
	loop_close(&l);
}

static void *stop_later(void *arg)
{
	loop_stop(arg);
	return NULL;
}

static void other_thread_can_stop_it(void **state)
{
	struct err e = ERR_NONE;
	struct loop l;
	pthread_t t;

	assert_int_equal(loop_open(&l, &e), 0);
	assert_int_equal(pthread_create(&t, NULL, stop_later, &l), 0);
	assert_int_equal(loop_run(&l, &e), 0);
	pthread_join(t, NULL);
	loop_close(&l);
}

static void fd_that_cannot_be_watched_is_an_error(void **state)
{
	struct loop_fd f = { .handler = bell_rang, .fd = 999 };
	struct err e = ERR_NONE;
	struct loop l;

	assert_int_equal(loop_open(&l, &e), 0);
	assert_true(loop_add(&l, &f, EPOLLIN, &e) < 0);
	assert_non_null(strstr(e.text, "cannot watch fd 999"));
	assert_false(f.listed);
	loop_remove(&l, &f);
	loop_close(&l);
}

static void failing_wait_ends_the_loop_with_an_error(void **state)
{
	struct err e = ERR_NONE;
	struct loop l;

	assert_int_equal(loop_open(&l, &e), 0);
	fake_fail_call("epoll_wait", 1, EIO);
	assert_int_equal(loop_run(&l, &e), -EIO);
	assert_non_null(strstr(e.text, "event loop"));
	loop_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(opening_survives_every_failure),
		FAKE_TEST(closing_what_was_never_opened_is_safe),
		FAKE_TEST(stop_before_run_returns_at_once),
		FAKE_TEST(handler_runs_when_its_fd_is_ready),
		FAKE_TEST(removed_fd_is_not_called_even_if_ready),
		FAKE_TEST(change_of_events_takes_effect),
		FAKE_TEST(other_thread_can_stop_it),
		FAKE_TEST(fd_that_cannot_be_watched_is_an_error),
		FAKE_TEST(failing_wait_ends_the_loop_with_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

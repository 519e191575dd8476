/* The real vmm/base/sys_socket.c on the real kernel. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/base/sys.h"

static char folder[64], path[80];
static int ours, theirs; /* the two ends */

static int make_folder(void **state)
{
	strcpy(folder, "/tmp/minivmm-socket-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/s", folder);
	return 0;
}

static int drop_folder(void **state)
{
	(void)unlink(path);
	return rmdir(folder);
}

static int listener(int backlog)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(a.sun_path, path);
	(void)unlink(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

static int connect_both(void **state)
{
	int l = listener(1);

	ours = sys_connect(path);
	theirs = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	(void)close(l);
	return ours >= 0 && theirs >= 0 ? 0 : -1;
}

static int close_both(void **state)
{
	sys_close(&ours);
	sys_close(&theirs);
	return 0;
}

static void nobody_at_the_path_is_an_errno(void **state)
{
	char longer[200];
	int l = listener(1);

	(void)close(l);
	assert_int_equal(sys_connect(path), -ECONNREFUSED);
	(void)unlink(path);
	assert_int_equal(sys_connect(path), -ENOENT);
	memset(longer, 'x', sizeof(longer));
	longer[107] = '\0';
	assert_int_equal(sys_connect(longer), -ENOENT);
	longer[107] = 'x';
	longer[108] = '\0';
	assert_int_equal(sys_connect(longer), -ENAMETOOLONG);
}

static void a_full_queue_does_not_block(void **state)
{
	int l = listener(0), fd[8], n = 0;

	do
		fd[n] = sys_connect(path);
	while (fd[n] >= 0 && ++n < 8);
	assert_true(n < 8);
	assert_int_equal(fd[n], -EAGAIN);
	while (n-- > 0)
		sys_close(&fd[n]);
	(void)close(l);
}

static void descriptors_come_with_the_first_byte(void **state)
{
	struct sys_fds got;
	int pair[2] = { sys_eventfd(), sys_eventfd() };
	char buf[8];

	assert_int_equal(sys_send(ours, "abcd", 4, pair, 2), 4);
	assert_int_equal(sys_recv(theirs, buf, 1, &got), 1);
	assert_int_equal(got.n, 2);
	assert_false(got.lost);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(fcntl(got.fd[i], F_GETFD) & FD_CLOEXEC);
		sys_eventfd_signal(got.fd[i]);
		assert_int_equal(sys_eventfd_drain(pair[i]), 1);
		sys_close(&got.fd[i]);
		sys_close(&pair[i]);
	}
	assert_int_equal(sys_recv(theirs, buf, 8, &got), 3);
	assert_int_equal(got.n, 0);
}

static void as_many_as_the_kernel_lets_pass(void **state)
{
	int fds[SYS_MAX_FDS];
	struct sys_fds got;
	char c;

	for (unsigned i = 0; i < SYS_MAX_FDS; i++)
		fds[i] = ours;
	assert_int_equal(sys_send(ours, "a", 1, fds, SYS_MAX_FDS), 1);
	assert_int_equal(sys_recv(theirs, &c, 1, &got), 1);
	assert_int_equal(got.n, SYS_MAX_FDS);
	for (unsigned i = 0; i < got.n; i++)
		sys_close(&got.fd[i]);
}

static void descriptors_without_room_are_said_to_be_lost(void **state)
{
	struct rlimit old, low;
	int fds[] = { ours, ours, ours };
	struct sys_fds got;
	char c;

	assert_int_equal(sys_send(ours, "a", 1, fds, 3), 1);
	assert_int_equal(sys_getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = (rlim_t)(ours > theirs ? ours : theirs) + 2;
	assert_int_equal(sys_setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(sys_recv(theirs, &c, 1, &got), 1);
	assert_int_equal(sys_setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_true(got.lost);
	assert_in_range(got.n, 0, 2);
	for (unsigned i = 0; i < got.n; i++)
		sys_close(&got.fd[i]);
}

static void sending_ends_where_the_room_does(void **state)
{
	static char big[8 << 20];
	ssize_t n = sys_send(ours, big, sizeof(big), NULL, 0);

	assert_true(n > 0 && n < (ssize_t)sizeof(big));
	while (n > 0)
		n = sys_send(ours, big, sizeof(big), NULL, 0);
	assert_int_equal(n, -EAGAIN);
	assert_int_equal(sys_poll(ours, EPOLLOUT, 0), 0);
	assert_int_equal(sys_poll(theirs, EPOLLIN, 0), EPOLLIN);
}

static void a_closed_end_is_no_signal(void **state)
{
	struct sys_fds got;
	char c;

	assert_int_equal(sys_recv(ours, &c, 1, &got), -EAGAIN);
	assert_int_equal(sys_poll(ours, EPOLLIN, 10), 0);
	sys_close(&theirs);
	assert_true(sys_poll(ours, EPOLLIN, 1000) & EPOLLHUP);
	assert_int_equal(sys_recv(ours, &c, 1, &got), 0);
	assert_int_equal(sys_send(ours, "a", 1, NULL, 0), -EPIPE);
}

static void shutdown_is_seen_at_both_ends(void **state)
{
	struct sys_fds got;
	char c;

	sys_shutdown(ours);
	assert_true(sys_poll(ours, EPOLLIN, 1000) & EPOLLHUP);
	assert_int_equal(sys_recv(theirs, &c, 1, &got), 0);
}

#define WITH_BOTH(f) \
	cmocka_unit_test_setup_teardown(f, connect_both, close_both)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_at_the_path_is_an_errno),
		cmocka_unit_test(a_full_queue_does_not_block),
		WITH_BOTH(descriptors_come_with_the_first_byte),
		WITH_BOTH(as_many_as_the_kernel_lets_pass),
		WITH_BOTH(descriptors_without_room_are_said_to_be_lost),
		WITH_BOTH(sending_ends_where_the_room_does),
		WITH_BOTH(a_closed_end_is_no_signal),
		WITH_BOTH(shutdown_is_seen_at_both_ends),
	};

	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}

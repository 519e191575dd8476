/* The time limit's thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fakes/kernel.h"
#include "vmm/base/sys.h"
#include "vmm/machine/deadline.h"
#include "vmm/machine/status.h"

static atomic_int expired;

static void note(struct deadline *d)
{
	atomic_fetch_add(&expired, 1);
}

static void no_limit_makes_no_thread(void **state)
{
	struct deadline d = { .expired = note, .last_words = note };
	struct err e = ERR_NONE;

	assert_int_equal(deadline_start(&d, 0, &e), 0);
	assert_false(d.started);
	deadline_stop(&d);
}

static void stopping_in_time_calls_nothing(void **state)
{
	struct deadline d = { .expired = note, .last_words = note };
	struct err e = ERR_NONE;

	atomic_store(&expired, 0);
	assert_int_equal(deadline_start(&d, 100, &e), 0);
	deadline_stop(&d);
	deadline_stop(&d);
	assert_int_equal(atomic_load(&expired), 0);
}

/* The limit's thread is older than main's signalfd: it must leave SIGTERM to
 * main, or the process dies without a word and with a raw terminal. */
static void signals_are_left_to_main(void **state)
{
	static const int signals[] = { SIGTERM, 0 };
	struct deadline d = { .expired = note, .last_words = note };
	struct err e = ERR_NONE;
	pid_t child = fork();
	int status;

	if (child == 0) {
		int fd, got = -EAGAIN;

		if (deadline_start(&d, 100, &e) < 0)
			_exit(1);
		usleep(100000); /* the thread has begun */
		fd = sys_signalfd(signals);
		(void)kill(getpid(), SIGTERM);
		for (unsigned i = 0; i < 100 && got == -EAGAIN; i++) {
			usleep(10000);
			got = sys_signalfd_read(fd);
		}
		_exit(got == SIGTERM ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void expiry_calls_once_then_stops_cleanly(void **state)
{
	struct deadline d = { .expired = note, .last_words = note };
	struct err e = ERR_NONE;

	atomic_store(&expired, 0);
	assert_int_equal(deadline_start(&d, 1, &e), 0);
	for (int i = 0; i < 5000 && atomic_load(&expired) == 0; i++)
		sys_sleep_ms(1);
	deadline_stop(&d);
	assert_int_equal(atomic_load(&expired), 1);
}

/* As writing to a full pipe would. */
static void speak_for_ever(struct deadline *d)
{
	for (;;)
		pause();
}

static void last_words_have_an_end(void **state)
{
	struct deadline d = { .expired = note, .last_words = speak_for_ever };
	struct err e = ERR_NONE;
	pid_t child = fork();
	int status;

	if (child == 0) {
		/* a minute ago: limit and grace period are over */
		fake_advance_ns(UINT64_MAX - UINT64_C(60000000000));
		alarm(10); /* another signal than status 124 */
		if (deadline_start(&d, 1, &e) == 0)
			sleep(20);
		_exit(1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), STATUS_TIMEOUT);
}

/* On its thread: no further one for this user. */
static void allow_no_threads(struct deadline *d)
{
	const struct rlimit none = { 0, 0 };

	if (geteuid() == 0 && setuid(65534) != 0)
		_exit(2);
	if (setrlimit(RLIMIT_NPROC, &none) != 0)
		_exit(3);
}

static void without_a_thread_for_them_words_are_few(void **state)
{
	struct deadline d = { .expired = allow_no_threads,
			      .last_words = speak_for_ever };
	struct err e = ERR_NONE;
	char said[128] = "";
	int status, end[2];
	pid_t child;

	assert_int_equal(pipe(end), 0);
	child = fork();
	if (child == 0) {
		fake_advance_ns(UINT64_MAX - UINT64_C(60000000000));
		alarm(10);
		/* setuid interrupts who sleeps */
		if (dup2(end[1], STDERR_FILENO) >= 0 &&
		    deadline_start(&d, 1, &e) == 0)
			for (;;)
				pause();
		_exit(1);
	}
	close(end[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), STATUS_TIMEOUT);
	assert_true(read(end[0], said, sizeof(said) - 1) > 0);
	assert_string_equal(said, "minivmm: the time limit passed, and there "
				  "is no thread left to say more\n");
	close(end[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_limit_makes_no_thread),
		cmocka_unit_test(stopping_in_time_calls_nothing),
		cmocka_unit_test(expiry_calls_once_then_stops_cleanly),
		cmocka_unit_test(signals_are_left_to_main),
		cmocka_unit_test(last_words_have_an_end),
		cmocka_unit_test(without_a_thread_for_them_words_are_few),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Trace lines and the log. */
#include <fcntl.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fakes/kernel.h"
#include "vmm/base/trace.h"

TRACE_POINT(PCI, test_point, (unsigned off, const char *name), "read %#05x %s",
	    off, name)

static const char *trace_text(void)
{
	static char text[8192];
	long n = fake_file_read("/log", text, sizeof(text) - 1);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static void matches(const char *text, const char *pattern)
{
	regex_t re;

	assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
	if (regexec(&re, text, 0, NULL, 0) != 0)
		fail_msg("'%s' is not '%s'", text, pattern);
	regfree(&re);
}

static void line_says_when_who_what(void **state)
{
	struct err e = ERR_NONE;

	assert_int_equal(trace_start("pci:/log", &e), 0);
	trace_test_point(0xe, "header type");
	trace_stop();
	matches(trace_text(), "^[0-9]+\\.[0-9]{6} main   pci   "
			      "read 0x00e header type\n$");
}

static int evaluated;

static const char *count(void)
{
	evaluated++;
	return "x";
}

static void category_that_is_off_writes_nothing(void **state)
{
	struct err e = ERR_NONE;

	evaluated = 0;
	assert_int_equal(trace_start("host,msi:/log", &e), 0);
	assert_true(trace_on(TRACE_MSI));
	assert_false(trace_on(TRACE_PCI));
	trace_test_point(1, "off");
	if (trace_on(TRACE_PCI))
		trace_line(TRACE_PCI, "%s", count());
	trace_stop();
	assert_string_equal(trace_text(), "");
	assert_int_equal(evaluated, 0);
	assert_false(trace_on(TRACE_MSI));
}

static void all_is_every_category(void **state)
{
	struct err e = ERR_NONE;

	assert_int_equal(trace_start("all:/log", &e), 0);
	for (unsigned i = 0; i < TRACE_CATEGORIES; i++)
		assert_true(trace_on((enum trace_category)i));
	trace_stop();
}

static void unknown_category_is_named(void **state)
{
	struct err e = ERR_NONE;

	assert_int_equal(trace_start("host,pcie:/log", &e), -EINVAL);
	assert_string_equal(e.text, "trace: there is no category 'pcie'");
	assert_non_null(strstr(e.hint, "host, kvm, bus, pci"));
	assert_int_equal(trace_start("", &e), -EINVAL);
	assert_int_equal(trace_start("host,", &e), -EINVAL);
	assert_int_equal(trace_start("hos", &e), -EINVAL);
	assert_false(trace_on(TRACE_HOST));
	assert_int_equal(fake_calls(), 0);
}

static void file_that_cannot_be_made_is_an_error(void **state)
{
	struct err e = ERR_NONE;

	fake_fail_call("create /log", 1, EACCES);
	assert_int_equal(trace_start("pci:/log", &e), -EACCES);
	assert_string_equal(e.text,
			    "trace: cannot write to '/log': Permission denied");
	assert_false(trace_on(TRACE_PCI));
}

static void restart_closes_the_first_file(void **state)
{
	struct err e = ERR_NONE;

	assert_int_equal(trace_start("pci:/log", &e), 0);
	assert_int_equal(trace_start("pci:/other", &e), 0);
	trace_test_point(1, "second");
	trace_stop();
	trace_stop();
	assert_string_equal(trace_text(), "");
}

static void long_line_is_cut_and_ended(void **state)
{
	struct err e = ERR_NONE;
	const char *text;
	char big[3000];

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(trace_start("pci:/log", &e), 0);
	trace_test_point(1, big);
	trace_test_point(2, "after");
	trace_stop();
	text = trace_text();
	assert_true(strchr(text, '\n') - text < 1024);
	assert_non_null(strstr(text, "after\n"));
}

static void thread_has_its_name(void **state)
{
	struct err e = ERR_NONE;

	assert_int_equal(trace_start("pci:/log", &e), 0);
	trace_thread("vcpu3");
	trace_test_point(1, "x");
	trace_thread("main");
	trace_stop();
	matches(trace_text(), " vcpu3  pci ");
}

/* -------- the log: standard error, caught in a pipe -------- */

static int saved_stderr, pipe_end;

static void catch_stderr(void)
{
	int p[2];

	assert_int_equal(pipe2(p, O_NONBLOCK), 0);
	saved_stderr = dup(2);
	dup2(p[1], 2);
	close(p[1]);
	pipe_end = p[0];
}

static const char *caught(void)
{
	static char text[4096];
	ssize_t n;

	dup2(saved_stderr, 2);
	close(saved_stderr);
	n = read(pipe_end, text, sizeof(text) - 1);
	close(pipe_end);
	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static void log_shows_warnings_by_default(void **state)
{
	catch_stderr();
	log_error("a %d", 1);
	log_warn("b");
	log_info("c");
	log_debug("d");
	assert_string_equal(caught(),
			    "minivmm: error: a 1\nminivmm: warn: b\n");
}

static void log_level_is_chosen_by_name(void **state)
{
	struct err e = ERR_NONE;

	assert_int_equal(log_set_level("loud", &e), -EINVAL);
	assert_string_equal(e.text, "there is no log level 'loud'");
	assert_int_equal(log_set_level("error", &e), 0);
	assert_false(log_on(LOG_WARN));
	assert_int_equal(log_set_level("debug", &e), 0);
	assert_true(log_on(LOG_DEBUG));
	assert_int_equal(log_set_level("warn", &e), 0);
	assert_false(log_on(LOG_INFO));
}

/* VFIO-ERR-05 */
static void guest_cannot_flood_the_log(void **state)
{
	struct log_limit l = { 0 };

	catch_stderr();
	for (int i = 0; i < 100; i++)
		log_limited(&l, LOG_WARN, "line %d", i);
	assert_string_equal(caught(), "minivmm: warn: line 0\n"
				      "minivmm: warn: line 1\n"
				      "minivmm: warn: line 2\n"
				      "minivmm: warn: line 3\n"
				      "minivmm: warn: line 4\n");
	assert_int_equal(l.dropped, 95);
}

static void what_was_dropped_is_counted(void **state)
{
	struct log_limit l = { 0 };

	catch_stderr();
	for (int i = 0; i < 7; i++)
		log_limited(&l, LOG_WARN, "flood");
	fake_advance_ns(1100000000);
	log_limited(&l, LOG_WARN, "again");
	log_limited(&l, LOG_WARN, "too soon");
	assert_non_null(strstr(caught(),
			       "flood\nminivmm: warn: (2 like the next one "
			       "were left out)\nminivmm: warn: again\n"));
	assert_int_equal(l.dropped, 1);
}

static void quiet_for_long_refills_the_bucket(void **state)
{
	struct log_limit l = { 0 };

	catch_stderr();
	for (int i = 0; i < 5; i++)
		log_limited(&l, LOG_WARN, "x");
	fake_advance_ns(UINT64_C(3600) * 1000000000);
	for (int i = 0; i < 6; i++)
		log_limited(&l, LOG_WARN, "y");
	assert_int_equal(l.dropped, 1);
	(void)caught();
}

static uint64_t real_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* As from a launcher that never reads: VFIO-ERR-05. The first line is waited
 * for, since a reader may just be slow. */
static void a_log_that_nobody_reads_stops_nobody(void **state)
{
	static char text[1 << 20];
	uint64_t began;
	int p[2];
	ssize_t n;

	assert_int_equal(pipe(p), 0);
	saved_stderr = dup(2);
	dup2(p[1], 2);
	assert_int_equal(fcntl(2, F_SETFL, O_NONBLOCK), 0);
	while (write(2, text, 4096) > 0)
		;
	assert_int_equal(fcntl(2, F_SETFL, 0), 0);
	alarm(10);
	log_error("waited for");
	began = real_ms();
	for (unsigned i = 0; i < 100; i++)
		log_error("not waited for");
	assert_true(real_ms() - began < 500);
	alarm(0);
	n = read(p[0], text, sizeof(text));
	assert_true(n > 4096);
	log_error("read");
	log_error("again");
	dup2(saved_stderr, 2);
	close(saved_stderr);
	n = read(p[0], text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	assert_string_equal(text, "minivmm: warn: 101 lines are missing here: "
				  "nobody read them\n"
				  "minivmm: error: read\n"
				  "minivmm: error: again\n");
	close(p[0]);
	close(p[1]);
}

static void level_that_is_off_costs_no_token(void **state)
{
	struct log_limit l = { 0 };

	for (int i = 0; i < 10; i++)
		log_limited(&l, LOG_DEBUG, "x");
	assert_int_equal(l.used, 0);
	assert_int_equal(l.dropped, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(line_says_when_who_what),
		FAKE_TEST(category_that_is_off_writes_nothing),
		FAKE_TEST(all_is_every_category),
		FAKE_TEST(unknown_category_is_named),
		FAKE_TEST(file_that_cannot_be_made_is_an_error),
		FAKE_TEST(restart_closes_the_first_file),
		FAKE_TEST(long_line_is_cut_and_ended),
		FAKE_TEST(thread_has_its_name),
		FAKE_TEST(log_shows_warnings_by_default),
		FAKE_TEST(log_level_is_chosen_by_name),
		FAKE_TEST(guest_cannot_flood_the_log),
		FAKE_TEST(what_was_dropped_is_counted),
		FAKE_TEST(quiet_for_long_refills_the_bucket),
		FAKE_TEST(a_log_that_nobody_reads_stops_nobody),
		FAKE_TEST(level_that_is_off_costs_no_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

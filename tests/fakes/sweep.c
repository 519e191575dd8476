/* tests/fakes/sweep.c - fail the first host call, the second, and so on */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/fake.h"

enum { MAX_SWEEP = 5000 };

static void no_leaks(unsigned n, const char *when)
{
	const char *left = fake_leaks();

	if (left)
		fail_msg("host call %u failed, %s:\n%s%s", n, when, left,
			 fake_trace());
}

/* The object is closed already: closing it again is no host call. */
static void close_is_noop(void (*close)(void *arg), void *arg, unsigned n)
{
	size_t before = strlen(fake_trace());

	close(arg);
	if (strlen(fake_trace()) != before)
		fail_msg("host call %u failed, and close made host calls after "
			 "open had cleaned up:\n%s",
			 n, fake_trace() + before);
}

static void check_error(const struct err *e, int rc, unsigned n,
			const char *needle)
{
	if (e->text[0] == '\0')
		fail_msg("host call %u failed: rc %d without a message\n%s", n,
			 rc, fake_trace());
	if (needle && !strstr(e->text, needle))
		fail_msg("host call %u failed: '%s' does not name '%s'", n,
			 e->text, needle);
}

unsigned fake_sweep(int (*open)(void *arg, struct err *e),
		    void (*close)(void *arg), void *arg, const char *needle)
{
	fake_mark();
	for (unsigned n = 1; n < MAX_SWEEP; n++) {
		struct err e = ERR_NONE;
		unsigned before = fake_calls();
		bool fired;
		int rc;

		fake_trace_clear();
		fake_fail_at(n, EIO);
		rc = open(arg, &e);
		fired = fake_calls() - before >= n;
		fake_fail_none();
		if (rc < 0) {
			if (!fired)
				fail_msg("open fails by itself: %s\n%s", e.text,
					 fake_trace());
			check_error(&e, rc, n, needle);
		} else {
			/* it can live without that call, or none failed */
			close(arg);
		}
		no_leaks(n, rc < 0 ? "and this is left"
				   : "open went on, and close left this");
		close_is_noop(close, arg, n);
		if (!fired)
			return n - 1;
	}
	fail_msg("open makes more than %d host calls", MAX_SWEEP);
	return 0;
}

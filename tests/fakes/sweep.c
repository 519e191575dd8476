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

struct sweep {
	char *out;
	size_t room;
	unsigned n; /* the call that fails */
};

__attribute__((format(printf, 2, 3))) static bool complain(struct sweep *s,
							   const char *fmt, ...)
{
	int used = snprintf(s->out, s->room, "host call %u failed, ", s->n);
	va_list ap;

	va_start(ap, fmt);
	used += vsnprintf(s->out + used, s->room - (size_t)used, fmt, ap);
	va_end(ap);
	if ((size_t)used < s->room)
		snprintf(s->out + used, s->room - (size_t)used, "\n%s",
			 fake_trace());
	return false;
}

/* The object is closed: closing it again is no host call. */
static bool close_is_noop(struct sweep *s, void (*close)(void *arg), void *arg)
{
	size_t before = strlen(fake_trace());

	close(arg);
	return strlen(fake_trace()) == before ||
	       complain(s, "and a further close made host calls (the last)");
}

static bool error_is_useful(struct sweep *s, const struct err *e, int rc,
			    const char *needle)
{
	if (e->text[0] == '\0')
		return complain(s, "rc is %d, and there is no message", rc);
	if (needle && !strstr(e->text, needle))
		return complain(s, "and '%s' does not name '%s'", e->text,
				needle);
	return true;
}

static bool nothing_left(struct sweep *s, int rc)
{
	const char *left = fake_leaks();

	return !left ||
	       complain(s, "open gave %d, and this is left: %s", rc, left);
}

/* One round: 1 to go on, 0 at the end, -1 with a complaint. */
static int round_of(struct sweep *s, int (*open)(void *arg, struct err *e),
		    void (*close)(void *arg), void *arg, const char *needle)
{
	struct err e = ERR_NONE;
	unsigned before = fake_calls();
	bool fired;
	int rc;

	fake_trace_clear();
	fake_fail_at(s->n, EIO);
	rc = open(arg, &e);
	fired = fake_calls() - before >= s->n;
	fake_fail_none();
	if (rc < 0 && !fired) {
		complain(s, "or rather none did, but open fails: %s", e.text);
		return -1;
	}
	if (rc < 0 && !error_is_useful(s, &e, rc, needle))
		return -1;
	if (rc >= 0) /* it can live without that call, or none failed */
		close(arg);
	if (!nothing_left(s, rc) || !close_is_noop(s, close, arg))
		return -1;
	return fired;
}

int fake_sweep_try(int (*open)(void *arg, struct err *e),
		   void (*close)(void *arg), void *arg, const char *needle,
		   char *complaint, size_t room)
{
	struct sweep s = { complaint, room, 1 };
	int rc;

	fake_mark();
	for (; s.n < MAX_SWEEP; s.n++) {
		rc = round_of(&s, open, close, arg, needle);
		if (rc <= 0)
			return rc < 0 ? rc : (int)s.n - 1;
	}
	complain(&s, "and open still makes more calls");
	return -1;
}

unsigned fake_sweep(int (*open)(void *arg, struct err *e),
		    void (*close)(void *arg), void *arg, const char *needle)
{
	static char complaint[16384];
	int rc = fake_sweep_try(open, close, arg, needle, complaint,
				sizeof(complaint));

	if (rc < 0)
		fail_msg("%s", complaint);
	return (unsigned)rc;
}

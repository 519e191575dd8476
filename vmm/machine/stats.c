/* machine/stats.c - see stats.h: when a report is written, and its frame */
#include "vmm/machine/stats.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/base/trace.h"
#include "vmm/machine/ledger.h"
#include "vmm/machine/outfile.h"
#include "vmm/machine/stats_json.h"

/* Raised whenever a field changes its meaning or goes; new ones may come. */
enum { SCHEMA = 1 };

/* -------- the frame -------- */

void stats_set_text(json_t *o, const char *key, const char *text)
{
	json_t *v = json_string(text);
	char plain[1024];
	size_t n = 0;

	if (!v) {
		for (; text[n] != '\0' && n + 1 < sizeof(plain); n++)
			plain[n] = (signed char)text[n] < 0 ? '?' : text[n];
		plain[n] = '\0';
		v = json_string(plain);
	}
	stats_set(o, key, v);
}

static void set_versions(json_t *o)
{
	char kernel[128];

	stats_set_number(o, "schema", SCHEMA);
	stats_set_text(o, "minivmm", MINIVMM_VERSION);
	if (sys_read_text("/proc/sys/kernel/osrelease", kernel,
			  sizeof(kernel)) >= 0)
		stats_set_text(o, "kernel", kernel);
}

static json_t *end_of(const struct stats *s, int status)
{
	json_t *o = json_object();

	stats_set_text(o, "cause", s->cause ? s->cause : "unknown");
	stats_set_number(o, "status", (uint64_t)status);
	if (s->why.text[0] != '\0')
		stats_set_text(o, "message", s->why.text);
	return o;
}

static json_t *left_of(const struct ledger *l)
{
	json_t *o = json_object();

	for (unsigned i = 0; i < LEDGER_KINDS; i++)
		stats_set(o, ledger_name(i),
			  l->left[i] == LEDGER_UNKNOWN
				  ? json_null()
				  : json_integer(l->left[i]));
	return o;
}

/* @machine: borrowed, or NULL. @end: taken over; NULL while it runs. */
static json_t *frame(const struct stats *s, json_t *machine, json_t *end)
{
	json_t *o = json_object();

	set_versions(o);
	stats_set_text(o, "state", end ? "ended" : "running");
	if (end)
		stats_set(o, "end", end);
	stats_set_number(o, "written_s", (uint64_t)sys_wall_s());
	stats_set_number(o, "began_ns", s->began_ns);
	stats_set_number(o, "total_ns", sys_now_ns() - s->began_ns);
	if (machine)
		(void)json_object_update(o, machine);
	if (s->ledger)
		stats_set(o, "left", left_of(s->ledger));
	return o;
}

/* -------- writing -------- */

static int write_report(const struct stats *s, const json_t *o, struct err *e)
{
	size_t flags =
		outfile_is_stream(s->path) ? JSON_COMPACT : JSON_INDENT(1);
	char *text = o ? json_dumps(o, flags) : NULL;
	size_t n;
	int rc;

	if (!text)
		return err_sys(e, -ENOMEM, "cannot write %s", s->path);
	n = strlen(text);
	text[n] = '\n'; /* in the place of its end */
	rc = s->held >= 0 ? outfile_append(s->held, s->path, text, n + 1, e)
			  : outfile_write(s->path, text, n + 1, e);
	free(text);
	return rc;
}

/* @o is taken over. */
static void report(const struct stats *s, json_t *o)
{
	struct err e = ERR_NONE;

	if (write_report(s, o, &e) < 0)
		log_error("--stats: %s", e.text);
	json_decref(o);
}

/* -------- when -------- */

int stats_start(struct stats *s, const char *path, struct err *e)
{
	static const int asks[] = { SIGUSR1, 0 };
	int rc;

	*s = STATS_EMPTY;
	s->began_ns = sys_now_ns();
	if (!path) {
		rc = sys_catch(SIGUSR1);
		return rc < 0 ? err_sys(e, rc, "cannot catch SIGUSR1") : 0;
	}
	rc = outfile_check(path, e);
	if (rc == 0)
		rc = outfile_hold(path, &s->held, e);
	if (rc < 0)
		return err_in(e, rc, "--stats");
	s->path = path;
	/* by itself it would look for random numbers at the first report, in
	 * files, or by calls, that are then out of reach */
	json_object_seed(0);
	s->signal_fd = sys_signalfd(asks);
	return s->signal_fd < 0 ? err_sys(e, s->signal_fd,
					  "--stats: cannot wait for "
					  "SIGUSR1")
				: 0;
}

static void asked(struct loop_fd *f, uint32_t events)
{
	struct stats *s = container_of(f, struct stats, signals);
	json_t *machine;

	if (sys_signalfd_read(s->signal_fd) < 0)
		return;
	machine = stats_of_machine(s->machine, s->began_ns);
	report(s, frame(s, machine, NULL));
	json_decref(machine);
}

int stats_watch(struct stats *s, struct machine *m, struct err *e)
{
	if (!s->path)
		return 0;
	s->machine = m;
	s->signals.fd = s->signal_fd;
	s->signals.handler = asked;
	return loop_add(&m->vm.loop, &s->signals, EPOLLIN, e);
}

void stats_unwatch(struct stats *s)
{
	if (s->signals.listed)
		loop_remove(&s->machine->vm.loop, &s->signals);
}

void stats_cause(struct stats *s, const char *cause, const struct err *why)
{
	if (s->cause)
		return;
	s->cause = cause;
	if (why)
		s->why = *why;
}

void stats_keep(struct stats *s, struct machine *m)
{
	if (s->path && !s->kept)
		s->kept = stats_of_machine(m, s->began_ns);
}

void stats_end(struct stats *s, int status)
{
	if (s->path)
		report(s, frame(s, s->kept, end_of(s, status)));
}

void stats_stop(struct stats *s)
{
	json_decref(s->kept);
	s->kept = NULL;
	s->path = NULL;
	sys_close(&s->signal_fd);
	sys_close(&s->held);
}

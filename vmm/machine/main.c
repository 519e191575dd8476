/* machine/main.c - options in, exit status out; the only printer of errors */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/base/trace.h"
#include "vmm/machine/config.h"
#include "vmm/machine/deadline.h"
#include "vmm/machine/dtb.h"
#include "vmm/machine/ledger.h"
#include "vmm/machine/machine.h"
#include "vmm/machine/sandbox.h"
#include "vmm/machine/stats.h"
#include "vmm/machine/status.h"

/* The whole program; on the heap, since a machine is large. */
struct program {
	struct config config;
	struct machine machine;
	struct deadline deadline;
	struct sandbox sandbox;
	struct stats stats;
	struct ledger ledger;
	bool built; /* machine.vm may be stopped; under deadline.lock */
};

static int report(const struct err *e, int status)
{
	if (log_is_read())
		fprintf(stderr, "minivmm: %s\n", e->text);
	if (e->hint[0] != '\0' && log_is_read())
		fprintf(stderr, "  hint: %s\n", e->hint);
	return status;
}

/* The same, where there is no guest to end. */
static int fail(struct program *p, const struct err *e)
{
	stats_cause(&p->stats, "not started", e);
	return report(e, STATUS_FAILED);
}

static int report_timeout(const struct program *p)
{
	if (log_is_read())
		fprintf(stderr, "minivmm: time limit of %u s reached\n",
			p->config.timeout_s);
	return STATUS_TIMEOUT;
}

static void time_begins(struct deadline *d)
{
	struct program *p = container_of(d, struct program, deadline);

	sandbox_enter_early(&p->config);
}

static void time_is_up(struct deadline *d)
{
	struct program *p = container_of(d, struct program, deadline);

	if (p->built)
		vm_stop(&p->machine.vm, VM_TIMED_OUT, 0, NULL);
}

static void time_is_long_up(struct deadline *d)
{
	struct program *p = container_of(d, struct program, deadline);

	console_close(&p->machine.console); /* the terminal, above all */
	report_timeout(p);
	fprintf(stderr,
		"  hint: a call to the host does not return; see dmesg\n");
	/* What is half-built, or half gone, counts nothing. */
	if (p->built)
		stats_keep(&p->stats, &p->machine);
	stats_cause(&p->stats, vm_end_name(VM_TIMED_OUT), NULL);
	stats_end(&p->stats, STATUS_TIMEOUT);
}

static int status_of(const struct program *p)
{
	const struct vm_stop *s = &p->machine.vm.stop;

	switch (s->end) {
	case VM_DEBUG_EXIT:
		return s->code;
	case VM_TIMED_OUT:
		return report_timeout(p);
	case VM_CRASHED:
		return report(&s->err, STATUS_CRASHED);
	case VM_RECLAIMED:
		return report(&s->err, STATUS_RECLAIMED);
	case VM_RUNNING:
	case VM_FAILED:
		return report(&s->err, STATUS_FAILED);
	case VM_POWERED_OFF:
	case VM_REBOOTED:
	case VM_QUIT:
		return STATUS_OK;
	}
	return STATUS_FAILED;
}

/* The last words, on another thread, look at the program too. */
static void lock(struct program *p)
{
	if (p->deadline.started)
		pthread_mutex_lock(&p->deadline.lock);
}

static void unlock(struct program *p)
{
	if (p->deadline.started)
		pthread_mutex_unlock(&p->deadline.lock);
}

static void set_built(struct program *p, bool built)
{
	lock(p);
	if (!built)
		stats_keep(&p->stats, &p->machine);
	p->built = built;
	if (built && p->deadline.started && sys_now_ns() >= p->deadline.at_ns)
		vm_stop(&p->machine.vm, VM_TIMED_OUT, 0, NULL);
	unlock(p);
}

/* The machine is gone: is all that it had? */
static void close_ledger(struct program *p)
{
	(void)ledger_end(&p->ledger, &p->machine);
	lock(p);
	p->stats.ledger = &p->ledger;
	unlock(p);
}

static int dump_dtb(struct program *p)
{
	struct err e = ERR_NONE;

	if (dtb_dump(&p->machine.platform, p->config.dump_dtb, &e) < 0)
		return fail(p, &e);
	stats_cause(&p->stats, "device tree written", NULL);
	return STATUS_OK;
}

/* Why it ended is in its vm_stop. */
static void run_guest(struct program *p)
{
	struct vm *vm = &p->machine.vm;
	struct err e = ERR_NONE;
	int rc = stats_watch(&p->stats, &p->machine, &e);

	if (rc == 0)
		rc = sandbox_enter(&p->sandbox, vm, &p->config, &e);
	if (rc == 0) {
		machine_run(&p->machine, &e);
	} else {
		vm_stop(vm, VM_FAILED, 0, &e);
		stats_cause(&p->stats, "not started", &e);
	}
	sandbox_leave(&p->sandbox);
	stats_unwatch(&p->stats);
	stats_cause(&p->stats, vm_end_name(vm->stop.end), &vm->stop.err);
}

static int run(struct program *p)
{
	struct err e = ERR_NONE;
	int status = STATUS_OK;

	ledger_begin(&p->ledger);
	if (machine_open(&p->machine, &p->config, &e) < 0) {
		set_built(p, false);
		close_ledger(p);
		return fail(p, &e);
	}
	set_built(p, true);
	if (p->machine.console.pty_path[0] != '\0')
		fprintf(stderr, "console: %s\n", p->machine.console.pty_path);
	if (p->config.dump_dtb)
		status = dump_dtb(p);
	else
		run_guest(p);
	set_built(p, false);
	machine_close(&p->machine);
	close_ledger(p);
	/* Words come last: the terminal is what it was, and nobody waits for a
	 * function until somebody reads them. */
	return p->config.dump_dtb ? status : status_of(p);
}

static int start(struct program *p, struct err *e)
{
	int rc = 0;

	if (p->config.log_level)
		rc = log_set_level(p->config.log_level, e);
	if (rc == 0 && p->config.trace)
		rc = trace_start(p->config.trace, e);
	if (rc == 0)
		rc = sys_catch(SIGPIPE); /* writes then fail with EPIPE */
	if (rc == 0)
		rc = sys_catch(SIGXFSZ); /* EFBIG, beyond `ulimit -f` */
	if (rc == 0)
		rc = stats_start(&p->stats, p->config.stats, e);
	if (rc == 0)
		rc = sandbox_open(&p->sandbox, e);
	if (rc < 0)
		return rc;
	p->deadline.begun = time_begins;
	p->deadline.expired = time_is_up;
	p->deadline.last_words = time_is_long_up;
	return deadline_start(&p->deadline, p->config.timeout_s, e);
}

/* Until here a call may have been refused. */
static int end_sandbox(struct program *p, int status)
{
	struct err e = ERR_NONE;

	if (sandbox_check(&p->sandbox, &e) < 0)
		status = report(&e, STATUS_FAILED);
	sandbox_close(&p->sandbox);
	return status;
}

static int print(const char *text)
{
	if (fputs(text, stdout) >= 0 && fflush(stdout) == 0)
		return STATUS_OK;
	fprintf(stderr, "minivmm: cannot write to standard output\n");
	return STATUS_FAILED;
}

static int begin(struct program **out, struct err *e)
{
	int rc = sys_fill_standard_fds();

	/* of standard error itself only the status is left */
	if (rc < 0)
		return err_sys(e, rc,
			       "cannot open /dev/null for a standard "
			       "descriptor that is closed");
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : err_set(e, -ENOMEM, "out of memory");
}

int main(int argc, char **argv)
{
	struct program *p;
	struct err e = ERR_NONE;
	int status;

	if (begin(&p, &e) < 0)
		return report(&e, STATUS_FAILED);
	p->stats = STATS_EMPTY;
	p->sandbox = SANDBOX_EMPTY;
	trace_thread("main");
	if (config_parse(argc, argv, &p->config, &e) < 0) {
		status = report(&e, STATUS_FAILED);
	} else if (p->config.action == CONFIG_HELP) {
		status = print(config_help());
	} else if (p->config.action == CONFIG_VERSION) {
		status = print("minivmm " MINIVMM_VERSION "\n");
	} else if (start(p, &e) < 0) {
		status = fail(p, &e);
	} else {
		status = run(p);
	}
	/* within the time limit, too: FILE may be on a server that is gone */
	stats_end(&p->stats, status);
	deadline_stop(&p->deadline);
	stats_stop(&p->stats);
	status = end_sandbox(p, status);
	trace_stop();
	free(p);
	return status;
}

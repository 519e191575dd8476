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
#include "vmm/machine/machine.h"
#include "vmm/machine/status.h"

/* The whole program; on the heap, since a machine is large. */
struct program {
	struct config config;
	struct machine machine;
	struct deadline deadline;
	bool built; /* machine.vm may be stopped; under deadline.lock */
};

static int report(const struct err *e, int status)
{
	fprintf(stderr, "minivmm: %s\n", e->text);
	if (e->hint[0] != '\0')
		fprintf(stderr, "  hint: %s\n", e->hint);
	return status;
}

static int report_timeout(const struct program *p)
{
	fprintf(stderr, "minivmm: time limit of %u s reached\n",
		p->config.timeout_s);
	return STATUS_TIMEOUT;
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

static void set_built(struct program *p, bool built)
{
	if (p->deadline.started)
		pthread_mutex_lock(&p->deadline.lock);
	p->built = built;
	if (built && p->deadline.started && sys_now_ns() >= p->deadline.at_ns)
		vm_stop(&p->machine.vm, VM_TIMED_OUT, 0, NULL);
	if (p->deadline.started)
		pthread_mutex_unlock(&p->deadline.lock);
}

static int run(struct program *p)
{
	struct err e = ERR_NONE;
	int status;

	if (machine_open(&p->machine, &p->config, &e) < 0)
		return report(&e, STATUS_FAILED);
	set_built(p, true);
	if (p->machine.console.pty_path[0] != '\0')
		fprintf(stderr, "console: %s\n", p->machine.console.pty_path);
	if (p->config.dump_dtb) {
		status = dtb_dump(&p->machine.platform, p->config.dump_dtb,
				  &e) < 0
				 ? report(&e, STATUS_FAILED)
				 : STATUS_OK;
	} else {
		machine_run(&p->machine, &e);
		/* Words after the terminal is what it was. */
		console_close(&p->machine.console);
		status = status_of(p);
	}
	set_built(p, false);
	machine_close(&p->machine);
	return status;
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
	if (rc < 0)
		return rc;
	p->deadline.expired = time_is_up;
	p->deadline.last_words = time_is_long_up;
	return deadline_start(&p->deadline, p->config.timeout_s, e);
}

static int print(const char *text)
{
	if (fputs(text, stdout) >= 0 && fflush(stdout) == 0)
		return STATUS_OK;
	fprintf(stderr, "minivmm: cannot write to standard output\n");
	return STATUS_FAILED;
}

int main(int argc, char **argv)
{
	struct program *p;
	struct err e = ERR_NONE;
	int status;

	if (sys_fill_standard_fds() < 0)
		return STATUS_FAILED;
	p = calloc(1, sizeof(*p));
	if (!p)
		return STATUS_FAILED;
	trace_thread("main");
	if (config_parse(argc, argv, &p->config, &e) < 0) {
		status = report(&e, STATUS_FAILED);
	} else if (p->config.action == CONFIG_HELP) {
		status = print(config_help());
	} else if (p->config.action == CONFIG_VERSION) {
		status = print("minivmm " MINIVMM_VERSION "\n");
	} else if (start(p, &e) < 0) {
		status = report(&e, STATUS_FAILED);
	} else {
		status = run(p);
	}
	deadline_stop(&p->deadline);
	trace_stop();
	free(p);
	return status;
}

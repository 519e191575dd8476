/* machine/reboot.c - see reboot.h
 *
 * The order: interrupt controllers first, whose pins are masked from then on;
 * then all that could write to RAM or raise a line, which is functions and
 * devices; then vCPUs; and when nothing moves any more, RAM.
 *
 * A guest that does nothing but reboot costs the host a copy of its kernel and
 * initrd each time. So after REBOOT_FREE quick ones each waits, with the event
 * loop running: signals, the console and the time limit work as ever, and come
 * to their turn even between two reboots that do not wait.
 */
#include "vmm/machine/reboot.h"

#include <inttypes.h>

#include "vmm/base/sys.h"
#include "vmm/base/trace.h"
#include "vmm/machine/machine.h"
#include "vmm/machine/trace.h"
#include "vmm/restart.h"

enum {
	REBOOT_QUICK_MS = 1000, /* the guest ran for less */
	REBOOT_FREE = 10,
	REBOOT_PAUSE_MS = 1000,
	RESET_LOOK_MS = 5,
	NS_PER_MS = 1000000,
};

static void announce(struct machine *m)
{
	struct machine_runs *r = &m->runs;
	uint64_t ms = (sys_now_ns() - r->began_ns) / NS_PER_MS;

	r->reboots++;
	r->quick = ms < REBOOT_QUICK_MS ? r->quick + 1 : 0;
	trace_reboot(r->reboots, ms);
	log_info("the guest reboots, for the %u. time, after %" PRIu64
		 ".%03" PRIu64 " s",
		 r->reboots, ms / 1000, ms % 1000);
	if (r->quick == REBOOT_FREE + 1)
		log_warn("the guest reboots again and again: from now on each "
			 "restart waits a second");
}

/* A dead function can take a minute, and somebody may not want to wait. */
static int await_functions(struct machine *m, struct err *e)
{
	int rc = 0;

	while (rc == 0 && !vm_stopping(&m->vm) &&
	       assignment_is_resetting(&m->assignment))
		rc = loop_run_for(&m->vm.loop, RESET_LOOK_MS, e);
	return rc;
}

/* One that cannot be reset is quiet all the same, with bus mastering off; what
 * becomes of it then is the next kernel's to see. */
static int reset_functions(struct machine *m, struct err *e)
{
	struct err why = ERR_NONE;
	int rc = await_functions(m, e), first;

	if (rc < 0 || vm_stopping(&m->vm))
		return rc;
	first = assignment_reset_begin(&m->assignment, &why);
	rc = await_functions(m, e);
	if (rc < 0 || vm_stopping(&m->vm))
		return rc;
	if (assignment_reset_end(&m->assignment, first, &why) < 0)
		log_warn("%s; the guest restarts without that reset", why.text);
	return 0;
}

/* The loop runs while functions are reset: what it has for these devices must
 * find them reset. */
static int reset_devices(struct machine *m, struct err *e)
{
	int rc;

	uart16550_reset(&m->uart);
	rtc_reset(&m->rtc);
	legacy_reset(&m->legacy);
	rc = reset_functions(m, e);
	if (rc < 0 || vm_stopping(&m->vm))
		return rc;
	pci_host_reset(&m->host);
	return pci_host_assign(&m->host, e);
}

static int let_others_work(struct machine *m, struct err *e)
{
	bool wait = m->runs.quick > REBOOT_FREE;

	return loop_run_for(&m->vm.loop, wait ? REBOOT_PAUSE_MS : 0, e);
}

int reboot_machine(struct machine *m, struct err *e)
{
	int rc;

	announce(m);
	rc = vm_recall_irqchip(&m->vm, e);
	if (rc == 0)
		rc = reset_devices(m, e);
	if (rc == 0 && !vm_stopping(&m->vm))
		rc = let_others_work(m, e);
	if (rc < 0 || vm_stopping(&m->vm))
		return rc;
	rc = vm_recall_cpus(&m->vm, e);
	return rc < 0 ? rc : machine_load(m, e);
}

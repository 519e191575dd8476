/* machine/phases.c - see phases.h */
#include "vmm/machine/phases.h"

#include "vmm/base/sys.h"
#include "vmm/machine/trace.h"

void phase_ended(struct phases *p, const char *what, const char *which)
{
	unsigned n;

	trace_phase(what, which);
	if (!p)
		return;
	n = atomic_load_explicit(&p->n, memory_order_relaxed);
	if (n == PHASES_MAX)
		return;
	p->phase[n] = (struct phase){ what, which, sys_now_ns() };
	/* Pairs with the acquire of stats_machine.c. */
	atomic_store_explicit(&p->n, n + 1, memory_order_release);
}

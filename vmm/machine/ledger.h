/* machine/ledger.h - what is still owned when a machine is gone: nothing
 *
 * The kernel tidies up after us in any case; the ledger is how we find out that
 * we did not. Descriptors and mappings are counted by asking the kernel, before
 * and after; what KVM and the IOMMU hold, where it is taken and given back.
 *
 * Not modelled: anonymous guest RAM, which /proc does not tell from the heap.
 */
#ifndef MACHINE_LEDGER_H
#define MACHINE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

struct machine;

enum ledger_kind {
	LEDGER_FDS,
	LEDGER_MAPPINGS, /* of descriptors: BARs, run pages, shared RAM */
	LEDGER_MEMSLOTS,
	LEDGER_GSIS,
	LEDGER_ROUTES, /* messages in KVM's table */
	LEDGER_IRQFDS,
	LEDGER_IOEVENTFDS,
	LEDGER_IOVA_MAPS,
	LEDGER_KINDS
};

enum { LEDGER_UNKNOWN = -1 };

struct ledger {
	int64_t fds_before, mappings_before;
	int64_t left[LEDGER_KINDS]; /* or LEDGER_UNKNOWN */
};

/* Before the machine is built. */
void ledger_begin(struct ledger *l);
/* After machine_close, also of one that failed to open: fill left[], and warn
 * of what is not 0. Returns true if all is. */
bool ledger_end(struct ledger *l, const struct machine *m);
/* What is left of what KVM and the IOMMU held for @m, into left[]. */
void ledger_of_machine(const struct machine *m, int64_t left[LEDGER_KINDS]);
/* "memslots" */
const char *ledger_name(enum ledger_kind kind);

#endif

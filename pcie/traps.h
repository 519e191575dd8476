/* pcie/traps.h - accesses to a BAR that trapped, by page
 *
 * A BAR may have more pages than we want to remember, and a guest may touch
 * them all: the first TRAPS_PAGES of them are told apart, the rest are counted
 * together. Written with the device's lock held, read without.
 */
#ifndef PCIE_TRAPS_H
#define PCIE_TRAPS_H

#include <stdint.h>

#include "vmm/base/counter.h"

enum { TRAPS_PAGES = 32, TRAPS_PAGE_SIZE = 4096 };

struct traps_page {
	counter key; /* page number + 1; 0: nobody has touched this entry */
	counter reads, writes;
};

struct traps {
	struct traps_page page[TRAPS_PAGES];
	struct traps_page other; /* its key is not used */
	unsigned last;		 /* the entry that was used last */
};

/* A zeroed one is ready. */
void traps_read(struct traps *t, uint64_t off);
void traps_write(struct traps *t, uint64_t off);

#endif

/* machine/holes.h - addresses that nothing of the guest may have
 *
 * The device calls address N what the guest calls N. So where the platform
 * keeps I/O addresses to itself (AMD's HyperTransport range, firmware's
 * regions) there can be no guest RAM, and no BAR that others shall reach. The
 * host says where its holes are before any function is opened, and the board
 * is laid out around them (VFIO-DMA-02).
 */
#ifndef MACHINE_HOLES_H
#define MACHINE_HOLES_H

#include <stdbool.h>

#include "vmm/base/range.h"

enum { HOLES_MAX = 12 };

/* Sorted; no two touch. */
struct holes {
	unsigned n;
	struct range hole[HOLES_MAX];
};

/* Add @r; what it meets is merged with it. When there are too many, the two
 * that are nearest to one another become one: RAM keeps clear of all that is
 * reserved, and of a little more. */
void holes_add(struct holes *h, struct range r);
/* The first room from @from on, at a multiple of @align (a power of two), for
 * @size bytes without a hole. False: there is none below 2^64. */
bool holes_find(const struct holes *h, uint64_t from, uint64_t size,
		uint64_t align, uint64_t *out);
/* Where the first hole behind @from begins; UINT64_MAX: there is none. */
uint64_t holes_next(const struct holes *h, uint64_t from);

#endif

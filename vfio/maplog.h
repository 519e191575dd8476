/* vfio/maplog.h - which DMA maps were made, and how long each took
 *
 * One for each I/O address space. The first MAPLOG_MAX maps are remembered one
 * by one, all of them are counted. Several vCPUs may map BARs at once, hence
 * without a lock: an entry is complete when its time is not 0.
 */
#ifndef VFIO_MAPLOG_H
#define VFIO_MAPLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/counter.h"

enum { MAPLOG_MAX = 64 };

struct maplog_entry {
	counter at, size; /* I/O address and bytes */
	counter is_bar;	  /* 1: pages of a BAR; 0: guest RAM */
	counter ns;
};

struct maplog {
	struct maplog_entry entry[MAPLOG_MAX];
	counter maps, unmaps; /* that succeeded */
	counter bytes, ns;    /* of all maps */
};

void maplog_ram(struct maplog *l, uint64_t at, uint64_t size, uint64_t ns);
void maplog_bar(struct maplog *l, uint64_t at, uint64_t size, uint64_t ns);
void maplog_unmapped(struct maplog *l);
/* Maps that are there now. */
static inline uint64_t maplog_live(const struct maplog *l)
{
	return counter_get(&l->maps) - counter_get(&l->unmaps);
}

#endif

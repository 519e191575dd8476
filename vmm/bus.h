/* vmm/bus.h - an address space made of regions
 *
 * Ports and MMIO are two buses. A region is a range that traps: an access
 * exits to us and ends in its ops. Overlap is an error that names both sides,
 * so the two buses together are the one map of what stands where; RAM and
 * other ranges that never trap are claimed by regions without ops.
 *
 * Values, not buffers, so that byte order is settled once. An access has 1, 2,
 * 4 or 8 bytes; one that does not fit wholly into a region is split at its
 * edges. Where nobody answers, reads give all ones and writes are dropped.
 *
 * Locks: the map has a reader-writer lock, held only to find the region, and
 * let go before the region is called; bus_add and bus_remove may therefore be
 * called from inside a region's ops. If region->lock is set it is held around
 * the ops: it is the lock of the device that owns the region. A region is
 * embedded in its device and outlives all vCPU threads; after bus_remove a
 * late access may still arrive once, as on real hardware.
 */
#ifndef VMM_BUS_H
#define VMM_BUS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/counter.h"
#include "vmm/base/err.h"

struct region;

struct region_ops {
	/* @off is inside the region, @len 1, 2, 4 or 8, off + len fits. Called
	 * on a vCPU thread with region->lock held. NULL: all ones. */
	uint64_t (*read)(struct region *r, uint64_t off, unsigned len);
	/* NULL: dropped. */
	void (*write)(struct region *r, uint64_t off, unsigned len, uint64_t v);
};

struct region {
	const char *name; /* for traces and overlap errors; outlives it */
	const struct region_ops *ops; /* NULL: only claims the range */
	uint64_t base, size;
	pthread_mutex_t *lock; /* the owner's, or NULL */
	bool listed;	       /* on a bus: bus.c's */
	counter reads, writes; /* that its ops were called for: bus.c's */
};

struct bus {
	const char *name; /* "pio" or "mmio" */
	uint64_t limit;	  /* addresses are below it; 0: 2^64 */
	pthread_rwlock_t lock;
	struct region **regions; /* sorted by base */
	unsigned n, room;
	bool open;
	counter nobody_reads, nobody_writes; /* where no region answers */
};

int bus_open(struct bus *b, const char *name, uint64_t limit, struct err *e);
/* Regions still on it are taken off; safe on a zeroed one, and twice. */
void bus_close(struct bus *b);

/* Make @r, whose fields the caller filled, answer. -EEXIST: it overlaps
 * another, named in the message; -EINVAL: empty, or past the end. */
int bus_add(struct bus *b, struct region *r, struct err *e);
/* Safe if it is not on the bus. */
void bus_remove(struct bus *b, struct region *r);
/* Would [base, base + size) be free? Says nothing about the next moment. */
bool bus_is_free(struct bus *b, uint64_t base, uint64_t size);

/* Call @each for every region that answers, by address; it calls nothing of
 * this bus. Any thread. */
void bus_each(struct bus *b, void (*each)(const struct region *r, void *arg),
	      void *arg);

/* What a vCPU calls; @len is 1 to 8 and need not be aligned. */
uint64_t bus_read(struct bus *b, uint64_t at, unsigned len);
void bus_write(struct bus *b, uint64_t at, unsigned len, uint64_t v);

#endif

/* base/counter.h - how often something happened
 *
 * Counters live beside what they count and are read from elsewhere while they
 * move: what is read may lag behind by a moment and is never torn. They order
 * nothing, hence relaxed. A zeroed one is ready.
 */
#ifndef BASE_COUNTER_H
#define BASE_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t counter;

/* Any thread. */
static inline void counter_add(counter *c, uint64_t n)
{
	atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

/* One thread at a time: its own, or that which holds the owner's lock. A load
 * and a store, no locked instruction. */
static inline void counter_add_owned(counter *c, uint64_t n)
{
	atomic_store_explicit(c,
			      atomic_load_explicit(c, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/* Something that comes and goes; the lock is the owner's. */
static inline void counter_take_owned(counter *c, uint64_t n)
{
	counter_add_owned(c, -n);
}

static inline uint64_t counter_get(const counter *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

#endif

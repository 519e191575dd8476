/* base/range.h - half-open ranges [base, base + size) without overflow
 *
 * Nobody adds a length to an address and compares: a guest chooses addresses
 * near 2^64. A range of size 0 contains nothing and overlaps nothing.
 */
#ifndef BASE_RANGE_H
#define BASE_RANGE_H

#include <stdbool.h>
#include <stdint.h>

struct range {
	uint64_t base, size;
};

/* Does [at, at + len) lie wholly inside [base, base + size)? */
static inline bool range_fits(uint64_t base, uint64_t size, uint64_t at,
			      uint64_t len)
{
	return at >= base && at - base <= size && len <= size - (at - base);
}

/* Does [base, base + size) contain @at? */
static inline bool range_has(uint64_t base, uint64_t size, uint64_t at)
{
	return at >= base && at - base < size;
}

/* Do the two ranges share a byte? */
static inline bool range_overlaps(uint64_t a, uint64_t a_size, uint64_t b,
				  uint64_t b_size)
{
	return a_size != 0 && b_size != 0 &&
	       (range_has(a, a_size, b) || range_has(b, b_size, a));
}

/* Does [base, base + size) run past 2^64 (ending exactly there is fine)? */
static inline bool range_wraps(uint64_t base, uint64_t size)
{
	return size != 0 && base > UINT64_MAX - (size - 1);
}

/* @align is a power of two. align_up(0, a) is 0; the caller rules out wrap. */
static inline uint64_t align_down(uint64_t v, uint64_t align)
{
	return v & ~(align - 1);
}

static inline uint64_t align_up(uint64_t v, uint64_t align)
{
	return (v + align - 1) & ~(align - 1);
}

static inline bool is_power_of_two(uint64_t v)
{
	return v != 0 && (v & (v - 1)) == 0;
}

/* @from, doubled until it is @least; the caller rules out that there is no such
 * number. */
static inline uint64_t doubled_to(uint64_t from, uint64_t least)
{
	while (from < least)
		from *= 2;
	return from;
}

#endif

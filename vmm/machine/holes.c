/* machine/holes.c - see holes.h */
#include "vmm/machine/holes.h"

#include <string.h>

/* The last byte: a range may end with the address space. */
static uint64_t last_of(const struct range *r)
{
	return r->base + (r->size - 1);
}

static struct range from_to(uint64_t base, uint64_t last)
{
	uint64_t n = last - base;

	/* all 2^64 bytes have no size; the last one is no loss */
	return (struct range){ base, n == UINT64_MAX ? n : n + 1 };
}

static bool touch(const struct range *low, const struct range *high)
{
	return last_of(low) == UINT64_MAX || high->base <= last_of(low) + 1;
}

/* Hole @i and its successor, and what is between them, become one. */
static void join(struct holes *h, unsigned i)
{
	uint64_t last = last_of(&h->hole[i]), next = last_of(&h->hole[i + 1]);

	h->hole[i] = from_to(h->hole[i].base, next > last ? next : last);
	h->n--;
	memmove(&h->hole[i + 1], &h->hole[i + 2],
		(h->n - i - 1) * sizeof(h->hole[0]));
}

static void join_nearest(struct holes *h)
{
	uint64_t best = UINT64_MAX;
	unsigned at = 0;

	for (unsigned i = 0; i + 1 < h->n; i++) {
		uint64_t gap = h->hole[i + 1].base - last_of(&h->hole[i]);

		if (gap < best) {
			best = gap;
			at = i;
		}
	}
	join(h, at);
}

void holes_add(struct holes *h, struct range r)
{
	unsigned i;

	if (r.size == 0 || range_wraps(r.base, r.size))
		return;
	if (h->n == HOLES_MAX)
		join_nearest(h);
	for (i = h->n++; i > 0 && h->hole[i - 1].base > r.base; i--)
		h->hole[i] = h->hole[i - 1];
	h->hole[i] = r;
	if (i > 0 && touch(&h->hole[i - 1], &h->hole[i]))
		join(h, --i);
	while (i + 1 < h->n && touch(&h->hole[i], &h->hole[i + 1]))
		join(h, i);
}

bool holes_find(const struct holes *h, uint64_t from, uint64_t size,
		uint64_t align, uint64_t *out)
{
	uint64_t at = align_up(from, align);

	for (unsigned i = 0; i < h->n && at >= from; i++) {
		const struct range *r = &h->hole[i];

		if (!range_overlaps(at, size, r->base, r->size))
			continue;
		if (last_of(r) == UINT64_MAX)
			return false;
		from = last_of(r) + 1;
		at = align_up(from, align);
	}
	if (at < from || range_wraps(at, size))
		return false;
	*out = at;
	return true;
}

uint64_t holes_next(const struct holes *h, uint64_t from)
{
	for (unsigned i = 0; i < h->n; i++)
		if (h->hole[i].base >= from)
			return h->hole[i].base;
	return UINT64_MAX;
}

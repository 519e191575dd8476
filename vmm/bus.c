/* vmm/bus.c - an address space made of regions, see bus.h
 *
 * A sorted array and a binary search. Most accesses lie inside one region and
 * have a natural width: those are one look-up and one call. The others are cut
 * at region edges into pieces of 1, 2, 4 or 8 bytes, each looked up alone.
 */
#include "vmm/bus.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/bytes.h"
#include "vmm/base/range.h"
#include "vmm/trace.h"

static int bus_build(struct bus *b, struct err *e)
{
	pthread_rwlockattr_t attr;
	int rc;

	/* vCPUs that hammer the bus must not keep a BAR from moving. Safe with
	 * this kind because nobody takes the lock twice: region ops are called
	 * without it. */
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(
		&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	rc = -pthread_rwlock_init(&b->lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	if (rc < 0)
		return err_sys(e, rc, "%s bus", b->name);
	b->open = true;
	return 0;
}

int bus_open(struct bus *b, const char *name, uint64_t limit, struct err *e)
{
	*b = (struct bus){ .name = name, .limit = limit };
	return bus_build(b, e);
}

void bus_close(struct bus *b)
{
	if (!b->open)
		return;
	for (unsigned i = 0; i < b->n; i++)
		b->regions[i]->listed = false;
	free(b->regions);
	b->regions = NULL;
	b->n = b->room = 0;
	pthread_rwlock_destroy(&b->lock);
	b->open = false;
}

/* -------- the map -------- */

/* Index of the first region that ends above @at; b->n if none does. */
static unsigned find(const struct bus *b, uint64_t at)
{
	unsigned low = 0, high = b->n;

	while (low < high) {
		unsigned mid = low + (high - low) / 2;
		const struct region *r = b->regions[mid];

		if (r->base + (r->size - 1) < at)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct region *overlapping(const struct bus *b, uint64_t base,
				  uint64_t size)
{
	unsigned i = find(b, base);

	if (i == b->n || !range_overlaps(b->regions[i]->base,
					 b->regions[i]->size, base, size))
		return NULL;
	return b->regions[i];
}

static int insert(struct bus *b, struct region *r, struct err *e)
{
	unsigned i;

	if (b->n == b->room) {
		unsigned room = b->room ? 2 * b->room : 32;
		struct region **grown;

		grown = realloc(b->regions, room * sizeof(struct region *));
		if (!grown)
			return err_sys(e, -ENOMEM, "%s bus", b->name);
		b->regions = grown;
		b->room = room;
	}
	i = find(b, r->base);
	memmove(&b->regions[i + 1], &b->regions[i],
		(b->n - i) * sizeof(struct region *));
	b->regions[i] = r;
	b->n++;
	r->listed = true;
	return 0;
}

static int check_range(const struct bus *b, const struct region *r,
		       struct err *e)
{
	if (r->size == 0)
		return err_set(e, -EINVAL, "%s bus: region %s is empty",
			       b->name, r->name);
	if (range_wraps(r->base, r->size) ||
	    (b->limit != 0 && !range_fits(0, b->limit, r->base, r->size)))
		return err_set(e, -EINVAL,
			       "%s bus: %s at %#" PRIx64 " size %#" PRIx64
			       " runs past the end",
			       b->name, r->name, r->base, r->size);
	return 0;
}

int bus_add(struct bus *b, struct region *r, struct err *e)
{
	struct region *other;
	int rc;

	assert(!r->listed);
	rc = check_range(b, r, e);
	if (rc < 0)
		return rc;
	pthread_rwlock_wrlock(&b->lock);
	other = overlapping(b, r->base, r->size);
	if (other)
		rc = err_set(e, -EEXIST,
			     "%s bus: %s at %#" PRIx64 " size %#" PRIx64
			     " overlaps %s at %#" PRIx64 " size %#" PRIx64,
			     b->name, r->name, r->base, r->size, other->name,
			     other->base, other->size);
	else
		rc = insert(b, r, e);
	pthread_rwlock_unlock(&b->lock);
	if (rc == 0)
		trace_bus_add(b, r);
	return rc;
}

void bus_remove(struct bus *b, struct region *r)
{
	unsigned i;

	if (!b->open)
		return;
	pthread_rwlock_wrlock(&b->lock);
	i = r->listed ? find(b, r->base) : b->n;
	if (i < b->n && b->regions[i] == r) {
		b->n--;
		memmove(&b->regions[i], &b->regions[i + 1],
			(b->n - i) * sizeof(struct region *));
		r->listed = false;
		trace_bus_remove(b, r);
	}
	pthread_rwlock_unlock(&b->lock);
}

bool bus_is_free(struct bus *b, uint64_t base, uint64_t size)
{
	bool free;

	pthread_rwlock_rdlock(&b->lock);
	free = !overlapping(b, base, size);
	pthread_rwlock_unlock(&b->lock);
	return free;
}

void bus_each(struct bus *b, void (*each)(const struct region *r, void *arg),
	      void *arg)
{
	if (!b->open)
		return;
	pthread_rwlock_rdlock(&b->lock);
	for (unsigned i = 0; i < b->n; i++)
		if (b->regions[i]->ops)
			each(b->regions[i], arg);
	pthread_rwlock_unlock(&b->lock);
}

/* -------- accesses -------- */

/* A piece of an access that one region, or nobody, answers as a whole. */
struct piece {
	struct region *region; /* NULL: nobody */
	uint64_t off;
	unsigned len;
};

static unsigned natural_width(unsigned n)
{
	return n >= 8 ? 8 : n >= 4 ? 4 : n >= 2 ? 2 : 1;
}

/* The first piece of [at, at + len), which does not wrap. */
static struct piece look_up(struct bus *b, uint64_t at, unsigned len)
{
	struct piece p = { .off = at, .len = len };
	struct region *r = NULL;
	uint64_t left = len;
	unsigned i;

	pthread_rwlock_rdlock(&b->lock);
	i = find(b, at);
	if (i < b->n)
		r = b->regions[i];
	if (r && at >= r->base) {
		p.region = r;
		p.off = at - r->base;
		left = r->size - p.off;
	} else if (r) {
		left = r->base - at;
	}
	pthread_rwlock_unlock(&b->lock);
	if (left < len)
		p.len = (unsigned)left;
	if (p.region)
		p.len = natural_width(p.len);
	return p;
}

static uint64_t piece_read(struct bus *b, const struct piece *p)
{
	struct region *r = p->region;
	uint64_t v;

	if (!r || !r->ops || !r->ops->read) {
		counter_add(&b->nobody_reads, 1);
		trace_bus_nobody(b, "read", p->off, p->len);
		return all_ones(p->len);
	}
	counter_add(&r->reads, 1);
	if (r->lock)
		pthread_mutex_lock(r->lock);
	v = r->ops->read(r, p->off, p->len) & all_ones(p->len);
	if (r->lock)
		pthread_mutex_unlock(r->lock);
	trace_region_read(r, p->off, p->len, v);
	return v;
}

static void piece_write(struct bus *b, const struct piece *p, uint64_t v)
{
	struct region *r = p->region;

	v &= all_ones(p->len);
	if (!r || !r->ops || !r->ops->write) {
		counter_add(&b->nobody_writes, 1);
		trace_bus_nobody(b, "write", p->off, p->len);
		return;
	}
	counter_add(&r->writes, 1);
	trace_region_write(r, p->off, p->len, v);
	if (r->lock)
		pthread_mutex_lock(r->lock);
	r->ops->write(r, p->off, p->len, v);
	if (r->lock)
		pthread_mutex_unlock(r->lock);
}

/* How many of @len bytes at @at are on the bus: nothing answers past its end,
 * and nothing wraps around to its start. */
static unsigned bytes_on_bus(const struct bus *b, uint64_t at, unsigned len)
{
	uint64_t room = b->limit - at; /* limit 0: 2^64, right modulo 2^64 */

	if (b->limit != 0 && at >= b->limit)
		return 0;
	return at != 0 && room < len ? (unsigned)room : len;
}

uint64_t bus_read(struct bus *b, uint64_t at, unsigned len)
{
	unsigned n = bytes_on_bus(b, at, len);
	uint64_t v = all_ones(len);
	struct piece p;

	assert(len >= 1 && len <= 8);
	for (unsigned i = 0; i < n; i += p.len) {
		p = look_up(b, at + i, n - i);
		v &= ~(all_ones(p.len) << (8 * i));
		v |= piece_read(b, &p) << (8 * i);
	}
	return v;
}

void bus_write(struct bus *b, uint64_t at, unsigned len, uint64_t v)
{
	unsigned n = bytes_on_bus(b, at, len);
	struct piece p;

	assert(len >= 1 && len <= 8);
	for (unsigned i = 0; i < n; i += p.len) {
		p = look_up(b, at + i, n - i);
		piece_write(b, &p, v >> (8 * i));
	}
}

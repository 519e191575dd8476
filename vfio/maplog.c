/* vfio/maplog.c - see maplog.h */
#include "vfio/maplog.h"

static void mapped(struct maplog *l, uint64_t at, uint64_t size, uint64_t ns,
		   uint64_t is_bar)
{
	uint64_t i =
		atomic_fetch_add_explicit(&l->maps, 1, memory_order_relaxed);
	struct maplog_entry *m;

	counter_add(&l->bytes, size);
	counter_add(&l->ns, ns);
	if (i >= MAPLOG_MAX)
		return;
	m = &l->entry[i];
	counter_add(&m->at, at);
	counter_add(&m->size, size);
	counter_add(&m->is_bar, is_bar);
	/* Pairs with the acquire of who reads entries. */
	atomic_store_explicit(&m->ns, ns != 0 ? ns : 1, memory_order_release);
}

void maplog_ram(struct maplog *l, uint64_t at, uint64_t size, uint64_t ns)
{
	mapped(l, at, size, ns, 0);
}

void maplog_bar(struct maplog *l, uint64_t at, uint64_t size, uint64_t ns)
{
	mapped(l, at, size, ns, 1);
}

void maplog_unmapped(struct maplog *l)
{
	counter_add(&l->unmaps, 1);
}

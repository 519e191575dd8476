/* pcie/traps.c - see traps.h. Drivers poll one register, so the entry that was
 * used last is tried first. */
#include "pcie/traps.h"

static struct traps_page *entry(struct traps *t, uint64_t off)
{
	uint64_t key = off / TRAPS_PAGE_SIZE + 1;

	if (counter_get(&t->page[t->last].key) == key)
		return &t->page[t->last];
	for (unsigned i = 0; i < TRAPS_PAGES; i++) {
		uint64_t there = counter_get(&t->page[i].key);

		if (there != 0 && there != key)
			continue;
		if (there == 0)
			counter_add_owned(&t->page[i].key, key);
		t->last = i;
		return &t->page[i];
	}
	return &t->other;
}

void traps_read(struct traps *t, uint64_t off)
{
	counter_add_owned(&entry(t, off)->reads, 1);
}

void traps_write(struct traps *t, uint64_t off)
{
	counter_add_owned(&entry(t, off)->writes, 1);
}

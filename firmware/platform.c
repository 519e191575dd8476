/* firmware/platform.c - see platform.h */
#include "firmware/platform.h"

#include <assert.h>

void platform_add(struct platform *p, uint64_t base, uint64_t size,
		  enum platform_memory kind)
{
	unsigned i = p->n_map++;

	assert(i < PLATFORM_MAX_RANGES);
	for (; i > 0 && p->map[i - 1].range.base > base; i--)
		p->map[i] = p->map[i - 1];
	p->map[i] = (struct platform_range){ { base, size }, kind };
}

/* firmware/platform.c - see platform.h */
#include "firmware/platform.h"

#include <assert.h>

void platform_add(struct platform *p, uint64_t base, uint64_t size,
		  enum platform_memory kind)
{
	unsigned i = p->n_map++;

	assert(i < PLATFORM_MAX_RANGES);
	assert(size != 0 && !range_wraps(base, size));
	for (; i > 0 && p->map[i - 1].range.base > base; i--)
		p->map[i] = p->map[i - 1];
	p->map[i] = (struct platform_range){ { base, size }, kind };
	assert(i == 0 || !range_overlaps(p->map[i - 1].range.base,
					 p->map[i - 1].range.size, base, size));
	assert(i + 1 == p->n_map ||
	       !range_overlaps(base, size, p->map[i + 1].range.base,
			       p->map[i + 1].range.size));
}

void platform_check(const struct platform *p)
{
	assert(p->n_cpus >= 1 && p->n_cpus <= PLATFORM_MAX_CPUS);
	assert(p->n_ports <= PLATFORM_MAX_PORTS);
	assert(p->n_buses >= 1 && p->n_buses <= 256);
	assert(p->ecam.size >= (uint64_t)p->n_buses << 20);
	assert(p->intx_gsis >= 1 &&
	       p->intx_gsi_base + p->intx_gsis <= p->n_gsi);
	assert(!range_overlaps(p->ecam.base, p->ecam.size, p->mem32.base,
			       p->mem32.size));
	assert(!range_overlaps(p->ecam.base, p->ecam.size, p->mem64.base,
			       p->mem64.size));
	for (unsigned i = 0; i < p->n_map; i++) {
		const struct range *r = &p->map[i].range;

		assert(!range_overlaps(r->base, r->size, p->mem32.base,
				       p->mem32.size));
		assert(!range_overlaps(r->base, r->size, p->mem64.base,
				       p->mem64.size));
	}
}

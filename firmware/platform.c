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

static bool apart(struct range a, struct range b)
{
	return !range_overlaps(a.base, a.size, b.base, b.size);
}

static void check_windows(const struct platform *p)
{
	const struct range config_ports = { 0xcf8, 8 }; /* CF8 and CFC */

	assert(p->io.size != 0);
	assert(range_fits(0, 0x10000, p->io.base, p->io.size));
	assert(apart(p->io, config_ports));
	assert(p->mem32.size != 0);
	assert(range_fits(0, UINT64_C(1) << 32, p->mem32.base, p->mem32.size));
	assert(!range_wraps(p->mem64.base, p->mem64.size));
	assert(apart(p->mem32, p->mem64));
	assert(apart(p->ecam, p->mem32) && apart(p->ecam, p->mem64));
	for (unsigned i = 0; i < p->n_map; i++)
		assert(apart(p->map[i].range, p->mem32) &&
		       apart(p->map[i].range, p->mem64));
}

void platform_check(const struct platform *p)
{
	assert(p->n_cpus >= 1 && p->n_cpus <= PLATFORM_MAX_CPUS);
	assert(p->n_ports <= PLATFORM_MAX_PORTS);
	assert(p->n_buses >= 1 && p->n_buses <= 256);
	assert(p->ecam.size >= (uint64_t)p->n_buses << 20);
	assert(p->intx_gsis >= 1 &&
	       p->intx_gsi_base + p->intx_gsis <= p->n_gsi);
	assert(p->lapic <= UINT32_MAX && p->ioapic <= UINT32_MAX);
	assert(p->power_port != 0);
	check_windows(p);
}

/* machine/stats_json.h - the parts of a report, as JSON
 *
 * Each reads counters that move meanwhile, and takes no lock but those of the
 * buses. Where memory is short a field is missing.
 */
#ifndef MACHINE_STATS_JSON_H
#define MACHINE_STATS_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "vmm/machine/machine.h"

/* Put @v, taken over, into @o. */
static inline void stats_set(json_t *o, const char *key, json_t *v)
{
	(void)json_object_set_new(o, key, v);
}

static inline void stats_set_number(json_t *o, const char *key, uint64_t v)
{
	stats_set(o, key, json_integer((json_int_t)v));
}

static inline void stats_set_reads_writes(json_t *o, const counter *reads,
					  const counter *writes)
{
	stats_set_number(o, "reads", counter_get(reads));
	stats_set_number(o, "writes", counter_get(writes));
}

/* @text need not be UTF-8: a path is what it is. Other bytes become '?'. */
void stats_set_text(json_t *o, const char *key, const char *text);

/* Assigned functions, and what was mapped for their DMA: arrays. In
 * stats_functions.c. */
json_t *stats_of_functions(const struct assignment *a);
json_t *stats_of_dma(const struct assignment *a);

/* What @m counted, in several fields of one object; times count from @began_ns.
 * In stats_machine.c. */
json_t *stats_of_machine(struct machine *m, uint64_t began_ns);

#endif

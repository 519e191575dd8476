/* machine/phases.h - the steps of building a machine, and when each ended
 *
 * For the trace and for --stats. The main thread writes; others may read at
 * any time what was complete then.
 */
#ifndef MACHINE_PHASES_H
#define MACHINE_PHASES_H

#include <stdatomic.h>
#include <stdint.h>

enum { PHASES_MAX = 64 };

struct phase {
	const char *what, *which; /* borrowed; which: "" or a function */
	uint64_t end_ns;	  /* sys_now_ns */
};

struct phases {
	struct phase phase[PHASES_MAX];
	atomic_uint n; /* of them are complete */
};

/* @what of @which is done. Without @p, and beyond PHASES_MAX, it is traced
 * only. */
void phase_ended(struct phases *p, const char *what, const char *which);

#endif

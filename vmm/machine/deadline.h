/* machine/deadline.h - the time limit, which holds in every phase
 *
 * A thread of its own, because building a VM makes host calls that may sleep
 * for a minute. When time is up it stops the VM; if the program is not gone a
 * grace period later (a host call hangs), it runs the last words, two seconds
 * at most, and leaves with _exit: the kernel then closes what is open, and
 * closing a VFIO device resets it.
 */
#ifndef MACHINE_DEADLINE_H
#define MACHINE_DEADLINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/err.h"

enum { DEADLINE_GRACE_S = 10, DEADLINE_WORDS_S = 2 };

struct deadline {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool started, done;
	uint64_t at_ns;				/* CLOCK_MONOTONIC */
	void (*begun)(struct deadline *d);	/* on its thread, first */
	void (*expired)(struct deadline *d);	/* on its thread */
	void (*last_words)(struct deadline *d); /* before _exit(124) */
};

/* @seconds 0: no limit, no thread. The callbacks are filled in. */
int deadline_start(struct deadline *d, unsigned seconds, struct err *e);
/* No callback runs after this; safe if never started (zeroed). */
void deadline_stop(struct deadline *d);

#endif

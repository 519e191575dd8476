/* machine/stats.h - what --stats writes, and when
 *
 * A report is written when the program ends, however it does, and while it
 * runs whenever SIGUSR1 comes. docs/stats.md says what is in it. What could
 * not be written costs a line on stderr, and nothing else: the exit status
 * belongs to the guest.
 *
 * Order: stats_start, with the process's first thread; stats_watch, once there
 * is a loop; stats_keep, while the machine is whole; stats_end at the very end.
 */
#ifndef MACHINE_STATS_H
#define MACHINE_STATS_H

#include <stdint.h>

#include "vmm/base/err.h"
#include "vmm/loop.h"

struct json_t;
struct ledger;
struct machine;

struct stats {
	const char *path; /* NULL: nobody asked for any */
	uint64_t began_ns;
	int held; /* where reports go, if not to a new file by that name */
	int signal_fd;
	struct loop_fd signals;
	struct machine *machine;     /* that SIGUSR1 asks about; NULL: none */
	struct json_t *kept;	     /* of a machine that is gone, or NULL */
	const struct ledger *ledger; /* of its end; NULL: not written yet */
	const char *cause;	     /* of the end; NULL: it runs */
	struct err why;
};

#define STATS_EMPTY ((struct stats){ .held = -1, .signal_fd = -1 })

/* SIGUSR1 does no harm from now on, and is waited for in all later threads.
 * @path is borrowed; NULL: no report is ever written. Fails early where the
 * report cannot be written at the end. */
int stats_start(struct stats *s, const char *path, struct err *e);
/* Answer SIGUSR1 with a report about @m, until stats_unwatch. */
int stats_watch(struct stats *s, struct machine *m, struct err *e);
void stats_unwatch(struct stats *s); /* safe if not watching */
/* Why it ends: borrowed words, and a sentence (copied) or NULL. The first one
 * stays. */
void stats_cause(struct stats *s, const char *cause, const struct err *why);
/* @m is about to go: remember what it counted. Takes no lock that is held
 * while a host call is made. */
void stats_keep(struct stats *s, struct machine *m);
/* The last report. Any thread, but one at a time. */
void stats_end(struct stats *s, int status);
/* Safe if never started, and twice. */
void stats_stop(struct stats *s);

#endif

/* base/trace.h - typed trace points and the log
 *
 * A trace point is a function with typed parameters, declared in the room's
 * own trace.h by TRACE_POINT, so that file is also the list of things worth
 * watching. While its category is off it costs one predictable branch and its
 * arguments are not formatted. A line says when, who (thread), what
 * (category) and the event:
 *
 *     0.918840 vcpu0  pci    01:00.0 write 0x010/4 BAR0 = 0xffffffff
 *
 * The log (log_error .. log_debug) goes to stderr and is for the operator; its
 * lines are limited in rate wherever the guest can cause them, see
 * struct log_limit, and are lost if nobody reads them. Who reads a trace may be
 * slow: it is waited for. This file and trace.c hold the program's only
 * writable globals.
 */
#ifndef BASE_TRACE_H
#define BASE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/err.h"

enum trace_category {
	TRACE_HOST,  /* calls to the host kernel */
	TRACE_KVM,   /* exits, slots, vCPUs */
	TRACE_BUS,   /* region accesses, regions that come and go */
	TRACE_PCI,   /* config space and BARs */
	TRACE_MSI,   /* routes and vectors */
	TRACE_INTX,  /* INTx lines */
	TRACE_VFIO,  /* assigned functions */
	TRACE_DMA,   /* IOVA maps */
	TRACE_DEV,   /* our own devices */
	TRACE_BOOT,  /* what firmware would do, phases with their time */
	TRACE_GUEST, /* the guest did what hardware would not expect */
	TRACE_CATEGORIES
};

extern uint32_t trace_enabled_; /* bit per category; set before threads start */

static inline bool trace_on(enum trace_category c)
{
	return __builtin_expect((trace_enabled_ >> c) & 1, 0);
}

/* "host,pci,msi" or "all", then ":FILE" for another place than stderr. */
int trace_start(const char *spec, struct err *e);
void trace_stop(void);

/* The name that this thread has in trace lines; @name must outlive it. */
void trace_thread(const char *name);

void trace_line(enum trace_category c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#define TRACE_POINT(CAT, name, params, ...)                   \
	static inline void trace_##name params                \
	{                                                     \
		if (trace_on(TRACE_##CAT))                    \
			trace_line(TRACE_##CAT, __VA_ARGS__); \
	}

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* "error", "warn", "info" or "debug"; the default is warn. */
int log_set_level(const char *name, struct err *e);
bool log_on(enum log_level level);

/* Is there room for a line of the log, now or soon? It counts as lost if not.
 */
bool log_is_read(void);

void log_line(enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

/* A token bucket: at most LOG_LIMIT_BURST lines, then one a second; what was
 * dropped is counted and said with the next line that passes. One per device
 * and class of message, zero-initialised, under the device's lock. */
#define LOG_LIMIT_BURST 5
struct log_limit {
	unsigned used, dropped;
	uint64_t last_ns;
};

void log_limited(struct log_limit *l, enum log_level level, const char *fmt,
		 ...) __attribute__((format(printf, 3, 4)));

#endif

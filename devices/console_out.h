/* devices/console_out.h - bytes on their way from the guest to the host
 *
 * A vCPU that prints must not wait for whoever reads. So a byte goes into a
 * buffer, a timer runs, and a few milliseconds later the event loop writes all
 * that collected in one call: a guest that prints byte by byte costs no system
 * call for each. When the buffer is full the vCPU writes itself, and waits up
 * to a second for the reader; one that has not moved by then counts as gone,
 * and what it misses is counted and dropped until it reads again.
 *
 * Lock: one, a leaf, around the buffer and the writing.
 */
#ifndef DEVICES_CONSOLE_OUT_H
#define DEVICES_CONSOLE_OUT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/err.h"
#include "vmm/loop.h"

enum { CONSOLE_OUT_SIZE = 65536, CONSOLE_OUT_DELAY_MS = 5 };

struct console_out {
	uint64_t lost; /* bytes that nobody read */
	pthread_mutex_t lock;
	struct loop *loop;
	int fd; /* borrowed; -1: bytes vanish */
	int timer_fd;
	struct loop_fd timer;
	bool armed;   /* the timer will flush */
	bool stalled; /* the reader did not move for a second */
	size_t n;
	uint8_t buf[CONSOLE_OUT_SIZE];
};

#define CONSOLE_OUT_EMPTY      \
	((struct console_out){ \
		.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1, .timer_fd = -1 })

/* Start one that is CONSOLE_OUT_EMPTY. @fd does not block, or only for a moment
 * (a regular file); it is borrowed until console_out_stop. */
int console_out_start(struct console_out *o, int fd, struct loop *loop,
		      struct err *e);
/* Write what is left, waiting at most a second for the reader. Safe on an
 * empty or zeroed one, half started, and twice. */
void console_out_stop(struct console_out *o);

/* Any thread. */
void console_out_write(struct console_out *o, const uint8_t *from, size_t n);

#endif

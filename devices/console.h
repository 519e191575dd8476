/* devices/console.h - where the serial port's bytes go
 *
 * stdio (the terminal is put into raw mode, and back on every way out; Ctrl-a x
 * quits, Ctrl-a a sends Ctrl-a), none, file:PATH (output only), or pty (the
 * path of its other side is logged). The event loop watches for input; output
 * is console_out.h's.
 *
 * Input flows like this, all on the main thread: what was read is held here
 * and offered to the user (the serial port), who takes what it has room for
 * and calls console_ready, from any thread, once it has room again. While
 * bytes are held a pipe or pty is not read; a terminal is, so that Ctrl-a x
 * works with a guest that hangs, and bytes beyond CONSOLE_HELD are dropped.
 *
 * Not modelled: if minivmm itself is killed or crashes, the terminal stays
 * raw; `reset` repairs it.
 */
#ifndef DEVICES_CONSOLE_H
#define DEVICES_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

#include "devices/console_out.h"
#include "vmm/base/err.h"
#include "vmm/loop.h"

enum { CONSOLE_HELD = 16384 };

/* Who gets the input; embedded in its owner. */
struct console_user {
	/* Take up to @n bytes for the guest and return how many; if fewer,
	 * console_ready must follow once there is room. Main thread, no lock
	 * held. */
	size_t (*take)(struct console_user *u, const uint8_t *from, size_t n);
};

struct console {
	/* Ctrl-a x: main thread. Set by the board; may be NULL. */
	void (*quit)(struct console *c);
	char pty_path[64]; /* the other side; empty: no pty */
	struct loop *loop; /* NULL: not open */
	struct console_user *user;

	int in, in_fd;	      /* -1: none; what we opened is in the second */
	bool terminal;	      /* is read even while bytes are held */
	bool escapes;	      /* Ctrl-a is a command */
	bool escape;	      /* it came */
	bool ended;	      /* end of file */
	bool unwatchable;     /* epoll refuses it: a file, /dev/null */
	struct loop_fd watch; /* of in */
	int wake_fd;	      /* eventfd: console_ready */
	struct loop_fd wake;
	size_t held_at, n_held; /* not yet taken, in held[] */
	uint8_t held[CONSOLE_HELD];

	bool raw; /* saved has the settings to restore */
	struct termios saved;

	int out_fd, spare_fd; /* what we opened; -1 */
	bool nonblock;	      /* we made the shared stdout so */
	struct console_out out;
};

/* Is @spec one of the above? Touches nothing. */
int console_check(const char *spec, struct err *e);

int console_open(struct console *c, const char *spec, struct loop *loop,
		 struct err *e);
/* Restores the terminal, writes what is left. Safe half-built, zeroed, twice,
 * and while others write. */
void console_close(struct console *c);
#define CONSOLE_EMPTY                                                  \
	((struct console){ .in = -1,                                   \
			   .in_fd = -1,                                \
			   .wake_fd = -1,                              \
			   .out_fd = -1,                               \
			   .spare_fd = -1,                             \
			   .out = { .lock = PTHREAD_MUTEX_INITIALIZER, \
				    .fd = -1,                          \
				    .timer_fd = -1 } })

/* Send input to @u from now on; NULL: hold it. Main thread. */
void console_connect(struct console *c, struct console_user *u);
/* The user has room again; any thread. */
void console_ready(struct console *c);
/* Any thread; never waits for good. */
void console_write(struct console *c, const uint8_t *buf, size_t n);

#endif

/* devices/console.h - where the serial port's bytes go
 *
 * stdio (terminal in raw mode, restored on every way out; Ctrl-a x quits,
 * Ctrl-a a sends Ctrl-a), none, file:PATH (output only), or pty (its path is
 * logged). Input is watched by the event loop; output never blocks the guest
 * for good: a reader that does not read loses bytes, counted.
 */
#ifndef DEVICES_CONSOLE_H
#define DEVICES_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

#include "vmm/base/err.h"
#include "vmm/loop.h"

struct console {
	struct loop *loop;
	int in, out; /* -1: none */
	bool own_fds;
	bool raw; /* terminal settings to restore */
	struct termios saved;
	bool escape; /* Ctrl-a came */
	uint64_t lost;
	struct loop_fd watch;
	/* Bytes for the guest: main thread. Returns how many were taken; the
	 * rest is offered again after console_ready. Set by the UART. */
	size_t (*input)(struct console *c, const uint8_t *buf, size_t n);
	/* Ctrl-a x: main thread. Set by the board. */
	void (*quit)(struct console *c);
	uint8_t held[256]; /* read, not yet taken by the guest */
	size_t n_held;
};

/* @spec as above. */
int console_open(struct console *c, const char *spec, struct loop *loop,
		 struct err *e);
void console_close(struct console *c); /* restores the terminal; twice is ok */
#define CONSOLE_EMPTY ((struct console){ .in = -1, .out = -1 })
/* Any thread. */
void console_write(struct console *c, const uint8_t *buf, size_t n);
/* The guest has room again; any thread. */
void console_ready(struct console *c);

#endif

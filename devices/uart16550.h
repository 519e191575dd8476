/* devices/uart16550.h - a 16550A serial port (National PC16550D)
 *
 * Eight ports; receive FIFO of 16 bytes; a byte sent is gone at once, so the
 * transmitter is always empty and Linux never waits. The interrupt is an ISA
 * edge, and as on every PC it gets out only while MCR.OUT2 is set. At the other
 * end of the line is a console that honours RTS: input waits until the guest
 * raises it, so that nothing typed is lost while a driver clears its FIFO.
 *
 * Not modelled: the line's speed and format (kept, without effect), break,
 * parity, framing and overrun errors (LSR never shows any), and the time a
 * receive time-out takes: it is there as soon as a byte waits below the
 * trigger level.
 */
#ifndef DEVICES_UART16550_H
#define DEVICES_UART16550_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "devices/console.h"
#include "vmm/base/trace.h"
#include "vmm/bus.h"
#include "vmm/vm.h"

enum { UART16550_PORTS = 8, UART16550_FIFO = 16 };

struct uart16550 {
	struct region region;
	pthread_mutex_t lock; /* around everything below */
	struct vm *vm;	      /* NULL: not open */
	struct console *console;
	struct console_user wire; /* the console's input */
	unsigned gsi;
	uint8_t ier, fcr, lcr, mcr, scr, dll, dlm;
	uint8_t msr_delta; /* what changed since MSR was read, bits 3:0 */
	bool thr_pending;  /* a THR-empty interrupt not yet read from IIR */
	bool hungry;	   /* the console waits for console_ready */
	uint8_t fifo[UART16550_FIFO];
	unsigned head, count;
	int level; /* of the interrupt line */
	struct log_limit limit;
};

/* On the port bus at @port. @console and @vm are borrowed. */
int uart16550_open(struct uart16550 *u, struct vm *vm, struct console *console,
		   uint16_t port, unsigned gsi, struct err *e);
/* All registers as at power-on, the line low; what the console holds stays. */
void uart16550_reset(struct uart16550 *u);
/* After the vCPUs were joined; safe if zeroed, and twice. */
void uart16550_close(struct uart16550 *u);

#endif

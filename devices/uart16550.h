/* devices/uart16550.h - a 16550A serial port
 *
 * Eight ports; receive FIFO of 16 bytes, transmit at once (THR is always
 * empty, so Linux never waits). The interrupt line is an ISA edge.
 */
#ifndef DEVICES_UART16550_H
#define DEVICES_UART16550_H

#include <pthread.h>

#include "devices/console.h"
#include "vmm/vm.h"

struct uart16550 {
	struct region region;
	pthread_mutex_t lock;
	struct vm *vm;
	struct console *console;
	unsigned gsi;
	uint8_t ier, lcr, mcr, scr, fcr, dll, dlm, lsr;
	bool thr_pending; /* a THR-empty interrupt not yet read from IIR */
	uint8_t fifo[16];
	unsigned head, count;
	int level;
	bool listed;
};

/* On the port bus at @port. @console and @vm borrowed. */
int uart16550_open(struct uart16550 *u, struct vm *vm, struct console *console,
		   uint16_t port, unsigned gsi, struct err *e);
void uart16550_close(struct uart16550 *u); /* safe if zeroed */

#endif

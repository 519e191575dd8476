/* devices/i8042.h - the keyboard controller of a PC, with nothing plugged in
 *
 * Guests touch it for one reason: a pulse on its output line 0 resets the
 * machine. The FADT says that there is no i8042, but a guest may look anyway;
 * then the controller is there and well, both of its ports report that no
 * keyboard and no mouse is connected, and a driver gives up at once instead of
 * waiting for answers.
 *
 * Not modelled: interrupts, key lock, the A20 gate (always open).
 */
#ifndef DEVICES_I8042_H
#define DEVICES_I8042_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/bus.h"
#include "vmm/vm.h"

enum { I8042_DATA_PORT = 0x60, I8042_COMMAND_PORT = 0x64 };

struct i8042 {
	struct region data_region, command_region;
	pthread_mutex_t lock; /* around everything below */
	struct vm *vm;	      /* NULL: not open */
	uint8_t control;      /* the command byte */
	uint8_t output;	      /* for the guest to read */
	bool full;	      /* output was not read yet */
	bool last_was_command;
	uint8_t pending; /* a command that waits for its byte; 0: none */
};

int i8042_open(struct i8042 *k, struct vm *vm, struct err *e);
/* As at power-on. */
void i8042_reset(struct i8042 *k);
/* After the vCPUs were joined; safe if zeroed, and twice. */
void i8042_close(struct i8042 *k);

#endif

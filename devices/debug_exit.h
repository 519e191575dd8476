/* devices/debug_exit.h - a port that ends the VM with a status
 *
 * A byte of 1 to 123 written there is minivmm's exit status: test guests say
 * how they ended. Other values end the VM as a failure that names the value.
 * Only there with --debug-exit; reads find nobody.
 */
#ifndef DEVICES_DEBUG_EXIT_H
#define DEVICES_DEBUG_EXIT_H

#include <stdint.h>

#include "vmm/bus.h"
#include "vmm/vm.h"

/* Larger ones are minivmm's own, see docs/minivmm.1. */
enum { DEBUG_EXIT_MAX = 123 };

struct debug_exit {
	struct region region;
	struct vm *vm; /* NULL: not open */
};

/* On the port bus at @port. -EEXIST: another device is there. */
int debug_exit_open(struct debug_exit *d, struct vm *vm, uint16_t port,
		    struct err *e);
/* After the vCPUs were joined; safe if zeroed, and twice. */
void debug_exit_close(struct debug_exit *d);

#endif

/* devices/power.h - sleep and reset registers (ACPI 6.5 4.8.3.6, 4.8.3.7)
 *
 * Three ports of a hardware-reduced ACPI machine: sleep control, sleep status
 * and reset. Writing the S5 type with SLP_EN powers off, writing the reset
 * value reboots; either stops the VM.
 *
 * Not modelled: other sleep states. A guest that enters one although the DSDT
 * offers none is woken at once.
 */
#ifndef DEVICES_POWER_H
#define DEVICES_POWER_H

#include <pthread.h>
#include <stdint.h>

#include "vmm/bus.h"
#include "vmm/vm.h"

enum { POWER_PORTS = 3 };

struct power {
	struct region region;
	pthread_mutex_t lock; /* around everything below */
	struct vm *vm;	      /* NULL: not open */
	uint8_t s5_type, reset_value;
	uint8_t control, status; /* as read */
};

/* On the port bus at @port. @s5_type is what the DSDT's \_S5 says,
 * @reset_value what the FADT says. */
int power_open(struct power *p, struct vm *vm, uint16_t port, uint8_t s5_type,
	       uint8_t reset_value, struct err *e);
/* As at power-on. */
void power_reset(struct power *p);
/* After the vCPUs were joined; safe if zeroed, and twice. */
void power_close(struct power *p);

#endif

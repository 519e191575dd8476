/* devices/legacy.h - the small ports of a PC, as one set
 *
 * i8042, power, pvpanic, debug exit, and the POST code port 0x80, which
 * swallows what is written: guests use it for short delays. Each has a file of
 * its own; the board opens and closes them together.
 */
#ifndef DEVICES_LEGACY_H
#define DEVICES_LEGACY_H

#include <stdint.h>

#include "devices/debug_exit.h"
#include "devices/i8042.h"
#include "devices/power.h"
#include "devices/pvpanic.h"
#include "devices/rtc.h"
#include "vmm/vm.h"

enum { LEGACY_POST_PORT = 0x80 };

struct legacy_ports {
	struct vm *vm; /* NULL: not open */
	struct i8042 i8042;
	struct power power;
	struct pvpanic pvpanic;
	struct debug_exit debug_exit;
	struct region post;
};

struct legacy_config {
	uint16_t power_port; /* three ports */
	uint8_t s5_type, reset_value;
	uint16_t pvpanic_port;
	int debug_exit_port; /* -1: none */
};

int legacy_open(struct legacy_ports *l, struct vm *vm,
		const struct legacy_config *c, struct err *e);
/* As at power-on; those not named in legacy.c hold no state. */
void legacy_reset(struct legacy_ports *l);
/* After the vCPUs were joined; safe half-built, zeroed, and twice. */
void legacy_close(struct legacy_ports *l);

#endif

/* devices/legacy.h - the few ISA-era ports that guests still touch
 *
 * RTC/CMOS (0x70/0x71): date and time, RAM bytes; no alarms or periodic
 *   interrupts, which Linux then does without.
 * i8042 (0x60/0x64): status says idle; command 0xfe resets.
 * power (three ports): ACPI sleep control (S5), sleep status, reset.
 * debug exit: a byte written ends the VM with that status (1..123; others are
 *   reported as failure 125 by the machine).
 * pvpanic (one port): reads its events; bit 0 written: the guest panicked.
 * POST codes (0x80): swallowed, so that a delay loop is no unknown port.
 */
#ifndef DEVICES_LEGACY_H
#define DEVICES_LEGACY_H

#include <pthread.h>

#include "vmm/vm.h"

struct rtc {
	struct region region;
	pthread_mutex_t lock;
	uint8_t index;
	uint8_t ram[128];
	bool listed;
};
int rtc_open(struct rtc *r, struct vm *vm, struct err *e);
void rtc_close(struct rtc *r, struct vm *vm);

struct legacy_ports {
	struct vm *vm;
	struct region i8042_data, i8042_command, power, debug_exit, pvpanic, post;
	uint8_t power_status;
};

struct legacy_config {
	uint16_t power_port; /* three ports */
	uint8_t s5_type, reset_value;
	uint16_t pvpanic_port;
	int debug_exit_port; /* -1: none */
};
int legacy_open(struct legacy_ports *l, struct vm *vm,
		const struct legacy_config *c, struct err *e);
void legacy_close(struct legacy_ports *l); /* safe if zeroed */

#endif

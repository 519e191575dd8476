/* devices/rtc.h - the clock and CMOS RAM of a PC (MC146818)
 *
 * Two ports: index and data. Ten registers are date and time, in BCD or binary
 * and 12 or 24 hours as register B says; 0x32 is the century (the FADT names
 * it); four are control; the rest is RAM. Time is the host's, in UTC, plus what
 * the guest set it ahead: that is kept until minivmm ends and changes nothing
 * on the host.
 *
 * Not modelled: alarm, periodic and update interrupts (no interrupt is
 * described to the guest, so Linux's rtc-cmos offers none; flags in register C
 * stay 0); the update cycle (UIP is never set, a read across the turn of a
 * second is the guest's to repeat, as Linux does); daylight saving; RAM does
 * not outlive minivmm.
 */
#ifndef DEVICES_RTC_H
#define DEVICES_RTC_H

#include <pthread.h>
#include <stdint.h>

#include "vmm/bus.h"
#include "vmm/vm.h"

enum { RTC_PORT = 0x70, RTC_PORTS = 2, RTC_REGISTERS = 128 };

struct rtc {
	struct region region;
	pthread_mutex_t lock; /* around everything below */
	uint8_t index;
	/* What was stored. Date and time are in it only while register B's SET
	 * bit holds the clock. */
	uint8_t ram[RTC_REGISTERS];
	int64_t ahead_s; /* of the host's clock */
};

/* On @vm's port bus. */
int rtc_open(struct rtc *r, struct vm *vm, struct err *e);
/* The index and the control registers as at power-on. Time and RAM live on a
 * battery and stay. */
void rtc_reset(struct rtc *r);
/* After the vCPUs were joined; safe if zeroed, and twice. */
void rtc_close(struct rtc *r, struct vm *vm);

#endif

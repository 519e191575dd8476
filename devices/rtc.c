/* devices/rtc.c - see rtc.h */
#include "devices/rtc.h"

#include <stdbool.h>
#include <time.h>

#include "devices/trace.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"

/* Motorola MC146818A, "Register description"; the century by convention. */
enum {
	RTC_SECONDS = 0x00,
	RTC_MINUTES = 0x02,
	RTC_HOURS = 0x04,
	RTC_WEEKDAY = 0x06, /* 1: Sunday */
	RTC_DAY = 0x07,
	RTC_MONTH = 0x08,
	RTC_YEAR = 0x09,
	RTC_A = 0x0a,
	RTC_B = 0x0b,
	RTC_C = 0x0c,
	RTC_D = 0x0d,
	RTC_CENTURY = 0x32,

	RTC_A_UIP = 0x80,
	RTC_A_DEFAULT = 0x26, /* 32 kHz, 1024 Hz */
	RTC_B_SET = 0x80,
	RTC_B_BINARY = 0x04,
	RTC_B_24H = 0x02,
	RTC_D_VALID = 0x80,
	RTC_HOURS_PM = 0x80,
	RTC_INDEX = 0x7f, /* bit 7 of the index port masks NMIs */
};

/* -------- how register B wants numbers -------- */

static uint8_t encode(const struct rtc *r, int v)
{
	if (r->ram[RTC_B] & RTC_B_BINARY)
		return (uint8_t)v;
	return (uint8_t)(v / 10 % 10 << 4 | v % 10);
}

/* -1: not a number. */
static int decode(const struct rtc *r, uint8_t v)
{
	if (r->ram[RTC_B] & RTC_B_BINARY)
		return v;
	if ((v & 0xf) > 9 || v >> 4 > 9)
		return -1;
	return (v >> 4) * 10 + (v & 0xf);
}

static uint8_t encode_hour(const struct rtc *r, int hour)
{
	if (r->ram[RTC_B] & RTC_B_24H)
		return encode(r, hour);
	return encode(r, hour % 12 ? hour % 12 : 12) |
	       (hour >= 12 ? RTC_HOURS_PM : 0);
}

static int decode_hour(const struct rtc *r, uint8_t v)
{
	int hour;

	if (r->ram[RTC_B] & RTC_B_24H)
		return decode(r, v);
	hour = decode(r, v & ~RTC_HOURS_PM);
	if (hour < 1 || hour > 12)
		return -1;
	return hour % 12 + (v & RTC_HOURS_PM ? 12 : 0);
}

/* -------- date and time -------- */

static bool is_clock(unsigned reg)
{
	return reg == RTC_SECONDS || reg == RTC_MINUTES || reg == RTC_HOURS ||
	       (reg >= RTC_WEEKDAY && reg <= RTC_YEAR) || reg == RTC_CENTURY;
}

/* Put the time that it is now into the registers. */
static void clock_to_ram(struct rtc *r)
{
	time_t now = sys_wall_s() + r->ahead_s;
	struct tm t;

	if (!gmtime_r(&now, &t))
		return; /* a year beyond int: the registers stand still */
	r->ram[RTC_SECONDS] = encode(r, t.tm_sec);
	r->ram[RTC_MINUTES] = encode(r, t.tm_min);
	r->ram[RTC_HOURS] = encode_hour(r, t.tm_hour);
	r->ram[RTC_WEEKDAY] = encode(r, t.tm_wday + 1);
	r->ram[RTC_DAY] = encode(r, t.tm_mday);
	r->ram[RTC_MONTH] = encode(r, t.tm_mon + 1);
	r->ram[RTC_YEAR] = encode(r, t.tm_year % 100);
	r->ram[RTC_CENTURY] = encode(r, (t.tm_year + 1900) / 100);
}

static bool within(int v, int low, int high)
{
	return v >= low && v <= high;
}

/* Go on from the time in the registers. Nonsense is ignored: the clock goes on
 * as before. */
static void ram_to_clock(struct rtc *r)
{
	int century = decode(r, r->ram[RTC_CENTURY]);
	int year = decode(r, r->ram[RTC_YEAR]);
	struct tm t = {
		.tm_sec = decode(r, r->ram[RTC_SECONDS]),
		.tm_min = decode(r, r->ram[RTC_MINUTES]),
		.tm_hour = decode_hour(r, r->ram[RTC_HOURS]),
		.tm_mday = decode(r, r->ram[RTC_DAY]),
		.tm_mon = decode(r, r->ram[RTC_MONTH]) - 1,
		.tm_year = century * 100 + year - 1900,
	};

	if (!within(t.tm_sec, 0, 59) || !within(t.tm_min, 0, 59) ||
	    !within(t.tm_hour, 0, 23) || !within(t.tm_mday, 1, 31) ||
	    !within(t.tm_mon, 0, 11) || !within(year, 0, 99) ||
	    !within(century, 19, 99)) {
		trace_device_ignored("rtc: no time, year", r->ram[RTC_YEAR]);
		return;
	}
	r->ahead_s = timegm(&t) - sys_wall_s();
	trace_rtc_set(r->ahead_s);
}

/* -------- registers -------- */

static bool is_held(const struct rtc *r)
{
	return r->ram[RTC_B] & RTC_B_SET;
}

static uint8_t read_register(struct rtc *r, unsigned reg)
{
	if (reg == RTC_C)
		return 0;
	if (reg == RTC_D)
		return RTC_D_VALID;
	if (is_clock(reg) && !is_held(r))
		clock_to_ram(r);
	return r->ram[reg];
}

/* SET holds the clock while the guest writes a new time; when it falls the
 * clock goes on from there. The format may change with the same write; the
 * registers are as the guest wrote them, so the new format applies. */
static void write_b(struct rtc *r, uint8_t v)
{
	bool held = is_held(r);

	if (!held && (v & RTC_B_SET))
		clock_to_ram(r);
	r->ram[RTC_B] = v;
	if (held && !(v & RTC_B_SET))
		ram_to_clock(r);
}

static void write_clock(struct rtc *r, unsigned reg, uint8_t v)
{
	if (!is_held(r))
		clock_to_ram(r);
	r->ram[reg] = v;
	if (!is_held(r))
		ram_to_clock(r);
}

static void write_register(struct rtc *r, unsigned reg, uint8_t v)
{
	if (reg == RTC_A)
		r->ram[reg] = v & ~RTC_A_UIP;
	else if (reg == RTC_B)
		write_b(r, v);
	else if (is_clock(reg))
		write_clock(r, reg, v);
	else if (reg == RTC_C || reg == RTC_D)
		trace_device_ignored("rtc: write to C or D", v);
	else
		r->ram[reg] = v;
}

/* Two 8-bit ports; a 16-bit access is both, index first. */
static uint64_t rtc_read(struct region *region, uint64_t off, unsigned len)
{
	struct rtc *r = container_of(region, struct rtc, region);
	uint64_t v = 0;

	for (unsigned i = 0; i < len; i++) {
		/* The index port cannot be read on a PC. */
		uint8_t b = off + i == 0 ? 0xff : read_register(r, r->index);

		v |= (uint64_t)b << (8 * i);
	}
	return v;
}

static void rtc_write(struct region *region, uint64_t off, unsigned len,
		      uint64_t v)
{
	struct rtc *r = container_of(region, struct rtc, region);

	for (unsigned i = 0; i < len; i++, v >>= 8) {
		if (off + i == 0)
			r->index = v & RTC_INDEX;
		else
			write_register(r, r->index, (uint8_t)v);
	}
}

static const struct region_ops rtc_ops = {
	.read = rtc_read,
	.write = rtc_write,
};

static void power_on(struct rtc *r)
{
	r->index = 0;
	r->ram[RTC_A] = RTC_A_DEFAULT;
	r->ram[RTC_B] = RTC_B_24H;
}

void rtc_reset(struct rtc *r)
{
	pthread_mutex_lock(&r->lock);
	power_on(r);
	pthread_mutex_unlock(&r->lock);
}

int rtc_open(struct rtc *r, struct vm *vm, struct err *e)
{
	*r = (struct rtc){
		.region = { .name = "rtc",
			    .ops = &rtc_ops,
			    .base = RTC_PORT,
			    .size = RTC_PORTS },
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	power_on(r);
	r->region.lock = &r->lock;
	return bus_add(&vm->pio, &r->region, e);
}

void rtc_close(struct rtc *r, struct vm *vm)
{
	bus_remove(&vm->pio, &r->region);
}

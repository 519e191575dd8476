/* The MC146818 as Linux's mc146818_get_time and rtc-cmos use it. */
#include "tests/unit/devices/bench.h"

#include <time.h>

#include "devices/rtc.h"

enum {
	SECONDS = 0,
	MINUTES = 2,
	HOURS = 4,
	WEEKDAY = 6,
	DAY = 7,
	MONTH = 8,
	YEAR = 9,
	A = 10,
	B = 11,
	C = 12,
	D = 13,
	CENTURY = 0x32,
	SET = 0x80,
	BINARY = 0x04,
	H24 = 0x02,
};

struct scene {
	struct vm vm;
	struct rtc rtc;
};

static void scene_open(struct scene *s)
{
	struct err e = ERR_NONE;

	bench_open(&s->vm);
	assert_int_equal(rtc_open(&s->rtc, &s->vm, &e), 0);
}

static void scene_close(struct scene *s)
{
	rtc_close(&s->rtc, &s->vm);
	rtc_close(&s->rtc, &s->vm);
	bench_close(&s->vm);
}

static uint8_t get(struct scene *s, uint8_t reg)
{
	outb(&s->vm, 0x70, reg);
	return inb(&s->vm, 0x71);
}

static void set(struct scene *s, uint8_t reg, uint8_t v)
{
	outb(&s->vm, 0x70, reg);
	outb(&s->vm, 0x71, v);
}

static int from_bcd(uint8_t v)
{
	assert_true((v & 0xf) <= 9 && v >> 4 <= 9);
	return (v >> 4) * 10 + (v & 0xf);
}

/* As the guest would, with the seconds read again at the end. */
static time_t read_clock(struct scene *s)
{
	struct tm t;

	do {
		t = (struct tm){
			.tm_sec = from_bcd(get(s, SECONDS)),
			.tm_min = from_bcd(get(s, MINUTES)),
			.tm_hour = from_bcd(get(s, HOURS)),
			.tm_mday = from_bcd(get(s, DAY)),
			.tm_mon = from_bcd(get(s, MONTH)) - 1,
			.tm_year = from_bcd(get(s, YEAR)) +
				   from_bcd(get(s, CENTURY)) * 100 - 1900,
		};
	} while (from_bcd(get(s, SECONDS)) != t.tm_sec);
	return timegm(&t);
}

static void set_clock(struct scene *s, const uint8_t v[7])
{
	static const uint8_t regs[] = { CENTURY, YEAR,	  MONTH,  DAY,
					HOURS,	 MINUTES, SECONDS };

	set(s, B, get(s, B) | SET);
	for (unsigned i = 0; i < ARRAY_LEN(regs); i++)
		set(s, regs[i], v[i]);
	set(s, B, get(s, B) & ~SET);
}

static void it_tells_the_host_s_time_in_utc(void **state)
{
	static struct scene s;
	time_t now, there;
	struct tm t;
	int weekday;

	scene_open(&s);
	now = time(NULL);
	do {
		there = read_clock(&s);
		weekday = get(&s, WEEKDAY);
	} while (read_clock(&s) / 86400 != there / 86400);
	assert_in_range(there, now, now + 2);
	assert_non_null(gmtime_r(&there, &t));
	assert_int_equal(weekday, t.tm_wday + 1);
	scene_close(&s);
}

static void rtc_cmos_accepts_it(void **state)
{
	static struct scene s;

	scene_open(&s);
	/* never updating, valid, 24 hours, no interrupt pending or enabled */
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(get(&s, A) & 0x80, 0);
	assert_int_equal(get(&s, A), 0x26);
	assert_int_equal(get(&s, D), 0x80);
	assert_int_equal(get(&s, B) & H24, H24);
	assert_int_equal(get(&s, B) & 0x70, 0);
	assert_int_equal(get(&s, C), 0);
	scene_close(&s);
}

static void time_that_was_set_goes_on(void **state)
{
	static struct scene s;
	/* 2031-12-31 23:59:58 */
	static const uint8_t v[] = { 0x20, 0x31, 0x12, 0x31, 0x23, 0x59, 0x58 };
	struct tm t = { .tm_year = 131,
			.tm_mon = 11,
			.tm_mday = 31,
			.tm_hour = 23,
			.tm_min = 59,
			.tm_sec = 58 };

	scene_open(&s);
	set_clock(&s, v);
	assert_in_range(read_clock(&s), timegm(&t), timegm(&t) + 2);
	assert_int_equal(get(&s, B), H24);
	scene_close(&s);
}

static void registers_are_held_while_set_is_on(void **state)
{
	static struct scene s;

	scene_open(&s);
	set(&s, B, SET | H24);
	set(&s, SECONDS, 0x42);
	set(&s, HOURS, 0x99);
	assert_int_equal(get(&s, SECONDS), 0x42);
	assert_int_equal(get(&s, HOURS), 0x99);
	scene_close(&s);
}

static void one_register_can_be_set_on_the_run(void **state)
{
	static struct scene s;

	scene_open(&s);
	set(&s, DAY, 0x11); /* first: there is no 31st of February */
	set(&s, MONTH, 0x02);
	set(&s, YEAR, 0x44);
	assert_int_equal(get(&s, YEAR), 0x44);
	assert_int_equal(get(&s, MONTH), 0x02);
	assert_int_equal(get(&s, DAY), 0x11);
	assert_int_equal(get(&s, CENTURY), 0x20);
	scene_close(&s);
}

static void nonsense_does_not_move_the_clock(void **state)
{
	static struct scene s;
	static const uint8_t bad[][7] = {
		{ 0x20, 0x31, 0x13, 0x31, 0x23, 0x59, 0x58 },
		{ 0x20, 0x31, 0x12, 0x32, 0x23, 0x59, 0x58 },
		{ 0x20, 0x31, 0x12, 0x31, 0x24, 0x59, 0x58 },
		{ 0x20, 0x31, 0x12, 0x31, 0x23, 0x60, 0x58 },
		{ 0x20, 0x31, 0x12, 0x31, 0x23, 0x59, 0x60 },
		{ 0x20, 0x31, 0x12, 0x00, 0x23, 0x59, 0x58 },
		{ 0x20, 0x31, 0x00, 0x01, 0x23, 0x59, 0x58 },
		{ 0x18, 0x31, 0x12, 0x31, 0x23, 0x59, 0x58 },
		{ 0x20, 0xff, 0x12, 0x31, 0x23, 0x59, 0x58 },
		{ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
		{ 0x20, 0x31, 0x12, 0x31, 0x23, 0x5a, 0x58 },
	};
	time_t now;

	scene_open(&s);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		set_clock(&s, bad[i]);
		now = time(NULL);
		if (read_clock(&s) < now || read_clock(&s) > now + 2)
			fail_msg("number %u moved it", i);
	}
	scene_close(&s);
}

static void binary_and_twelve_hours_are_shown_as_asked(void **state)
{
	static struct scene s;
	/* 23:59 on 2031-12-31, then shown in binary and 12 hours */
	static const uint8_t v[] = { 0x20, 0x31, 0x12, 0x31, 0x23, 0x10, 0x00 };
	static const struct {
		uint8_t hour24, bcd12;
	} hours[] = { { 0x00, 0x12 }, { 0x01, 0x01 }, { 0x11, 0x11 },
		      { 0x12, 0x92 }, { 0x13, 0x81 }, { 0x23, 0x91 } };

	scene_open(&s);
	set_clock(&s, v);
	set(&s, B, BINARY | H24);
	assert_int_equal(get(&s, YEAR), 31);
	assert_int_equal(get(&s, MINUTES), 10);
	assert_int_equal(get(&s, CENTURY), 20);
	set(&s, B, BINARY);
	assert_int_equal(get(&s, HOURS), 0x80 | 11);
	for (unsigned i = 0; i < ARRAY_LEN(hours); i++) {
		set(&s, B, H24);
		set(&s, HOURS, hours[i].hour24);
		set(&s, B, 0);
		assert_int_equal(get(&s, HOURS), hours[i].bcd12);
		/* and back, set in that format */
		set(&s, HOURS, hours[i].bcd12);
		set(&s, B, H24);
		assert_int_equal(get(&s, HOURS), hours[i].hour24);
	}
	scene_close(&s);
}

static void hour_thirteen_of_twelve_is_nonsense(void **state)
{
	static struct scene s;
	uint8_t before;

	scene_open(&s);
	set(&s, B, H24);
	set(&s, MINUTES, 0);
	set(&s, B, 0);
	before = get(&s, HOURS);
	set(&s, HOURS, 0x13);
	assert_int_equal(get(&s, HOURS), before);
	set(&s, HOURS, 0x00);
	assert_int_equal(get(&s, HOURS), before);
	scene_close(&s);
}

static void ram_keeps_what_is_written(void **state)
{
	static struct scene s;

	scene_open(&s);
	set(&s, 0x0f, 0x0a); /* Linux: warm reset, before it starts a CPU */
	set(&s, 0x7f, 0x55);
	set(&s, 1, 0x77); /* an alarm that never comes */
	assert_int_equal(get(&s, 0x0f), 0x0a);
	assert_int_equal(get(&s, 0x7f), 0x55);
	assert_int_equal(get(&s, 0xff), 0x55); /* bit 7 masks NMIs */
	assert_int_equal(get(&s, 1), 0x77);
	set(&s, A, 0xff);
	assert_int_equal(get(&s, A), 0x7f);
	set(&s, D, 0);
	set(&s, C, 0xff);
	assert_int_equal(get(&s, D), 0x80);
	assert_int_equal(get(&s, C), 0);
	scene_close(&s);
}

static void wide_access_is_index_then_data(void **state)
{
	static struct scene s;

	scene_open(&s);
	bus_write(&s.vm.pio, 0x70, 2, 0xab40);
	assert_int_equal(get(&s, 0x40), 0xab);
	assert_int_equal(bus_read(&s.vm.pio, 0x70, 2), 0xabff);
	assert_int_equal(inb(&s.vm, 0x70), 0xff);
	scene_close(&s);
}

static void closing_what_was_never_opened_is_safe(void **state)
{
	struct vm vm = VM_EMPTY;
	static struct rtc never;

	rtc_close(&never, &vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(it_tells_the_host_s_time_in_utc),
		FAKE_TEST(rtc_cmos_accepts_it),
		FAKE_TEST(time_that_was_set_goes_on),
		FAKE_TEST(registers_are_held_while_set_is_on),
		FAKE_TEST(one_register_can_be_set_on_the_run),
		FAKE_TEST(nonsense_does_not_move_the_clock),
		FAKE_TEST(binary_and_twelve_hours_are_shown_as_asked),
		FAKE_TEST(hour_thirteen_of_twelve_is_nonsense),
		FAKE_TEST(ram_keeps_what_is_written),
		FAKE_TEST(wide_access_is_index_then_data),
		FAKE_TEST(closing_what_was_never_opened_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

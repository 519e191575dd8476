/* slot= and at=: spelling, and what no guest could have there. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/kernel.h"
#include "vfio/slot.h"
#include "vmm/base/bytes.h"

enum { ANY = VFIO_ANY_FUNCTION };

struct row {
	const char *text;
	unsigned slot, function;
};

static void check(int (*parse)(const char *text, struct vfio_place *out,
			       struct err *e),
		  const struct row *r)
{
	struct vfio_place p = { 99, 99 };
	struct err e = ERR_NONE;

	if (parse(r->text, &p, &e) != 0)
		fail_msg("'%s': %s", r->text, e.text);
	if (p.slot != r->slot || p.function != r->function)
		fail_msg("'%s': slot %u.%u", r->text, p.slot, p.function);
}

static void slots_are_decimal(void **state)
{
	static const struct row rows[] = {
		{ "1", 1, ANY },   { "30", 30, ANY }, { "1.0", 1, 0 },
		{ "12.7", 12, 7 }, { "007", 7, ANY },
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		check(vfio_slot_parse, &rows[i]);
}

static void addresses_are_hexadecimal(void **state)
{
	static const struct row rows[] = {
		{ "01:00.0", 1, 0 },	   { "1:0.1", 1, 1 },
		{ "1e:00.7", 30, 7 },	   { "1E:00.7", 30, 7 },
		{ "0000:0a:00.2", 10, 2 },
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		check(vfio_slot_parse_address, &rows[i]);
}

static void nonsense_is_refused_and_nothing_changed(void **state)
{
	static const char *const slots[] = {
		"",
		"0",
		"31",
		"-1",
		"+1",
		" 1",
		"1 ",
		"1.",
		"1.8",
		".1",
		"1.-1",
		"1.0.0",
		"a",
		"0x1",
		"1:0",
		"1.a",
		"1.0:",
		"4294967297",
		"18446744073709551617",
	};
	static const char *const addresses[] = {
		"",
		"01",
		"01:00",
		"01:00.",
		"01:00.8",
		":00.0",
		"01:.0",
		"01:20.0",
		"01:00.0 ",
		" 01:00.0",
		"0x1:00.0",
		"-1:00.0",
		"01:00.0.0",
		"01:00:0",
		"0:0:1:0.0",
		"10000:01:00.0",
		"100:00.0",
		"01:00.0:1",
		"0000:100:00.0",
		"18446744073709551617:00.0",
	};
	struct vfio_place p = { 99, 98 };
	struct err e = ERR_NONE;

	for (unsigned i = 0; i < ARRAY_LEN(slots); i++)
		if (vfio_slot_parse(slots[i], &p, &e) != -EINVAL)
			fail_msg("slot=%s was taken", slots[i]);
	for (unsigned i = 0; i < ARRAY_LEN(addresses); i++)
		if (vfio_slot_parse_address(addresses[i], &p, &e) != -EINVAL)
			fail_msg("at=%s was taken", addresses[i]);
	assert_int_equal(p.slot, 99);
	assert_int_equal(p.function, 98);
}

static void places_that_cannot_be_say_why(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "00:05.0", "'00:05.0' is on the root bus, where only the "
			     "board's own functions are; slots are buses 01 to "
			     "1e" },
		{ "1f:00.0", "'1f:00.0': there is no such bus; slots are buses "
			     "01 to 1e" },
		{ "01:02.0", "'01:02.0': a slot holds device 00 only, with "
			     "functions 0 to 7" },
		{ "0001:01:00.0",
		  "'0001:01:00.0': the guest has one PCI domain, 0000" },
		{ "one", "'one' is no PCI address such as 01:00.0" },
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct vfio_place p;
		struct err e = ERR_NONE;

		assert_int_equal(vfio_slot_parse_address(rows[i].text, &p, &e),
				 -EINVAL);
		assert_string_equal(e.text, rows[i].why);
	}
}

static void options_take_both_spellings_but_one_of_them(void **state)
{
	struct vfio_options o;
	struct err e = ERR_NONE;

	assert_int_equal(vfio_options_parse("65:00.0", &o, &e), 0);
	assert_int_equal(o.place.slot, VFIO_ANY_SLOT);
	assert_int_equal(vfio_options_parse("65:00.0,slot=4", &o, &e), 0);
	assert_int_equal(o.place.slot, 4);
	assert_int_equal(o.place.function, VFIO_ANY_FUNCTION);
	assert_int_equal(vfio_options_parse("65:00.0,at=04:00.1", &o, &e), 0);
	assert_int_equal(o.place.function, 1);
	assert_int_equal(vfio_user_options_parse("/s,slot=2.3", &o, &e), 0);
	assert_int_equal(o.place.slot, 2);
	assert_int_equal(
		vfio_options_parse("65:00.0,slot=4,at=04:00.1", &o, &e),
		-EINVAL);
	assert_string_equal(e.text,
			    "0000:65:00.0: at: its place was given already");
	assert_int_equal(vfio_options_parse("65:00.0,slot", &o, &e), -EINVAL);
	assert_int_equal(vfio_options_parse("65:00.0,slot=31", &o, &e),
			 -EINVAL);
	assert_string_equal(e.text,
			    "0000:65:00.0: slot: '31' is neither N nor N.F, "
			    "with N from 1 to 30 and F from 0 to 7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(slots_are_decimal),
		FAKE_TEST(addresses_are_hexadecimal),
		FAKE_TEST(nonsense_is_refused_and_nothing_changed),
		FAKE_TEST(places_that_cannot_be_say_why),
		FAKE_TEST(options_take_both_spellings_but_one_of_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

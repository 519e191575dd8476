/* Little-endian integers, at any address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/base/bytes.h"

static const uint8_t raw[] = { 0xee, 0x01, 0x02, 0x03, 0x84,
			       0x05, 0x06, 0x07, 0x88 };

static void loads_take_the_low_byte_first(void **state)
{
	/* odd addresses on purpose */
	assert_int_equal(le16_load(raw + 1), 0x0201);
	assert_int_equal(le32_load(raw + 1), 0x84030201);
	assert_int_equal(le64_load(raw + 1), 0x8807060584030201);
}

static void stores_are_the_inverse(void **state)
{
	uint8_t out[10] = { 0 };

	le64_store(out + 1, le64_load(raw + 1));
	assert_memory_equal(out + 1, raw + 1, 8);
	le32_store(out + 1, 0xa1b2c3d4);
	le16_store(out + 5, 0xe5f6);
	assert_memory_equal(out, "\0\xd4\xc3\xb2\xa1\xf6\xe5\x07\x88\0", 10);
}

static void layout_types_have_no_alignment(void **state)
{
	struct {
		uint8_t a;
		le16 b;
		le32 c;
		le64 d;
	} s = { 0, le16_of(0x1122), le32_of(0x33445566),
		le64_of(0x778899aabbccddee) };

	assert_int_equal(sizeof(s), 15);
	assert_int_equal(le16_get(s.b), 0x1122);
	assert_int_equal(le32_get(s.c), 0x33445566);
	assert_int_equal(le64_get(s.d), 0x778899aabbccddee);
}

static void any_width_goes_through_one_door(void **state)
{
	uint8_t out[9];

	for (unsigned n = 1; n <= 8; n++) {
		uint64_t v = le_load(raw + 1, n);

		assert_int_equal(v, le64_load(raw + 1) & all_ones(n));
		memset(out, 0x5a, sizeof(out));
		le_store(out, n, UINT64_MAX);
		assert_int_equal(out[n - 1], 0xff);
		assert_int_equal(out[n], 0x5a);
	}
	assert_int_equal(all_ones(1), 0xff);
	assert_int_equal(all_ones(8), UINT64_MAX);
}

struct inner {
	int x;
};
struct outer {
	char before[3];
	struct inner inner;
};

static void container_of_finds_the_owner(void **state)
{
	struct outer o = { .inner = { 7 } };
	struct inner *i = &o.inner;

	assert_ptr_equal(container_of(i, struct outer, inner), &o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_take_the_low_byte_first),
		cmocka_unit_test(stores_are_the_inverse),
		cmocka_unit_test(layout_types_have_no_alignment),
		cmocka_unit_test(any_width_goes_through_one_door),
		cmocka_unit_test(container_of_finds_the_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

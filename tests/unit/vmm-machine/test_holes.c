/* Addresses that the host keeps to itself, as a sorted set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vmm/base/bytes.h"
#include "vmm/machine/holes.h"

static void add(struct holes *h, uint64_t base, uint64_t last)
{
	holes_add(h, (struct range){ base, last - base + 1 });
}

static void assert_hole(const struct holes *h, unsigned i, uint64_t base,
			uint64_t last)
{
	assert_true(i < h->n);
	assert_int_equal(h->hole[i].base, base);
	assert_int_equal(h->hole[i].base + (h->hole[i].size - 1), last);
}

static void holes_are_sorted_and_merged(void **state)
{
	struct holes h = { 0 };

	add(&h, 0x5000, 0x5fff);
	add(&h, 0x1000, 0x1fff);
	add(&h, 0x3000, 0x3fff);
	assert_int_equal(h.n, 3);
	add(&h, 0x2000, 0x2fff); /* touches both neighbours */
	assert_int_equal(h.n, 2);
	assert_hole(&h, 0, 0x1000, 0x3fff);
	add(&h, 0x1800, 0x1900); /* inside */
	assert_hole(&h, 0, 0x1000, 0x3fff);
	add(&h, 0, UINT64_MAX - 1);
	assert_int_equal(h.n, 1);
	assert_hole(&h, 0, 0, UINT64_MAX - 1);
}

static void nonsense_is_no_hole(void **state)
{
	struct holes h = { 0 };

	holes_add(&h, (struct range){ 0x1000, 0 });
	holes_add(&h, (struct range){ UINT64_MAX, 2 });
	assert_int_equal(h.n, 0);
}

static void the_end_of_the_address_space_is_a_hole_like_others(void **state)
{
	struct holes h = { 0 };
	uint64_t at = 7;

	add(&h, UINT64_MAX - 0xfff, UINT64_MAX);
	add(&h, UINT64_MAX - 0x1fff, UINT64_MAX);
	assert_int_equal(h.n, 1);
	assert_hole(&h, 0, UINT64_MAX - 0x1fff, UINT64_MAX);
	assert_false(holes_find(&h, UINT64_MAX - 0x1fff, 1, 1, &at));
	assert_int_equal(at, 7);
}

static void too_many_holes_cost_what_is_between_the_nearest(void **state)
{
	struct holes h = { 0 };

	for (unsigned i = 0; i < HOLES_MAX; i++)
		add(&h, i * 0x10000, i * 0x10000 + 0xfff);
	add(&h, 0x58000, 0x58fff);
	assert_true(h.n <= HOLES_MAX);
	for (unsigned i = 0; i < HOLES_MAX; i++) {
		uint64_t at;

		assert_true(holes_find(&h, i * 0x10000, 0x1000, 0x1000, &at));
		assert_true(at >= i * 0x10000 + 0x1000);
	}
}

static void room_is_found_behind_holes(void **state)
{
	static const struct {
		uint64_t from, size, align, at;
	} rows[] = {
		{ 0, 0x1000, 0x1000, 0 },
		{ 0, 0x1001, 0x1000, 0x2000 },
		{ 0, 0x1001, 0x4000, 0x8000 },
		{ 0x1000, 1, 1, 0x2000 },
		{ 0, 0x4000, 0x1000, 0x6000 },
		{ 0x9000, 0x1000, 0x1000, 0x9000 },
	};
	struct holes h = { 0 };
	uint64_t at;

	add(&h, 0x1000, 0x1fff);
	add(&h, 0x5000, 0x5fff);
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		if (!holes_find(&h, rows[i].from, rows[i].size, rows[i].align,
				&at) ||
		    at != rows[i].at)
			fail_msg("row %u", i);
	}
	assert_false(holes_find(&h, 0x6000, UINT64_MAX, 1, &at));
	assert_false(holes_find(&h, UINT64_MAX, 1, 0x1000, &at));
	assert_int_equal(holes_next(&h, 0), 0x1000);
	assert_int_equal(holes_next(&h, 0x1001), 0x5000);
	assert_true(holes_next(&h, 0x5001) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holes_are_sorted_and_merged),
		cmocka_unit_test(nonsense_is_no_hole),
		cmocka_unit_test(
			the_end_of_the_address_space_is_a_hole_like_others),
		cmocka_unit_test(
			too_many_holes_cost_what_is_between_the_nearest),
		cmocka_unit_test(room_is_found_behind_holes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

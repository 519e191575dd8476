/* Ranges near 2^64, where careless sums wrap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/base/range.h"

static void fit_does_not_wrap(void **state)
{
	assert_true(range_fits(0x1000, 0x1000, 0x1000, 0x1000));
	assert_true(range_fits(0x1000, 0x1000, 0x2000, 0));
	assert_false(range_fits(0x1000, 0x1000, 0xfff, 1));
	assert_false(range_fits(0x1000, 0x1000, 0x1fff, 2));
	assert_false(range_fits(0x1000, 0x1000, 0x1800, UINT64_MAX));
	assert_false(range_fits(0x1000, 0x1000, UINT64_MAX, 2));
	assert_true(range_fits(UINT64_MAX - 9, 10, UINT64_MAX, 1));
	assert_false(range_fits(UINT64_MAX - 9, 10, UINT64_MAX, 2));
	assert_true(range_fits(0, UINT64_MAX, UINT64_MAX - 1, 1));
}

static void range_is_half_open(void **state)
{
	assert_true(range_has(8, 8, 8));
	assert_true(range_has(8, 8, 15));
	assert_false(range_has(8, 8, 16));
	assert_false(range_has(8, 8, 7));
	assert_false(range_has(8, 0, 8));
	assert_true(range_has(UINT64_MAX, 1, UINT64_MAX));
	assert_false(range_has(UINT64_MAX, 2, 0));
}

static void overlap_is_symmetric(void **state)
{
	static const struct {
		struct range a, b;
		bool overlap;
	} cases[] = {
		{ { 0, 10 }, { 10, 10 }, false },
		{ { 0, 11 }, { 10, 10 }, true },
		{ { 0, 100 }, { 10, 1 }, true },
		{ { 5, 5 }, { 5, 5 }, true },
		{ { 5, 0 }, { 0, 100 }, false },
		{ { UINT64_MAX, 1 }, { UINT64_MAX - 1, 2 }, true },
		{ { UINT64_MAX, 1 }, { 0, 1 }, false },
		{ { 0, UINT64_MAX }, { UINT64_MAX - 1, 1 }, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct range *a = &cases[i].a, *b = &cases[i].b;

		print_message("case %zu\n", i);
		assert_int_equal(
			range_overlaps(a->base, a->size, b->base, b->size),
			cases[i].overlap);
		assert_int_equal(
			range_overlaps(b->base, b->size, a->base, a->size),
			cases[i].overlap);
	}
}

static void ending_at_the_top_is_no_wrap(void **state)
{
	assert_false(range_wraps(UINT64_MAX, 1));
	assert_true(range_wraps(UINT64_MAX, 2));
	assert_false(range_wraps(0, UINT64_MAX));
	assert_true(range_wraps(2, UINT64_MAX));
	assert_false(range_wraps(UINT64_MAX, 0));
}

static void alignment_goes_to_powers_of_two(void **state)
{
	assert_int_equal(align_up(1, 4096), 4096);
	assert_int_equal(align_up(4096, 4096), 4096);
	assert_int_equal(align_up(0, 4096), 0);
	assert_int_equal(align_down(8191, 4096), 4096);
	assert_true(is_power_of_two(1));
	assert_true(is_power_of_two(UINT64_C(1) << 63));
	assert_false(is_power_of_two(0));
	assert_false(is_power_of_two(3));
}

static void doubling_stops_at_the_first_that_is_enough(void **state)
{
	assert_int_equal(doubled_to(8, 0), 8);
	assert_int_equal(doubled_to(8, 8), 8);
	assert_int_equal(doubled_to(8, 9), 16);
	assert_int_equal(doubled_to(4096, 4097 + 4096), 16384);
	assert_true(doubled_to(1, UINT64_C(1) << 63) == UINT64_C(1) << 63);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fit_does_not_wrap),
		cmocka_unit_test(range_is_half_open),
		cmocka_unit_test(overlap_is_symmetric),
		cmocka_unit_test(ending_at_the_top_is_no_wrap),
		cmocka_unit_test(alignment_goes_to_powers_of_two),
		cmocka_unit_test(doubling_stops_at_the_first_that_is_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

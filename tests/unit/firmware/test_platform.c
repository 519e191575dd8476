/* The memory map keeps its order. */
#include "tests/unit/firmware/machines.h"

static void ranges_are_sorted_however_they_come(void **state)
{
	static const unsigned orders[][4] = {
		{ 0, 1, 2, 3 }, { 3, 2, 1, 0 }, { 2, 0, 3, 1 }, { 1, 3, 0, 2 }
	};
	struct platform p;

	for (size_t o = 0; o < ARRAY_LEN(orders); o++) {
		print_message("order %zu\n", o);
		p = (struct platform){ 0 };
		for (unsigned i = 0; i < 4; i++)
			platform_add(&p, orders[o][i] * MIB, MIB,
				     orders[o][i] == 1 ? PLATFORM_ACPI
						       : PLATFORM_RAM);
		assert_int_equal(p.n_map, 4);
		for (unsigned i = 0; i < 4; i++) {
			assert_true(p.map[i].range.base == i * MIB);
			assert_true(p.map[i].range.size == MIB);
			assert_int_equal(p.map[i].kind,
					 i == 1 ? PLATFORM_ACPI : PLATFORM_RAM);
		}
	}
}

static void a_range_may_end_at_2_to_the_64(void **state)
{
	struct platform p = { 0 };

	platform_add(&p, UINT64_MAX - 0xfff, 0x1000, PLATFORM_RESERVED);
	platform_add(&p, 0, 0x1000, PLATFORM_RAM);
	assert_int_equal(p.n_map, 2);
	assert_int_equal(p.map[0].range.base, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_sorted_however_they_come),
		cmocka_unit_test(a_range_may_end_at_2_to_the_64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Accesses to a BAR by page, in bounded memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pcie/traps.h"

static void accesses_are_told_apart_by_page(void **state)
{
	struct traps t = { 0 };

	traps_read(&t, 0x2000);
	traps_write(&t, 0x2fff);
	traps_write(&t, 0);
	traps_read(&t, 0x2004);
	assert_int_equal(t.page[0].key, 3);
	assert_int_equal(t.page[0].reads, 2);
	assert_int_equal(t.page[0].writes, 1);
	assert_int_equal(t.page[1].key, 1);
	assert_int_equal(t.page[1].writes, 1);
	assert_int_equal(t.page[2].key, 0);
}

static void pages_beyond_the_room_are_counted_together(void **state)
{
	struct traps t = { 0 };

	for (uint64_t i = 0; i < TRAPS_PAGES + 10; i++)
		traps_read(&t, i * TRAPS_PAGE_SIZE);
	traps_write(&t, UINT64_MAX);
	traps_read(&t, 0);
	assert_int_equal(t.page[0].reads, 2);
	assert_int_equal(t.page[TRAPS_PAGES - 1].key, TRAPS_PAGES);
	assert_int_equal(t.other.reads, 10);
	assert_int_equal(t.other.writes, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accesses_are_told_apart_by_page),
		cmocka_unit_test(pages_beyond_the_room_are_counted_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

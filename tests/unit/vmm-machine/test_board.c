/* The PC's address map: RAM and PCI apertures for every size and width. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/base/bytes.h"
#include "vmm/machine/x86_64/board.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define TIB (UINT64_C(1) << 40)

static const struct range ht = { 0xfd00000000, 0x300000000 };

static void small_ram_is_one_range_from_zero(void **state)
{
	struct err e = ERR_NONE;
	struct board b;

	assert_int_equal(board_place_ram(&b, 64 * MIB, 36, false, &e), 0);
	assert_int_equal(b.low.base, 0);
	assert_int_equal(b.low.size, 64 * MIB);
	assert_int_equal(b.high.size, 0);
}

/* VFIO-DMA-01, VFIO-DMA-02 */
static void ram_never_enters_the_hole_below_4g(void **state)
{
	static const uint64_t sizes[] = { 2 * GIB, 2 * GIB + 2 * MIB, 3 * GIB,
					  5 * GIB, 1000 * GIB };
	struct err e = ERR_NONE;
	struct board b;

	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		assert_int_equal(board_place_ram(&b, sizes[i], 46, false, &e),
				 0);
		assert_int_equal(b.low.size, 2 * GIB);
		assert_int_equal(b.low.size + b.high.size, sizes[i]);
		if (b.high.size != 0)
			assert_int_equal(b.high.base, 4 * GIB);
	}
}

/* VFIO-DMA-02 */
static void ram_keeps_clear_of_hypertransport_on_amd(void **state)
{
	struct err e = ERR_NONE;
	struct board b;

	assert_int_equal(board_place_ram(&b, 1020 * GIB, 48, true, &e), 0);
	assert_int_equal(b.high.base, TIB);
	assert_false(
		range_overlaps(b.high.base, b.high.size, ht.base, ht.size));
	assert_int_equal(board_place_ram(&b, 900 * GIB, 48, true, &e), 0);
	assert_int_equal(b.high.base, 4 * GIB);
}

static void ram_beyond_the_address_width_is_refused(void **state)
{
	struct err e = ERR_NONE;
	struct board b;

	assert_int_equal(board_place_ram(&b, 70 * GIB, 36, false, &e), -ENOSPC);
	assert_non_null(strstr(e.text, "36-bit"));
}

/* VFIO-BAR-17, VFIO-KVM-10 */
static void window64_is_aligned_above_ram_and_below_the_width(void **state)
{
	static const unsigned bits[] = { 39, 40, 46, 48, 52 };
	struct pci_demand q = { .mem64 = 65 * GIB, .align64 = 64 * GIB };
	struct err e = ERR_NONE;
	struct board b;

	for (unsigned i = 0; i < ARRAY_LEN(bits); i++) {
		assert_int_equal(
			board_place_ram(&b, 5 * GIB, bits[i], true, &e), 0);
		assert_int_equal(board_place_pci(&b, &q, bits[i], true, &e), 0);
		assert_int_equal(b.pci.mem64.base % (64 * GIB), 0);
		assert_true(b.pci.mem64.base >= b.high.base + b.high.size);
		assert_true(b.pci.mem64.size >= q.mem64);
		assert_true(range_fits(0, UINT64_C(1) << bits[i],
				       b.pci.mem64.base, b.pci.mem64.size));
		assert_false(range_overlaps(b.pci.mem64.base, b.pci.mem64.size,
					    ht.base, ht.size));
	}
}

static void huge_bars_that_cannot_fit_are_refused_by_name(void **state)
{
	struct pci_demand q = { .mem64 = 64 * GIB, .align64 = 64 * GIB };
	struct err e = ERR_NONE;
	struct board b;

	assert_int_equal(board_place_ram(&b, GIB, 36, false, &e), 0);
	assert_int_equal(board_place_pci(&b, &q, 36, false, &e), -ENOSPC);
	assert_non_null(strstr(e.text, "64-bit BARs"));
}

static void without_demand_a_narrow_guest_just_has_no_window64(void **state)
{
	struct pci_demand q = { 0 };
	struct err e = ERR_NONE;
	struct board b;

	assert_int_equal(board_place_ram(&b, 63 * GIB, 36, false, &e), -ENOSPC);
	assert_int_equal(board_place_ram(&b, 60 * GIB, 36, false, &e), 0);
	assert_int_equal(board_place_pci(&b, &q, 36, false, &e), 0);
	assert_int_equal(b.pci.mem64.size, 0);
}

/* VFIO-KVM-20 */
static void nothing_in_the_description_overlaps(void **state)
{
	struct pci_demand q = { .mem64 = GIB, .align64 = GIB };
	struct platform p = { 0 };
	struct err e = ERR_NONE;
	struct board b;

	assert_int_equal(board_place_ram(&b, 9 * GIB, 40, true, &e), 0);
	assert_int_equal(board_place_pci(&b, &q, 40, true, &e), 0);
	board_describe(&b, &p);
	for (unsigned i = 0; i < p.n_map; i++) {
		const struct range *r = &p.map[i].range;

		if (i > 0)
			assert_true(r->base >= p.map[i - 1].range.base +
						       p.map[i - 1].range.size);
		assert_false(range_overlaps(r->base, r->size, p.mem32.base,
					    p.mem32.size));
		assert_false(range_overlaps(r->base, r->size, p.mem64.base,
					    p.mem64.size));
		assert_false(range_overlaps(r->base, r->size, p.ioapic, 4096));
		assert_false(range_overlaps(r->base, r->size, p.lapic, MIB));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_ram_is_one_range_from_zero),
		cmocka_unit_test(ram_never_enters_the_hole_below_4g),
		cmocka_unit_test(ram_keeps_clear_of_hypertransport_on_amd),
		cmocka_unit_test(ram_beyond_the_address_width_is_refused),
		cmocka_unit_test(
			window64_is_aligned_above_ram_and_below_the_width),
		cmocka_unit_test(huge_bars_that_cannot_fit_are_refused_by_name),
		cmocka_unit_test(
			without_demand_a_narrow_guest_just_has_no_window64),
		cmocka_unit_test(nothing_in_the_description_overlaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

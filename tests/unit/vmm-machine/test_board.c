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
static const struct holes none;

/* One hole of the host's, and on AMD that of HyperTransport. */
static const struct holes *around(bool amd, uint64_t base, uint64_t size)
{
	static struct holes h;

	board_holes(&h, amd);
	holes_add(&h, (struct range){ base, size });
	return &h;
}

static const struct holes *amd(void)
{
	return around(true, 0, 0);
}

static uint64_t ram_size(const struct board *b)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < b->n_ram; i++)
		sum += b->ram[i].size;
	return sum;
}

static void assert_clear_of(const struct board *b, const struct range *r)
{
	for (unsigned i = 0; i < b->n_ram; i++)
		assert_false(range_overlaps(b->ram[i].base, b->ram[i].size,
					    r->base, r->size));
}

static void small_ram_is_one_range_from_zero(void **state)
{
	struct err e = ERR_NONE;
	struct board b;

	assert_int_equal(board_place_ram(&b, 64 * MIB, 36, &none, &e), 0);
	assert_int_equal(b.n_ram, 1);
	assert_int_equal(b.ram[0].base, 0);
	assert_int_equal(b.ram[0].size, 64 * MIB);
}

/* VFIO-DMA-01, VFIO-DMA-02 */
static void ram_never_enters_the_hole_below_4g(void **state)
{
	static const uint64_t sizes[] = { 2 * GIB, 2 * GIB + 2 * MIB, 3 * GIB,
					  5 * GIB, 1000 * GIB };
	struct err e = ERR_NONE;
	struct board b;

	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		assert_int_equal(board_place_ram(&b, sizes[i], 46, &none, &e),
				 0);
		assert_int_equal(b.ram[0].size, 2 * GIB);
		assert_int_equal(ram_size(&b), sizes[i]);
		assert_int_equal(b.n_ram, sizes[i] > 2 * GIB ? 2 : 1);
		if (b.n_ram > 1)
			assert_int_equal(b.ram[1].base, 4 * GIB);
	}
}

/* VFIO-DMA-02 */
static void ram_keeps_clear_of_hypertransport_on_amd(void **state)
{
	struct err e = ERR_NONE;
	struct board b;

	assert_int_equal(board_place_ram(&b, 1020 * GIB, 48, amd(), &e), 0);
	assert_int_equal(b.n_ram, 3);
	assert_int_equal(b.ram[1].base + b.ram[1].size, ht.base);
	assert_int_equal(b.ram[2].base, TIB);
	assert_int_equal(ram_size(&b), 1020 * GIB);
	assert_clear_of(&b, &ht);
	assert_int_equal(board_place_ram(&b, 900 * GIB, 48, amd(), &e), 0);
	assert_int_equal(b.n_ram, 2);
	assert_int_equal(board_place_ram(&b, 1020 * GIB, 40, amd(), &e),
			 -ENOSPC);
}

/* VFIO-DMA-02: whatever the host reserves, low or high */
static void ram_goes_around_every_hole(void **state)
{
	static const struct range holes[] = {
		{ 0x20000000, 0x100000 },    /* smaller than a huge page */
		{ 0x7ff00000, 0x80000000 },  /* into the window */
		{ 0x20000000, 0x100000000 }, /* most below 4 GiB, and beyond */
		{ 4 * GIB, GIB },
		{ 5 * GIB, 4096 },
	};
	struct err e = ERR_NONE;
	struct board b;

	for (unsigned i = 0; i < ARRAY_LEN(holes); i++) {
		const struct holes *h =
			around(false, holes[i].base, holes[i].size);
		struct platform p = { 0 };

		if (board_place_ram(&b, 9 * GIB, 40, h, &e) < 0)
			fail_msg("row %u: %s", i, e.text);
		assert_int_equal(ram_size(&b), 9 * GIB);
		assert_clear_of(&b, &holes[i]);
		for (unsigned k = 0; k < b.n_ram; k++)
			assert_int_equal(
				(b.ram[k].base | b.ram[k].size) % (2 * MIB), 0);
		board_describe(&b, &p); /* refuses what overlaps */
	}
}

static void what_ram_goes_around_is_reserved_for_the_guest(void **state)
{
	const struct holes *h = around(false, 5 * GIB, MIB);
	struct platform p = { 0 };
	struct err e = ERR_NONE;
	struct board b;
	bool found = false;

	assert_int_equal(board_place_ram(&b, 9 * GIB, 40, h, &e), 0);
	board_describe(&b, &p);
	for (unsigned i = 0; i < p.n_map; i++)
		found |= p.map[i].range.base == 5 * GIB &&
			 p.map[i].range.size == MIB &&
			 p.map[i].kind == PLATFORM_RESERVED;
	assert_true(found);
}

static void a_hole_at_the_beginning_is_an_error(void **state)
{
	struct err e = ERR_NONE;
	struct board b;

	assert_int_equal(
		board_place_ram(&b, GIB, 40, around(false, 0x1000, 0x1000), &e),
		-ERANGE);
	assert_string_equal(e.text, "no RAM at address 0: the host reserves "
				    "I/O address 0x1000 of an assigned "
				    "function");
	assert_int_equal(board_place_ram(&b, GIB, 40,
					 around(false, 16 * MIB, 0x1000), &e),
			 -ERANGE);
	assert_int_equal(board_place_ram(&b, 16 * MIB, 40,
					 around(false, 16 * MIB, 0x1000), &e),
			 0);
}

/* As many holes as there can be: the last piece takes all that is left. */
static void more_holes_than_pieces_of_ram_are_no_trouble(void **state)
{
	struct err e = ERR_NONE;
	struct holes h;
	struct board b;

	board_holes(&h, true);
	for (unsigned i = 0; i < 2 * HOLES_MAX; i++)
		holes_add(&h, (struct range){ (5 + i) * GIB, 4096 });
	assert_int_equal(board_place_ram(&b, 200 * GIB, 46, &h, &e), 0);
	assert_int_equal(ram_size(&b), 200 * GIB);
	assert_true(b.n_ram <= BOARD_MAX_RAM);
	for (unsigned i = 0; i < h.n; i++)
		assert_clear_of(&b, &h.hole[i]);
}

/* VFIO-DMA-16 */
static void ram_beyond_the_address_width_is_refused(void **state)
{
	struct err e = ERR_NONE;
	struct board b;

	assert_int_equal(board_place_ram(&b, 70 * GIB, 36, &none, &e), -ENOSPC);
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
			board_place_ram(&b, 5 * GIB, bits[i], amd(), &e), 0);
		assert_int_equal(board_place_pci(&b, &q, bits[i], &e), 0);
		assert_int_equal(b.pci.mem64.base % (64 * GIB), 0);
		assert_true(b.pci.mem64.base >= board_ram_end(&b));
		assert_true(b.pci.mem64.size >= q.mem64);
		assert_true(range_fits(0, UINT64_C(1) << bits[i],
				       b.pci.mem64.base, b.pci.mem64.size));
		assert_false(range_overlaps(b.pci.mem64.base, b.pci.mem64.size,
					    ht.base, ht.size));
	}
}

/* VFIO-DMA-16: no BAR, nor the spare room, lies in a hole */
static void window64_goes_around_holes(void **state)
{
	struct pci_demand q = { .mem64 = 2 * GIB, .align64 = 2 * GIB };
	struct err e = ERR_NONE;
	struct board b;

	assert_int_equal(
		board_place_ram(&b, GIB, 36, around(false, 7 * GIB, 4096), &e),
		0);
	assert_int_equal(board_place_pci(&b, &q, 36, &e), 0);
	assert_int_equal(b.pci.mem64.base, 8 * GIB);
	/* none left behind the hole */
	assert_int_equal(board_place_ram(&b, GIB, 36,
					 around(false, 7 * GIB, 57 * GIB), &e),
			 0);
	assert_int_equal(board_place_pci(&b, &q, 36, &e), -ENOSPC);
}

static void huge_bars_that_cannot_fit_are_refused_by_name(void **state)
{
	struct pci_demand q = { .mem64 = 64 * GIB, .align64 = 64 * GIB };
	struct err e = ERR_NONE;
	struct board b;

	assert_int_equal(board_place_ram(&b, GIB, 36, &none, &e), 0);
	assert_int_equal(board_place_pci(&b, &q, 36, &e), -ENOSPC);
	assert_non_null(strstr(e.text, "64-bit BARs"));
}

static void without_demand_a_narrow_guest_just_has_no_window64(void **state)
{
	struct pci_demand q = { 0 };
	struct err e = ERR_NONE;
	struct board b;

	assert_int_equal(board_place_ram(&b, 63 * GIB, 36, &none, &e), -ENOSPC);
	assert_int_equal(board_place_ram(&b, 60 * GIB, 36, &none, &e), 0);
	assert_int_equal(board_place_pci(&b, &q, 36, &e), 0);
	assert_int_equal(b.pci.mem64.size, 0);
}

/* VFIO-KVM-20 */
static void nothing_in_the_description_overlaps(void **state)
{
	struct pci_demand q = { .mem64 = GIB, .align64 = GIB };
	struct platform p = { 0 };
	struct err e = ERR_NONE;
	struct board b;

	assert_int_equal(board_place_ram(&b, 9 * GIB, 40, amd(), &e), 0);
	assert_int_equal(board_place_pci(&b, &q, 40, &e), 0);
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
		cmocka_unit_test(ram_goes_around_every_hole),
		cmocka_unit_test(
			what_ram_goes_around_is_reserved_for_the_guest),
		cmocka_unit_test(a_hole_at_the_beginning_is_an_error),
		cmocka_unit_test(more_holes_than_pieces_of_ram_are_no_trouble),
		cmocka_unit_test(ram_beyond_the_address_width_is_refused),
		cmocka_unit_test(window64_goes_around_holes),
		cmocka_unit_test(
			window64_is_aligned_above_ram_and_below_the_width),
		cmocka_unit_test(huge_bars_that_cannot_fit_are_refused_by_name),
		cmocka_unit_test(
			without_demand_a_narrow_guest_just_has_no_window64),
		cmocka_unit_test(nothing_in_the_description_overlaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

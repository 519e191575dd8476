/* Base address registers. VFIO-CFG-10, VFIO-BAR-04..07. */
#include "tests/unit/pcie/bar_scene.h"

static void put(struct scene *s, unsigned reg, unsigned len, uint64_t v)
{
	cfg_write(&s->b, 0, DEVFN, reg, len, v);
}

static uint64_t get(struct scene *s, unsigned reg, unsigned len)
{
	return cfg_read(&s->b, 0, DEVFN, reg, len);
}

static void type_bits_are_those_of_the_kind(void **state)
{
	struct scene s;

	open_scene(&s);
	assert_int_equal(get(&s, BAR(0), 4), 0x0);
	assert_int_equal(get(&s, BAR(1), 4), 0x1);
	assert_int_equal(get(&s, BAR(2), 4), 0xc);
	assert_int_equal(get(&s, BAR(3), 4), 0x0);
	assert_int_equal(get(&s, BAR(4), 4), 0x4);
	assert_int_equal(get(&s, PCI_ROM_ADDRESS, 4), 0x0);
	close_scene(&s);
}

/* Linux __pci_read_base: ones, read, restore, each half for itself.
 * VFIO-CFG-10 */
static void linux_sizes_every_bar(void **state)
{
	static const struct {
		unsigned reg;
		uint32_t ones, mask;
	} want[] = {
		{ BAR(0), 0xffffffff, 0xffff0000 },
		{ BAR(1), 0xffffffff, 0xffffffe1 },
		{ BAR(2), 0xffffffff, 0x0000000c },
		{ BAR(3), 0xffffffff, 0xfffffffe },
		{ BAR(4), 0xffffffff, 0xffffc004 },
		{ BAR(5), 0xffffffff, 0xffffffff },
		{ PCI_ROM_ADDRESS, 0xfffff800, 0xfffff800 },
	};
	struct scene s;

	open_scene(&s);
	for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
		uint64_t old = get(&s, want[i].reg, 4);

		put(&s, want[i].reg, 4, want[i].ones);
		assert_int_equal(get(&s, want[i].reg, 4), want[i].mask);
		put(&s, want[i].reg, 4, old);
		assert_int_equal(get(&s, want[i].reg, 4), old);
	}
	close_scene(&s);
}

/* EDK2 PciBusDxe: ones to the low half, read, then to the high half.
 * VFIO-CFG-10 */
static void both_halves_at_once_give_the_size_in_any_order(void **state)
{
	struct scene s;

	open_scene(&s);
	for (unsigned upper_first = 0; upper_first < 2; upper_first++) {
		put(&s, upper_first ? BAR(3) : BAR(2), 4, UINT32_MAX);
		put(&s, upper_first ? BAR(2) : BAR(3), 4, UINT32_MAX);
		assert_int_equal(get(&s, BAR(2), 8), 0xfffffffe0000000cull);
		put(&s, BAR(2), 8, 0);
		assert_int_equal(get(&s, BAR(2), 8), 0xc);
	}
	close_scene(&s);
}

/* VFIO-CFG-10 */
static void unimplemented_bar_reads_zero(void **state)
{
	struct board b;
	struct toy t;
	struct err e = ERR_NONE;

	board_open(&b);
	toy_init(&t, "toy");
	assert_int_equal(pci_host_add(&b.host, &t.dev, DEVFN, &e), 0);
	for (unsigned reg = BAR(0); reg <= PCI_ROM_ADDRESS; reg += 4) {
		cfg_write(&b, 0, DEVFN, reg, 4, UINT32_MAX);
		assert_int_equal(cfg_read(&b, 0, DEVFN, reg, 4), 0);
	}
	pci_device_fini(&t.dev);
	board_close(&b);
}

/* VFIO-BAR-05 */
static void sizing_with_decode_on_unmaps_and_returns(void **state)
{
	struct scene s;

	open_scene(&s);
	put(&s, BAR(0), 4, 0xc0010000);
	put(&s, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(s.t.mapped_at[0], 0xc0010000);
	put(&s, BAR(0), 4, UINT32_MAX);
	assert_int_equal(s.t.mapped_at[0], 0);
	assert_int_equal(bus_read(&s.b.vm.mmio, 0xc0010000, 4), UINT32_MAX);
	put(&s, BAR(0), 4, 0);
	assert_int_equal(s.t.mapped_at[0], 0);
	put(&s, BAR(0), 4, 0xc0010000);
	assert_int_equal(s.t.mapped_at[0], 0xc0010000);
	/* Nothing of this is worth a line in the log. */
	assert_int_equal(s.t.dev.limit.used, 0);
	close_scene(&s);
}

/* VFIO-CFG-02, VFIO-CFG-06 */
static void command_in_any_width_decodes_the_same(void **state)
{
	static const struct {
		unsigned reg, len;
		uint64_t on, off;
	} how[] = {
		{ PCI_COMMAND, 1, 3, 0 },
		{ PCI_COMMAND, 2, 3, 0 },
		{ PCI_COMMAND, 4, 3, 0 },
		{ PCI_VENDOR_ID, 8, 3ull << 32, 0 },
	};
	struct scene s;

	open_scene(&s);
	put(&s, BAR(0), 4, 0xc0010000);
	put(&s, BAR(1), 4, 0x1001);
	for (unsigned i = 0; i < ARRAY_LEN(how); i++) {
		put(&s, how[i].reg, how[i].len, how[i].on);
		assert_int_equal(s.t.mapped_at[0], 0xc0010000);
		assert_int_equal(s.t.mapped_at[1], 0x1000);
		/* The upper byte of the command alone changes nothing here. */
		put(&s, PCI_COMMAND + 1, 1, 0);
		assert_int_equal(s.t.maps[0], i + 1);
		put(&s, how[i].reg, how[i].len, how[i].off);
		assert_int_equal(s.t.mapped_at[0], 0);
		assert_int_equal(s.t.mapped_at[1], 0);
	}
	close_scene(&s);
}

static void bar_written_in_bytes_and_words_moves(void **state)
{
	struct scene s;

	open_scene(&s);
	put(&s, PCI_COMMAND, 1, 2);
	for (unsigned len = 1; len <= 2; len++) {
		uint64_t at = 0x1234560000ull + 0x10000 * len;

		for (unsigned i = 0; i < 8; i += len)
			put(&s, BAR(4) + i, len, at >> (8 * i));
		assert_int_equal(pci_bar_address(&s.t.dev, 4), at);
		assert_int_equal(s.t.mapped_at[4], at);
		put(&s, BAR(4), 8, 0);
	}
	close_scene(&s);
}

static void register_bits_below_the_size_stay_zero(void **state)
{
	struct scene s;

	open_scene(&s);
	put(&s, BAR(0), 4, 0xc001ffff);
	assert_int_equal(get(&s, BAR(0), 4), 0xc0010000);
	put(&s, BAR(1), 4, 0xffff);
	assert_int_equal(get(&s, BAR(1), 4), 0xffe1);
	close_scene(&s);
}

/* VFIO-BAR-14 */
static void each_kind_obeys_its_own_command_bit(void **state)
{
	struct scene s;

	open_scene(&s);
	put(&s, BAR(0), 4, 0xc0010000);
	put(&s, BAR(1), 4, 0x2000);
	put(&s, PCI_COMMAND, 2, PCI_COMMAND_IO);
	assert_int_equal(s.t.mapped_at[0], 0);
	assert_int_equal(s.t.mapped_at[1], 0x2000);
	put(&s, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(s.t.mapped_at[0], 0xc0010000);
	assert_int_equal(s.t.mapped_at[1], 0);
	close_scene(&s);
}

static void rom_needs_its_own_enable_bit(void **state)
{
	struct scene s;

	open_scene(&s);
	put(&s, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	put(&s, PCI_ROM_ADDRESS, 4, 0xc0020000);
	assert_int_equal(s.t.mapped_at[PCI_ROM_BAR], 0);
	put(&s, PCI_ROM_ADDRESS, 1, 1);
	assert_int_equal(s.t.mapped_at[PCI_ROM_BAR], 0xc0020000);
	put(&s, PCI_ROM_ADDRESS, 4, 0xc0020000);
	assert_int_equal(s.t.mapped_at[PCI_ROM_BAR], 0);
	close_scene(&s);
}

static void function_not_in_d0_does_not_decode(void **state)
{
	struct scene s;

	open_scene(&s);
	put(&s, BAR(0), 4, 0xc0010000);
	put(&s, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	s.t.dev.powered = false;
	pci_bars_update(&s.t.dev);
	assert_int_equal(s.t.mapped_at[0], 0);
	s.t.dev.powered = true;
	pci_bars_update(&s.t.dev);
	assert_int_equal(s.t.mapped_at[0], 0xc0010000);
	close_scene(&s);
}

/* VFIO-BAR-06, VFIO-ERR-06 */
static void halves_written_apart_pass_through_garbage(void **state)
{
	struct scene s;

	open_scene(&s);
	put(&s, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	put(&s, BAR(2), 8, 72 * GIB);
	assert_int_equal(s.t.mapped_at[2], 72 * GIB);
	put(&s, BAR(3), 4, 0x7fffffff);
	assert_int_equal(s.t.mapped_at[2], 0);
	put(&s, BAR(3), 4, 80 * GIB >> 32);
	assert_int_equal(s.t.mapped_at[2], 80 * GIB);
	assert_int_equal(s.t.dev.limit.used, 0);
	close_scene(&s);
}

/* VFIO-ERR-06 */
static void address_that_wraps_is_not_decoded(void **state)
{
	static const uint64_t bad[] = {
		0xfffffffffffffff0,  0xfffffffe00000000, 128 * GIB,
		120 * GIB + 8 * GIB, 56 * GIB,
	};
	struct scene s;

	open_scene(&s);
	put(&s, PCI_COMMAND, 2, 3);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		put(&s, BAR(2), 8, bad[i]);
		assert_int_equal(s.t.mapped_at[2], 0);
	}
	put(&s, BAR(2), 8, 120 * GIB);
	assert_int_equal(s.t.mapped_at[2], 120 * GIB);
	put(&s, BAR(1), 4, 0x11000);
	assert_int_equal(s.t.mapped_at[1], 0);
	put(&s, BAR(1), 4, 0xffe0);
	assert_int_equal(s.t.mapped_at[1], 0xffe0);
	close_scene(&s);
}

/* VFIO-BAR-07, VFIO-ERR-06 */
static void bar_over_ram_or_ecam_stays_unmapped(void **state)
{
	struct scene s;

	open_scene(&s);
	put(&s, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	put(&s, BAR(0), 4, 0x10000);
	assert_int_equal(s.t.mapped_at[0], 0);
	put(&s, BAR(0), 4, ECAM_BASE);
	assert_int_equal(s.t.mapped_at[0], 0);
	assert_int_equal(get(&s, PCI_VENDOR_ID, 2), 0x1234);
	close_scene(&s);
}

static void bar_inside_apertures_on_something_fixed_waits(void **state)
{
	struct region fixed = { .name = "fixed",
				.base = 0xc0040000,
				.size = 0x1000 };
	struct scene s;
	struct err e = ERR_NONE;

	open_scene(&s);
	assert_int_equal(bus_add(&s.b.vm.mmio, &fixed, &e), 0);
	put(&s, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	for (unsigned i = 0; i < 100; i++)
		put(&s, BAR(0), 4, 0xc0040000);
	assert_true(pci_bars_waiting(&s.t.dev));
	assert_int_equal(s.t.mapped_at[0], 0);
	assert_int_equal(s.t.dev.limit.used, 1); /* one line, not a hundred */
	bus_remove(&s.b.vm.mmio, &fixed);
	pci_host_settle(&s.b.host);
	assert_int_equal(s.t.mapped_at[0], 0xc0040000);
	assert_false(pci_bars_waiting(&s.t.dev));
	close_scene(&s);
}

static void two_bars_of_a_function_swap_places(void **state)
{
	struct scene s;

	open_scene(&s);
	pci_bar_init(&s.u.dev, 1, PCI_BAR_MEM32, false, 0x10000);
	cfg_write(&s.b, 0, OTHER, BAR(0), 4, 0xc0010000);
	cfg_write(&s.b, 0, OTHER, BAR(1), 4, 0xc0020000);
	cfg_write(&s.b, 0, OTHER, PCI_COMMAND, 2, 2);
	cfg_write(&s.b, 0, OTHER, BAR(0), 8, 0xc0010000c0020000);
	assert_int_equal(s.u.mapped_at[0], 0xc0020000);
	assert_int_equal(s.u.mapped_at[1], 0xc0010000);
	close_scene(&s);
}

/* VFIO-BAR-07 */
static void first_of_two_functions_wins_until_it_moves(void **state)
{
	struct scene s;

	open_scene(&s);
	put(&s, BAR(0), 4, 0xc0010000);
	put(&s, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	cfg_write(&s.b, 0, OTHER, BAR(0), 4, 0xc0010000);
	cfg_write(&s.b, 0, OTHER, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(s.u.mapped_at[0], 0);
	assert_int_equal(s.b.host.waiting, 1);
	put(&s, BAR(0), 4, 0xc0030000);
	assert_int_equal(s.t.mapped_at[0], 0xc0030000);
	assert_int_equal(s.u.mapped_at[0], 0xc0010000);
	assert_int_equal(s.b.host.waiting, 0);
	close_scene(&s);
}

static void waiting_ends_when_decode_goes_off(void **state)
{
	struct scene s;

	open_scene(&s);
	put(&s, BAR(0), 4, 0xc0010000);
	put(&s, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	cfg_write(&s.b, 0, OTHER, BAR(0), 4, 0xc0010000);
	cfg_write(&s.b, 0, OTHER, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	cfg_write(&s.b, 0, OTHER, PCI_COMMAND, 2, 0);
	assert_int_equal(s.b.host.waiting, 0);
	put(&s, PCI_COMMAND, 2, 0);
	assert_int_equal(s.u.mapped_at[0], 0);
	close_scene(&s);
}

static void unmap_takes_all_away(void **state)
{
	struct scene s;

	open_scene(&s);
	put(&s, BAR(0), 4, 0xc0010000);
	put(&s, BAR(1), 4, 0x1000);
	put(&s, PCI_COMMAND, 2, 3);
	pci_bars_unmap(&s.t.dev);
	assert_int_equal(s.t.mapped_at[0] | s.t.mapped_at[1], 0);
	assert_true(bus_is_free(&s.b.vm.mmio, 0xc0010000, 0x10000));
	assert_true(bus_is_free(&s.b.vm.pio, 0x1000, 32));
	close_scene(&s);
}

/* VFIO-BAR-13 */
static void accesses_reach_the_device_in_aligned_pieces(void **state)
{
	struct scene s;

	open_scene(&s);
	put(&s, BAR(0), 4, 0xc0010000);
	put(&s, PCI_COMMAND, 2, 3);
	for (unsigned len = 1; len <= 8; len++) {
		for (unsigned at = 0; at < 16; at++) {
			uint64_t v = 0x1122334455667788 & all_ones(len);

			bus_write(&s.b.vm.mmio, 0xc0010000 + at, len, v);
			assert_int_equal(
				bus_read(&s.b.vm.mmio, 0xc0010000 + at, len),
				v);
			assert_int_equal(le_load(s.t.mem + at, len), v);
		}
	}
	assert_false(s.t.crooked);
	assert_int_equal(s.t.widths, 15);
	/* The last byte belongs to us, the next one to nobody. */
	assert_int_equal(bus_read(&s.b.vm.mmio, 0xc001fffc, 8),
			 0xffffffff00000000);
	close_scene(&s);
}

static void bar_without_ops_reads_ones(void **state)
{
	struct board b;
	struct pci_device d;
	struct err e = ERR_NONE;

	board_open(&b);
	pci_device_init(&d, &(const struct pci_ops){ 0 }, "plain");
	pci_bar_init(&d, 0, PCI_BAR_MEM32, false, 0x1000);
	assert_int_equal(pci_host_add(&b.host, &d, DEVFN, &e), 0);
	cfg_write(&b, 0, DEVFN, BAR(0), 4, 0xc0000000);
	cfg_write(&b, 0, DEVFN, PCI_COMMAND, 1, 2);
	bus_write(&b.vm.mmio, 0xc0000000, 4, 1);
	assert_int_equal(bus_read(&b.vm.mmio, 0xc0000000, 4), UINT32_MAX);
	pci_device_fini(&d);
	board_close(&b);
}

static void late_access_to_a_bar_that_left_finds_nobody(void **state)
{
	struct scene s;
	struct region *r = &s.t.dev.bars[0].region;

	open_scene(&s);
	put(&s, BAR(0), 4, 0xc0010000);
	put(&s, PCI_COMMAND, 2, 2);
	put(&s, PCI_COMMAND, 2, 0);
	assert_int_equal(r->ops->read(r, 0, 4), UINT32_MAX);
	r->ops->write(r, 0, 4, 7);
	assert_int_equal(s.t.mem[0], 0);
	close_scene(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(type_bits_are_those_of_the_kind),
		FAKE_TEST(linux_sizes_every_bar),
		FAKE_TEST(both_halves_at_once_give_the_size_in_any_order),
		FAKE_TEST(unimplemented_bar_reads_zero),
		FAKE_TEST(sizing_with_decode_on_unmaps_and_returns),
		FAKE_TEST(command_in_any_width_decodes_the_same),
		FAKE_TEST(bar_written_in_bytes_and_words_moves),
		FAKE_TEST(register_bits_below_the_size_stay_zero),
		FAKE_TEST(each_kind_obeys_its_own_command_bit),
		FAKE_TEST(rom_needs_its_own_enable_bit),
		FAKE_TEST(function_not_in_d0_does_not_decode),
		FAKE_TEST(halves_written_apart_pass_through_garbage),
		FAKE_TEST(address_that_wraps_is_not_decoded),
		FAKE_TEST(bar_over_ram_or_ecam_stays_unmapped),
		FAKE_TEST(bar_inside_apertures_on_something_fixed_waits),
		FAKE_TEST(two_bars_of_a_function_swap_places),
		FAKE_TEST(first_of_two_functions_wins_until_it_moves),
		FAKE_TEST(waiting_ends_when_decode_goes_off),
		FAKE_TEST(unmap_takes_all_away),
		FAKE_TEST(accesses_reach_the_device_in_aligned_pieces),
		FAKE_TEST(bar_without_ops_reads_ones),
		FAKE_TEST(late_access_to_a_bar_that_left_finds_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

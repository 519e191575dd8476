/* What a client reads and writes: config space, BARs, registers, resets. */
#include "tests/unit/card/bench.h"

#include <linux/pci_regs.h>
#include <stdlib.h>

#include "tests/card/regs.h"

static const char plain[] = "function 0\nintx A\n"
			    "cap pm at 0x40\ncap msix at 0x60\n"
			    "cap pcie at 0x70\n"
			    "ecap aer at 0x100\necap dsn at 0x200\n";

/* -------- config space -------- */

static void only_writable_bits_change(void **state)
{
	struct bench b;
	const struct image *i;

	bench_open(&b, plain);
	i = &b.d.function[0].image;
	for (unsigned at = 0; at < CONFIG_BYTES; at++) {
		if (at == b.f.text->flr_at + 1)
			continue;
		set(&b.f, CONFIG, at, 1, 0xff);
		assert_int_equal(get(&b.f, CONFIG, at, 1) & ~i->writable[at],
				 i->bytes[at] & ~i->writable[at]);
		assert_int_equal(get(&b.f, CONFIG, at, 1) & i->writable[at],
				 i->writable[at]);
		set(&b.f, CONFIG, at, 1, 0);
		assert_int_equal(get(&b.f, CONFIG, at, 1) & i->writable[at], 0);
	}
	bench_close(&b);
}

/* PCIe 6.2 7.5.1.2.1 */
static void a_bar_of_ones_tells_its_size(void **state)
{
	struct bench b;

	bench_open(&b, plain);
	set(&b.f, CONFIG, PCI_BASE_ADDRESS_0, 4, UINT32_MAX);
	set(&b.f, CONFIG, PCI_BASE_ADDRESS_1, 4, UINT32_MAX);
	assert_int_equal(get(&b.f, CONFIG, PCI_BASE_ADDRESS_0, 4), 0xffff000c);
	assert_int_equal(get(&b.f, CONFIG, PCI_BASE_ADDRESS_1, 4), UINT32_MAX);
	bench_close(&b);
}

static void status_bits_are_cleared_by_ones(void **state)
{
	struct bench b;

	bench_open(&b, plain);
	b.f.config.now[PCI_STATUS + 1] = 0xf1;
	set(&b.f, CONFIG, PCI_STATUS, 2, 0x4000);
	assert_int_equal(get(&b.f, CONFIG, PCI_STATUS, 2), 0xb110);
	bench_close(&b);
}

static void the_whole_of_config_space_reads_in_one_piece(void **state)
{
	uint8_t all[CONFIG_BYTES];
	struct bench b;

	bench_open(&b, plain);
	assert_int_equal(function_read(&b.f, CONFIG, 0, all, sizeof(all)), 0);
	assert_memory_equal(all, b.d.function[0].image.bytes, sizeof(all));
	bench_close(&b);
}

/* -------- resets -------- */

static void an_flr_brings_power_on_values(void **state)
{
	uint8_t all[CONFIG_BYTES];
	struct bench b;

	bench_open(&b, plain);
	enable(&b.f);
	set(&b.f, 0, CARD_SCRATCH, 4, 0x12345678);
	assert_int_equal(get(&b.f, 0, CARD_SCRATCH, 4), 0x12345678);
	set(&b.f, CONFIG, 0x70 + PCI_EXP_DEVCTL, 2,
	    PCI_EXP_DEVCTL_BCR_FLR | 0x2810);
	assert_int_equal(function_read(&b.f, CONFIG, 0, all, sizeof(all)), 0);
	assert_memory_equal(all, b.d.function[0].image.bytes, sizeof(all));
	enable(&b.f);
	assert_int_equal(get(&b.f, 0, CARD_SCRATCH, 4), 0);
	assert_int_equal(get(&b.f, 0, CARD_RESETS, 4), 1);
	assert_int_equal(b.f.counts.resets, 1);
	bench_close(&b);
}

static void without_flr_the_bit_does_nothing(void **state)
{
	struct bench b;

	bench_open(&b, "function 0\ncap pcie at 0x70 noflr\n");
	set(&b.f, CONFIG, 0x70 + PCI_EXP_DEVCTL, 2, 0x8000);
	assert_int_equal(b.f.counts.resets, 0);
	bench_close(&b);
}

static void a_reset_puts_the_table_back(void **state)
{
	struct bench b;

	bench_open(&b, "function 0\n");
	enable(&b.f);
	set(&b.f, 0, 0x2000, 4, 0);
	function_reset(&b.f);
	enable(&b.f);
	assert_int_equal(get(&b.f, 0, 0x2000, 4), CARD_TABLE_FORMAT_1);
	bench_close(&b);
}

/* A real one answers nothing in the meantime: PCIe 6.2 6.6.2. */
static void a_slow_reset_reads_as_ones(void **state)
{
	struct bench b;

	bench_open(&b, plain);
	b.f.faults.reset_ms = 100000;
	function_reset(&b.f);
	assert_int_equal(get(&b.f, CONFIG, 0, 4), UINT32_MAX);
	set(&b.f, CONFIG, PCI_COMMAND, 2, 6);
	b.f.away_until = function_now();
	assert_int_equal(get(&b.f, CONFIG, 0, 4), 0x502110ee);
	assert_int_equal(get(&b.f, CONFIG, PCI_COMMAND, 2), 0);
	bench_close(&b);
}

static void the_next_client_finds_a_new_card(void **state)
{
	struct bench b;

	bench_open(&b, "function 0\n");
	enable(&b.f);
	set(&b.f, 2, 0x1000, 4, 0xdecafbad);
	b.f.faults.hang = true;
	b.f.greeted = true;
	assert_int_equal(
		maps_add(&b.f.maps, &(struct map){ .size = 1, .ways = 3 }, -1),
		0);
	function_left(&b.f);
	enable(&b.f);
	assert_int_equal(get(&b.f, 2, 0x1000, 4), 0);
	assert_int_equal(get(&b.f, 0, 0x2000, 4), CARD_TABLE_FORMAT_1);
	assert_int_equal(b.f.maps.n, 0);
	assert_int_equal(b.f.counts.unmaps, 1);
	assert_false(b.f.faults.hang);
	assert_false(b.f.greeted);
	bench_close(&b);
}

/* -------- BARs -------- */

static void accesses_outside_a_region_are_refused(void **state)
{
	uint8_t buf[16] = { 0 };
	struct bench b;
	static const struct {
		unsigned region;
		uint64_t off;
		uint32_t n;
	} outside[] = {
		{ 0, 0x10000, 1 },
		{ 0, 0xfffd, 4 },
		{ 0, UINT64_MAX, 1 },
		{ 0, UINT64_MAX - 3, 8 },
		{ 0, 0, 0 },
		{ 1, 0, 4 },
		{ 6, 0, 4 },
		{ 8, 0, 4 },
		{ 9, 0, 4 },
		{ UINT32_MAX, 0, 4 },
		{ CONFIG, 4096, 1 },
		{ CONFIG, 4093, 4 },
		{ 2, 128 * MIB - 4, 8 },
	};

	bench_open(&b, plain);
	enable(&b.f);
	for (size_t i = 0; i < ARRAY_LEN(outside); i++) {
		print_message("region %u, %u bytes\n", outside[i].region,
			      outside[i].n);
		assert_int_equal(function_read(&b.f, outside[i].region,
					       outside[i].off, buf,
					       outside[i].n),
				 -EINVAL);
		assert_int_equal(function_write(&b.f, outside[i].region,
						outside[i].off, buf,
						outside[i].n),
				 -EINVAL);
	}
	bench_close(&b);
}

static void without_decode_a_bar_is_silent(void **state)
{
	struct bench b;

	bench_open(&b, plain);
	set(&b.f, 2, 0, 4, 0x11223344);
	assert_int_equal(get(&b.f, 2, 0, 4), UINT32_MAX);
	enable(&b.f);
	assert_int_equal(get(&b.f, 2, 0, 4), 0);
	bench_close(&b);
}

static void an_io_bar_has_decode_of_its_own(void **state)
{
	struct bench b;

	bench_open(&b, "function 0\ncap pm at 0x40\nbar 0 io 16\n");
	set(&b.f, CONFIG, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(get(&b.f, 0, 0, 4), UINT32_MAX);
	set(&b.f, CONFIG, PCI_COMMAND, 2, PCI_COMMAND_IO);
	set(&b.f, 0, 12, 4, 0x11223344);
	assert_int_equal(get(&b.f, 0, 12, 4), 0x11223344);
	bench_close(&b);
}

static void all_ones_is_all_there_is(void **state)
{
	struct bench b;

	bench_open(&b, plain);
	enable(&b.f);
	b.f.faults.all_ones = true;
	assert_int_equal(get(&b.f, CONFIG, 0, 4), UINT32_MAX);
	assert_int_equal(get(&b.f, 0, CARD_MAGIC, 4), UINT32_MAX);
	set(&b.f, 2, 0, 4, 1);
	b.f.faults.all_ones = false;
	assert_int_equal(get(&b.f, 2, 0, 4), 0);
	bench_close(&b);
}

static void looping_chains_can_be_had_and_undone(void **state)
{
	struct bench b;

	bench_open(&b, plain);
	config_set_loops(&b.f.config, true);
	assert_int_equal(get(&b.f, CONFIG, 0x71, 1), 0x40);
	assert_int_equal(get(&b.f, CONFIG, 0x200, 4), 0x10010003);
	function_reset(&b.f);
	assert_int_equal(get(&b.f, CONFIG, 0x200, 4), 0x10010003);
	config_set_loops(&b.f.config, false);
	assert_int_equal(get(&b.f, CONFIG, 0x71, 1), 0);
	assert_int_equal(get(&b.f, CONFIG, 0x200, 4), 0x00010003);
	bench_close(&b);
}

/* -------- registers -------- */

static void registers_take_aligned_dwords_only(void **state)
{
	struct bench b;

	bench_open(&b, plain);
	enable(&b.f);
	assert_int_equal(get(&b.f, 0, CARD_MAGIC, 2), 0xffff);
	assert_int_equal(get(&b.f, 0, CARD_MAGIC + 1, 1), 0xff);
	assert_int_equal(get(&b.f, 0, CARD_MAGIC + 2, 4), UINT32_MAX);
	set(&b.f, 0, CARD_SCRATCH, 2, 0x1234);
	set(&b.f, 0, CARD_SCRATCH + 1, 4, 0x12345678);
	assert_int_equal(get(&b.f, 0, CARD_SCRATCH, 4), 0);
	bench_close(&b);
}

/* 64 bits are two registers; one that is read-only stays as it is. */
static void wide_accesses_are_several_registers(void **state)
{
	static const uint8_t v[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	struct bench b;
	uint8_t buf[16];

	bench_open(&b, plain);
	enable(&b.f);
	assert_int_equal(function_write(&b.f, 0, CARD_SOURCE_LOW, v, 16), 0);
	assert_int_equal(function_read(&b.f, 0, CARD_SOURCE_LOW, buf, 16), 0);
	assert_memory_equal(buf, v, 16);
	assert_int_equal(function_write(&b.f, 0, CARD_MAGIC, v, 16), 0);
	assert_int_equal(get(&b.f, 0, CARD_MAGIC, 4), CARD_MAGIC_VALUE);
	assert_int_equal(b.f.engine.source, 0x0807060504030201);
	bench_close(&b);
}

/* The block ends at 0x1000; what is behind it is memory. */
static void an_access_across_the_block_is_parted(void **state)
{
	static const uint8_t v[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct bench b;
	uint8_t buf[8];

	bench_open(&b, plain);
	enable(&b.f);
	assert_int_equal(function_write(&b.f, 0, CARD_BLOCK - 4, v, 8), 0);
	assert_int_equal(function_read(&b.f, 0, CARD_BLOCK - 4, buf, 8), 0);
	assert_int_equal(le32_load(buf), 0);
	assert_int_equal(le32_load(buf + 4), 0x08070605);
	bench_close(&b);
}

static void an_engine_in_the_middle_of_a_bar_is_found(void **state)
{
	uint8_t *all = malloc(0x4000);
	struct bench b;

	bench_open(&b, "function 0\ncap pm at 0x40\nbar 3 mem32 16K\n"
		       "engine 3:0x2000\n");
	enable(&b.f);
	assert_non_null(all);
	memset(all, 0xa5, 0x4000);
	assert_int_equal(function_write(&b.f, 3, 0, all, 0x4000), 0);
	assert_int_equal(function_read(&b.f, 3, 0, all, 0x4000), 0);
	assert_int_equal(le32_load(all + 0x1ffc), 0xa5a5a5a5);
	assert_int_equal(le32_load(all + 0x2000), CARD_MAGIC_VALUE);
	assert_int_equal(le32_load(all + 0x2000 + CARD_SCRATCH), 0xa5a5a5a5);
	assert_int_equal(le32_load(all + 0x2ffc), 0);
	assert_int_equal(le32_load(all + 0x3000), 0xa5a5a5a5);
	free(all);
	bench_close(&b);
}

static void registers_tell_about_the_card(void **state)
{
	struct bench b;

	bench_open(&b, "function 0\n");
	enable(&b.f);
	assert_int_equal(get(&b.f, 0, CARD_FUNCTION, 4), 0);
	assert_int_equal(get(&b.f, 0, CARD_VECTORS, 4), 8);
	assert_int_equal(get(&b.f, 0, CARD_MEMORY_LOW, 4), 128 * MIB);
	assert_int_equal(get(&b.f, 0, CARD_MEMORY_HIGH, 4), 0);
	bench_close(&b);
	bench_open(&b, "function 0\nintx B\ncap pm at 0x40\n");
	enable(&b.f);
	assert_int_equal(get(&b.f, 0, CARD_VECTORS, 4), 1);
	assert_int_equal(get(&b.f, CONFIG, PCI_INTERRUPT_PIN, 1), 2);
	bench_close(&b);
}

/* As some graphics chips have it. */
static void a_copy_of_config_space_is_config_space(void **state)
{
	struct bench b;

	bench_open(&b, "function 0\nbar 0 mem32 64K\ncopy 0:0x8000\n"
		       "cap pm at 0x40\n");
	assert_int_equal(b.d.function[0].bar[0].n_areas, 2);
	set(&b.f, CONFIG, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	set(&b.f, 0, 0x8010, 4, 0x12345678);
	assert_int_equal(get(&b.f, CONFIG, 0x10, 4), 0x12340000);
	assert_int_equal(get(&b.f, 0, 0x8010, 4), 0x12340000);
	/* across its edge */
	set(&b.f, 0, 0x7ffe, 4, 0xffffffff);
	assert_int_equal(get(&b.f, 0, 0x7ffe, 4), 0x10eeffff);
	set(&b.f, 0, 0x8004, 2, 0);
	assert_int_equal(get(&b.f, 0, 0x8004, 2), 0xffff);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_writable_bits_change),
		cmocka_unit_test(a_bar_of_ones_tells_its_size),
		cmocka_unit_test(status_bits_are_cleared_by_ones),
		cmocka_unit_test(the_whole_of_config_space_reads_in_one_piece),
		cmocka_unit_test(an_flr_brings_power_on_values),
		cmocka_unit_test(without_flr_the_bit_does_nothing),
		cmocka_unit_test(a_reset_puts_the_table_back),
		cmocka_unit_test(a_slow_reset_reads_as_ones),
		cmocka_unit_test(the_next_client_finds_a_new_card),
		cmocka_unit_test(accesses_outside_a_region_are_refused),
		cmocka_unit_test(without_decode_a_bar_is_silent),
		cmocka_unit_test(an_io_bar_has_decode_of_its_own),
		cmocka_unit_test(all_ones_is_all_there_is),
		cmocka_unit_test(looping_chains_can_be_had_and_undone),
		cmocka_unit_test(registers_take_aligned_dwords_only),
		cmocka_unit_test(wide_accesses_are_several_registers),
		cmocka_unit_test(an_access_across_the_block_is_parted),
		cmocka_unit_test(an_engine_in_the_middle_of_a_bar_is_found),
		cmocka_unit_test(registers_tell_about_the_card),
		cmocka_unit_test(a_copy_of_config_space_is_config_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

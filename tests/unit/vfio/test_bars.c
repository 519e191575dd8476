/* BARs: what is shown, what traps, and what stays hidden. */
#include <sys/mman.h>

#include "tests/unit/vfio/bench.h"

static bool shown(uint64_t gpa)
{
	return fake_kvm_slot_at(gpa) != NULL;
}

/* Offsets of BAR @bar's pages that are shown, as a picture: '#' or '.'. */
static void picture(struct bench *b, unsigned bar, char *out)
{
	uint64_t n = b->pci->bars[bar].size / 4096;

	for (uint64_t i = 0; i < n; i++)
		out[i] = shown(bar_at(b, bar) + i * 4096) ? '#' : '.';
	out[n] = '\0';
}

/* -------- VFIO-BAR-08: the MSI-X table is never shown -------- */

static void table_and_pba_are_carved_out_wherever_they_are(void **state)
{
	static const struct {
		unsigned vectors, table, pba;
		const char *bar0;
	} rows[] = {
		{ 16, 0x0000, 0x0800, ".#######" }, /* at the start, one page */
		{ 16, 0x3000, 0x4000, "###..###" }, /* in the middle */
		{ 16, 0x6000, 0x7000, "######.." }, /* at the end */
		{ 16, 0x3ff0, 0x4fff8 & 0x7ff8, "###..##." }, /* straddling */
		{ 16, 0x2000, 0x5000, "##.##.##" },	      /* apart */
		{ 1024, 0x0000, 0x4000, ".....###" },
		{ 1792, 0x0000, 0x7000, "........" }, /* the whole BAR */
		{ 1, 0x0800, 0x0900, ".#######" },    /* beside registers */
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct fake_pci p = plain_function;
		struct bench b;
		char pages[16];

		fake_reset();
		p.bar[0].size = 0x8000;
		p.msix.vectors = (uint16_t)rows[i].vectors;
		p.msix.table = rows[i].table;
		p.msix.pba = rows[i].pba;
		bench_open(&b, &p);
		decode_on(&b);
		picture(&b, 0, pages);
		if (strcmp(pages, rows[i].bar0) != 0)
			fail_msg("row %u: %s", i, pages);
		bench_close(&b);
	}
}

static void the_pba_may_be_in_another_bar(void **state)
{
	struct fake_pci p = plain_function;
	struct bench b;
	char pages[16];

	p.bar[2] = (struct fake_bar){ .size = 0x4000 };
	p.msix.pba_bar = 2;
	p.msix.pba = 0x1000;
	bench_open(&b, &p);
	decode_on(&b);
	picture(&b, 0, pages);
	assert_string_equal(pages, "##.#");
	picture(&b, 2, pages);
	assert_string_equal(pages, "#.##");
	bench_close(&b);
}

static void without_the_mappable_capability_it_is_hidden_too(void **state)
{
	struct fake_pci p = plain_function;
	struct bench b;
	char pages[16];

	p.no_msix_mappable = true;
	bench_open(&b, &p);
	decode_on(&b);
	picture(&b, 0, pages);
	assert_string_equal(pages, "##..");
	bench_close(&b);
}

static void sparse_areas_are_respected(void **state)
{
	static const uint64_t areas[] = {
		0x1000, 0x2000, 0x6000, 0x1000, 0, 0
	};
	struct fake_pci p = plain_function;
	struct bench b;
	char pages[16];

	p.bar[0].size = 0x8000;
	p.sparse = areas;
	bench_open(&b, &p);
	decode_on(&b);
	picture(&b, 0, pages);
	assert_string_equal(pages, ".#....#."); /* 0x2000 is the table */
	bench_close(&b);
}

/* VFIO-BAR-01: what the kernel cannot mean is not believed */
static void senseless_areas_are_not_mapped(void **state)
{
	static const uint64_t rows[][6] = {
		{ 0x1000, 0x800, 0, 0 },		  /* half a page */
		{ 0x800, 0x1000, 0, 0 },		  /* askew */
		{ 0x7000, 0x2000, 0, 0 },		  /* beyond the end */
		{ 0x4000, 0x2000, 0x5000, 0x1000, 0, 0 }, /* overlapping */
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct fake_pci p = plain_function;
		struct bench b;

		fake_reset();
		p.bar[0].size = 0x8000;
		p.sparse = rows[i];
		bench_open(&b, &p);
		if (b.dev->bar[0].n_views != 0)
			fail_msg("row %u is mapped", i);
		bench_close(&b);
	}
}

static void areas_in_any_order_will_do(void **state)
{
	static const uint64_t areas[] = {
		0x6000, 0x1000, 0x1000, 0x1000, 0, 0
	};
	struct fake_pci p = plain_function;
	struct bench b;
	char pages[16];

	p.bar[0].size = 0x8000;
	p.sparse = areas;
	bench_open(&b, &p);
	decode_on(&b);
	picture(&b, 0, pages);
	assert_string_equal(pages, ".#....#.");
	bench_close(&b);
}

/* VFIO-BAR-11 */
static void a_table_outside_of_its_bar_hides_msix(void **state)
{
	static const struct {
		unsigned vectors, table, pba, table_bar;
	} rows[] = {
		{ 16, 0x4000, 0, 0 },	   /* beyond */
		{ 2048, 0x0000, 0x0, 0 },  /* too long */
		{ 16, 0x1000, 0x1080, 0 }, /* PBA inside of the table */
		{ 16, 0, 0x3000, 4 },	   /* no such BAR */
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct fake_pci p = plain_function;
		struct bench b;
		char pages[16];

		fake_reset();
		p.msix.vectors = (uint16_t)rows[i].vectors;
		p.msix.table = rows[i].table;
		p.msix.table_bar = (uint8_t)rows[i].table_bar;
		p.msix.pba = rows[i].pba;
		bench_open(&b, &p);
		if (b.pci->msix)
			fail_msg("row %u: MSI-X is there", i);
		assert_int_equal(cfg_read(&b, 0xb0, 4), 0);
		decode_on(&b);
		picture(&b, 0, pages);
		assert_string_equal(pages, "####");
		bench_close(&b);
	}
}

/* -------- the slow path -------- */

/* VFIO-BAR-09 */
static void registers_beside_the_table_are_reached_by_pread(void **state)
{
	struct fake_pci p = plain_function;
	uint8_t *regs;
	struct bench b;

	p.msix.table = 0x2100;
	bench_open(&b, &p);
	decode_on(&b);
	regs = fake_pci_bar(BDF, 0);
	for (unsigned len = 1; len <= 8; len *= 2) {
		uint64_t at = bar_at(&b, 0) + 0x2000 + 8 * len;
		char line[80];

		fake_trace_clear();
		bus_write(&b.vm.mmio, at, len, 0x1122334455667788);
		snprintf(line, sizeof(line), "region=0 off=%#x len=%u",
			 0x2000 + 8 * len, len);
		assert_int_equal(fake_trace_count(line), 1);
		assert_true(le_load(regs + 0x2000 + 8 * len, len) ==
			    (0x1122334455667788 & all_ones(len)));
		assert_true(bus_read(&b.vm.mmio, at, len) ==
			    (0x1122334455667788 & all_ones(len)));
		assert_int_equal(fake_trace_count(line), 2);
	}
	bench_close(&b);
}

static void the_table_itself_is_ours(void **state)
{
	struct bench b;
	uint64_t table;

	bench_open(&b, &plain_function);
	decode_on(&b);
	table = bar_at(&b, 0) + 0x2000;
	fake_trace_clear();
	assert_true(bus_read(&b.vm.mmio, table + 12, 4) == 1); /* masked */
	bus_write(&b.vm.mmio, table, 4, 0xfee00000);
	assert_true(bus_read(&b.vm.mmio, table, 4) == 0xfee00000);
	assert_true(bus_read(&b.vm.mmio, bar_at(&b, 0) + 0x3000, 8) == 0);
	assert_int_equal(fake_trace_count("pread device"), 0);
	assert_int_equal(fake_trace_count("pwrite device"), 0);
	bench_close(&b);
}

/* VFIO-BAR-13 */
static void an_unaligned_access_is_split(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	decode_on(&b);
	fake_trace_clear();
	bus_write(&b.vm.mmio, bar_at(&b, 0) + 0x2803, 4, 0xaabbccdd);
	assert_int_equal(fake_trace_count("pwrite device"), 3);
	assert_int_equal(le32_load((uint8_t *)fake_pci_bar(BDF, 0) + 0x2803),
			 0xaabbccdd);
	bench_close(&b);
}

/* VFIO-BAR-13, VFIO-ERR-05 */
static void failing_accesses_give_ones_and_few_lines(void **state)
{
	static const enum fake_gone how[] = { FAKE_EIO, FAKE_SHORT };

	for (unsigned i = 0; i < ARRAY_LEN(how); i++) {
		struct bench b;

		fake_reset();
		bench_open(&b, &plain_function);
		decode_on(&b);
		fake_pci_gone(BDF, how[i]);
		for (unsigned k = 0; k < 1000; k++) {
			uint64_t at = bar_at(&b, 0) + 0x2800;

			assert_true(bus_read(&b.vm.mmio, at, 4) == 0xffffffff);
			bus_write(&b.vm.mmio, at, 8, 0);
		}
		assert_true(b.dev->access_limit.used <= LOG_LIMIT_BURST + 1);
		bench_close(&b);
	}
}

/* VFIO-BAR-14 */
static void port_bars_trap(void **state)
{
	struct fake_pci p = plain_function;
	uint64_t at;
	struct bench b;

	p.bar[2] = (struct fake_bar){ .size = 0x20, .io = true };
	bench_open(&b, &p);
	decode_on(&b);
	at = bar_at(&b, 2);
	if (at == 0)
		skip(); /* the port has no I/O window */
	bus_write(&b.vm.pio, at + 4, 2, 0x1234);
	assert_int_equal(le16_load((uint8_t *)fake_pci_bar(BDF, 2) + 4),
			 0x1234);
	assert_true(bus_read(&b.vm.pio, at + 4, 2) == 0x1234);
	bench_close(&b);
}

/* -------- maps that cannot be -------- */

/* VFIO-BAR-02 */
static void a_bar_that_cannot_be_mapped_traps(void **state)
{
	struct bench b;
	char pages[16];

	fake_pci_add(&plain_function);
	bench_vm(&b);
	fake_fail_call(bench_user ? "mmap received" : "mmap device", 0, EBUSY);
	MUST(bench_attach(&b, &why));
	MUST(bench_place(&b, &why));
	fake_fail_none();
	decode_on(&b);
	picture(&b, 0, pages);
	assert_string_equal(pages, "....");
	bus_write(&b.vm.mmio, bar_at(&b, 0) + 8, 4, 42);
	assert_true(bus_read(&b.vm.mmio, bar_at(&b, 0) + 8, 4) == 42);
	bench_close(&b);
}

static void a_bar_that_vfio_does_not_map_traps(void **state)
{
	struct fake_pci p = plain_function;
	struct bench b;
	char pages[16];

	p.bar[0].no_mmap = true;
	bench_open(&b, &p);
	decode_on(&b);
	picture(&b, 0, pages);
	assert_string_equal(pages, "....");
	bench_close(&b);
}

/* VFIO-BAR-18 */
static void with_no_slot_left_it_traps(void **state)
{
	struct bench b;
	char pages[16];

	fake_kvm_cap(10 /* KVM_CAP_NR_MEMSLOTS */, 1);
	bench_open(&b, &plain_function);
	decode_on(&b);
	picture(&b, 0, pages);
	assert_string_equal(pages, "....");
	bus_write(&b.vm.mmio, bar_at(&b, 0) + 8, 4, 42);
	assert_true(bus_read(&b.vm.mmio, bar_at(&b, 0) + 8, 4) == 42);
	bench_close(&b);
}

/* VFIO-BAR-03 */
static void big_bars_are_mapped_on_aligned_addresses(void **state)
{
	struct fake_pci p = plain_function;
	const struct vfio_view *v;
	struct bench b;

	p.bar[2] = (struct fake_bar){ .size = 8 * MIB, .mem64 = true };
	bench_open(&b, &p);
	v = &b.dev->bar[2].view[0];
	assert_int_equal(b.dev->bar[2].n_views, 1);
	assert_int_equal((uintptr_t)v->hva % (8 * MIB), 0);
	bench_close(&b);
}

static void what_is_left_of_a_carved_bar_is_aligned_too(void **state)
{
	struct fake_pci p = plain_function;
	struct bench b;

	p.bar[0].size = 8 * MIB;
	p.msix.table = 0;
	p.msix.pba = 0x1000;
	bench_open(&b, &p);
	assert_int_equal(b.dev->bar[0].n_views, 1);
	assert_true(b.dev->bar[0].view[0].area.base == 0x2000);
	assert_int_equal((uintptr_t)b.dev->bar[0].view[0].hva % (2 * MIB),
			 0x2000);
	bench_close(&b);
}

/* -------- moving -------- */

/* VFIO-BAR-06 */
static void a_bar_that_moves_takes_its_pages_along(void **state)
{
	struct bench b;
	uint64_t old, new;

	bench_open(&b, &plain_function);
	decode_on(&b);
	old = bar_at(&b, 0);
	new = old + 0x8000;
	cfg_write(&b, 0x10, 4, (uint32_t) new);
	assert_false(shown(old));
	assert_true(shown(new) && shown(new + 0x1000));
	assert_false(shown(new + 0x2000));
	bench_close(&b);
}

/* VFIO-BAR-05 */
static void sizing_with_decode_on_leaves_nothing_behind(void **state)
{
	struct bench b;
	uint64_t at;
	unsigned slots;

	bench_open(&b, &plain_function);
	decode_on(&b);
	at = bar_at(&b, 0);
	slots = fake_kvm_slots();
	for (unsigned i = 0; i < 10; i++) {
		cfg_write(&b, 0x10, 4, 0xffffffff);
		cfg_write(&b, 0x14, 4, 0xffffffff);
		assert_false(shown(at));
		cfg_write(&b, 0x10, 4, (uint32_t)at);
		cfg_write(&b, 0x14, 4, (uint32_t)(at >> 32));
	}
	assert_true(shown(at));
	assert_int_equal(fake_kvm_slots(), slots);
	bench_close(&b);
}

/* -------- BARs smaller than a page: VFIO-BAR-12 -------- */

static void a_small_bar_alone_in_its_page_is_shown(void **state)
{
	struct fake_pci p = plain_function;
	struct bench b;
	uint64_t at;

	p.bar[2] = (struct fake_bar){ .size = 0x100 };
	bench_open(&b, &p);
	decode_on(&b);
	at = bar_at(&b, 2);
	assert_int_equal(at % 4096, 0);
	assert_true(shown(at));
	/* moved into the middle of a page it traps */
	cfg_write(&b, 0x18, 4, (uint32_t)at + 0x200);
	assert_false(shown(at));
	bus_write(&b.vm.mmio, at + 0x204, 4, 7);
	assert_int_equal(le32_load((uint8_t *)fake_pci_bar(BDF, 2) + 4), 7);
	bench_close(&b);
}

static void two_small_bars_in_one_page_trap(void **state)
{
	struct fake_pci p = plain_function;
	struct bench b;
	uint64_t at;

	p.bar[2] = (struct fake_bar){ .size = 0x100 };
	p.bar[3] = (struct fake_bar){ .size = 0x100 };
	bench_open(&b, &p);
	decode_on(&b);
	at = bar_at(&b, 2);
	cfg_write(&b, 0x1c, 4, (uint32_t)at + 0x100);
	assert_false(shown(at));
	bus_write(&b.vm.mmio, at + 0x100, 4, 3);
	assert_int_equal(le32_load(fake_pci_bar(BDF, 3)), 3);
	/* apart again */
	cfg_write(&b, 0x1c, 4, (uint32_t)at + 0x1000);
	assert_true(shown(at) && shown(at + 0x1000));
	bench_close(&b);
}

/* -------- VFIO-BAR-19 -------- */

static void withdrawn_pages_trap_until_mapped_anew(void **state)
{
	struct bench b;
	uint64_t at;

	bench_open(&b, &plain_function);
	decode_on(&b);
	at = bar_at(&b, 0);
	assert_true(vfio_device_withdraw(b.dev, at + 0x1234));
	assert_false(shown(at));
	bus_write(&b.vm.mmio, at + 8, 4, 42);
	assert_true(bus_read(&b.vm.mmio, at + 8, 4) == 42);
	cfg_write(&b, PCI_COMMAND, 2, 0);
	decode_on(&b);
	assert_true(shown(at));
	bench_close(&b);
}

/* Before 6.8 KVM_RUN says EFAULT and no more. */
static void withdrawal_without_an_address_takes_all_that_decodes(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	assert_false(vfio_device_withdraw(b.dev, VM_GPA_UNKNOWN));
	decode_on(&b);
	assert_true(vfio_device_withdraw(b.dev, VM_GPA_UNKNOWN));
	assert_false(shown(bar_at(&b, 0)));
	bench_close(&b);
}

static void withdrawal_elsewhere_is_declined(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	decode_on(&b);
	assert_false(vfio_device_withdraw(b.dev, bar_at(&b, 0) + 0x4000));
	assert_false(vfio_device_withdraw(b.dev, 0));
	bench_close(&b);
}

static void a_page_hidden_by_another_vcpu_is_just_tried_again(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	decode_on(&b);
	cfg_write(&b, PCI_COMMAND, 2, 0);
	assert_true(vfio_device_withdraw(b.dev, bar_at(&b, 0)));
	assert_int_equal(b.dev->bar[0].withdrawals, 0);
	bench_close(&b);
}

static void pages_withdrawn_often_trap_for_good(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	for (unsigned i = 0; i < VFIO_MAX_WITHDRAWALS; i++) {
		decode_on(&b);
		assert_true(shown(bar_at(&b, 0)));
		assert_true(vfio_device_withdraw(b.dev, bar_at(&b, 0)));
		cfg_write(&b, PCI_COMMAND, 2, 0);
	}
	decode_on(&b);
	assert_false(shown(bar_at(&b, 0)));
	bench_close(&b);
}

static const struct CMUnitTest both[] = {
	FAKE_TEST(table_and_pba_are_carved_out_wherever_they_are),
	FAKE_TEST(the_pba_may_be_in_another_bar),
	FAKE_TEST(sparse_areas_are_respected),
	FAKE_TEST(senseless_areas_are_not_mapped),
	FAKE_TEST(areas_in_any_order_will_do),
	FAKE_TEST(a_table_outside_of_its_bar_hides_msix),
	FAKE_TEST(registers_beside_the_table_are_reached_by_pread),
	FAKE_TEST(the_table_itself_is_ours),
	FAKE_TEST(an_unaligned_access_is_split),
	FAKE_TEST(failing_accesses_give_ones_and_few_lines),
	FAKE_TEST(port_bars_trap),
	FAKE_TEST(a_bar_that_cannot_be_mapped_traps),
	FAKE_TEST(a_bar_that_vfio_does_not_map_traps),
	FAKE_TEST(with_no_slot_left_it_traps),
	FAKE_TEST(big_bars_are_mapped_on_aligned_addresses),
	FAKE_TEST(what_is_left_of_a_carved_bar_is_aligned_too),
	FAKE_TEST(a_bar_that_moves_takes_its_pages_along),
	FAKE_TEST(sizing_with_decode_on_leaves_nothing_behind),
	FAKE_TEST(a_small_bar_alone_in_its_page_is_shown),
	FAKE_TEST(two_small_bars_in_one_page_trap),
	FAKE_TEST(withdrawn_pages_trap_until_mapped_anew),
	FAKE_TEST(withdrawal_without_an_address_takes_all_that_decodes),
	FAKE_TEST(withdrawal_elsewhere_is_declined),
	FAKE_TEST(a_page_hidden_by_another_vcpu_is_just_tried_again),
	FAKE_TEST(pages_withdrawn_often_trap_for_good),
};

/* an old kernel */
static const struct CMUnitTest kernel_only[] = {
	FAKE_TEST(without_the_mappable_capability_it_is_hidden_too),
};

/* VFIO-VU-01 */
BENCH_MAIN(both, kernel_only)

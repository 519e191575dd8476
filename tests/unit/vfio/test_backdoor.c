/* Registers in a BAR that lead to config space or the MSI-X table. */
#include "tests/unit/vfio/bench.h"

enum {
	OLD_COPY = 0x1800,
	COPY = 0x88000,
	NEW_COPY = 0x92000,
	MSI = 0x68,
	MSIX = 0xb0,
	OWN = 0x704, /* in extended config space, of no capability */
	REPEATED = 40,
};

/* A graphics chip. */
static void add_graphics(unsigned class_code)
{
	struct fake_pci p = plain_function;

	p.vendor = 0x10de;
	p.device = 0x1db6;
	p.class_code = class_code;
	p.bar[0] = (struct fake_bar){ .size = 16 * MIB };
	p.bar[1] = (struct fake_bar){ .size = 0x10000,
				      .mem64 = true,
				      .prefetch = true };
	p.pm_at = 0x60;
	p.msi.at = MSI;
	p.express_at = 0x80;
	p.msix.at = 0xc0;
	p.msix.table_bar = p.msix.pba_bar = 1;
	fake_pci_add(&p);
}

/* What the hardware would show: its IDs, and the host's addresses. */
static void fill_copy(unsigned copy)
{
	uint8_t *regs = fake_pci_bar(BDF, 0);

	le32_store(regs + copy, 0x1db610de);
	le32_store(regs + copy + 0x10, 0xf6000000);
}

static void open_graphics(struct bench *b, unsigned copy)
{
	add_graphics(0x030000);
	bench_open(b, NULL);
	fill_copy(copy);
	decode_on(b);
	fake_trace_clear();
}

static bool shown(struct bench *b, uint64_t off)
{
	return fake_kvm_slot_at(bar_at(b, 0) + off) != NULL;
}

static uint64_t reg_read(struct bench *b, uint64_t off, unsigned len)
{
	return bus_read(&b->vm.mmio, bar_at(b, 0) + off, len);
}

static void reg_write(struct bench *b, uint64_t off, unsigned len, uint64_t v)
{
	bus_write(&b->vm.mmio, bar_at(b, 0) + off, len, v);
}

static uint32_t hardware(uint64_t off)
{
	return le32_load((uint8_t *)fake_pci_bar(BDF, 0) + off);
}

/* -------- graphics -------- */

/* VFIO-BAR-21: not even where the kernel lets them be mapped */
static void pages_of_copies_are_not_shown(void **state)
{
	static const unsigned classes[] = { 0x030000, 0x030200 };

	for (unsigned i = 0; i < ARRAY_LEN(classes); i++) {
		struct bench b;

		fake_reset();
		add_graphics(classes[i]);
		bench_open(&b, NULL);
		decode_on(&b);
		assert_true(shown(&b, 0));
		assert_false(shown(&b, OLD_COPY));
		assert_true(shown(&b, 0x2000));
		assert_true(shown(&b, COPY - 1));
		assert_false(shown(&b, COPY));
		assert_true(shown(&b, COPY + 0x1000));
		assert_false(shown(&b, NEW_COPY + 0xfff));
		assert_true(shown(&b, NEW_COPY + 0x1000));
		bench_close(&b);
	}
}

static void other_functions_show_these_pages(void **state)
{
	static const struct {
		unsigned vendor, class_code;
	} rows[] = {
		{ 0x10de, 0x040300 }, /* its sound */
		{ 0x1002, 0x030000 }, /* of another maker */
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct fake_pci p = plain_function;
		struct bench b;

		fake_reset();
		p.vendor = (uint16_t)rows[i].vendor;
		p.class_code = rows[i].class_code;
		p.bar[0].size = 16 * MIB;
		bench_open(&b, &p);
		decode_on(&b);
		if (!shown(&b, COPY) || !shown(&b, OLD_COPY))
			fail_msg("row %u traps", i);
		bench_close(&b);
	}
}

static void a_copy_outside_of_a_small_bar_is_none(void **state)
{
	struct fake_pci p = plain_function;
	struct bench b;

	p.vendor = 0x10de;
	p.class_code = 0x030000;
	p.msix.at = 0;
	bench_open(&b, &p);
	decode_on(&b);
	assert_true(shown(&b, 0));
	assert_false(shown(&b, OLD_COPY));
	assert_true(shown(&b, 0x3000));
	bench_close(&b);
}

/* VFIO-BAR-21: the guest's own BAR addresses among it, and not the host's. */
static void a_copy_reads_what_config_space_reads(void **state)
{
	static const unsigned copies[] = { COPY, NEW_COPY };

	for (unsigned i = 0; i < ARRAY_LEN(copies); i++) {
		struct bench b;

		fake_reset();
		open_graphics(&b, copies[i]);
		for (unsigned off = 0; off < OWN; off += 4) {
			if (reg_read(&b, copies[i] + off, 4) !=
			    cfg_read(&b, off, 4))
				fail_msg("%#x differs", off);
		}
		assert_int_equal(reg_read(&b, copies[i] + 0x10, 4),
				 bar_at(&b, 0));
		assert_int_equal(reg_read(&b, copies[i] + 0x0b, 1), 3);
		assert_int_equal(reg_read(&b, copies[i] + 8, 8) >> 32,
				 cfg_read(&b, 12, 4));
		bench_close(&b);
	}
}

static void an_old_copy_ends_after_256_bytes(void **state)
{
	struct bench b;

	open_graphics(&b, OLD_COPY);
	le32_store((uint8_t *)fake_pci_bar(BDF, 0) + 0x1900, 0x5a5a5a5a);
	assert_int_equal(reg_read(&b, OLD_COPY + 0x10, 4), bar_at(&b, 0));
	assert_int_equal(reg_read(&b, 0x1900, 4), 0x5a5a5a5a);
	bench_close(&b);
}

static void what_has_other_ids_is_no_copy(void **state)
{
	struct bench b;

	open_graphics(&b, NEW_COPY);
	le32_store((uint8_t *)fake_pci_bar(BDF, 0) + COPY + 0x10, 0x1234);
	assert_int_equal(reg_read(&b, COPY + 0x10, 4), 0x1234);
	reg_write(&b, COPY + 0x10, 4, 0x4321);
	assert_int_equal(hardware(COPY + 0x10), 0x4321);
	assert_int_equal(cfg_read(&b, 0x10, 4), bar_at(&b, 0));
	bench_close(&b);
}

static void a_bar_moves_by_the_copy_in_the_guest_only(void **state)
{
	struct bench b;
	uint64_t at;

	open_graphics(&b, COPY);
	at = bar_at(&b, 1);
	reg_write(&b, COPY + 0x14, 4, (uint32_t)at + 0x10000);
	assert_int_equal(bar_at(&b, 1), at + 0x10000);
	assert_non_null(fake_kvm_slot_at(at + 0x1f000));
	assert_int_equal(hardware(COPY + 0x14), 0);
	bench_close(&b);
}

static void decode_goes_off_by_the_copy(void **state)
{
	struct bench b;
	uint64_t at;

	open_graphics(&b, COPY);
	at = bar_at(&b, 0);
	/* the second half would find no BAR to go through */
	bus_write(&b.vm.mmio, at + COPY, 8, UINT64_C(0x1db610de));
	assert_int_equal(cfg_read(&b, PCI_COMMAND, 2), 0);
	assert_null(fake_kvm_slot_at(at));
	assert_true(bus_read(&b.vm.mmio, at, 4) == 0xffffffff);
	bench_close(&b);
}

static void messages_are_switched_on_at_the_model_by_the_copy(void **state)
{
	struct bench b;

	open_graphics(&b, COPY);
	reg_write(&b, COPY + MSI + 4, 4, 0xfee01000);
	reg_write(&b, COPY + MSI + 12, 2, 0x41);
	reg_write(&b, COPY + MSI + 2, 2, 1);
	assert_int_equal(b.dev->irqs.mode, VFIO_IRQ_MSI);
	assert_int_equal(hardware(COPY + MSI + 4), 0);
	assert_true(fake_pci_interrupt(BDF, VFIO_PCI_MSI_IRQ_INDEX, 0));
	bench_close(&b);
}

static void an_acknowledged_message_reaches_the_chip(void **state)
{
	struct bench b;

	open_graphics(&b, COPY);
	reg_write(&b, COPY + MSI, 1, 0xff);
	assert_int_equal(hardware(COPY + MSI) & 0xff, 0xff);
	assert_int_equal(cfg_read(&b, MSI, 1), PCI_CAP_ID_MSI);
	assert_int_equal(reg_read(&b, COPY + MSI, 1), PCI_CAP_ID_MSI);
	reg_write(&b, COPY + OWN, 4, 0x77);
	assert_int_equal(hardware(COPY + OWN), 0x77);
	assert_int_equal(reg_read(&b, COPY + OWN, 4), 0x77);
	bench_close(&b);
}

static void blocked_bytes_stay_blocked_in_the_copy(void **state)
{
	struct bench b;

	add_graphics(0x030000);
	bench_vm(&b);
	b.o.block_gaps = true;
	MUST(bench_attach(&b, &why));
	MUST(bench_place(&b, &why));
	decode_on(&b);
	fill_copy(COPY);
	reg_write(&b, COPY + OWN, 4, 0x77);
	assert_int_equal(hardware(COPY + OWN), 0);
	assert_int_equal(reg_read(&b, COPY + OWN, 4), 0);
	bench_close(&b);
}

static bool has_shortcut(struct bench *b, unsigned bar, uint64_t off,
			 uint64_t v)
{
	return fake_kvm_ioeventfd(false, bar_at(b, bar) + off, 4, v);
}

/* VFIO-BAR-21: the chip may show something else there when the guest repeats a
 * write, and its config space again when the write goes without us. */
static void nothing_that_may_be_config_space_goes_without_us(void **state)
{
	struct bench b;

	open_graphics(&b, COPY);
	le32_store((uint8_t *)fake_pci_bar(BDF, 0) + COPY, 0xbadf1234);
	for (unsigned i = 0; i < REPEATED; i++) {
		reg_write(&b, COPY + 0x10, 4, 0x4321);
		reg_write(&b, COPY + OWN, 4, 0x77);
	}
	assert_int_equal(hardware(COPY + 0x10), 0x4321);
	assert_false(has_shortcut(&b, 0, COPY + 0x10, 0x4321));
	if (!bench_user)
		assert_true(has_shortcut(&b, 0, COPY + OWN, 0x77));
	bench_close(&b);
}

/* -------- RTL8168 -------- */

enum { DATA = 0x70, ADDRESS = 0x74, VECTOR = 16 };

static void open_rtl8168(struct bench *b)
{
	struct fake_pci p = plain_function;

	p.vendor = 0x10ec;
	p.device = 0x8168;
	p.class_code = 0x020000;
	p.bar[0] = (struct fake_bar){ .size = 0x100, .io = true };
	p.bar[2] = (struct fake_bar){ .size = 0x1000, .mem64 = true };
	p.bar[4] = (struct fake_bar){ .size = 0x4000, .mem64 = true };
	p.msix.table_bar = p.msix.pba_bar = 4;
	p.msix.table = 0;
	p.msix.pba = 0x800;
	bench_open(b, &p);
	decode_on(b);
	cfg_write(b, MSIX + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
}

static uint32_t nic_read(struct bench *b, unsigned off)
{
	return (uint32_t)bus_read(&b->vm.mmio, bar_at(b, 2) + off, 4);
}

static void nic_write(struct bench *b, unsigned off, uint32_t v)
{
	bus_write(&b->vm.mmio, bar_at(b, 2) + off, 4, v);
}

static uint32_t nic_hardware(unsigned off)
{
	return le32_load((uint8_t *)fake_pci_bar(BDF, 2) + off);
}

/* VFIO-BAR-21 */
static void the_window_to_the_table_traps(void **state)
{
	struct bench b;

	open_rtl8168(&b);
	assert_null(fake_kvm_slot_at(bar_at(&b, 2)));
	/* the registers beside it are the device's */
	nic_write(&b, 0x38, 0x40);
	assert_int_equal(nic_hardware(0x38), 0x40);
	bench_close(&b);
}

/* VFIO-BAR-21 */
static void table_writes_by_the_window_reach_the_model(void **state)
{
	struct bench b;

	open_rtl8168(&b);
	nic_write(&b, DATA, 0xfee01000);
	nic_write(&b, ADDRESS, 0x8001f000 | VECTOR);
	assert_int_equal(nic_read(&b, ADDRESS), 0x1f000 | VECTOR);
	nic_write(&b, DATA, 0x41);
	nic_write(&b, ADDRESS, 0x8001f000 | (VECTOR + 8));
	nic_write(&b, DATA, 0);
	nic_write(&b, ADDRESS, 0x8001f000 | (VECTOR + 12));
	assert_true(b.dev->irqs.msix.vectors[1].open);
	assert_int_equal(bus_read(&b.vm.mmio, bar_at(&b, 4) + VECTOR, 4),
			 0xfee01000);
	assert_int_equal(nic_hardware(ADDRESS), 0);
	bench_close(&b);
}

static void table_reads_by_the_window_come_from_the_model(void **state)
{
	struct bench b;

	open_rtl8168(&b);
	bus_write(&b.vm.mmio, bar_at(&b, 4) + VECTOR, 4, 0xfee02000);
	nic_write(&b, ADDRESS, 0x1f000 | VECTOR);
	assert_int_equal(nic_read(&b, ADDRESS), 0x8001f000 | VECTOR);
	assert_int_equal(nic_read(&b, DATA), 0xfee02000);
	assert_true(bus_read(&b.vm.mmio, bar_at(&b, 2) + DATA, 8) ==
		    UINT64_C(0x8001f010fee02000));
	/* beyond its last entry */
	nic_write(&b, ADDRESS, 0x1f000 | 0xff8);
	assert_int_equal(nic_read(&b, DATA), 0xffffffff);
	bench_close(&b);
}

static void other_registers_by_the_window_are_the_devices(void **state)
{
	struct bench b;

	open_rtl8168(&b);
	nic_write(&b, DATA, 0x1234);
	nic_write(&b, ADDRESS, 0x8000f0dc);
	assert_int_equal(nic_hardware(DATA), 0x1234);
	assert_int_equal(nic_hardware(ADDRESS), 0x8000f0dc);
	le32_store((uint8_t *)fake_pci_bar(BDF, 2) + ADDRESS, 0x0000f0dc);
	assert_int_equal(nic_read(&b, ADDRESS), 0xf0dc);
	bench_close(&b);
}

/* The model would not hear of them. */
static void data_and_address_never_go_without_us(void **state)
{
	struct bench b;

	open_rtl8168(&b);
	for (unsigned i = 0; i < REPEATED; i++) {
		nic_write(&b, DATA, 0xfee01000);
		nic_write(&b, ADDRESS, 0x8000f0dc);
		nic_write(&b, 0x38, 0x40);
	}
	assert_false(has_shortcut(&b, 2, DATA, 0xfee01000));
	assert_false(has_shortcut(&b, 2, ADDRESS, 0x8000f0dc));
	if (!bench_user)
		assert_true(has_shortcut(&b, 2, 0x38, 0x40));
	bench_close(&b);
}

static void data_that_comes_in_pieces_is_what_the_table_takes(void **state)
{
	struct bench b;
	uint64_t at;

	open_rtl8168(&b);
	at = bar_at(&b, 2) + DATA;
	nic_write(&b, DATA, 0x12345678);
	bus_write(&b.vm.mmio, at + 2, 2, 0xfee0);
	bus_write(&b.vm.mmio, at + 1, 1, 0x10);
	bus_write(&b.vm.mmio, at, 1, 0);
	assert_int_equal(nic_hardware(DATA), 0xfee01000);
	nic_write(&b, ADDRESS, 0x8001f000 | VECTOR);
	assert_int_equal(bus_read(&b.vm.mmio, bar_at(&b, 4) + VECTOR, 4),
			 0xfee01000);
	bench_close(&b);
}

static void a_reset_deselects_the_table(void **state)
{
	struct bench b;

	open_rtl8168(&b);
	nic_write(&b, ADDRESS, 0x1f000);
	bench_reset(&b);
	MUST(pci_host_assign(&b.host, &why));
	decode_on(&b);
	le32_store((uint8_t *)fake_pci_bar(BDF, 2) + DATA, 0x55);
	assert_int_equal(nic_read(&b, DATA), 0x55);
	bench_close(&b);
}

static void no_address_passes_in_pieces(void **state)
{
	struct bench b;
	uint64_t at;

	open_rtl8168(&b);
	at = bar_at(&b, 2);
	bus_write(&b.vm.mmio, at + ADDRESS + 2, 2, 0x8001);
	bus_write(&b.vm.mmio, at + DATA, 8, UINT64_C(0x8001f000) << 32);
	assert_int_equal(nic_hardware(ADDRESS), 0);
	bus_write(&b.vm.mmio, at + DATA + 1, 1, 0x66);
	assert_int_equal(nic_hardware(DATA), 0x6600);
	bench_close(&b);
}

static void another_model_of_the_maker_has_no_window(void **state)
{
	struct fake_pci p = plain_function;
	struct bench b;

	p.vendor = 0x10ec;
	p.device = 0x8125;
	p.bar[2] = (struct fake_bar){ .size = 0x1000, .mem64 = true };
	bench_open(&b, &p);
	decode_on(&b);
	assert_non_null(fake_kvm_slot_at(bar_at(&b, 2)));
	bench_close(&b);
}

static const struct CMUnitTest both[] = {
	FAKE_TEST(pages_of_copies_are_not_shown),
	FAKE_TEST(other_functions_show_these_pages),
	FAKE_TEST(a_copy_outside_of_a_small_bar_is_none),
	FAKE_TEST(a_copy_reads_what_config_space_reads),
	FAKE_TEST(an_old_copy_ends_after_256_bytes),
	FAKE_TEST(what_has_other_ids_is_no_copy),
	FAKE_TEST(a_bar_moves_by_the_copy_in_the_guest_only),
	FAKE_TEST(decode_goes_off_by_the_copy),
	FAKE_TEST(messages_are_switched_on_at_the_model_by_the_copy),
	FAKE_TEST(an_acknowledged_message_reaches_the_chip),
	FAKE_TEST(blocked_bytes_stay_blocked_in_the_copy),
	FAKE_TEST(nothing_that_may_be_config_space_goes_without_us),
	FAKE_TEST(the_window_to_the_table_traps),
	FAKE_TEST(table_writes_by_the_window_reach_the_model),
	FAKE_TEST(table_reads_by_the_window_come_from_the_model),
	FAKE_TEST(other_registers_by_the_window_are_the_devices),
	FAKE_TEST(data_and_address_never_go_without_us),
	FAKE_TEST(data_that_comes_in_pieces_is_what_the_table_takes),
	FAKE_TEST(a_reset_deselects_the_table),
	FAKE_TEST(no_address_passes_in_pieces),
	FAKE_TEST(another_model_of_the_maker_has_no_window),
};

int main(void)
{
	int rc = cmocka_run_group_tests_name("group", both, NULL, NULL);

	bench_iommufd = true;
	rc += cmocka_run_group_tests_name("iommufd", both, NULL, NULL);
	bench_iommufd = false;
	bench_user = &bench_server;
	rc += cmocka_run_group_tests_name("vfio-user", both, NULL, NULL);
	return rc;
}

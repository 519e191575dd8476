/* The MSI-X table at another place than the hardware's. */
#include "tests/unit/vfio/bench.h"

enum { MSIX = 0xb0, MESSAGE = 0xfee01000 };

/* Of a disk: registers, table, registers and pending bits in one BAR. */
static struct fake_pci layout(void)
{
	struct fake_pci p = plain_function;

	p.bar[0].size = 0x10000;
	p.msix.vectors = 129;
	p.msix.table = 0x5200;
	p.msix.pba = 0xd600;
	return p;
}

static void open_with(struct bench *b, const struct fake_pci *p,
		      enum vfio_msix_reloc how, unsigned bar)
{
	fake_pci_add(p);
	bench_vm(b);
	b->o.msix_reloc = how;
	b->o.msix_reloc_bar = (uint8_t)bar;
	MUST(bench_attach(b, &why));
	MUST(bench_place(b, &why));
}

/* Pages of BAR @bar that are shown: '#' or '.'. */
static void picture(struct bench *b, unsigned bar, char *out)
{
	uint64_t n = b->pci->bars[bar].size / 0x1000;

	for (uint64_t i = 0; i < n; i++)
		out[i] = fake_kvm_slot_at(bar_at(b, bar) + i * 0x1000) ? '#'
								       : '.';
	out[n] = '\0';
}

static uint32_t capability(struct bench *b, unsigned reg)
{
	return cfg_read(b, MSIX + reg, 4);
}

/* Vector 5 by the table at @table: does its message arrive? */
static void use_vector(struct bench *b, uint64_t table)
{
	uint64_t entry = table + 5 * 16;

	cfg_write(b, MSIX + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	bus_write(&b->vm.mmio, entry, 4, MESSAGE);
	bus_write(&b->vm.mmio, entry + 8, 4, 0x41);
	bus_write(&b->vm.mmio, entry + 12, 4, 0);
	assert_int_equal(fake_kvm_irqfds(), 1);
	assert_true(b->dev->irqs.msix.vectors[5].open);
	assert_true(bus_read(&b->vm.mmio, entry, 4) == MESSAGE);
	assert_true(b->dev->irqs.msix_fd[5] >= 0);
}

/* -------- a spare register -------- */

static void a_spare_register_takes_table_and_pending_bits(void **state)
{
	struct fake_pci p = layout();
	char pages[32];
	struct bench b;

	open_with(&b, &p, VFIO_RELOC_BAR, 2);
	assert_int_equal(capability(&b, PCI_MSIX_TABLE), 0 | 2);
	assert_int_equal(capability(&b, PCI_MSIX_PBA), 129 * 16 | 2);
	cfg_write(&b, 0x18, 4, UINT32_MAX);
	assert_int_equal(cfg_read(&b, 0x18, 4), 0xfffff000);
	cfg_write(&b, 0x18, 4, (uint32_t)bar_at(&b, 0) + 0x10000);
	decode_on(&b);
	picture(&b, 0, pages);
	assert_string_equal(pages, "################");
	picture(&b, 2, pages);
	assert_string_equal(pages, ".");
	use_vector(&b, bar_at(&b, 2));
	/* behind table and pending bits is nothing */
	fake_trace_clear();
	assert_true(bus_read(&b.vm.mmio, bar_at(&b, 2) + 0xf00, 4) ==
		    0xffffffff);
	bus_write(&b.vm.mmio, bar_at(&b, 2) + 0xf00, 4, 1);
	assert_int_equal(fake_trace_count("pread device"), 0);
	assert_int_equal(fake_trace_count("pwrite device"), 0);
	bench_close(&b);
}

static void doorbells_beside_the_old_table_need_no_exit(void **state)
{
	struct fake_pci p = layout();
	const struct fake_slot *s;
	struct bench b;

	open_with(&b, &p, VFIO_RELOC_BAR, 2);
	decode_on(&b);
	s = fake_kvm_slot_at(bar_at(&b, 0) + 0x5100);
	assert_non_null(s);
	assert_int_equal(s->flags, 0);
	bench_close(&b);
}

/* -------- VFIO-BAR-08: what only the kernel may write -------- */

static void pages_of_nothing_but_the_table_stay_hidden(void **state)
{
	struct fake_pci p = layout();
	char pages[32];
	struct bench b;

	p.msix.table = 0x5800;
	p.msix.vectors = 1024; /* to 0x9800 */
	open_with(&b, &p, VFIO_RELOC_BAR, 2);
	decode_on(&b);
	picture(&b, 0, pages);
	assert_string_equal(pages, "######...#######");
	bench_close(&b);
}

static void the_old_table_does_not_answer(void **state)
{
	struct fake_pci p = layout();
	struct bench b;
	uint64_t at;

	p.bar[0].no_mmap = true;
	open_with(&b, &p, VFIO_RELOC_BAR, 2);
	decode_on(&b);
	at = bar_at(&b, 0);
	fake_trace_clear();
	bus_write(&b.vm.mmio, at + 0x5200, 4, 1);
	bus_write(&b.vm.mmio, at + 0x5200 + 129 * 16 - 8, 8, 1);
	assert_true(bus_read(&b.vm.mmio, at + 0x5200, 8) == UINT64_MAX);
	assert_int_equal(fake_trace_count("pread device"), 0);
	assert_int_equal(fake_trace_count("pwrite device"), 0);
	/* its neighbours do */
	bus_write(&b.vm.mmio, at + 0x51f8, 8, 77);
	assert_true(bus_read(&b.vm.mmio, at + 0x51f8, 8) == 77);
	bus_write(&b.vm.mmio, at + 0x5200 + 129 * 16, 4, 78);
	assert_true(bus_read(&b.vm.mmio, at + 0x5200 + 129 * 16, 4) == 78);
	bench_close(&b);
}

static void a_kernel_that_maps_no_table_leaves_its_pages_trapping(void **state)
{
	struct fake_pci p = layout();
	char pages[32];
	struct bench b;

	p.no_msix_mappable = true;
	open_with(&b, &p, VFIO_RELOC_BAR, 2);
	decode_on(&b);
	picture(&b, 0, pages);
	assert_string_equal(pages, "#####.##########");
	use_vector(&b, bar_at(&b, 2));
	bench_close(&b);
}

/* -------- a BAR that grows -------- */

static void without_a_spare_register_a_bar_grows(void **state)
{
	struct fake_pci p = layout();
	char pages[64];
	struct bench b;
	uint64_t at;

	open_with(&b, &p, VFIO_RELOC_BAR, 0);
	assert_int_equal(capability(&b, PCI_MSIX_TABLE), 0x10000);
	assert_int_equal(capability(&b, PCI_MSIX_PBA), 0x10000 + 129 * 16);
	assert_true(b.pci->bars[0].size == 0x20000);
	at = bar_at(&b, 0);
	assert_true(at != 0 && at % 0x20000 == 0);
	decode_on(&b);
	picture(&b, 0, pages);
	assert_string_equal(pages, "################................");
	use_vector(&b, at + 0x10000);
	/* the upper half has no hardware behind it */
	fake_trace_clear();
	assert_true(bus_read(&b.vm.mmio, at + 0x1f000, 4) == 0xffffffff);
	bus_write(&b.vm.mmio, at + 0x1f000, 4, 1);
	assert_int_equal(fake_trace_count("pread device"), 0);
	assert_int_equal(fake_trace_count("pwrite device"), 0);
	assert_int_equal(b.dev->health, VFIO_OK);
	bench_close(&b);
}

static void a_small_bar_that_grows_has_its_page_alone(void **state)
{
	struct fake_pci p = layout();
	char pages[32];
	struct bench b;

	p.bar[4] = (struct fake_bar){ .size = 0x100 };
	open_with(&b, &p, VFIO_RELOC_BAR, 4);
	assert_true(b.pci->bars[4].size == 0x2000);
	assert_int_equal(capability(&b, PCI_MSIX_TABLE), 0x1000 | 4);
	decode_on(&b);
	picture(&b, 4, pages);
	assert_string_equal(pages, "#.");
	use_vector(&b, bar_at(&b, 4) + 0x1000);
	bench_close(&b);
}

static void a_table_larger_than_the_bar_has_room(void **state)
{
	struct fake_pci p = layout();
	struct bench b;

	p.msix.table = 0x4000;
	p.msix.vectors = 2048; /* 0x8000 bytes, and 0x100 */
	p.bar[2] = (struct fake_bar){ .size = 0x1000 };
	open_with(&b, &p, VFIO_RELOC_BAR, 2);
	assert_true(b.pci->bars[2].size == 0x20000);
	assert_int_equal(capability(&b, PCI_MSIX_TABLE), 0x10000 | 2);
	decode_on(&b);
	use_vector(&b, bar_at(&b, 2) + 0x10000);
	bench_close(&b);
}

/* -------- auto -------- */

static void automatically_the_first_spare_register_is_taken(void **state)
{
	struct fake_pci p = layout();
	struct bench b;

	p.bar[2] = (struct fake_bar){ .size = 0x20, .io = true };
	open_with(&b, &p, VFIO_RELOC_AUTO, 0);
	assert_int_equal(capability(&b, PCI_MSIX_TABLE), 0 | 3);
	bench_close(&b);
}

static void or_else_the_smallest_bar_grows(void **state)
{
	struct fake_pci p = layout();
	struct bench b;

	p.bar[2] = (struct fake_bar){ .size = 0x20, .io = true };
	p.bar[3] = (struct fake_bar){ .size = 0x1000 };
	p.bar[4] = (struct fake_bar){ .size = 0x200000, .mem64 = true };
	open_with(&b, &p, VFIO_RELOC_AUTO, 0);
	assert_int_equal(capability(&b, PCI_MSIX_TABLE), 0x1000 | 3);
	bench_close(&b);
}

static void where_nothing_fits_it_stays(void **state)
{
	struct fake_pci p = layout();
	struct bench b;

	p.bar[0].size = 8 * GIB;
	p.bar[0].prefetch = true;
	p.bar[2] = (struct fake_bar){ .size = 0x20, .io = true };
	p.bar[3] = (struct fake_bar){ .size = 0x20, .io = true };
	p.bar[4] = (struct fake_bar){ .size = 8 * GIB,
				      .mem64 = true,
				      .prefetch = true };
	open_with(&b, &p, VFIO_RELOC_AUTO, 0);
	assert_int_equal(capability(&b, PCI_MSIX_TABLE), 0x5200);
	bench_close(&b);
}

/* -------- no -------- */

static void bars_that_cannot_take_it_are_named(void **state)
{
	static const struct {
		unsigned bar;
		const char *says;
	} rows[] = {
		{ 1, ": msix-reloc: BAR 1: its register is the upper half of "
		     "BAR 0" },
		{ 2, ": msix-reloc: BAR 2: it is a range of ports" },
		{ 3, ": msix-reloc: BAR 3: it is too large to have a table "
		     "behind it" },
		{ 4, ": msix-reloc: BAR 4: it is too large to have a table "
		     "behind it" },
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct fake_pci p = layout();
		struct err e = ERR_NONE;
		struct bench b;

		fake_reset();
		p.bar[2] = (struct fake_bar){ .size = 0x20, .io = true };
		p.bar[3] = (struct fake_bar){ .size = 2 * GIB };
		p.bar[4] = (struct fake_bar){ .size = 4 * GIB, .mem64 = true };
		fake_pci_add(&p);
		bench_vm(&b);
		b.o.msix_reloc = VFIO_RELOC_BAR;
		b.o.msix_reloc_bar = (uint8_t)rows[i].bar;
		assert_int_equal(bench_attach(&b, &e), -EINVAL);
		if (!bench_says(&e, rows[i].says))
			fail_msg("row %u: %s", i, e.text);
		bench_close(&b);
	}
}

static void without_msix_it_has_no_effect(void **state)
{
	struct fake_pci p = plain_function;
	struct bench b;

	p.msix.at = 0;
	open_with(&b, &p, VFIO_RELOC_BAR, 2);
	assert_int_equal(b.pci->bars[2].kind, PCI_BAR_NONE);
	bench_close(&b);
}

/* -------- for good -------- */

static void a_reset_leaves_it_where_it_is(void **state)
{
	struct fake_pci p = layout();
	struct bench b;

	open_with(&b, &p, VFIO_RELOC_BAR, 2);
	decode_on(&b);
	use_vector(&b, bar_at(&b, 2));
	cfg_write(&b, plain_function.express_at + PCI_EXP_DEVCTL, 2,
		  PCI_EXP_DEVCTL_BCR_FLR);
	assert_int_equal(capability(&b, PCI_MSIX_TABLE), 0 | 2);
	assert_false(b.dev->irqs.msix.vectors[5].open);
	MUST(pci_host_assign(&b.host, &why));
	decode_on(&b);
	use_vector(&b, bar_at(&b, 2));
	bench_close(&b);
}

static const struct CMUnitTest both[] = {
	FAKE_TEST(a_spare_register_takes_table_and_pending_bits),
	FAKE_TEST(doorbells_beside_the_old_table_need_no_exit),
	FAKE_TEST(pages_of_nothing_but_the_table_stay_hidden),
	FAKE_TEST(the_old_table_does_not_answer),
	FAKE_TEST(without_a_spare_register_a_bar_grows),
	FAKE_TEST(a_small_bar_that_grows_has_its_page_alone),
	FAKE_TEST(a_table_larger_than_the_bar_has_room),
	FAKE_TEST(automatically_the_first_spare_register_is_taken),
	FAKE_TEST(or_else_the_smallest_bar_grows),
	FAKE_TEST(where_nothing_fits_it_stays),
	FAKE_TEST(bars_that_cannot_take_it_are_named),
	FAKE_TEST(without_msix_it_has_no_effect),
	FAKE_TEST(a_reset_leaves_it_where_it_is),
};

static const struct CMUnitTest kernel_only[] = {
	FAKE_TEST(a_kernel_that_maps_no_table_leaves_its_pages_trapping),
};

/* VFIO-BAR-10 */
BENCH_MAIN(both, kernel_only)

/* What an assigned function counts: accesses, vectors and how they came, what
 * the host says of its interrupts, resets, DMA maps. */
#include "tests/unit/vfio/bench.h"
#include "vfio/counts.h"

enum { MSI = 0x50, MSIX = 0xb0, TABLE = 0x2000 };

static uint64_t entry(struct bench *b, unsigned i)
{
	return bar_at(b, 0) + TABLE + 16 * i;
}

static void vector_mask(struct bench *b, unsigned i, bool masked)
{
	bus_write(&b->vm.mmio, entry(b, i) + 12, 4, masked);
}

static void vector_on(struct bench *b, unsigned i)
{
	bus_write(&b->vm.mmio, entry(b, i), 4, 0xfee00000);
	bus_write(&b->vm.mmio, entry(b, i) + 8, 4, 0x4000 + i);
	vector_mask(b, i, false);
}

static void msix_on(struct bench *b)
{
	cfg_write(b, MSIX + 2, 2, PCI_MSIX_FLAGS_ENABLE);
}

static const struct msi_counts *vector(struct bench *b, unsigned i)
{
	return &b->pci->msix->vectors[i].route.counts;
}

static void config_accesses_are_counted(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	b.pci->config_reads = b.pci->config_writes = 0;
	(void)cfg_read(&b, PCI_VENDOR_ID, 2);
	(void)cfg_read(&b, 0xffc, 4);
	decode_on(&b);
	assert_int_equal(b.pci->config_reads, 2);
	assert_int_equal(b.pci->config_writes, 1);
	bench_close(&b);
}

static void trapped_accesses_are_counted_by_page_of_the_bar(void **state)
{
	const struct traps_page *p;
	struct bench b;

	bench_open(&b, &plain_function);
	decode_on(&b);
	vector_on(&b, 3);
	(void)bus_read(&b.vm.mmio, entry(&b, 3), 4);
	(void)bus_read(&b.vm.mmio, bar_at(&b, 0) + 0x3000, 8);
	p = b.pci->bars[0].traps.page;
	assert_int_equal(p[0].key, TABLE / 4096 + 1);
	assert_int_equal(p[0].writes, 3);
	assert_int_equal(p[0].reads, 1);
	assert_int_equal(p[1].key, 0x3000 / 4096 + 1);
	assert_int_equal(p[1].reads, 1);
	bench_close(&b);
}

static void vectors_tell_how_their_events_came(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	decode_on(&b);
	vector_on(&b, 0);
	msix_on(&b);
	assert_int_equal(vector(&b, 0)->irqfds, 1);
	assert_true(fake_pci_interrupt(BDF, VFIO_PCI_MSIX_IRQ_INDEX, 0));
	assert_int_equal(vector(&b, 0)->held, 0);
	vector_mask(&b, 0, true);
	for (unsigned i = 0; i < 3; i++)
		assert_true(
			fake_pci_interrupt(BDF, VFIO_PCI_MSIX_IRQ_INDEX, 0));
	vector_mask(&b, 0, false);
	assert_int_equal(vector(&b, 0)->held, 3);
	assert_int_equal(vector(&b, 0)->irqfds, 2);
	assert_int_equal(vector(&b, 0)->by_loop, 0);
	assert_int_equal(vector(&b, 1)->irqfds, 0);
	assert_int_equal(b.vm.irq.irqfds, 1);
	assert_int_equal(b.vm.irq.gsis, 1);
	assert_int_equal(b.vm.irq.routes, 1);
	bench_close(&b);
}

static void resets_are_counted_by_cause(void **state)
{
	struct vfio_counts c;
	struct bench b;

	bench_open(&b, &plain_function);
	for (unsigned i = 0; i < 2; i++) {
		cfg_write(&b, 0x70 + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
		assert_int_equal(vfio_reset_await(b.dev, NULL), 0);
	}
	vfio_device_counts(b.dev, &c);
	assert_int_equal(c.n_resets, VFIO_RESET_CAUSES);
	assert_int_equal(c.resets[VFIO_RESET_FUNCTION].done, 2);
	assert_int_equal(c.resets[VFIO_RESET_FUNCTION].failed, 0);
	assert_int_equal(c.resets[VFIO_RESET_PLATFORM].done, 0);
	assert_string_equal(vfio_reset_cause(VFIO_RESET_PLATFORM), "platform");
	bench_close(&b);
}

static void mode_and_line_are_told(void **state)
{
	struct vfio_counts c;
	struct bench b;

	bench_open(&b, &plain_function);
	vfio_device_counts(b.dev, &c);
	assert_string_equal(c.mode, "INTx");
	assert_int_equal(c.line->ties, 1);
	decode_on(&b);
	vector_on(&b, 0);
	msix_on(&b);
	vfio_device_counts(b.dev, &c);
	assert_string_equal(c.mode, "MSI-X");
	assert_null(c.host.vector);
	bench_close(&b);
}

static void maps_of_ram_are_remembered_with_their_time(void **state)
{
	struct vfio_dma dma = { 0 };
	const struct maplog *l;
	struct bench b;

	bench_open(&b, &plain_function);
	l = &b.iommu->log;
	MUST(vfio_dma_open(&dma, b.iommu, &b.vm.mem, &why));
	assert_int_equal(l->maps, 1);
	assert_int_equal(l->bytes, 64 * MIB);
	assert_int_equal(l->entry[0].size, 64 * MIB);
	assert_int_equal(l->entry[0].at, 0);
	assert_int_equal(l->entry[0].is_bar, 0);
	assert_true(l->entry[0].ns > 0 && l->entry[1].ns == 0);
	assert_int_equal(maplog_live(l), 1);
	vfio_dma_close(&dma);
	assert_int_equal(maplog_live(l), 0);
	bench_close(&b);
}

static void more_maps_than_room_are_counted_all_the_same(void **state)
{
	struct maplog l = { 0 };

	for (uint64_t i = 0; i < MAPLOG_MAX + 5; i++)
		maplog_bar(&l, i, 2, 0);
	assert_int_equal(l.maps, MAPLOG_MAX + 5);
	assert_int_equal(l.bytes, 2 * (MAPLOG_MAX + 5));
	assert_int_equal(l.entry[MAPLOG_MAX - 1].at, MAPLOG_MAX - 1);
	assert_int_equal(l.entry[MAPLOG_MAX - 1].is_bar, 1);
	assert_int_equal(l.entry[0].ns, 1);
	assert_int_equal(l.ns, 0);
}

/* -------- what the host counts: the kernel only -------- */

#define MSI_IRQS "/sys/bus/pci/devices/" BDF "/msi_irqs/"

static void host_irq(unsigned irq, const char *action, const char *counts)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/kernel/irq/%u/actions", irq);
	fake_file(path, action);
	snprintf(path, sizeof(path), "/sys/kernel/irq/%u/per_cpu_count", irq);
	fake_file(path, counts);
}

static void counting_bench(struct bench *b)
{
	fake_pci_add(&plain_function);
	bench_vm(b);
	b->vm.counting = true;
	MUST(bench_attach(b, &why));
	MUST(bench_place(b, &why));
	decode_on(b);
}

static uint64_t host_count(struct bench *b, unsigned i)
{
	struct vfio_counts c;
	uint64_t n;

	vfio_device_counts(b->dev, &c);
	assert_non_null(c.host.vector);
	assert_true(i < c.host.n);
	n = c.host.vector[i];
	host_irqs_fini(&c.host);
	return n;
}

static void host_counts_by_vector_and_keeps_them_when_messages_go(void **state)
{
	struct bench b;

	counting_bench(&b);
	vector_on(&b, 0);
	vector_on(&b, 3);
	msix_on(&b);
	fake_file(MSI_IRQS "45", "msix");
	fake_file(MSI_IRQS "46", "msix");
	fake_file(MSI_IRQS "47", "msix");
	host_irq(45, "vfio-msix[0](" BDF ")\n", "17,0,4\n");
	host_irq(46, "vfio-msix[3](" BDF ")\n", "0,1000000\n");
	host_irq(47, "\n", "99\n"); /* a vector that is not tied */
	assert_int_equal(host_count(&b, 0), 21);
	assert_int_equal(host_count(&b, 3), 1000000);
	assert_int_equal(host_count(&b, 1), 0);
	cfg_write(&b, MSIX + 2, 2, 0);
	/* the host gives the numbers to somebody else */
	host_irq(45, "nvme0q1", "5000");
	fake_remove("/sys/bus/pci/devices/" BDF "/msi_irqs");
	assert_int_equal(host_count(&b, 0), 21);
	/* and on again */
	msix_on(&b);
	fake_file(MSI_IRQS "50", "msix");
	host_irq(50, "vfio-msix[0](" BDF ")\n", "2\n");
	assert_int_equal(host_count(&b, 0), 23);
	bench_close(&b);
}

static void nonsense_of_the_host_counts_nothing(void **state)
{
	struct bench b;

	counting_bench(&b);
	vector_on(&b, 0);
	msix_on(&b);
	fake_file(MSI_IRQS "45", "msix");
	fake_file(MSI_IRQS "46", "msix");
	host_irq(45, "vfio-msix[4000000000](" BDF ")", "17");
	host_irq(46, "vfio-msi", "17");
	assert_int_equal(host_count(&b, 0), 0);
	host_irq(45, "vfio-msix[0](" BDF ")", "many");
	assert_int_equal(host_count(&b, 0), 0);
	bench_close(&b);
}

/* The line's count was there before VFIO, and is shared. */
static void intx_counts_from_where_we_began(void **state)
{
	struct vfio_counts c;
	struct bench b;

	fake_file("/sys/kernel/irq/11/per_cpu_count", "100,50");
	fake_pci_add(&plain_function);
	fake_file("/sys/bus/pci/devices/" BDF "/irq", "11\n");
	bench_vm(&b);
	b.vm.counting = true;
	MUST(bench_attach(&b, &why));
	MUST(bench_place(&b, &why));
	fake_file("/sys/kernel/irq/11/per_cpu_count", "107,50");
	vfio_device_counts(b.dev, &c);
	assert_int_equal(c.host.intx, 7);
	host_irqs_fini(&c.host);
	decode_on(&b);
	vector_on(&b, 0);
	msix_on(&b);
	fake_file("/sys/kernel/irq/11/per_cpu_count", "900,50");
	vfio_device_counts(b.dev, &c);
	assert_int_equal(c.host.intx, 7);
	host_irqs_fini(&c.host);
	bench_close(&b);
}

/* Behind Intel's VMD domains begin at 0x10000. */
static void domains_of_five_digits_are_counted_too(void **state)
{
	static const char bdf[] = "10000:e1:00.0";
	struct host_irqs h;

	fake_file("/sys/bus/pci/devices/10000:e1:00.0/msi_irqs/45", "msix");
	fake_file("/sys/bus/pci/devices/10000:e1:00.0/irq", "11");
	host_irq(45, "vfio-msix[1](10000:e1:00.0)", "8,9");
	host_irq(11, "vfio-intx(10000:e1:00.0)", "3");
	host_irqs_init(&h, 2);
	host_irqs_keep_messages(&h, bdf);
	host_irqs_keep_intx(&h, bdf);
	assert_int_equal(h.vector[1], 17);
	assert_int_equal(h.intx, 3);
	host_irqs_fini(&h);
}

static const struct CMUnitTest both[] = {
	FAKE_TEST(config_accesses_are_counted),
	FAKE_TEST(trapped_accesses_are_counted_by_page_of_the_bar),
	FAKE_TEST(vectors_tell_how_their_events_came),
	FAKE_TEST(resets_are_counted_by_cause),
	FAKE_TEST(mode_and_line_are_told),
	FAKE_TEST(maps_of_ram_are_remembered_with_their_time),
	FAKE_TEST(more_maps_than_room_are_counted_all_the_same),
};

static const struct CMUnitTest kernel_only[] = {
	FAKE_TEST(host_counts_by_vector_and_keeps_them_when_messages_go),
	FAKE_TEST(nonsense_of_the_host_counts_nothing),
	FAKE_TEST(intx_counts_from_where_we_began),
	FAKE_TEST(domains_of_five_digits_are_counted_too),
};

BENCH_MAIN(both, kernel_only)

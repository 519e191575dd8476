/* The eventfds between VFIO and KVM: whose they are, what is left in them. */
#include "tests/unit/vfio/bench.h"

enum { MSIX = 0xb0, VECTORS = 16 };

static void all_vectors_on(struct bench *b)
{
	uint64_t table = bar_at(b, 0) + 0x2000;

	cfg_write(b, MSIX + 2, 2, PCI_MSIX_FLAGS_ENABLE);
	for (unsigned i = 0; i < VECTORS; i++) {
		bus_write(&b->vm.mmio, table + 16 * i, 8, 0xfee00000);
		bus_write(&b->vm.mmio, table + 16 * i + 8, 8, 0x4000 + i);
	}
}

static unsigned injected(struct bench *b, unsigned vector)
{
	const struct msix_vector *v = &b->dev->irqs.msix.vectors[vector];

	return fake_kvm_injected((uint32_t)v->route.gsi);
}

/* VFIO-IRQ-02: what the device signals, KVM injects, and we see nothing of it;
 * each vector has its own. */
static void one_eventfd_goes_from_vfio_to_kvm(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	decode_on(&b);
	all_vectors_on(&b);
	fake_trace_clear();
	for (unsigned i = 0; i < VECTORS; i++) {
		unsigned was = injected(&b, i);

		assert_true(
			fake_pci_interrupt(BDF, VFIO_PCI_MSIX_IRQ_INDEX, i));
		for (unsigned k = 0; k < VECTORS; k++)
			assert_int_equal(injected(&b, k), k <= i);
		assert_int_equal(was, 0);
	}
	assert_int_equal(fake_trace_count("eventfd"), 0);
	assert_int_equal(fake_kvm_irqfds(), VECTORS);
	bench_close(&b);
}

/* -------- INTx at reset: VFIO-INTX-06 -------- */

static void reset(struct bench *b)
{
	b->dev->touched = true;
	bench_reset(b);
}

static void an_asserted_line_is_low_after_a_reset(void **state)
{
	struct irq_line *l;
	struct bench b;
	unsigned gsi;

	bench_open(&b, &plain_function);
	l = &b.dev->irqs.line;
	gsi = l->gsi;
	assert_true(fake_pci_interrupt(BDF, VFIO_PCI_INTX_IRQ_INDEX, 0));
	assert_int_equal(fake_kvm_line(gsi), 1);
	assert_true(fake_pci_intx_masked(BDF));
	fake_trace_clear();
	reset(&b);
	assert_true(fake_trace_has_in_order(
		"index=0 start=0 count=1 mask", "KVM_IRQFD vm gsi=",
		"index=0 start=0 count=0 trigger none", "VFIO_DEVICE_RESET",
		"index=0 start=0 count=1 trigger eventfd"));
	assert_int_equal(fake_kvm_line(gsi), 0);
	assert_int_equal(sys_eventfd_drain(l->fd), 0);
	assert_int_equal(sys_eventfd_drain(l->resample_fd), 0);
	/* armed again, and not masked */
	assert_false(fake_pci_intx_masked(BDF));
	assert_int_equal(fake_kvm_injected(gsi), 1);
	assert_true(fake_pci_interrupt(BDF, VFIO_PCI_INTX_IRQ_INDEX, 0));
	assert_int_equal(fake_kvm_injected(gsi), 2);
	fake_kvm_eoi(gsi);
	assert_false(fake_pci_intx_masked(BDF));
	bench_close(&b);
}

/* Signalled with nobody listening, just before the line is tied again. */
static void what_was_on_its_way_is_not_injected_later(void **state)
{
	struct irq_line *l;
	struct bench b;

	bench_open(&b, &plain_function);
	l = &b.dev->irqs.line;
	irq_line_detach(l);
	sys_eventfd_signal(l->fd);
	sys_eventfd_signal(l->resample_fd);
	reset(&b);
	assert_int_equal(fake_kvm_injected(l->gsi), 0);
	assert_int_equal(fake_kvm_line(l->gsi), 0);
	bench_close(&b);
}

static const struct CMUnitTest both[] = {
	FAKE_TEST(one_eventfd_goes_from_vfio_to_kvm),
	FAKE_TEST(an_asserted_line_is_low_after_a_reset),
	FAKE_TEST(what_was_on_its_way_is_not_injected_later),
};

static const struct CMUnitTest kernel_only[] = {
	FAKE_TEST(an_asserted_line_is_low_after_a_reset),
};

BENCH_MAIN(both, kernel_only)

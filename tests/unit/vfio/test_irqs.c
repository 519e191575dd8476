/* INTx, MSI, MSI-X: order, exclusion, what a short host gives. */
#include <linux/kvm.h>

#include "tests/unit/vfio/bench.h"

enum { MSI = 0x50, MSIX = 0xb0 };

/* -------- what a guest's driver does -------- */

static void msi_on(struct bench *b, unsigned log2)
{
	cfg_write(b, MSI + 4, 4, 0xfee00000);
	cfg_write(b, MSI + 8, 4, 0);
	cfg_write(b, MSI + 12, 2, 0x4040);
	cfg_write(b, MSI + 2, 2, log2 << 4 | PCI_MSI_FLAGS_ENABLE);
}

static void msi_off(struct bench *b)
{
	cfg_write(b, MSI + 2, 2, 0);
}

static void vector_write(struct bench *b, unsigned i, bool masked)
{
	uint64_t at = bar_at(b, 0) + 0x2000 + 16 * i;

	bus_write(&b->vm.mmio, at, 4, 0xfee00000);
	bus_write(&b->vm.mmio, at + 4, 4, 0);
	bus_write(&b->vm.mmio, at + 8, 4, 0x4000 + i);
	bus_write(&b->vm.mmio, at + 12, 4, masked);
}

static void msix_on(struct bench *b)
{
	cfg_write(b, MSIX + 2, 2, PCI_MSIX_FLAGS_ENABLE);
}

static void msix_off(struct bench *b)
{
	cfg_write(b, MSIX + 2, 2, 0);
}

static bool intx_is_on(void)
{
	return fake_pci_vectors(BDF, VFIO_PCI_INTX_IRQ_INDEX) == 1 &&
	       !fake_pci_intx_masked(BDF);
}

static unsigned gsi_of(struct bench *b)
{
	return cfg_read(b, PCI_INTERRUPT_LINE, 1);
}

/* -------- INTx -------- */

/* VFIO-INTX-01 */
static void intx_is_tied_in_the_right_order(void **state)
{
	struct bench b;

	fake_pci_add(&plain_function);
	bench_vm(&b);
	MUST(bench_attach(&b, &why));
	fake_trace_clear();
	MUST(bench_place(&b, &why));
	assert_true(fake_trace_has_in_order(
		"VFIO_DEVICE_SET_IRQS device " BDF
		" index=0 start=0 count=1 trigger eventfd",
		"index=0 start=0 count=1 mask",
		"KVM_IRQFD vm gsi=", "index=0 start=0 count=1 unmask eventfd",
		"index=0 start=0 count=1 unmask none"));
	assert_true(intx_is_on());
	bench_close(&b);
}

static void a_level_interrupt_comes_and_comes_again(void **state)
{
	struct bench b;
	unsigned gsi;

	bench_open(&b, &plain_function);
	gsi = gsi_of(&b);
	for (unsigned i = 1; i <= 100; i++) {
		assert_true(fake_pci_interrupt(BDF, 0, 0));
		assert_int_equal(fake_kvm_injected(gsi), i);
		assert_true(fake_pci_intx_masked(BDF));
		fake_kvm_eoi(gsi); /* unmasks without us */
		assert_false(fake_pci_intx_masked(BDF));
	}
	bench_close(&b);
}

/* VFIO-INTX-04 */
static void a_function_without_intx_has_no_pin(void **state)
{
	struct fake_pci p = plain_function;
	struct bench b;

	p.pin = 0;
	bench_open(&b, &p);
	assert_int_equal(cfg_read(&b, PCI_INTERRUPT_PIN, 1), 0);
	assert_int_equal(fake_pci_vectors(BDF, 0), 0);
	bench_close(&b);
}

static void messages_do_without_a_broken_line(void **state)
{
	struct bench b;

	fake_pci_add(&plain_function);
	bench_vm(&b);
	MUST(bench_attach(&b, &why));
	fake_fail_ioctl("VFIO_DEVICE_SET_IRQS", 1, EBUSY);
	MUST(bench_place(&b, &why));
	assert_int_equal(cfg_read(&b, PCI_INTERRUPT_PIN, 1), 0);
	msi_on(&b, 0);
	assert_int_equal(fake_pci_vectors(BDF, VFIO_PCI_MSI_IRQ_INDEX), 1);
	msi_off(&b);
	assert_int_equal(fake_pci_vectors(BDF, 0), 0); /* it stays off */
	bench_close(&b);
}

static void a_broken_line_and_no_messages_is_an_error(void **state)
{
	struct fake_pci p = plain_function;
	struct err e = ERR_NONE;
	struct bench b;

	p.msi.at = 0;
	p.msix.at = 0;
	fake_pci_add(&p);
	bench_vm(&b);
	MUST(bench_attach(&b, &why));
	fake_fail_ioctl("VFIO_DEVICE_SET_IRQS", 1, EBUSY);
	assert_int_equal(bench_place(&b, &e), -EBUSY);
	assert_true(bench_says(&e, ": INTx is its only interrupt: "));
	assert_non_null(strstr(e.hint, "/proc/interrupts"));
	bench_close(&b);
}

/* VFIO-INTX-02, -07: without KVM's resampling there would have to be a line
 * that we raise, lower and unmask by watching the guest's accesses. There is
 * none instead: messages, and BARs without traps. */
static void without_resampling_there_is_no_line(void **state)
{
	struct bench b;

	fake_pci_add(&plain_function);
	fake_kvm_cap(KVM_CAP_IRQFD_RESAMPLE, 0);
	bench_vm(&b);
	MUST(bench_attach(&b, &why));
	MUST(bench_place(&b, &why));
	assert_int_equal(cfg_read(&b, PCI_INTERRUPT_PIN, 1), 0);
	assert_int_equal(fake_pci_vectors(BDF, VFIO_PCI_INTX_IRQ_INDEX), 0);
	decode_on(&b);
	assert_non_null(fake_kvm_slot_at(bar_at(&b, 0)));
	msi_on(&b, 0);
	assert_int_equal(fake_pci_vectors(BDF, VFIO_PCI_MSI_IRQ_INDEX), 1);
	msi_off(&b);
	assert_int_equal(fake_trace_count("KVM_IRQ_LINE"), 0);
	bench_close(&b);
}

/* VFIO-INTX-02 */
static void a_function_with_nothing_else_is_refused_then(void **state)
{
	struct fake_pci p = plain_function;
	struct err e = ERR_NONE;
	struct bench b;

	p.msi.at = 0;
	p.msix.at = 0;
	fake_pci_add(&p);
	fake_kvm_cap(KVM_CAP_IRQFD_RESAMPLE, 0);
	bench_vm(&b);
	MUST(bench_attach(&b, &why));
	assert_int_equal(bench_place(&b, &e), -ENOTSUP);
	assert_true(bench_says(&e, ": INTx is its only interrupt: this "
				   "kernel's KVM lacks "
				   "KVM_CAP_IRQFD_RESAMPLE"));
	bench_close(&b);
}

/* -------- MSI -------- */

/* VFIO-CFG-23, VFIO-INTX-05 */
static void msi_goes_on_and_off_in_the_right_order(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	fake_trace_clear();
	msi_on(&b, 0);
	assert_true(fake_trace_has_in_order(
		"index=0 start=0 count=1 mask", "KVM_IRQFD",
		"index=0 start=0 count=0 trigger none",
		"index=1 start=0 count=1 trigger eventfd",
		"pwrite device " BDF " region=7 off=0x52 len=2"));
	assert_int_equal(vfio_byte(MSI + 2) & 1, 1);
	fake_trace_clear();
	msi_off(&b);
	assert_true(fake_trace_has_in_order(
		"pwrite device " BDF " region=7 off=0x52 len=2",
		"index=1 start=0 count=0 trigger none",
		"index=0 start=0 count=1 trigger eventfd"));
	assert_true(intx_is_on());
	bench_close(&b);
}

static void messages_arrive_with_their_number(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	msi_on(&b, 3);
	assert_int_equal(fake_pci_vectors(BDF, VFIO_PCI_MSI_IRQ_INDEX), 8);
	for (unsigned i = 0; i < 8; i++) {
		unsigned gsi = (unsigned)b.dev->irqs.msi.route[i].gsi;

		assert_true(fake_pci_interrupt(BDF, 1, i));
		assert_int_equal(fake_kvm_injected(gsi), 1);
	}
	bench_close(&b);
}

/* VFIO-MSI-01: a positive answer is how many there are */
static void a_short_host_gives_fewer_messages(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	fake_pci_host_vectors(BDF, 5);
	msi_on(&b, 3);
	assert_int_equal(fake_pci_vectors(BDF, VFIO_PCI_MSI_IRQ_INDEX), 4);
	assert_int_equal(b.dev->irqs.mode, VFIO_IRQ_MSI);
	bench_close(&b);
}

static void msi_that_fails_leaves_intx_working(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	/* mask, off, then MSI's */
	fake_fail_ioctl("VFIO_DEVICE_SET_IRQS", 3, ENOSPC);
	msi_on(&b, 0);
	assert_int_equal(fake_pci_vectors(BDF, VFIO_PCI_MSI_IRQ_INDEX), 0);
	assert_true(intx_is_on());
	bench_close(&b);
}

/* VFIO-MSI-02 */
static void mask_and_pending_words_are_the_hardwares(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	fake_trace_clear();
	cfg_write(&b, MSI + 0x10, 4, 0xf0);
	assert_int_equal(
		fake_trace_count("pwrite device " BDF " region=7 off=0x60"), 1);
	fake_pci_hw_config(BDF)[MSI + 0x14] = 0x3;
	assert_int_equal(cfg_read(&b, MSI + 0x14, 4), 3);
	bench_close(&b);
}

/* -------- MSI-X -------- */

/* VFIO-MSIX-02, -03 */
static void msix_goes_on_without_vectors(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	decode_on(&b);
	fake_trace_clear();
	msix_on(&b);
	assert_true(fake_trace_has_in_order(
		"index=0 start=0 count=0 trigger none",
		"index=2 start=0 count=1 trigger eventfd"));
	assert_int_equal(fake_pci_vectors(BDF, VFIO_PCI_MSIX_IRQ_INDEX), 0);
	vector_write(&b, 5, false);
	assert_int_equal(fake_pci_vectors(BDF, VFIO_PCI_MSIX_IRQ_INDEX), 1);
	msix_off(&b);
	assert_int_equal(fake_pci_vectors(BDF, VFIO_PCI_MSIX_IRQ_INDEX), 0);
	assert_true(intx_is_on());
	bench_close(&b);
}

static void vectors_arrive(struct bench *b, const bool *used, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned gsi, before;

		if (!used[i]) {
			assert_false(fake_pci_interrupt(BDF, 2, i));
			continue;
		}
		gsi = (unsigned)b->dev->irqs.msix.vectors[i].route.gsi;
		before = fake_kvm_injected(gsi);
		assert_true(fake_pci_interrupt(BDF, 2, i));
		assert_int_equal(fake_kvm_injected(gsi), before + 1);
	}
}

/* VFIO-MSIX-04, both kinds of kernel, rising and falling */
static void vectors_come_one_by_one_in_any_order(void **state)
{
	for (unsigned row = 0; row < 4; row++) {
		struct fake_pci p = plain_function;
		bool used[16] = { false };
		struct bench b;

		fake_reset();
		p.msix.dynamic = row & 1;
		bench_open(&b, &p);
		decode_on(&b);
		msix_on(&b);
		for (unsigned k = 0; k < 16; k++) {
			unsigned i = row & 2 ? 15 - k : k;

			vector_write(&b, i, false);
			used[i] = true;
			vectors_arrive(&b, used, 16);
		}
		bench_close(&b);
	}
}

static void a_fixed_kernel_allocates_with_headroom(void **state)
{
	struct fake_pci p = plain_function;
	struct bench b;

	p.msix.dynamic = false;
	bench_open(&b, &p);
	decode_on(&b);
	msix_on(&b);
	fake_trace_clear();
	for (unsigned i = 0; i < 16; i++)
		vector_write(&b, i, false);
	/* grown to 8, then to 16 */
	assert_int_equal(
		fake_trace_count("index=2 start=0 count=0 trigger none"), 2);
	bench_close(&b);
}

/* Interrupts may be lost while the index is off. */
static void after_growing_every_live_vector_is_kicked(void **state)
{
	struct fake_pci p = plain_function;
	unsigned gsi;
	struct bench b;

	p.msix.dynamic = false;
	bench_open(&b, &p);
	decode_on(&b);
	msix_on(&b);
	vector_write(&b, 0, false);
	gsi = (unsigned)b.dev->irqs.msix.vectors[0].route.gsi;
	assert_int_equal(fake_kvm_injected(gsi), 0);
	vector_write(&b, 12, false);
	assert_int_equal(fake_kvm_injected(gsi), 1);
	bench_close(&b);
}

/* VFIO-MSIX-05 */
static void a_burst_is_one_call(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	decode_on(&b);
	cfg_write(&b, MSIX + 2, 2,
		  PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	for (unsigned i = 0; i < 16; i++)
		vector_write(&b, i, false);
	fake_trace_clear();
	cfg_write(&b, MSIX + 2, 2, PCI_MSIX_FLAGS_ENABLE);
	/* of 8 descriptors each, if by message */
	assert_int_equal(fake_trace_count("VFIO_DEVICE_SET_IRQS"),
			 bench_user ? 2 : 1);
	assert_int_equal(fake_trace_count("KVM_SET_GSI_ROUTING"), 1);
	assert_int_equal(fake_pci_vectors(BDF, 2), 16);
	bench_close(&b);
}

/* VFIO-MSIX-06, VFIO-IRQ-04 */
static void vectors_beyond_what_the_host_has_stay_masked(void **state)
{
	for (unsigned dynamic = 0; dynamic < 2; dynamic++) {
		struct fake_pci p = plain_function;
		bool used[16] = { true, true, true };
		struct bench b;

		fake_reset();
		p.msix.dynamic = dynamic;
		bench_open(&b, &p);
		decode_on(&b);
		fake_pci_host_vectors(BDF, 3);
		msix_on(&b);
		for (unsigned i = 0; i < 6; i++)
			vector_write(&b, i, false);
		if (fake_pci_vectors(BDF, 2) != 3)
			fail_msg("dynamic %u: %u vectors", dynamic,
				 fake_pci_vectors(BDF, 2));
		vectors_arrive(&b, used, 6);
		bench_close(&b);
	}
}

static void msix_that_fails_leaves_intx_working(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	fake_fail_ioctl("VFIO_DEVICE_SET_IRQS", 3, ENOMEM);
	msix_on(&b);
	assert_false(b.dev->irqs.msix.on);
	assert_true(intx_is_on());
	bench_close(&b);
}

static void masking_a_vector_does_not_touch_vfio(void **state)
{
	struct bench b;
	unsigned gsi;

	bench_open(&b, &plain_function);
	decode_on(&b);
	msix_on(&b);
	vector_write(&b, 0, false);
	gsi = (unsigned)b.dev->irqs.msix.vectors[0].route.gsi;
	fake_trace_clear();
	vector_write(&b, 0, true);
	assert_true(fake_pci_interrupt(BDF, 2, 0));
	assert_int_equal(fake_kvm_injected(gsi), 0);
	assert_true(bus_read(&b.vm.mmio, bar_at(&b, 0) + 0x3000, 8) == 1);
	vector_write(&b, 0, false);
	assert_int_equal(fake_kvm_injected(gsi), 1);
	assert_int_equal(fake_trace_count("VFIO_DEVICE_SET_IRQS"), 0);
	bench_close(&b);
}

/* -------- VFIO-INTX-05: {none, intx, msi, msix} squared -------- */

enum kind { INTX_ONLY, WITH_MSI, WITH_MSIX, KINDS };

static void become(struct bench *b, enum kind k)
{
	if (k != WITH_MSI)
		msi_off(b);
	if (k != WITH_MSIX)
		msix_off(b);
	if (k == WITH_MSI)
		msi_on(b, 1);
	if (k == WITH_MSIX) {
		msix_on(b);
		vector_write(b, 0, false);
	}
}

static void check_kind(enum kind k, bool pin)
{
	assert_int_equal(fake_pci_vectors(BDF, 0), pin && k == INTX_ONLY);
	assert_int_equal(fake_pci_vectors(BDF, 1), k == WITH_MSI ? 2 : 0);
	assert_int_equal(fake_pci_vectors(BDF, 2), k == WITH_MSIX ? 1 : 0);
}

static void every_transition_leaves_exactly_one(void **state)
{
	for (unsigned pin = 0; pin < 2; pin++) {
		struct fake_pci p = plain_function;
		struct bench b;

		fake_reset();
		p.pin = (uint8_t)pin;
		bench_open(&b, &p);
		decode_on(&b);
		for (unsigned from = 0; from < KINDS; from++) {
			for (unsigned to = 0; to < KINDS; to++) {
				become(&b, from);
				check_kind(from, pin);
				become(&b, to);
				check_kind(to, pin);
			}
		}
		bench_close(&b);
	}
}

/* VFIO-MSIX-11 */
static void both_enabled_the_newest_wins(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	decode_on(&b);
	msi_on(&b, 1);
	msix_on(&b);
	vector_write(&b, 0, false);
	check_kind(WITH_MSIX, true);
	msi_off(&b);
	check_kind(WITH_MSIX, true);
	msix_off(&b);
	check_kind(INTX_ONLY, true);
	bench_close(&b);
}

static void nothing_is_left_after_many_changes(void **state)
{
	struct bench b;
	unsigned irqfds, routes;

	bench_open(&b, &plain_function);
	decode_on(&b);
	irqfds = fake_kvm_irqfds();
	routes = fake_kvm_routes();
	for (unsigned i = 0; i < 50; i++) {
		become(&b, WITH_MSIX);
		become(&b, WITH_MSI);
	}
	become(&b, INTX_ONLY);
	assert_int_equal(fake_kvm_irqfds(), irqfds);
	assert_int_equal(fake_kvm_routes(), routes);
	bench_close(&b);
}

static const struct CMUnitTest both[] = {
	FAKE_TEST(intx_is_tied_in_the_right_order),
	FAKE_TEST(a_level_interrupt_comes_and_comes_again),
	FAKE_TEST(a_function_without_intx_has_no_pin),
	FAKE_TEST(messages_do_without_a_broken_line),
	FAKE_TEST(a_broken_line_and_no_messages_is_an_error),
	FAKE_TEST(without_resampling_there_is_no_line),
	FAKE_TEST(a_function_with_nothing_else_is_refused_then),
	FAKE_TEST(msi_goes_on_and_off_in_the_right_order),
	FAKE_TEST(messages_arrive_with_their_number),
	FAKE_TEST(msi_that_fails_leaves_intx_working),
	FAKE_TEST(mask_and_pending_words_are_the_hardwares),
	FAKE_TEST(msix_goes_on_without_vectors),
	FAKE_TEST(vectors_come_one_by_one_in_any_order),
	FAKE_TEST(a_fixed_kernel_allocates_with_headroom),
	FAKE_TEST(after_growing_every_live_vector_is_kicked),
	FAKE_TEST(a_burst_is_one_call),
	FAKE_TEST(vectors_beyond_what_the_host_has_stay_masked),
	FAKE_TEST(msix_that_fails_leaves_intx_working),
	FAKE_TEST(masking_a_vector_does_not_touch_vfio),
	FAKE_TEST(every_transition_leaves_exactly_one),
	FAKE_TEST(both_enabled_the_newest_wins),
	FAKE_TEST(nothing_is_left_after_many_changes),
};

static const struct CMUnitTest kernel_only[] = {
	FAKE_TEST(a_short_host_gives_fewer_messages),
};

/* VFIO-VU-01 */
BENCH_MAIN(both, kernel_only)

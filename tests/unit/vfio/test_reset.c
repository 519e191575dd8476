/* Resets, power states, functions that stop answering. */
#include "tests/unit/vfio/bench.h"

enum { PM = 0x40, MSI = 0x50, EXP = 0x70, MSIX = 0xb0, AF = 0xd8 };

static const uint8_t af_cap[] = { 6, PCI_AF_CAP_TP | PCI_AF_CAP_FLR, 0, 0 };
static const struct fake_cap af[] = {
	{ .id = PCI_CAP_ID_AF,
	  .at = AF,
	  .body = af_cap,
	  .body_size = sizeof(af_cap) },
};

static bool shown(struct bench *b)
{
	return fake_kvm_slot_at(bar_at(b, 0)) != NULL;
}

static void vector_on(struct bench *b, unsigned i)
{
	uint64_t at = bar_at(b, 0) + 0x2000 + 16 * i;

	bus_write(&b->vm.mmio, at, 4, 0xfee00000);
	bus_write(&b->vm.mmio, at + 8, 4, 0x4000 + i);
	bus_write(&b->vm.mmio, at + 12, 4, 0);
}

/* Everything a driver would have changed. */
static void dirty(struct bench *b)
{
	decode_on(b);
	cfg_write(b, PCI_COMMAND, 2, 0x507);
	cfg_write(b, MSIX + 2, 2, PCI_MSIX_FLAGS_ENABLE);
	vector_on(b, 0);
	vector_on(b, 3);
	cfg_write(b, MSI + 4, 4, 0xfee01000);
	cfg_write(b, MSI + 12, 2, 0x77);
	cfg_write(b, PCI_INTERRUPT_LINE, 1, 0x33);
}

/* As it was when it was new. */
static void check_like_new(struct bench *b)
{
	for (unsigned off = 0; off < 4096; off++) {
		if (b->pci->config[off] != b->dev->power_on[off])
			fail_msg("config %#x is %#x, was %#x", off,
				 b->pci->config[off], b->dev->power_on[off]);
	}
	assert_true(b->pci->powered);
	assert_int_equal(cfg_read(b, PCI_COMMAND, 2) & 0x407, 0);
	assert_true(bar_at(b, 0) == 0);
	assert_int_equal(fake_pci_vectors(BDF, VFIO_PCI_MSIX_IRQ_INDEX), 0);
	assert_int_equal(fake_pci_vectors(BDF, VFIO_PCI_INTX_IRQ_INDEX), 1);
	assert_false(fake_pci_intx_masked(BDF));
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(b->dev->irqs.msix.table[16 * i + 12], 1);
	assert_int_equal(fake_kvm_slots(), 1); /* RAM */
}

/* -------- which resets there are: VFIO-RST-01 -------- */

static void a_function_without_reset_is_refused(void **state)
{
	struct fake_pci p = plain_function;
	struct err e = ERR_NONE;
	struct bench b;

	p.no_reset = p.no_bus_reset = true;
	fake_pci_add(&p);
	bench_vm(&b);
	assert_int_equal(bench_attach(&b, &e), -ENOTSUP);
	assert_string_equal(e.text,
			    BDF ": the function cannot be reset: what a guest "
				"leaves in it would leak into the next");
	assert_string_equal(e.hint,
			    "accept that with --vfio " BDF ",allow-no-reset");
	bench_close(&b);
}

static void unless_the_operator_accepts_it(void **state)
{
	struct fake_pci p = plain_function;
	struct bench b;

	p.no_reset = p.no_bus_reset = true;
	fake_pci_add(&p);
	bench_vm(&b);
	b.o.allow_no_reset = true;
	MUST(bench_attach(&b, &why));
	MUST(bench_place(&b, &why));
	dirty(&b);
	bench_reset(&b);
	assert_int_equal(fake_trace_count("VFIO_DEVICE_RESET"), 0);
	check_like_new(&b);
	bench_close(&b);
}

/* -------- function level reset by the guest -------- */

/* VFIO-CFG-16, VFIO-RST-03, VFIO-RST-04 */
static void flr_in_any_width_resets_all_of_us(void **state)
{
	static const struct {
		unsigned off, len;
		uint32_t v;
	} ways[] = {
		{ EXP + 9, 1, 0x80 },	{ EXP + 8, 2, 0x8000 },
		{ EXP + 8, 4, 0x8000 }, { AF + 4, 1, 1 },
		{ AF + 4, 2, 1 },	{ AF + 4, 4, 1 },
	};

	for (unsigned i = 0; i < ARRAY_LEN(ways); i++) {
		struct fake_pci p = plain_function;
		char line[80];
		struct bench b;

		fake_reset();
		p.caps = af;
		p.n_caps = 1;
		bench_open(&b, &p);
		dirty(&b);
		fake_trace_clear();
		cfg_write(&b, ways[i].off, ways[i].len, ways[i].v);
		/* the kernel would not say if it could not */
		snprintf(line, sizeof(line), "ioctl VFIO_DEVICE_RESET");
		if (bench_user)
			snprintf(line, sizeof(line),
				 "pwrite device " BDF
				 " region=7 off=%#x len=%u",
				 ways[i].off, ways[i].len);
		assert_true(fake_trace_has_in_order(
			"index=2 start=0 count=0 trigger none",
			"index=0 start=0 count=0 trigger none",
			"KVM_SET_USER_MEMORY_REGION",
			"region=7 off=0x4 len=2 value=0", line,
			"region=7 off=0x10 len=4 value=0",
			"index=0 start=0 count=1 trigger eventfd"));
		check_like_new(&b);
		assert_int_equal(cfg_read(&b, EXP + 8, 2) & 0x8000, 0);
		bench_close(&b);
	}
}

static void flr_that_is_not_offered_is_a_plain_write(void **state)
{
	struct bench b;

	fake_pci_add(&plain_function);
	fake_pci_hw_config(BDF)[EXP + 7] &= (uint8_t)~0x10;
	fake_pci_changed(BDF);
	bench_open(&b, NULL);
	dirty(&b);
	cfg_write(&b, EXP + 8, 2, 0x8000);
	assert_true(shown(&b));
	assert_true(b.dev->irqs.msix.on);
	bench_close(&b);
}

static void our_side_is_reset_even_if_the_write_fails(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	dirty(&b);
	fake_fail_call("pwrite device " BDF " region=7 off=0x78", 1, EIO);
	cfg_write(&b, EXP + 8, 2, 0x8000);
	check_like_new(&b);
	bench_close(&b);
}

static void after_a_reset_the_function_works_again(void **state)
{
	struct bench b;
	uint64_t at;

	bench_open(&b, &plain_function);
	at = bar_at(&b, 0);
	for (unsigned i = 0; i < 20; i++) {
		dirty(&b);
		assert_true(shown(&b));
		assert_true(fake_pci_interrupt(BDF, 2, 3));
		cfg_write(&b, EXP + 8, 2, 0x8000);
		cfg_write(&b, 0x10, 4, (uint32_t)at);
		cfg_write(&b, 0x14, 4, (uint32_t)(at >> 32));
	}
	bench_close(&b);
}

/* -------- reset from above -------- */

/* VFIO-RST-05 */
static void an_untouched_function_is_not_reset_again(void **state)
{
	struct bench b;
	unsigned resets;

	bench_open(&b, &plain_function);
	resets = fake_pci_resets(BDF);
	fake_trace_clear();
	bench_reset(&b);
	assert_int_equal(fake_pci_resets(BDF), resets);
	assert_int_equal(fake_trace_count("VFIO_DEVICE_RESET"), 0);
	dirty(&b);
	bench_reset(&b);
	assert_int_equal(fake_pci_resets(BDF), resets + 1);
	check_like_new(&b);
	bench_close(&b);
}

/* VFIO-RST-11 */
static void a_bus_reset_above_resets_the_function(void **state)
{
	unsigned resets;
	struct bench b;

	bench_open(&b, &plain_function);
	dirty(&b);
	resets = fake_pci_resets(BDF);
	bench_port_write(&b, PCI_BRIDGE_CTL_BUS_RESET);
	bench_port_write(&b, 0);
	assert_int_equal(fake_pci_resets(BDF), resets + 1);
	check_like_new(&b);
	bench_close(&b);
}

/* VFIO-RST-05 */
static void a_platform_reset_is_never_left_out(void **state)
{
	struct err e = ERR_NONE;
	struct bench b;

	bench_open(&b, &plain_function);
	dirty(&b);
	for (unsigned i = 0; i < 2; i++) {
		unsigned resets = fake_pci_resets(BDF);

		assert_int_equal(bench_reset_all(b.iommu, &e), 0);
		assert_int_equal(fake_pci_resets(BDF), resets + 1);
		check_like_new(&b);
	}
	fake_pci_gone(BDF, FAKE_EIO);
	assert_true(bench_reset_all(b.iommu, &e) < 0);
	assert_true(bench_says(&e, ": "));
	bench_close(&b);
}

/* Not lost, and not reset for its own sake only, which leaves it the addresses
 * and the controls of the guest before. */
static void a_platform_reset_is_for_suspects_too(void **state)
{
	static const enum vfio_on_error on_error[] = { VFIO_ON_ERROR_REPORT,
						       VFIO_ON_ERROR_RESET };

	for (unsigned i = 0; i < ARRAY_LEN(on_error); i++) {
		struct err e = ERR_NONE;
		struct bench b;

		fake_reset();
		fake_pci_add(&plain_function);
		bench_vm(&b);
		b.o.on_error = on_error[i];
		MUST(bench_attach(&b, &why));
		MUST(bench_place(&b, &why));
		dirty(&b);
		vfio_suspect(b.dev);
		fake_advance_ns(200 * 1000 * 1000);
		fake_fail_call("pread device " BDF " region=7 off=0 ", 1, EIO);
		assert_int_equal(bench_reset_all(b.iommu, &e), 0);
		assert_int_equal(b.dev->health, VFIO_OK);
		assert_int_equal(
			counter_get(&b.dev->resets[VFIO_RESET_PLATFORM].done),
			1);
		check_like_new(&b);
		bench_close(&b);
	}
}

/* VFIO-RST-06 */
static void a_contended_reset_is_tried_again(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	dirty(&b);
	fake_trace_clear();
	fake_fail_ioctl("VFIO_DEVICE_RESET", 1, EAGAIN);
	bench_reset(&b);
	assert_int_equal(fake_trace_count("VFIO_DEVICE_RESET"), 2);
	check_like_new(&b);
	bench_close(&b);
}

/* VFIO-RST-06 */
static void a_failed_reset_leaves_dma_off(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	dirty(&b);
	fake_fail_ioctl("VFIO_DEVICE_RESET", 0, EIO);
	bench_reset(&b);
	assert_int_equal(le16_load(fake_pci_hw_config(BDF) + 4) & 7, 0);
	assert_int_equal(fake_kvm_slots(), 1);
	bench_close(&b);
}

/* VFIO-RST-03 */
static void the_function_is_woken_before_a_reset(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	cfg_write(&b, PM + 4, 2, 3);
	fake_trace_clear();
	bench_reset(&b);
	assert_true(fake_trace_has_in_order("region=7 off=0x4 len=2 value=0",
					    "region=7 off=0x44 len=1",
					    "VFIO_DEVICE_RESET"));
	assert_int_equal(cfg_read(&b, PM + 4, 1) & 3, 0);
	bench_close(&b);
}

/* -------- power: VFIO-PM-01, -02 -------- */

static void pages_go_before_the_function_sleeps(void **state)
{
	static const struct {
		unsigned len;
		uint32_t v;
	} ways[] = { { 1, 3 }, { 2, 0xff03 }, { 4, 0xffff0003 } };

	for (unsigned i = 0; i < ARRAY_LEN(ways); i++) {
		struct bench b;

		fake_reset();
		bench_open(&b, &plain_function);
		decode_on(&b);
		fake_trace_clear();
		cfg_write(&b, PM + 4, ways[i].len, ways[i].v);
		assert_true(fake_trace_has_in_order(
			"KVM_SET_USER_MEMORY_REGION",
			"pwrite device " BDF " region=7 off=0x44 len=1 "
			"value=0x3",
			"pread device " BDF " region=7 off=0x44 len=1"));
		assert_int_equal(fake_trace_count("pwrite device"), 1);
		assert_false(shown(&b));
		assert_int_equal(cfg_read(&b, PM + 4, 2) & 0x8103, 3);
		fake_trace_clear();
		cfg_write(&b, PM + 4, ways[i].len, ways[i].v & ~3u);
		assert_true(fake_trace_has_in_order(
			"pwrite device " BDF " region=7 off=0x44 len=1",
			"KVM_SET_USER_MEMORY_REGION"));
		assert_true(shown(&b));
		bench_close(&b);
	}
}

static void a_transition_that_is_ignored_shows_the_pages_again(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	decode_on(&b);
	/* the write does not arrive: the function stays in D0 */
	fake_fail_call("pwrite device " BDF " region=7 off=0x44", 1, EIO);
	cfg_write(&b, PM + 4, 2, 3);
	assert_true(b.pci->powered);
	assert_true(shown(&b));
	bench_close(&b);
}

/* VFIO-PM-03: the device's own command register decides */
static void decode_lost_on_the_way_to_d0_is_noticed(void **state)
{
	for (unsigned keeps = 0; keeps < 2; keeps++) {
		struct bench b;
		uint8_t *hw;

		fake_reset();
		fake_pci_add(&plain_function);
		hw = fake_pci_hw_config(BDF);
		hw[PM + 4] &= (uint8_t)~PCI_PM_CTRL_NO_SOFT_RESET;
		fake_pci_changed(BDF);
		bench_open(&b, NULL);
		decode_on(&b);
		cfg_write(&b, PM + 4, 2, 3);
		if (!keeps)
			hw[PCI_COMMAND] = 0;
		cfg_write(&b, PM + 4, 2, 0);
		assert_int_equal(shown(&b), keeps);
		assert_int_equal(cfg_read(&b, PCI_COMMAND, 1) & 7,
				 keeps ? 7 : 0);
		bench_close(&b);
	}
}

/* -------- health: VFIO-ERR-03 -------- */

static void settle_for_lost(struct bench *b)
{
	(void)cfg_read(b, 0, 4); /* suspect */
	assert_int_equal(b->dev->health, VFIO_SUSPECT);
	(void)cfg_read(b, 0, 4); /* too early to judge */
	assert_int_equal(b->dev->health, VFIO_SUSPECT);
	fake_advance_ns(100 * 1000 * 1000);
	(void)cfg_read(b, 0, 4);
}

static void a_function_that_stays_silent_is_lost(void **state)
{
	static const enum fake_gone how[] = { FAKE_ALL_ONES, FAKE_EIO,
					      FAKE_SHORT };

	for (unsigned i = 0; i < ARRAY_LEN(how); i++) {
		struct bench b;

		fake_reset();
		bench_open(&b, &plain_function);
		dirty(&b);
		fake_pci_gone(BDF, how[i]);
		/* status is the hardware's, IDs are the kernel's */
		(void)cfg_read(&b, PCI_STATUS, 2);
		settle_for_lost(&b);
		if (b.dev->health != VFIO_LOST)
			fail_msg("%u: not lost", i);
		assert_int_equal(fake_kvm_slots(), 1);
		fake_trace_clear();
		assert_int_equal(cfg_read(&b, 0, 4), 0xffffffff);
		assert_int_equal(cfg_read(&b, PCI_HEADER_TYPE, 1), 0xff);
		cfg_write(&b, PCI_COMMAND, 2, 7);
		cfg_write(&b, MSIX + 2, 2, 0x8000);
		assert_int_equal(fake_trace_count("device " BDF), 0);
		bench_close(&b);
	}
}

/* The guest only reads mapped registers, which ask nobody. */
static void whoever_wants_to_stop_is_told_without_an_access(void **state)
{
	struct bench b;

	fake_pci_add(&plain_function);
	bench_vm(&b);
	b.o.on_error = VFIO_ON_ERROR_STOP;
	MUST(bench_attach(&b, &why));
	MUST(bench_place(&b, &why));
	decode_on(&b);
	b.dev->look_timer.handler(&b.dev->look_timer, EPOLLIN);
	assert_int_equal(b.dev->health, VFIO_OK);
	fake_pci_gone(BDF, FAKE_ALL_ONES);
	b.dev->look_timer.handler(&b.dev->look_timer, EPOLLIN);
	assert_int_equal(b.dev->health, VFIO_SUSPECT);
	assert_int_equal(b.vm.stop.end, VM_RUNNING);
	fake_advance_ns(1000 * 1000 * 1000);
	b.dev->look_timer.handler(&b.dev->look_timer, EPOLLIN);
	assert_int_equal(b.dev->health, VFIO_LOST);
	assert_int_equal(b.vm.stop.end, VM_FAILED);
	assert_non_null(strstr(b.vm.stop.err.text, BDF ": the function does "
						       "not answer"));
	bench_close(&b);
}

static void a_function_that_comes_back_is_well(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	decode_on(&b);
	fake_pci_gone(BDF, FAKE_EIO);
	(void)cfg_read(&b, 0, 4);
	assert_int_equal(b.dev->health, VFIO_SUSPECT);
	fake_pci_gone(BDF, FAKE_PRESENT);
	fake_advance_ns(200 * 1000 * 1000);
	assert_int_equal(cfg_read(&b, 0, 2), 0x1b36);
	assert_int_equal(b.dev->health, VFIO_OK);
	assert_true(shown(&b));
	bench_close(&b);
}

/* All-ones at each step of what a driver does: nothing breaks. */
static void it_may_vanish_at_any_step(void **state)
{
	for (unsigned step = 0; step < 8; step++) {
		struct bench b;

		fake_reset();
		bench_open(&b, &plain_function);
		for (unsigned k = 0; k < 8; k++) {
			if (k == step)
				fake_pci_gone(BDF, FAKE_ALL_ONES);
			fake_advance_ns(60 * 1000 * 1000);
			switch (k) {
			case 0:
				decode_on(&b);
				break;
			case 1:
				cfg_write(&b, MSI + 2, 2, 1);
				break;
			case 2:
				cfg_write(&b, MSI + 2, 2, 0);
				break;
			case 3:
				cfg_write(&b, MSIX + 2, 2, 0x8000);
				vector_on(&b, 1);
				break;
			case 4:
				cfg_write(&b, PM + 4, 2, 3);
				break;
			case 5:
				cfg_write(&b, PM + 4, 2, 0);
				break;
			case 6:
				cfg_write(&b, EXP + 8, 2, 0x8000);
				break;
			default:
				bench_reset(&b);
				break;
			}
			(void)cfg_read(&b, PCI_STATUS, 2);
		}
		bench_close(&b);
		if (fake_leaks())
			fail_msg("step %u: %s", step, fake_leaks());
	}
}

/* -------- on-error=reset -------- */

static void open_resetting(struct bench *b)
{
	fake_pci_add(&plain_function);
	bench_vm(b);
	b->o.on_error = VFIO_ON_ERROR_RESET;
	MUST(bench_attach(b, &why));
	MUST(bench_place(b, &why));
	decode_on(b);
}

/* The guest finds it gone, then without decode at the address it had. */
static void check_recovered(struct bench *b, uint64_t at)
{
	(void)vfio_reset_await(b->dev, NULL);
	assert_int_equal(b->dev->health, VFIO_OK);
	assert_int_equal(b->vm.stop.end, VM_RUNNING);
	assert_int_equal(cfg_read(b, PCI_COMMAND, 2) & 7, 0);
	assert_false(shown(b));
	assert_true(bar_at(b, 0) == at);
	decode_on(b);
	assert_true(shown(b));
}

static void an_error_report_resets_the_function(void **state)
{
	unsigned resets;
	struct bench b;
	uint64_t at;

	open_resetting(&b);
	at = bar_at(&b, 0);
	resets = fake_pci_resets(BDF);
	fake_resets_hold(true);
	assert_true(fake_pci_interrupt(BDF, VFIO_PCI_ERR_IRQ_INDEX, 0));
	bench_loop(&b);
	assert_int_equal(pci_config_read(b.pci, PCI_VENDOR_ID, 2), 0xffff);
	assert_false(shown(&b));
	fake_resets_hold(false);
	check_recovered(&b, at);
	assert_int_equal(fake_pci_resets(BDF), resets + 1);
	bench_close(&b);
}

/* A kernel refuses to reset what is gone; that is the test below. */
static void a_silent_function_is_reset(void **state)
{
	struct bench b;
	uint64_t at;

	open_resetting(&b);
	at = bar_at(&b, 0);
	fake_pci_gone(BDF, FAKE_ALL_ONES);
	b.dev->look_timer.handler(&b.dev->look_timer, EPOLLIN);
	assert_int_equal(b.dev->health, VFIO_SUSPECT);
	fake_advance_ns(1000 * 1000 * 1000);
	fake_resets_hold(true);
	b.dev->look_timer.handler(&b.dev->look_timer, EPOLLIN);
	assert_true(b.dev->reset.busy);
	/* the link comes back while the kernel waits for it */
	fake_pci_gone(BDF, FAKE_PRESENT);
	fake_resets_hold(false);
	check_recovered(&b, at);
	bench_close(&b);
}

static void one_that_cannot_be_reset_is_lost(void **state)
{
	struct bench b;

	open_resetting(&b);
	fake_pci_gone(BDF, FAKE_EIO);
	(void)cfg_read(&b, PCI_STATUS, 2);
	fake_advance_ns(200 * 1000 * 1000);
	(void)cfg_read(&b, PCI_STATUS, 2);
	(void)vfio_reset_await(b.dev, NULL);
	assert_int_equal(b.dev->health, VFIO_LOST);
	assert_int_equal(b.vm.stop.end, VM_RUNNING);
	assert_int_equal(cfg_read(&b, PCI_VENDOR_ID, 2), 0xffff);
	bench_close(&b);
}

/* VFIO-ERR-07 */
static void one_that_fails_again_and_again_is_lost(void **state)
{
	struct bench b;

	open_resetting(&b);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(b.dev->health, VFIO_OK);
		assert_true(fake_pci_interrupt(BDF, VFIO_PCI_ERR_IRQ_INDEX, 0));
		bench_loop(&b);
		(void)vfio_reset_await(b.dev, NULL);
	}
	assert_int_equal(b.dev->health, VFIO_LOST);
	bench_close(&b);
}

static void now_and_then_is_not_again_and_again(void **state)
{
	struct bench b;

	open_resetting(&b);
	for (unsigned i = 0; i < 10; i++) {
		assert_true(fake_pci_interrupt(BDF, VFIO_PCI_ERR_IRQ_INDEX, 0));
		bench_loop(&b);
		(void)vfio_reset_await(b.dev, NULL);
		fake_advance_ns(UINT64_C(25) * 1000 * 1000 * 1000);
	}
	assert_int_equal(b.dev->health, VFIO_OK);
	bench_close(&b);
}

/* -------- what the host reports -------- */

/* VFIO-ERR-01, VFIO-IRQ-05 */
static void an_error_report_ends_the_vm(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	decode_on(&b);
	assert_true(fake_pci_interrupt(BDF, VFIO_PCI_ERR_IRQ_INDEX, 0));
	bench_loop(&b);
	assert_int_equal(b.vm.stop.end, VM_FAILED);
	assert_non_null(strstr(b.vm.stop.err.text, bench_name()));
	assert_non_null(strstr(b.vm.stop.err.text,
			       ": the function reported an uncorrectable "
			       "error"));
	assert_false(shown(&b));
	bench_close(&b);
}

static void *event_loop(void *arg)
{
	struct bench *b = arg;
	struct err e = ERR_NONE;

	assert_int_equal(loop_run(&b->vm.loop, &e), 0);
	return NULL;
}

/* A vCPU may be in the middle of a reset, for half a minute: of a server that
 * reports an error and then hangs, for instance. */
static void an_error_report_does_not_wait_for_a_vcpu(void **state)
{
	bool stopping = false;
	struct bench b;
	pthread_t loop;

	bench_open(&b, &plain_function);
	decode_on(&b);
	pthread_mutex_lock(&b.dev->pci.lock);
	assert_int_equal(pthread_create(&loop, NULL, event_loop, &b), 0);
	assert_true(fake_pci_interrupt(BDF, VFIO_PCI_ERR_IRQ_INDEX, 0));
	for (unsigned i = 0; i < 200 && !stopping; i++) {
		sys_sleep_ms(10);
		stopping = vm_stopping(&b.vm);
	}
	pthread_mutex_unlock(&b.dev->pci.lock);
	pthread_join(loop, NULL);
	assert_true(stopping);
	assert_false(shown(&b));
	bench_close(&b);
}

/* VFIO-ERR-02, VFIO-IRQ-05 */
static void a_release_request_ends_the_vm(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	assert_true(fake_pci_interrupt(BDF, VFIO_PCI_REQ_IRQ_INDEX, 0));
	bench_loop(&b);
	assert_int_equal(b.vm.stop.end, VM_RECLAIMED);
	assert_non_null(strstr(b.vm.stop.err.text, bench_name()));
	assert_non_null(strstr(b.vm.stop.err.text,
			       ": the host wants the function back"));
	assert_non_null(strstr(b.vm.stop.err.hint, "on-request=report"));
	bench_close(&b);
}

/* VFIO-ERR-02: whoever unbinds hangs until we end. A vCPU in the middle of a
 * long reset has the function's lock, and nobody waits for it. */
static void a_release_request_does_not_wait_for_a_vcpu(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	decode_on(&b);
	pthread_mutex_lock(&b.dev->pci.lock);
	assert_true(fake_pci_interrupt(BDF, VFIO_PCI_REQ_IRQ_INDEX, 0));
	alarm(10);
	bench_loop(&b);
	alarm(0);
	assert_true(vm_stopping(&b.vm));
	pthread_mutex_unlock(&b.dev->pci.lock);
	bench_close(&b);
}

/* A guest that floods a function may have its lock nearly always. */
static void looking_does_not_wait_for_a_vcpu(void **state)
{
	struct bench b;

	open_resetting(&b);
	pthread_mutex_lock(&b.dev->pci.lock);
	fake_trace_clear();
	alarm(10);
	b.dev->look_timer.handler(&b.dev->look_timer, EPOLLIN);
	alarm(0);
	assert_int_equal(fake_trace_count("timerfd_arm ns=50000000"), 1);
	assert_int_equal(fake_trace_count("pread"), 0);
	pthread_mutex_unlock(&b.dev->pci.lock);
	b.dev->look_timer.handler(&b.dev->look_timer, EPOLLIN);
	assert_int_equal(fake_trace_count("timerfd_arm ns=1000000000"), 1);
	assert_true(fake_trace_count("pread") > 0);
	bench_close(&b);
}

static void a_reset_after_an_error_does_not_wait_for_a_vcpu(void **state)
{
	unsigned resets;
	struct bench b;
	uint64_t at;

	open_resetting(&b);
	at = bar_at(&b, 0);
	resets = fake_pci_resets(BDF);
	pthread_mutex_lock(&b.dev->pci.lock);
	fake_trace_clear();
	assert_true(fake_pci_interrupt(BDF, VFIO_PCI_ERR_IRQ_INDEX, 0));
	alarm(10);
	bench_loop(&b);
	alarm(0);
	assert_int_equal(fake_trace_count("timerfd_arm ns=50000000"), 1);
	b.dev->look_timer.handler(&b.dev->look_timer, EPOLLIN);
	assert_int_equal(fake_trace_count("timerfd_arm ns=50000000"), 2);
	assert_false(b.dev->reset.busy);
	pthread_mutex_unlock(&b.dev->pci.lock);
	fake_resets_hold(true);
	b.dev->look_timer.handler(&b.dev->look_timer, EPOLLIN);
	assert_true(b.dev->reset.busy);
	fake_resets_hold(false);
	check_recovered(&b, at);
	assert_int_equal(fake_pci_resets(BDF), resets + 1);
	bench_close(&b);
}

/* VFIO-ERR-02, VFIO-IRQ-05, VFIO-ERR-05 */
static void on_request_report_only_says_so(void **state)
{
	struct bench b;

	fake_pci_add(&plain_function);
	bench_vm(&b);
	b.o.on_request = VFIO_ON_REQUEST_REPORT;
	MUST(bench_attach(&b, &why));
	MUST(bench_place(&b, &why));
	for (unsigned i = 0; i < 100; i++) {
		assert_true(fake_pci_interrupt(BDF, VFIO_PCI_REQ_IRQ_INDEX, 0));
		bench_loop(&b);
	}
	assert_int_equal(b.vm.stop.end, VM_RUNNING);
	assert_true(b.dev->req_limit.used <= LOG_LIMIT_BURST);
	bench_close(&b);
}

static const struct CMUnitTest both[] = {
	FAKE_TEST(unless_the_operator_accepts_it),
	FAKE_TEST(flr_in_any_width_resets_all_of_us),
	FAKE_TEST(flr_that_is_not_offered_is_a_plain_write),
	FAKE_TEST(our_side_is_reset_even_if_the_write_fails),
	FAKE_TEST(after_a_reset_the_function_works_again),
	FAKE_TEST(an_untouched_function_is_not_reset_again),
	FAKE_TEST(a_bus_reset_above_resets_the_function),
	FAKE_TEST(a_platform_reset_is_never_left_out),
	FAKE_TEST(a_platform_reset_is_for_suspects_too),
	FAKE_TEST(a_contended_reset_is_tried_again),
	FAKE_TEST(a_failed_reset_leaves_dma_off),
	FAKE_TEST(the_function_is_woken_before_a_reset),
	FAKE_TEST(pages_go_before_the_function_sleeps),
	FAKE_TEST(a_transition_that_is_ignored_shows_the_pages_again),
	FAKE_TEST(decode_lost_on_the_way_to_d0_is_noticed),
	FAKE_TEST(a_function_that_stays_silent_is_lost),
	FAKE_TEST(a_function_that_comes_back_is_well),
	FAKE_TEST(it_may_vanish_at_any_step),
	FAKE_TEST(an_error_report_resets_the_function),
	FAKE_TEST(one_that_cannot_be_reset_is_lost),
	FAKE_TEST(one_that_fails_again_and_again_is_lost),
	FAKE_TEST(now_and_then_is_not_again_and_again),
	FAKE_TEST(an_error_report_ends_the_vm),
	FAKE_TEST(an_error_report_does_not_wait_for_a_vcpu),
	FAKE_TEST(a_release_request_ends_the_vm),
	FAKE_TEST(a_release_request_does_not_wait_for_a_vcpu),
	FAKE_TEST(on_request_report_only_says_so),
};

static const struct CMUnitTest kernel_only[] = {
	FAKE_TEST(a_function_without_reset_is_refused),
	FAKE_TEST(a_silent_function_is_reset),
	FAKE_TEST(whoever_wants_to_stop_is_told_without_an_access),
	FAKE_TEST(looking_does_not_wait_for_a_vcpu),
	FAKE_TEST(a_reset_after_an_error_does_not_wait_for_a_vcpu),
};

/* VFIO-VU-01 */
BENCH_MAIN(both, kernel_only)

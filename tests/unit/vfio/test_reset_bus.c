/* Several functions on one bus: which reset they get, and what of it the guest
 * and the other functions notice. */
#include "tests/unit/vfio/bench.h"

#define SIBLING "0000:01:00.1"

enum { EXP = 0x70, MSIX = 0xb0 };

/* Both functions in one guest: in one slot, or the sibling in another. */
struct scene {
	struct bench b;
	struct vfio_options o;
	struct vfio_function f;
	struct vfio_device *sibling;
	struct pci_device *pci;
	struct pci_port port;
};

static int scene_attach(struct scene *s, struct err *e)
{
	int rc = vfio_function_find(SIBLING, &s->f, e);

	if (rc >= 0)
		rc = vfio_device_open(&s->b.vm, s->b.iommu, &s->f, &s->o,
				      &s->sibling, e);
	return rc < 0 ? rc : bench_attach(&s->b, e);
}

static void scene_place(struct scene *s, bool same_slot)
{
	s->pci = vfio_device_pci(s->sibling);
	if (!same_slot) {
		MUST(bench_place(&s->b, &why));
		pci_port_init(&s->port, 2);
		MUST(pci_host_add_port(&s->b.host, &s->port, 2 << 3, &why));
		pci_port_plug(&s->port, s->pci);
	} else {
		MUST(pci_host_open(&s->b.host, &s->b.vm, &bench_apertures,
				   &why));
		pci_port_init(&s->b.port, 1);
		MUST(pci_host_add_port(&s->b.host, &s->b.port, 1 << 3, &why));
		pci_port_plug(&s->b.port, s->b.pci);
		pci_port_plug_function(&s->b.port, s->pci, 1);
	}
	MUST(pci_host_assign(&s->b.host, &why));
	if (same_slot)
		MUST(vfio_device_wire(s->b.dev, &why));
	MUST(vfio_device_wire(s->sibling, &why));
}

/* @p: what both are like; @group of the sibling. */
static void scene_open(struct scene *s, const struct fake_pci *p, int group,
		       bool same_slot)
{
	struct fake_pci q = *p;

	memset(s, 0, sizeof(*s));
	fake_pci_add(&q);
	q.bdf = SIBLING;
	q.group = group;
	fake_pci_add(&q);
	bench_vm(&s->b);
	MUST(scene_attach(s, &why));
	scene_place(s, same_slot);
	fake_trace_clear();
}

static void scene_close(struct scene *s)
{
	vfio_device_close(s->sibling);
	if (s->port.dev.ops)
		pci_port_fini(&s->port);
	bench_close(&s->b);
}

/* A driver at work. */
static void use(struct scene *s, struct pci_device *p)
{
	pci_config_write(p, PCI_COMMAND, 2,
			 PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	pci_config_write(p, MSIX + 2, 2, PCI_MSIX_FLAGS_ENABLE);
	pci_host_settle(&s->b.host);
}

static void settle(struct scene *s)
{
	(void)vfio_reset_await(s->b.dev, NULL);
	(void)vfio_reset_await(s->sibling, NULL);
}

static void reset_slot(struct scene *s)
{
	pci_config_write(&s->b.port.dev, PCI_BRIDGE_CONTROL, 2,
			 PCI_BRIDGE_CTL_BUS_RESET);
	pci_config_write(&s->b.port.dev, PCI_BRIDGE_CONTROL, 2, 0);
	settle(s);
}

static unsigned hot_resets(void)
{
	return fake_trace_count("ioctl VFIO_DEVICE_PCI_HOT_RESET ");
}

static unsigned device_resets(void)
{
	return fake_trace_count("ioctl VFIO_DEVICE_RESET ");
}

static void check_like_new(const struct vfio_device *d)
{
	assert_memory_equal(d->pci.config, d->power_on, sizeof(d->power_on));
	assert_false(d->reset.busy);
	assert_int_equal(d->health, VFIO_OK);
	assert_int_equal(d->irqs.mode, VFIO_IRQ_INTX);
}

/* Without a reset of their own, and with the weak one. */
static struct fake_pci without_flr(bool no_reset)
{
	struct fake_pci p = plain_function;

	p.no_reset = no_reset;
	return p;
}

/* -------- which reset: VFIO-RST-02 -------- */

/* One row of the table: what @d is like, and what a reset from above does. */
struct row {
	const char *label;
	const char *methods; /* of sysfs: the kernel's order */
	bool no_reset, no_bus_reset, two, same_slot, sibling_used;
	unsigned by_itself, by_bus;
};

static const struct row rows[] = {
	{ .label = "FLR, alone", .methods = "flr bus", .by_itself = 1 },
	{ .label = "PM, alone: the bus", .methods = "pm bus", .by_bus = 1 },
	{ .label = "PM, no bus reset",
	  .methods = "pm",
	  .no_bus_reset = true,
	  .by_itself = 1 },
	{ .label = "nothing, alone: the bus", .no_reset = true, .by_bus = 1 },
	{ .label = "FLR, two in the slot: their bus, once",
	  .methods = "flr",
	  .two = true,
	  .same_slot = true,
	  .sibling_used = true,
	  .by_bus = 1 },
	{ .label = "nothing, two in the slot: their bus, once",
	  .no_reset = true,
	  .two = true,
	  .same_slot = true,
	  .sibling_used = true,
	  .by_bus = 1 },
	{ .label = "FLR, sibling in another slot",
	  .methods = "flr",
	  .two = true,
	  .sibling_used = true,
	  .by_itself = 1 },
	{ .label = "PM, sibling in another slot",
	  .methods = "pm",
	  .two = true,
	  .sibling_used = true,
	  .by_itself = 1 },
	{ .label = "nothing, idle sibling in another slot",
	  .no_reset = true,
	  .two = true,
	  .by_bus = 1 },
	{ .label = "nothing, sibling at work in another slot",
	  .no_reset = true,
	  .two = true,
	  .sibling_used = true },
};

static void play(const struct row *r)
{
	struct fake_pci p = without_flr(r->no_reset);
	struct scene s = { 0 };

	p.no_bus_reset = r->no_bus_reset;
	if (r->two)
		scene_open(&s, &p, 13, r->same_slot);
	else
		bench_open(&s.b, &p);
	snprintf(s.b.dev->host.reset_method, sizeof(s.b.dev->host.reset_method),
		 "%s", r->methods ? r->methods : "");
	use(&s, s.b.pci);
	if (r->sibling_used)
		use(&s, s.pci);
	fake_trace_clear();
	if (r->two)
		reset_slot(&s);
	else
		bench_reset(&s.b);
	if (device_resets() != r->by_itself || hot_resets() != r->by_bus)
		fail_msg("%u by itself, %u by its bus", device_resets(),
			 hot_resets());
	if (r->two)
		scene_close(&s);
	else
		bench_close(&s.b);
}

static void the_best_reset_comes_first(void **state)
{
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("%s\n", rows[i].label);
		fake_reset();
		play(&rows[i]);
	}
}

/* VFIO-RST-06: each that fails, and then the next */
static void a_reset_that_fails_is_followed_by_the_next(void **state)
{
	struct fake_pci p = plain_function;
	struct bench b;

	bench_open(&b, &p);
	decode_on(&b);
	fake_trace_clear();
	fake_fail_ioctl("VFIO_DEVICE_RESET", 0, EINVAL);
	bench_reset(&b);
	assert_int_equal(hot_resets(), 1);
	assert_int_equal(b.dev->health, VFIO_OK);
	bench_close(&b);
}

static void a_bus_reset_that_fails_leaves_each_its_own(void **state)
{
	struct scene s;

	scene_open(&s, &plain_function, 13, true);
	use(&s, s.b.pci);
	use(&s, s.pci);
	fake_trace_clear();
	fake_fail_ioctl("VFIO_DEVICE_PCI_HOT_RESET", 0, EINVAL);
	reset_slot(&s);
	assert_int_equal(device_resets(), 2);
	check_like_new(s.b.dev);
	check_like_new(s.sibling);
	scene_close(&s);
}

static void a_contended_bus_reset_is_tried_again(void **state)
{
	static const int errors[] = { EAGAIN, EBUSY };

	for (unsigned i = 0; i < ARRAY_LEN(errors); i++) {
		struct scene s;

		fake_reset();
		scene_open(&s, &plain_function, 12, true);
		use(&s, s.b.pci);
		fake_trace_clear();
		fake_fail_ioctl("VFIO_DEVICE_PCI_HOT_RESET", 1, errors[i]);
		reset_slot(&s);
		assert_int_equal(hot_resets(), 2);
		assert_int_equal(device_resets(), 0);
		scene_close(&s);
	}
}

/* -------- all of them are quiet: VFIO-RST-10 -------- */

/* The fake kernel insists on pages, decode and interrupts that are off. */
static void all_of_the_bus_is_quiet_and_comes_back(void **state)
{
	for (int group = 12; group <= 13; group++) {
		struct scene s;

		fake_reset();
		scene_open(&s, &plain_function, group, true);
		for (unsigned i = 0; i < 20; i++) {
			use(&s, s.b.pci);
			use(&s, s.pci);
			fake_trace_clear();
			reset_slot(&s);
			assert_int_equal(hot_resets(), 1);
			check_like_new(s.b.dev);
			check_like_new(s.sibling);
			MUST(pci_host_assign(&s.b.host, &why));
		}
		scene_close(&s);
	}
}

static void an_idle_sibling_is_taken_along(void **state)
{
	struct fake_pci p = without_flr(true);
	struct scene s;
	uint64_t at;

	scene_open(&s, &p, 13, false);
	use(&s, s.b.pci);
	at = pci_bar_address(s.pci, 0);
	assert_true(at != 0);
	reset_slot(&s);
	assert_int_equal(hot_resets(), 1);
	/* it keeps the addresses that the guest will not give again */
	assert_true(pci_bar_address(s.pci, 0) == at);
	pci_bar_assign(s.pci, 0, 0);
	check_like_new(s.sibling);
	scene_close(&s);
}

static void a_sibling_at_work_is_left_alone(void **state)
{
	struct fake_pci p = without_flr(true);
	struct scene s;

	scene_open(&s, &p, 13, false);
	use(&s, s.b.pci);
	use(&s, s.pci);
	reset_slot(&s);
	assert_int_equal(hot_resets(), 0);
	assert_non_null(fake_kvm_slot_at(pci_bar_address(s.pci, 0)));
	assert_int_equal(s.sibling->irqs.mode, VFIO_IRQ_MSIX);
	/* what was asked for is quiet at least */
	assert_int_equal(le16_load(fake_pci_hw_config(BDF) + 4) & 7, 0);
	assert_non_null(strstr(s.b.dev->reset.err.text, SIBLING));
	scene_close(&s);
}

/* Two workers want the same functions. */
static void requests_for_both_are_one_reset_or_two_in_turn(void **state)
{
	struct fake_pci p = without_flr(true);
	struct scene s;

	scene_open(&s, &p, 13, true);
	for (unsigned i = 0; i < 50; i++) {
		use(&s, s.b.pci);
		use(&s, s.pci);
		fake_trace_clear();
		reset_slot(&s);
		assert_int_equal(hot_resets(), 1);
		check_like_new(s.b.dev);
		check_like_new(s.sibling);
	}
	scene_close(&s);
}

/* -------- start, and reset of the machine -------- */

/* VFIO-RST-05: opening could not reset it, so the bus is reset once */
static void a_bus_is_reset_at_start(void **state)
{
	struct fake_pci p = without_flr(true);
	struct scene s = { 0 };

	fake_pci_add(&p);
	p.bdf = SIBLING;
	fake_pci_add(&p);
	bench_vm(&s.b);
	MUST(scene_attach(&s, &why));
	assert_int_equal(hot_resets(), 1);
	assert_int_equal(fake_pci_resets(BDF), 1);
	assert_int_equal(fake_pci_resets(SIBLING), 1);
	scene_close(&s);
}

static void a_bus_reset_that_fails_at_start_says_what_helps(void **state)
{
	for (unsigned accepted = 0; accepted < 2; accepted++) {
		struct fake_pci p = without_flr(true);
		struct err e = ERR_NONE;
		struct bench b;

		fake_reset();
		fake_pci_add(&p);
		bench_vm(&b);
		b.o.allow_no_reset = accepted;
		fake_fail_ioctl("VFIO_DEVICE_PCI_HOT_RESET", 0, EPERM);
		assert_int_equal(bench_attach(&b, &e) >= 0, accepted);
		if (!accepted) {
			assert_non_null(
				strstr(e.text, "its bus cannot be reset"));
			assert_non_null(strstr(e.hint, "--vfio " BDF
						       ",allow-no-reset"));
		}
		fake_fail_none();
		bench_close(&b);
	}
}

/* VFIO-RST-09: names who is in the way */
static void a_set_that_is_not_ours_is_refused(void **state)
{
	struct fake_pci p = without_flr(true);
	struct err e = ERR_NONE;
	struct bench b;

	fake_pci_add(&p);
	p.bdf = SIBLING;
	p.group = 13;
	p.driver = "e1000";
	fake_pci_add(&p);
	bench_vm(&b);
	assert_int_equal(bench_attach(&b, &e), -ENOTSUP);
	assert_non_null(strstr(e.text, SIBLING " (driver e1000)"));
	assert_non_null(strstr(e.hint, "give this VM all functions"));
	bench_close(&b);
}

/* VFIO-RST-09: then the function's own reset is all there is */
static void a_foreign_sibling_is_never_hit(void **state)
{
	struct fake_pci p = plain_function;
	struct err e = ERR_NONE;
	struct bench b;

	p.bdf = SIBLING;
	p.group = 13;
	p.driver = "e1000";
	fake_pci_add(&p);
	bench_open(&b, &plain_function);
	decode_on(&b);
	assert_int_equal(bench_reset_all(b.iommu, &e), 0);
	bench_port_write(&b, PCI_BRIDGE_CTL_BUS_RESET);
	bench_port_write(&b, 0);
	assert_int_equal(hot_resets(), 0);
	assert_int_equal(fake_pci_resets(SIBLING), 0);
	bench_close(&b);
}

static void a_machine_reset_takes_the_bus(void **state)
{
	struct err e = ERR_NONE;
	struct scene s;

	scene_open(&s, &plain_function, 13, false);
	use(&s, s.b.pci);
	use(&s, s.pci);
	fake_trace_clear();
	assert_int_equal(bench_reset_all(s.b.iommu, &e), 0);
	assert_int_equal(hot_resets(), 1);
	assert_int_equal(device_resets(), 0);
	check_like_new(s.b.dev);
	check_like_new(s.sibling);
	fake_fail_ioctl("VFIO_DEVICE_PCI_HOT_RESET", 0, EINVAL);
	fake_fail_ioctl("VFIO_DEVICE_RESET", 0, ENOTTY);
	assert_true(bench_reset_all(s.b.iommu, &e) < 0);
	assert_non_null(strstr(e.text, "0000:01:00."));
	scene_close(&s);
}

/* -------- nobody waits: VFIO-RST-07 -------- */

static void a_slow_reset_holds_up_nobody(void **state)
{
	struct scene s;
	uint64_t at;

	scene_open(&s, &plain_function, 13, false);
	use(&s, s.b.pci);
	use(&s, s.pci);
	at = pci_bar_address(s.b.pci, 0);
	fake_resets_hold(true);
	/* these come back at once, or the test hangs */
	pci_config_write(s.b.pci, EXP + PCI_EXP_DEVCTL, 2,
			 PCI_EXP_DEVCTL_BCR_FLR);
	assert_true(s.b.dev->reset.busy);
	assert_int_equal(pci_config_read(s.b.pci, PCI_VENDOR_ID, 4),
			 UINT32_MAX);
	assert_int_equal(pci_config_read(s.b.pci, PCI_COMMAND, 2), 0xffff);
	pci_config_write(s.b.pci, PCI_COMMAND, 2, 7);
	assert_true(bus_read(&s.b.vm.mmio, at, 4) == UINT32_MAX);
	assert_null(fake_kvm_slot_at(at));
	/* the sibling works on */
	assert_int_equal(pci_config_read(s.pci, PCI_VENDOR_ID, 2), 0x1b36);
	assert_true(fake_pci_interrupt(SIBLING, VFIO_PCI_INTX_IRQ_INDEX, 0) ==
		    false);
	bench_loop(&s.b);
	fake_resets_hold(false);
	settle(&s);
	check_like_new(s.b.dev);
	scene_close(&s);
}

/* VFIO-ERR-07: what is asked for during a reset is the same reset */
static void requests_during_a_reset_are_one(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	decode_on(&b);
	fake_trace_clear();
	fake_resets_hold(true);
	for (unsigned i = 0; i < 100; i++) {
		pci_config_write(b.pci, EXP + PCI_EXP_DEVCTL, 2,
				 PCI_EXP_DEVCTL_BCR_FLR);
		pci_config_write(&b.port.dev, PCI_BRIDGE_CONTROL, 2,
				 PCI_BRIDGE_CTL_BUS_RESET);
		pci_config_write(&b.port.dev, PCI_BRIDGE_CONTROL, 2, 0);
	}
	fake_resets_hold(false);
	(void)vfio_reset_await(b.dev, NULL);
	assert_int_equal(device_resets(), 1);
	check_like_new(b.dev);
	bench_close(&b);
}

/* VFIO-ERR-07 */
static void resets_keep_their_distance(void **state)
{
	struct bench b;
	uint64_t start;

	bench_open(&b, &plain_function);
	cfg_write(&b, EXP + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	start = sys_now_ns();
	for (unsigned i = 0; i < 20; i++)
		cfg_write(&b, EXP + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	assert_true(sys_now_ns() - start >= 20 * UINT64_C(95000000));
	bench_close(&b);
}

static void a_vm_that_ends_waits_for_the_worker(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	pci_config_write(b.pci, EXP + PCI_EXP_DEVCTL, 2,
			 PCI_EXP_DEVCTL_BCR_FLR);
	bench_close(&b);
}

/* -------- is it well afterwards? VFIO-RST-12 -------- */

static void a_function_may_need_a_moment_to_wake(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	decode_on(&b);
	fake_pci_after_reset(BDF, 30, 0);
	bench_reset(&b);
	assert_int_equal(b.dev->health, VFIO_OK);
	assert_int_equal(cfg_read(&b, PCI_VENDOR_ID, 2), 0x1b36);
	check_like_new(b.dev);
	bench_close(&b);
}

static void one_that_does_not_wake_is_lost(void **state)
{
	struct bench b;
	uint64_t start;

	bench_open(&b, &plain_function);
	decode_on(&b);
	fake_pci_after_reset(BDF, UINT32_MAX, 0);
	start = sys_now_ns();
	bench_reset(&b);
	assert_in_range((sys_now_ns() - start) / 1000000, 900, 10000);
	assert_int_equal(b.dev->health, VFIO_LOST);
	assert_int_equal(cfg_read(&b, PCI_VENDOR_ID, 4), UINT32_MAX);
	assert_int_equal(fake_pci_vectors(BDF, VFIO_PCI_INTX_IRQ_INDEX), 0);
	assert_non_null(strstr(b.dev->reset.err.text, "after its reset"));
	bench_close(&b);
}

static void one_that_stopped_being_itself_is_lost(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	decode_on(&b);
	fake_pci_after_reset(BDF, 0, 0x4711);
	bench_reset(&b);
	assert_int_equal(b.dev->health, VFIO_LOST);
	assert_string_equal(b.dev->reset.err.text,
			    "the function is 1b36:4711 after its reset");
	bench_close(&b);
}

static void one_without_its_msix_is_lost(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	decode_on(&b);
	fake_pci_hw_config(BDF)[MSIX] = PCI_CAP_ID_VNDR;
	bench_reset(&b);
	assert_int_equal(b.dev->health, VFIO_LOST);
	bench_close(&b);
}

static const struct CMUnitTest tests[] = {
	FAKE_TEST(the_best_reset_comes_first),
	FAKE_TEST(a_reset_that_fails_is_followed_by_the_next),
	FAKE_TEST(a_bus_reset_that_fails_leaves_each_its_own),
	FAKE_TEST(a_contended_bus_reset_is_tried_again),
	FAKE_TEST(all_of_the_bus_is_quiet_and_comes_back),
	FAKE_TEST(an_idle_sibling_is_taken_along),
	FAKE_TEST(a_sibling_at_work_is_left_alone),
	FAKE_TEST(requests_for_both_are_one_reset_or_two_in_turn),
	FAKE_TEST(a_bus_is_reset_at_start),
	FAKE_TEST(a_bus_reset_that_fails_at_start_says_what_helps),
	FAKE_TEST(a_set_that_is_not_ours_is_refused),
	FAKE_TEST(a_foreign_sibling_is_never_hit),
	FAKE_TEST(a_machine_reset_takes_the_bus),
	FAKE_TEST(a_slow_reset_holds_up_nobody),
	FAKE_TEST(requests_during_a_reset_are_one),
	FAKE_TEST(resets_keep_their_distance),
	FAKE_TEST(a_vm_that_ends_waits_for_the_worker),
	FAKE_TEST(a_function_may_need_a_moment_to_wake),
	FAKE_TEST(one_that_does_not_wake_is_lost),
	FAKE_TEST(one_that_stopped_being_itself_is_lost),
	FAKE_TEST(one_without_its_msix_is_lost),
};

int main(void)
{
	int rc = cmocka_run_group_tests_name("group", tests, NULL, NULL);

	bench_iommufd = true;
	return rc + cmocka_run_group_tests_name("iommufd", tests, NULL, NULL);
}

/* low-power=on: in D3hot the host may cut the function's power. */
#include "tests/unit/vfio/bench.h"

enum { PM = 0x40 };

static void sleeper(struct bench *b)
{
	fake_pci_add(&plain_function);
	fake_low_power();
	bench_vm(b);
	b->o.low_power = true;
	MUST(bench_attach(b, &why));
	MUST(bench_place(b, &why));
	decode_on(b);
}

static unsigned accesses(void)
{
	return fake_trace_count("pread device") +
	       fake_trace_count("pwrite device");
}

static void without_the_option_it_stays_awake(void **state)
{
	struct bench b;

	fake_low_power();
	bench_open(&b, &plain_function);
	decode_on(&b);
	cfg_write(&b, PM + 4, 2, 3);
	assert_false(fake_pci_sleeps(BDF));
	assert_int_equal(fake_trace_count("VFIO_DEVICE_FEATURE"), 0);
	bench_close(&b);
}

/* The fake complains about pages that are still shown. VFIO-PM-04 */
static void it_sleeps_in_d3hot_and_no_other_state(void **state)
{
	struct bench b;

	sleeper(&b);
	for (unsigned s = 0; s < 3; s++) {
		cfg_write(&b, PM + 4, 2, s);
		assert_false(fake_pci_sleeps(BDF));
	}
	cfg_write(&b, PM + 4, 2, 0);
	assert_non_null(fake_kvm_slot_at(bar_at(&b, 0)));
	fake_trace_clear();
	cfg_write(&b, PM + 4, 2, 3);
	assert_true(fake_pci_sleeps(BDF));
	assert_true(fake_trace_has_in_order("KVM_SET_USER_MEMORY_REGION",
					    "region=7 off=0x44 len=1 value=0x3",
					    "VFIO_DEVICE_FEATURE"));
	bench_close(&b);
}

/* VFIO-PM-04 */
static void reads_do_not_wake_it(void **state)
{
	struct bench b;
	uint32_t id, command;

	sleeper(&b);
	id = cfg_read(&b, PCI_VENDOR_ID, 4);
	command = cfg_read(&b, PCI_COMMAND, 2);
	cfg_write(&b, PM + 4, 2, 3);
	fake_trace_clear();
	assert_int_equal(cfg_read(&b, PCI_VENDOR_ID, 4), id);
	assert_int_equal(cfg_read(&b, PCI_COMMAND, 2), command);
	/* the hardware is in D0 or D3cold now; the guest put it into D3hot */
	assert_int_equal(cfg_read(&b, PM + 4, 2) & 3, 3);
	for (unsigned off = 0; off < PCIE_CONFIG_SIZE; off += 4)
		(void)cfg_read(&b, off, 4);
	assert_int_equal(accesses(), 0);
	assert_true(fake_pci_sleeps(BDF));
	/* in D3hot nothing decodes, so this does not reach it either */
	(void)pci_bar_address(b.pci, 0);
	bench_close(&b);
}

/* VFIO-PM-04 */
static void d0_wakes_it_first_and_shows_its_pages_last(void **state)
{
	struct bench b;

	sleeper(&b);
	cfg_write(&b, PM + 4, 2, 3);
	fake_trace_clear();
	cfg_write(&b, PM + 4, 2, 0);
	assert_false(fake_pci_sleeps(BDF));
	assert_true(fake_trace_has_in_order("VFIO_DEVICE_FEATURE",
					    "region=7 off=0x44 len=1 value=0x3",
					    "region=7 off=0x44 len=1 value=0",
					    "KVM_SET_USER_MEMORY_REGION"));
	assert_int_equal(cfg_read(&b, PM + 4, 2) & 3, 0);
	assert_non_null(fake_kvm_slot_at(bar_at(&b, 0)));
	bench_close(&b);
}

/* VFIO-PM-04 */
static void another_write_wakes_it_into_d3hot(void **state)
{
	struct bench b;

	sleeper(&b);
	cfg_write(&b, PM + 4, 2, 3);
	fake_trace_clear();
	cfg_write(&b, 0x70 + PCI_EXP_DEVCTL, 2, 0);
	assert_true(fake_trace_has_in_order("VFIO_DEVICE_FEATURE",
					    "region=7 off=0x44 len=1 value=0x3",
					    "region=7 off=0x78"));
	assert_false(fake_pci_sleeps(BDF));
	assert_int_equal(cfg_read(&b, PM + 4, 2) & 3, 3);
	assert_null(fake_kvm_slot_at(bar_at(&b, 0)));
	/* asleep again when the guest says so again */
	cfg_write(&b, PM + 4, 2, 3);
	assert_true(fake_pci_sleeps(BDF));
	bench_close(&b);
}

static void a_reset_finds_it_awake(void **state)
{
	struct bench b;

	sleeper(&b);
	cfg_write(&b, PM + 4, 2, 3);
	fake_trace_clear();
	bench_port_write(&b, PCI_BRIDGE_CTL_BUS_RESET);
	assert_true(fake_trace_has_in_order("VFIO_DEVICE_FEATURE",
					    "VFIO_DEVICE_RESET"));
	assert_false(fake_pci_sleeps(BDF));
	assert_true(b.pci->powered);
	bench_close(&b);
}

static void a_sleeping_function_can_be_closed(void **state)
{
	struct bench b;

	sleeper(&b);
	cfg_write(&b, PM + 4, 2, 3);
	bench_close(&b);
	assert_false(fake_pci_sleeps(BDF));
}

/* A kernel before 6.1; a function without power management; a server.
 * VFIO-PM-04 */
static void where_it_cannot_be_nothing_changes(void **state)
{
	struct fake_pci p = plain_function;

	for (unsigned has_pm = 0; has_pm < 2; has_pm++) {
		struct bench b;

		fake_reset();
		p.pm_at = has_pm ? PM : 0;
		fake_pci_add(&p);
		if (!has_pm)
			fake_low_power();
		bench_vm(&b);
		b.o.low_power = true;
		MUST(bench_attach(&b, &why));
		MUST(bench_place(&b, &why));
		decode_on(&b);
		if (has_pm)
			cfg_write(&b, PM + 4, 2, 3);
		assert_int_equal(fake_trace_count("VFIO_DEVICE_FEATURE"),
				 has_pm && !bench_user);
		assert_false(b.dev->asleep);
		bench_close(&b);
	}
}

static void what_fails_leaves_it_awake(void **state)
{
	static const char *const calls[] = {
		"ioctl VFIO_DEVICE_FEATURE",
		"pread device " BDF " region=7 off=0 len=4096",
	};

	for (unsigned i = 0; i < ARRAY_LEN(calls); i++) {
		struct bench b;

		fake_reset();
		sleeper(&b);
		fake_fail_call(calls[i], 1, EIO);
		cfg_write(&b, PM + 4, 2, 3);
		assert_false(b.dev->asleep);
		assert_false(fake_pci_sleeps(BDF));
		assert_int_equal(cfg_read(&b, PM + 4, 2) & 3, 3);
		cfg_write(&b, PM + 4, 2, 0);
		assert_non_null(fake_kvm_slot_at(bar_at(&b, 0)));
		bench_close(&b);
	}
}

/* The kernel does not take its leave back: we go on as if it had, and each
 * access wakes the function anyway. */
static void a_wake_that_fails_is_no_end(void **state)
{
	struct bench b;

	sleeper(&b);
	cfg_write(&b, PM + 4, 2, 3);
	fake_fail_ioctl("VFIO_DEVICE_FEATURE", 1, EIO);
	cfg_write(&b, PM + 4, 2, 0);
	assert_false(b.dev->asleep);
	assert_int_equal(cfg_read(&b, PM + 4, 2) & 3, 0);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest any[] = {
		FAKE_TEST(where_it_cannot_be_nothing_changes),
	};
	const struct CMUnitTest kernel[] = {
		FAKE_TEST(without_the_option_it_stays_awake),
		FAKE_TEST(it_sleeps_in_d3hot_and_no_other_state),
		FAKE_TEST(reads_do_not_wake_it),
		FAKE_TEST(d0_wakes_it_first_and_shows_its_pages_last),
		FAKE_TEST(another_write_wakes_it_into_d3hot),
		FAKE_TEST(a_reset_finds_it_awake),
		FAKE_TEST(a_sleeping_function_can_be_closed),
		FAKE_TEST(what_fails_leaves_it_awake),
		FAKE_TEST(a_wake_that_fails_is_no_end),
	};
	int rc = cmocka_run_group_tests_name("group", any, NULL, NULL);

	rc += cmocka_run_group_tests_name("group only", kernel, NULL, NULL);
	bench_iommufd = true;
	rc += cmocka_run_group_tests_name("iommufd", any, NULL, NULL);
	rc += cmocka_run_group_tests_name("iommufd only", kernel, NULL, NULL);
	bench_iommufd = false;
	bench_user = &bench_server;
	rc += cmocka_run_group_tests_name("vfio-user", any, NULL, NULL);
	return rc;
}

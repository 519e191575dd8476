/* Opening and closing an assigned function as a whole. */
#include "tests/unit/vfio/hostile.h"

static struct fake_pci function_with_everything(void)
{
	struct fake_pci p = plain_function;

	p.bar[2] = (struct fake_bar){ .size = 0x20, .io = true };
	p.bar[3] = (struct fake_bar){ .size = 0x100000 };
	return p;
}

static void decode_is_off_until_the_guest_says_so(void **state)
{
	struct bench b;

	fake_pci_add(&plain_function);
	fake_pci_hw_config(BDF)[PCI_COMMAND] = 7;
	bench_open(&b, NULL);
	assert_int_equal(le16_load(fake_pci_hw_config(BDF) + 4) & 7, 0);
	assert_int_equal(cfg_read(&b, PCI_COMMAND, 2) & 7, 0);
	assert_int_equal(fake_kvm_slots(), 1);
	bench_close(&b);
}

/* VFIO-RST-05: the open was a reset already. VFIO-RST-05 */
static void opening_resets_no_second_time(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	assert_int_equal(fake_trace_count("VFIO_DEVICE_RESET"), 0);
	bench_close(&b);
}

/* VFIO-OPEN-19 */
static void the_way_down_is_in_the_kernels_order(void **state)
{
	struct fake_pci p = function_with_everything();
	struct bench b;

	bench_open(&b, &p);
	decode_on(&b);
	cfg_write(&b, 0xb2, 2, PCI_MSIX_FLAGS_ENABLE);
	fake_trace_clear();
	bench_close(&b);
	assert_true(fake_trace_has_in_order(
		"index=2 start=0 count=0 trigger none",
		"KVM_SET_USER_MEMORY_REGION", "munmap", "close device " BDF,
		"KVM_SET_DEVICE_ATTR"));
	if (bench_iommufd)
		assert_true(fake_trace_has_in_order(
			"KVM_SET_DEVICE_ATTR", "close device " BDF,
			"IOMMU_DESTROY", "close iommufd"));
	else
		assert_true(fake_trace_has_in_order(
			"KVM_SET_DEVICE_ATTR", "VFIO_GROUP_UNSET_CONTAINER",
			"close group 12", "close container"));
}

static void intx_is_off_before_the_device_is_closed(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	fake_trace_clear();
	bench_close(&b);
	assert_true(fake_trace_has_in_order(
		"index=0 start=0 count=1 mask", "KVM_IRQFD",
		"index=0 start=0 count=0 trigger none", "close device " BDF));
}

/* VFIO-OPEN-20 is the seam's: everything is opened close-on-exec. */

static void closing_nothing_is_fine(void **state)
{
	vfio_device_close(NULL);
}

static void the_function_can_be_opened_again_and_again(void **state)
{
	struct bench b;

	fake_pci_add(&plain_function);
	bench_vm(&b);
	for (unsigned i = 0; i < 200; i++) {
		MUST(bench_attach(&b, &why));
		vfio_device_close(b.dev);
		assert_false(fake_pci_is_open(BDF));
	}
	b.dev = NULL;
	bench_close(&b);
}

static void opening_costs_few_calls(void **state)
{
	unsigned calls;
	struct bench b;

	fake_pci_add(&plain_function);
	bench_vm(&b);
	calls = fake_calls();
	MUST(bench_attach(&b, &why));
	MUST(bench_place(&b, &why));
	calls = fake_calls() - calls;
	print_message("%u calls to open one function\n", calls);
	assert_true(calls <= 60);
	bench_close(&b);
}

/* The way is the same each time, so a sweep sees each call fail once. */
static void opening_unwinds_from_everywhere(void **state)
{
	struct fake_pci p = function_with_everything();
	struct bench b;

	fake_pci_add(&p);
	bench_vm(&b);
	MUST(bench_sweep_open(&b, &why)); /* KVM's VFIO device stays */
	bench_sweep_close(&b);
	fake_mark();
	assert_true(fake_sweep(bench_sweep_open, bench_sweep_close, &b,
			       bench_name()) >= 20);
	bench_close(&b);
}

static int wire_open(void *arg, struct err *e)
{
	struct bench *b = arg;
	int rc;

	b->dev = NULL;
	memset(&b->host, 0, sizeof(b->host));
	memset(&b->port, 0, sizeof(b->port));
	rc = bench_attach(b, e);
	if (rc >= 0)
		rc = bench_place(b, e);
	return rc;
}

static void wire_close(void *arg)
{
	struct bench *b = arg;

	vfio_device_close(b->dev);
	b->dev = NULL;
	if (b->port.dev.ops)
		pci_port_fini(&b->port);
	memset(&b->port, 0, sizeof(b->port));
	pci_host_close(&b->host);
}

/* As above, and a failure may leave an open device that close takes along. */
static void wiring_fails_cleanly_at_every_call(void **state)
{
	struct fake_pci p = function_with_everything();
	unsigned n = 0;
	struct bench b;
	int rc;

	fake_pci_add(&p);
	bench_vm(&b);
	MUST(wire_open(&b, &why));
	wire_close(&b);
	fake_mark();
	do {
		struct err e = ERR_NONE;
		unsigned before = fake_calls();

		fake_fail_at(++n, EIO);
		rc = wire_open(&b, &e);
		fake_fail_none();
		if (rc < 0)
			assert_true(e.text[0] != '\0');
		wire_close(&b);
		if (fake_leaks())
			fail_msg("call %u: %s", n, fake_leaks());
		assert_false(fake_pci_is_open(BDF));
		if (fake_calls() - before < n)
			break;
	} while (n < 1000);
	assert_in_range(n, 40, 999);
	bench_close(&b);
}

static void two_functions_in_two_ports_both_work(void **state)
{
	static const struct fake_user other = { .path = "/run/other",
						.bdf = "0000:02:00.0" };
	struct fake_pci p = plain_function;
	struct vfio_device *two;
	struct vfio_function f;
	struct pci_port port;
	struct bench b;

	p.bdf = "0000:02:00.0";
	p.group = 13;
	fake_pci_add(&p);
	fake_pci_add(&plain_function);
	bench_vm(&b);
	MUST(bench_attach(&b, &why));
	if (bench_user) {
		fake_user_add(&other);
		MUST(vfio_user_function(other.path, &f, &why));
	} else {
		MUST(vfio_function_find(p.bdf, &f, &why));
	}
	MUST(vfio_device_open(&b.vm, b.iommu, &f, &b.o, &two, &why));
	MUST(pci_host_open(&b.host, &b.vm, &bench_apertures, &why));
	pci_port_init(&b.port, 1);
	pci_port_init(&port, 2);
	MUST(pci_host_add_port(&b.host, &b.port, 1 << 3, &why));
	MUST(pci_host_add_port(&b.host, &port, 2 << 3, &why));
	pci_port_plug(&b.port, b.pci);
	pci_port_plug(&port, vfio_device_pci(two));
	MUST(pci_host_assign(&b.host, &why));
	MUST(vfio_device_wire(b.dev, &why));
	MUST(vfio_device_wire(two, &why));
	decode_on(&b);
	pci_config_write(vfio_device_pci(two), PCI_COMMAND, 2, 6);
	assert_non_null(fake_kvm_slot_at(bar_at(&b, 0)));
	assert_non_null(
		fake_kvm_slot_at(pci_bar_address(vfio_device_pci(two), 0)));
	assert_true(fake_pci_interrupt(p.bdf, 0, 0));
	assert_true(fake_pci_interrupt(BDF, 0, 0));
	vfio_device_close(two);
	pci_port_fini(&port);
	bench_close(&b);
}

/* VFIO-CFG-08: in the guest's topology, whatever the host's device is, and
 * through resets. */
static void functions_of_one_slot_stay_one_device(void **state)
{
	struct fake_pci p = plain_function;
	struct vfio_device *two;
	struct vfio_function f;
	struct pci_device *second;
	struct bench b;
	uint64_t at;

	p.bdf = "0000:02:00.0";
	p.group = 13;
	p.header_type = 0x80;
	fake_pci_add(&p);
	fake_pci_add(&plain_function);
	bench_vm(&b);
	MUST(bench_attach(&b, &why));
	if (bench_user) {
		fake_user_add(&(struct fake_user){ .path = "/run/other",
						   .bdf = p.bdf });
		MUST(vfio_user_function("/run/other", &f, &why));
	} else {
		MUST(vfio_function_find(p.bdf, &f, &why));
	}
	MUST(vfio_device_open(&b.vm, b.iommu, &f, &b.o, &two, &why));
	second = vfio_device_pci(two);
	assert_int_equal(pci_config_read(second, PCI_HEADER_TYPE, 1), 0);
	MUST(pci_host_open(&b.host, &b.vm, &bench_apertures, &why));
	pci_port_init(&b.port, 1);
	MUST(pci_host_add_port(&b.host, &b.port, 1 << 3, &why));
	pci_port_plug_function(&b.port, b.pci, 0);
	pci_port_plug_function(&b.port, second, 3);
	MUST(pci_host_assign(&b.host, &why));
	MUST(vfio_device_wire(b.dev, &why));
	MUST(vfio_device_wire(two, &why));
	decode_on(&b);
	pci_config_write(second, PCI_COMMAND, 2, 6);
	at = bar_at(&b, 0);
	assert_non_null(fake_kvm_slot_at(at));
	assert_non_null(fake_kvm_slot_at(pci_bar_address(second, 0)));
	/* by function level reset, then by the bus */
	pci_config_write(second, 0x70 + PCI_EXP_DEVCTL, 2,
			 PCI_EXP_DEVCTL_BCR_FLR);
	MUST(vfio_reset_await(two, &why));
	assert_non_null(fake_kvm_slot_at(at));
	assert_int_equal(pci_config_read(second, PCI_HEADER_TYPE, 1), 0x80);
	bench_port_write(&b, PCI_BRIDGE_CTL_BUS_RESET);
	assert_null(fake_kvm_slot_at(at));
	bench_port_write(&b, 0);
	MUST(vfio_reset_await(two, &why));
	assert_int_equal(cfg_read(&b, PCI_HEADER_TYPE, 1), 0x80);
	assert_int_equal(pci_config_read(second, PCI_HEADER_TYPE, 1), 0x80);
	vfio_device_close(two);
	bench_close(&b);
}

/* VFIO-CFG-26, in small; the fuzzer goes on from here */
static void random_accesses_leave_nothing_behind(void **state)
{
	uint64_t seed = 1;

	for (unsigned round = 0; round < 40; round++) {
		uint8_t data[4096];
		struct hostile h = { data, data + sizeof(data) };
		struct bench b;

		hostile_random(data, sizeof(data), &seed);
		fake_reset();
		hostile_open(&b, round % 2 != 0);
		while (h.at < h.end)
			hostile_step(&b, &h);
		hostile_check(&b);
		bench_close(&b);
		if (fake_leaks())
			fail_msg("round %u: %s", round, fake_leaks());
	}
}

static const struct CMUnitTest both[] = {
	FAKE_TEST(decode_is_off_until_the_guest_says_so),
	FAKE_TEST(intx_is_off_before_the_device_is_closed),
	FAKE_TEST(closing_nothing_is_fine),
	FAKE_TEST(the_function_can_be_opened_again_and_again),
	FAKE_TEST(opening_unwinds_from_everywhere),
	FAKE_TEST(wiring_fails_cleanly_at_every_call),
	FAKE_TEST(two_functions_in_two_ports_both_work),
	FAKE_TEST(functions_of_one_slot_stay_one_device),
	FAKE_TEST(random_accesses_leave_nothing_behind),
};

static const struct CMUnitTest kernel_only[] = {
	FAKE_TEST(opening_resets_no_second_time),
	FAKE_TEST(the_way_down_is_in_the_kernels_order),
	FAKE_TEST(opening_costs_few_calls),
};

BENCH_MAIN(both, kernel_only)

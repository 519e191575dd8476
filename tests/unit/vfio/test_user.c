/* An assigned function behind vfio-user as a whole: what no kernel does for it,
 * what happens when its server dies, options. VFIO-VU-01, -11. */
#include "tests/unit/vfio/bench.h"

static struct fake_user server;

static void open_user(struct bench *b, const struct fake_pci *p)
{
	if (p)
		fake_pci_add(p);
	bench_vm(b);
	MUST(bench_attach(b, &why));
	MUST(bench_place(b, &why));
}

static int setup(void **state)
{
	server = bench_server;
	bench_user = &server;
	return fake_setup(state);
}

#define USER_TEST(f) cmocka_unit_test_setup_teardown(f, setup, fake_teardown)

/* -------- without a kernel -------- */

static void opening_resets_since_nobody_else_did(void **state)
{
	struct bench b;

	fake_pci_add(&plain_function);
	fake_pci_hw_config(BDF)[PCI_COMMAND] = 7;
	open_user(&b, NULL);
	assert_true(fake_trace_has_in_order("connect " SOCKET,
					    "VFIO_DEVICE_RESET",
					    "pread device " BDF " region=7"));
	assert_int_equal(fake_pci_resets(BDF), 1);
	bench_close(&b);
}

static void a_failing_reset_at_open_is_said(void **state)
{
	struct bench b;

	fake_pci_add(&plain_function);
	bench_vm(&b);
	fake_fail_ioctl("VFIO_DEVICE_RESET", 1, EIO);
	MUST(bench_attach(&b, &why));
	bench_close(&b);
}

static void without_a_reset_message_the_register_does_it(void **state)
{
	struct fake_pci p = plain_function;
	struct bench b;

	p.no_reset = true;
	open_user(&b, &p);
	decode_on(&b);
	fake_trace_clear();
	bench_reset(&b);
	assert_int_equal(fake_trace_count("VFIO_DEVICE_RESET"), 0);
	assert_int_equal(fake_trace_count("pwrite device " BDF
					  " region=7 off=0x78 len=2"),
			 1);
	assert_int_equal(fake_pci_resets(BDF), 1);
	assert_int_equal(le16_load(fake_pci_hw_config(BDF) + 4) & 7, 0);
	bench_close(&b);
}

static void without_any_reset_it_is_refused(void **state)
{
	struct fake_pci p = plain_function;
	struct err e = ERR_NONE;
	struct bench b;

	p.no_reset = true;
	p.express_at = 0;
	fake_pci_add(&p);
	bench_vm(&b);
	assert_int_equal(bench_attach(&b, &e), -ENOTSUP);
	assert_string_equal(e.hint, "accept that with --vfio-user " SOCKET
				    ",allow-no-reset");
	bench_close(&b);
}

/* The fake hardware sends no message unless its own bit is set. */
static void the_enable_bits_reach_the_hardware(void **state)
{
	struct bench b;
	uint64_t at;
	uint8_t *hw;

	open_user(&b, &plain_function);
	hw = fake_pci_hw_config(BDF);
	decode_on(&b);
	cfg_write(&b, 0xb2, 2, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	assert_int_equal(hw[0xb3], 0x80); /* masking is ours */
	cfg_write(&b, 0xb2, 2, PCI_MSIX_FLAGS_ENABLE);
	at = bar_at(&b, 0) + 0x2000;
	bus_write(&b.vm.mmio, at, 4, 0xfee00000);
	bus_write(&b.vm.mmio, at + 8, 4, 0x4041);
	bus_write(&b.vm.mmio, at + 12, 4, 0);
	assert_true(fake_pci_interrupt(BDF, 2, 0));
	fake_trace_clear();
	cfg_write(&b, 0xb2, 2, 0);
	assert_true(fake_trace_has_in_order(
		"pwrite device " BDF " region=7 off=0xb2 len=2",
		"index=2 start=0 count=0 trigger none"));
	assert_int_equal(hw[0xb3], 0);
	cfg_write(&b, 0x54, 4, 0xfee00000);
	cfg_write(&b, 0x52, 2, PCI_MSI_FLAGS_ENABLE);
	assert_int_equal(hw[0x52] & 1, 1);
	assert_true(fake_pci_interrupt(BDF, 1, 0));
	cfg_write(&b, 0x52, 2, 0);
	assert_int_equal(hw[0x52] & 1, 0);
	bench_close(&b);
}

static void the_hardwares_bars_and_messages_are_not_the_guests(void **state)
{
	uint8_t before[24];
	struct bench b;
	uint8_t *hw;

	open_user(&b, &plain_function);
	hw = fake_pci_hw_config(BDF);
	memcpy(before, hw + 0x10, sizeof(before));
	cfg_write(&b, 0x10, 4, 0xffffffff);
	cfg_write(&b, 0x14, 4, 0xffffffff);
	assert_int_equal(cfg_read(&b, 0x10, 4), 0xffffc004);
	cfg_write(&b, 0x54, 4, 0xfee12000); /* MSI address */
	assert_memory_equal(hw + 0x10, before, sizeof(before));
	assert_int_equal(le32_load(hw + 0x54), 0);
	bench_close(&b);
}

/* Linux starts with the link and the payload; behind a kernel neither gets
 * through. */
static void registers_of_the_link_are_only_read(void **state)
{
	struct bench b;

	open_user(&b, &plain_function);
	fake_trace_clear();
	cfg_write(&b, 0x80, 2, 0x10); /* LNKCTL: disable */
	cfg_write(&b, 0x74, 4, 0);    /* DEVCAP */
	assert_int_equal(fake_trace_count("pwrite device"), 0);
	cfg_write(&b, 0x78, 2, 0x2810); /* DEVCTL */
	assert_int_equal(fake_trace_count("pwrite device"), 1);
	bench_close(&b);
}

static void a_slow_reset_is_waited_for(void **state)
{
	struct bench b;

	open_user(&b, &plain_function);
	decode_on(&b);
	/* all ones at first, as long as the function is not ready */
	fake_trace_clear();
	cfg_write(&b, 0x78, 2, 0x8000);
	assert_true(fake_trace_has_in_order("region=7 off=0x78",
					    "pread device " BDF
					    " region=7 off=0 len=4",
					    "region=7 off=0x10"));
	assert_int_equal(b.dev->health, VFIO_OK);
	bench_close(&b);
}

/* -------- its server dies -------- */

static void server_dies(struct bench *b)
{
	(void)b;
	fake_servers_stop();
}

static void the_guest_reads_ones_and_lives(void **state)
{
	struct bench b;

	open_user(&b, &plain_function);
	decode_on(&b);
	assert_non_null(fake_kvm_slot_at(bar_at(&b, 0)));
	server_dies(&b);
	bench_loop(&b);
	assert_int_equal(b.dev->health, VFIO_LOST);
	assert_int_equal(b.vm.stop.end, VM_RUNNING);
	assert_int_equal(fake_kvm_slots(), 1); /* RAM only */
	assert_int_equal(cfg_read(&b, 0, 4), 0xffffffff);
	cfg_write(&b, PCI_COMMAND, 2, 7);
	cfg_write(&b, 0xb2, 2, 0x8000);
	bench_reset(&b);
	bench_close(&b);
}

static void or_notices_by_an_access(void **state)
{
	struct bench b;

	open_user(&b, &plain_function);
	decode_on(&b);
	server_dies(&b);
	assert_int_equal(cfg_read(&b, 0, 4), 0xffffffff);
	fake_advance_ns(200 * 1000 * 1000);
	assert_int_equal(cfg_read(&b, 0, 4), 0xffffffff);
	assert_int_equal(b.dev->health, VFIO_LOST);
	bench_loop(&b);
	bench_close(&b);
}

static void on_error_stop_ends_the_vm_by_name(void **state)
{
	struct bench b;

	fake_pci_add(&plain_function);
	bench_vm(&b);
	b.o.on_error = VFIO_ON_ERROR_STOP;
	MUST(bench_attach(&b, &why));
	MUST(bench_place(&b, &why));
	server_dies(&b);
	bench_loop(&b);
	assert_int_equal(b.vm.stop.end, VM_FAILED);
	assert_string_equal(b.vm.stop.err.text,
			    "vfio: " SOCKET
			    ": the server closed the connection");
	bench_close(&b);
}

static void on_error_report_lets_an_error_event_pass(void **state)
{
	struct bench b;

	fake_pci_add(&plain_function);
	bench_vm(&b);
	b.o.on_error = VFIO_ON_ERROR_REPORT;
	MUST(bench_attach(&b, &why));
	MUST(bench_place(&b, &why));
	decode_on(&b);
	assert_true(fake_pci_interrupt(BDF, VFIO_PCI_ERR_IRQ_INDEX, 0));
	bench_loop(&b);
	assert_int_equal(b.vm.stop.end, VM_RUNNING);
	assert_non_null(fake_kvm_slot_at(bar_at(&b, 0)));
	bench_close(&b);
}

/* VFIO-ERR-01. The timer has nothing more to look at: it must not stay
 * readable, or the event loop never sleeps again. */
static void a_reset_that_waited_for_a_vcpu_leaves_no_timer(void **state)
{
	struct bench b;

	fake_pci_add(&plain_function);
	bench_vm(&b);
	b.o.on_error = VFIO_ON_ERROR_RESET;
	MUST(bench_attach(&b, &why));
	MUST(bench_place(&b, &why));
	pthread_mutex_lock(&b.dev->pci.lock);
	assert_true(fake_pci_interrupt(BDF, VFIO_PCI_ERR_IRQ_INDEX, 0));
	bench_loop(&b);
	assert_true(b.dev->error_waits);
	pthread_mutex_unlock(&b.dev->pci.lock);
	assert_true(sys_poll(b.dev->look_fd, EPOLLIN, 1000) > 0);
	alarm(10);
	bench_loop(&b);
	alarm(0);
	assert_false(b.dev->error_waits);
	assert_false(sys_readable(b.dev->look_fd));
	bench_close(&b);
}

/* -------- servers of all kinds -------- */

static void interrupts_come_whatever_the_server_supports(void **state)
{
	for (unsigned i = 0; i < 16; i++) {
		struct bench b;
		unsigned gsi;

		fake_reset();
		server.no_masks = i & 1;
		server.no_unmask_fd = i & 2;
		server.no_events = i & 4;
		server.dribbles = i & 8;
		open_user(&b, &plain_function);
		gsi = cfg_read(&b, PCI_INTERRUPT_LINE, 1);
		for (unsigned k = 1; k <= 3; k++) {
			assert_true(fake_pci_interrupt(BDF, 0, 0));
			if (fake_kvm_injected(gsi) != k)
				fail_msg("%u: interrupt %u is missing", i, k);
			fake_kvm_eoi(gsi);
			bench_loop(&b);
			/* without masks nothing tells the device */
			if (fake_pci_intx_masked(BDF) && server.no_masks)
				break;
			assert_false(fake_pci_intx_masked(BDF));
		}
		bench_close(&b);
		if (fake_leaks())
			fail_msg("%u: %s", i, fake_leaks());
	}
}

static void without_descriptors_bars_trap(void **state)
{
	struct bench b;

	server.no_fd = true;
	open_user(&b, &plain_function);
	decode_on(&b);
	assert_null(fake_kvm_slot_at(bar_at(&b, 0)));
	bus_write(&b.vm.mmio, bar_at(&b, 0) + 8, 4, 42);
	assert_int_equal(*((uint32_t *)fake_pci_bar(BDF, 0) + 2), 42);
	assert_true(bus_read(&b.vm.mmio, bar_at(&b, 0) + 8, 4) == 42);
	bench_close(&b);
}

static void all_ram_is_mapped_and_unmapped(void **state)
{
	struct vfio_dma dma;
	struct bench b;

	open_user(&b, &plain_function);
	MUST(vfio_dma_open(&dma, b.iommu, &b.vm.mem, &why));
	assert_int_equal(fake_user_maps(BDF), 1);
	vfio_dma_close(&dma);
	assert_int_equal(fake_user_maps(BDF), 0);
	bench_close(&b);
}

/* -------- options -------- */

static void options_follow_the_path(void **state)
{
	struct vfio_options o;

	MUST(vfio_user_options_parse("/run/card.sock", &o, &why));
	assert_string_equal(o.host, "/run/card.sock");
	assert_int_equal(o.on_error, VFIO_ON_ERROR_DEFAULT);
	MUST(vfio_user_options_parse("rel/a=b,on-error=stop,allow-no-reset,"
				     "ecap=deny:b",
				     &o, &why));
	assert_string_equal(o.host, "rel/a=b");
	assert_int_equal(o.on_error, VFIO_ON_ERROR_STOP);
	assert_true(o.allow_no_reset);
	assert_int_equal(o.n_ecaps, 1);
	MUST(vfio_options_parse("01:00.0,on-error=report", &o, &why));
	assert_int_equal(o.on_error, VFIO_ON_ERROR_REPORT);
	assert_int_equal(o.on_request, VFIO_ON_REQUEST_STOP);
	MUST(vfio_options_parse("01:00.0,on-request=report", &o, &why));
	assert_int_equal(o.on_request, VFIO_ON_REQUEST_REPORT);
	MUST(vfio_options_parse("01:00.0,on-request=stop", &o, &why));
	assert_int_equal(o.on_request, VFIO_ON_REQUEST_STOP);
}

static void what_is_wrong_in_options_is_said(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "", "path is missing" },
		{ ",on-error=stop", "path is missing" },
		{ "/s,on-error=perhaps", "on-error: 'perhaps' is none of "
					 "report, stop and reset" },
		{ "/s,on-error", "/s: on-error: " },
		{ "/s,on-request=no", "on-request: 'no' is neither stop nor "
				      "report" },
		{ "/s,on-request", "/s: on-request: " },
		{ "/s,colour=red", "/s: " },
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct vfio_options o;
		struct err e = ERR_NONE;

		assert_int_equal(vfio_user_options_parse(rows[i].text, &o, &e),
				 -EINVAL);
		if (!strstr(e.text, rows[i].says))
			fail_msg("%s: %s", rows[i].text, e.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		USER_TEST(opening_resets_since_nobody_else_did),
		USER_TEST(a_failing_reset_at_open_is_said),
		USER_TEST(without_a_reset_message_the_register_does_it),
		USER_TEST(without_any_reset_it_is_refused),
		USER_TEST(the_enable_bits_reach_the_hardware),
		USER_TEST(the_hardwares_bars_and_messages_are_not_the_guests),
		USER_TEST(registers_of_the_link_are_only_read),
		USER_TEST(a_slow_reset_is_waited_for),
		USER_TEST(the_guest_reads_ones_and_lives),
		USER_TEST(or_notices_by_an_access),
		USER_TEST(on_error_stop_ends_the_vm_by_name),
		USER_TEST(on_error_report_lets_an_error_event_pass),
		USER_TEST(a_reset_that_waited_for_a_vcpu_leaves_no_timer),
		USER_TEST(interrupts_come_whatever_the_server_supports),
		USER_TEST(without_descriptors_bars_trap),
		USER_TEST(all_ram_is_mapped_and_unmapped),
		USER_TEST(options_follow_the_path),
		USER_TEST(what_is_wrong_in_options_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Mediated devices: names, and drivers that know less than vfio-pci. */
#include "tests/unit/vfio/bench.h"
#include "vfio/name.h"
#include "vfio/sysfs.h"

#define UUID "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"
/* the same in its first 35 letters */
#define TWIN "83b8f4f2-509f-382f-3c1e-e6bfe0fa1002"
#define DEVICES "/sys/bus/mdev/devices/"
#define REAL "/sys/devices/virtual/mtty/mtty/"

/* The kernel's sample: two ports, INTx, nothing else. */
static const struct fake_pci mtty = {
	.bdf = UUID,
	.group = 12,
	.mediated = true,
	.vendor = 0x4348,
	.device = 0x3253,
	.subvendor = 0x4348,
	.subdevice = 0x3253,
	.class_code = 0x070002,
	.pin = 1,
	.bar = { { .size = 8, .io = true }, { .size = 8, .io = true } },
};

static void attach_mtty(struct bench *b, const struct fake_pci *p)
{
	bench_host = DEVICES UUID;
	fake_pci_add(p);
	bench_vm(b);
}

static void open_mtty(struct bench *b)
{
	attach_mtty(b, &mtty);
	MUST(bench_attach(b, &why));
	MUST(bench_place(b, &why));
}

static struct err refused_by(struct bench *b, const struct fake_pci *p)
{
	struct err e = ERR_NONE;

	attach_mtty(b, p);
	assert_true(bench_attach(b, &e) < 0);
	return e;
}

/* -------- names -------- */

static void must_be(const char *text, const char *name)
{
	struct vfio_function f;
	struct err e = ERR_NONE;

	if (vfio_function_find(text, &f, &e) < 0)
		fail_msg("%s: %s", text, e.text);
	if (strcmp(f.name, name) != 0)
		fail_msg("%s is called %s", text, f.name);
}

static void every_path_to_a_mediated_device_is_its_name(void **state)
{
	fake_pci_add(&mtty);
	fake_link("/dev/serial-for-guest", DEVICES UUID);
	must_be(DEVICES UUID, UUID);
	must_be(DEVICES UUID "/", UUID);
	must_be(REAL UUID, UUID);
	must_be("/sys/kernel/iommu_groups/12/devices/" UUID, UUID);
	must_be("/dev/serial-for-guest", UUID);
	must_be(UUID, UUID);
	must_be("83B8F4F2-509F-382F-3C1E-E6BFE0FA1001", UUID);
}

static void every_path_to_a_pci_function_is_its_address(void **state)
{
	fake_pci_add(&plain_function);
	fake_link("/dev/disk-for-guest", "/sys/bus/pci/devices/" BDF);
	must_be("/sys/bus/pci/devices/" BDF, BDF);
	must_be("/sys/devices/pci0000:00/" BDF "/", BDF);
	must_be("/sys/kernel/iommu_groups/12/devices/" BDF, BDF);
	must_be("/dev/disk-for-guest", BDF);
}

static void what_is_known_before_it_is_open(void **state)
{
	struct vfio_function f;

	fake_pci_add(&mtty);
	MUST(vfio_function_find(DEVICES UUID, &f, &why));
	assert_string_equal(f.driver, "mtty");
	assert_int_equal(f.group, 12);
	assert_int_equal(f.numa_node, -1);
	assert_int_equal(f.config_size, 0);
	assert_string_equal(f.reset_method, "");
}

static void options_follow_a_path(void **state)
{
	struct vfio_options o;
	struct err e = ERR_NONE;

	MUST(vfio_options_parse(DEVICES UUID ",allow-no-reset", &o, &why));
	assert_string_equal(o.host, DEVICES UUID);
	assert_true(o.allow_no_reset);
	assert_true(vfio_options_parse(DEVICES UUID ",rubbish", &o, &e) < 0);
	assert_memory_equal(e.text, UUID ": ", strlen(UUID ": "));
}

static struct err not_found(const char *text)
{
	struct vfio_function f;
	struct err e = ERR_NONE;

	assert_true(vfio_function_find(text, &f, &e) < 0);
	assert_true(e.code < 0);
	return e;
}

static void a_missing_one_says_how_to_make_it(void **state)
{
	struct err e = not_found(DEVICES UUID);

	assert_string_equal(e.text, DEVICES UUID
			    ": this host has no such mediated device");
	assert_string_equal(e.hint, "make it: echo " UUID
				    " > /sys/class/mdev_bus/PARENT/"
				    "mdev_supported_types/TYPE/create");
	e = not_found(UUID);
	assert_string_equal(e.text,
			    UUID ": this host has no such mediated device");
	e = not_found("/sys/bus/pci/devices/" BDF);
	assert_string_equal(e.text, "/sys/bus/pci/devices/" BDF
				    ": this host has no such PCI function");
}

static void must_be_no_home(const char *path)
{
	struct err e = not_found(path);

	if (!strstr(e.text, "is the directory neither of a PCI function nor of "
			    "a mediated device"))
		fail_msg("%s: %s", path, e.text);
	assert_non_null(strstr(e.text, path));
	assert_non_null(strstr(e.hint, "/sys/bus/mdev/devices/UUID"));
}

static void other_paths_are_refused(void **state)
{
	fake_pci_add(&mtty);
	fake_pci_add(&plain_function);
	fake_dir("/tmp/" BDF);
	fake_dir("/sys/kernel/debug/" UUID);
	fake_file("/etc/passwd", "root");
	must_be_no_home("/sys/devices/virtual/mtty/mtty");
	must_be_no_home("/sys/bus/pci");
	must_be_no_home("/etc/passwd");
	must_be_no_home("/tmp/" BDF);
	must_be_no_home("/sys/kernel/debug/" UUID);
	assert_string_equal(not_found("/sys/nowhere").text,
			    "cannot follow /sys/nowhere: No such file or "
			    "directory");
}

static void a_path_that_goes_in_circles_is_refused(void **state)
{
	fake_link("/dev/a", "/dev/b");
	fake_link("/dev/b", "/dev/a");
	assert_memory_equal(not_found("/dev/a").text, "cannot follow /dev/a: ",
			    strlen("cannot follow /dev/a: "));
}

/* VFIO-OPEN-01 */
static void a_path_to_a_bridge_is_refused_as_a_bridge(void **state)
{
	struct fake_pci p = plain_function;

	p.header_type = 1;
	p.class_code = 0x060400;
	fake_pci_add(&p);
	assert_string_equal(not_found("/sys/devices/pci0000:00/" BDF).text,
			    BDF ": is a bridge (class 060400, header type 1): "
				"only endpoints can be assigned");
}

static void one_without_driver_is_refused(void **state)
{
	struct fake_pci p = mtty;
	struct err e;

	p.driver = "";
	fake_pci_add(&p);
	e = not_found(DEVICES UUID);
	assert_string_equal(e.text, UUID ": is bound to no driver");
	assert_non_null(strstr(e.hint, DEVICES UUID "/remove"));
}

/* -------- opening -------- */

static void it_becomes_a_function_of_the_guest(void **state)
{
	struct bench b;

	open_mtty(&b);
	assert_string_equal(b.pci->name, UUID);
	assert_int_equal(cfg_read(&b, PCI_VENDOR_ID, 4), 0x32534348);
	assert_int_equal(cfg_read(&b, PCI_CLASS_REVISION, 4) >> 8, 0x070002);
	assert_int_equal(b.pci->bars[0].kind, PCI_BAR_IO);
	assert_int_equal(b.pci->bars[1].size, 8);
	decode_on(&b);
	bus_write(&b.vm.pio, bar_at(&b, 1) + 7, 1, 0x5a);
	assert_int_equal(((uint8_t *)fake_pci_bar(UUID, 1))[7], 0x5a);
	bench_close(&b);
}

/* samples/vfio-mdev/mtty.c: MTTY_CONFIG_SPACE_SIZE is 0xff */
static void what_its_config_space_lacks_reads_zero(void **state)
{
	struct bench b;

	open_mtty(&b);
	fake_pci_hw_config(UUID)[0xfe] = 0x77;
	fake_trace_clear();
	assert_int_equal(cfg_read(&b, 0xff, 1), 0);
	assert_int_equal(cfg_read(&b, 0xfc, 4), 0x770000);
	cfg_write(&b, 0xfc, 4, 0x12345678);
	cfg_write(&b, 0xff, 1, 0x12);
	assert_int_equal(cfg_read(&b, 0xff, 1), 0);
	assert_int_equal(fake_trace_count("off=0xff"), 0);
	assert_int_equal(b.dev->health, VFIO_OK);
	bench_close(&b);
}

static void half_a_header_is_refused(void **state)
{
	struct fake_pci p = mtty;
	struct bench b;

	p.config_size = 32;
	assert_string_equal(refused_by(&b, &p).text,
			    UUID ": its config space has 32 bytes");
	bench_close(&b);
}

static void what_is_no_pci_device_is_refused(void **state)
{
	struct fake_pci p = mtty;
	struct bench b;
	struct err e;

	p.no_pci = true;
	e = refused_by(&b, &p);
	assert_string_equal(e.text, UUID ": is no PCI device to VFIO (flags "
					 "0x10, 9 regions)");
	assert_non_null(strstr(e.hint, DEVICES UUID "/mdev_type/device_api"));
	bench_close(&b);
}

static void names_differ_to_their_end(void **state)
{
	struct fake_pci p = mtty;
	struct vfio_dev *one, *two, *again;
	struct err e = ERR_NONE;
	struct bench b;

	attach_mtty(&b, &mtty);
	p.bdf = TWIN;
	p.group = 13;
	fake_pci_add(&p);
	MUST(b.iommu->ops->attach(b.iommu, WANT(UUID), &one, &why));
	MUST(b.iommu->ops->attach(b.iommu, WANT(TWIN), &two, &why));
	assert_int_equal(b.iommu->ops->attach(b.iommu, WANT(TWIN), &again, &e),
			 -EEXIST);
	assert_string_equal(two->name, TWIN);
	two->ops->close(two);
	one->ops->close(one);
	bench_close(&b);
}

/* A kernel without CONFIG_VFIO_GROUP makes no groups for them. */
static void without_a_group_only_iommufd_has_it(void **state)
{
	struct err e = ERR_NONE;
	struct bench b;
	int rc;

	attach_mtty(&b, &mtty);
	fake_remove(DEVICES UUID "/iommu_group");
	rc = bench_attach(&b, &e);
	if (bench_iommufd) {
		assert_true(rc >= 0);
	} else {
		assert_int_equal(rc, -ENODEV);
		assert_string_equal(e.text,
				    UUID ": is in no IOMMU group: this kernel "
					 "makes none for mediated devices");
		assert_non_null(strstr(e.hint, "--iommu=iommufd"));
	}
	bench_close(&b);
}

static void every_failure_unwinds(void **state)
{
	struct bench b;

	attach_mtty(&b, &mtty);
	b.o.allow_no_reset = true;
	/* what the I/O address space keeps until its own end is there */
	MUST(bench_sweep_open(&b, &why));
	bench_sweep_close(&b);
	assert_true(fake_sweep(bench_sweep_open, bench_sweep_close, &b, UUID) >
		    10);
	bench_close(&b);
}

/* -------- INTx -------- */

static void the_loop_unmasks_when_its_driver_takes_no_eventfd(void **state)
{
	struct bench b;
	unsigned gsi;

	open_mtty(&b);
	gsi = cfg_read(&b, PCI_INTERRUPT_LINE, 1);
	for (unsigned i = 1; i <= 100; i++) {
		assert_true(fake_pci_interrupt(UUID, 0, 0));
		assert_int_equal(fake_kvm_injected(gsi), i);
		fake_kvm_eoi(gsi);
		assert_true(fake_pci_intx_masked(UUID));
		bench_loop(&b);
		assert_false(fake_pci_intx_masked(UUID));
		assert_int_equal(counter_get(&b.dev->irqs.ends), i);
	}
	bench_close(&b);
}

static void signals_do_not_wait_for_the_lock_with_it(void **state)
{
	struct loop_fd *ended;
	struct bench b;

	open_mtty(&b);
	ended = &b.dev->irqs.ended;
	assert_true(fake_pci_interrupt(UUID, 0, 0));
	fake_kvm_eoi(cfg_read(&b, PCI_INTERRUPT_LINE, 1));
	pthread_mutex_lock(&b.dev->pci.lock);
	ended->handler(ended, EPOLLIN);
	assert_true(fake_pci_intx_masked(UUID));
	pthread_mutex_unlock(&b.dev->pci.lock);
	bench_loop(&b);
	assert_false(fake_pci_intx_masked(UUID));
	bench_close(&b);
}

/* samples/vfio-mdev/mtty.c forgets what comes while it is masked. */
static void an_access_does_not_overtake_the_end_of_an_interrupt(void **state)
{
	struct bench b;
	unsigned gsi;

	open_mtty(&b);
	decode_on(&b);
	gsi = cfg_read(&b, PCI_INTERRUPT_LINE, 1);
	assert_true(fake_pci_interrupt(UUID, 0, 0));
	(void)bus_read(&b.vm.pio, bar_at(&b, 0) + 2, 1);
	assert_true(fake_pci_intx_masked(UUID)); /* the guest serves it */
	fake_kvm_eoi(gsi);
	fake_trace_clear();
	bus_write(&b.vm.pio, bar_at(&b, 0) + 1, 1, 2);
	assert_true(fake_trace_has_in_order("unmask none", "pwrite device"));
	assert_false(fake_pci_intx_masked(UUID));
	assert_true(fake_pci_interrupt(UUID, 0, 0));
	fake_kvm_eoi(gsi);
	fake_trace_clear();
	(void)bus_read(&b.vm.pio, bar_at(&b, 0) + 2, 1);
	assert_true(fake_trace_has_in_order("unmask none", "pread device"));
	assert_int_equal(counter_get(&b.dev->irqs.ends), 2);
	bench_loop(&b); /* finds nothing more to tell */
	assert_int_equal(counter_get(&b.dev->irqs.ends), 2);
	bench_close(&b);
}

static void an_interrupt_that_waits_comes_after_the_unmask(void **state)
{
	struct bench b;
	unsigned gsi;

	open_mtty(&b);
	gsi = cfg_read(&b, PCI_INTERRUPT_LINE, 1);
	assert_true(fake_pci_interrupt(UUID, 0, 0));
	assert_false(fake_pci_interrupt(UUID, 0, 0));
	fake_kvm_eoi(gsi);
	bench_loop(&b);
	assert_int_equal(fake_kvm_injected(gsi), 2);
	bench_close(&b);
}

static void after_a_reset_its_interrupts_come_again(void **state)
{
	struct bench b;
	unsigned gsi;

	open_mtty(&b);
	decode_on(&b);
	gsi = cfg_read(&b, PCI_INTERRUPT_LINE, 1);
	assert_true(fake_pci_interrupt(UUID, 0, 0));
	fake_kvm_eoi(gsi);
	bench_reset(&b); /* the end of the first one is not for the second */
	bench_loop(&b);
	assert_false(fake_pci_intx_masked(UUID));
	assert_true(fake_pci_interrupt(UUID, 0, 0));
	assert_int_equal(fake_kvm_injected(gsi), 2);
	bench_close(&b);
}

static void other_failures_of_the_eventfd_are_failures(void **state)
{
	struct err e = ERR_NONE;
	struct bench b;

	attach_mtty(&b, &mtty);
	MUST(bench_attach(&b, &why));
	fake_fail_ioctl("VFIO_DEVICE_SET_IRQS", 3, EIO);
	assert_int_equal(bench_place(&b, &e), -EIO);
	assert_non_null(strstr(e.text, "INTx is its only interrupt"));
	bench_close(&b);
}

static void a_loop_that_does_not_watch_is_a_failure(void **state)
{
	struct err e = ERR_NONE;
	struct bench b;

	attach_mtty(&b, &mtty);
	MUST(bench_attach(&b, &why));
	fake_fail_call("epoll_ctl", 1, ENOSPC);
	assert_int_equal(bench_place(&b, &e), -ENOSPC);
	assert_memory_equal(e.text, UUID ": ", strlen(UUID ": "));
	bench_close(&b);
}

/* -------- resets -------- */

static void it_is_reset_although_it_does_not_say_that_it_can(void **state)
{
	struct bench b;

	open_mtty(&b);
	assert_true(b.dev->dev->can_reset);
	assert_int_equal(fake_pci_resets(UUID), 1);
	decode_on(&b);
	bench_reset(&b);
	assert_int_equal(fake_pci_resets(UUID), 2);
	MUST(bench_reset_all(b.iommu, &why));
	assert_int_equal(fake_pci_resets(UUID), 3);
	assert_int_equal(fake_trace_count("HOT_RESET"), 0);
	bench_close(&b);
}

static void one_without_reset_is_refused(void **state)
{
	struct fake_pci p = mtty;
	struct bench b;
	struct err e;

	p.no_reset = true;
	e = refused_by(&b, &p);
	assert_memory_equal(e.text, UUID ": the function cannot be reset",
			    strlen(UUID ": the function cannot be reset"));
	assert_non_null(strstr(e.hint, "make it anew"));
	assert_non_null(strstr(e.hint, "--vfio " UUID ",allow-no-reset"));
	bench_close(&b);
}

static void unless_that_is_accepted(void **state)
{
	struct fake_pci p = mtty;
	struct bench b;

	p.no_reset = true;
	attach_mtty(&b, &p);
	b.o.allow_no_reset = true;
	MUST(bench_attach(&b, &why));
	MUST(bench_place(&b, &why));
	assert_false(b.dev->dev->can_reset);
	decode_on(&b);
	bench_reset(&b);
	assert_true(fake_pci_interrupt(UUID, 0, 0));
	bench_close(&b);
}

/* -------- what it has not -------- */

static void wishes_that_it_cannot_fulfil_have_no_effect(void **state)
{
	struct bench b;

	attach_mtty(&b, &mtty);
	fake_low_power();
	fake_dmabufs();
	b.o.low_power = b.o.p2p = true;
	b.o.on_error = VFIO_ON_ERROR_STOP;
	MUST(bench_attach(&b, &why));
	MUST(bench_place(&b, &why));
	assert_false(b.dev->opt.low_power);
	assert_int_equal(b.dev->opt.p2p, !bench_iommufd);
	decode_on(&b);
	assert_int_equal(fake_trace_count("VFIO_DEVICE_FEATURE"), 0);
	assert_int_equal(b.dev->err_fd, -1);
	assert_int_equal(b.dev->req_fd, -1);
	bench_close(&b);
}

static const struct CMUnitTest names[] = {
	FAKE_TEST(every_path_to_a_mediated_device_is_its_name),
	FAKE_TEST(every_path_to_a_pci_function_is_its_address),
	FAKE_TEST(what_is_known_before_it_is_open),
	FAKE_TEST(options_follow_a_path),
	FAKE_TEST(a_missing_one_says_how_to_make_it),
	FAKE_TEST(other_paths_are_refused),
	FAKE_TEST(a_path_that_goes_in_circles_is_refused),
	FAKE_TEST(a_path_to_a_bridge_is_refused_as_a_bridge),
	FAKE_TEST(one_without_driver_is_refused),
};

static const struct CMUnitTest devices[] = {
	FAKE_TEST(it_becomes_a_function_of_the_guest),
	FAKE_TEST(what_its_config_space_lacks_reads_zero),
	FAKE_TEST(half_a_header_is_refused),
	FAKE_TEST(what_is_no_pci_device_is_refused),
	FAKE_TEST(names_differ_to_their_end),
	FAKE_TEST(without_a_group_only_iommufd_has_it),
	FAKE_TEST(every_failure_unwinds),
	FAKE_TEST(the_loop_unmasks_when_its_driver_takes_no_eventfd),
	FAKE_TEST(signals_do_not_wait_for_the_lock_with_it),
	FAKE_TEST(an_access_does_not_overtake_the_end_of_an_interrupt),
	FAKE_TEST(an_interrupt_that_waits_comes_after_the_unmask),
	FAKE_TEST(after_a_reset_its_interrupts_come_again),
	FAKE_TEST(other_failures_of_the_eventfd_are_failures),
	FAKE_TEST(a_loop_that_does_not_watch_is_a_failure),
	FAKE_TEST(it_is_reset_although_it_does_not_say_that_it_can),
	FAKE_TEST(one_without_reset_is_refused),
	FAKE_TEST(unless_that_is_accepted),
	FAKE_TEST(wishes_that_it_cannot_fulfil_have_no_effect),
};

int main(void)
{
	int rc = cmocka_run_group_tests(names, NULL, NULL);

	rc += cmocka_run_group_tests_name("group", devices, NULL, NULL);
	bench_iommufd = true;
	return rc + cmocka_run_group_tests_name("iommufd", devices, NULL, NULL);
}

/* Functions that sleep, refuse resets or are driven mad by their guest. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/vfio/hostile.h"

enum { PM = 0x40, MSI = 0x50, EXP = 0x70, MSIX = 0xb0, VPD = 0xd8 };

static const uint8_t vpd_body[6] = { 0 };
static const struct fake_cap vpd[] = {
	{ .id = PCI_CAP_ID_VPD,
	  .at = VPD,
	  .body = vpd_body,
	  .body_size = sizeof(vpd_body) },
};

/* -------- what the log says -------- */

static int log_fd, stderr_was;

static void log_catch(void)
{
	stderr_was = dup(STDERR_FILENO);
	log_fd = memfd_create("log", MFD_CLOEXEC);
	assert_true(stderr_was >= 0 && log_fd >= 0);
	assert_int_equal(dup2(log_fd, STDERR_FILENO), STDERR_FILENO);
}

/* How many lines there were. */
static unsigned log_lines(void)
{
	char buf[4096];
	unsigned n = 0;
	ssize_t got;

	(void)dup2(stderr_was, STDERR_FILENO);
	(void)close(stderr_was);
	(void)lseek(log_fd, 0, SEEK_SET);
	while ((got = read(log_fd, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < got; i++)
			n += buf[i] == '\n';
	}
	(void)close(log_fd);
	return n;
}

/* -------- at the start -------- */

/* VFIO-PM-05: a function may need a second to wake up, no more is waited */
static void a_sleeping_function_gets_a_second(void **state)
{
	struct err e = ERR_NONE;
	struct bench b;
	uint64_t start;

	fake_pci_add(&plain_function);
	fake_pci_gone(BDF, FAKE_ALL_ONES);
	bench_vm(&b);
	start = sys_now_ns();
	assert_int_equal(bench_attach(&b, &e), -EIO);
	assert_in_range((sys_now_ns() - start) / 1000000, 850, 30000);
	assert_true(fake_trace_count("pread device " BDF " region=7") >= 5);
	assert_non_null(strstr(e.hint, "disable_idle_d3=1"));
	assert_non_null(strstr(e.hint, BDF "/d3cold_allowed"));
	bench_close(&b);
}

/* -------- resets that fail: VFIO-RST-06 -------- */

static void reset(struct bench *b)
{
	bench_reset(b);
}

static void whatever_fails_the_function_is_quiet(void **state)
{
	static const int errors[] = { EAGAIN, EINVAL, ENOTTY, EIO, EBUSY };

	for (unsigned i = 0; i < ARRAY_LEN(errors); i++) {
		struct fake_pci p = plain_function;
		bool again = errors[i] == EAGAIN || errors[i] == EBUSY;
		struct bench b;

		print_message("%s\n", strerror(errors[i]));
		fake_reset();
		p.no_bus_reset = true;
		bench_open(&b, &p);
		decode_on(&b);
		cfg_write(&b, MSIX + 2, 2, PCI_MSIX_FLAGS_ENABLE);
		fake_trace_clear();
		fake_fail_ioctl("VFIO_DEVICE_RESET", 0, errors[i]);
		reset(&b);
		assert_in_range(fake_trace_count("VFIO_DEVICE_RESET"),
				again ? 3 : 1, again ? 10 : 1);
		assert_int_equal(le16_load(fake_pci_hw_config(BDF) + 4) & 7, 0);
		assert_int_equal(fake_pci_vectors(BDF, VFIO_PCI_MSIX_IRQ_INDEX),
				 0);
		assert_int_equal(fake_kvm_slots(), 1); /* RAM */
		assert_int_equal(b.dev->health, VFIO_SUSPECT);
		/* it does answer, and is looked at */
		fake_fail_none();
		fake_advance_ns(200 * 1000 * 1000);
		assert_int_equal(cfg_read(&b, 0, 4), 0x00101b36);
		assert_int_equal(b.dev->health, VFIO_OK);
		bench_close(&b);
	}
}

/* -------- floods: VFIO-ERR-06 -------- */

enum { FLOOD = 500 };

static void flr(struct bench *b)
{
	cfg_write(b, EXP + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
}

static void d3_and_back(struct bench *b)
{
	cfg_write(b, PM + PCI_PM_CTRL, 2, 3);
	(void)bus_read(&b->vm.mmio, 0x80000000, 4);
	cfg_write(b, PM + PCI_PM_CTRL, 2, 0);
}

static void bus_reset(struct bench *b)
{
	bench_port_write(b, PCI_BRIDGE_CTL_BUS_RESET);
	bench_port_write(b, 0);
}

static void msix_on_and_off(struct bench *b)
{
	cfg_write(b, MSIX + 2, 2, PCI_MSIX_FLAGS_ENABLE);
	bus_write(&b->vm.mmio, bar_at(b, 0) + 0x2000, 8, 0xfee00000);
	bus_write(&b->vm.mmio, bar_at(b, 0) + 0x2008, 8, 0x4041);
	cfg_write(b, MSIX + 2, 2, 0);
}

static void msi_against_msix(struct bench *b)
{
	cfg_write(b, MSIX + 2, 2, PCI_MSIX_FLAGS_ENABLE);
	cfg_write(b, MSI + 2, 2, PCI_MSI_FLAGS_ENABLE);
	cfg_write(b, MSIX + 2, 2, 0);
	cfg_write(b, MSI + 2, 2, 0);
}

static void vpd_addresses(struct bench *b)
{
	cfg_write(b, VPD + 2, 2, 0x7ffc);
	cfg_write(b, VPD + 2, 2, 0xfffc);
	(void)cfg_read(b, VPD, 4);
	(void)cfg_read(b, VPD + 4, 4);
}

static void decode_off_and_on(struct bench *b)
{
	cfg_write(b, PCI_COMMAND, 2, 0);
	decode_on(b);
}

/* Its image is shown once it was read. */
static void rom_off_and_on(struct bench *b)
{
	uint32_t at = (uint32_t)pci_bar_address(b->pci, PCI_ROM_BAR);

	cfg_write(b, PCI_ROM_ADDRESS, 4, at | PCI_ROM_ADDRESS_ENABLE);
	(void)bus_read(&b->vm.mmio, at, 4);
	cfg_write(b, PCI_ROM_ADDRESS, 4, at);
}

static void bar_over_everything(struct bench *b)
{
	static const uint64_t at[] = { 0,	   0x100000,   0xe0000000,
				       0xfee00000, 0xfec00000, UINT64_MAX };

	for (unsigned i = 0; i < ARRAY_LEN(at); i++) {
		cfg_write(b, 0x10, 4, (uint32_t)at[i]);
		cfg_write(b, 0x14, 4, (uint32_t)(at[i] >> 32));
	}
}

/* Each with decode on, and the same again. The log stays short
 * (VFIO-ERR-05), and a reset makes a new function of it. */
static void floods_leave_a_function_that_recovers(void **state)
{
	static const struct {
		const char *name;
		void (*step)(struct bench *b);
	} floods[] = {
		{ "FLR", flr },
		{ "D3", d3_and_back },
		{ "bus reset", bus_reset },
		{ "MSI-X", msix_on_and_off },
		{ "MSI and MSI-X", msi_against_msix },
		{ "VPD", vpd_addresses },
		{ "BAR", bar_over_everything },
	};

	for (unsigned i = 0; i < ARRAY_LEN(floods); i++) {
		struct fake_pci p = plain_function;
		unsigned lines;
		struct bench b;

		print_message("%s\n", floods[i].name);
		fake_reset();
		p.caps = vpd;
		p.n_caps = ARRAY_LEN(vpd);
		bench_open(&b, &p);
		log_catch();
		for (unsigned k = 0; k < FLOOD; k++) {
			decode_on(&b);
			floods[i].step(&b);
		}
		lines = log_lines();
		assert_in_range(lines, 0, 20);
		assert_int_equal(b.vm.stop.end, VM_RUNNING);
		hostile_check(&b);
		bench_close(&b);
		if (fake_leaks())
			fail_msg("%s", fake_leaks());
	}
}

/* VFIO-ERR-07: what a boot needs is free, a flood has its pace */
static void floods_that_cost_the_host_are_slowed(void **state)
{
	static const struct {
		const char *name;
		void (*step)(struct bench *b);
	} floods[] = {
		{ "D3", d3_and_back },
		{ "MSI-X", msix_on_and_off },
		{ "MSI", msi_against_msix },
		{ "decode", decode_off_and_on },
		{ "ROM", rom_off_and_on },
		{ "bus reset, of what the first has left untouched",
		  bus_reset },
	};

	for (unsigned i = 0; i < ARRAY_LEN(floods); i++) {
		struct fake_pci p = plain_function;
		struct bench b;
		uint64_t start;

		print_message("%s\n", floods[i].name);
		fake_reset();
		p.rom_size = 0x4000;
		bench_open(&b, &p);
		decode_on(&b);
		start = sys_now_ns();
		for (unsigned k = 0; k < 60; k++)
			floods[i].step(&b);
		assert_in_range(fake_slept_ns(), 0, 200 * 1000 * 1000);
		for (unsigned k = 0; k < 400; k++)
			floods[i].step(&b);
		assert_true(sys_now_ns() - start >= 1500 * 1000 * 1000);
		bench_close(&b);
	}
}

static void other_msi_message(struct bench *b, unsigned k)
{
	cfg_write(b, MSI + PCI_MSI_DATA_64, 2, 0x4000 | (k & 0xff));
}

static void other_msix_message(struct bench *b, unsigned k)
{
	bus_write(&b->vm.mmio, bar_at(b, 0) + 0x2008, 4, 0x4000 | (k & 0xff));
}

static void same_msix_message(struct bench *b, unsigned k)
{
	bus_write(&b->vm.mmio, bar_at(b, 0) + 0x2008, 4, 0x4000);
}

/* VFIO-ERR-07: 2048 vectors and their moves are free, and so is what changes
 * nothing. */
static void a_flood_of_messages_is_slowed(void **state)
{
	static const struct {
		const char *name;
		unsigned enable, bit;
		void (*step)(struct bench *b, unsigned k);
		bool slow;
	} floods[] = {
		{ "MSI", MSI + 2, PCI_MSI_FLAGS_ENABLE, other_msi_message,
		  true },
		{ "MSI-X", MSIX + 2, PCI_MSIX_FLAGS_ENABLE, other_msix_message,
		  true },
		{ "the same", MSIX + 2, PCI_MSIX_FLAGS_ENABLE,
		  same_msix_message, false },
	};

	for (unsigned i = 0; i < ARRAY_LEN(floods); i++) {
		uint64_t start, slept;
		struct bench b;

		print_message("%s\n", floods[i].name);
		fake_reset();
		bench_open(&b, &plain_function);
		decode_on(&b);
		cfg_write(&b, MSI + PCI_MSI_ADDRESS_LO, 4, 0xfee00000);
		bus_write(&b.vm.mmio, bar_at(&b, 0) + 0x2000, 8, 0xfee00000);
		bus_write(&b.vm.mmio, bar_at(&b, 0) + 0x2008, 8, 0x4000);
		cfg_write(&b, floods[i].enable, 2, floods[i].bit);
		b.dev->messages.used = 0;
		for (unsigned k = 1; k <= 4096; k++)
			floods[i].step(&b, k);
		assert_int_equal(b.dev->messages.used > 2000, floods[i].slow);
		/* from here on, as if that had taken no time */
		b.dev->messages.used = floods[i].slow ? 4096 : 0;
		b.dev->messages.since = start = sys_now_ns();
		slept = fake_slept_ns();
		for (unsigned k = 1; k <= 100; k++)
			floods[i].step(&b, k);
		assert_int_equal(fake_slept_ns() > slept, floods[i].slow);
		if (floods[i].slow)
			assert_true(sys_now_ns() - start >= 90 * 1000 * 1000);
		bench_close(&b);
	}
}

/* VFIO-ERR-05 */
static void a_million_bad_accesses_are_a_few_lines(void **state)
{
	struct bench b;
	unsigned lines;
	uint64_t at;

	bench_open(&b, &plain_function);
	decode_on(&b);
	at = bar_at(&b, 0) + 0x2800;
	fake_pci_gone(BDF, FAKE_EIO);
	log_catch();
	for (unsigned i = 0; i < 1000 * 1000; i++)
		(void)bus_read(&b.vm.mmio, at, 4);
	lines = log_lines();
	assert_in_range(lines, 1, 100);
	bench_close(&b);
}

static const struct CMUnitTest both[] = {
	FAKE_TEST(floods_leave_a_function_that_recovers),
	FAKE_TEST(floods_that_cost_the_host_are_slowed),
	FAKE_TEST(a_flood_of_messages_is_slowed),
};

static const struct CMUnitTest kernel_only[] = {
	FAKE_TEST(a_sleeping_function_gets_a_second),
	FAKE_TEST(whatever_fails_the_function_is_quiet),
	FAKE_TEST(a_million_bad_accesses_are_a_few_lines),
};

BENCH_MAIN(both, kernel_only)

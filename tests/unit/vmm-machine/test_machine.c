/* A whole machine on the fake kernel: built, run to each end, torn down, and
 * every host call of its building failing once. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <linux/kvm.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fakes/kernel.h"
#include "tests/unit/vmm-machine/exits.h"
#include "tests/unit/vmm-machine/scene.h"
#include "vmm/base/bytes.h"
#include "vmm/machine/boot.h"
#include "vmm/machine/ledger.h"
#include "vmm/machine/machine.h"

struct swept {
	struct config config;
	struct machine machine;
};

static struct swept swept; /* too large for a stack */

static int sweep_open(void *arg, struct err *e)
{
	struct swept *s = arg;

	return machine_open(&s->machine, &s->config, e);
}

/* KVM and the IOMMU hold nothing any more. */
static void nothing_is_left(const struct machine *m)
{
	int64_t left[LEDGER_KINDS] = { 0 };

	ledger_of_machine(m, left);
	for (unsigned i = 0; i < LEDGER_KINDS; i++)
		if (left[i] != 0)
			fail_msg("%lld %s are left", (long long)left[i],
				 ledger_name(i));
}

static void sweep_close(void *arg)
{
	struct swept *s = arg;

	machine_close(&s->machine);
	nothing_is_left(&s->machine);
}

static void no_failing_host_call_leaves_anything(void **state)
{
	fake_pci_add(&disk);
	put_kernel();
	swept.config = config_of_disk();
	assert_true(fake_sweep(sweep_open, sweep_close, &swept, NULL) > 60);
}

/* Opening it must not wait for a writer. */
static void fifo_as_kernel_is_refused_at_once(void **state)
{
	char folder[] = "/tmp/minivmm-test-XXXXXX", path[64];
	struct boot b = BOOT_EMPTY;
	struct err e = ERR_NONE;

	assert_non_null(mkdtemp(folder));
	fake_real(folder);
	snprintf(path, sizeof(path), "%s/fifo", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	alarm(10);
	assert_int_equal(boot_open(&b, path, NULL, &e), -EINVAL);
	alarm(0);
	assert_non_null(strstr(e.text, "is not a regular file"));
	boot_close(&b);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

/* -------- ends -------- */

struct port_write {
	uint16_t port;
	uint8_t value;
};

/* vCPU 0 writes one byte to one port; the other sleeps. */
static int write_port(struct kvm_run *run, unsigned index, void *arg)
{
	const struct port_write *w = arg;

	if (index != 0)
		return FAKE_RUN_HALT;
	return exit_by_out(run, w->port, w->value);
}

static enum vm_end end_after(uint16_t port, uint8_t value)
{
	struct port_write w = { port, value };
	struct err e = ERR_NONE;
	enum vm_end end;

	fake_pci_add(&disk);
	put_kernel();
	swept.config = config_of_disk();
	fake_kvm_on_run(write_port, &w);
	if (machine_open(&swept.machine, &swept.config, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(machine_run(&swept.machine, &e), 0);
	end = swept.machine.vm.stop.end;
	machine_close(&swept.machine);
	nothing_is_left(&swept.machine);
	assert_false(fake_pci_is_open(BDF));
	return end;
}

/* VFIO-IRQ-05: while the machine is built nobody listens; the eventfd keeps the
 * word until the loop runs. */
static void a_request_during_the_start_is_not_lost(void **state)
{
	struct err e = ERR_NONE;

	fake_pci_add(&disk);
	put_kernel();
	swept.config = config_of_disk();
	if (machine_open(&swept.machine, &swept.config, &e) < 0)
		fail_msg("%s", e.text);
	assert_true(fake_pci_interrupt(BDF, VFIO_PCI_REQ_IRQ_INDEX, 0));
	alarm(10);
	assert_int_equal(machine_run(&swept.machine, &e), 0);
	alarm(0);
	assert_int_equal(swept.machine.vm.stop.end, VM_RECLAIMED);
	machine_close(&swept.machine);
	nothing_is_left(&swept.machine);
	assert_false(fake_pci_is_open(BDF));
}

static void sleep_state_s5_powers_off(void **state)
{
	assert_int_equal(end_after(BOARD_POWER_PORT, 0x20 | BOARD_S5_TYPE << 2),
			 VM_POWERED_OFF);
}

static void reset_register_reboots(void **state)
{
	assert_int_equal(end_after(BOARD_POWER_PORT + 2, BOARD_RESET_VALUE),
			 VM_REBOOTED);
}

static void keyboard_controller_reboots(void **state)
{
	assert_int_equal(end_after(0x64, 0xfe), VM_REBOOTED);
}

static void reset_control_register_reboots(void **state)
{
	assert_int_equal(end_after(0xcf9, 0x06), VM_REBOOTED);
}

static void panic_of_the_guest_is_a_crash(void **state)
{
	assert_int_equal(end_after(BOARD_PVPANIC_PORT, 1), VM_CRASHED);
}

static void debug_exit_carries_its_byte(void **state)
{
	assert_int_equal(end_after(0xf4, 42), VM_DEBUG_EXIT);
	assert_int_equal(swept.machine.vm.stop.code, 42);
}

/* VFIO-DMA-11, VFIO-OPEN-19 */
static void
ram_is_mapped_before_the_guest_runs_and_until_the_device_closed(void **state)
{
	end_after(0xf4, 1);
	/* The last group out takes the maps with it. */
	assert_true(fake_trace_has_in_order(
		"VFIO_IOMMU_MAP_DMA", "KVM_CREATE_VCPU", "close device " BDF,
		"VFIO_GROUP_UNSET_CONTAINER", "close group 12",
		"close container", "munmap anonymous size=0x4000000"));
}

/* VFIO-DMA-10: the IOMMU keeps the pages that were pinned. There is no balloon
 * that could ask for it, and nothing else gives pages back or changes what
 * stands behind an address. */
static void pinned_ram_is_never_given_back(void **state)
{
	static const int harmless[] = { MADV_HUGEPAGE, MADV_DONTFORK,
					MADV_POPULATE_WRITE };
	const char *pinned, *gone;
	unsigned known = 0;

	end_after(0xf4, 1);
	for (unsigned i = 0; i < ARRAY_LEN(harmless); i++) {
		char line[32];

		snprintf(line, sizeof(line), "advice=%d", harmless[i]);
		known += fake_trace_count(line);
	}
	assert_true(known > 0);
	assert_int_equal(fake_trace_count("madvise"), known);
	pinned = strstr(fake_trace(), "VFIO_IOMMU_MAP_DMA");
	assert_non_null(pinned);
	gone = strstr(pinned, "munmap anonymous size=0x4000000\n");
	assert_non_null(gone);
	assert_null(strstr(gone, "close container"));
}

/* VFIO-DMA-17: until everything is populated, opened and mapped nobody catches
 * signals, so each of them ends the program in the middle of whatever call; the
 * kernel's loops over pages look for that. */
static void signals_are_caught_only_when_the_long_calls_are_over(void **state)
{
	const char *caught;

	end_after(0xf4, 1);
	caught = strstr(fake_trace(), "signalfd");
	assert_non_null(caught);
	assert_null(strstr(caught, "VFIO_GROUP_GET_DEVICE_FD"));
	assert_null(strstr(caught, "VFIO_IOMMU_MAP_DMA"));
	assert_null(strstr(caught, "advice=23")); /* MADV_POPULATE_WRITE */
}

/* nohup(1): to wait for an ignored signal is to get it all the same. */
static void a_hangup_that_is_ignored_ends_nothing(void **state)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	const struct sigaction as_usual = { .sa_handler = SIG_DFL };
	struct err e = ERR_NONE;

	fake_pci_add(&disk);
	put_kernel();
	swept.config = config_of_disk();
	for (unsigned ignored = 0; ignored < 2; ignored++) {
		struct vm *vm = &swept.machine.vm;

		assert_int_equal(
			sigaction(SIGHUP, ignored ? &ignore : &as_usual, NULL),
			0);
		if (machine_open(&swept.machine, &swept.config, &e) < 0)
			fail_msg("%s", e.text);
		kill(getpid(), SIGHUP);
		assert_int_equal(loop_run_for(&vm->loop, 0, &e), 0);
		assert_int_equal(vm_stopping(vm), !ignored);
		machine_close(&swept.machine);
	}
	assert_int_equal(sigaction(SIGHUP, &ignore, NULL), 0);
	assert_int_equal(sigaction(SIGHUP, &as_usual, NULL), 0);
}

static void a_service_without_dev_kvm_is_told_what_it_lacks(void **state)
{
	struct err e = ERR_NONE;

	fake_pci_add(&disk);
	put_kernel();
	swept.config = config_of_disk();
	fake_fail_call("open /dev/kvm", 1, EPERM);
	assert_true(machine_open(&swept.machine, &swept.config, &e) < 0);
	assert_string_equal(e.text, "kvm: cannot open /dev/kvm: Operation not "
				    "permitted");
	assert_non_null(strstr(e.hint, "DeviceAllow="));
}

static void same_function_twice_is_refused(void **state)
{
	struct err e = ERR_NONE;

	fake_pci_add(&disk);
	put_kernel();
	swept.config = config_of_disk();
	swept.config.function[1].text = "01:00.0";
	swept.config.n_functions = 2;
	assert_true(machine_open(&swept.machine, &swept.config, &e) < 0);
	assert_string_equal(e.text, "vfio: " BDF " was given twice");
}

static void a_path_and_a_uuid_may_be_the_same_function(void **state)
{
	const char *const uuid = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001";
	struct err e = ERR_NONE;
	struct fake_pci p = disk;

	p.bdf = uuid;
	p.mediated = true;
	fake_pci_add(&p);
	put_kernel();
	swept.config = config_of_disk();
	swept.config.function[0].text = uuid;
	swept.config.function[1].text = "/sys/devices/virtual/mtty/mtty/"
					"83b8f4f2-509f-382f-3c1e-e6bfe0fa1001";
	swept.config.n_functions = 2;
	assert_true(machine_open(&swept.machine, &swept.config, &e) < 0);
	assert_string_equal(e.text, "vfio: 83b8f4f2-509f-382f-3c1e-"
				    "e6bfe0fa1001 was given twice");
}

static void kernel_larger_than_ram_says_how_much_it_needs(void **state)
{
	struct err e = ERR_NONE;
	uint8_t image[4096];

	put_kernel();
	assert_true(fake_file_read("/boot/bzImage", image, sizeof(image)) > 0);
	le32_store(image + 0x260, 100 * MIB);
	fake_blob("/boot/bzImage", image, sizeof(image));
	swept.config = config_of_disk();
	swept.config.n_functions = 0;
	assert_int_equal(machine_open(&swept.machine, &swept.config, &e),
			 -ENOMEM);
	assert_non_null(strstr(e.text, "needs guest memory up to 11"));
	assert_string_equal(e.hint, "give the guest more with --mem");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(no_failing_host_call_leaves_anything),
		FAKE_TEST(fifo_as_kernel_is_refused_at_once),
		FAKE_TEST(a_request_during_the_start_is_not_lost),
		FAKE_TEST(sleep_state_s5_powers_off),
		FAKE_TEST(reset_register_reboots),
		FAKE_TEST(keyboard_controller_reboots),
		FAKE_TEST(reset_control_register_reboots),
		FAKE_TEST(panic_of_the_guest_is_a_crash),
		FAKE_TEST(debug_exit_carries_its_byte),
		FAKE_TEST(
			ram_is_mapped_before_the_guest_runs_and_until_the_device_closed),
		FAKE_TEST(pinned_ram_is_never_given_back),
		FAKE_TEST(signals_are_caught_only_when_the_long_calls_are_over),
		FAKE_TEST(a_hangup_that_is_ignored_ends_nothing),
		FAKE_TEST(a_service_without_dev_kvm_is_told_what_it_lacks),
		FAKE_TEST(same_function_twice_is_refused),
		FAKE_TEST(a_path_and_a_uuid_may_be_the_same_function),
		FAKE_TEST(kernel_larger_than_ram_says_how_much_it_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

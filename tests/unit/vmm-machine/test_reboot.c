/* --on-reboot=reset on the fake kernel: a guest that changed everything it can
 * change and reboots finds what it found at first. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/kvm.h>
#include <linux/pci_regs.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pcie/bar.h"
#include "tests/fakes/kernel.h"
#include "tests/unit/vmm-machine/exits.h"
#include "tests/unit/vmm-machine/scene.h"
#include "vmm/base/sys.h"
#include "vmm/machine/reboot.h"

#define SOCKET "/run/disk.sock"

enum {
	CPUS = 2,
	FUNCTIONS = 4,
	SECOND = 1000000000,
};

/* -------- what a guest finds -------- */

struct found_cpu {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_xcrs xcrs;
	struct kvm_debugregs debug;
	struct kvm_vcpu_events events;
	struct kvm_lapic_state lapic;
	struct kvm_mp_state mp;
	uint32_t xsave[1024];
	int64_t msr[4];
};

struct found {
	struct found_cpu cpu[CPUS];
	struct kvm_irqchip chip[3];
	uint8_t config[FUNCTIONS][PCIE_CONFIG_SIZE];
	uint8_t kernel[4096], initrd[4096], acpi[0x10000], info[0x8000],
		scratch[0x7000], vector[16];
	uint8_t uart[7], rtc[2], i8042, power[2], reset_control;
	uint32_t latch;
	uint64_t ecam;
	int lines[24];
	unsigned slots, irqfds, maps, pins, vectors;
};

static const uint32_t msrs[] = { 0x1a0, 0x2ff, 0x277, 0xc0000080 };

static struct machine machine; /* too large for a stack */
static struct config config;
static struct found first, now;

static uint64_t in(uint64_t port, unsigned len)
{
	return bus_read(&machine.vm.pio, port, len);
}

static void out(uint64_t port, unsigned len, uint64_t v)
{
	bus_write(&machine.vm.pio, port, len, v);
}

static struct pci_device *function(unsigned i)
{
	struct pci_host *h = &machine.host;
	struct pci_device *const all[FUNCTIONS] = {
		&h->bridge, &h->lpc, h->n_ports ? &h->ports[0]->dev : NULL,
		h->n_ports ? h->ports[0]->child[0] : NULL
	};

	return all[i];
}

static void find_cpu(unsigned i, struct found_cpu *f)
{
	int fd = machine.vm.vcpus[i].fd;

	sys_ioctl(fd, KVM_GET_REGS, &f->regs);
	sys_ioctl(fd, KVM_GET_SREGS, &f->sregs);
	sys_ioctl(fd, KVM_GET_XCRS, &f->xcrs);
	sys_ioctl(fd, KVM_GET_DEBUGREGS, &f->debug);
	sys_ioctl(fd, KVM_GET_VCPU_EVENTS, &f->events);
	sys_ioctl(fd, KVM_GET_LAPIC, &f->lapic);
	sys_ioctl(fd, KVM_GET_MP_STATE, &f->mp);
	sys_ioctl(fd, KVM_GET_XSAVE, (struct kvm_xsave *)f->xsave);
	for (unsigned k = 0; k < ARRAY_LEN(msrs); k++) {
		f->msr[k] = fake_kvm_msr(i, msrs[k]);
		if (f->msr[k] < 0)
			f->msr[k] = 0; /* never set */
	}
}

static void find_ram(gpa_t at, uint8_t *to, size_t n)
{
	memcpy(to, mem_at(&machine.vm.mem, at, n), n);
}

static void find_ports(struct found *f)
{
	for (unsigned i = 1; i < 8; i++)
		f->uart[i - 1] = (uint8_t)in(BOARD_UART_PORT + i, 1);
	for (unsigned i = 0; i < 2; i++) {
		out(BOARD_RTC_PORT, 1, 0x0a + i);
		f->rtc[i] = (uint8_t)in(BOARD_RTC_PORT + 1, 1);
		f->power[i] = (uint8_t)in(BOARD_POWER_PORT + i, 1);
	}
	out(0x64, 1, 0x20);
	f->i8042 = (uint8_t)in(0x60, 1);
	f->latch = (uint32_t)in(0xcf8, 4);
	f->reset_control = (uint8_t)in(0xcf9, 1);
}

static void find_all(struct found *f)
{
	const struct platform *p = &machine.platform;

	memset(f, 0, sizeof(*f));
	for (unsigned i = 0; i < CPUS; i++)
		find_cpu(i, &f->cpu[i]);
	for (unsigned i = 0; i < 3; i++) {
		f->chip[i].chip_id = i;
		sys_ioctl(machine.vm.fd, KVM_GET_IRQCHIP, &f->chip[i]);
	}
	for (unsigned i = 0; i < FUNCTIONS; i++)
		for (unsigned k = 0; function(i) && k < PCIE_CONFIG_SIZE; k++)
			f->config[i][k] =
				(uint8_t)pci_config_read(function(i), k, 1);
	find_ram(KERNEL_AT, f->kernel, sizeof(f->kernel));
	find_ram(p->initrd.base, f->initrd, sizeof(f->initrd));
	find_ram(BOARD_ACPI, f->acpi, sizeof(f->acpi));
	find_ram(BOARD_INFO, f->info, sizeof(f->info));
	find_ram(BOARD_SCRATCH, f->scratch, sizeof(f->scratch));
	find_ram(0xffff0, f->vector, sizeof(f->vector));
	find_ports(f);
	f->ecam = machine.host.ecam.base;
	for (unsigned i = 0; i < 24; i++)
		f->lines[i] = fake_kvm_line(i);
	f->slots = fake_kvm_slots();
	f->irqfds = fake_kvm_irqfds();
	f->maps = fake_dma_maps();
	f->pins = fake_kvm_routes();
	f->vectors = fake_pci_vectors(BDF, 2);
}

#define SAME(what) check_same(#what, &first.what, &now.what, sizeof(first.what))

static void check_same(const char *what, const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (size_t i = 0; i < n; i++)
		if (x[i] != y[i])
			fail_msg("%s, byte %#zx: %#x, was %#x", what, i, y[i],
				 x[i]);
}

static void check_all_same(void)
{
	SAME(cpu[0]);
	SAME(cpu[1]);
	SAME(chip);
	for (unsigned i = 0; i < FUNCTIONS; i++) {
		print_message("  function %u\n", i);
		SAME(config[i]);
	}
	SAME(kernel);
	SAME(initrd);
	SAME(acpi);
	SAME(info);
	SAME(scratch);
	SAME(vector);
	SAME(uart);
	SAME(rtc);
	SAME(i8042);
	SAME(power);
	SAME(reset_control);
	SAME(latch);
	SAME(ecam);
	SAME(lines);
	SAME(slots);
	SAME(irqfds);
	SAME(maps);
	SAME(pins);
	SAME(vectors);
}

/* -------- what a guest changes -------- */

static void change_cpu(unsigned i)
{
	int fd = machine.vm.vcpus[i].fd;
	static struct found_cpu f; /* two vCPUs, one thread */
	union {
		struct kvm_msrs list;
		uint8_t room[sizeof(struct kvm_msrs) +
			     sizeof(struct kvm_msr_entry)];
	} m = { .list.nmsrs = 1 };

	memset(&f, 0x55, sizeof(f));
	f.xcrs.nr_xcrs = 1;
	sys_ioctl(fd, KVM_SET_REGS, &f.regs);
	sys_ioctl(fd, KVM_SET_SREGS, &f.sregs);
	sys_ioctl(fd, KVM_SET_XCRS, &f.xcrs);
	sys_ioctl(fd, KVM_SET_DEBUGREGS, &f.debug);
	sys_ioctl(fd, KVM_SET_VCPU_EVENTS, &f.events);
	sys_ioctl(fd, KVM_SET_LAPIC, &f.lapic);
	sys_ioctl(fd, KVM_SET_MP_STATE, &f.mp);
	sys_ioctl(fd, KVM_SET_XSAVE, (struct kvm_xsave *)f.xsave);
	for (unsigned k = 0; k < ARRAY_LEN(msrs); k++) {
		m.list.entries[0].index = msrs[k];
		m.list.entries[0].data = 0x5500 + k;
		sys_ioctl(fd, KVM_SET_MSRS, &m.list);
	}
}

static void change_ram(gpa_t at)
{
	memset(mem_at(&machine.vm.mem, at, 16), 0xdd, 16);
}

static void change_ports(void)
{
	out(BOARD_UART_PORT + 3, 1, 0x80);
	out(BOARD_UART_PORT, 2, 0x0202);   /* divisor */
	out(BOARD_UART_PORT + 3, 1, 0x1b); /* 8 bits, even */
	out(BOARD_UART_PORT + 2, 1, 0xc1);
	out(BOARD_UART_PORT + 4, 1, 0x0b); /* RTS, OUT2 */
	out(BOARD_UART_PORT + 7, 1, 0x5a);
	out(BOARD_UART_PORT + 1, 1, 0x0f);
	assert_int_equal(fake_kvm_line(BOARD_UART_GSI), 1);
	out(BOARD_RTC_PORT, 2, 0x200a);
	out(BOARD_RTC_PORT, 2, 0x860b);
	out(0x64, 1, 0x60);
	out(0x60, 1, 0x30);
	out(0x64, 1, 0x20); /* its answer stays */
	out(BOARD_POWER_PORT, 1, 0x10);
	out(0xcf8, 4, 0x80001234);
	out(0xcf9, 1, 0x0a);
}

/* Decode on, pages shown, a vector open. */
static void change_function(struct pci_device *f)
{
	struct bus *mmio = &machine.vm.mmio;
	uint64_t bar;

	pci_config_write(f, PCI_INTERRUPT_LINE, 1, 77);
	pci_config_write(f, 0x80 + PCI_EXP_DEVCTL, 2, 0x283f);
	pci_config_write(f, PCI_COMMAND, 2, 0x106);
	bar = pci_bar_address(f, 0);
	assert_false(bus_is_free(mmio, bar, 0x4000));
	bus_write(mmio, bar + 0x2000, 8, 0xfee00000);
	bus_write(mmio, bar + 0x2008, 4, 0x41);
	bus_write(mmio, bar + 0x200c, 4, 0);
	pci_config_write(f, 0x42, 2, 0x8000);
	assert_true(fake_pci_vectors(BDF, 2) > 0);
}

static void change_pci(void)
{
	pci_config_write(function(0), 0x60, 4, 0xb0000001);
	assert_int_equal(machine.host.ecam.base, 0xb0000000);
	pci_config_write(function(1), PCI_INTERRUPT_LINE, 1, 5);
	if (!function(2))
		return;
	change_function(function(3));
	pci_config_write(function(2), PCI_PRIMARY_BUS, 4, 0x00090900);
	pci_config_write(function(2), PCI_BRIDGE_CONTROL, 2, 0x3);
	pci_config_write(function(2), PCI_MEMORY_BASE, 4, 0xc000b000);
	pci_config_write(function(2), 0x40 + PCI_EXP_LNKCTL, 2, 0x40);
}

static void change_all(void)
{
	static struct kvm_irqchip chip;

	change_pci();
	change_ports();
	for (unsigned i = 0; i < CPUS; i++)
		change_cpu(i);
	for (unsigned i = 0; i < 3; i++) {
		memset(&chip, 0x55, sizeof(chip));
		chip.chip_id = i;
		sys_ioctl(machine.vm.fd, KVM_SET_IRQCHIP, &chip);
	}
	change_ram(KERNEL_AT + 64);
	change_ram(machine.platform.initrd.base);
	change_ram(BOARD_ACPI);
	change_ram(BOARD_INFO + 0x200);
	change_ram(BOARD_SCRATCH);
	change_ram(0xffff0);
}

/* -------- the guest: vCPU 0 -------- */

struct guest {
	unsigned runs;	 /* so far */
	unsigned wanted; /* then it powers off */
	bool changes;	 /* all it can, and looks */
	uint64_t takes_ns;
	enum vm_end meanwhile; /* what somebody else wants at the reboot */
	unsigned fail_at;      /* the host call that fails from there on */
	unsigned kill_at;      /* the run in which SIGTERM comes */
	bool fail_pread;
	bool marks; /* fake_mark at the third run */
};

static int run_guest(struct kvm_run *run, unsigned index, void *arg)
{
	struct guest *g = arg;
	struct err e = ERR_NONE;

	if (index != 0)
		return FAKE_RUN_HALT;
	__atomic_add_fetch(&g->runs, 1, __ATOMIC_SEQ_CST);
	if (g->changes) {
		find_all(g->runs == 1 ? &first : &now);
		if (g->runs > 1)
			check_all_same();
		change_all();
	}
	fake_advance_ns(g->takes_ns);
	if (g->marks && g->runs == 3)
		fake_mark();
	if (g->runs >= g->wanted)
		return exit_by_out(run, BOARD_POWER_PORT,
				   0x20 | BOARD_S5_TYPE << 2);
	if (g->runs == g->kill_at)
		kill(getpid(), SIGTERM);
	if (config.on_reboot == CONFIG_REBOOT_RESET)
		fake_trace_clear();
	if (g->fail_pread)
		fake_fail_call("pread /boot/initrd", 1, EIO);
	if (g->fail_at)
		fake_fail_at(g->fail_at, EIO);
	if (g->meanwhile != VM_RUNNING) {
		vm_stop(&machine.vm, VM_REBOOTED, 0, NULL);
		(void)err_set(&e, -EINTR, "meanwhile");
		vm_stop(&machine.vm, g->meanwhile, 0, &e);
	}
	return exit_by_out(run, BOARD_POWER_PORT + 2, BOARD_RESET_VALUE);
}

static enum vm_end run_machine(struct guest *g)
{
	struct err e = ERR_NONE;

	put_kernel();
	fake_kvm_on_run(run_guest, g);
	if (machine_open(&machine, &config, &e) < 0)
		fail_msg("%s", e.text);
	(void)machine_run(&machine, &e);
	return machine.vm.stop.end;
}

static void use_disk(void)
{
	fake_pci_add(&disk);
	config = config_of_disk();
	config.on_reboot = CONFIG_REBOOT_RESET;
}

static void use_socket(void)
{
	const struct fake_user u = { .path = SOCKET, .bdf = BDF };

	use_disk();
	fake_user_add(&u);
	config.function[0] =
		(struct config_function){ CONFIG_VFIO_USER, SOCKET };
}

static void use_nothing(void)
{
	use_disk();
	config.n_functions = 0;
}

static const struct {
	const char *name;
	void (*use)(void);
} kinds[] = {
	{ "no function", use_nothing },
	{ "the kernel's", use_disk },
	{ "a server's", use_socket },
};

/* VFIO-RST-04, VFIO-RST-05, VFIO-INTX-06 */
static void guest_finds_what_it_found_at_first(void **state)
{
	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
		struct guest g = { .wanted = 4, .changes = true };

		print_message("%s\n", kinds[i].name);
		fake_reset();
		kinds[i].use();
		assert_int_equal(run_machine(&g), VM_POWERED_OFF);
		assert_int_equal(g.runs, 4);
		assert_int_equal(machine.runs.reboots, 3);
		machine_close(&machine);
		assert_null(fake_leaks());
	}
}

/* VFIO-RST-03: nothing may move when RAM is filled anew. */
static void dma_is_over_before_ram_is_filled(void **state)
{
	struct guest g = { .wanted = 2, .changes = true };

	use_disk();
	assert_int_equal(run_machine(&g), VM_POWERED_OFF);
	assert_true(fake_trace_has_in_order(
		"index=2 start=0 count=0",
		"pwrite device " BDF " region=7 off=0x4 len=2 value=0",
		"_RESET device " BDF, "KVM_SET_MP_STATE", "pread /boot/initrd",
		"KVM_SET_REGS"));
	machine_close(&machine);
}

static void many_reboots_leave_nothing_behind(void **state)
{
	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
		struct guest g = { .wanted = 200,
				   .takes_ns = SECOND,
				   .marks = true };

		print_message("%s\n", kinds[i].name);
		fake_reset();
		kinds[i].use();
		assert_int_equal(run_machine(&g), VM_POWERED_OFF);
		assert_null(fake_leaks());
		assert_int_equal(g.runs, 200);
		machine_close(&machine);
	}
	fake_reset();
}

/* -------- ends that come in between -------- */

static void what_the_host_wants_meanwhile_counts(void **state)
{
	static const enum vm_end ends[] = { VM_TIMED_OUT, VM_FAILED, VM_QUIT,
					    VM_RECLAIMED };

	use_nothing();
	for (unsigned i = 0; i < ARRAY_LEN(ends); i++) {
		struct guest g = { .wanted = 3, .meanwhile = ends[i] };

		print_message("  %s\n", vm_end_name(ends[i]));
		assert_int_equal(run_machine(&g), ends[i]);
		assert_int_equal(g.runs, 1);
		machine_close(&machine);
	}
}

static void what_the_guest_does_after_its_reboot_does_not(void **state)
{
	static const enum vm_end ends[] = { VM_POWERED_OFF, VM_CRASHED,
					    VM_DEBUG_EXIT };

	use_nothing();
	for (unsigned i = 0; i < ARRAY_LEN(ends); i++) {
		struct guest g = { .wanted = 3, .meanwhile = ends[i] };

		print_message("  %s\n", vm_end_name(ends[i]));
		assert_int_equal(run_machine(&g), VM_POWERED_OFF);
		assert_int_equal(g.runs, 3);
		machine_close(&machine);
	}
}

static void signal_is_heard_between_two_reboots(void **state)
{
	struct guest g = { .wanted = 1000, .takes_ns = SECOND, .kill_at = 5 };

	use_nothing();
	assert_int_equal(run_machine(&g), VM_FAILED);
	assert_string_equal(machine.vm.stop.err.text, "ended by signal TERM");
	assert_true(g.runs < 10);
	machine_close(&machine);
}

static void *kill_soon(void *arg)
{
	struct guest *g = arg;

	while (__atomic_load_n(&g->runs, __ATOMIC_SEQ_CST) < 1)
		usleep(1000);
	usleep(200000);
	kill(getpid(), SIGTERM);
	return NULL;
}

/* A function that does not come back may take its minute. */
static void signal_is_heard_while_functions_are_reset(void **state)
{
	struct guest g = { .wanted = 1000, .takes_ns = SECOND };
	pthread_t t;

	use_disk();
	fake_resets_hold(true);
	alarm(10);
	assert_int_equal(pthread_create(&t, NULL, kill_soon, &g), 0);
	assert_int_equal(run_machine(&g), VM_FAILED);
	alarm(0);
	pthread_join(t, NULL);
	assert_string_equal(machine.vm.stop.err.text, "ended by signal TERM");
	assert_int_equal(g.runs, 1);
	fake_resets_hold(false);
	machine_close(&machine);
}

static void *time_is_up(void *arg)
{
	struct guest *g = arg;

	while (__atomic_load_n(&g->runs, __ATOMIC_SEQ_CST) < 11)
		usleep(1000);
	usleep(100000);
	vm_stop(&machine.vm, VM_TIMED_OUT, 0, NULL);
	return NULL;
}

/* Ten are free; then a second passes, which others may use. */
static void endless_reboots_are_slowed_down(void **state)
{
	struct guest g = { .wanted = 100000 };
	pthread_t t;

	use_nothing();
	alarm(10);
	assert_int_equal(pthread_create(&t, NULL, time_is_up, &g), 0);
	assert_int_equal(run_machine(&g), VM_TIMED_OUT);
	pthread_join(t, NULL);
	alarm(0);
	assert_int_equal(g.runs, 11);
	machine_close(&machine);
}

/* -------- failures -------- */

static void initrd_that_cannot_be_read_again_ends_the_vm(void **state)
{
	struct guest g = { .wanted = 3, .fail_pread = true };

	use_nothing();
	assert_int_equal(run_machine(&g), VM_FAILED);
	assert_non_null(
		strstr(machine.vm.stop.err.text, "cannot read /boot/initrd"));
	assert_int_equal(g.runs, 1);
	machine_close(&machine);
}

/* Some are survived, some end the VM with a sentence; none leaves anything. */
static void no_failing_call_during_a_reboot_leaves_anything(void **state)
{
	unsigned ended = 0;

	for (unsigned n = 1; n <= 150; n++) {
		struct guest g = { .wanted = 2, .fail_at = n };
		enum vm_end end;

		fake_reset();
		use_nothing();
		end = run_machine(&g);
		fake_fail_none();
		if (end != VM_POWERED_OFF) {
			assert_int_equal(end, VM_FAILED);
			assert_true(machine.vm.stop.err.text[0] != '\0');
			ended++;
		}
		machine_close(&machine);
		machine_close(&machine);
		if (fake_leaks())
			fail_msg("call %u: %s", n, fake_leaks());
	}
	assert_true(ended > 20);
}

/* -------- what is not kept without need -------- */

static void a_reboot_is_the_end_by_default(void **state)
{
	struct guest g = { .wanted = 2 };

	use_nothing();
	config.on_reboot = CONFIG_REBOOT_EXIT;
	assert_int_equal(run_machine(&g), VM_REBOOTED);
	assert_int_equal(g.runs, 1);
	assert_int_equal(fake_trace_count("KVM_GET_LAPIC"), 0);
	machine_close(&machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(guest_finds_what_it_found_at_first),
		FAKE_TEST(dma_is_over_before_ram_is_filled),
		FAKE_TEST(many_reboots_leave_nothing_behind),
		FAKE_TEST(what_the_host_wants_meanwhile_counts),
		FAKE_TEST(what_the_guest_does_after_its_reboot_does_not),
		FAKE_TEST(signal_is_heard_between_two_reboots),
		FAKE_TEST(signal_is_heard_while_functions_are_reset),
		FAKE_TEST(endless_reboots_are_slowed_down),
		FAKE_TEST(initrd_that_cannot_be_read_again_ends_the_vm),
		FAKE_TEST(no_failing_call_during_a_reboot_leaves_anything),
		FAKE_TEST(a_reboot_is_the_end_by_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

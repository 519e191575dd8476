/* What each exit of KVM_RUN leads to. The script below is the guest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/kvm.h>
#include <string.h>

#include "tests/fakes/kernel.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/vm.h"

#define DATA_OFFSET 4096

/* One step: fill run, return what fake_run_fn returns. */
typedef int step_fn(struct kvm_run *run);

struct script {
	step_fn *step[8];
	unsigned at;
	bool completed; /* entered again after the last step */
};

static int play(struct kvm_run *run, unsigned index, void *arg)
{
	struct script *s = arg;

	if (s->at == ARRAY_LEN(s->step) || !s->step[s->at]) {
		s->completed = true;
		return FAKE_RUN_HALT;
	}
	return s->step[s->at++](run);
}

struct log {
	struct region region;
	uint64_t off[16], value[16];
	unsigned len[16], n;
};

static uint64_t log_read(struct region *r, uint64_t off, unsigned len)
{
	struct log *l = container_of(r, struct log, region);

	l->off[l->n] = off;
	l->len[l->n] = len;
	return 0x8877665544332211 + l->n++;
}

static void log_write(struct region *r, uint64_t off, unsigned len, uint64_t v)
{
	struct log *l = container_of(r, struct log, region);

	l->off[l->n] = off;
	l->len[l->n] = len;
	l->value[l->n++] = v;
}

static const struct region_ops log_ops = { log_read, log_write };

struct machine {
	struct vm vm;
	struct script script;
	struct log ports, mmio;
};

static int power_off(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
	run->system_event.type = KVM_SYSTEM_EVENT_SHUTDOWN;
	return 0;
}

static void open_machine(struct machine *m)
{
	struct err e = ERR_NONE;

	memset(m, 0, sizeof(*m));
	assert_int_equal(vm_open(&m->vm, &e), 0);
	assert_int_equal(vm_create_cpus(&m->vm, 1, &e), 0);
	m->ports.region = (struct region){
		.name = "ports", .ops = &log_ops, .base = 0x100, .size = 0x10
	};
	m->mmio.region = (struct region){ .name = "mmio",
					  .ops = &log_ops,
					  .base = 0xd0000000,
					  .size = 0x1000 };
	assert_int_equal(bus_add(&m->vm.pio, &m->ports.region, &e), 0);
	assert_int_equal(bus_add(&m->vm.mmio, &m->mmio.region, &e), 0);
}

/* Run the steps that were filled in until the VM stops. */
static enum vm_end run_to_end(struct machine *m)
{
	struct err e = ERR_NONE;

	fake_kvm_on_run(play, &m->script);
	assert_int_equal(vm_start(&m->vm, &e), 0);
	assert_int_equal(loop_run(&m->vm.loop, &e), 0);
	vm_join(&m->vm);
	return m->vm.stop.end;
}

static bool says(const struct machine *m, const char *text)
{
	if (strstr(m->vm.stop.err.text, text))
		return true;
	print_message("  it says: %s\n", m->vm.stop.err.text);
	return false;
}

static void fill_io(struct kvm_run *run, unsigned direction, unsigned size,
		    uint16_t port, uint32_t count)
{
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = (uint8_t)direction;
	run->io.size = (uint8_t)size;
	run->io.port = port;
	run->io.count = count;
	run->io.data_offset = DATA_OFFSET;
}

static uint8_t *io_data(struct kvm_run *run)
{
	return (uint8_t *)run + DATA_OFFSET;
}

/* -------- accesses -------- */

static int out_dword(struct kvm_run *run)
{
	fill_io(run, KVM_EXIT_IO_OUT, 4, 0x104, 1);
	le32_store(io_data(run), 0xcafef00d);
	return 0;
}

static int in_word(struct kvm_run *run)
{
	fill_io(run, KVM_EXIT_IO_IN, 2, 0x100, 1);
	return 0;
}

static int check_in_word(struct kvm_run *run)
{
	assert_int_equal(le16_load(io_data(run)), 0x2212);
	return power_off(run);
}

static void port_accesses_reach_their_region(void **state)
{
	struct machine m;

	open_machine(&m);
	m.script.step[0] = out_dword;
	m.script.step[1] = in_word;
	m.script.step[2] = check_in_word;
	assert_int_equal(run_to_end(&m), VM_POWERED_OFF);
	assert_int_equal(m.ports.n, 2);
	assert_int_equal(m.ports.off[0], 4);
	assert_int_equal(m.ports.len[0], 4);
	assert_int_equal(m.ports.value[0], 0xcafef00d);
	assert_int_equal(m.ports.len[1], 2);
	assert_int_equal(m.vm.vcpus[0].exits[KVM_EXIT_IO], 2);
	vm_close(&m.vm);
}

static int rep_out(struct kvm_run *run)
{
	fill_io(run, KVM_EXIT_IO_OUT, 2, 0x102, 3);
	le16_store(io_data(run), 1);
	le16_store(io_data(run) + 2, 2);
	le16_store(io_data(run) + 4, 3);
	return 0;
}

static int rep_in(struct kvm_run *run)
{
	fill_io(run, KVM_EXIT_IO_IN, 1, 0x100, 2);
	return 0;
}

static int check_rep_in(struct kvm_run *run)
{
	assert_int_equal(io_data(run)[0], 0x14);
	assert_int_equal(io_data(run)[1], 0x15);
	return power_off(run);
}

/* VFIO-BAR-14 */
static void string_io_is_single_accesses_in_order(void **state)
{
	struct machine m;

	open_machine(&m);
	m.script.step[0] = rep_out;
	m.script.step[1] = rep_in;
	m.script.step[2] = check_rep_in;
	assert_int_equal(run_to_end(&m), VM_POWERED_OFF);
	assert_int_equal(m.ports.n, 5);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(m.ports.off[i], 2);
		assert_int_equal(m.ports.value[i], i + 1);
	}
	vm_close(&m.vm);
}

static int mmio_write8(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = 0xd0000008;
	run->mmio.len = 8;
	run->mmio.is_write = 1;
	le64_store(run->mmio.data, 0x1122334455667788);
	return 0;
}

static int mmio_read3(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = 0xd0000ffe;
	run->mmio.len = 3;
	run->mmio.is_write = 0;
	return 0;
}

static int check_mmio_read3(struct kvm_run *run)
{
	assert_int_equal(run->mmio.data[0], 0x12);
	assert_int_equal(run->mmio.data[1], 0x22);
	assert_int_equal(run->mmio.data[2], 0xff); /* past the region */
	return power_off(run);
}

static void mmio_accesses_reach_their_region(void **state)
{
	struct machine m;

	open_machine(&m);
	m.script.step[0] = mmio_write8;
	m.script.step[1] = mmio_read3;
	m.script.step[2] = check_mmio_read3;
	assert_int_equal(run_to_end(&m), VM_POWERED_OFF);
	assert_int_equal(m.mmio.n, 2);
	assert_true(m.mmio.value[0] == 0x1122334455667788);
	assert_int_equal(m.vm.vcpus[0].exits[KVM_EXIT_MMIO], 2);
	vm_close(&m.vm);
}

/* A region that ends the VM while it answers a read. */
static uint64_t ending_read(struct region *r, uint64_t off, unsigned len)
{
	struct log *l = container_of(r, struct log, region);
	struct machine *m = container_of(l, struct machine, ports);

	vm_stop(&m->vm, VM_DEBUG_EXIT, 3, NULL);
	return 0x5a;
}

static void region_may_end_the_vm(void **state)
{
	static const struct region_ops ending = { .read = ending_read };
	struct machine m;

	open_machine(&m);
	m.ports.region.ops = &ending;
	m.script.step[0] = in_word;
	m.script.step[1] = power_off; /* must not be reached */
	assert_int_equal(run_to_end(&m), VM_DEBUG_EXIT);
	assert_int_equal(m.vm.stop.code, 3);
	assert_int_equal(m.script.at, 1);
	/* Entered once more for the read's sake, without running. */
	assert_int_equal(m.vm.vcpus[0].run->exit_reason, KVM_EXIT_INTR);
	vm_close(&m.vm);
}

/* KVM does as many elements of REP MOVS before it looks whether to enter the
 * guest; none of it is left for the guest after a restart. */
static void long_string_is_over_when_the_vm_stops(void **state)
{
	static const struct region_ops ending = { .read = ending_read };
	struct machine m;

	open_machine(&m);
	m.ports.region.ops = &ending;
	m.script.step[0] = in_word;
	fake_kvm_parts(2 * 1024);
	assert_int_equal(run_to_end(&m), VM_DEBUG_EXIT);
	assert_int_equal(m.script.at, 1);
	assert_int_equal(m.vm.vcpus[0].run->exit_reason, KVM_EXIT_INTR);
	vm_close(&m.vm);
}

/* -------- going on -------- */

static int interrupted(struct kvm_run *run)
{
	return -EINTR;
}

static int try_again(struct kvm_run *run)
{
	return -EAGAIN;
}

static void signals_and_startup_go_on(void **state)
{
	struct machine m;

	open_machine(&m);
	m.script.step[0] = interrupted;
	m.script.step[1] = try_again;
	m.script.step[2] = power_off;
	assert_int_equal(run_to_end(&m), VM_POWERED_OFF);
	assert_int_equal(m.vm.vcpus[0].failures[VCPU_INTERRUPTED], 1);
	assert_int_equal(m.vm.vcpus[0].failures[VCPU_AGAIN], 1);
	assert_int_equal(m.vm.vcpus[0].exits[KVM_EXIT_SYSTEM_EVENT], 1);
	vm_close(&m.vm);
}

/* -------- ends -------- */

static int reset(struct kvm_run *run)
{
	power_off(run);
	run->system_event.type = KVM_SYSTEM_EVENT_RESET;
	return 0;
}

static int crash(struct kvm_run *run)
{
	power_off(run);
	run->system_event.type = KVM_SYSTEM_EVENT_CRASH;
	return 0;
}

static int unknown_event(struct kvm_run *run)
{
	power_off(run);
	run->system_event.type = 77;
	return 0;
}

static int shutdown(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_SHUTDOWN;
	return 0;
}

static int fail_entry(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_FAIL_ENTRY;
	run->fail_entry.hardware_entry_failure_reason = 0x80000021;
	run->fail_entry.cpu = 5;
	return 0;
}

static int emulation(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
	run->emulation_failure.ndata = 4;
	run->emulation_failure.flags =
		KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
	run->emulation_failure.insn_size = 4;
	memcpy(run->emulation_failure.insn_bytes, "\xc5\xfd\x6f\x07", 4);
	return 0;
}

static int emulation_without_bytes(struct kvm_run *run)
{
	emulation(run);
	run->emulation_failure.ndata = 0;
	return 0;
}

static int emulation_with_wild_size(struct kvm_run *run)
{
	emulation(run);
	run->emulation_failure.insn_size = 255;
	return 0;
}

static int delivery_event(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->internal.suberror = 3;
	return 0;
}

static int hlt(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_HLT;
	return 0;
}

static int hardware_unknown(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_UNKNOWN;
	run->hw.hardware_exit_reason = 0x7f;
	return 0;
}

static int from_the_future(struct kvm_run *run)
{
	run->exit_reason = 9999;
	return 0;
}

static int no_memory(struct kvm_run *run)
{
	return -ENOMEM;
}

/* VFIO-ERR-08 */
static void every_end_has_its_reason_and_sentence(void **state)
{
	static const struct {
		step_fn *step;
		enum vm_end end;
		const char *text;
	} cases[] = {
		{ reset, VM_REBOOTED, "" },
		{ crash, VM_CRASHED, "vCPU 0: the guest reports a crash" },
		{ unknown_event, VM_FAILED, "system event 77" },
		{ shutdown, VM_CRASHED, "vCPU 0: triple fault: cs:rip=" },
		{ fail_entry, VM_FAILED, "hardware reason 0x80000021" },
		{ emulation, VM_FAILED,
		  "cannot emulate the instruction c5 fd 6f 07" },
		{ emulation_without_bytes, VM_FAILED,
		  "cannot emulate an instruction" },
		{ emulation_with_wild_size, VM_FAILED,
		  "cannot emulate an instruction" },
		{ delivery_event, VM_FAILED, "suberror 3" },
		{ hlt, VM_FAILED, "exit 5 (KVM_EXIT_HLT)" },
		{ hardware_unknown, VM_FAILED, "hardware exit 0x7f" },
		{ from_the_future, VM_FAILED, "exit 9999 (unnamed)" },
		{ no_memory, VM_FAILED, "KVM_RUN failed with errno 12" },
	};

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		struct machine m;

		print_message("  case %u: %s\n", i, cases[i].text);
		open_machine(&m);
		m.script.step[0] = cases[i].step;
		assert_int_equal(run_to_end(&m), cases[i].end);
		assert_true(says(&m, cases[i].text));
		vm_close(&m.vm);
	}
}

/* -------- memory faults: VFIO-BAR-19 -------- */

static int fault(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_MEMORY_FAULT;
	run->memory_fault.gpa = 0xd0001000;
	return -EFAULT;
}

struct owner {
	unsigned asked;
	uint64_t gpa;
	bool has;
};

static bool withdraw(struct vm *vm, gpa_t gpa, void *arg)
{
	struct owner *o = arg;

	o->asked++;
	o->gpa = gpa;
	return o->has;
}

static void fault_in_a_window_withdraws_it_and_goes_on(void **state)
{
	struct owner o = { .has = true };
	struct machine m;

	open_machine(&m);
	m.vm.withdraw = withdraw;
	m.vm.withdraw_arg = &o;
	m.script.step[0] = fault;
	m.script.step[1] = power_off;
	assert_int_equal(run_to_end(&m), VM_POWERED_OFF);
	assert_int_equal(o.asked, 1);
	assert_int_equal(o.gpa, 0xd0001000);
	vm_close(&m.vm);
}

static void fault_elsewhere_stops_with_the_address(void **state)
{
	struct owner o = { .has = false };
	struct machine m;

	open_machine(&m);
	m.vm.withdraw = withdraw;
	m.vm.withdraw_arg = &o;
	m.script.step[0] = fault;
	assert_int_equal(run_to_end(&m), VM_FAILED);
	assert_true(says(&m, "cannot reach guest memory at 0xd0001000"));
	vm_close(&m.vm);
}

static void fault_without_an_owner_hook_stops(void **state)
{
	struct machine m;

	open_machine(&m);
	m.script.step[0] = fault;
	assert_int_equal(run_to_end(&m), VM_FAILED);
	vm_close(&m.vm);
}

static void fault_on_an_old_kernel_has_no_address(void **state)
{
	struct owner o = { .has = false };
	struct machine m;

	fake_kvm_cap(KVM_CAP_MEMORY_FAULT_INFO, 0);
	open_machine(&m);
	m.vm.withdraw = withdraw;
	m.vm.withdraw_arg = &o;
	m.script.step[0] = fault;
	assert_int_equal(run_to_end(&m), VM_FAILED);
	assert_true(o.gpa == VM_GPA_UNKNOWN);
	assert_true(says(&m, "cannot reach memory that the guest uses"));
	vm_close(&m.vm);
}

static int fault_for_ever(struct kvm_run *run, unsigned index, void *arg)
{
	return fault(run);
}

static void fault_that_never_ends_stops_the_vm(void **state)
{
	struct owner o = { .has = true };
	struct err e = ERR_NONE;
	struct machine m;

	open_machine(&m);
	m.vm.withdraw = withdraw;
	m.vm.withdraw_arg = &o;
	fake_kvm_on_run(fault_for_ever, NULL);
	assert_int_equal(vm_start(&m.vm, &e), 0);
	assert_int_equal(loop_run(&m.vm.loop, &e), 0);
	vm_join(&m.vm);
	assert_int_equal(m.vm.stop.end, VM_FAILED);
	assert_int_equal(o.asked, 16);
	vm_close(&m.vm);
}

static int fault_between_exits(struct kvm_run *run, unsigned index, void *arg)
{
	unsigned *n = arg;

	if (++*n == 200)
		return power_off(run);
	if (*n % 2)
		return fault(run);
	return out_dword(run);
}

static void faults_with_progress_between_do_not_count(void **state)
{
	struct owner o = { .has = true };
	struct err e = ERR_NONE;
	struct machine m;
	unsigned n = 0;

	open_machine(&m);
	m.ports.region.ops = NULL;
	m.vm.withdraw = withdraw;
	m.vm.withdraw_arg = &o;
	fake_kvm_on_run(fault_between_exits, &n);
	assert_int_equal(vm_start(&m.vm, &e), 0);
	assert_int_equal(loop_run(&m.vm.loop, &e), 0);
	vm_join(&m.vm);
	assert_int_equal(m.vm.stop.end, VM_POWERED_OFF);
	assert_int_equal(o.asked, 100);
	vm_close(&m.vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(port_accesses_reach_their_region),
		FAKE_TEST(string_io_is_single_accesses_in_order),
		FAKE_TEST(mmio_accesses_reach_their_region),
		FAKE_TEST(region_may_end_the_vm),
		FAKE_TEST(long_string_is_over_when_the_vm_stops),
		FAKE_TEST(signals_and_startup_go_on),
		FAKE_TEST(every_end_has_its_reason_and_sentence),
		FAKE_TEST(fault_in_a_window_withdraws_it_and_goes_on),
		FAKE_TEST(fault_elsewhere_stops_with_the_address),
		FAKE_TEST(fault_without_an_owner_hook_stops),
		FAKE_TEST(fault_on_an_old_kernel_has_no_address),
		FAKE_TEST(fault_that_never_ends_stops_the_vm),
		FAKE_TEST(faults_with_progress_between_do_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

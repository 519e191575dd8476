/* What KVM holds at power-on is kept once and written back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/kvm.h>
#include <string.h>

#include "tests/fakes/kernel.h"
#include "vmm/base/sys.h"
#include "vmm/base/sys_calls.h"
#include "vmm/restart.h"

enum { PAT = 0x277, MTRR_DEF = 0x2ff, TSC = 0x10 };

static int open_kept(void *arg, struct err *e)
{
	struct vm *vm = arg;
	int rc;

	rc = vm_open(vm, e);
	if (rc == 0)
		rc = vm_create_cpus(vm, 2, e);
	if (rc == 0)
		rc = vm_keep_power_on(vm, e);
	if (rc < 0)
		vm_close(vm);
	return rc;
}

static void close_vm(void *arg)
{
	vm_close(arg);
}

static void keeping_survives_every_failure(void **state)
{
	struct vm vm;

	assert_true(fake_sweep(open_kept, close_vm, &vm, "kvm") > 60);
}

static void open_it(struct vm *vm)
{
	struct err e = ERR_NONE;

	if (open_kept(vm, &e) < 0)
		fail_msg("%s", e.text);
}

static void put_msr(struct vm *vm, uint32_t index, uint64_t value)
{
	union {
		struct kvm_msrs list;
		uint8_t room[sizeof(struct kvm_msrs) +
			     sizeof(struct kvm_msr_entry)];
	} m = { .list.nmsrs = 1 };

	m.list.entries[0].index = index;
	m.list.entries[0].data = value;
	assert_int_equal(sys_ioctl(vm->vcpus[0].fd, KVM_SET_MSRS, &m.list), 1);
}

static void recall(struct vm *vm)
{
	struct err e = ERR_NONE;

	assert_int_equal(vm_recall_irqchip(vm, &e), 0);
	if (vm_recall_cpus(vm, &e) < 0)
		fail_msg("%s", e.text);
}

static void only_msrs_that_changed_are_written(void **state)
{
	struct vm vm;

	open_it(&vm);
	fake_trace_clear();
	recall(&vm);
	/* each vCPU's time stamp counter */
	assert_int_equal(fake_trace_count("KVM_SET_MSRS"), 2);
	put_msr(&vm, MTRR_DEF, 0);
	fake_trace_clear();
	recall(&vm);
	assert_int_equal(fake_trace_count("KVM_SET_MSRS"), 3);
	assert_int_equal(fake_kvm_msr(0, MTRR_DEF), 0x806);
	assert_int_equal(fake_kvm_msr(0, TSC), 0);
	vm_close(&vm);
}

static void msr_that_kvm_lacks_is_left_out(void **state)
{
	struct vm vm;

	fake_kvm_msr_absent(PAT);
	open_it(&vm);
	put_msr(&vm, MTRR_DEF, 0);
	recall(&vm);
	assert_int_equal(fake_kvm_msr(0, PAT), -1);
	assert_int_equal(fake_kvm_msr(0, MTRR_DEF), 0x806);
	vm_close(&vm);
}

static void msr_that_kvm_refuses_does_not_stop_the_others(void **state)
{
	struct vm vm;

	open_it(&vm);
	put_msr(&vm, PAT, 5);
	put_msr(&vm, MTRR_DEF, 0);
	fake_kvm_msr_refuse(PAT);
	recall(&vm);
	assert_int_equal(fake_kvm_msr(0, PAT), 5);
	assert_int_equal(fake_kvm_msr(0, MTRR_DEF), 0x806);
	vm_close(&vm);
}

/* A start-up IPI on its way would start a vCPU that waits for none. */
static void pending_start_up_is_taken_before_the_state_is_written(void **state)
{
	struct vm vm;

	open_it(&vm);
	fake_trace_clear();
	recall(&vm);
	assert_true(fake_trace_has_in_order(
		"KVM_SET_IRQCHIP", "KVM_SET_CLOCK", "KVM_GET_MP_STATE vcpu 0",
		"KVM_SET_SREGS vcpu 0", "KVM_SET_LAPIC vcpu 0",
		"KVM_SET_MP_STATE vcpu 0", "KVM_GET_MP_STATE vcpu 1",
		"KVM_SET_MP_STATE vcpu 1"));
	vm_close(&vm);
}

/* What a restart asks KVM for. */
static const char *const calls[] = {
	"KVM_SET_IRQCHIP",  "KVM_SET_CLOCK",	 "KVM_GET_MP_STATE",
	"KVM_GET_MSRS",	    "KVM_SET_MSRS",	 "KVM_SET_SREGS",
	"KVM_SET_REGS",	    "KVM_SET_XCRS",	 "KVM_SET_XSAVE",
	"KVM_SET_LAPIC",    "KVM_SET_DEBUGREGS", "KVM_SET_VCPU_EVENTS",
	"KVM_SET_MP_STATE",
};

static const struct sys_command *command(const char *name)
{
	const struct sys_command *c = sys_commands;

	while (c->name && strcmp(c->name, name) != 0)
		c++;
	return c;
}

/* The filter of a machine at work is there by then. */
static void each_call_is_allowed_to_a_machine_at_work(void **state)
{
	for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		print_message("  %s\n", calls[i]);
		assert_non_null(command(calls[i])->name);
		assert_int_equal(command(calls[i])->when, SYS_RUN);
	}
}

static void each_refusal_is_named(void **state)
{
	struct vm vm;

	open_it(&vm);
	for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		struct err e = ERR_NONE;
		int rc;

		print_message("  %s\n", calls[i]);
		fake_fail_ioctl(calls[i], 1, EINVAL);
		rc = vm_recall_irqchip(&vm, &e);
		if (rc == 0)
			rc = vm_recall_cpus(&vm, &e);
		assert_int_equal(rc, -EINVAL);
		assert_int_equal(strncmp(e.text, "kvm: ", 5), 0);
	}
	vm_close(&vm);
}

static void a_vm_that_did_not_reboot_is_not_started_again(void **state)
{
	struct vm vm;

	open_it(&vm);
	assert_false(vm_again(&vm));
	vm_stop(&vm, VM_REBOOTED, 0, NULL);
	assert_true(vm_stopping(&vm));
	assert_true(loop_stopped_at(&vm.loop) == 0);
	assert_true(vm_again(&vm));
	assert_false(vm_stopping(&vm));
	vm_stop(&vm, VM_QUIT, 0, NULL);
	assert_true(loop_stopped_at(&vm.loop) != 0);
	assert_false(vm_again(&vm));
	vm_close(&vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(keeping_survives_every_failure),
		FAKE_TEST(only_msrs_that_changed_are_written),
		FAKE_TEST(msr_that_kvm_lacks_is_left_out),
		FAKE_TEST(msr_that_kvm_refuses_does_not_stop_the_others),
		FAKE_TEST(
			pending_start_up_is_taken_before_the_state_is_written),
		FAKE_TEST(each_call_is_allowed_to_a_machine_at_work),
		FAKE_TEST(each_refusal_is_named),
		FAKE_TEST(a_vm_that_did_not_reboot_is_not_started_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

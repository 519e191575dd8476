/* A VM is opened whole or not at all, stopped once, and torn down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>

#include "tests/fakes/kernel.h"
#include "vmm/arch.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/vm.h"

static int open_vm(void *arg, struct err *e)
{
	return vm_open(arg, e);
}

static void close_vm(void *arg)
{
	vm_close(arg);
}

static void opening_survives_every_failure(void **state)
{
	struct vm vm;

	assert_true(fake_sweep(open_vm, close_vm, &vm, "kvm: ") > 20);
}

static int open_with_cpus(void *arg, struct err *e)
{
	struct vm *vm = arg;
	int rc;

	rc = vm_open(vm, e);
	if (rc < 0)
		return rc;
	rc = mem_add_ram(&vm->mem, 0, 2 << 20, MEM_PLAIN, e);
	if (rc == 0)
		rc = vm_create_cpus(vm, 2, e);
	if (rc < 0)
		vm_close(vm);
	return rc;
}

static void creating_cpus_survives_every_failure(void **state)
{
	struct vm vm;

	assert_true(fake_sweep(open_with_cpus, close_vm, &vm, NULL) > 40);
}

static void closing_what_was_never_opened_is_safe(void **state)
{
	struct vm vm = VM_EMPTY;

	vm_join(&vm);
	vm_stop(&vm, VM_QUIT, 0, NULL);
	vm_close(&vm);
	vm_close(&vm);
	assert_int_equal(fake_calls(), 0);
}

/* VFIO-KVM-01 */
static void each_missing_capability_is_named(void **state)
{
	static const struct {
		int cap;
		const char *name;
	} needed[] = {
		{ KVM_CAP_USER_MEMORY, "USER_MEMORY" },
		{ KVM_CAP_SYNC_MMU, "SYNC_MMU" },
		{ KVM_CAP_READONLY_MEM, "READONLY_MEM" },
		{ KVM_CAP_IRQCHIP, "IRQCHIP" },
		{ KVM_CAP_IRQFD, "IRQFD" },
		{ KVM_CAP_IOEVENTFD, "IOEVENTFD" },
		{ KVM_CAP_SIGNAL_MSI, "SIGNAL_MSI" },
		{ KVM_CAP_DEVICE_CTRL, "DEVICE_CTRL" },
		{ KVM_CAP_IMMEDIATE_EXIT, "IMMEDIATE_EXIT" },
		{ KVM_CAP_IRQ_ROUTING, "interrupt routes" },
	};

	for (unsigned i = 0; i < ARRAY_LEN(needed); i++) {
		struct err e = ERR_NONE;
		struct vm vm;

		print_message("  %s\n", needed[i].name);
		fake_kvm_cap(needed[i].cap, 0);
		assert_int_equal(vm_open(&vm, &e), -ENOTSUP);
		assert_non_null(strstr(e.text, needed[i].name));
		fake_kvm_cap(needed[i].cap,
			     needed[i].cap == KVM_CAP_IRQ_ROUTING ? 4096 : 1);
	}
}

static void optional_capabilities_may_be_missing(void **state)
{
	static const int optional[] = {
		KVM_CAP_IRQFD_RESAMPLE,	    KVM_CAP_X2APIC_API,
		KVM_CAP_TSC_DEADLINE_TIMER, KVM_CAP_MEMORY_FAULT_INFO,
		KVM_CAP_NR_MEMSLOTS,	    KVM_CAP_MAX_VCPU_ID,
	};
	struct err e = ERR_NONE;
	struct vm vm;

	for (unsigned i = 0; i < ARRAY_LEN(optional); i++)
		if (optional[i] != KVM_CAP_NR_MEMSLOTS &&
		    optional[i] != KVM_CAP_MAX_VCPU_ID)
			fake_kvm_cap(optional[i], 0);
	assert_int_equal(vm_open(&vm, &e), 0);
	assert_int_equal(vm_create_cpus(&vm, 1, &e), 0);
	assert_false(vm.caps.resample);
	assert_false(vm.caps.memory_fault);
	assert_int_equal(fake_trace_count("KVM_ENABLE_CAP"), 0);
	vm_close(&vm);
}

static void missing_dev_kvm_comes_with_a_hint(void **state)
{
	struct err e = ERR_NONE;
	struct vm vm;

	fake_remove("/dev/kvm");
	assert_int_equal(vm_open(&vm, &e), -ENOENT);
	assert_string_equal(e.text, "kvm: cannot open /dev/kvm: No such file "
				    "or directory");
	assert_non_null(strstr(e.hint, "kvm_intel"));
}

static void forbidden_dev_kvm_comes_with_a_hint(void **state)
{
	struct err e = ERR_NONE;
	struct vm vm;

	fake_fail_call("open /dev/kvm", 1, EACCES);
	assert_int_equal(vm_open(&vm, &e), -EACCES);
	assert_non_null(strstr(e.hint, "group"));
}

static void busy_cpu_comes_with_a_hint(void **state)
{
	struct err e = ERR_NONE;
	struct vm vm;

	fake_fail_ioctl("KVM_CREATE_VM", 1, EBUSY);
	assert_int_equal(vm_open(&vm, &e), -EBUSY);
	assert_non_null(strstr(e.hint, "another hypervisor"));
}

/* VFIO-KVM-02 */
static void creation_order_is_what_kvm_wants(void **state)
{
	struct err e = ERR_NONE;
	struct vm vm;

	assert_int_equal(open_with_cpus(&vm, &e), 0);
	assert_true(fake_trace_has_in_order(
		"KVM_CREATE_VM", "KVM_SET_USER_MEMORY_REGION",
		"KVM_SET_IDENTITY_MAP_ADDR", "KVM_SET_TSS_ADDR",
		"KVM_ENABLE_CAP", "KVM_CREATE_IRQCHIP", "KVM_SET_GSI_ROUTING",
		"KVM_CREATE_VCPU", "KVM_SET_CPUID2", "KVM_SET_MSRS",
		"KVM_CREATE_VCPU"));
	assert_int_equal(fake_trace_count("KVM_GET_SUPPORTED_CPUID"), 1);
	assert_int_equal(fake_trace_count("KVM_CREATE_PIT2"), 0);
	vm_close(&vm);
}

/* VFIO-KVM-19: timers of a guest go by a rate that the host's kernel believes
 * in; a kernel that cannot be told keeps its own. */
static void the_rate_of_the_tsc_is_that_of_now(void **state)
{
	struct err e = ERR_NONE;
	struct vm vm;

	assert_int_equal(open_with_cpus(&vm, &e), 0);
	assert_true(fake_trace_has_in_order("KVM_CREATE_VM", "KVM_SET_TSC_KHZ",
					    "KVM_CREATE_VCPU"));
	vm_close(&vm);

	fake_fail_ioctl("KVM_SET_TSC_KHZ", 0, ENOTTY);
	assert_int_equal(open_with_cpus(&vm, &e), 0);
	vm_close(&vm);
}

/* VFIO-KVM-03, VFIO-INTX-02: all of them, never a split with the IOAPIC on our
 * side; so a level interrupt is resampled by KVM. A KVM that refuses ends it.
 */
static void interrupt_controllers_are_all_in_the_kernel(void **state)
{
	struct err e = ERR_NONE;
	struct vm vm;

	assert_int_equal(open_with_cpus(&vm, &e), 0);
	assert_int_equal(fake_trace_count("KVM_CREATE_IRQCHIP"), 1);
	/* That of x2APIC ids; a split would be a second. */
	assert_int_equal(fake_trace_count("KVM_ENABLE_CAP"), 1);
	vm_close(&vm);
	fake_trace_clear();
	fake_fail_ioctl("KVM_CREATE_IRQCHIP", 1, EINVAL);
	assert_int_equal(open_with_cpus(&vm, &e), -EINVAL);
	assert_non_null(strstr(e.text, "no interrupt controllers"));
	assert_int_equal(fake_trace_count("KVM_CREATE_VCPU"), 0);
}

static void opening_takes_few_host_calls(void **state)
{
	struct err e = ERR_NONE;
	struct vm vm;

	assert_int_equal(open_with_cpus(&vm, &e), 0);
	print_message("  %u host calls for two vCPUs\n", fake_calls());
	assert_true(fake_calls() <= 50);
	vm_close(&vm);
}

static void number_of_vcpus_is_checked(void **state)
{
	static const struct {
		unsigned n;
		int rc;
	} cases[] = { { 0, -EINVAL }, { 9, -EINVAL }, { 8, 0 } };
	struct err e = ERR_NONE;
	struct vm vm;

	fake_kvm_cap(KVM_CAP_MAX_VCPUS, 8);
	assert_int_equal(vm_open(&vm, &e), 0);
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(vm_create_cpus(&vm, cases[i].n, &e),
				 cases[i].rc);
	assert_non_null(strstr(e.text, "9 vCPUs are not between 1 and 8"));
	vm_close(&vm);
}

/* VFIO-IRQ-03: so every APIC id fits the eight bits of a message. */
static void limit_of_vcpus_is_255(void **state)
{
	struct err e = ERR_NONE;
	struct vm vm;

	assert_int_equal(vm_open(&vm, &e), 0);
	assert_int_equal(vm_create_cpus(&vm, 256, &e), -EINVAL);
	assert_non_null(strstr(e.text, "between 1 and 255"));
	vm_close(&vm);
}

/* VFIO-KVM-11, VFIO-OPEN-14 */
static void every_vcpu_has_its_cpuid_and_msrs(void **state)
{
	struct err e = ERR_NONE;
	struct vm vm;

	assert_int_equal(vm_open(&vm, &e), 0);
	assert_int_equal(vm_create_cpus(&vm, 64, &e), 0);
	for (unsigned i = 0; i < 64; i++) {
		const struct kvm_cpuid2 *c =
			fake_kvm_vcpu_state(i, KVM_SET_CPUID2);
		bool seen = false;

		assert_non_null(c);
		for (uint32_t k = 0; k < c->nent; k++)
			if (c->entries[k].function == 1)
				seen = c->entries[k].ebx >> 24 == i;
		assert_true(seen);
		assert_int_equal(fake_kvm_msr(i, 0x2ff), 0x806);
		assert_int_equal(fake_kvm_msr(i, 0x1a0) & 1, 1);
		assert_int_equal(arch_cpu_id(&vm, i), i);
	}
	vm_close(&vm);
}

static void physical_width_respects_the_cap(void **state)
{
	struct err e = ERR_NONE;
	unsigned own;
	struct vm vm;

	assert_int_equal(vm_open(&vm, &e), 0);
	own = arch_phys_bits(&vm);
	assert_true(own >= 36 && own <= 52);
	vm.phys_bits_cap = 36;
	assert_int_equal(arch_phys_bits(&vm), 36);
	vm.phys_bits_cap = 60;
	assert_int_equal(arch_phys_bits(&vm), own);
	vm_close(&vm);
}

/* -------- running -------- */

static void make(struct vm *vm, unsigned n)
{
	struct err e = ERR_NONE;

	assert_int_equal(vm_open(vm, &e), 0);
	assert_int_equal(vm_create_cpus(vm, n, &e), 0);
}

static void halted_vcpus_stop_when_told(void **state)
{
	struct err e = ERR_NONE;
	struct vm vm;

	make(&vm, 16);
	assert_int_equal(vm_start(&vm, &e), 0);
	assert_false(vm_stopping(&vm));
	vm_stop(&vm, VM_QUIT, 0, NULL);
	assert_true(vm_stopping(&vm));
	assert_int_equal(loop_run(&vm.loop, &e), 0);
	vm_join(&vm);
	vm_join(&vm);
	assert_int_equal(vm.stop.end, VM_QUIT);
	vm_close(&vm);
}

static void first_reason_stays(void **state)
{
	struct vm vm = VM_EMPTY;
	struct err first = ERR_NONE, second = ERR_NONE;

	err_set(&first, -EIO, "first");
	err_set(&second, -EIO, "second");
	vm_stop(&vm, VM_FAILED, 7, &first);
	vm_stop(&vm, VM_POWERED_OFF, 0, &second);
	assert_int_equal(vm.stop.end, VM_FAILED);
	assert_int_equal(vm.stop.code, 7);
	assert_string_equal(vm.stop.err.text, "first");
	vm_close(&vm);
}

/* vCPU 0 ends the VM while the others may still be starting. */
static int power_off_at_once(struct kvm_run *run, unsigned index, void *arg)
{
	if (index != 0)
		return FAKE_RUN_HALT;
	run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
	run->system_event.type = KVM_SYSTEM_EVENT_SHUTDOWN;
	return 0;
}

static void stop_during_start_reaches_every_vcpu(void **state)
{
	for (unsigned i = 0; i < 20; i++) {
		struct err e = ERR_NONE;
		struct vm vm;

		make(&vm, 8);
		fake_kvm_on_run(power_off_at_once, NULL);
		assert_int_equal(vm_start(&vm, &e), 0);
		assert_int_equal(loop_run(&vm.loop, &e), 0);
		vm_join(&vm);
		assert_int_equal(vm.stop.end, VM_POWERED_OFF);
		vm_close(&vm);
	}
}

static void failing_start_leaves_no_thread(void **state)
{
	struct err e = ERR_NONE;
	struct vm vm;

	make(&vm, 2);
	fake_fail_call("catch", 1, EINVAL);
	assert_int_equal(vm_start(&vm, &e), -EINVAL);
	assert_non_null(strstr(e.text, "signal"));
	assert_false(vm.vcpus[0].started);
	vm_close(&vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(opening_survives_every_failure),
		FAKE_TEST(creating_cpus_survives_every_failure),
		FAKE_TEST(closing_what_was_never_opened_is_safe),
		FAKE_TEST(each_missing_capability_is_named),
		FAKE_TEST(optional_capabilities_may_be_missing),
		FAKE_TEST(missing_dev_kvm_comes_with_a_hint),
		FAKE_TEST(forbidden_dev_kvm_comes_with_a_hint),
		FAKE_TEST(busy_cpu_comes_with_a_hint),
		FAKE_TEST(creation_order_is_what_kvm_wants),
		FAKE_TEST(the_rate_of_the_tsc_is_that_of_now),
		FAKE_TEST(interrupt_controllers_are_all_in_the_kernel),
		FAKE_TEST(opening_takes_few_host_calls),
		FAKE_TEST(number_of_vcpus_is_checked),
		FAKE_TEST(limit_of_vcpus_is_255),
		FAKE_TEST(every_vcpu_has_its_cpuid_and_msrs),
		FAKE_TEST(physical_width_respects_the_cap),
		FAKE_TEST(halted_vcpus_stop_when_told),
		FAKE_TEST(first_reason_stays),
		FAKE_TEST(stop_during_start_reaches_every_vcpu),
		FAKE_TEST(failing_start_leaves_no_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

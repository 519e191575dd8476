/* The state in which vCPU 0 enters, and ioeventfds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/kvm.h>
#include <string.h>

#include "tests/fakes/kernel.h"
#include "vmm/arch.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/kick.h"

enum { SCRATCH = 0x10000 };

/* In one place for good: vCPUs and routes point to it. */
static struct vm *open_vm(void)
{
	static struct vm vm;
	struct err e = ERR_NONE;

	assert_int_equal(vm_open(&vm, &e), 0);
	assert_int_equal(mem_add_ram(&vm.mem, 0, 2 << 20, MEM_PLAIN, &e), 0);
	assert_int_equal(vm_create_cpus(&vm, 1, &e), 0);
	return &vm;
}

static void boot(struct vm *vm, enum arch_entry entry, uint64_t pc)
{
	const struct arch_boot b = {
		.entry = entry, .pc = pc, .info = 0x7000, .scratch = SCRATCH
	};
	struct err e = ERR_NONE;

	assert_int_equal(arch_vcpu_boot(&vm->vcpus[0], &b, &e), 0);
}

static const struct kvm_regs *regs(void)
{
	return fake_kvm_vcpu_state(0, KVM_SET_REGS);
}

static const struct kvm_sregs *sregs(void)
{
	return fake_kvm_vcpu_state(0, KVM_SET_SREGS);
}

static uint64_t table(struct vm *vm, gpa_t at)
{
	return le64_load(mem_at(&vm->mem, at, 8));
}

/* Walk the page tables as the processor would; all ones: not mapped. */
static uint64_t translate(struct vm *vm, uint64_t linear)
{
	uint64_t entry = table(vm, sregs()->cr3 + 8 * (linear >> 39 & 511));

	assert_true(entry & 1);
	entry = table(vm, (entry & ~0xfffull) + 8 * (linear >> 30 & 511));
	if (!(entry & 1))
		return UINT64_MAX;
	entry = table(vm, (entry & ~0xfffull) + 8 * (linear >> 21 & 511));
	assert_int_equal(entry & 0x83, 0x83); /* present, writable, large */
	return (entry & ~0x1fffffull) | (linear & 0x1fffff);
}

/* VFIO-KVM-12 */
static void linux64_enters_long_mode_on_an_identity_map(void **state)
{
	struct vm *vm = open_vm();

	boot(vm, ARCH_ENTRY_LINUX64, 0x100200);
	assert_int_equal(regs()->rip, 0x100200);
	assert_int_equal(regs()->rsi, 0x7000);
	assert_int_equal(regs()->rflags, 2); /* interrupts off */
	assert_int_equal(sregs()->efer, 0x500);
	assert_int_equal(sregs()->cr4, 0x20);
	assert_int_equal(sregs()->cr0 & 0x80000001, 0x80000001);
	assert_int_equal(sregs()->cs.selector, 0x10);
	assert_int_equal(sregs()->cs.l, 1);
	assert_int_equal(sregs()->cs.db, 0);
	assert_int_equal(sregs()->ds.selector, 0x18);
	assert_int_equal(sregs()->ss.selector, 0x18);
	assert_int_equal(sregs()->tr.type, 11);
	static const uint64_t places[] = { 0, 0x100200, 0x7fffffff, 0xe0000000,
					   0xffffffff };
	for (unsigned i = 0; i < ARRAY_LEN(places); i++)
		assert_int_equal(translate(vm, places[i]), places[i]);
	assert_true(translate(vm, UINT64_C(1) << 32) == UINT64_MAX);
	vm_close(vm);
}

static void descriptors_in_memory_match_the_registers(void **state)
{
	struct vm *vm = open_vm();

	boot(vm, ARCH_ENTRY_LINUX64, 0x100000);
	assert_int_equal(sregs()->gdt.base, SCRATCH);
	assert_int_equal(sregs()->gdt.limit, 39);
	assert_int_equal(table(vm, SCRATCH), 0);
	assert_true(table(vm, SCRATCH + 16) == 0x00af9b000000ffff);
	assert_true(table(vm, SCRATCH + 24) == 0x00cf93000000ffff);
	assert_true(table(vm, SCRATCH + 32) == 0x00008b0000000067);
	boot(vm, ARCH_ENTRY_PVH, 0x100000);
	assert_true(table(vm, SCRATCH + 16) == 0x00cf9b000000ffff);
	vm_close(vm);
}

/* VFIO-KVM-13 */
static void pvh_enters_protected_mode_without_paging(void **state)
{
	struct vm *vm = open_vm();

	boot(vm, ARCH_ENTRY_PVH, 0x1000000);
	assert_int_equal(regs()->rip, 0x1000000);
	assert_int_equal(regs()->rbx, 0x7000);
	assert_int_equal(sregs()->cr0, 0x11);
	assert_int_equal(sregs()->cr4, 0);
	assert_int_equal(sregs()->efer, 0);
	assert_int_equal(sregs()->cs.base, 0);
	assert_int_equal(sregs()->cs.limit, 0xffffffff);
	assert_int_equal(sregs()->cs.db, 1);
	assert_int_equal(sregs()->tr.limit, 0x67);
	vm_close(vm);
}

static void real_mode_enters_in_the_segment_of_its_code(void **state)
{
	struct vm *vm = open_vm();

	boot(vm, ARCH_ENTRY_REAL, 0x31234);
	assert_int_equal(sregs()->cs.base, 0x30000);
	assert_int_equal(sregs()->cs.selector, 0x3000);
	assert_int_equal(regs()->rip, 0x1234);
	vm_close(vm);
}

static void impossible_entries_are_refused(void **state)
{
	static const struct {
		const char *text;
		struct arch_boot b;
	} cases[] = {
		{ "out of reach of real mode",
		  { .entry = ARCH_ENTRY_REAL, .pc = 0x100000 } },
		{ "no RAM at 0x200000",
		  { .entry = ARCH_ENTRY_LINUX64, .scratch = 2 << 20 } },
		{ "no RAM at 0x1f8000",
		  { .entry = ARCH_ENTRY_PVH, .scratch = (2 << 20) - 0x8000 } },
	};
	struct vm *vm = open_vm();

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = ERR_NONE;

		assert_int_equal(arch_vcpu_boot(&vm->vcpus[0], &cases[i].b, &e),
				 -EINVAL);
		assert_non_null(strstr(e.text, cases[i].text));
	}
	vm_close(vm);
}

static void failing_register_calls_are_named(void **state)
{
	static const char *const calls[] = { "KVM_GET_SREGS", "KVM_SET_SREGS",
					     "KVM_SET_REGS" };
	const struct arch_boot b = { .entry = ARCH_ENTRY_REAL };
	struct vm *vm = open_vm();

	for (unsigned i = 0; i < ARRAY_LEN(calls); i++) {
		struct err e = ERR_NONE;

		fake_fail_ioctl(calls[i], 1, EIO);
		assert_int_equal(arch_vcpu_boot(&vm->vcpus[0], &b, &e), -EIO);
		assert_non_null(strstr(e.text, calls[i]));
	}
	vm_close(vm);
}

/* -------- ioeventfds -------- */

static void kick_rings_only_where_and_what_it_matches(void **state)
{
	struct vm *vm = open_vm();
	struct kick k = { .vm_fd = vm->fd,
			  .fd = sys_eventfd(),
			  .bus = KICK_PIO,
			  .at = 0x500,
			  .len = 2,
			  .match = true,
			  .value = 7 };
	struct err e = ERR_NONE;

	kick_detach(&k);
	assert_int_equal(kick_attach(&k, &e), 0);
	assert_true(fake_kvm_ioeventfd(true, 0x500, 2, 7));
	assert_false(fake_kvm_ioeventfd(true, 0x500, 2, 8));
	assert_false(fake_kvm_ioeventfd(true, 0x500, 4, 7));
	assert_false(fake_kvm_ioeventfd(false, 0x500, 2, 7));
	assert_int_equal(sys_eventfd_drain(k.fd), 1);
	kick_detach(&k);
	kick_detach(&k);
	assert_int_equal(fake_kvm_ioeventfds(), 0);
	sys_close(&k.fd);
	vm_close(vm);
}

static void refused_kick_says_where(void **state)
{
	struct vm *vm = open_vm();
	struct kick k = { .vm_fd = vm->fd,
			  .fd = sys_eventfd(),
			  .bus = KICK_MMIO,
			  .at = 0xd0000000,
			  .len = 4 };
	struct err e = ERR_NONE;

	fake_fail_ioctl("KVM_IOEVENTFD", 1, ENOSPC);
	assert_int_equal(kick_attach(&k, &e), -ENOSPC);
	assert_non_null(strstr(e.text, "4 bytes at address 0xd0000000"));
	assert_false(k.live);
	sys_close(&k.fd);
	vm_close(vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(linux64_enters_long_mode_on_an_identity_map),
		FAKE_TEST(descriptors_in_memory_match_the_registers),
		FAKE_TEST(pvh_enters_protected_mode_without_paging),
		FAKE_TEST(real_mode_enters_in_the_segment_of_its_code),
		FAKE_TEST(impossible_entries_are_refused),
		FAKE_TEST(failing_register_calls_are_named),
		FAKE_TEST(kick_rings_only_where_and_what_it_matches),
		FAKE_TEST(refused_kick_says_where),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

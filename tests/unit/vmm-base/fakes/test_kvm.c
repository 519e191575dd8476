/* The fake KVM refuses what the real one refuses. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "tests/fakes/kernel.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"

static void slots_do_not_overlap(void **state)
{
	struct kvm_userspace_memory_region r = { .memory_size = 0x2000 };
	int kvm = sys_open("/dev/kvm", O_RDWR);
	int vm = sys_ioctl_num(kvm, KVM_CREATE_VM, 0);
	void *p;

	assert_int_equal(sys_mmap(0x4000, PROT_READ,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &p),
			 0);
	r.userspace_addr = (uintptr_t)p;
	assert_int_equal(sys_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r), 0);
	r.slot = 1;
	r.guest_phys_addr = 0x1000;
	assert_int_equal(sys_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r),
			 -EEXIST);
	r.guest_phys_addr = 0x2000;
	assert_int_equal(sys_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r), 0);
	assert_int_equal(fake_kvm_slot_at(0x3fff)->slot, 1);
	assert_null(fake_kvm_slot_at(0x4000));
	sys_close(&vm);
	sys_close(&kvm);
	sys_munmap(p, 0x4000);
}

static int routed_vm(int *kvm, uint32_t gsi)
{
	struct {
		struct kvm_irq_routing r;
		struct kvm_irq_routing_entry e[1];
	} t = { .r.nr = 1,
		.e = { { .gsi = gsi, .type = KVM_IRQ_ROUTING_MSI } } };
	int vm;

	*kvm = sys_open("/dev/kvm", O_RDWR);
	vm = sys_ioctl_num(*kvm, KVM_CREATE_VM, 0);
	assert_int_equal(sys_ioctl_num(vm, KVM_CREATE_IRQCHIP, 0), 0);
	assert_int_equal(sys_ioctl(vm, KVM_SET_GSI_ROUTING, &t.r), 0);
	return vm;
}

static void irqfd_injects_what_is_signalled(void **state)
{
	int kvm, vm = routed_vm(&kvm, 24), fd = sys_eventfd();
	struct kvm_irqfd a = { .fd = (uint32_t)fd, .gsi = 24 };

	assert_int_equal(sys_ioctl(vm, KVM_IRQFD, &a), 0);
	assert_int_equal(sys_ioctl(vm, KVM_IRQFD, &a), -EBUSY);
	sys_eventfd_signal(fd);
	assert_int_equal(fake_kvm_injected(24), 1);
	assert_int_equal(sys_eventfd_drain(fd), 0);
	a.flags = KVM_IRQFD_FLAG_DEASSIGN;
	assert_int_equal(sys_ioctl(vm, KVM_IRQFD, &a), 0);
	sys_eventfd_signal(fd);
	assert_int_equal(fake_kvm_injected(24), 1);
	a.flags = 0;
	assert_int_equal(sys_ioctl(vm, KVM_IRQFD, &a), 0);
	assert_int_equal(fake_kvm_injected(24), 2);
	sys_close(&fd);
	sys_close(&vm);
	sys_close(&kvm);
}

static void one_bad_route_refuses_the_table(void **state)
{
	struct {
		struct kvm_irq_routing r;
		struct kvm_irq_routing_entry e[2];
	} t = { .r.nr = 2,
		.e = { { .gsi = 30, .type = KVM_IRQ_ROUTING_MSI },
		       { .gsi = 30, .type = KVM_IRQ_ROUTING_MSI } } };
	int kvm, vm = routed_vm(&kvm, 24);

	assert_int_equal(sys_ioctl(vm, KVM_SET_GSI_ROUTING, &t.r), -EINVAL);
	assert_non_null(fake_kvm_route(24));
	assert_null(fake_kvm_route(30));
	sys_close(&vm);
	sys_close(&kvm);
}

static void resampled_line_falls_with_the_eoi(void **state)
{
	int kvm = sys_open("/dev/kvm", O_RDWR), fd = sys_eventfd();
	int vm = sys_ioctl_num(kvm, KVM_CREATE_VM, 0), again = sys_eventfd();
	struct kvm_irqfd a = { .fd = (uint32_t)fd,
			       .gsi = 16,
			       .flags = KVM_IRQFD_FLAG_RESAMPLE,
			       .resamplefd = (uint32_t)again };

	assert_int_equal(sys_ioctl(vm, KVM_IRQFD, &a), -EINVAL);
	assert_int_equal(sys_ioctl_num(vm, KVM_CREATE_IRQCHIP, 0), 0);
	assert_int_equal(sys_ioctl(vm, KVM_IRQFD, &a), 0);
	sys_eventfd_signal(fd);
	assert_int_equal(fake_kvm_line(16), 1);
	assert_false(sys_readable(again));
	fake_kvm_eoi(16);
	assert_int_equal(fake_kvm_line(16), 0);
	assert_int_equal(sys_eventfd_drain(again), 1);
	sys_close(&vm);
	sys_close(&kvm);
	sys_close(&fd);
	sys_close(&again);
}

static int one_mmio(struct kvm_run *run, unsigned index, void *arg)
{
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = 0x1000 + index;
	return 0;
}

static void vcpu_does_what_the_test_says(void **state)
{
	int kvm = sys_open("/dev/kvm", O_RDWR);
	int vm = sys_ioctl_num(kvm, KVM_CREATE_VM, 0);
	int vcpu = sys_ioctl_num(vm, KVM_CREATE_VCPU, 3);
	struct kvm_run *run;
	void *p;

	assert_int_equal(
		sys_mmap(4096, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0, &p),
		0);
	run = p;
	fake_kvm_on_run(one_mmio, NULL);
	assert_int_equal(sys_ioctl_num(vcpu, KVM_RUN, 0), 0);
	assert_int_equal(run->mmio.phys_addr, 0x1003);
	run->immediate_exit = 1;
	assert_int_equal(sys_ioctl_num(vcpu, KVM_RUN, 0), -EINTR);
	sys_munmap(p, 4096);
	sys_close(&vcpu);
	sys_close(&vm);
	sys_close(&kvm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(slots_do_not_overlap),
		FAKE_TEST(irqfd_injects_what_is_signalled),
		FAKE_TEST(one_bad_route_refuses_the_table),
		FAKE_TEST(resampled_line_falls_with_the_eoi),
		FAKE_TEST(vcpu_does_what_the_test_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

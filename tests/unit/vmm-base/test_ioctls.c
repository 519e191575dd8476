/* What traces say of ioctl arguments. */
#include <linux/kvm.h>
#include <linux/vfio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/base/ioctls.h"

static void says(const char *name, const void *arg, const char *wanted)
{
	char text[256];

	ioctl_describe(name, (unsigned long)(uintptr_t)arg, text, sizeof(text));
	assert_string_equal(text, wanted);
}

static void slot_shows_its_fields(void **state)
{
	const struct kvm_userspace_memory_region r = {
		.slot = 2,
		.flags = KVM_MEM_READONLY,
		.guest_phys_addr = 0xe0000000,
		.memory_size = 0x4000,
		.userspace_addr = 0x7f0000000000,
	};

	says("KVM_SET_USER_MEMORY_REGION", &r,
	     ", {slot=2 flags=READONLY guest_phys_addr=0xe0000000 "
	     "memory_size=0x4000 userspace_addr=0x7f0000000000}");
}

static void flags_are_joined_and_unknown_bits_kept(void **state)
{
	struct vfio_group_status s = { .flags =
					       VFIO_GROUP_FLAGS_VIABLE |
					       VFIO_GROUP_FLAGS_CONTAINER_SET };

	says("VFIO_GROUP_GET_STATUS", &s, ", {flags=VIABLE|CONTAINER_SET}");
	s.flags = 0x100 | VFIO_GROUP_FLAGS_VIABLE;
	says("VFIO_GROUP_GET_STATUS", &s, ", {flags=VIABLE|0x100}");
	s.flags = 0;
	says("VFIO_GROUP_GET_STATUS", &s, ", {flags=0}");
}

static void fds_are_signed(void **state)
{
	const struct kvm_irqfd f = { .fd = (uint32_t)-1,
				     .gsi = 24,
				     .flags = KVM_IRQFD_FLAG_DEASSIGN };

	says("KVM_IRQFD", &f, ", {fd=-1 gsi=24 flags=DEASSIGN resamplefd=0}");
}

/* VFIO_IOMMU_MAP_DMA and VFIO_DEVICE_PCI_HOT_RESET have the same number. */
static void equal_numbers_are_told_apart_by_name(void **state)
{
	const struct vfio_iommu_type1_dma_map m = {
		.argsz = sizeof(m),
		.flags = VFIO_DMA_MAP_FLAG_READ,
		.vaddr = 0x1000,
		.iova = 0x2000,
		.size = 0x3000,
	};

	assert_int_equal(VFIO_IOMMU_MAP_DMA, VFIO_DEVICE_PCI_HOT_RESET);
	says("VFIO_IOMMU_MAP_DMA", &m,
	     ", {flags=READ vaddr=0x1000 iova=0x2000 size=0x3000}");
	says("VFIO_DEVICE_PCI_HOT_RESET", &m, "");
}

static void numbers_are_numbers(void **state)
{
	says("KVM_CHECK_EXTENSION", (void *)25, ", 25");
	says("KVM_CREATE_VCPU", NULL, "");
	says("KVM_SET_TSS_ADDR", (void *)0xfffbd000, ", 0xfffbd000");
}

static void long_text_is_cut(void **state)
{
	const struct kvm_userspace_memory_region r = { .slot = 123456 };
	char text[24];

	memset(text, 'x', sizeof(text));
	ioctl_describe("KVM_SET_USER_MEMORY_REGION",
		       (unsigned long)(uintptr_t)&r, text, 12);
	assert_string_equal(text, ", {slot=123");
	assert_int_equal(text[12], 'x');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slot_shows_its_fields),
		cmocka_unit_test(flags_are_joined_and_unknown_bits_kept),
		cmocka_unit_test(fds_are_signed),
		cmocka_unit_test(equal_numbers_are_told_apart_by_name),
		cmocka_unit_test(numbers_are_numbers),
		cmocka_unit_test(long_text_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

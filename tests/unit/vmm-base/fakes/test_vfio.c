/* The fake VFIO refuses what the real one refuses. */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "tests/unit/vmm-base/fakes/nvme.h"

static void device_before_iommu_is_refused(void **state)
{
	struct open_vfio v;

	vfio_begin(&v);
	assert_int_equal(
		sys_ioctl_num(v.container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU),
		-EINVAL);
	assert_int_equal(sys_ioctl(v.group, VFIO_GROUP_GET_DEVICE_FD, bdf),
			 -EINVAL);
	assert_int_equal(
		sys_ioctl(v.group, VFIO_GROUP_SET_CONTAINER, &v.container), 0);
	assert_int_equal(sys_ioctl(v.group, VFIO_GROUP_GET_DEVICE_FD, bdf),
			 -EINVAL);
	vfio_close(&v);
}

static void group_opens_once(void **state)
{
	struct open_vfio v;

	vfio_begin(&v);
	assert_int_equal(sys_open("/dev/vfio/12", O_RDWR), -EBUSY);
	sys_close(&v.group);
	v.group = sys_open("/dev/vfio/12", O_RDWR);
	assert_true(v.group >= 0);
	vfio_close(&v);
}

static void group_with_an_open_device_stays_in_its_container(void **state)
{
	struct open_vfio v;

	vfio_open(&v);
	assert_int_equal(sys_ioctl_num(v.group, VFIO_GROUP_UNSET_CONTAINER, 0),
			 -EBUSY);
	sys_close(&v.device);
	assert_int_equal(sys_ioctl_num(v.group, VFIO_GROUP_UNSET_CONTAINER, 0),
			 0);
	vfio_close(&v);
}

static int map_dma(int fd, uint64_t iova, void *hva, uint64_t size)
{
	struct vfio_iommu_type1_dma_map m = {
		.argsz = sizeof(m),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)hva,
		.iova = iova,
		.size = size,
	};

	return sys_ioctl(fd, VFIO_IOMMU_MAP_DMA, &m);
}

static void dma_maps_have_the_kernels_limits(void **state)
{
	struct open_vfio v;
	void *p;

	vfio_open(&v);
	fake_group_reserve(12, 0xfee00000, 0xfeefffff, "msi");
	assert_int_equal(sys_mmap(1 << 20, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &p),
			 0);
	assert_int_equal(map_dma(v.container, 0, p, 0x10000), 0);
	assert_int_equal(map_dma(v.container, 0xf000, p, 0x2000), -EEXIST);
	assert_int_equal(map_dma(v.container, 0x20001, p, 0x1000), -EINVAL);
	assert_int_equal(map_dma(v.container, 0xfedff000, p, 0x2000), -EINVAL);
	assert_int_equal(map_dma(v.container, UINT64_C(1) << 48, p, 0x1000),
			 -EINVAL);
	assert_int_equal(map_dma(v.container, 0x100000, p, 1 << 21), -EFAULT);
	fake_memlock(0x10000, 0x10000, false);
	assert_int_equal(map_dma(v.container, 0x20000, p, 0x1000), -ENOMEM);
	fake_memlock(0, 0, true);
	fake_iommu_entries(1);
	assert_int_equal(map_dma(v.container, 0x20000, p, 0x1000), -ENOSPC);
	assert_true(fake_dma_mapped(0x1000, 0xf000));
	vfio_close(&v);
	assert_int_equal(fake_dma_maps(), 0);
	sys_munmap(p, 1 << 20);
}

static void maps_are_not_cut_in_two(void **state)
{
	struct vfio_iommu_type1_dma_unmap u = { .argsz = sizeof(u),
						.size = 0x1000 };
	struct open_vfio v;
	void *p;

	vfio_open(&v);
	assert_int_equal(sys_mmap(0x2000, PROT_READ,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &p),
			 0);
	assert_int_equal(map_dma(v.container, 0, p, 0x2000), 0);
	assert_int_equal(sys_ioctl(v.container, VFIO_IOMMU_UNMAP_DMA, &u),
			 -EINVAL);
	u.size = 0x4000;
	assert_int_equal(sys_ioctl(v.container, VFIO_IOMMU_UNMAP_DMA, &u), 0);
	assert_int_equal(u.size, 0x2000);
	sys_munmap(p, 0x2000);
	vfio_close(&v);
}

static void bars_are_sized_by_the_kernel(void **state)
{
	struct open_vfio v;

	vfio_open(&v);
	config_set(&v, PCI_BASE_ADDRESS_0, 4, UINT32_MAX);
	config_set(&v, PCI_BASE_ADDRESS_1, 4, UINT32_MAX);
	assert_int_equal(config_get(&v, PCI_BASE_ADDRESS_0), 0xffffc004);
	assert_int_equal(config_get(&v, PCI_BASE_ADDRESS_1), 0xffffffff);
	assert_int_equal(config_get(&v, PCI_BASE_ADDRESS_2), 0);
	vfio_close(&v);
}

static void msix_capability_is_read_only(void **state)
{
	struct open_vfio v;
	uint32_t before;

	vfio_open(&v);
	before = config_get(&v, 0x40);
	assert_int_equal(before & 0xff, PCI_CAP_ID_MSIX);
	config_set(&v, 0x42, 2, 0xffff);
	assert_int_equal(config_get(&v, 0x40), before);
	vfio_close(&v);
}

static void config_beyond_its_end_is_a_fault(void **state)
{
	struct open_vfio v;
	uint8_t b[4];

	vfio_open(&v);
	assert_int_equal(sys_pread(v.device, b, 4, config_offset(&v) + 4096),
			 -EFAULT);
	vfio_close(&v);
}

static void bar_answers_only_while_it_decodes(void **state)
{
	struct vfio_region_info i = { .argsz = sizeof(i), .index = 0 };
	struct open_vfio v;
	uint32_t value = 0;

	vfio_open(&v);
	le32_store(fake_pci_bar(bdf, 0), 0x12345678);
	assert_int_equal(sys_ioctl(v.device, VFIO_DEVICE_GET_REGION_INFO, &i),
			 0);
	assert_int_equal(sys_pread(v.device, &value, 4, i.offset), -EIO);
	config_set(&v, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(sys_pread(v.device, &value, 4, i.offset), 4);
	assert_int_equal(value, 0x12345678);
	/* the MSI-X table is out of reach */
	assert_int_equal(sys_pread(v.device, &value, 4, i.offset + 0x2000), 4);
	assert_int_equal(value, 0xffffffff);
	vfio_close(&v);
}

static void one_interrupt_index_at_a_time(void **state)
{
	struct open_vfio v;
	int fd = sys_eventfd();

	vfio_open(&v);
	assert_int_equal(set_irqs(v.device, VFIO_PCI_INTX_IRQ_INDEX, 0, 1, &fd),
			 0);
	assert_int_equal(set_irqs(v.device, VFIO_PCI_MSIX_IRQ_INDEX, 0, 1, &fd),
			 -EINVAL);
	assert_int_equal(
		set_irqs(v.device, VFIO_PCI_INTX_IRQ_INDEX, 0, 0, NULL), 0);
	assert_int_equal(set_irqs(v.device, VFIO_PCI_MSIX_IRQ_INDEX, 0, 1, &fd),
			 0);
	assert_true(fake_pci_interrupt(bdf, VFIO_PCI_MSIX_IRQ_INDEX, 0));
	assert_int_equal(sys_eventfd_drain(fd), 1);
	assert_false(fake_pci_interrupt(bdf, VFIO_PCI_MSIX_IRQ_INDEX, 1));
	vfio_close(&v);
	sys_close(&fd);
}

static void msix_does_not_grow_unless_it_is_dynamic(void **state)
{
	struct open_vfio v;
	int fds[2] = { sys_eventfd(), sys_eventfd() };

	vfio_open(&v);
	assert_int_equal(set_irqs(v.device, VFIO_PCI_MSIX_IRQ_INDEX, 0, 1, fds),
			 0);
	assert_int_equal(
		set_irqs(v.device, VFIO_PCI_MSIX_IRQ_INDEX, 1, 1, fds + 1),
		-EINVAL);
	assert_int_equal(
		set_irqs(v.device, VFIO_PCI_MSIX_IRQ_INDEX, 64, 2, fds),
		-EINVAL);
	vfio_close(&v);
	sys_close(&fds[0]);
	sys_close(&fds[1]);
}

static void host_short_of_vectors_says_how_many(void **state)
{
	struct open_vfio v;
	int fds[4] = { -1, -1, -1, -1 };

	vfio_open(&v);
	fake_pci_host_vectors(bdf, 3);
	assert_int_equal(set_irqs(v.device, VFIO_PCI_MSIX_IRQ_INDEX, 0, 4, fds),
			 3);
	assert_int_equal(set_irqs(v.device, VFIO_PCI_MSIX_IRQ_INDEX, 0, 3, fds),
			 0);
	vfio_close(&v);
}

static void decode_off_under_a_slot_is_noticed(void **state)
{
	struct vfio_region_info i = { .argsz = sizeof(i), .index = 0 };
	struct kvm_userspace_memory_region r = { .memory_size = 0x1000 };
	struct open_vfio v;
	int kvm = sys_open("/dev/kvm", O_RDWR);
	int vm = sys_ioctl_num(kvm, KVM_CREATE_VM, 0);
	void *p;

	vfio_open(&v);
	assert_int_equal(sys_ioctl(v.device, VFIO_DEVICE_GET_REGION_INFO, &i),
			 0);
	config_set(&v, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(sys_mmap(0x1000, PROT_READ | PROT_WRITE, MAP_SHARED,
				  v.device, i.offset, &p),
			 0);
	*(volatile uint32_t *)p = 77;
	assert_int_equal(le32_load(fake_pci_bar(bdf, 0)), 77);
	r.userspace_addr = (uintptr_t)p;
	assert_int_equal(sys_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r), 0);
	config_set(&v, PCI_COMMAND, 2, 0);
	assert_non_null(strstr(fake_leaks(), "memory decode"));
	fake_reset();
}

static int intx_mask(int fd, uint32_t action, uint32_t data, int32_t eventfd)
{
	struct {
		struct vfio_irq_set s;
		int32_t fd;
	} a = { .s = { .argsz = sizeof(a),
		       .flags = action | data,
		       .index = VFIO_PCI_INTX_IRQ_INDEX,
		       .count = 1 },
		.fd = eventfd };

	return sys_ioctl(fd, VFIO_DEVICE_SET_IRQS, &a.s);
}

static void intx_masks_itself_until_it_is_unmasked(void **state)
{
	struct open_vfio v;
	int fd = sys_eventfd(), again = sys_eventfd();

	vfio_open(&v);
	assert_int_equal(set_irqs(v.device, VFIO_PCI_INTX_IRQ_INDEX, 0, 1, &fd),
			 0);
	assert_int_equal(intx_mask(v.device, VFIO_IRQ_SET_ACTION_UNMASK,
				   VFIO_IRQ_SET_DATA_EVENTFD, again),
			 0);
	assert_true(fake_pci_interrupt(bdf, VFIO_PCI_INTX_IRQ_INDEX, 0));
	assert_true(fake_pci_intx_masked(bdf));
	assert_false(fake_pci_interrupt(bdf, VFIO_PCI_INTX_IRQ_INDEX, 0));
	assert_int_equal(sys_eventfd_drain(fd), 1);
	/* the one that waited comes with the unmask */
	sys_eventfd_signal(again);
	assert_int_equal(sys_eventfd_drain(fd), 1);
	assert_int_equal(intx_mask(v.device, VFIO_IRQ_SET_ACTION_UNMASK,
				   VFIO_IRQ_SET_DATA_NONE, 0),
			 0);
	assert_false(fake_pci_intx_masked(bdf));
	assert_int_equal(intx_mask(v.device, VFIO_IRQ_SET_ACTION_MASK,
				   VFIO_IRQ_SET_DATA_NONE, 0),
			 0);
	assert_true(fake_pci_intx_masked(bdf));
	vfio_close(&v);
	sys_close(&fd);
	sys_close(&again);
}

static void group_with_a_host_driver_is_not_viable(void **state)
{
	static const struct fake_pci neighbour = { .bdf = "0000:01:00.1",
						   .group = 12,
						   .driver = "nvme" };
	struct vfio_group_status s = { .argsz = sizeof(s) };
	struct open_vfio v;

	vfio_begin(&v);
	assert_int_equal(sys_ioctl(v.group, VFIO_GROUP_GET_STATUS, &s), 0);
	assert_true(s.flags & VFIO_GROUP_FLAGS_VIABLE);
	fake_pci_add(&neighbour);
	assert_int_equal(sys_ioctl(v.group, VFIO_GROUP_GET_STATUS, &s), 0);
	assert_false(s.flags & VFIO_GROUP_FLAGS_VIABLE);
	assert_int_equal(
		sys_ioctl(v.group, VFIO_GROUP_SET_CONTAINER, &v.container),
		-EPERM);
	vfio_close(&v);
}

static void last_group_out_blanks_the_container(void **state)
{
	struct open_vfio v;
	void *p;

	vfio_open(&v);
	assert_int_equal(sys_mmap(0x1000, PROT_READ,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &p),
			 0);
	assert_int_equal(map_dma(v.container, 0, p, 0x1000), 0);
	sys_close(&v.device);
	assert_int_equal(sys_ioctl_num(v.group, VFIO_GROUP_UNSET_CONTAINER, 0),
			 0);
	assert_int_equal(fake_dma_maps(), 0);
	assert_int_equal(map_dma(v.container, 0, p, 0x1000), -EINVAL);
	sys_munmap(p, 0x1000);
	vfio_close(&v);
}

static void busy_device_fd_is_had_at_the_third_try(void **state)
{
	struct open_vfio v;

	vfio_open(&v);
	sys_close(&v.device);
	fake_fail_ioctl("VFIO_GROUP_GET_DEVICE_FD", 1, EAGAIN);
	fake_fail_ioctl("VFIO_GROUP_GET_DEVICE_FD", 2, EAGAIN);
	for (int i = 0; i < 2; i++)
		assert_int_equal(
			sys_ioctl(v.group, VFIO_GROUP_GET_DEVICE_FD, bdf),
			-EAGAIN);
	v.device = sys_ioctl(v.group, VFIO_GROUP_GET_DEVICE_FD, bdf);
	assert_true(v.device >= 0);
	vfio_close(&v);
}

static void unmapping_pinned_memory_is_noticed(void **state)
{
	struct open_vfio v;
	void *p;

	vfio_open(&v);
	assert_int_equal(sys_mmap(0x1000, PROT_READ,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &p),
			 0);
	assert_int_equal(map_dma(v.container, 0, p, 0x1000), 0);
	sys_munmap(p, 0x1000);
	assert_non_null(strstr(fake_leaks(), "mapped for DMA"));
	fake_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(device_before_iommu_is_refused),
		FAKE_TEST(group_opens_once),
		FAKE_TEST(group_with_an_open_device_stays_in_its_container),
		FAKE_TEST(dma_maps_have_the_kernels_limits),
		FAKE_TEST(maps_are_not_cut_in_two),
		FAKE_TEST(bars_are_sized_by_the_kernel),
		FAKE_TEST(msix_capability_is_read_only),
		FAKE_TEST(config_beyond_its_end_is_a_fault),
		FAKE_TEST(bar_answers_only_while_it_decodes),
		FAKE_TEST(one_interrupt_index_at_a_time),
		FAKE_TEST(msix_does_not_grow_unless_it_is_dynamic),
		FAKE_TEST(host_short_of_vectors_says_how_many),
		FAKE_TEST(decode_off_under_a_slot_is_noticed),
		FAKE_TEST(intx_masks_itself_until_it_is_unmasked),
		FAKE_TEST(group_with_a_host_driver_is_not_viable),
		FAKE_TEST(last_group_out_blanks_the_container),
		FAKE_TEST(busy_device_fd_is_had_at_the_third_try),
		FAKE_TEST(unmapping_pinned_memory_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

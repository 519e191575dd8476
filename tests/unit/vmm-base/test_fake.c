/* The fake kernel refuses what the real one refuses, and notices leaks. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "tests/fakes/kernel.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"

static const char bdf[] = "0000:01:00.0";

static const struct fake_pci nvme = {
	.bdf = bdf,
	.group = 12,
	.vendor = 0x1b36,
	.device = 0x0010,
	.class_code = 0x010802,
	.pin = 1,
	.bar = { [0] = { .size = 0x4000, .mem64 = true } },
	.express_at = 0x80,
	.pm_at = 0x60,
	.msix = { .at = 0x40, .vectors = 65, .table = 0x2000, .pba = 0x3000 },
};

/* -------- VFIO up to a device fd -------- */

struct open_vfio {
	int container, group, device;
};

static void vfio_begin(struct open_vfio *v)
{
	*v = (struct open_vfio){ -1, -1, -1 };
	fake_pci_add(&nvme);
	v->container = sys_open("/dev/vfio/vfio", O_RDWR);
	v->group = sys_open("/dev/vfio/12", O_RDWR);
	assert_true(v->container >= 0 && v->group >= 0);
}

static void vfio_open(struct open_vfio *v)
{
	vfio_begin(v);
	assert_int_equal(
		sys_ioctl(v->group, VFIO_GROUP_SET_CONTAINER, &v->container),
		0);
	assert_int_equal(
		sys_ioctl_num(v->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU),
		0);
	v->device = sys_ioctl(v->group, VFIO_GROUP_GET_DEVICE_FD, bdf);
	assert_true(v->device >= 0);
}

static void vfio_close(struct open_vfio *v)
{
	sys_close(&v->device);
	sys_close(&v->group);
	sys_close(&v->container);
}

static uint64_t config_offset(const struct open_vfio *v)
{
	struct vfio_region_info i = { .argsz = sizeof(i),
				      .index = VFIO_PCI_CONFIG_REGION_INDEX };

	assert_int_equal(sys_ioctl(v->device, VFIO_DEVICE_GET_REGION_INFO, &i),
			 0);
	return i.offset;
}

static uint32_t config_get(const struct open_vfio *v, unsigned at)
{
	uint8_t b[4];

	assert_int_equal(sys_pread(v->device, b, 4, config_offset(v) + at), 4);
	return le32_load(b);
}

static void config_set(const struct open_vfio *v, unsigned at, unsigned n,
		       uint32_t value)
{
	uint8_t b[4];

	le_store(b, n, value);
	assert_int_equal(sys_pwrite(v->device, b, n, config_offset(v) + at), n);
}

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

static int set_irqs(int fd, uint32_t index, uint32_t start, uint32_t count,
		    const int32_t *fds)
{
	struct {
		struct vfio_irq_set s;
		int32_t fd[8];
	} a = { .s = { .index = index, .start = start, .count = count } };

	a.s.argsz = (uint32_t)(sizeof(a.s) + (fds ? count * 4 : 0));
	a.s.flags = VFIO_IRQ_SET_ACTION_TRIGGER |
		    (fds ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE);
	if (fds)
		memcpy(a.fd, fds, count * 4);
	return sys_ioctl(fd, VFIO_DEVICE_SET_IRQS, &a.s);
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

/* -------- KVM -------- */

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

/* -------- files, failures, leaks -------- */

static int add_name(const char *name, void *arg)
{
	strcat(strcat(arg, name), " ");
	return 0;
}

static void sysfs_is_what_the_test_filled_in(void **state)
{
	char text[256] = "";

	fake_pci_add(&nvme);
	assert_int_equal(
		sys_read_text("/sys/bus/pci/devices/0000:01:00.0/class", text,
			      sizeof(text)),
		8);
	assert_string_equal(text, "0x010802");
	assert_true(sys_readlink("/sys/bus/pci/devices/0000:01:00.0/driver",
				 text, sizeof(text)) > 0);
	assert_string_equal(text, "../../../bus/pci/drivers/vfio-pci");
	text[0] = '\0';
	assert_int_equal(sys_list("/sys/bus/pci/devices/0000:01:00.0/"
				  "iommu_group/devices",
				  add_name, text),
			 0);
	assert_string_equal(text, "0000:01:00.0 ");
	assert_int_equal(sys_read_text("/sys/nothing", text, sizeof(text)),
			 -ENOENT);
}

static void created_file_can_be_read_back(void **state)
{
	int fd = sys_create("/var/log/x", O_WRONLY);
	char text[8] = "";

	assert_int_equal(sys_write(fd, "hello", 5), 5);
	sys_close(&fd);
	assert_int_equal(fd, -1);
	assert_int_equal(fake_file_read("/var/log/x", text, 7), 5);
	assert_string_equal(text, "hello");
}

static void calls_fail_on_request(void **state)
{
	fake_fail_at(2, EIO);
	fake_fail_ioctl("KVM_CREATE_VM", 1, ENOMEM);
	int kvm = sys_open("/dev/kvm", O_RDWR);

	assert_true(kvm >= 0);
	assert_int_equal(sys_eventfd(), -EIO);
	assert_int_equal(sys_ioctl_num(kvm, KVM_CREATE_VM, 0), -ENOMEM);
	assert_true(fake_trace_has_in_order("open /dev/kvm", "eventfd = -EIO",
					    "ioctl KVM_CREATE_VM kvm"));
	assert_int_equal(fake_trace_count("KVM_CREATE_VM"), 1);
	sys_close(&kvm);
}

static void leaks_are_named(void **state)
{
	int fd = sys_eventfd();
	void *p;

	assert_int_equal(sys_mmap(0x3000, PROT_READ,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &p),
			 0);
	sys_munmap((char *)p + 0x1000, 0x1000);
	assert_non_null(strstr(fake_leaks(), "eventfd"));
	assert_non_null(strstr(fake_leaks(), "0x1000 bytes"));
	sys_munmap(p, 0x1000);
	sys_munmap((char *)p + 0x2000, 0x1000);
	sys_close(&fd);
	assert_null(fake_leaks());
}

static void double_close_is_noticed(void **state)
{
	int fd = sys_eventfd(), copy = fd;

	sys_close(&fd);
	sys_close(&copy);
	assert_non_null(strstr(fake_leaks(), "not open"));
	fake_reset();
}

/* -------- the sweep -------- */

struct pair {
	int a, b;
	bool careless;
};

static int pair_open(void *arg, struct err *e)
{
	struct pair *p = arg;

	p->a = p->b = -1;
	p->a = sys_eventfd();
	if (p->a < 0)
		return err_sys(e, p->a, "pair: first");
	p->b = sys_eventfd();
	if (p->b < 0) {
		int rc = p->b;

		if (!p->careless)
			sys_close(&p->a);
		return err_sys(e, rc, "pair: second");
	}
	return 0;
}

static void pair_close(void *arg)
{
	struct pair *p = arg;

	sys_close(&p->a);
	sys_close(&p->b);
}

static void sweep_passes_a_careful_constructor(void **state)
{
	struct pair p = { 0 };

	assert_int_equal(fake_sweep(pair_open, pair_close, &p, "pair"), 2);
}

static void sweep_notices_what_a_careless_one_leaves(void **state)
{
	struct pair p = { .careless = true };
	char text[1024];

	assert_int_equal(fake_sweep_try(pair_open, pair_close, &p, "pair", text,
					sizeof(text)),
			 -1);
	assert_non_null(strstr(text, "host call 2 failed"));
	assert_non_null(strstr(text, "still open: eventfd"));
	pair_close(&p);
}

static void sweep_wants_a_message_that_names_the_subject(void **state)
{
	struct pair p = { 0 };
	char text[1024];

	assert_int_equal(fake_sweep_try(pair_open, pair_close, &p, "0000:01",
					text, sizeof(text)),
			 -1);
	assert_non_null(strstr(text, "does not name '0000:01'"));
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
		FAKE_TEST(slots_do_not_overlap),
		FAKE_TEST(irqfd_injects_what_is_signalled),
		FAKE_TEST(one_bad_route_refuses_the_table),
		FAKE_TEST(resampled_line_falls_with_the_eoi),
		FAKE_TEST(vcpu_does_what_the_test_says),
		FAKE_TEST(sysfs_is_what_the_test_filled_in),
		FAKE_TEST(created_file_can_be_read_back),
		FAKE_TEST(calls_fail_on_request),
		FAKE_TEST(leaks_are_named),
		FAKE_TEST(double_close_is_noticed),
		FAKE_TEST(sweep_passes_a_careful_constructor),
		FAKE_TEST(sweep_notices_what_a_careless_one_leaves),
		FAKE_TEST(sweep_wants_a_message_that_names_the_subject),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Containers and groups: the order of calls, refusals, sharing, the way down.*/
#include "tests/unit/vfio/bench.h"

static int opens(struct bench *b, struct err *e)
{
	*e = ERR_NONE;
	return b->iommu->ops->attach(b->iommu, WANT(BDF),
				     &(struct vfio_dev *){ 0 }, e);
}

static struct vfio_dev *attach(struct bench *b, const char *bdf)
{
	struct vfio_dev *d = NULL;

	MUST(b->iommu->ops->attach(b->iommu, WANT(bdf), &d, &why));
	return d;
}

static void add_function(const char *bdf, int group)
{
	struct fake_pci p = plain_function;

	p.bdf = bdf;
	p.group = group;
	fake_pci_add(&p);
}

static void map_ram(struct bench *b)
{
	MUST(b->iommu->ops->map(b->iommu, 0, &b->vm.mem.ram[0], &why));
}

/* VFIO-OPEN-02, -13 */
static void the_order_of_opening_is_the_kernels(void **state)
{
	struct bench b;
	struct vfio_dev *d;

	fake_pci_add(&plain_function);
	bench_vm(&b);
	d = attach(&b, BDF);
	assert_true(fake_trace_has_in_order(
		"open /dev/vfio/vfio", "VFIO_GET_API_VERSION",
		"VFIO_CHECK_EXTENSION", "open /dev/vfio/12",
		"VFIO_GROUP_GET_STATUS", "VFIO_GROUP_SET_CONTAINER",
		"VFIO_SET_IOMMU", "KVM_CREATE_DEVICE", "KVM_SET_DEVICE_ATTR",
		"VFIO_GROUP_GET_DEVICE_FD", "VFIO_DEVICE_GET_INFO"));
	d->ops->close(d);
	bench_close(&b);
}

/* VFIO-OPEN-19 */
static void the_way_down_is_the_reverse(void **state)
{
	struct bench b;
	struct vfio_dev *d;

	fake_pci_add(&plain_function);
	bench_vm(&b);
	d = attach(&b, BDF);
	map_ram(&b);
	fake_trace_clear();
	d->ops->close(d);
	bench_close(&b);
	assert_true(fake_trace_has_in_order(
		"close device " BDF, "KVM_SET_DEVICE_ATTR",
		"VFIO_GROUP_UNSET_CONTAINER", "close group 12",
		"close container"));
	assert_int_equal(fake_dma_maps(), 0);
}

/* VFIO-OPEN-03, VFIO-DMA-08 */
static void two_functions_of_a_group_share_it(void **state)
{
	struct vfio_dev *one, *two;
	struct bench b;

	fake_pci_add(&plain_function);
	add_function("0000:01:00.1", 12);
	bench_vm(&b);
	map_ram(&b);
	one = attach(&b, BDF);
	two = attach(&b, "0000:01:00.1");
	assert_int_equal(fake_trace_count("open /dev/vfio/12"), 1);
	assert_int_equal(fake_trace_count("KVM_CREATE_DEVICE"), 1);
	assert_int_equal(fake_trace_count("VFIO_IOMMU_MAP_DMA"), 1);
	one->ops->close(one);
	assert_int_equal(fake_trace_count("VFIO_GROUP_UNSET_CONTAINER"), 0);
	two->ops->close(two);
	assert_int_equal(fake_trace_count("VFIO_GROUP_UNSET_CONTAINER"), 1);
	bench_close(&b);
}

static void a_second_group_joins_the_first_container(void **state)
{
	struct vfio_dev *one, *two;
	struct bench b;

	fake_pci_add(&plain_function);
	add_function("0000:02:00.0", 13);
	bench_vm(&b);
	one = attach(&b, BDF);
	map_ram(&b);
	two = attach(&b, "0000:02:00.0");
	assert_int_equal(fake_trace_count("open /dev/vfio/vfio"), 1);
	assert_int_equal(fake_trace_count("VFIO_SET_IOMMU"), 1);
	assert_int_equal(fake_trace_count("VFIO_IOMMU_MAP_DMA"), 1);
	two->ops->close(two);
	one->ops->close(one);
	bench_close(&b);
}

static void a_group_that_cannot_share_gets_every_map_too(void **state)
{
	struct vfio_iommu_facts f;
	struct vfio_dev *one, *two;
	struct bench b;

	fake_pci_add(&plain_function);
	add_function("0000:02:00.0", 13);
	fake_group_incompatible(13);
	bench_vm(&b);
	one = attach(&b, BDF);
	map_ram(&b);
	two = attach(&b, "0000:02:00.0");
	assert_int_equal(fake_trace_count("open /dev/vfio/vfio"), 2);
	assert_int_equal(fake_dma_maps(), 2);
	assert_true(fake_dma_mapped(0, 64 * MIB));
	MUST(b.iommu->ops->facts(b.iommu, &f, &why));
	assert_int_equal(f.spaces, 2);
	two->ops->close(two);
	assert_int_equal(fake_dma_maps(), 1);
	one->ops->close(one);
	bench_close(&b);
}

static void a_map_that_fails_in_one_container_is_in_none(void **state)
{
	struct vfio_dev *one, *two;
	struct err e = ERR_NONE;
	struct bench b;

	fake_pci_add(&plain_function);
	add_function("0000:02:00.0", 13);
	fake_group_incompatible(13);
	bench_vm(&b);
	one = attach(&b, BDF);
	two = attach(&b, "0000:02:00.0");
	fake_fail_ioctl("VFIO_IOMMU_MAP_DMA", 2, ENOMEM);
	assert_int_equal(b.iommu->ops->map(b.iommu, 0, &b.vm.mem.ram[0], &e),
			 -ENOMEM);
	assert_int_equal(fake_dma_maps(), 0);
	/* and it is not remembered either */
	assert_int_equal(b.iommu->ops->unmap(b.iommu, 0, 64 * MIB, &e),
			 -EINVAL);
	two->ops->close(two);
	one->ops->close(one);
	bench_close(&b);
}

/* VFIO-OPEN-18 */
static void a_container_left_by_all_is_typed_and_mapped_anew(void **state)
{
	struct vfio_dev *d;
	struct bench b;

	fake_pci_add(&plain_function);
	bench_vm(&b);
	d = attach(&b, BDF);
	map_ram(&b);
	d->ops->close(d);
	assert_int_equal(fake_dma_maps(), 0);
	d = attach(&b, BDF);
	assert_int_equal(fake_trace_count("VFIO_SET_IOMMU"), 2);
	assert_int_equal(fake_trace_count("open /dev/vfio/vfio"), 1);
	assert_true(fake_dma_mapped(0, 64 * MIB));
	d->ops->close(d);
	bench_close(&b);
}

static void only_whole_maps_are_unmapped(void **state)
{
	struct vfio_dev *d;
	struct err e = ERR_NONE;
	struct bench b;

	fake_pci_add(&plain_function);
	bench_vm(&b);
	d = attach(&b, BDF);
	map_ram(&b);
	fake_trace_clear();
	assert_int_equal(b.iommu->ops->unmap(b.iommu, 0, 2 * MIB, &e), -EINVAL);
	assert_int_equal(fake_trace_count("UNMAP_DMA"), 0);
	MUST(b.iommu->ops->unmap(b.iommu, 0, 64 * MIB, &why));
	assert_int_equal(fake_dma_maps(), 0);
	d->ops->close(d);
	bench_close(&b);
}

static void a_function_given_twice_is_refused(void **state)
{
	struct vfio_dev *d;
	struct err e;
	struct bench b;

	fake_pci_add(&plain_function);
	bench_vm(&b);
	d = attach(&b, BDF);
	assert_int_equal(opens(&b, &e), -EEXIST);
	assert_string_equal(e.text, "is given twice");
	d->ops->close(d);
	bench_close(&b);
}

/* VFIO-OPEN-06 */
static void a_busy_function_is_tried_again(void **state)
{
	struct vfio_dev *d;
	struct bench b;

	fake_pci_add(&plain_function);
	bench_vm(&b);
	fake_fail_ioctl("VFIO_GROUP_GET_DEVICE_FD", 1, EAGAIN);
	fake_fail_ioctl("VFIO_GROUP_GET_DEVICE_FD", 2, EAGAIN);
	d = attach(&b, BDF);
	assert_int_equal(fake_trace_count("VFIO_GROUP_GET_DEVICE_FD"), 3);
	d->ops->close(d);
	bench_close(&b);
}

static void a_function_busy_for_ever_is_refused(void **state)
{
	struct err e;
	struct bench b;

	fake_pci_add(&plain_function);
	bench_vm(&b);
	fake_fail_ioctl("VFIO_GROUP_GET_DEVICE_FD", 0, EAGAIN);
	assert_int_equal(opens(&b, &e), -EAGAIN);
	assert_string_equal(e.text,
			    "cannot open the function: the function is being "
			    "reset or configured by something else");
	assert_int_equal(fake_trace_count("VFIO_GROUP_GET_DEVICE_FD"), 11);
	bench_close(&b);
}

/* VFIO-OPEN-05: one sentence per step and errno */
static void every_refusal_has_its_sentence(void **state)
{
	static const struct {
		const char *call;
		int err;
		const char *says, *hint;
	} rows[] = {
		{ "open /dev/vfio/12", ENOENT,
		  "cannot open /dev/vfio/12: no "
		  "function of the group is bound to a vfio driver",
		  "driver_override" },
		{ "open /dev/vfio/12", EACCES,
		  "cannot open /dev/vfio/12: permission denied (owner ",
		  "run as root" },
		{ "open /dev/vfio/12", EPERM,
		  "cannot open /dev/vfio/12: a device cgroup or a security "
		  "module forbids it",
		  "DeviceAllow=" },
		{ "open /dev/vfio/12", EBUSY,
		  "cannot open /dev/vfio/12: another process holds the group",
		  "fuser" },
		{ "open /dev/vfio/12", ENODEV,
		  "cannot open /dev/vfio/12: its driver is just being unbound",
		  "try again" },
		{ "open /dev/vfio/12", EMFILE,
		  "cannot open /dev/vfio/12: Too many open files", NULL },
		{ "ioctl VFIO_GROUP_GET_STATUS", EIO,
		  "cannot ask for the status of group 12: Input/output error",
		  NULL },
		{ "ioctl VFIO_GROUP_SET_CONTAINER", EINVAL,
		  "group 12 cannot join an I/O address space: the IOMMU "
		  "refuses",
		  "dmesg" },
		{ "ioctl VFIO_GROUP_SET_CONTAINER", EPERM,
		  "group 12 cannot join an I/O address space: the host cannot "
		  "keep the function from forging interrupts",
		  "allow_unsafe_interrupts" },
		{ "ioctl VFIO_GROUP_SET_CONTAINER", EBUSY,
		  "group 12 is not viable", "group" },
		{ "ioctl VFIO_SET_IOMMU", EPERM,
		  "no IOMMU for group 12: the host cannot keep the function "
		  "from forging interrupts: no interrupt remapping",
		  "vfio_iommu_type1.allow_unsafe_interrupts=1" },
		{ "ioctl VFIO_SET_IOMMU", EINVAL,
		  "no IOMMU for group 12: the IOMMU refuses the group",
		  "dmesg" },
		{ "ioctl VFIO_SET_IOMMU", ENODEV,
		  "no IOMMU for group 12: the module vfio_iommu_type1 is not "
		  "loaded",
		  "modprobe vfio_iommu_type1" },
		{ "ioctl KVM_CREATE_DEVICE", EMFILE,
		  "group 12: cannot create KVM's VFIO device", NULL },
		{ "ioctl KVM_SET_DEVICE_ATTR", EIO,
		  "group 12: KVM does not take it", NULL },
		{ "ioctl VFIO_GROUP_GET_DEVICE_FD", ENODEV,
		  "cannot open the function: the function is not bound to a "
		  "vfio driver",
		  "bind it to vfio-pci" },
		{ "ioctl VFIO_GROUP_GET_DEVICE_FD", EACCES,
		  "cannot open the function: VFIO owns its physical function",
		  "vf-token=UUID" },
		{ "ioctl VFIO_GROUP_GET_DEVICE_FD", EIO,
		  "cannot open the function: the function does not answer",
		  "disable_idle_d3" },
		{ "ioctl VFIO_DEVICE_GET_INFO", EIO,
		  "cannot ask what the device is: Input/output error", NULL },
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct err e;
		struct bench b;

		fake_reset();
		fake_pci_add(&plain_function);
		bench_vm(&b);
		fake_fail_call(rows[i].call, 0, rows[i].err);
		if (opens(&b, &e) >= 0)
			fail_msg("%s, %d: opened", rows[i].call, rows[i].err);
		if (strncmp(e.text, rows[i].says, strlen(rows[i].says)) != 0)
			fail_msg("%s, %d: %s", rows[i].call, rows[i].err,
				 e.text);
		if (rows[i].hint && !strstr(e.hint, rows[i].hint))
			fail_msg("%s, %d: hint: %s", rows[i].call, rows[i].err,
				 e.hint);
		fake_fail_none();
		bench_close(&b);
		if (fake_leaks())
			fail_msg("%s, %d: %s", rows[i].call, rows[i].err,
				 fake_leaks());
	}
}

static void no_vfio_is_explained(void **state)
{
	struct vfio_iommu *i;
	struct err e = ERR_NONE;

	fake_remove("/dev/vfio/vfio");
	assert_int_equal(vfio_group_iommu_open(-1, 0, &i, &e), -ENOENT);
	assert_string_equal(e.text,
			    "cannot open /dev/vfio/vfio: VFIO is not loaded");
	assert_string_equal(e.hint, "modprobe vfio-pci");
}

/* VFIO-OPEN-07 */
static void version_one_of_the_type_is_not_used(void **state)
{
	struct vfio_iommu *i;
	struct err e = ERR_NONE;

	fake_vfio_extension(VFIO_TYPE1v2_IOMMU, 0);
	assert_int_equal(vfio_group_iommu_open(-1, 0, &i, &e), -ENODEV);
	assert_string_equal(e.text,
			    "the kernel offers no type 1 (version 2) IOMMU");
	assert_string_equal(e.hint, "modprobe vfio_iommu_type1");
}

static void no_iommu_mode_is_refused(void **state)
{
	struct vfio_iommu *i;
	struct err e = ERR_NONE;

	fake_vfio_extension(VFIO_TYPE1v2_IOMMU, 0);
	fake_vfio_extension(VFIO_NOIOMMU_IOMMU, 1);
	assert_int_equal(vfio_group_iommu_open(-1, 0, &i, &e), -ENODEV);
	assert_non_null(strstr(e.text, "VFIO runs without an IOMMU"));
}

static void a_group_without_iommu_is_refused(void **state)
{
	struct err e;
	struct bench b;

	fake_pci_add(&plain_function);
	fake_remove("/dev/vfio/12");
	fake_file("/dev/vfio/noiommu-12", "");
	bench_vm(&b);
	assert_int_equal(opens(&b, &e), -ENODEV);
	assert_string_equal(e.text,
			    "group 12 has no IOMMU (/dev/vfio/noiommu-12): its "
			    "DMA would reach all of the host's memory");
	bench_close(&b);
}

/* VFIO-OPEN-04 */
static void a_group_with_a_foreign_driver_is_not_viable(void **state)
{
	struct fake_pci p = plain_function;
	struct err e;
	struct bench b;

	fake_pci_add(&plain_function);
	p.bdf = "0000:01:00.1";
	p.driver = "e1000e";
	fake_pci_add(&p);
	bench_vm(&b);
	assert_int_equal(opens(&b, &e), -EPERM);
	assert_string_equal(
		e.text,
		"group 12 is not viable: 0000:01:00.1 is bound to e1000e");
	bench_close(&b);
}

/* VFIO-OPEN-09 */
static void firmware_that_ties_the_group_to_memory_is_named(void **state)
{
	struct err e;
	struct bench b;

	fake_pci_add(&plain_function);
	fake_group_reserve(12, 0x7f000000, 0x7fffffff, "direct");
	bench_vm(&b);
	fake_fail_ioctl("VFIO_SET_IOMMU", 0, EINVAL);
	assert_int_equal(opens(&b, &e), -EINVAL);
	assert_string_equal(e.text,
			    "group 12: platform firmware (RMRR or IVMD) ties "
			    "it to memory; it cannot be assigned");
	bench_close(&b);
}

/* CONFIG_KVM_VFIO is off */
static void a_kvm_without_vfio_device_will_do(void **state)
{
	struct vfio_dev *d;
	struct bench b;

	fake_pci_add(&plain_function);
	bench_vm(&b);
	fake_fail_ioctl("KVM_CREATE_DEVICE", 0, ENODEV);
	d = attach(&b, BDF);
	d->ops->close(d);
	assert_int_equal(fake_trace_count("KVM_SET_DEVICE_ATTR"), 0);
	bench_close(&b);
}

/* -------- the sweeps -------- */

static int sweep_open(void *arg, struct err *e)
{
	struct bench *b = arg;

	return vfio_group_iommu_open(b->vm.fd, 0, &b->iommu, e);
}

static void sweep_close(void *arg)
{
	struct bench *b = arg;

	if (b->iommu)
		b->iommu->ops->close(b->iommu);
	b->iommu = NULL;
}

static void opening_the_container_unwinds_from_everywhere(void **state)
{
	struct bench b;

	bench_vm(&b);
	sweep_close(&b);
	fake_mark();
	assert_true(fake_sweep(sweep_open, sweep_close, &b, NULL) >= 3);
	bench_close(&b);
}

struct attach_arg {
	struct bench b;
	struct vfio_dev *dev;
};

static int sweep_attach(void *arg, struct err *e)
{
	struct attach_arg *a = arg;

	return a->b.iommu->ops->attach(a->b.iommu, WANT(BDF), &a->dev, e);
}

static void sweep_detach(void *arg)
{
	struct attach_arg *a = arg;

	if (a->dev)
		a->dev->ops->close(a->dev);
	a->dev = NULL;
}

static void attaching_unwinds_from_everywhere(void **state)
{
	struct attach_arg a = { .dev = NULL };

	fake_pci_add(&plain_function);
	bench_vm(&a.b);
	/* KVM's VFIO device is made once and stays: make it before */
	MUST(sweep_attach(&a, &why));
	sweep_detach(&a);
	map_ram(&a.b);
	fake_mark();
	assert_true(fake_sweep(sweep_attach, sweep_detach, &a, NULL) >= 8);
	bench_close(&a.b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(the_order_of_opening_is_the_kernels),
		FAKE_TEST(the_way_down_is_the_reverse),
		FAKE_TEST(two_functions_of_a_group_share_it),
		FAKE_TEST(a_second_group_joins_the_first_container),
		FAKE_TEST(a_group_that_cannot_share_gets_every_map_too),
		FAKE_TEST(a_map_that_fails_in_one_container_is_in_none),
		FAKE_TEST(a_container_left_by_all_is_typed_and_mapped_anew),
		FAKE_TEST(only_whole_maps_are_unmapped),
		FAKE_TEST(a_function_given_twice_is_refused),
		FAKE_TEST(a_busy_function_is_tried_again),
		FAKE_TEST(a_function_busy_for_ever_is_refused),
		FAKE_TEST(every_refusal_has_its_sentence),
		FAKE_TEST(no_vfio_is_explained),
		FAKE_TEST(version_one_of_the_type_is_not_used),
		FAKE_TEST(no_iommu_mode_is_refused),
		FAKE_TEST(a_group_without_iommu_is_refused),
		FAKE_TEST(a_group_with_a_foreign_driver_is_not_viable),
		FAKE_TEST(firmware_that_ties_the_group_to_memory_is_named),
		FAKE_TEST(a_kvm_without_vfio_device_will_do),
		FAKE_TEST(opening_the_container_unwinds_from_everywhere),
		FAKE_TEST(attaching_unwinds_from_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

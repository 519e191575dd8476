/* iommufd: the order of calls, spaces that come and go, sharing, the way down.
 * Refusals are in test_iommufd_refusals.c. */
#include "tests/unit/vfio/iommufd.h"

/* -------- order -------- */

/* VFIO-OPEN-10, -13 */
static void the_order_of_opening_is_the_kernels(void **state)
{
	struct bench b;
	struct vfio_dev *d;

	fd_bench(&b);
	d = fd_attach(&b, BDF);
	assert_true(fake_trace_has_in_order(
		"open /dev/iommu", "open /dev/vfio/devices/vfio0",
		"fstat device " BDF, "KVM_CREATE_DEVICE", "KVM_SET_DEVICE_ATTR",
		"VFIO_DEVICE_BIND_IOMMUFD", "IOMMU_IOAS_ALLOC",
		"VFIO_DEVICE_ATTACH_IOMMUFD_PT", "VFIO_DEVICE_GET_INFO"));
	assert_int_equal(fake_trace_count("/dev/vfio/12"), 0);
	fd_map_ram(&b);
	assert_true(fake_dma_mapped(0, 64 * MIB));
	d->ops->close(d);
	bench_close(&b);
}

/* VFIO-OPEN-19; the fake kernel complains if the file goes while KVM has it */
static void the_way_down_is_the_reverse(void **state)
{
	struct bench b;
	struct vfio_dev *d;

	fd_bench(&b);
	d = fd_attach(&b, BDF);
	fd_map_ram(&b);
	fake_trace_clear();
	d->ops->close(d);
	assert_true(fake_trace_has_in_order(
		"close device " BDF, "KVM_SET_DEVICE_ATTR", "close device " BDF,
		"IOMMU_DESTROY"));
	assert_false(fake_pci_is_open(BDF));
	assert_int_equal(fake_iommufd_spaces(), 0);
	fake_trace_clear();
	bench_close(&b);
	assert_true(fake_trace_has_in_order("close iommufd", "close"));
	assert_int_equal(fake_dma_maps(), 0);
}

static void a_kvm_without_vfio_device_will_do(void **state)
{
	struct vfio_dev *d;
	struct bench b;

	fd_bench(&b);
	fake_fail_ioctl("KVM_CREATE_DEVICE", 0, ENODEV);
	d = fd_attach(&b, BDF);
	d->ops->close(d);
	assert_int_equal(fake_trace_count("KVM_SET_DEVICE_ATTR"), 0);
	bench_close(&b);
}

/* VFIO-OPEN-06 */
static void a_busy_function_is_tried_again(void **state)
{
	struct vfio_dev *d;
	struct bench b;

	fd_bench(&b);
	fake_fail_ioctl("VFIO_DEVICE_BIND_IOMMUFD", 1, EAGAIN);
	fake_fail_ioctl("VFIO_DEVICE_BIND_IOMMUFD", 2, EAGAIN);
	d = fd_attach(&b, BDF);
	assert_int_equal(fake_trace_count("BIND_IOMMUFD"), 3);
	d->ops->close(d);
	bench_close(&b);
}

/* VFIO-OPEN-16 */
static void locked_memory_counts_for_the_process_if_that_can_be(void **state)
{
	struct bench b;

	fake_memlock(GIB, GIB, true);
	fd_bench(&b);
	assert_int_equal(fake_trace_count("IOMMU_OPTION iommufd\n"), 1);
	bench_close(&b);
	fake_reset();
	fd_bench(&b); /* without the capability it is not fatal */
	assert_int_equal(fake_trace_count("IOMMU_OPTION iommufd = -EPERM"), 1);
	bench_close(&b);
}

/* -------- spaces -------- */

/* VFIO-OPEN-03, VFIO-DMA-08 */
static void functions_share_a_space_whatever_their_groups(void **state)
{
	struct vfio_dev *one, *two, *three;
	struct vfio_iommu_facts f;
	struct bench b;

	fd_bench(&b);
	fd_add("0000:01:00.1", 12);
	fd_add("0000:02:00.0", 13);
	one = fd_attach(&b, BDF);
	fd_map_ram(&b);
	two = fd_attach(&b, "0000:01:00.1");
	three = fd_attach(&b, "0000:02:00.0");
	assert_int_equal(fake_trace_count("IOMMU_IOAS_ALLOC"), 1);
	assert_int_equal(fake_trace_count("IOMMU_IOAS_MAP"), 1);
	assert_int_equal(fake_trace_count("KVM_CREATE_DEVICE"), 1);
	MUST(b.iommu->ops->facts(b.iommu, &f, &why));
	assert_int_equal(f.spaces, 1);
	assert_int_equal(f.maps_left, UINT32_MAX);
	assert_int_equal(f.page_sizes & -f.page_sizes, 4096);
	one->ops->close(one);
	two->ops->close(two);
	assert_int_equal(fake_iommufd_spaces(), 1);
	three->ops->close(three);
	assert_int_equal(fake_iommufd_spaces(), 0);
	bench_close(&b);
}

/* VFIO-OPEN-12: and the pages are pinned once */
static void a_function_that_cannot_share_gets_every_map_too(void **state)
{
	struct vfio_iommu_facts f;
	struct vfio_dev *one, *two;
	struct bench b;

	fake_memlock(64 * MIB, 64 * MIB, false);
	fd_bench(&b);
	fd_add("0000:02:00.0", 13);
	fake_group_incompatible(13);
	one = fd_attach(&b, BDF);
	fd_map_ram(&b);
	two = fd_attach(&b, "0000:02:00.0");
	assert_int_equal(fake_iommufd_spaces(), 2);
	assert_int_equal(fake_trace_count("IOMMU_IOAS_MAP"), 1);
	assert_int_equal(fake_trace_count("IOMMU_IOAS_COPY iommufd ioas=4 "
					  "from=2 iova=0 size=0x4000000"),
			 1);
	assert_int_equal(fake_dma_maps(), 2);
	assert_true(fake_dma_mapped(0, 64 * MIB));
	MUST(b.iommu->ops->facts(b.iommu, &f, &why));
	assert_int_equal(f.spaces, 1);
	/* the first space goes, the other still holds everything */
	one->ops->close(one);
	assert_int_equal(fake_iommufd_spaces(), 1);
	assert_true(fake_dma_mapped(0, 64 * MIB));
	one = fd_attach(&b, BDF);
	assert_int_equal(fake_trace_count("IOMMU_IOAS_MAP"), 1);
	assert_true(fake_dma_mapped(0, 64 * MIB));
	two->ops->close(two);
	one->ops->close(one);
	bench_close(&b);
}

static void later_maps_go_to_every_space(void **state)
{
	struct vfio_dev *one, *two;
	struct bench b;

	fd_bench(&b);
	fd_add("0000:02:00.0", 13);
	fake_group_incompatible(13);
	one = fd_attach(&b, BDF);
	two = fd_attach(&b, "0000:02:00.0");
	fd_map_ram(&b);
	assert_int_equal(fake_trace_count("IOMMU_IOAS_MAP"), 1);
	assert_int_equal(fake_trace_count("IOMMU_IOAS_COPY"), 1);
	assert_int_equal(fake_dma_maps(), 2);
	MUST(b.iommu->ops->unmap(b.iommu, 0, 64 * MIB, &why));
	assert_int_equal(fake_dma_maps(), 0);
	two->ops->close(two);
	one->ops->close(one);
	bench_close(&b);
}

static void a_map_that_fails_in_one_space_is_in_none(void **state)
{
	struct vfio_dev *one, *two;
	struct err e = ERR_NONE;
	struct bench b;

	fd_bench(&b);
	fd_add("0000:02:00.0", 13);
	fake_group_incompatible(13);
	one = fd_attach(&b, BDF);
	two = fd_attach(&b, "0000:02:00.0");
	fake_fail_ioctl("IOMMU_IOAS_COPY", 1, ENOMEM);
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

/* VFIO-OPEN-10: nothing would be pinned before. -18: nor is it forgotten. */
static void maps_are_made_when_there_is_a_function(void **state)
{
	struct vfio_iommu_facts f;
	struct vfio_dev *d;
	struct bench b;

	fd_bench(&b);
	fd_map_ram(&b);
	assert_int_equal(fake_trace_count("IOMMU_IOAS_"), 0);
	MUST(b.iommu->ops->facts(b.iommu, &f, &why));
	assert_int_equal(f.spaces, 0);
	assert_int_equal(f.page_sizes, 0);
	for (unsigned i = 0; i < 2; i++) {
		d = fd_attach(&b, BDF);
		assert_true(fake_dma_mapped(0, 64 * MIB));
		d->ops->close(d);
		assert_int_equal(fake_dma_maps(), 0);
	}
	bench_close(&b);
}

static void only_whole_maps_are_unmapped(void **state)
{
	struct vfio_dev *d;
	struct err e = ERR_NONE;
	struct bench b;

	fd_bench(&b);
	d = fd_attach(&b, BDF);
	fd_map_ram(&b);
	fake_trace_clear();
	assert_int_equal(b.iommu->ops->unmap(b.iommu, 0, 2 * MIB, &e), -EINVAL);
	assert_int_equal(fake_trace_count("UNMAP"), 0);
	MUST(b.iommu->ops->unmap(b.iommu, 0, 64 * MIB, &why));
	assert_int_equal(fake_dma_maps(), 0);
	d->ops->close(d);
	bench_close(&b);
}

/* VFIO-DMA-15 */
static void what_is_gone_already_counts_as_unmapped(void **state)
{
	struct vfio_dev *d;
	struct err e = ERR_NONE;
	struct bench b;

	fd_bench(&b);
	d = fd_attach(&b, BDF);
	fd_map_ram(&b);
	fake_fail_ioctl("IOMMU_IOAS_UNMAP", 1, ENOENT);
	MUST(b.iommu->ops->unmap(b.iommu, 0, 64 * MIB, &why));
	assert_int_equal(fake_dma_maps(), 1);
	d->ops->close(d);
	d = fd_attach(&b, BDF); /* the space was another one, and is empty */
	assert_int_equal(fake_dma_maps(), 0);
	fd_map_ram(&b);
	fake_fail_ioctl("IOMMU_IOAS_UNMAP", 1, EIO);
	assert_int_equal(b.iommu->ops->unmap(b.iommu, 0, 64 * MIB, &e), -EIO);
	assert_string_equal(e.text, "cannot unmap 0+0x4000000: Input/output "
				    "error");
	d->ops->close(d);
	bench_close(&b);
}

/* -------- ranges -------- */

/* VFIO-OPEN-22: the list does not fit at first */
static void many_holes_are_asked_for_again(void **state)
{
	struct range out[64];
	struct err e = ERR_NONE;
	struct vfio_dev *d;
	struct bench b;
	int n;

	fd_bench(&b);
	for (uint64_t i = 0; i < 12; i++)
		fake_group_reserve(12, (i + 1) * MIB, (i + 1) * MIB + 4095,
				   "reserved");
	d = fd_attach(&b, BDF);
	n = b.iommu->ops->ranges(b.iommu, out, ARRAY_LEN(out), &e);
	assert_int_equal(n, 13);
	assert_int_equal(fake_trace_count("IOMMU_IOAS_IOVA_RANGES"), 2);
	assert_int_equal(out[1].base, MIB + 4096);
	assert_int_equal(out[1].size, MIB - 4096);
	assert_int_equal(out[12].base + out[12].size, UINT64_C(1) << 48);
	d->ops->close(d);
	bench_close(&b);
}

static void a_list_that_never_fits_is_an_error(void **state)
{
	struct range out[64];
	struct err e = ERR_NONE;
	struct vfio_dev *d;
	struct bench b;

	fd_bench(&b);
	d = fd_attach(&b, BDF);
	fake_fail_ioctl("IOMMU_IOAS_IOVA_RANGES", 0, EMSGSIZE);
	assert_int_equal(b.iommu->ops->ranges(b.iommu, out, 64, &e), -EMSGSIZE);
	assert_non_null(strstr(e.text, "IOMMU_IOAS_IOVA_RANGES failed"));
	d->ops->close(d);
	bench_close(&b);
}

static void ranges_are_those_of_every_space(void **state)
{
	struct vfio_dev *one, *two;
	struct range out[8], hole = { GIB, 4096 };
	struct bench b;

	fd_bench(&b);
	fd_add("0000:02:00.0", 13);
	fake_group_incompatible(13);
	fake_group_reserve(12, GIB, GIB + 4095, "reserved");
	fake_group_reserve(13, 2 * GIB, 2 * GIB + 4095, "reserved");
	assert_int_equal(b.iommu->ops->ranges(b.iommu, out, 8, NULL), 0);
	one = fd_attach(&b, BDF);
	two = fd_attach(&b, "0000:02:00.0");
	assert_int_equal(fake_iommufd_spaces(), 2);
	assert_int_equal(b.iommu->ops->ranges(b.iommu, out, 8, NULL), 3);
	assert_int_equal(out[0].size, GIB);
	assert_int_equal(out[1].size, GIB - 4096);
	assert_int_equal(out[2].base, 2 * GIB + 4096);
	assert_int_equal(b.iommu->ops->blame(b.iommu, &hole), 12);
	hole.base = 2 * GIB;
	assert_int_equal(b.iommu->ops->blame(b.iommu, &hole), 13);
	hole.base = 3 * GIB;
	assert_int_equal(b.iommu->ops->blame(b.iommu, &hole), -1);
	two->ops->close(two);
	one->ops->close(one);
	bench_close(&b);
}

/* -------- the sweeps -------- */

static int sweep_open(void *arg, struct err *e)
{
	struct bench *b = arg;

	return vfio_iommufd_iommu_open(b->vm.fd, 0, &b->iommu, e);
}

static void sweep_close(void *arg)
{
	struct bench *b = arg;

	if (b->iommu)
		b->iommu->ops->close(b->iommu);
	b->iommu = NULL;
}

static void opening_unwinds_from_everywhere(void **state)
{
	struct bench b;

	fd_bench(&b);
	sweep_close(&b);
	fake_mark();
	assert_true(fake_sweep(sweep_open, sweep_close, &b, "/dev/iommu") >= 2);
	bench_close(&b);
}

struct attach_arg {
	struct bench b;
	struct vfio_dev *dev;
};

static int sweep_attach(void *arg, struct err *e)
{
	struct attach_arg *a = arg;

	return a->b.iommu->ops->attach(a->b.iommu, WANT("0000:02:00.0"),
				       &a->dev, e);
}

static void sweep_detach(void *arg)
{
	struct attach_arg *a = arg;

	if (a->dev)
		a->dev->ops->close(a->dev);
	a->dev = NULL;
}

/* With a second space and a replay in it. */
static void attaching_unwinds_from_everywhere(void **state)
{
	struct attach_arg a = { .dev = NULL };
	struct vfio_dev *first;

	fd_bench(&a.b);
	fd_add("0000:02:00.0", 13);
	fake_group_incompatible(13);
	first = fd_attach(&a.b, BDF);
	fd_map_ram(&a.b);
	fake_mark();
	assert_true(fake_sweep(sweep_attach, sweep_detach, &a, NULL) >= 11);
	assert_int_equal(fake_iommufd_spaces(), 1);
	assert_int_equal(fake_dma_maps(), 1);
	first->ops->close(first);
	bench_close(&a.b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(the_order_of_opening_is_the_kernels),
		FAKE_TEST(the_way_down_is_the_reverse),
		FAKE_TEST(a_kvm_without_vfio_device_will_do),
		FAKE_TEST(a_busy_function_is_tried_again),
		FAKE_TEST(locked_memory_counts_for_the_process_if_that_can_be),
		FAKE_TEST(functions_share_a_space_whatever_their_groups),
		FAKE_TEST(a_function_that_cannot_share_gets_every_map_too),
		FAKE_TEST(later_maps_go_to_every_space),
		FAKE_TEST(a_map_that_fails_in_one_space_is_in_none),
		FAKE_TEST(maps_are_made_when_there_is_a_function),
		FAKE_TEST(only_whole_maps_are_unmapped),
		FAKE_TEST(what_is_gone_already_counts_as_unmapped),
		FAKE_TEST(many_holes_are_asked_for_again),
		FAKE_TEST(a_list_that_never_fits_is_an_error),
		FAKE_TEST(ranges_are_those_of_every_space),
		FAKE_TEST(opening_unwinds_from_everywhere),
		FAKE_TEST(attaching_unwinds_from_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

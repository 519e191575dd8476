/* Guest RAM as IOVA space: limits, reserved ranges, number of maps. */
#include "tests/unit/vfio/bench.h"
#include "vmm/base/trace.h"

struct dma_bench {
	struct bench b;
	struct vfio_dev *dev;
	struct vfio_dma dma;
};

/* A VM with RAM as the board lays it out, and one function attached. */
static void dma_open(struct dma_bench *t, uint64_t ram)
{
	uint64_t low = ram < 2 * GIB ? ram : 2 * GIB;

	memset(t, 0, sizeof(*t));
	fake_pci_add(&plain_function);
	t->b.vm = VM_EMPTY;
	MUST(vm_open(&t->b.vm, &why));
	MUST(mem_add_ram(&t->b.vm.mem, 0, low, MEM_PLAIN, &why));
	if (ram > low)
		MUST(mem_add_ram(&t->b.vm.mem, 4 * GIB, ram - low, MEM_PLAIN,
				 &why));
	MUST(vfio_group_iommu_open(t->b.vm.fd, 0, &t->b.iommu, &why));
	MUST(t->b.iommu->ops->attach(t->b.iommu, WANT(BDF), &t->dev, &why));
}

/* As vmm/machine/assignment.c does it. */
static int check_and_open(struct dma_bench *t, struct err *e)
{
	int rc = vfio_dma_check(t->b.iommu, &t->b.vm.mem, e);

	return rc < 0 ? rc
		      : vfio_dma_open(&t->dma, t->b.iommu, &t->b.vm.mem, e);
}

static int dma_map(struct dma_bench *t, struct err *e)
{
	*e = ERR_NONE;
	return check_and_open(t, e);
}

static void dma_close(struct dma_bench *t)
{
	if (t->dev)
		t->dev->ops->close(t->dev);
	vfio_dma_close(&t->dma);
	vfio_dma_close(&t->dma);
	bench_close(&t->b);
}

/* VFIO-DMA-01, -07 */
static void ram_and_nothing_else_is_mapped(void **state)
{
	static const uint64_t sizes[] = { GIB, 3 * GIB, 5 * GIB };

	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		unsigned maps = sizes[i] > 2 * GIB ? 2 : 1;
		struct dma_bench t;
		struct err e;

		fake_reset();
		dma_open(&t, sizes[i]);
		fake_group_reserve(12, 0xfee00000, 0xfeefffff, "msi");
		if (dma_map(&t, &e) < 0)
			fail_msg("%zu: %s", (size_t)sizes[i], e.text);
		assert_int_equal(fake_dma_maps(), maps);
		assert_true(fake_dma_mapped(0, sizes[i] > 2 * GIB ? 2 * GIB
								  : sizes[i]));
		if (maps == 2)
			assert_true(
				fake_dma_mapped(4 * GIB, sizes[i] - 2 * GIB));
		assert_false(fake_dma_mapped(0xe0000000, 4096));
		dma_close(&t);
	}
}

/* VFIO-DMA-03 */
static void a_hole_in_ram_is_found_before_mapping(void **state)
{
	struct dma_bench t;
	struct err e;

	dma_open(&t, GIB);
	fake_group_reserve(12, 0x20000000, 0x200fffff, "reserved");
	fake_trace_clear();
	assert_int_equal(dma_map(&t, &e), -ERANGE);
	assert_string_equal(
		e.text, "guest RAM 0 to 0x3fffffff needs I/O addresses "
			"0x20000000 to 0x200fffff, which the IOMMU does not "
			"translate: group 12 reserves them");
	assert_int_equal(fake_trace_count("MAP_DMA"), 0);
	dma_close(&t);
}

/* VFIO-DMA-16 */
static void ram_beyond_the_aperture_is_refused(void **state)
{
	struct dma_bench t;
	struct err e;

	fake_iommu_width(32);
	dma_open(&t, 3 * GIB);
	assert_int_equal(dma_map(&t, &e), -ERANGE);
	assert_string_equal(e.text, "guest RAM 0x100000000 to 0x13fffffff is "
				    "beyond the IOMMU, which translates I/O "
				    "addresses up to 0xffffffff");
	assert_string_equal(e.hint, "with this IOMMU the guest can have "
				    "--mem 2048M");
	dma_close(&t);
}

#define OTHER "0000:02:00.0"

/* In group 13, with an IOMMU that shares no container with ours. */
static void add_behind_another_iommu(void)
{
	struct fake_pci p = plain_function;

	p.bdf = OTHER;
	p.group = 13;
	fake_pci_add(&p);
	fake_group_incompatible(13);
}

/* VFIO-DMA-03: the narrower of two IOMMUs counts, and every hole */
static void behind_two_iommus_ram_has_to_suit_both(void **state)
{
	struct vfio_dev *two = NULL;
	struct dma_bench t;
	struct err e;

	add_behind_another_iommu();
	fake_group_reserve(13, 0x20000000, 0x200fffff, "reserved");
	dma_open(&t, GIB);
	e = ERR_NONE;
	assert_int_equal(vfio_dma_check(t.b.iommu, &t.b.vm.mem, &e), 0);
	MUST(t.b.iommu->ops->attach(t.b.iommu, WANT(OTHER), &two, &why));
	assert_int_equal(vfio_dma_check(t.b.iommu, &t.b.vm.mem, &e), -ERANGE);
	assert_non_null(strstr(e.text, "group 13 reserves them"));
	two->ops->close(two);
	assert_int_equal(vfio_dma_check(t.b.iommu, &t.b.vm.mem, &e), 0);
	dma_close(&t);
}

static void too_few_entries_are_explained(void **state)
{
	struct dma_bench t;
	struct err e;

	fake_iommu_entries(1);
	dma_open(&t, 3 * GIB);
	assert_int_equal(dma_map(&t, &e), -ENOSPC);
	assert_string_equal(e.text, "guest RAM has 2 ranges, the IOMMU takes "
				    "only 1 more");
	assert_non_null(strstr(e.hint, "dma_entry_limit"));
	dma_close(&t);
}

static void every_refused_map_has_its_sentence(void **state)
{
	static const struct {
		int err;
		const char *says;
	} rows[] = {
		{ ENOMEM, "the limit for locked memory is reached" },
		{ ENOSPC, "no mapping is left" },
		{ EINVAL, "part of the range is reserved" },
		{ EEXIST, "something is mapped there already" },
		{ EFAULT, "its pages cannot be pinned for long" },
		{ EIO, "Input/output error" },
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct dma_bench t;
		struct err e;

		fake_reset();
		dma_open(&t, GIB);
		fake_fail_ioctl("VFIO_IOMMU_MAP_DMA", 0, rows[i].err);
		assert_int_equal(dma_map(&t, &e), -rows[i].err);
		if (!strstr(e.text, "cannot map guest RAM 0 to 0x3fffffff for "
				    "DMA: ") ||
		    !strstr(e.text, rows[i].says))
			fail_msg("%d: %s", rows[i].err, e.text);
		fake_fail_none();
		dma_close(&t);
	}
}

/* VFIO-DMA-15 */
static void the_second_range_failing_takes_the_first_back(void **state)
{
	struct dma_bench t;
	struct err e;

	dma_open(&t, 3 * GIB);
	fake_fail_ioctl("VFIO_IOMMU_MAP_DMA", 2, ENOMEM);
	assert_int_equal(dma_map(&t, &e), -ENOMEM);
	assert_int_equal(fake_dma_maps(), 0);
	dma_close(&t);
}

static void a_kernel_that_does_not_answer_is_an_error(void **state)
{
	struct dma_bench t;
	struct err e;

	dma_open(&t, GIB);
	fake_fail_ioctl("VFIO_IOMMU_GET_INFO", 1, EIO);
	assert_int_equal(dma_map(&t, &e), -EIO);
	assert_non_null(strstr(e.text, "VFIO_IOMMU_GET_INFO"));
	dma_close(&t);
}

/* VFIO-DMA-11: RAM goes after every function is closed */
static void devices_close_before_ram_is_unmapped(void **state)
{
	struct dma_bench t;
	struct err e;

	dma_open(&t, GIB);
	assert_int_equal(dma_map(&t, &e), 0);
	fake_trace_clear();
	dma_close(&t);
	/* the last group took the maps along: nothing is left to unmap */
	assert_int_equal(fake_trace_count("UNMAP_DMA"), 0);
}

/* -------- VFIO-OPEN-16 -------- */

static void locked_memory_is_checked_beforehand(void **state)
{
	static const struct {
		uint64_t soft, hard, need;
		bool cap, ok, raised;
	} rows[] = {
		{ GIB, GIB, GIB, false, true, false },
		{ GIB - 1, GIB - 1, GIB, false, false, false },
		{ 65536, 2 * GIB, GIB, false, true, true },
		{ 65536, GIB, GIB, false, true, true },
		{ 65536, GIB - 1, GIB, false, false, false },
		{ 0, 0, GIB, true, true, false },
		{ RLIM_INFINITY, RLIM_INFINITY, 1ull << 50, false, true,
		  false },
		{ 0, 0, 0, false, true, false },
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct err e = ERR_NONE;
		struct rlimit l;

		fake_memlock(rows[i].soft, rows[i].hard, rows[i].cap);
		if ((vfio_memlock_check(rows[i].need, &e) >= 0) != rows[i].ok)
			fail_msg("row %u: %s", i, e.text);
		assert_int_equal(sys_getrlimit(RLIMIT_MEMLOCK, &l), 0);
		assert_int_equal(l.rlim_cur,
				 rows[i].raised ? rows[i].hard : rows[i].soft);
	}
}

static void too_little_locked_memory_is_explained(void **state)
{
	struct err e = ERR_NONE;

	fake_memlock(65536, 65536, false);
	assert_int_equal(vfio_memlock_check(512 * MIB, &e), -ENOMEM);
	assert_string_equal(
		e.text, "524288 KiB of guest memory have to be locked for DMA, "
			"the limit is 64 KiB");
	assert_non_null(strstr(e.hint, "ulimit -l unlimited"));
}

static void a_second_container_needs_twice_as_much(void **state)
{
	struct vfio_dev *two = NULL;
	struct dma_bench t;
	struct err e;

	add_behind_another_iommu();
	dma_open(&t, GIB);
	MUST(t.b.iommu->ops->attach(t.b.iommu, WANT(OTHER), &two, &why));
	fake_memlock(GIB, GIB, false);
	assert_int_equal(dma_map(&t, &e), -ENOMEM);
	assert_non_null(strstr(e.text, "2097152 KiB"));
	fake_memlock(2 * GIB, 2 * GIB, false);
	assert_int_equal(dma_map(&t, &e), 0);
	two->ops->close(two);
	dma_close(&t);
}

/* Memory hot-plug does not exist; RAM that came all the same would be there for
 * the DMA of every function, or not be there at all. VFIO-DMA-12 */
static void ram_added_later_is_mapped_for_all_or_is_not_there(void **state)
{
	struct vfio_dev *two = NULL;
	struct err e = ERR_NONE;
	struct dma_bench t;

	add_behind_another_iommu();
	dma_open(&t, GIB);
	MUST(t.b.iommu->ops->attach(t.b.iommu, WANT(OTHER), &two, &why));
	MUST(dma_map(&t, &why));
	assert_int_equal(fake_dma_maps(), 2);
	fake_fail_ioctl("VFIO_IOMMU_MAP_DMA", 2, ENOMEM);
	assert_int_equal(mem_add_ram(&t.b.vm.mem, 4 * GIB, GIB, MEM_PLAIN, &e),
			 -ENOMEM);
	assert_int_equal(fake_dma_maps(), 2);
	assert_int_equal(fake_kvm_slots(), 1);
	assert_int_equal(mem_ram_size(&t.b.vm.mem), GIB);
	fake_fail_none();
	MUST(mem_add_ram(&t.b.vm.mem, 4 * GIB, GIB, MEM_PLAIN, &why));
	assert_int_equal(fake_dma_maps(), 4);
	assert_int_equal(fake_kvm_slots(), 2);
	two->ops->close(two);
	dma_close(&t);
}

/* VFIO-ERR-04: VFIO does not say that DMA was refused. What it could reach is
 * in the trace, to be laid beside the host's dmesg. */
static void the_trace_lists_what_dma_can_reach(void **state)
{
	char text[4096] = "";
	struct dma_bench t;
	struct err e;

	dma_open(&t, 3 * GIB);
	MUST(trace_start("dma:/log", &why));
	assert_int_equal(dma_map(&t, &e), 0);
	trace_stop();
	assert_true(fake_file_read("/log", text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, "iova=0 size=0x80000000 "));
	assert_non_null(strstr(text, "iova=0x100000000 size=0x40000000 "));
	dma_close(&t);
}

static int sweep_open(void *arg, struct err *e)
{
	return check_and_open(arg, e);
}

static void sweep_close(void *arg)
{
	struct dma_bench *t = arg;

	vfio_dma_close(&t->dma);
}

static void mapping_unwinds_from_everywhere(void **state)
{
	struct dma_bench t;

	dma_open(&t, 3 * GIB);
	fake_memlock(65536, RLIM_INFINITY, false);
	fake_mark();
	assert_true(fake_sweep(sweep_open, sweep_close, &t, NULL) >= 4);
	assert_int_equal(fake_dma_maps(), 0);
	dma_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(ram_and_nothing_else_is_mapped),
		FAKE_TEST(a_hole_in_ram_is_found_before_mapping),
		FAKE_TEST(ram_beyond_the_aperture_is_refused),
		FAKE_TEST(behind_two_iommus_ram_has_to_suit_both),
		FAKE_TEST(too_few_entries_are_explained),
		FAKE_TEST(every_refused_map_has_its_sentence),
		FAKE_TEST(the_second_range_failing_takes_the_first_back),
		FAKE_TEST(a_kernel_that_does_not_answer_is_an_error),
		FAKE_TEST(devices_close_before_ram_is_unmapped),
		FAKE_TEST(locked_memory_is_checked_beforehand),
		FAKE_TEST(too_little_locked_memory_is_explained),
		FAKE_TEST(a_second_container_needs_twice_as_much),
		FAKE_TEST(ram_added_later_is_mapped_for_all_or_is_not_there),
		FAKE_TEST(the_trace_lists_what_dma_can_reach),
		FAKE_TEST(mapping_unwinds_from_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

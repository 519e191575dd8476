/* RAM and the pages of an IOMMU, which may be larger than the host's. */
#include "tests/unit/vfio/bench.h"

struct toy_iommu {
	struct vfio_iommu i;
	uint64_t page_sizes;
	unsigned maps, unmaps;
	struct range mapped[4];
};

static int toy_map(struct vfio_iommu *i, iova_t at, const struct ram *r,
		   struct err *e)
{
	struct toy_iommu *t = container_of(i, struct toy_iommu, i);

	t->mapped[t->maps++] = (struct range){ at, r->size };
	return 0;
}

static int toy_unmap(struct vfio_iommu *i, iova_t at, uint64_t size,
		     struct err *e)
{
	struct toy_iommu *t = container_of(i, struct toy_iommu, i);

	t->unmaps++;
	return 0;
}

static int toy_ranges(struct vfio_iommu *i, struct range *out, unsigned max,
		      struct err *e)
{
	return 0;
}

static int toy_facts(struct vfio_iommu *i, struct vfio_iommu_facts *out,
		     struct err *e)
{
	struct toy_iommu *t = container_of(i, struct toy_iommu, i);

	*out = (struct vfio_iommu_facts){ .page_sizes = t->page_sizes,
					  .spaces = 1,
					  .maps_left = UINT32_MAX };
	return 0;
}

static const struct vfio_iommu_ops toy_ops = {
	.map = toy_map,
	.unmap = toy_unmap,
	.ranges = toy_ranges,
	.facts = toy_facts,
};

static struct vm vm;

/* 6 MiB of RAM at 2 MiB: where the board never puts it, but it might. */
static int map_with(struct toy_iommu *t, uint64_t page_sizes, struct err *e)
{
	struct vfio_dma d = { .iommu = NULL };
	int rc;

	*t = (struct toy_iommu){ .i.ops = &toy_ops, .page_sizes = page_sizes };
	*e = ERR_NONE;
	vm = VM_EMPTY;
	MUST(vm_open(&vm, &why));
	MUST(mem_add_ram(&vm.mem, 2 * MIB, 6 * MIB, MEM_PLAIN, &why));
	rc = vfio_dma_open(&d, &t->i, &vm.mem, e);
	vfio_dma_close(&d);
	vm_close(&vm);
	return rc;
}

/* VFIO-DMA-04 */
static void ram_is_aligned_to_every_page_size_up_to_2_mib(void **state)
{
	static const uint64_t sizes[] = { 0x1000, 0x10000, 2 * MIB,
					  0x1000 | 2 * MIB | GIB, 0 };

	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		struct toy_iommu t;
		struct err e;

		if (map_with(&t, sizes[i], &e) < 0)
			fail_msg("%#llx: %s", (unsigned long long)sizes[i],
				 e.text);
		assert_int_equal(t.maps, 1);
		assert_int_equal(t.unmaps, 1);
		assert_true(t.mapped[0].base == 2 * MIB);
		assert_true(t.mapped[0].size == 6 * MIB);
	}
}

/* VFIO-DMA-04: the kernel would say EINVAL and nothing else */
static void larger_pages_are_refused_before_mapping(void **state)
{
	static const uint64_t sizes[] = { 4 * MIB, 16 * MIB | GIB, GIB };

	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		uint64_t smallest = sizes[i] & -sizes[i];
		struct toy_iommu t;
		char text[128];
		struct err e;

		assert_int_equal(map_with(&t, sizes[i], &e), -EINVAL);
		assert_int_equal(t.maps, 0);
		snprintf(text, sizeof(text),
			 "guest RAM at 0x200000 is not aligned to the IOMMU's "
			 "%llu-byte pages",
			 (unsigned long long)smallest);
		assert_string_equal(e.text, text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(ram_is_aligned_to_every_page_size_up_to_2_mib),
		FAKE_TEST(larger_pages_are_refused_before_mapping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

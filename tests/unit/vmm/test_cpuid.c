/* CPUID tells each vCPU a consistent story: one package of n cores. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fakes/kernel.h"
#include "vmm/base/bytes.h"
#include "vmm/x86_64/x86.h"

struct table {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entry[X86_MAX_CPUID];
};

static void put(struct table *t, uint32_t function, uint32_t index,
		uint32_t eax, uint32_t ebx, uint32_t ecx, uint32_t edx)
{
	t->entry[t->head.nent++] =
		(struct kvm_cpuid_entry2){ function, index, 0,	 eax,
					   ebx,	     ecx,   edx, { 0 } };
}

/* As KVM reports on an EPYC: leaf 0xb empty, caches by 0x8000001d. */
static struct table *amd(void)
{
	struct table *t = calloc(1, sizeof(*t));

	put(t, 0x0, 0, 0x10, 0x68747541, 0x444d4163, 0x69746e65);
	put(t, 0x1, 0, 0xa10f11, 0x10800, 0x0, 0x78bfbff);
	put(t, 0xb, 0, 0, 0, 0, 77);
	put(t, 0x40000000, 0, 0, 0x4b4d564b, 0x564b4d56, 0x4d);
	put(t, 0x40000001, 0, 0x01008ffb, 0, 0, 0);
	put(t, 0x80000000, 0, 0x80000022, 0, 0, 0);
	put(t, 0x80000001, 0, 0, 0, 0x11c003f3, 0);
	put(t, 0x80000008, 0, 0x3030, 0, 0x7001, 0);
	put(t, 0x8000001d, 0, 0x0401c121, 0, 0, 0);
	put(t, 0x8000001d, 2, 0x0401c143, 0, 0, 0);
	put(t, 0x8000001d, 3, 0x0401c163, 0, 0, 0);
	put(t, 0x8000001d, 4, 0, 0, 0, 0);
	put(t, 0x8000001e, 0, 9, 9, 9, 9);
	put(t, 0x8000001f, 0, 3, 0x6f, 1, 1);
	put(t, 0x80000022, 0, 1, 6, 0, 0);
	return t;
}

/* As KVM reports on a Xeon: leaves 4 and 0x1f, a PMU, 52 bits of which its
 * page tables reach 48. */
static struct table *intel(void)
{
	struct table *t = calloc(1, sizeof(*t));

	put(t, 0x0, 0, 0x1f, 0x756e6547, 0x6c65746e, 0x49656e69);
	put(t, 0x1, 0, 0x806f8, 0x3f400800, 0x8000, 0x1);
	put(t, 0x4, 0, 0x7c004121, 0, 0, 0);
	put(t, 0x4, 2, 0x7c004143, 0, 0, 0);
	put(t, 0x4, 3, 0x7c0fc163, 0, 0, 0);
	put(t, 0x4, 4, 0, 0, 0, 0);
	put(t, 0xa, 0, 0x7300405, 0, 0, 0x600);
	put(t, 0xb, 0, 1, 2, 0x100, 5);
	put(t, 0xb, 1, 6, 64, 0x201, 5);
	put(t, 0x1f, 0, 1, 2, 0x100, 5);
	put(t, 0x40000000, 0, 0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d);
	put(t, 0x80000001, 0, 0, 0, 0x121, 0);
	put(t, 0x80000008, 0, 0x303934, 0, 0, 0);
	return t;
}

/* What vCPU @index of @n reads. */
static struct table *build(struct table *from, bool is_amd, unsigned index,
			   unsigned n)
{
	const struct x86_cpu cpu = {
		.index = index, .n = n, .tsc_deadline = true, .amd = is_amd
	};
	struct table *t = calloc(1, sizeof(*t));

	assert_int_equal(x86_cpuid_build(&from->head, &cpu, &t->head), 0);
	return t;
}

static const struct kvm_cpuid_entry2 *leaf(struct table *t, uint32_t function,
					   uint32_t index)
{
	const struct kvm_cpuid_entry2 *e =
		x86_cpuid_find(&t->head, function, index);

	assert_non_null(e);
	return e;
}

static const struct {
	unsigned n, bits;
} sizes[] = { { 1, 0 }, { 2, 1 },  { 3, 2 },  { 4, 2 },
	      { 6, 3 }, { 12, 4 }, { 64, 6 }, { 255, 8 } };

static void check_topology_leaf(struct table *t, uint32_t function, unsigned id,
				unsigned n, unsigned bits)
{
	const struct kvm_cpuid_entry2 *smt = leaf(t, function, 0);
	const struct kvm_cpuid_entry2 *core = leaf(t, function, 1);
	const struct kvm_cpuid_entry2 *end = leaf(t, function, 2);

	assert_int_equal(smt->eax, 0);
	assert_int_equal(smt->ebx, 1);
	assert_int_equal(smt->ecx, 0x100);
	assert_int_equal(core->eax, bits);
	assert_int_equal(core->ebx, n);
	assert_int_equal(core->ecx, 0x201);
	assert_int_equal(end->ebx, 0);
	assert_int_equal(end->ecx, 2);
	assert_int_equal(smt->edx, id);
	assert_int_equal(core->edx, id);
	assert_int_equal(end->edx, id);
	assert_int_equal(core->flags, KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
}

static void check_common(struct table *t, unsigned id, unsigned n,
			 unsigned bits)
{
	const struct kvm_cpuid_entry2 *one = leaf(t, 1, 0);
	unsigned ids = 1u << bits;

	check_topology_leaf(t, 0xb, id, n, bits);
	assert_int_equal(one->ebx >> 24, id);
	assert_int_equal(one->ebx >> 16 & 0xff, ids > 255 ? 255 : ids);
	assert_int_equal(one->ebx >> 8 & 0xff, 8); /* CLFLUSH stays */
	assert_int_equal(one->edx >> 28 & 1, n > 1);
}

/* VFIO-KVM-09 */
static void amd_topology_is_one_package_of_cores(void **state)
{
	struct table *from = amd();

	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		unsigned n = sizes[i].n, id = n - 1;
		struct table *t = build(from, true, id, n);

		print_message("  %u vCPUs\n", n);
		check_common(t, id, n, sizes[i].bits);
		assert_int_equal(leaf(t, 0x80000008, 0)->ecx & 0xff, n - 1);
		assert_int_equal(leaf(t, 0x80000008, 0)->ecx >> 12 & 0xf,
				 sizes[i].bits);
		assert_int_equal(leaf(t, 0x80000001, 0)->ecx >> 1 & 1, n > 1);
		assert_int_equal(leaf(t, 0x8000001e, 0)->eax, id);
		assert_int_equal(leaf(t, 0x8000001e, 0)->ebx, id);
		assert_int_equal(leaf(t, 0x8000001e, 0)->ecx, 0);
		/* L1 and L2 belong to a core, L3 to all. */
		assert_int_equal(leaf(t, 0x8000001d, 0)->eax >> 14 & 0xfff, 0);
		assert_int_equal(leaf(t, 0x8000001d, 2)->eax >> 14 & 0xfff, 0);
		assert_int_equal(leaf(t, 0x8000001d, 3)->eax >> 14 & 0xfff,
				 n - 1);
		assert_int_equal(leaf(t, 0x8000001d, 4)->eax, 0);
		assert_null(x86_cpuid_find(&t->head, 0x1f, 0));
		free(t);
	}
	free(from);
}

static void intel_topology_is_one_package_of_cores(void **state)
{
	struct table *from = intel();

	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		unsigned n = sizes[i].n, id = n / 2;
		unsigned ids = 1u << sizes[i].bits;
		struct table *t = build(from, false, id, n);
		uint32_t l3 = leaf(t, 4, 3)->eax;

		print_message("  %u vCPUs\n", n);
		check_common(t, id, n, sizes[i].bits);
		check_topology_leaf(t, 0x1f, id, n, sizes[i].bits);
		assert_int_equal(l3 >> 14 & 0xfff, ids - 1);
		assert_int_equal(l3 >> 26, ids > 64 ? 63 : ids - 1);
		assert_int_equal(leaf(t, 4, 0)->eax >> 14 & 0xfff, 0);
		assert_int_equal(leaf(t, 4, 4)->eax, 0);
		/* AMD's fields mean something else here. */
		assert_int_equal(leaf(t, 0x80000008, 0)->ecx, 0);
		assert_int_equal(leaf(t, 0x80000001, 0)->ecx, 0x121);
		free(t);
	}
	free(from);
}

static void every_entry_appears_once(void **state)
{
	struct table *from = intel();
	struct table *t = build(from, false, 0, 4);

	for (uint32_t i = 0; i < t->head.nent; i++)
		for (uint32_t k = 0; k < i; k++)
			assert_false(t->entry[i].function ==
					     t->entry[k].function &&
				     t->entry[i].index == t->entry[k].index);
	free(t);
	free(from);
}

static void features_that_linux_needs_are_there(void **state)
{
	struct table *from = amd();
	struct table *t = build(from, true, 0, 2);
	uint32_t ecx = leaf(t, 1, 0)->ecx, edx = leaf(t, 1, 0)->edx;

	assert_true(ecx & 1u << 31); /* hypervisor */
	assert_true(ecx & 1u << 24); /* TSC deadline */
	assert_true(ecx & 1u << 21); /* x2APIC */
	assert_true(edx & 1u << 12); /* MTRR */
	assert_true(edx & 1u << 16); /* PAT */
	assert_int_equal(leaf(t, 0x40000000, 0)->eax, 0x40000001);
	assert_int_equal(leaf(t, 0x40000000, 0)->ebx, 0x4b4d564b);
	/* No extended MSI destinations: arch_msi_valid refuses them. */
	assert_int_equal(leaf(t, 0x40000001, 0)->eax, 0x01000ffb);
	free(t);
	free(from);
}

static void tsc_deadline_follows_the_capability(void **state)
{
	const struct x86_cpu cpu = { .n = 1, .amd = true };
	struct table *from = amd();
	struct table *t = calloc(1, sizeof(*t));

	from->entry[1].ecx |= 1u << 24;
	assert_int_equal(x86_cpuid_build(&from->head, &cpu, &t->head), 0);
	assert_false(leaf(t, 1, 0)->ecx & 1u << 24);
	free(t);
	free(from);
}

static void there_is_no_pmu_and_no_memory_encryption(void **state)
{
	struct table *from = intel();
	struct table *t = build(from, false, 0, 1);

	assert_int_equal(leaf(t, 0xa, 0)->eax, 0);
	assert_int_equal(leaf(t, 0xa, 0)->edx, 0);
	assert_false(leaf(t, 1, 0)->ecx & 1u << 15); /* PDCM */
	free(t);
	free(from);
	from = amd();
	t = build(from, true, 0, 1);
	assert_int_equal(leaf(t, 0x8000001f, 0)->eax, 0);
	assert_int_equal(leaf(t, 0x80000022, 0)->eax, 0);
	assert_false(leaf(t, 0x80000001, 0)->ecx & 1u << 23);
	free(t);
	free(from);
}

/* VFIO-KVM-10 */
static void cap_narrows_the_physical_addresses(void **state)
{
	struct x86_cpu cpu = { .n = 1, .phys_bits_cap = 40 };
	struct table *from = intel();
	struct table *t = calloc(1, sizeof(*t));

	assert_int_equal(x86_cpuid_build(&from->head, &cpu, &t->head), 0);
	assert_int_equal(leaf(t, 0x80000008, 0)->eax, 0x283928);
	cpu.phys_bits_cap = 60;
	assert_int_equal(x86_cpuid_build(&from->head, &cpu, &t->head), 0);
	assert_int_equal(leaf(t, 0x80000008, 0)->eax, 0x303934);
	free(t);
	free(from);
}

static void table_that_is_too_long_is_an_error(void **state)
{
	const struct x86_cpu cpu = { .n = 1 };
	struct table *from = calloc(1, sizeof(*from));
	struct table *t = calloc(1, sizeof(*t));

	for (unsigned i = 0; i < X86_MAX_CPUID; i++)
		put(from, 0x80000002, i, 0, 0, 0, 0);
	assert_int_equal(x86_cpuid_build(&from->head, &cpu, &t->head), -E2BIG);
	free(t);
	free(from);
}

static void table_without_any_leaf_still_has_topology(void **state)
{
	struct table *from = calloc(1, sizeof(*from));
	struct table *t = build(from, false, 2, 3);

	check_topology_leaf(t, 0xb, 2, 3, 2);
	free(t);
	free(from);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(amd_topology_is_one_package_of_cores),
		FAKE_TEST(intel_topology_is_one_package_of_cores),
		FAKE_TEST(every_entry_appears_once),
		FAKE_TEST(features_that_linux_needs_are_there),
		FAKE_TEST(tsc_deadline_follows_the_capability),
		FAKE_TEST(there_is_no_pmu_and_no_memory_encryption),
		FAKE_TEST(cap_narrows_the_physical_addresses),
		FAKE_TEST(table_that_is_too_long_is_an_error),
		FAKE_TEST(table_without_any_leaf_still_has_topology),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* vmm/x86_64/cpuid.c - what the guest reads with CPUID
 *
 * We start from what KVM supports on this host (KVM_GET_SUPPORTED_CPUID, which
 * knows nothing of topology and of which vCPU asks) and change what depends on
 * the vCPU: its APIC id, and the topology, which is one package of n cores
 * without threads, all sharing the last cache. APIC ids are the indexes, and
 * every field that gives a width in bits gives that of n rounded up to a power
 * of two. VFIO-KVM-09. Leaf numbers and fields: Intel SDM volume 2, CPUID; AMD
 * APM volume 3, appendix E.
 *
 * Not modelled: a performance monitoring unit (perf in the guest has software
 * events only), memory encryption.
 */
#include <assert.h>
#include <linux/kvm.h>
#include <linux/kvm_para.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/x86_64/x86.h"

/* Leaf 1. */
#define CPUID_1_ECX_PDCM (1u << 15)
#define CPUID_1_ECX_X2APIC (1u << 21)
#define CPUID_1_ECX_TSC_DEADLINE (1u << 24)
#define CPUID_1_ECX_OSXSAVE (1u << 27) /* CR4's copy: KVM's to set */
#define CPUID_1_ECX_HYPERVISOR (1u << 31)
#define CPUID_1_EDX_MTRR (1u << 12)
#define CPUID_1_EDX_PAT (1u << 16)
#define CPUID_1_EDX_HTT (1u << 28) /* EBX[23:16] is meaningful */

/* Leaf 0x80000001, AMD's bits. */
#define CPUID_80000001_ECX_CMP_LEGACY (1u << 1)
#define CPUID_80000001_ECX_PERFCTR_CORE (1u << 23)
#define CPUID_80000001_ECX_PERFCTR_NB (1u << 24)
#define CPUID_80000001_ECX_PERFCTR_LLC (1u << 28)

/* Leaves 0xb and 0x1f: level types, in ECX[15:8]. */
enum { TOPOLOGY_INVALID, TOPOLOGY_SMT, TOPOLOGY_CORE };

/* How many bits number @n things: 0 for 1, 2 for 3 and 4. */
static unsigned id_bits(unsigned n)
{
	unsigned bits = 0;

	while ((1u << bits) < n)
		bits++;
	return bits;
}

static unsigned at_most(unsigned v, unsigned limit)
{
	return v < limit ? v : limit;
}

/* Put @v into bits [low + width - 1 : low] of *@reg. */
static void set_field(uint32_t *reg, unsigned low, unsigned width, uint32_t v)
{
	uint32_t mask = (uint32_t)(((uint64_t)1 << width) - 1) << low;

	*reg = (*reg & ~mask) | ((v << low) & mask);
}

static uint32_t get_field(uint32_t reg, unsigned low, unsigned width)
{
	return (reg >> low) & (uint32_t)(((uint64_t)1 << width) - 1);
}

/* -------- changes to single leaves -------- */

static void leaf_zero(struct kvm_cpuid_entry2 *e, const struct x86_cpu *cpu)
{
	e->eax = e->ebx = e->ecx = e->edx = 0;
}

/* Leaf 0: we supply 0xb, so it must be in reach. */
static void leaf_0(struct kvm_cpuid_entry2 *e, const struct x86_cpu *cpu)
{
	if (e->eax < 0xb)
		e->eax = 0xb;
}

static void leaf_1(struct kvm_cpuid_entry2 *e, const struct x86_cpu *cpu)
{
	set_field(&e->ebx, 24, 8, cpu->index);
	set_field(&e->ebx, 16, 8, at_most(1u << id_bits(cpu->n), 255));
	e->ecx |= CPUID_1_ECX_HYPERVISOR | CPUID_1_ECX_X2APIC;
	e->ecx &= ~(CPUID_1_ECX_TSC_DEADLINE | CPUID_1_ECX_PDCM |
		    CPUID_1_ECX_OSXSAVE);
	/* A capability and not part of the supported CPUID, on AMD too;
	 * without it the guest calibrates its APIC timer, for which there is
	 * no PIT. */
	if (cpu->tsc_deadline)
		e->ecx |= CPUID_1_ECX_TSC_DEADLINE;
	/* Both, or Linux maps nothing write-combining (VFIO-OPEN-14). */
	e->edx |= CPUID_1_EDX_MTRR | CPUID_1_EDX_PAT;
	e->edx &= ~CPUID_1_EDX_HTT;
	if (cpu->n > 1)
		e->edx |= CPUID_1_EDX_HTT;
}

/* Which vCPUs share a cache of @level: the first two belong to a core. */
static unsigned sharers(unsigned level, const struct x86_cpu *cpu)
{
	return level >= 3 ? cpu->n : 1;
}

/* Leaf 4, Intel: numbers of ids, which are powers of two, less one. */
static void leaf_4(struct kvm_cpuid_entry2 *e, const struct x86_cpu *cpu)
{
	unsigned level = get_field(e->eax, 5, 3);

	if (get_field(e->eax, 0, 5) == 0) /* no more caches */
		return;
	set_field(&e->eax, 14, 12, (1u << id_bits(sharers(level, cpu))) - 1);
	set_field(&e->eax, 26, 6, at_most((1u << id_bits(cpu->n)) - 1, 63));
}

static void leaf_40000000(struct kvm_cpuid_entry2 *e, const struct x86_cpu *cpu)
{
	if (e->eax < KVM_CPUID_FEATURES)
		e->eax = KVM_CPUID_FEATURES;
}

/* With APIC ids below 255 no message needs the extended destination, and
 * arch_msi_valid would refuse its bits in the address's upper half. */
static void leaf_40000001(struct kvm_cpuid_entry2 *e, const struct x86_cpu *cpu)
{
	e->eax &= ~(1u << KVM_FEATURE_MSI_EXT_DEST_ID);
}

static void leaf_80000001(struct kvm_cpuid_entry2 *e, const struct x86_cpu *cpu)
{
	if (!cpu->amd)
		return;
	e->ecx &= ~(CPUID_80000001_ECX_CMP_LEGACY |
		    CPUID_80000001_ECX_PERFCTR_CORE |
		    CPUID_80000001_ECX_PERFCTR_NB |
		    CPUID_80000001_ECX_PERFCTR_LLC);
	if (cpu->n > 1)
		e->ecx |= CPUID_80000001_ECX_CMP_LEGACY;
}

/* Leaf 0x80000008: EAX[7:0] and, where KVM says it, EAX[23:16] are widths of
 * physical addresses; AMD's ECX counts cores. */
static void leaf_80000008(struct kvm_cpuid_entry2 *e, const struct x86_cpu *cpu)
{
	unsigned cap = cpu->phys_bits_cap ? cpu->phys_bits_cap : 64;

	set_field(&e->eax, 0, 8, at_most(get_field(e->eax, 0, 8), cap));
	set_field(&e->eax, 16, 8, at_most(get_field(e->eax, 16, 8), cap));
	if (!cpu->amd)
		return;
	set_field(&e->ecx, 0, 8, cpu->n - 1);
	set_field(&e->ecx, 12, 4, id_bits(cpu->n));
}

/* Leaf 0x8000001d, AMD: as leaf 4, but a plain number less one. */
static void leaf_8000001d(struct kvm_cpuid_entry2 *e, const struct x86_cpu *cpu)
{
	if (get_field(e->eax, 0, 5) != 0)
		set_field(&e->eax, 14, 12,
			  sharers(get_field(e->eax, 5, 3), cpu) - 1);
}

/* Leaf 0x8000001e, AMD: ids of the vCPU, its core and its node. */
static void leaf_8000001e(struct kvm_cpuid_entry2 *e, const struct x86_cpu *cpu)
{
	leaf_zero(e, cpu);
	if (!cpu->amd)
		return;
	e->eax = cpu->index;
	set_field(&e->ebx, 0, 8, cpu->index);
}

static const struct {
	uint32_t function;
	void (*change)(struct kvm_cpuid_entry2 *e, const struct x86_cpu *cpu);
} changes[] = {
	{ 0x0, leaf_0 },
	{ 0x1, leaf_1 },
	{ 0x4, leaf_4 },
	{ 0xa, leaf_zero }, /* performance monitoring, Intel */
	{ KVM_CPUID_SIGNATURE, leaf_40000000 },
	{ KVM_CPUID_FEATURES, leaf_40000001 },
	{ 0x80000001, leaf_80000001 },
	{ 0x80000008, leaf_80000008 },
	{ 0x8000001d, leaf_8000001d },
	{ 0x8000001e, leaf_8000001e },
	/* Memory encryption: Linux reads an MSR that KVM only has in an
	 * encrypted guest. */
	{ 0x8000001f, leaf_zero },
	{ 0x80000022, leaf_zero }, /* performance monitoring, AMD */
};

static void change(struct kvm_cpuid_entry2 *e, const struct x86_cpu *cpu)
{
	for (unsigned i = 0; i < ARRAY_LEN(changes); i++)
		if (changes[i].function == e->function)
			changes[i].change(e, cpu);
}

/* -------- topology leaves, which are ours alone -------- */

static bool is_topology(uint32_t function)
{
	return function == 0xb || function == 0x1f || function == 0x80000026;
}

/* Threads, cores, end. EDX is the x2APIC id in every subleaf, the last one
 * too: Linux compares them. */
static void add_topology(struct kvm_cpuid2 *out, uint32_t function,
			 const struct x86_cpu *cpu)
{
	const struct {
		uint32_t shift, count, type;
	} level[] = {
		{ 0, 1, TOPOLOGY_SMT },
		{ id_bits(cpu->n), cpu->n, TOPOLOGY_CORE },
		{ 0, 0, TOPOLOGY_INVALID },
	};

	for (uint32_t i = 0; i < ARRAY_LEN(level); i++)
		out->entries[out->nent++] = (struct kvm_cpuid_entry2){
			.function = function,
			.index = i,
			.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
			.eax = level[i].shift,
			.ebx = level[i].count,
			.ecx = level[i].type << 8 | i,
			.edx = cpu->index,
		};
}

int x86_cpuid_build(const struct kvm_cpuid2 *from, const struct x86_cpu *cpu,
		    struct kvm_cpuid2 *out)
{
	const struct kvm_cpuid_entry2 *max = x86_cpuid_find(from, 0, 0);
	enum { TOPOLOGY_ENTRIES = 2 * 3 };

	assert(cpu->n >= 1 && cpu->index < cpu->n);
	if (from->nent > X86_MAX_CPUID - TOPOLOGY_ENTRIES)
		return -E2BIG;
	out->nent = 0;
	for (uint32_t i = 0; i < from->nent; i++) {
		struct kvm_cpuid_entry2 *e = &out->entries[out->nent];

		if (is_topology(from->entries[i].function))
			continue;
		*e = from->entries[i];
		change(e, cpu);
		out->nent++;
	}
	add_topology(out, 0xb, cpu);
	if (max && max->eax >= 0x1f)
		add_topology(out, 0x1f, cpu);
	return 0;
}

/* -------- what KVM supports -------- */

const struct kvm_cpuid_entry2 *x86_cpuid_find(const struct kvm_cpuid2 *c,
					      uint32_t function, uint32_t index)
{
	for (uint32_t i = 0; i < c->nent; i++)
		if (c->entries[i].function == function &&
		    c->entries[i].index == index)
			return &c->entries[i];
	return NULL;
}

static bool is_amd(const struct kvm_cpuid2 *c)
{
	const struct kvm_cpuid_entry2 *e = x86_cpuid_find(c, 0, 0);
	char vendor[12];

	if (!e)
		return false;
	le32_store(vendor, e->ebx);
	le32_store(vendor + 4, e->edx);
	le32_store(vendor + 8, e->ecx);
	return !memcmp(vendor, "AuthenticAMD", 12) ||
	       !memcmp(vendor, "HygonGenuine", 12);
}

/* EAX[7:0]; EAX[23:16], where KVM gives it, is what its page tables reach
 * (since 6.10). Without the leaf: 36, the width of the first processors with
 * PAE. */
static unsigned phys_bits(const struct kvm_cpuid2 *c)
{
	const struct kvm_cpuid_entry2 *e = x86_cpuid_find(c, 0x80000008, 0);
	unsigned bits, reach;

	if (!e || get_field(e->eax, 0, 8) == 0)
		return 36;
	bits = get_field(e->eax, 0, 8);
	reach = get_field(e->eax, 16, 8);
	return reach != 0 ? at_most(bits, reach) : bits;
}

static struct kvm_cpuid2 *cpuid_new(void)
{
	struct kvm_cpuid2 *c;

	c = calloc(1, sizeof(*c) + X86_MAX_CPUID * sizeof(c->entries[0]));
	if (c)
		c->nent = X86_MAX_CPUID;
	return c;
}

int x86_cpuid_read(int kvm_fd, struct x86_vm *x, struct err *e)
{
	int rc;

	x->supported = cpuid_new();
	x->build = cpuid_new();
	if (!x->supported || !x->build)
		return err_sys(e, -ENOMEM, "CPUID");
	rc = sys_ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, x->supported);
	if (rc < 0)
		return err_sys(e, rc,
			       "KVM does not say what CPUID it supports");
	if (x->supported->nent > X86_MAX_CPUID)
		return err_set(e, -E2BIG, "KVM supports %u leaves of CPUID",
			       x->supported->nent);
	x->amd = is_amd(x->supported);
	x->phys_bits = phys_bits(x->supported);
	return 0;
}

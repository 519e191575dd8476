/* tests/fakes/cpuid.c - KVM_GET_SUPPORTED_CPUID of an Intel-like host */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fakes/fake.h"

enum { MAX_ENTRIES = 64 };

static const struct kvm_cpuid_entry2 host[] = {
	/* "GenuineIntel", highest leaf 0x1f */
	{ 0, 0, 0, 0x1f, 0x756e6547, 0x6c65746e, 0x49656e69, { 0 } },
	/* with x2APIC, TSC deadline, hypervisor; MTRR, PAT, APIC, MCE */
	{ 1, 0, 0, 0x000806f8, 0x00040800, 0xfffab223, 0x1f8bfbff, { 0 } },
	{ 2, 0, 0, 0x00feff01, 0xf0, 0, 0, { 0 } },
	{ 4, 0, 1, 0x7c004121, 0x02c0003f, 0x3f, 0, { 0 } },
	{ 4, 1, 1, 0x7c004122, 0x01c0003f, 0x3f, 0, { 0 } },
	{ 4, 2, 1, 0x7c004143, 0x03c0003f, 0x7ff, 0, { 0 } },
	{ 4, 3, 1, 0x7c0fc163, 0x0380003f, 0xffff, 4, { 0 } },
	{ 4, 4, 1, 0, 0, 0, 0, { 0 } },
	{ 6, 0, 0, 4, 0, 0, 0, { 0 } },
	{ 7, 0, 1, 0, 0x201c27ab, 0, 0xac000400, { 0 } },
	{ 0xa, 0, 0, 0x07300402, 0, 0, 0x603, { 0 } },
	{ 0xb, 0, 1, 1, 2, 0x100, 0, { 0 } },
	{ 0xb, 1, 1, 6, 0x40, 0x201, 0, { 0 } },
	{ 0xd, 0, 1, 7, 0x340, 0x340, 0, { 0 } },
	{ 0x1f, 0, 1, 1, 2, 0x100, 0, { 0 } },
	/* "KVMKVMKVM" */
	{ 0x40000000, 0, 0, 0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d, { 0 } },
	{ 0x40000001, 0, 0, 0x01007efb, 0, 0, 0, { 0 } },
	{ 0x80000000, 0, 0, 0x80000008, 0, 0, 0, { 0 } },
	{ 0x80000001, 0, 0, 0, 0, 0x121, 0x2c100800, { 0 } },
	{ 0x80000007, 0, 0, 0, 0, 0, 0x100, { 0 } },
	/* 46 bits of physical, 48 of linear addresses */
	{ 0x80000008, 0, 0, 0x302e, 0, 0, 0, { 0 } },
};

static struct kvm_cpuid_entry2 now[MAX_ENTRIES];
static unsigned n_now;

static void load(void)
{
	if (n_now == 0) {
		memcpy(now, host, sizeof(host));
		n_now = ARRAY_LEN(host);
	}
}

void cpuid_reset(void)
{
	n_now = 0;
}

long cpuid_supported(struct kvm_cpuid2 *c)
{
	load();
	if (c->nent < n_now)
		return -E2BIG;
	memcpy(c->entries, now, n_now * sizeof(now[0]));
	c->nent = n_now;
	return 0;
}

void fake_kvm_cpuid(uint32_t leaf, uint32_t index, uint32_t eax, uint32_t ebx,
		    uint32_t ecx, uint32_t edx)
{
	struct kvm_cpuid_entry2 *e = NULL;

	fake_lock();
	load();
	for (unsigned i = 0; i < n_now; i++) {
		if (now[i].function == leaf && now[i].index == index)
			e = &now[i];
	}
	if (!e) {
		if (n_now == MAX_ENTRIES)
			abort();
		e = &now[n_now++];
		*e = (struct kvm_cpuid_entry2){ .function = leaf,
						.index = index };
	}
	e->eax = eax;
	e->ebx = ebx;
	e->ecx = ecx;
	e->edx = edx;
	fake_unlock();
}

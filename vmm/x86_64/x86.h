/* vmm/x86_64/x86.h - what the files of this folder share */
#ifndef VMM_X86_64_X86_H
#define VMM_X86_64_X86_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/err.h"

struct vcpu;
struct vm;

/* KVM_MAX_CPUID_ENTRIES of arch/x86/include/asm/kvm_host.h. */
enum { X86_MAX_CPUID = 256 };

/* vm->arch */
struct x86_vm {
	struct kvm_cpuid2 *supported;  /* KVM_GET_SUPPORTED_CPUID */
	struct kvm_cpuid2 *build;      /* room for one vCPU's copy */
	bool amd;		       /* or Hygon, which is the same here */
	unsigned phys_bits;	       /* KVM's, before vm->phys_bits_cap */
	struct x86_power_on *power_on; /* NULL: not kept */
};

/* What CPUID must say about one vCPU beyond what KVM says about all. */
struct x86_cpu {
	unsigned index;		/* also its APIC id */
	unsigned n;		/* how many there are: one package of n cores */
	unsigned phys_bits_cap; /* 0: none */
	bool tsc_deadline;
	bool amd;
};

/* -------- cpuid.c -------- */

/* Read what KVM supports; fills @x. */
int x86_cpuid_read(int kvm_fd, struct x86_vm *x, struct err *e);
/* @from, changed to describe @cpu, into @out (room for X86_MAX_CPUID);
 * -E2BIG: they do not fit. */
int x86_cpuid_build(const struct kvm_cpuid2 *from, const struct x86_cpu *cpu,
		    struct kvm_cpuid2 *out);
/* The entry of @function and @index, or NULL. */
const struct kvm_cpuid_entry2 *
x86_cpuid_find(const struct kvm_cpuid2 *c, uint32_t function, uint32_t index);

/* -------- power_on.c -------- */

void x86_power_on_free(struct x86_power_on *p); /* NULL is ok */

/* -------- msr.c -------- */

int x86_msrs_set(struct vcpu *c, struct err *e);

#endif

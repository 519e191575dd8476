/* vmm/arch.h - what an architecture must supply
 *
 * vmm/x86_64/ and one day vmm/aarch64/ each supply all of it; the Makefile
 * builds one. Shared code may call these; it may not ask __x86_64__.
 */
#ifndef VMM_ARCH_H
#define VMM_ARCH_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/err.h"
#include "vmm/irq.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

struct kvm_irq_routing_entry;

/* Right after KVM_CREATE_VM: private state, capabilities of this architecture
 * (a clear error for what is missing). x86: KVM_GET_SUPPORTED_CPUID is read
 * here, once. */
int arch_vm_open(struct vm *vm, struct err *e);
void arch_vm_close(struct vm *vm);

/* Width of the guest's physical addresses, bits; valid after arch_vm_open. */
unsigned arch_phys_bits(const struct vm *vm);
/* Is this host's IOVA space missing AMD's HyperTransport range below 1 TiB? */
bool arch_has_ht_hole(const struct vm *vm);

/* After RAM, before vCPUs: the in-kernel interrupt controller. */
int arch_irqchip_create(struct vm *vm, struct err *e);

/* Fill @out with routes of the interrupt controller's own pins; returns how
 * many (at most ARCH_MAX_PIN_ROUTES). */
enum { ARCH_MAX_PIN_ROUTES = 64 };
unsigned arch_pin_routes(struct kvm_irq_routing_entry *out);

/* Would KVM accept @m in its routing table? */
bool arch_msi_valid(const struct msi_msg *m);

/* After KVM_CREATE_VCPU, main thread: features, identity, reset state. */
int arch_vcpu_open(struct vcpu *c, struct err *e);

/* The local interrupt controller id of vCPU @index: its APIC id. */
uint32_t arch_cpu_id(const struct vm *vm, unsigned index);

/* How vCPU 0 enters the guest. */
enum arch_entry {
	ARCH_ENTRY_LINUX64, /* long mode, identity paged, RSI = info */
	ARCH_ENTRY_PVH,	    /* 32-bit protected mode, EBX = info */
	ARCH_ENTRY_REAL,    /* real mode at entry (below 1 MiB), for tests */
};
struct arch_boot {
	enum arch_entry entry;
	uint64_t pc;   /* gpa of the first instruction */
	uint64_t info; /* gpa of the boot information */
	/* gpa of 64 KiB of RAM for descriptor and page tables; what of it the
	 * entry uses is written by arch_vcpu_boot */
	uint64_t scratch;
};
enum { ARCH_BOOT_SCRATCH = 65536 };
int arch_vcpu_boot(struct vcpu *c, const struct arch_boot *b, struct err *e);

/* -------- a restart: see vmm/restart.h -------- */

/* All vCPUs are there and none has run: remember what KVM holds of them and of
 * the interrupt controllers. Freed by arch_vm_close. */
int arch_keep_power_on(struct vm *vm, struct err *e);
/* As it was then; no vCPU runs. */
int arch_recall_irqchip(struct vm *vm, struct err *e);
int arch_recall_cpu(struct vcpu *c, struct err *e);

/* For sys_catch_refusals: tells sys_refused, and lets the call fail with
 * -EPERM. */
void arch_syscall_refused(int signal, siginfo_t *info, void *context);

/* An exit that vcpu.c does not know. Returns true to go on; false after
 * vm_stop. */
bool arch_vcpu_exit(struct vcpu *c);

/* Describe vCPU @c for a crash report: registers, the instruction bytes. */
void arch_vcpu_describe(struct vcpu *c, char *buf, unsigned n);

#endif

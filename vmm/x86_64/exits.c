/* vmm/x86_64/exits.c - exits we do not expect, and what a crash looks like */
#include <inttypes.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdio.h>

#include "vmm/arch.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/trace.h"

/* -------- a vCPU in words -------- */

struct text {
	char *at;
	unsigned left;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t,
						      const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->at, t->left, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((unsigned)n >= t->left)
		n = t->left ? (int)t->left - 1 : 0;
	t->at += n;
	t->left -= (unsigned)n;
}

/* The bytes that the instruction pointer points to, as far as they are in one
 * page of RAM. KVM walks the guest's page tables for us. */
static void put_code(struct text *t, struct vcpu *c, uint64_t linear)
{
	struct kvm_translation tr = { .linear_address = linear };
	unsigned n = 4096 - linear % 4096;
	const uint8_t *code;

	if (n > 15) /* the longest instruction */
		n = 15;
	if (sys_ioctl(c->fd, KVM_TRANSLATE, &tr) < 0 || !tr.valid)
		return;
	code = mem_at(&c->vm->mem, tr.physical_address, n);
	if (!code)
		return;
	put(t, " code");
	for (unsigned i = 0; i < n; i++)
		put(t, " %02x", code[i]);
}

void arch_vcpu_describe(struct vcpu *c, char *buf, unsigned n)
{
	struct text t = { buf, n };
	struct kvm_sregs s;
	struct kvm_regs r;

	put(&t, "%s", "");
	if (sys_ioctl(c->fd, KVM_GET_REGS, &r) < 0 ||
	    sys_ioctl(c->fd, KVM_GET_SREGS, &s) < 0) {
		put(&t, "registers cannot be read");
		return;
	}
	put(&t, "cs:rip=%x:%llx rsp=%llx rflags=%llx", s.cs.selector, r.rip,
	    r.rsp, r.rflags);
	put(&t, " cr0=%llx cr2=%llx cr3=%llx cr4=%llx efer=%llx", s.cr0, s.cr2,
	    s.cr3, s.cr4, s.efer);
	put_code(&t, c, s.cs.base + r.rip);
	put(&t, " rax=%llx rbx=%llx rcx=%llx rdx=%llx rsi=%llx rdi=%llx", r.rax,
	    r.rbx, r.rcx, r.rdx, r.rsi, r.rdi);
}

/* -------- exits we asked KVM not to make -------- */

#define NAME(x) [KVM_EXIT_##x] = "KVM_EXIT_" #x
static const char *const names[] = {
	NAME(UNKNOWN),	     NAME(EXCEPTION),
	NAME(HYPERCALL),     NAME(DEBUG),
	NAME(HLT),	     NAME(IRQ_WINDOW_OPEN),
	NAME(SET_TPR),	     NAME(TPR_ACCESS),
	NAME(NMI),	     NAME(IOAPIC_EOI),
	NAME(HYPERV),	     NAME(X86_RDMSR),
	NAME(X86_WRMSR),     NAME(DIRTY_RING_FULL),
	NAME(AP_RESET_HOLD), NAME(X86_BUS_LOCK),
	NAME(XEN),	     NAME(NOTIFY),
};
#undef NAME

static const char *exit_name(uint32_t reason)
{
	if (reason < ARRAY_LEN(names) && names[reason])
		return names[reason];
	return "unnamed";
}

bool arch_vcpu_exit(struct vcpu *c)
{
	uint32_t reason = c->run->exit_reason;
	struct err e = ERR_NONE;
	char state[400];

	trace_vcpu_exit(exit_name(reason));
	arch_vcpu_describe(c, state, sizeof(state));
	if (reason == KVM_EXIT_UNKNOWN)
		err_set(&e, -EIO,
			"vCPU %u: hardware exit %#llx that KVM does not know: "
			"%s",
			c->index, c->run->hw.hardware_exit_reason, state);
	else
		err_set(&e, -EIO, "vCPU %u: exit %" PRIu32 " (%s): %s",
			c->index, reason, exit_name(reason), state);
	vm_stop(c->vm, VM_FAILED, 0, &e);
	return false;
}

/* vmm/x86_64/power_on.c - what KVM holds of a machine that was just made
 *
 * A guest that reboots finds what it found at first. KVM has no "reset", and a
 * vCPU cannot be made anew while its VM lives; so all that KVM made by itself
 * is read before the first KVM_RUN and written back for a restart. What we
 * wrote ourselves at creation (CPUID, two MSRs) is part of it; the entry of
 * vCPU 0 is not, and follows as it did the first time (arch_vcpu_boot).
 *
 * Of MSRs those are written that differ: KVM names some that it then does not
 * let us write. IA32_TSC is no state: a write of 0 puts the counter in step
 * with those of the other vCPUs (kvm_synchronize_tsc in arch/x86/kvm/x86.c).
 * So it goes on counting, as if the machine had been on all the time.
 *
 * MSRs come before the rest. They end nested virtualization (IA32_FEATURE_CTL
 * 0 leaves VMX operation), without which KVM refuses a CR4 without VMXE; and
 * those of kvmclock, stolen time and asynchronous page faults are addresses to
 * which KVM would write, into the RAM of another kernel.
 */
#include <assert.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/arch.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/base/trace.h"
#include "vmm/x86_64/x86.h"

#define MSR_IA32_TSC 0x10

/* KVM takes less than 256 in a call (MAX_IO_MSRS). */
enum { MSRS_AT_ONCE = 128, N_CHIPS = 3, MSRS_MAX = 4096 };

/* One vCPU. */
struct cpu_state {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_xcrs xcrs;
	struct kvm_debugregs debug;
	struct kvm_vcpu_events events;
	struct kvm_lapic_state lapic;
	struct kvm_mp_state mp;
	struct kvm_msr_entry *msr;
	unsigned n_msrs;
	struct kvm_xsave xsave; /* last: newer headers let it grow */
};

struct x86_power_on {
	struct kvm_irqchip chip[N_CHIPS];
	uint32_t *msr; /* what KVM calls state: KVM_GET_MSR_INDEX_LIST */
	unsigned n_msrs;
	unsigned n_cpus;
	struct cpu_state cpu[];
};

void x86_power_on_free(struct x86_power_on *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < p->n_cpus; i++)
		free(p->cpu[i].msr);
	free(p->msr);
	free(p);
}

static int failed(const struct vcpu *c, int rc, const char *what, struct err *e)
{
	return err_sys(e, rc, "vCPU %u: %s", c->index, what);
}

/* -------- MSRs -------- */

union msrs {
	struct kvm_msrs list;
	uint8_t room[sizeof(struct kvm_msrs) +
		     MSRS_AT_ONCE * sizeof(struct kvm_msr_entry)];
};

/* State that KVM does not call so: who wants it is to know (SDM volume 4). */
static const struct {
	uint32_t first, n;
} unlisted[] = {
	{ 0x200, 16 }, /* variable ranges of MTRRs, base and mask */
	{ 0x250, 1 },  /* fixed ranges: 64 KiB each, */
	{ 0x258, 2 },  /* 16 KiB, */
	{ 0x268, 8 },  /* 4 KiB */
	{ 0x2ff, 1 },  /* IA32_MTRR_DEF_TYPE */
	{ 0x1d9, 1 },  /* IA32_DEBUGCTL */
	{ 0x400, 128 } /* machine check: 32 banks of four */
};
enum { UNLISTED_MAX = 160 };

static bool has(const struct x86_power_on *p, uint32_t index)
{
	for (unsigned i = 0; i < p->n_msrs; i++)
		if (p->msr[i] == index)
			return true;
	return false;
}

static void add_range(struct x86_power_on *p, uint32_t first, uint32_t n)
{
	for (uint32_t at = first; at < first + n; at++)
		if (!has(p, at))
			p->msr[p->n_msrs++] = at;
}

static void add_unlisted(struct x86_power_on *p)
{
	unsigned room = p->n_msrs + UNLISTED_MAX;

	for (unsigned i = 0; i < ARRAY_LEN(unlisted); i++)
		add_range(p, unlisted[i].first, unlisted[i].n);
	assert(p->n_msrs <= room);
}

static int list_msrs(int kvm_fd, struct x86_power_on *p, struct err *e)
{
	struct kvm_msr_list none = { 0 }, *list;
	int rc;

	/* E2BIG, and how many there are. */
	rc = sys_ioctl(kvm_fd, KVM_GET_MSR_INDEX_LIST, &none);
	if (rc < 0 && rc != -E2BIG)
		return err_sys(e, rc, "KVM_GET_MSR_INDEX_LIST");
	if (none.nmsrs > MSRS_MAX)
		return err_set(e, -E2BIG, "KVM has %" PRIu32 " MSRs",
			       none.nmsrs);
	list = calloc(1, sizeof(none) + none.nmsrs * sizeof(*p->msr));
	p->msr = calloc(none.nmsrs + UNLISTED_MAX, sizeof(*p->msr));
	if (!list || !p->msr) {
		free(list);
		return err_sys(e, -ENOMEM, "MSRs");
	}
	list->nmsrs = none.nmsrs;
	rc = sys_ioctl(kvm_fd, KVM_GET_MSR_INDEX_LIST, list);
	if (rc >= 0 && list->nmsrs <= none.nmsrs) {
		p->n_msrs = list->nmsrs;
		memcpy(p->msr, list->indices, p->n_msrs * sizeof(*p->msr));
		add_unlisted(p);
	}
	free(list);
	return rc < 0 ? err_sys(e, rc, "KVM_GET_MSR_INDEX_LIST") : 0;
}

/* Read @n of them into @out, without those that this vCPU lacks; returns how
 * many it has. */
static int get_msrs(const struct vcpu *c, const uint32_t *index, unsigned n,
		    struct kvm_msr_entry *out, struct err *e)
{
	union msrs m = { .room = { 0 } };
	unsigned got = 0, part;
	int rc;

	for (unsigned done = 0; done < n; done += (unsigned)rc) {
		part = n - done < MSRS_AT_ONCE ? n - done : MSRS_AT_ONCE;
		m.list.nmsrs = part;
		for (unsigned i = 0; i < part; i++)
			m.list.entries[i].index = index[done + i];
		rc = sys_ioctl(c->fd, KVM_GET_MSRS, &m.list);
		if (rc < 0)
			return failed(c, rc, "KVM_GET_MSRS", e);
		memcpy(out + got, m.list.entries, (unsigned)rc * sizeof(*out));
		got += (unsigned)rc;
		/* KVM stopped at one that is not there. */
		if ((unsigned)rc < part)
			rc++;
	}
	return (int)got;
}

static int put_msr(const struct vcpu *c, const struct kvm_msr_entry *entry,
		   struct err *e)
{
	union msrs m = { .room = { 0 } };
	int rc;

	m.list.nmsrs = 1;
	m.list.entries[0] = *entry;
	rc = sys_ioctl(c->fd, KVM_SET_MSRS, &m.list);
	if (rc < 0)
		return failed(c, rc, "KVM_SET_MSRS", e);
	if (rc == 0)
		log_info("kvm: vCPU %u: MSR %#" PRIx32
			 " does not go back to %#" PRIx64,
			 c->index, entry->index, (uint64_t)entry->data);
	return 0;
}

static const struct kvm_msr_entry *find(const struct kvm_msr_entry *m,
					unsigned n, uint32_t index)
{
	for (unsigned i = 0; i < n; i++)
		if (m[i].index == index)
			return &m[i];
	return NULL;
}

/* @now is what the vCPU has, @n of them. */
static int put_changed(const struct vcpu *c, const struct cpu_state *s,
		       const struct kvm_msr_entry *now, unsigned n,
		       struct err *e)
{
	const struct kvm_msr_entry in_step = { .index = MSR_IA32_TSC };
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < s->n_msrs; i++) {
		const struct kvm_msr_entry *was = &s->msr[i];
		const struct kvm_msr_entry *is = find(now, n, was->index);

		if (was->index != MSR_IA32_TSC && is && is->data != was->data)
			rc = put_msr(c, was, e);
	}
	return rc < 0 ? rc : put_msr(c, &in_step, e);
}

static int put_msrs(const struct vcpu *c, const struct x86_power_on *p,
		    const struct cpu_state *s, struct err *e)
{
	struct kvm_msr_entry *now = calloc(p->n_msrs, sizeof(*now));
	int rc;

	if (!now)
		return failed(c, -ENOMEM, "MSRs", e);
	rc = get_msrs(c, p->msr, p->n_msrs, now, e);
	if (rc >= 0)
		rc = put_changed(c, s, now, (unsigned)rc, e);
	free(now);
	return rc;
}

/* -------- a vCPU -------- */

static int keep_cpu(const struct vcpu *c, const struct x86_power_on *p,
		    struct cpu_state *s, struct err *e)
{
	int rc;

	s->msr = calloc(p->n_msrs, sizeof(*s->msr));
	if (!s->msr)
		return failed(c, -ENOMEM, "MSRs", e);
	rc = get_msrs(c, p->msr, p->n_msrs, s->msr, e);
	if (rc < 0)
		return rc;
	s->n_msrs = (unsigned)rc;
	rc = sys_ioctl(c->fd, KVM_GET_MP_STATE, &s->mp);
	if (rc >= 0)
		rc = sys_ioctl(c->fd, KVM_GET_REGS, &s->regs);
	if (rc >= 0)
		rc = sys_ioctl(c->fd, KVM_GET_SREGS, &s->sregs);
	if (rc >= 0)
		rc = sys_ioctl(c->fd, KVM_GET_XSAVE, &s->xsave);
	if (rc >= 0)
		rc = sys_ioctl(c->fd, KVM_GET_XCRS, &s->xcrs);
	if (rc >= 0)
		rc = sys_ioctl(c->fd, KVM_GET_DEBUGREGS, &s->debug);
	if (rc >= 0)
		rc = sys_ioctl(c->fd, KVM_GET_LAPIC, &s->lapic);
	if (rc >= 0)
		rc = sys_ioctl(c->fd, KVM_GET_VCPU_EVENTS, &s->events);
	return rc < 0 ? failed(c, rc, "KVM does not tell its state", e) : 0;
}

/* The local APIC after SREGS, which hold its mode; events after registers,
 * which would inject what was pending; and last whether it runs. A processor
 * without XSAVE has no XCRs, and KVM takes none. */
static int put_state(const struct vcpu *c, const struct cpu_state *s,
		     struct err *e)
{
	int rc = sys_ioctl(c->fd, KVM_SET_SREGS, &s->sregs);

	if (rc >= 0)
		rc = sys_ioctl(c->fd, KVM_SET_REGS, &s->regs);
	if (rc >= 0 && s->xcrs.nr_xcrs != 0)
		rc = sys_ioctl(c->fd, KVM_SET_XCRS, &s->xcrs);
	if (rc >= 0)
		rc = sys_ioctl(c->fd, KVM_SET_XSAVE, &s->xsave);
	if (rc >= 0)
		rc = sys_ioctl(c->fd, KVM_SET_DEBUGREGS, &s->debug);
	if (rc >= 0)
		rc = sys_ioctl(c->fd, KVM_SET_LAPIC, &s->lapic);
	if (rc >= 0)
		rc = sys_ioctl(c->fd, KVM_SET_VCPU_EVENTS, &s->events);
	if (rc >= 0)
		rc = sys_ioctl(c->fd, KVM_SET_MP_STATE, &s->mp);
	return rc < 0 ? failed(c, rc, "KVM does not take its state back", e)
		      : 0;
}

int arch_recall_cpu(struct vcpu *c, struct err *e)
{
	const struct x86_vm *x = c->vm->arch;
	const struct x86_power_on *p = x->power_on;
	struct kvm_mp_state swallowed;
	int rc;

	/* Reading it takes what INIT and start-up IPIs were on their way
	 * (kvm_apic_accept_events); writing it leaves them pending. */
	rc = sys_ioctl(c->fd, KVM_GET_MP_STATE, &swallowed);
	if (rc < 0)
		return failed(c, rc, "KVM_GET_MP_STATE", e);
	rc = put_msrs(c, p, &p->cpu[c->index], e);
	return rc < 0 ? rc : put_state(c, &p->cpu[c->index], e);
}

/* -------- what all share -------- */

static int keep_chips(const struct vm *vm, struct x86_power_on *p,
		      struct err *e)
{
	static const uint32_t ids[N_CHIPS] = { KVM_IRQCHIP_PIC_MASTER,
					       KVM_IRQCHIP_PIC_SLAVE,
					       KVM_IRQCHIP_IOAPIC };
	int rc = 0;

	for (unsigned i = 0; rc >= 0 && i < N_CHIPS; i++) {
		p->chip[i].chip_id = ids[i];
		rc = sys_ioctl(vm->fd, KVM_GET_IRQCHIP, &p->chip[i]);
	}
	return rc < 0 ? err_sys(e, rc, "KVM_GET_IRQCHIP") : 0;
}

int arch_recall_irqchip(struct vm *vm, struct err *e)
{
	const struct x86_vm *x = vm->arch;
	const struct kvm_clock_data start = { .clock = 0 };
	int rc = 0;

	for (unsigned i = 0; rc >= 0 && i < N_CHIPS; i++)
		rc = sys_ioctl(vm->fd, KVM_SET_IRQCHIP, &x->power_on->chip[i]);
	if (rc < 0)
		return err_sys(e, rc, "KVM_SET_IRQCHIP");
	/* kvmclock tells how long the machine has been on. */
	rc = sys_ioctl(vm->fd, KVM_SET_CLOCK, &start);
	return rc < 0 ? err_sys(e, rc, "KVM_SET_CLOCK") : 0;
}

static int keep_all(struct vm *vm, struct x86_power_on *p, struct err *e)
{
	int rc = keep_chips(vm, p, e);

	if (rc == 0)
		rc = list_msrs(vm->kvm_fd, p, e);
	for (unsigned i = 0; rc == 0 && i < vm->n_vcpus; i++)
		rc = keep_cpu(&vm->vcpus[i], p, &p->cpu[i], e);
	return rc;
}

int arch_keep_power_on(struct vm *vm, struct err *e)
{
	struct x86_vm *x = vm->arch;

	assert(!x->power_on);
	x->power_on = calloc(1, sizeof(*x->power_on) +
					vm->n_vcpus * sizeof(struct cpu_state));
	if (!x->power_on)
		return err_sys(e, -ENOMEM, "%u vCPUs' state", vm->n_vcpus);
	x->power_on->n_cpus = vm->n_vcpus;
	return keep_all(vm, x->power_on, e);
}

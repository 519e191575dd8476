/* tests/fakes/kvm_vcpu.c - vCPUs: their state, and KVM_RUN by the test
 *
 * Rules are those of virt/kvm/kvm_main.c and arch/x86/kvm/x86.c of Linux 6.12.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/fakes/fake.h"

enum { MAX_CPUID = 256, MAX_IO_MSRS = 256, NO_MSR = 0xffffffff };

static fake_run_fn *run_fn;
static void *run_arg;
static uint32_t refused_msr, absent_msr;
static unsigned parts;

static int halt(struct kvm_run *run, unsigned index, void *arg)
{
	return FAKE_RUN_HALT;
}

void vcpu_reset(void)
{
	run_fn = halt;
	run_arg = NULL;
	refused_msr = absent_msr = NO_MSR;
	parts = 0;
}

static void vcpu_gone(struct obj *o)
{
	struct vcpu_obj *c = container_of(o, struct vcpu_obj, o);

	while (c->states) {
		struct vcpu_state *s = c->states;

		c->states = s->next;
		free(s->data);
		free(s);
	}
	(void)munmap(c->run, VCPU_RUN_SIZE);
	(void)close(c->memfd);
	c->vm->vcpus[c->index] = NULL;
	obj_release(&c->vm->o);
	free(c);
}

long vcpu_create(struct vm_obj *vm, unsigned long id)
{
	struct vcpu_obj *c;

	if (id >= (unsigned long)kvm_cap(KVM_CAP_MAX_VCPU_ID) ||
	    id >= MAX_FAKE_VCPUS ||
	    vm->n_vcpus >= (unsigned)kvm_cap(KVM_CAP_MAX_VCPUS))
		return -EINVAL;
	if (vm->vcpus[id])
		return -EEXIST;
	c = xalloc(sizeof(*c));
	c->o = (struct obj){ KIND_VCPU, 1, "", -1, NULL, vcpu_gone };
	snprintf(c->o.name, sizeof(c->o.name), "vcpu %lu", id);
	c->index = (unsigned)id;
	c->memfd = memfd_create("kvm_run", MFD_CLOEXEC);
	if (c->memfd < 0 || ftruncate(c->memfd, VCPU_RUN_SIZE) < 0)
		abort();
	c->run = mmap(NULL, VCPU_RUN_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		      c->memfd, 0);
	if (c->run == MAP_FAILED)
		abort();
	c->vm = vm;
	obj_hold(&vm->o);
	vm->vcpus[id] = c;
	vm->n_vcpus++;
	return fd_new(&c->o);
}

int vcpu_memfd(struct obj *o, size_t *size)
{
	*size = VCPU_RUN_SIZE;
	return container_of(o, struct vcpu_obj, o)->memfd;
}

static struct vcpu_state *state_find(struct vcpu_obj *c, unsigned long cmd)
{
	struct vcpu_state *s = c->states;

	while (s && s->cmd != cmd)
		s = s->next;
	return s;
}

static size_t state_size(unsigned long cmd, const void *arg)
{
	if (cmd == KVM_SET_CPUID2)
		return sizeof(struct kvm_cpuid2) +
		       ((const struct kvm_cpuid2 *)arg)->nent *
			       sizeof(struct kvm_cpuid_entry2);
	if (cmd == KVM_SET_MSRS)
		return sizeof(struct kvm_msrs) +
		       ((const struct kvm_msrs *)arg)->nmsrs *
			       sizeof(struct kvm_msr_entry);
	return _IOC_SIZE(cmd);
}

static void state_store(struct vcpu_obj *c, unsigned long key, const void *data,
			size_t n)
{
	struct vcpu_state *s = state_find(c, key);

	if (!s) {
		s = xalloc(sizeof(*s));
		s->cmd = key;
		s->next = c->states;
		c->states = s;
	}
	free(s->data);
	s->data = xalloc(n);
	memcpy(s->data, data, n);
}

static long state_set(struct vcpu_obj *c, unsigned long cmd, const void *arg)
{
	if (cmd == KVM_SET_CPUID2 && *(const uint32_t *)arg > MAX_CPUID)
		return -E2BIG;
	state_store(c, cmd, arg, state_size(cmd, arg));
	return 0;
}

/* Each MSR is a state of its own. */
#define MSR_KEY(index) (1ul << 40 | (index))

static long msrs_set(struct vcpu_obj *c, const struct kvm_msrs *m)
{
	if (m->nmsrs >= MAX_IO_MSRS)
		return -E2BIG;
	state_store(c, KVM_SET_MSRS, m, state_size(KVM_SET_MSRS, m));
	for (uint32_t i = 0; i < m->nmsrs; i++) {
		if (m->entries[i].index == refused_msr)
			return i;
		state_store(c, MSR_KEY(m->entries[i].index),
			    &m->entries[i].data, sizeof(uint64_t));
	}
	return m->nmsrs;
}

/* The state after reset, as far as anyone reads it. */
static void state_default(const struct vcpu_obj *c, unsigned long cmd,
			  void *arg)
{
	struct kvm_sregs *s = arg;

	memset(arg, 0, _IOC_SIZE(cmd));
	if (cmd == KVM_GET_SREGS) {
		s->cr0 = 0x60000010;
		s->cs = (struct kvm_segment){ .base = 0xffff0000,
					      .limit = 0xffff,
					      .selector = 0xf000,
					      .type = 0xb,
					      .present = 1,
					      .s = 1 };
		s->apic_base = 0xfee00900;
	} else if (cmd == KVM_GET_REGS) {
		((struct kvm_regs *)arg)->rip = 0xfff0;
		((struct kvm_regs *)arg)->rflags = 2;
	} else if (cmd == KVM_GET_XCRS) {
		((struct kvm_xcrs *)arg)->nr_xcrs = 1;
		((struct kvm_xcrs *)arg)->xcrs[0].value = 1;
	} else if (cmd == KVM_GET_MP_STATE && c->index != 0) {
		((struct kvm_mp_state *)arg)->mp_state =
			KVM_MP_STATE_UNINITIALIZED;
	}
}

static const struct {
	unsigned long get, set;
} twins[] = {
	{ KVM_GET_REGS, KVM_SET_REGS },
	{ KVM_GET_SREGS, KVM_SET_SREGS },
	{ KVM_GET_FPU, KVM_SET_FPU },
	{ KVM_GET_LAPIC, KVM_SET_LAPIC },
	{ KVM_GET_MP_STATE, KVM_SET_MP_STATE },
	{ KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS },
	{ KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS },
	{ KVM_GET_XSAVE, KVM_SET_XSAVE },
	{ KVM_GET_XCRS, KVM_SET_XCRS },
};

static long msrs_get(struct vcpu_obj *c, struct kvm_msrs *m)
{
	if (m->nmsrs >= MAX_IO_MSRS)
		return -E2BIG;
	for (uint32_t i = 0; i < m->nmsrs; i++) {
		const struct vcpu_state *s =
			state_find(c, MSR_KEY(m->entries[i].index));

		if (m->entries[i].index == absent_msr)
			return i;
		m->entries[i].data = s ? *(const uint64_t *)s->data : 0;
	}
	return m->nmsrs;
}

long vcpu_ioctl(struct vcpu_obj *c, unsigned long cmd, unsigned long arg)
{
	struct vcpu_state *s;

	for (unsigned i = 0; i < ARRAY_LEN(twins); i++) {
		if (cmd == twins[i].set)
			return state_set(c, cmd, (const void *)arg);
		if (cmd != twins[i].get)
			continue;
		s = state_find(c, twins[i].set);
		if (s)
			memcpy((void *)arg, s->data, _IOC_SIZE(cmd));
		else
			state_default(c, cmd, (void *)arg);
		return 0;
	}
	switch (cmd) {
	case KVM_SET_MSRS:
		return msrs_set(c, (const void *)arg);
	case KVM_SET_CPUID2:
	case KVM_X86_SETUP_MCE:
		return state_set(c, cmd, (const void *)arg);
	case KVM_GET_MSRS:
		return msrs_get(c, (void *)arg);
	case KVM_GET_STATS_FD:
		return kvm_stats_fd();
	case KVM_GET_TSC_KHZ:
		return 2000000;
	case KVM_SET_TSC_KHZ:
	case KVM_NMI:
	case KVM_KVMCLOCK_CTRL:
	case KVM_ENABLE_CAP:
	case KVM_SET_SIGNAL_MASK:
		return 0;
	default:
		return -ENOTTY;
	}
}

static bool take_part(void)
{
	bool left = parts > 0;

	parts -= left;
	return left;
}

long kvm_run(struct obj *o)
{
	struct vcpu_obj *c = container_of(o, struct vcpu_obj, o);
	const struct timespec nap = { 0, 500000 };
	int rc = -EINTR;

	if (!__atomic_load_n(&c->run->immediate_exit, __ATOMIC_SEQ_CST))
		rc = run_fn(c->run, c->index, run_arg);
	else if (take_part())
		rc = 0;
	if (rc == FAKE_RUN_HALT) {
		while (!__atomic_load_n(&c->run->immediate_exit,
					__ATOMIC_SEQ_CST))
			nanosleep(&nap, NULL);
		rc = -EINTR;
	}
	if (rc == -EINTR)
		c->run->exit_reason = KVM_EXIT_INTR;
	fake_lock();
	obj_release(o);
	fake_unlock();
	return rc;
}

/* -------- for tests -------- */

void fake_kvm_on_run(fake_run_fn *fn, void *arg)
{
	run_fn = fn ? fn : halt;
	run_arg = arg;
}

void fake_kvm_parts(unsigned n)
{
	parts = n;
}

static struct vcpu_obj *vcpu_at(unsigned index)
{
	return kvm_vm() && index < MAX_FAKE_VCPUS ? kvm_vm()->vcpus[index]
						  : NULL;
}

const void *fake_kvm_vcpu_state(unsigned index, unsigned long cmd)
{
	struct vcpu_obj *c = vcpu_at(index);
	struct vcpu_state *s = c ? state_find(c, cmd) : NULL;

	return s ? s->data : NULL;
}

int64_t fake_kvm_msr(unsigned index, uint32_t msr)
{
	const uint64_t *v = fake_kvm_vcpu_state(index, MSR_KEY(msr));

	return v ? (int64_t)*v : -1;
}

void fake_kvm_msr_refuse(uint32_t msr)
{
	refused_msr = msr;
}

void fake_kvm_msr_absent(uint32_t msr)
{
	absent_msr = msr;
}

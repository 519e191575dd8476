/* vmm/vcpu.c - a virtual CPU and its thread, see vcpu.h
 *
 * How a vCPU is stopped without a race: vm_stop sets vm->stopping, then (here,
 * vcpu_kick) kvm_run->immediate_exit, then sends the signal. The vCPU looks at
 * stopping before each KVM_RUN. If it looked too early, KVM sees
 * immediate_exit at its entry, or the signal ends KVM_RUN; in each case KVM_RUN
 * returns EINTR and the vCPU looks again. KVM_CAP_IMMEDIATE_EXIT.
 *
 * What an exit means is in exit.c.
 */
#include "vmm/vcpu.h"

#include <assert.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <sys/mman.h>

#include "vmm/arch.h"
#include "vmm/base/sys.h"
#include "vmm/trace.h"
#include "vmm/vm.h"

/* KVM's emulator does 1024 elements of a string at a time (x86_emulate_insn),
 * and what lies across two pages takes two accesses. */
enum { MAX_PARTS = 4096 };

static int vcpu_build(struct vcpu *c, size_t run_size, struct err *e)
{
	void *run;
	int rc;

	/* The id is the APIC id: KVM's in-kernel APIC takes it from here. */
	c->fd = sys_ioctl_num(c->vm->fd, KVM_CREATE_VCPU,
			      arch_cpu_id(c->vm, c->index));
	if (c->fd < 0)
		return err_sys(e, c->fd, "KVM makes no vCPU");
	rc = sys_mmap(run_size, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0,
		      &run);
	if (rc < 0)
		return err_sys(e, rc, "cannot map its run page");
	c->run = run;
	c->run_size = run_size;
	return arch_vcpu_open(c, e);
}

int vcpu_open(struct vcpu *c, struct vm *vm, unsigned index, size_t run_size,
	      struct err *e)
{
	int rc;

	*c = (struct vcpu){
		.vm = vm, .index = index, .fd = -1, .stats_fd = -1
	};
	snprintf(c->name, sizeof(c->name), "vcpu%u", index);
	rc = vcpu_build(c, run_size, e);
	if (rc < 0)
		vcpu_close(c);
	return rc < 0 ? err_in(e, rc, "vCPU %u", index) : 0;
}

void vcpu_close(struct vcpu *c)
{
	assert(!c->started);
	if (c->run)
		sys_munmap(c->run, c->run_size);
	c->run = NULL;
	sys_close(&c->stats_fd);
	sys_close(&c->fd);
}

/* -------- the thread -------- */

static void note_first_run(struct vm *vm)
{
	uint64_t never = 0;

	atomic_compare_exchange_strong_explicit(
		&vm->first_run_ns, &never, sys_now_ns(), memory_order_relaxed,
		memory_order_relaxed);
}

static void run(struct vcpu *c)
{
	bool go_on = true;
	int rc;

	note_first_run(c->vm);
	while (go_on && !vm_stopping(c->vm)) {
		rc = sys_ioctl_num(c->fd, KVM_RUN, 0);
		go_on = rc < 0 ? vcpu_handle_failure(c, rc)
			       : vcpu_handle_exit(c);
	}
}

/* The result of a port or MMIO read is in the run page; KVM puts it into the
 * guest's register at the next entry. Enter once more, without running, so
 * that the registers are whole when someone looks at them. An access wider than
 * 8 bytes, or a string, has more parts, each an exit, which go nowhere: after a
 * restart KVM would go on with them first, and then at the instruction that
 * followed in the guest before. */
static void complete(struct vcpu *c)
{
	int rc = 0;

	__atomic_store_n(&c->run->immediate_exit, 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < MAX_PARTS && rc >= 0; i++) {
		if (c->run->exit_reason != KVM_EXIT_IO &&
		    c->run->exit_reason != KVM_EXIT_MMIO)
			return;
		rc = sys_ioctl_num(c->fd, KVM_RUN, 0);
	}
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *c = arg;

	trace_thread(c->name);
	run(c);
	complete(c);
	pthread_mutex_lock(&c->vm->stop_lock);
	c->running = false;
	pthread_mutex_unlock(&c->vm->stop_lock);
	return NULL;
}

int vcpu_start(struct vcpu *c, struct err *e)
{
	int rc;

	assert(!c->started);
	/* Under the lock, so that a vCPU that is up already and stops the VM
	 * sees either a thread it can signal, or one that has not begun and
	 * will find stopping set. */
	pthread_mutex_lock(&c->vm->stop_lock);
	__atomic_store_n(&c->run->immediate_exit, 0, __ATOMIC_RELAXED);
	rc = -pthread_create(&c->thread, NULL, vcpu_thread, c);
	c->started = c->running = rc == 0;
	pthread_mutex_unlock(&c->vm->stop_lock);
	return rc < 0 ? err_sys(e, rc, "cannot start vCPU %u", c->index) : 0;
}

void vcpu_kick(struct vcpu *c)
{
	if (!c->running)
		return;
	__atomic_store_n(&c->run->immediate_exit, 1, __ATOMIC_RELEASE);
	pthread_kill(c->thread, VCPU_KICK_SIGNAL);
}

void vcpu_join(struct vcpu *c)
{
	if (!c->started)
		return;
	pthread_join(c->thread, NULL);
	c->started = false;
}

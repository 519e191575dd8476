/* vmm/vcpu.h - a virtual CPU: a thread in KVM_RUN
 *
 * The loop is run, dispatch, repeat. An exit becomes a region access on one of
 * the VM's buses; what an architecture alone knows goes to arch_vcpu_exit. A
 * vCPU that cannot go on says why in vm_stop and leaves; the others are kicked
 * by a signal with kvm_run->immediate_exit set.
 */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/counter.h"
#include "vmm/base/err.h"

struct kvm_run;
struct vm;

/* Exits are counted by KVM's reason; those of a kernel that has more than we
 * know of share the last one. */
enum { VCPU_EXIT_REASONS = 64 };

/* KVM_RUN failed, and why. */
enum vcpu_failure {
	VCPU_INTERRUPTED, /* EINTR: kicked, or another signal */
	VCPU_AGAIN,	  /* EAGAIN: its start-up IPI came */
	VCPU_FAULT,	  /* EFAULT, EHWPOISON: memory out of KVM's reach */
	VCPU_REFUSED,	  /* anything else: the end */
	VCPU_FAILURES
};

struct vcpu {
	struct vm *vm;
	unsigned index;
	int fd;
	int stats_fd;	     /* KVM's statistics of it; -1: none */
	struct kvm_run *run; /* mapping of run_size bytes */
	size_t run_size;
	pthread_t thread;
	bool started;  /* there is a thread to join; main thread only */
	bool running;  /* it may be signalled; under vm->stop_lock */
	char name[16]; /* "vcpu3", for traces */
	/* written by its thread only */
	counter exits[VCPU_EXIT_REASONS], failures[VCPU_FAILURES];
	/* VFIO-BAR-19: faults at one place without another exit between. */
	unsigned efault_repeats;
	uint64_t efault_gpa;
};

/* What vcpu_kick sends; caught by an empty handler (vm_start). */
#define VCPU_KICK_SIGNAL SIGUSR2

/* @run_size is KVM_GET_VCPU_MMAP_SIZE. Creates the vCPU, not its thread. */
int vcpu_open(struct vcpu *c, struct vm *vm, unsigned index, size_t run_size,
	      struct err *e);
void vcpu_close(struct vcpu *c); /* the thread must have been joined */

int vcpu_start(struct vcpu *c, struct err *e);
/* Make KVM_RUN return; with vm->stop_lock held. */
void vcpu_kick(struct vcpu *c);
void vcpu_join(struct vcpu *c); /* safe if never started */

/* The exit that KVM_RUN just reported: access a region, or end the VM. False:
 * the vCPU cannot go on. Its own thread. In exit.c. */
bool vcpu_handle_exit(struct vcpu *c);
/* KVM_RUN failed with @rc: true to try again. */
bool vcpu_handle_failure(struct vcpu *c, int rc);

#endif

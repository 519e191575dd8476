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

#include "vmm/base/err.h"

struct kvm_run;
struct vm;

/* Counted; see vm_log_counters. */
enum vcpu_exit { VCPU_EXIT_PIO, VCPU_EXIT_MMIO, VCPU_EXIT_OTHER, VCPU_EXITS };

struct vcpu {
	struct vm *vm;
	unsigned index;
	int fd;
	struct kvm_run *run; /* mapping of run_size bytes */
	size_t run_size;
	pthread_t thread;
	bool started;  /* there is a thread to join; main thread only */
	bool running;  /* it may be signalled; under vm->stop_lock */
	char name[16]; /* "vcpu3", for traces */
	uint64_t exits[VCPU_EXITS]; /* written by its thread only */
	/* VFIO-BAR-19: faults at one place without another exit between. */
	unsigned efault_repeats;
	uint64_t efault_gpa;
};

/* What vcpu_kick sends; caught by an empty handler (vm_start). */
#define VCPU_KICK_SIGNAL SIGUSR1

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

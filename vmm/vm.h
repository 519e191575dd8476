/* vmm/vm.h - one KVM virtual machine: everything hangs off it
 *
 * Build order: /dev/kvm and its capabilities, the VM, the buses, RAM, then
 * (vm_create_irqchip) the interrupt controller, the routing table and the
 * vCPUs. Memory slots come before the irqchip because on new kernels a slot
 * change after something registered on KVM's I/O buses waits for a grace
 * period. Run: vm_start, then loop_run on the main thread, then vm_join. Tear
 * down in reverse; anything that a vCPU can reach is freed after vm_join.
 */
#ifndef VMM_VM_H
#define VMM_VM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/counter.h"
#include "vmm/base/err.h"
#include "vmm/bus.h"
#include "vmm/irq.h"
#include "vmm/loop.h"
#include "vmm/mem.h"
#include "vmm/vcpu.h"

/* APIC ids 0 to 254: 255 is the broadcast of xAPIC and of an MSI's 8-bit
 * destination (VFIO-IRQ-03). */
enum { VM_MAX_CPUS = 255 };

/* For withdraw: KVM did not say where the fault was (before 6.8). */
#define VM_GPA_UNKNOWN UINT64_MAX

/* What KVM can do, read once: VFIO-KVM-01. */
struct vm_caps {
	uint32_t n_slots;     /* KVM_CAP_NR_MEMSLOTS */
	unsigned max_vcpus;   /* KVM_CAP_MAX_VCPUS */
	unsigned max_vcpu_id; /* KVM_CAP_MAX_VCPU_ID */
	unsigned n_gsi;	      /* KVM_CAP_IRQ_ROUTING */
	bool resample;	      /* KVM_CAP_IRQFD_RESAMPLE */
	bool x2apic_api;      /* KVM_CAP_X2APIC_API */
	bool tsc_deadline;    /* KVM_CAP_TSC_DEADLINE_TIMER */
	bool memory_fault;    /* KVM_CAP_MEMORY_FAULT_INFO */
};

/* Why the VM ended; the first one stays, but see vm_stop. */
enum vm_end {
	VM_RUNNING,
	VM_POWERED_OFF, /* status 0 */
	VM_REBOOTED,	/* status 0 */
	VM_DEBUG_EXIT,	/* status is what the guest wrote, 1 to 123 */
	VM_TIMED_OUT,	/* 124 */
	VM_FAILED,	/* 125, with an err */
	VM_CRASHED,	/* 126: panic, triple fault */
	VM_QUIT,	/* the operator ended it: status 0 */
	VM_RECLAIMED,	/* 128: the host wants a function back; with an err */
};

struct vm_stop {
	enum vm_end end;
	int code;	/* VM_DEBUG_EXIT: the byte */
	struct err err; /* all that have one: the sentence */
};

struct vm {
	int kvm_fd, fd;
	struct vm_caps caps;
	struct loop loop;
	struct bus pio, mmio;
	struct mem mem;
	struct irq irq;
	struct vcpu *vcpus;
	unsigned n_vcpus; /* how many of them are open */
	unsigned n_cpus;  /* how many the guest is told of */
	void *arch;	  /* the architecture's own, arch_vm_open's */
	/* A narrower physical address for the guest than KVM would give, bits;
	 * 0: KVM's. Set before vm_create_cpus. VFIO-KVM-10. */
	unsigned phys_bits_cap;
	/* Somebody will ask what was counted: look also where looking costs
	 * something. Set between vm_open and vm_create_cpus. */
	bool counting;
	int stats_fd; /* KVM's statistics, kvm_stats.h; -1: none */

	/* Guards stop, and starting and signalling vCPUs: a leaf but for
	 * loop_stop. stopping is set under it and read without. */
	pthread_mutex_t stop_lock;
	struct vm_stop stop;
	atomic_bool stopping;
	counter kicks;	      /* ioeventfds that are attached, see kick.h */
	counter first_run_ns; /* sys_now_ns before the first KVM_RUN; 0: none */
	/* A reboot of the guest is followed by vm_again, see restart.h. Set
	 * before vm_start. */
	bool restarts;

	/* Called on a vCPU thread when KVM_RUN failed with EFAULT or
	 * KVM_EXIT_MEMORY_FAULT at @gpa: the owner of a device window there
	 * withdraws it and returns true; the guest goes on by trapping. @gpa is
	 * VM_GPA_UNKNOWN if KVM did not say: all windows may be withdrawn. Set
	 * by machine/ before vm_start, may be NULL. */
	bool (*withdraw)(struct vm *vm, gpa_t gpa, void *arg);
	void *withdraw_arg;
};

/* Open KVM, check its capabilities, create the VM, buses, loop, RAM
 * bookkeeping. */
int vm_open(struct vm *vm, struct err *e);
/* Safe half-built, twice, never opened (zeroed with VM_EMPTY). */
void vm_close(struct vm *vm);
#define VM_EMPTY                                             \
	((struct vm){ .kvm_fd = -1,                          \
		      .fd = -1,                              \
		      .stats_fd = -1,                        \
		      .loop = { .epfd = -1, .wake_fd = -1 }, \
		      .stop_lock = PTHREAD_MUTEX_INITIALIZER })

/* After all RAM was added: irqchip, routing table, @n vCPUs. -EINVAL: @n is 0
 * or more than KVM or we can do. */
int vm_create_cpus(struct vm *vm, unsigned n, struct err *e);

/* Start all vCPU threads. vCPU 0 runs what arch_vcpu_boot set up. On failure
 * none runs any more. */
int vm_start(struct vm *vm, struct err *e);

/* End the VM: the first reason stays (a reboot, if the VM restarts then, gives
 * way to what the host wants), vCPUs are kicked, the loop stops. Any thread.
 * @e (copied) may be NULL where the end needs no words. */
void vm_stop(struct vm *vm, enum vm_end end, int code, const struct err *e);
bool vm_stopping(struct vm *vm);
/* "powered off" */
const char *vm_end_name(enum vm_end end);
/* Wait for all vCPU threads; safe if never started. */
void vm_join(struct vm *vm);

/* At log level info: exits by kind, slot updates, route commits, interrupts
 * that passed through userspace. After vm_join. */
void vm_log_counters(const struct vm *vm);

#endif

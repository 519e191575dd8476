/* vmm/vm.c - one KVM virtual machine, see vm.h */
#include "vmm/vm.h"

#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <stdlib.h>

#include "vmm/arch.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/kvm_stats.h"
#include "vmm/trace.h"

/* -------- /dev/kvm and what it can do -------- */

static int open_kvm(struct vm *vm, struct err *e)
{
	int rc;

	vm->kvm_fd = sys_open("/dev/kvm", O_RDWR);
	if (vm->kvm_fd < 0) {
		err_sys(e, vm->kvm_fd, "cannot open /dev/kvm");
		if (vm->kvm_fd == -ENOENT)
			err_hint(e,
				 "load the module kvm_intel or kvm_amd; the "
				 "firmware must have virtualization enabled");
		if (vm->kvm_fd == -EACCES)
			err_hint(e, "join the group that owns /dev/kvm, "
				    "usually kvm");
		/* devcgroup_check_permission, also to root */
		if (vm->kvm_fd == -EPERM)
			err_hint(e, "a device cgroup or a security module "
				    "forbids it: let the service "
				    "(DeviceAllow=) or the container "
				    "(--device) have the node");
		return vm->kvm_fd;
	}
	rc = sys_ioctl_num(vm->kvm_fd, KVM_GET_API_VERSION, 0);
	if (rc < 0)
		return err_sys(e, rc, "/dev/kvm does not answer");
	if (rc != KVM_API_VERSION)
		return err_set(e, -ENOTSUP,
			       "/dev/kvm speaks API version %d, we need %d", rc,
			       KVM_API_VERSION);
	return 0;
}

static const struct {
	int cap;
	const char *name;
} needed_caps[] = {
	{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY" },
	{ KVM_CAP_SYNC_MMU, "KVM_CAP_SYNC_MMU" },
	{ KVM_CAP_READONLY_MEM, "KVM_CAP_READONLY_MEM" },
	{ KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP" },
	{ KVM_CAP_IRQFD, "KVM_CAP_IRQFD" },
	{ KVM_CAP_IOEVENTFD, "KVM_CAP_IOEVENTFD" },
	{ KVM_CAP_SIGNAL_MSI, "KVM_CAP_SIGNAL_MSI" },
	{ KVM_CAP_DEVICE_CTRL, "KVM_CAP_DEVICE_CTRL" },
	{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT" },
};

/* 0 where KVM does not know the capability. */
static unsigned cap(const struct vm *vm, int number)
{
	int rc = sys_ioctl_num(vm->kvm_fd, KVM_CHECK_EXTENSION, number);

	return rc < 0 ? 0 : (unsigned)rc;
}

static int need_caps(const struct vm *vm, struct err *e)
{
	for (unsigned i = 0; i < ARRAY_LEN(needed_caps); i++) {
		if (cap(vm, needed_caps[i].cap) != 0)
			continue;
		err_set(e, -ENOTSUP, "this kernel's KVM lacks %s",
			needed_caps[i].name);
		err_hint(e, "Linux 5.15 and later have it");
		return -ENOTSUP;
	}
	return 0;
}

/* VFIO-KVM-01. The optional ones have a fallback each: vCPUs and slots as
 * given, resample: no INTx, memory_fault: see vm->withdraw. */
static int read_caps(struct vm *vm, struct err *e)
{
	struct vm_caps *c = &vm->caps;
	int rc;

	rc = need_caps(vm, e);
	if (rc < 0)
		return rc;
	c->n_slots = cap(vm, KVM_CAP_NR_MEMSLOTS);
	c->max_vcpus = cap(vm, KVM_CAP_MAX_VCPUS);
	c->max_vcpu_id = cap(vm, KVM_CAP_MAX_VCPU_ID);
	c->n_gsi = cap(vm, KVM_CAP_IRQ_ROUTING);
	c->resample = cap(vm, KVM_CAP_IRQFD_RESAMPLE) != 0;
	c->x2apic_api = cap(vm, KVM_CAP_X2APIC_API) != 0;
	c->tsc_deadline = cap(vm, KVM_CAP_TSC_DEADLINE_TIMER) != 0;
	c->memory_fault = cap(vm, KVM_CAP_MEMORY_FAULT_INFO) != 0;
	/* Documentation/virt/kvm/api.rst names what 0 means. */
	if (c->n_slots == 0)
		c->n_slots = 32;
	if (c->max_vcpus == 0)
		c->max_vcpus = 4;
	if (c->max_vcpu_id == 0)
		c->max_vcpu_id = c->max_vcpus;
	if (c->n_gsi <= IRQ_PINS)
		return err_set(e, -ENOTSUP,
			       "this kernel's KVM has %u interrupt routes, we "
			       "need more than %d",
			       c->n_gsi, IRQ_PINS);
	return 0;
}

/* -------- building and tearing down -------- */

static int create_vm(struct vm *vm, struct err *e)
{
	vm->fd = sys_ioctl_num(vm->kvm_fd, KVM_CREATE_VM, 0);
	if (vm->fd >= 0)
		return 0;
	err_sys(e, vm->fd, "KVM makes no VM");
	if (vm->fd == -EBUSY)
		err_hint(e, "another hypervisor may hold the CPU's "
			    "virtualization, VirtualBox for instance");
	return vm->fd;
}

static int vm_build(struct vm *vm, struct err *e)
{
	int rc;

	rc = open_kvm(vm, e);
	if (rc < 0)
		return rc;
	rc = read_caps(vm, e);
	if (rc < 0)
		return rc;
	rc = create_vm(vm, e);
	if (rc < 0)
		return rc;
	rc = loop_open(&vm->loop, e);
	if (rc < 0)
		return rc;
	rc = bus_open(&vm->pio, "pio", 0x10000, e);
	if (rc < 0)
		return rc;
	rc = bus_open(&vm->mmio, "mmio", 0, e);
	if (rc < 0)
		return rc;
	rc = mem_open(&vm->mem, vm->fd, vm->caps.n_slots, e);
	if (rc < 0)
		return rc;
	return arch_vm_open(vm, e);
}

int vm_open(struct vm *vm, struct err *e)
{
	int rc;

	*vm = VM_EMPTY;
	rc = vm_build(vm, e);
	if (rc < 0)
		vm_close(vm);
	return rc < 0 ? err_in(e, rc, "kvm") : 0;
}

void vm_close(struct vm *vm)
{
	vm_join(vm);
	for (unsigned i = vm->n_vcpus; i-- > 0;)
		vcpu_close(&vm->vcpus[i]);
	free(vm->vcpus);
	vm->vcpus = NULL;
	vm->n_vcpus = 0;
	irq_close(&vm->irq);
	arch_vm_close(vm);
	mem_close(&vm->mem);
	bus_close(&vm->mmio);
	bus_close(&vm->pio);
	loop_close(&vm->loop);
	sys_close(&vm->stats_fd);
	sys_close(&vm->fd);
	sys_close(&vm->kvm_fd);
}

static int check_count(const struct vm *vm, unsigned n, struct err *e)
{
	unsigned most = vm->caps.max_vcpus;

	if (most > vm->caps.max_vcpu_id)
		most = vm->caps.max_vcpu_id;
	if (most > VM_MAX_CPUS)
		most = VM_MAX_CPUS;
	if (n >= 1 && n <= most)
		return 0;
	return err_set(e, -EINVAL, "%u vCPUs are not between 1 and %u", n,
		       most);
}

static int create_vcpus(struct vm *vm, unsigned n, struct err *e)
{
	int size, rc;

	size = sys_ioctl_num(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < 0)
		return err_sys(e, size, "the size of a run page is unknown");
	vm->vcpus = calloc(n, sizeof(*vm->vcpus));
	if (!vm->vcpus)
		return err_sys(e, -ENOMEM, "%u vCPUs", n);
	for (unsigned i = 0; i < n; i++) {
		rc = vcpu_open(&vm->vcpus[i], vm, i, (size_t)size, e);
		if (rc < 0)
			return rc;
		vm->n_vcpus = i + 1;
	}
	return 0;
}

/* A kernel without them is no worse for it. */
static void open_stats(struct vm *vm)
{
	vm->stats_fd = kvm_stats_open(vm->fd);
	for (unsigned i = 0; i < vm->n_vcpus; i++)
		vm->vcpus[i].stats_fd = kvm_stats_open(vm->vcpus[i].fd);
}

int vm_create_cpus(struct vm *vm, unsigned n, struct err *e)
{
	int rc;

	assert(!vm->vcpus);
	rc = check_count(vm, n, e);
	if (rc == 0)
		rc = arch_irqchip_create(vm, e);
	if (rc == 0)
		rc = irq_open(&vm->irq, vm->fd, &vm->loop, vm->caps.n_gsi, e);
	if (rc == 0) {
		vm->n_cpus = n;
		rc = create_vcpus(vm, n, e);
	}
	if (rc == 0 && vm->counting)
		open_stats(vm);
	return rc < 0 ? err_in(e, rc, "kvm") : 0;
}

/* -------- running -------- */

int vm_start(struct vm *vm, struct err *e)
{
	int rc;

	rc = sys_catch(VCPU_KICK_SIGNAL);
	if (rc < 0)
		err_sys(e, rc, "cannot catch the signal that stops vCPUs");
	for (unsigned i = 0; rc == 0 && i < vm->n_vcpus; i++)
		rc = vcpu_start(&vm->vcpus[i], e);
	if (rc < 0) {
		vm_stop(vm, VM_FAILED, 0, e);
		vm_join(vm);
	}
	return rc < 0 ? err_in(e, rc, "kvm") : 0;
}

const char *vm_end_name(enum vm_end end)
{
	static const char *const names[] = {
		[VM_RUNNING] = "running",      [VM_POWERED_OFF] = "powered off",
		[VM_REBOOTED] = "rebooted",    [VM_DEBUG_EXIT] = "debug exit",
		[VM_TIMED_OUT] = "time limit", [VM_FAILED] = "failed",
		[VM_CRASHED] = "crashed",      [VM_QUIT] = "quit",
		[VM_RECLAIMED] = "reclaimed",
	};

	return names[end];
}

static bool is_guests(enum vm_end end)
{
	return end == VM_POWERED_OFF || end == VM_REBOOTED ||
	       end == VM_DEBUG_EXIT || end == VM_CRASHED;
}

/* What another vCPU does after the guest's reset would not have come on a real
 * machine; the host's time limit must not be lost. */
static bool counts(const struct vm *vm, enum vm_end end)
{
	if (vm->stop.end == VM_REBOOTED && vm->restarts)
		return !is_guests(end);
	return vm->stop.end == VM_RUNNING;
}

void vm_stop(struct vm *vm, enum vm_end end, int code, const struct err *e)
{
	assert(end != VM_RUNNING);
	pthread_mutex_lock(&vm->stop_lock);
	if (counts(vm, end)) {
		vm->stop.end = end;
		vm->stop.code = code;
		if (e)
			vm->stop.err = *e;
		trace_vm_stop(vm_end_name(end), code);
		/* Before the kicks, see vcpu.c. */
		atomic_store(&vm->stopping, true);
		for (unsigned i = 0; i < vm->n_vcpus; i++)
			vcpu_kick(&vm->vcpus[i]);
		if (end == VM_REBOOTED && vm->restarts)
			loop_leave(&vm->loop);
		else
			loop_stop(&vm->loop);
	}
	pthread_mutex_unlock(&vm->stop_lock);
}

bool vm_stopping(struct vm *vm)
{
	return atomic_load(&vm->stopping);
}

void vm_join(struct vm *vm)
{
	for (unsigned i = 0; i < vm->n_vcpus; i++)
		vcpu_join(&vm->vcpus[i]);
}

void vm_log_counters(const struct vm *vm)
{
	uint64_t port = 0, mmio = 0, all = 0;

	for (unsigned i = 0; i < vm->n_vcpus; i++) {
		const struct vcpu *c = &vm->vcpus[i];

		port += counter_get(&c->exits[KVM_EXIT_IO]);
		mmio += counter_get(&c->exits[KVM_EXIT_MMIO]);
		for (unsigned k = 0; k < VCPU_EXIT_REASONS; k++)
			all += counter_get(&c->exits[k]);
		for (unsigned k = 0; k < VCPU_FAILURES; k++)
			all += counter_get(&c->failures[k]);
	}
	log_info("exits: %" PRIu64 " port, %" PRIu64 " mmio, %" PRIu64 " other",
		 port, mmio, all - port - mmio);
	log_info("memory slot updates: %" PRIu64
		 ", interrupt routing commits: %" PRIu64
		 ", interrupts through userspace: %lu",
		 counter_get(&vm->mem.slot_updates),
		 counter_get(&vm->irq.commits),
		 atomic_load(&vm->irq.by_userspace));
}

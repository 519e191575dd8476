/* vmm/exit.c - what an exit from KVM_RUN means
 *
 * Port and MMIO accesses become region accesses. Everything else ends the VM
 * with a sentence that names the exit (VFIO-ERR-08), or is the architecture's.
 */
#include <inttypes.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdio.h>

#include "vmm/arch.h"
#include "vmm/base/bytes.h"
#include "vmm/trace.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

/* How often a vCPU may fault at one place, with nothing else between, before
 * we believe that withdrawing does not help. */
enum { MAX_FAULT_REPEATS = 16 };

/* End the VM for @c's sake. */
__attribute__((format(printf, 3, 4))) static bool
give_up(struct vcpu *c, enum vm_end end, const char *fmt, ...)
{
	struct err e = ERR_NONE;
	char what[256], state[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	arch_vcpu_describe(c, state, sizeof(state));
	err_set(&e, -EIO, "vCPU %u: %s: %s", c->index, what, state);
	trace_vcpu_leave(what);
	vm_stop(c->vm, end, 0, &e);
	return false;
}

/* -------- accesses -------- */

/* A string instruction (REP INS, REP OUTS) hands over count values at once:
 * each is an access of its own to the same port. */
static bool handle_io(struct vcpu *c)
{
	struct kvm_run *run = c->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	unsigned size = run->io.size;

	for (uint32_t i = 0; i < run->io.count; i++, data += size) {
		if (run->io.direction == KVM_EXIT_IO_OUT)
			bus_write(&c->vm->pio, run->io.port, size,
				  le_load(data, size));
		else
			le_store(data, size,
				 bus_read(&c->vm->pio, run->io.port, size));
	}
	return true;
}

static bool handle_mmio(struct vcpu *c)
{
	struct kvm_run *run = c->run;
	unsigned len = run->mmio.len;

	if (run->mmio.is_write)
		bus_write(&c->vm->mmio, run->mmio.phys_addr, len,
			  le_load(run->mmio.data, len));
	else
		le_store(run->mmio.data, len,
			 bus_read(&c->vm->mmio, run->mmio.phys_addr, len));
	return true;
}

/* -------- ends -------- */

static bool handle_system_event(struct vcpu *c)
{
	uint32_t type = c->run->system_event.type;

	switch (type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		vm_stop(c->vm, VM_POWERED_OFF, 0, NULL);
		return false;
	case KVM_SYSTEM_EVENT_RESET:
		vm_stop(c->vm, VM_REBOOTED, 0, NULL);
		return false;
	case KVM_SYSTEM_EVENT_CRASH:
		return give_up(c, VM_CRASHED, "the guest reports a crash");
	default:
		return give_up(c, VM_FAILED,
			       "KVM reports system event %" PRIu32
			       ", which we do not know",
			       type);
	}
}

/* "0f 0b c3", of the instruction that KVM could not emulate. */
static const char *hex(const uint8_t *bytes, unsigned n, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < n && used + 4 <= size; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%02x",
					 i ? " " : "", bytes[i]);
	return buf;
}

/* Emulation fails when the guest uses an instruction on a trapped page that
 * KVM does not emulate: AVX on a BAR, for instance. */
static bool handle_internal_error(struct vcpu *c)
{
	const struct kvm_run *run = c->run;
	unsigned n = run->emulation_failure.insn_size;
	char bytes[3 * 15 + 1];

	if (run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION)
		return give_up(c, VM_FAILED,
			       "KVM internal error, suberror %" PRIu32,
			       run->internal.suberror);
	if (run->emulation_failure.ndata < 3 ||
	    !(run->emulation_failure.flags &
	      KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) ||
	    n > sizeof(run->emulation_failure.insn_bytes))
		return give_up(c, VM_FAILED,
			       "KVM cannot emulate an instruction");
	return give_up(c, VM_FAILED, "KVM cannot emulate the instruction %s",
		       hex(run->emulation_failure.insn_bytes, n, bytes,
			   sizeof(bytes)));
}

static bool handle_fail_entry(struct vcpu *c)
{
	return give_up(c, VM_FAILED,
		       "the CPU refuses to enter the guest, hardware reason "
		       "%#llx on host CPU %u",
		       c->run->fail_entry.hardware_entry_failure_reason,
		       c->run->fail_entry.cpu);
}

static bool handle_memory_fault(struct vcpu *c, uint64_t gpa)
{
	struct vm *vm = c->vm;
	bool same = c->efault_repeats > 0 && c->efault_gpa == gpa;

	c->efault_repeats = same ? c->efault_repeats + 1 : 1;
	c->efault_gpa = gpa;
	trace_vcpu_fault(gpa, c->efault_repeats);
	if (c->efault_repeats <= MAX_FAULT_REPEATS && vm->withdraw &&
	    vm->withdraw(vm, gpa, vm->withdraw_arg))
		return true;
	if (gpa == VM_GPA_UNKNOWN)
		return give_up(c, VM_FAILED,
			       "KVM cannot reach memory that the guest uses");
	return give_up(c, VM_FAILED,
		       "KVM cannot reach guest memory at %#" PRIx64, gpa);
}

/* Ours, and rare; false: not one of these. */
static bool known_end(struct vcpu *c, bool *go_on)
{
	switch (c->run->exit_reason) {
	case KVM_EXIT_SHUTDOWN:
		*go_on = give_up(c, VM_CRASHED, "triple fault");
		return true;
	case KVM_EXIT_SYSTEM_EVENT:
		*go_on = handle_system_event(c);
		return true;
	case KVM_EXIT_INTERNAL_ERROR:
		*go_on = handle_internal_error(c);
		return true;
	case KVM_EXIT_FAIL_ENTRY:
		*go_on = handle_fail_entry(c);
		return true;
	case KVM_EXIT_MEMORY_FAULT:
		*go_on = handle_memory_fault(c, c->run->memory_fault.gpa);
		return true;
	default:
		return false;
	}
}

bool vcpu_handle_exit(struct vcpu *c)
{
	uint32_t reason = c->run->exit_reason;
	bool go_on = true;

	if (reason >= VCPU_EXIT_REASONS)
		reason = VCPU_EXIT_REASONS - 1;
	counter_add_owned(&c->exits[reason], 1);
	if (c->run->exit_reason != KVM_EXIT_MEMORY_FAULT)
		c->efault_repeats = 0;
	if (c->run->exit_reason == KVM_EXIT_IO)
		return handle_io(c);
	if (c->run->exit_reason == KVM_EXIT_MMIO)
		return handle_mmio(c);
	if (c->run->exit_reason == KVM_EXIT_INTR)
		return true;
	if (!known_end(c, &go_on))
		go_on = arch_vcpu_exit(c);
	return go_on;
}

static enum vcpu_failure kind_of(int rc)
{
	switch (rc) {
	case -EINTR:
		return VCPU_INTERRUPTED;
	case -EAGAIN:
		return VCPU_AGAIN;
	case -EFAULT:
	case -EHWPOISON:
		return VCPU_FAULT;
	default:
		return VCPU_REFUSED;
	}
}

bool vcpu_handle_failure(struct vcpu *c, int rc)
{
	enum vcpu_failure kind = kind_of(rc);

	counter_add_owned(&c->failures[kind], 1);
	switch (kind) {
	case VCPU_INTERRUPTED:
	case VCPU_AGAIN:
		return true;
	case VCPU_FAULT:
		/* Only with the capability does KVM write why and where. */
		if (c->vm->caps.memory_fault &&
		    c->run->exit_reason == KVM_EXIT_MEMORY_FAULT)
			return handle_memory_fault(c, c->run->memory_fault.gpa);
		return handle_memory_fault(c, VM_GPA_UNKNOWN);
	default:
		return give_up(c, VM_FAILED, "KVM_RUN failed with errno %d",
			       -rc);
	}
}

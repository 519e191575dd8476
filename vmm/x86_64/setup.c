/* vmm/x86_64/setup.c - the VM's and each vCPU's state of this architecture */
#include <assert.h>
#include <linux/kvm.h>
#include <stdlib.h>

#include "vmm/arch.h"
#include "vmm/base/sys.h"
#include "vmm/x86_64/x86.h"

/* The rate of the TSC, as the host's kernel measures it now. Else a vCPU gets
 * the rate of when KVM began; the kernel may have measured better since (Linux,
 * tsc_refine_calibration_work), and where the two differ by 250 ppm and the
 * processor cannot scale, KVM takes the vCPU's TSC for one that stands still:
 * its timers come minutes late (Linux, arch/x86/kvm/x86.c, kvm_set_tsc_khz).
 * Linux before 5.18 has no such call for a VM and keeps its rate. */
static void set_tsc_rate(const struct vm *vm)
{
	sys_ioctl_num(vm->fd, KVM_SET_TSC_KHZ, 0);
}

int arch_vm_open(struct vm *vm, struct err *e)
{
	struct x86_vm *x = calloc(1, sizeof(*x));

	if (!x)
		return err_sys(e, -ENOMEM, "x86");
	vm->arch = x;
	set_tsc_rate(vm);
	return x86_cpuid_read(vm->kvm_fd, x, e);
}

void arch_vm_close(struct vm *vm)
{
	struct x86_vm *x = vm->arch;

	if (!x)
		return;
	free(x->supported);
	free(x->build);
	x86_power_on_free(x->power_on);
	free(x);
	vm->arch = NULL;
}

unsigned arch_phys_bits(const struct vm *vm)
{
	const struct x86_vm *x = vm->arch;

	if (vm->phys_bits_cap != 0 && vm->phys_bits_cap < x->phys_bits)
		return vm->phys_bits_cap;
	return x->phys_bits;
}

/* AMD's IOMMU never translates 0xfd_0000_0000 to 0xff_ffff_ffff, the range of
 * the HyperTransport protocol's own messages. */
bool arch_has_ht_hole(const struct vm *vm)
{
	const struct x86_vm *x = vm->arch;

	return x->amd;
}

uint32_t arch_cpu_id(const struct vm *vm, unsigned index)
{
	return index;
}

int arch_vcpu_open(struct vcpu *c, struct err *e)
{
	struct x86_vm *x = c->vm->arch;
	const struct x86_cpu cpu = {
		.index = c->index,
		.n = c->vm->n_cpus,
		.phys_bits_cap = c->vm->phys_bits_cap,
		.tsc_deadline = c->vm->caps.tsc_deadline,
		.amd = x->amd,
	};
	int rc;

	rc = x86_cpuid_build(x->supported, &cpu, x->build);
	if (rc < 0)
		return err_sys(e, rc, "CPUID");
	rc = sys_ioctl(c->fd, KVM_SET_CPUID2, x->build);
	if (rc < 0)
		return err_sys(e, rc, "KVM_SET_CPUID2");
	/* After CPUID, which decides what MSRs there are. */
	return x86_msrs_set(c, e);
}

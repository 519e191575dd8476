/* vmm/restart.c - see restart.h */
#include "vmm/restart.h"

#include "vmm/arch.h"

int vm_keep_power_on(struct vm *vm, struct err *e)
{
	int rc = arch_keep_power_on(vm, e);

	if (rc < 0)
		return err_in(e, rc, "kvm");
	vm->restarts = true;
	return 0;
}

bool vm_again(struct vm *vm)
{
	bool again;

	pthread_mutex_lock(&vm->stop_lock);
	again = vm->restarts && vm->stop.end == VM_REBOOTED;
	if (again) {
		vm->stop = (struct vm_stop){ .end = VM_RUNNING };
		atomic_store(&vm->stopping, false);
		loop_again(&vm->loop);
	}
	pthread_mutex_unlock(&vm->stop_lock);
	return again;
}

int vm_recall_irqchip(struct vm *vm, struct err *e)
{
	int rc = arch_recall_irqchip(vm, e);

	return rc < 0 ? err_in(e, rc, "kvm") : 0;
}

int vm_recall_cpus(struct vm *vm, struct err *e)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < vm->n_vcpus; i++) {
		vm->vcpus[i].efault_repeats = 0;
		rc = arch_recall_cpu(&vm->vcpus[i], e);
	}
	return rc < 0 ? err_in(e, rc, "kvm") : 0;
}

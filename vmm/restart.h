/* vmm/restart.h - a VM that was stopped by a reboot of its guest starts again
 *
 * The way: vm_keep_power_on once, before the first vm_start. Then, each time
 * that vm_join came back after VM_REBOOTED:
 *
 *     vm_again             a new life: whatever ends the VM from here on counts
 *     vm_recall_irqchip    pins are masked, so nothing more gets to a vCPU
 *     (the owner resets devices, which lower their lines and send no messages)
 *     vm_recall_cpus       every vCPU as if it had never run
 *     (the owner fills RAM, arch_vcpu_boot)
 *     vm_start
 *
 * RAM, memory slots, routes and buses stay as they are. Main thread.
 */
#ifndef VMM_RESTART_H
#define VMM_RESTART_H

#include <stdbool.h>

#include "vmm/base/err.h"
#include "vmm/vm.h"

/* Remember what KVM holds, and let a reboot be followed by vm_again. */
int vm_keep_power_on(struct vm *vm, struct err *e);
/* After vm_join: true if the guest rebooted, nothing else wants the VM to end,
 * and it restarts then. */
bool vm_again(struct vm *vm);
int vm_recall_irqchip(struct vm *vm, struct err *e);
int vm_recall_cpus(struct vm *vm, struct err *e);

#endif

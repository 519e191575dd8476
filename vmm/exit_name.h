/* vmm/exit_name.h - KVM's exit reasons by name */
#ifndef VMM_EXIT_NAME_H
#define VMM_EXIT_NAME_H

/* As linux/kvm.h calls it, without KVM_EXIT_: "MMIO"; NULL: a newer kernel's.
 */
const char *exit_name(unsigned reason);

#endif

/* vfio/kvm.h - KVM's VFIO device: KVM learns which groups a VM holds
 *
 * KVM wants to know for its accounting of assigned devices (posted interrupts,
 * side-channel handling, non-coherent DMA), and drivers that need the VM find
 * it when a device is opened (VFIO-OPEN-13).
 */
#ifndef VFIO_KVM_H
#define VFIO_KVM_H

#include <stdbool.h>

#include "vmm/base/err.h"

struct vfio_kvm {
	int vm_fd;  /* borrowed */
	int fd;	    /* -1: not made yet, or this KVM has none */
	bool tried; /* made, or known to be missing */
};

/* Tell of the group or device @fd; makes the KVM device at the first call. */
int vfio_kvm_add(struct vfio_kvm *k, int fd, struct err *e);
void vfio_kvm_remove(struct vfio_kvm *k, int fd);
/* After the last remove: closed earlier, KVM would keep the groups. */
void vfio_kvm_close(struct vfio_kvm *k);

#endif

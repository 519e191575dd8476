/* machine/kernel_way.h - which of the kernel's two interfaces functions of
 * --vfio come through
 *
 * One VM uses one of them. Which is asked for, or follows from descriptors that
 * a launcher handed over, or, at last, from what the host offers.
 *
 * A launcher with privileges opens /dev/iommu and a function's node, and starts
 * minivmm without any: "--vfio 0000:01:00.0,fd=8,iommufd=9". The address is
 * still given, for messages and for sysfs, and checked against the descriptor.
 * Or it opens /dev/vfio/vfio and the node of the function's group:
 * "--vfio 0000:01:00.0,group=8,container=9". What it did not open, minivmm
 * opens itself.
 */
#ifndef MACHINE_KERNEL_WAY_H
#define MACHINE_KERNEL_WAY_H

#include "vmm/machine/assignment.h"

/* Take over the descriptors that options of @a name, before we open any of our
 * own that are about functions. -EINVAL: they contradict each other, or
 * --iommu. */
int kernel_way_adopt(struct assignment *a, struct err *e);
/* It does not come to that: from function @first on they stay the launcher's,
 * and are not ours to close. */
void kernel_way_disown(struct assignment *a, unsigned first);
/* Open the I/O address space of all functions of --vfio. */
int kernel_way_open(struct assignment *a, struct vm *vm,
		    struct vfio_iommu **out, struct err *e);
/* Close descriptors that nobody has taken over. */
void kernel_way_close(struct assignment *a);

#endif

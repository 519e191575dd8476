/* vfio/hot.h - hot reset: a reset of the bus or slot that functions share
 *
 * It is told to one function and hits all that hang below the same port. The
 * kernel does it only for who can show that all of them are his: by the
 * descriptors of their groups, or, where functions have nodes of their own, by
 * the /dev/iommu that they are bound to. Linux, drivers/vfio/pci/
 * vfio_pci_core.c, vfio_pci_dev_set_hot_reset.
 */
#ifndef VFIO_HOT_H
#define VFIO_HOT_H

#include "vfio/vfio.h"

/* Which functions a hot reset of the device fd @fd, that of the function @name,
 * hits. @g NULL: it was not opened through a group. -ENODEV: neither bus nor
 * slot can be reset. */
int vfio_hot_ask(int fd, const char *name, const struct vfio_groups *g,
		 struct vfio_hot_set *out, struct err *e);
/* Do it. -EBUSY, -EAGAIN: something is in the way right now. */
int vfio_hot_reset(int fd, const struct vfio_groups *g, struct err *e);

#endif

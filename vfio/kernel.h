/* vfio/kernel.h - device ops on a VFIO device fd of the kernel
 *
 * The same whether the fd came from a group or from iommufd.
 */
#ifndef VFIO_KERNEL_H
#define VFIO_KERNEL_H

#include "vfio/vfio.h"

/* Takes over @fd, on success and on failure. @released (may be NULL) is called
 * with @arg after the fd was closed. */
int vfio_kernel_open(int fd, const char *name, void (*released)(void *arg),
		     void *arg, struct vfio_dev **out, struct err *e);

/* It was opened through one of @g, which outlives it. */
void vfio_kernel_by_group(struct vfio_dev *d, const struct vfio_groups *g);

#endif

/* vfio/cdev.h - the character device of one function
 *
 * A function on a vfio driver has a node /dev/vfio/devices/vfioN (Linux 6.6
 * with CONFIG_VFIO_DEVICE_CDEV). The number N is the kernel's; sysfs says
 * which.
 */
#ifndef VFIO_CDEV_H
#define VFIO_CDEV_H

#include <stdbool.h>

#include "vmm/base/err.h"

/* Open the node of @function (canonical name) and check that it is the
 * function's. Returns an fd. */
int vfio_cdev_open(const char *function, struct err *e);

/* Is @fd such a node's, opened by somebody else? A sentence if it is not. */
int vfio_cdev_check(const char *function, int fd, struct err *e);

/* Could it be had through /dev/iommu and such a node, by us? Whether another
 * process has it shows only later. */
bool vfio_cdev_offered(const char *function);

#endif

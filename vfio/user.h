/* vfio/user.h - functions that another process offers on a UNIX socket
 *
 * vfio-user carries VFIO's own interface as messages: what the kernel would do
 * for an ioctl, a server does for a message. Each function has a socket and a
 * connection of its own. Guest RAM goes there as descriptors, so the server
 * sees all of it; our side believes nothing that comes from the server.
 *
 *     user.c           the I/O address space: RAM to each server
 *     user_dev.c       one function: regions, accesses, reset
 *     user_irqs.c      its interrupts
 *     user_link.c      requests and replies, time limits, death
 *     user_dma.c       the server's requests
 *     user_version.c   limits, agreed upon first
 *     user_socket.c    messages over a stream
 *     user_wire.h      layouts
 */
#ifndef VFIO_USER_H
#define VFIO_USER_H

#include "vfio/sysfs.h"
#include "vfio/vfio.h"

struct loop;

/* An I/O address space whose attach() takes a socket's path. @loop is borrowed:
 * it answers servers while nobody asks them anything. */
int vfio_user_iommu_open(struct loop *loop, struct vfio_iommu **out,
			 struct err *e);

/* What is known of the function behind the socket @path before it is attached:
 * nothing but that. */
int vfio_user_function(const char *path, struct vfio_function *out,
		       struct err *e);

#endif

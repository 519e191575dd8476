/* vfio/group.h - container and group: the classic VFIO interface
 *
 * /dev/vfio/vfio is a container (one I/O address space), /dev/vfio/N an IOMMU
 * group, the smallest set of functions the IOMMU can tell apart. A group
 * joins a container, then hands out device fds. A group node opens only once,
 * so groups are cached; a group that cannot join our container gets a second
 * one, with all RAM mapped there too. Order of everything: VFIO-OPEN-02, -19.
 */
#ifndef VFIO_GROUP_H
#define VFIO_GROUP_H

#include "vfio/vfio.h"

/* @vm_fd (borrowed) is told of the groups through KVM's VFIO device, which is
 * created with the first group (VFIO-OPEN-13). @given is /dev/vfio/vfio, opened
 * by who started us, and taken over, on success and on failure; 0: there is
 * none. *out is freed by ops->close. */
int vfio_group_iommu_open(int vm_fd, int given, struct vfio_iommu **out,
			  struct err *e);

/* Has this host that interface for group @number, and may we open both nodes?
 * One that somebody else has open counts. */
bool vfio_group_offered(int number);

#endif

/* vfio/iommufd.h - /dev/iommu and a character device for each function
 *
 * The kernel's newer interface, Linux 6.6: a function that is bound to a vfio
 * driver has a node of its own, /dev/vfio/devices/vfioN, and I/O address spaces
 * are objects of /dev/iommu. There are no containers, and groups only show in
 * refusals: the IOMMU cannot tell their members apart, so a neighbour on a host
 * driver still stands in the way. Order of everything: VFIO-OPEN-10.
 */
#ifndef VFIO_IOMMUFD_H
#define VFIO_IOMMUFD_H

#include "vfio/vfio.h"

/* As vfio_group_iommu_open. @given is /dev/iommu, opened by who started us, and
 * taken over, on success and on failure; 0: there is none. */
int vfio_iommufd_iommu_open(int vm_fd, int given, struct vfio_iommu **out,
			    struct err *e);

#endif

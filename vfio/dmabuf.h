/* vfio/dmabuf.h - pages of a BAR as a file, for the DMA of others
 *
 * iommufd maps files, not addresses, where pages are a device's: the file knows
 * when they go away, and the kernel then ends its maps by itself. vfio-pci
 * makes such a file, a dma-buf, since Linux 6.19, where it was built with
 * CONFIG_VFIO_PCI_DMABUF; iommufd takes it since then too.
 */
#ifndef VFIO_DMABUF_H
#define VFIO_DMABUF_H

#include <stdint.h>

#include "vmm/base/err.h"

/* A new file of the @n bytes of region @index from @off on, both of whole
 * pages; it belongs to the caller, and what is mapped keeps it alive. @n 0:
 * make none, only say whether it could be. @fd is the function's. */
int vfio_dmabuf_open(int fd, unsigned index, uint64_t off, uint64_t n,
		     struct err *e);

/* The first @size bytes of @file at @at of address space @ioas of /dev/iommu
 * @fd: plain errno. */
int vfio_dmabuf_map(int fd, uint32_t ioas, int file, uint64_t at,
		    uint64_t size);

#endif

/* vfio/dma.h - guest RAM becomes IOVA space
 *
 * A mem listener: every range of RAM is mapped at IOVA = GPA, once per
 * I/O address space, before the first vCPU runs. Checks alignment and the
 * IOVA ranges that the attached devices can use, and works out the locked
 * memory that is needed before asking for it (VFIO-OPEN-16).
 */
#ifndef VFIO_DMA_H
#define VFIO_DMA_H

#include "vfio/vfio.h"
#include "vmm/mem.h"

struct vfio_dma {
	struct mem_listener listener;
	struct vfio_iommu *iommu; /* borrowed */
	struct mem *mem;
	bool listening;
};

/* Can all of @m's RAM be I/O addresses of every attached device? -ERANGE names
 * what cannot. */
int vfio_dma_check(struct vfio_iommu *i, const struct mem *m, struct err *e);
/* Map all RAM of @m; after every device was attached, and vfio_dma_check had
 * nothing against it. */
int vfio_dma_open(struct vfio_dma *d, struct vfio_iommu *i, struct mem *m,
		  struct err *e);
void vfio_dma_close(struct vfio_dma *d); /* safe half-built */

/* Raise what can be raised of RLIMIT_MEMLOCK for @bytes of pinned RAM, else
 * say what is needed, what is there, how to get it. */
int vfio_memlock_check(uint64_t bytes, struct err *e);

#endif

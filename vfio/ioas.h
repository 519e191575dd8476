/* vfio/ioas.h - one I/O address space of iommufd
 *
 * An object of /dev/iommu with a number. Functions are attached to it, and what
 * is mapped into it every one of them can reach, whichever IOMMU it is behind:
 * the kernel keeps as many page tables as that takes. There is a second one
 * only for functions that the kernel will not attach to the first.
 *
 * It exists as long as a function is attached: RAM mapped into an IOAS without
 * any is not pinned, so a refusal would come at a later attach, where nobody
 * could say what range it is about (VFIO-OPEN-10).
 */
#ifndef VFIO_IOAS_H
#define VFIO_IOAS_H

#include "vfio/space.h"
#include "vfio/vfio.h"

struct vfio_ioas {
	int fd;	     /* /dev/iommu, borrowed */
	uint32_t id; /* 0: there is none; the kernel counts from 1 */
	unsigned devices;
};

int vfio_ioas_open(struct vfio_ioas *s, int iommufd, struct err *e);
/* With all that is mapped; no function is attached. Safe if not open. */
void vfio_ioas_close(struct vfio_ioas *s);

/* @from already holds @m: share its pages, which are then pinned and counted
 * once (VFIO-OPEN-12). NULL: pin them. */
int vfio_ioas_map(struct vfio_ioas *s, const struct vfio_ioas *from,
		  const struct vfio_map *m, struct err *e);
/* @size bytes of @file, a dma-buf, which holds pages of a BAR. */
int vfio_ioas_map_file(struct vfio_ioas *s, int file, iova_t at, uint64_t size,
		       struct err *e);
/* @e may be NULL. */
int vfio_ioas_unmap(struct vfio_ioas *s, iova_t at, uint64_t size,
		    struct err *e);
/* Intersect the @n ranges of @out (0: none yet) with those of @s. */
int vfio_ioas_ranges(const struct vfio_ioas *s, struct range *out, unsigned n,
		     unsigned max, struct err *e);
/* Narrow *f by what @s allows. */
int vfio_ioas_facts(const struct vfio_ioas *s, struct vfio_iommu_facts *f,
		    struct err *e);

#endif

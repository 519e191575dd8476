/* vfio/iova.h - ranges of I/O addresses
 *
 * An IOMMU translates part of the 64-bit addresses that a function can emit:
 * those below its width, without what the platform reserves. A VM may have
 * functions behind several IOMMUs, and its RAM has one place for all.
 */
#ifndef VFIO_IOVA_H
#define VFIO_IOVA_H

#include "vfio/vfio.h"

struct vfio_iova_range;

/* Intersect the @n ranges of @out (0: none yet), which has room for @max, with
 * the @n_r ranges @r. Returns how many there are; -ERANGE if none is left. */
int vfio_iova_intersect(struct range *out, unsigned n, unsigned max,
			const struct vfio_iova_range *r, unsigned n_r,
			struct err *e);

#endif

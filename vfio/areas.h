/* vfio/areas.h - what VFIO says of a region: its size, the parts to map */
#ifndef VFIO_AREAS_H
#define VFIO_AREAS_H

#include <stddef.h>

#include "vfio/vfio.h"

struct vfio_region_info;

/* Take region @index of the function @name from the @size bytes of @info. A
 * list of areas that makes no sense is warned of and not used: accesses
 * trap. */
void vfio_region_parse(const struct vfio_region_info *info, size_t size,
		       const char *name, unsigned index,
		       struct vfio_region *out);

#endif

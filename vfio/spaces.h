/* vfio/spaces.h - the address spaces of one VM in iommufd, as if they were one
 *
 * As a rule there is one; a second one only for functions that the kernel does
 * not attach to the first (ioas.h). What is mapped is mapped in each.
 */
#ifndef VFIO_SPACES_H
#define VFIO_SPACES_H

#include "vfio/ioas.h"

struct vfio_spaces {
	struct vfio_maps maps; /* guest RAM, for spaces that come later */
	struct vfio_ioas space[VFIO_MAX_SPACES]; /* id 0: free */
};

/* One beside @but that holds all maps already, or NULL. */
const struct vfio_ioas *vfio_spaces_other(const struct vfio_spaces *s,
					  const struct vfio_ioas *but);
/* Guest RAM into @new, one of them, as its first function was attached. */
int vfio_spaces_replay(const struct vfio_spaces *s, struct vfio_ioas *new,
		       struct err *e);

/* Guest RAM; in all of them or in none. */
int vfio_spaces_map(struct vfio_spaces *s, const struct vfio_map *m,
		    struct err *e);
/* Exactly what was mapped; the first failure is reported, the rest is tried. */
int vfio_spaces_unmap(struct vfio_spaces *s, iova_t at, uint64_t size,
		      struct err *e);
/* The same for pages of a BAR, as a file (dmabuf.h): not in spaces that come
 * later. */
int vfio_spaces_map_file(struct vfio_spaces *s, int file, iova_t at,
			 uint64_t size, struct err *e);
int vfio_spaces_unmap_file(struct vfio_spaces *s, iova_t at, uint64_t size,
			   struct err *e);

/* As struct vfio_iommu_ops has them. */
int vfio_spaces_ranges(const struct vfio_spaces *s, struct range *out,
		       unsigned max, struct err *e);
int vfio_spaces_facts(const struct vfio_spaces *s, struct vfio_iommu_facts *out,
		      struct err *e);

#endif

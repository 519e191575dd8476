/* vfio/space.h - a container: one I/O address space of the kernel's type 1
 *
 * Opened blank; takes a type when the first group has joined, and loses type
 * and maps when the last one leaves.
 */
#ifndef VFIO_SPACE_H
#define VFIO_SPACE_H

#include "vfio/vfio.h"

enum { VFIO_MAX_SPACES = 8, VFIO_MAX_MAPS = 16 };

struct vfio_map {
	iova_t at;
	uint64_t size;
	void *hva;
};

/* What every space of a VM shall hold. */
struct vfio_maps {
	unsigned n;
	struct vfio_map map[VFIO_MAX_MAPS];
};

struct vfio_space {
	int fd; /* -1: not open */
	bool typed;
	unsigned groups;
};

#define VFIO_SPACE_EMPTY ((struct vfio_space){ .fd = -1 })

/* Open /dev/vfio/vfio and check that it is a kernel we can work with. */
int vfio_space_open(struct vfio_space *s, struct err *e);
/* The same with what who started us has opened: taken over, on success and on
 * failure. */
int vfio_space_take(struct vfio_space *s, int given, struct err *e);
void vfio_space_close(struct vfio_space *s); /* safe if not open */
/* SET_IOMMU; a group has joined. Plain errno: the caller knows the group. */
int vfio_space_type(struct vfio_space *s);
/* Has somebody given it a type already? A group has joined. */
bool vfio_space_has_type(const struct vfio_space *s);
/* Map all of @m; on failure none of it. */
int vfio_space_replay(struct vfio_space *s, const struct vfio_maps *m,
		      struct err *e);
/* A group left. */
void vfio_space_left(struct vfio_space *s);

int vfio_space_map(struct vfio_space *s, const struct vfio_map *m,
		   struct err *e);
/* The same for pages of a BAR, which the function lets through right now. */
int vfio_space_map_peer(struct vfio_space *s, const struct vfio_map *m,
			struct err *e);
/* @e may be NULL. */
int vfio_space_unmap(struct vfio_space *s, iova_t at, uint64_t size,
		     struct err *e);
/* Intersect the @n ranges of @out (0: none yet) with those of @s. */
int vfio_space_ranges(struct vfio_space *s, struct range *out, unsigned n,
		      unsigned max, struct err *e);
/* Narrow *f by what @s allows, and count it. */
int vfio_space_facts(struct vfio_space *s, struct vfio_iommu_facts *f,
		     struct err *e);

void vfio_maps_init(struct vfio_maps *m);
int vfio_maps_add(struct vfio_maps *m, const struct vfio_map *new,
		  struct err *e);
/* False unless exactly that range is there. */
bool vfio_maps_remove(struct vfio_maps *m, iova_t at, uint64_t size);

#endif

/* vfio/spaces.c - see spaces.h */
#include "vfio/spaces.h"

#include <errno.h>

/* -------- a space that comes later -------- */

const struct vfio_ioas *vfio_spaces_other(const struct vfio_spaces *s,
					  const struct vfio_ioas *but)
{
	for (unsigned n = 0; n < VFIO_MAX_SPACES; n++) {
		if (s->space[n].id != 0 && &s->space[n] != but)
			return &s->space[n];
	}
	return NULL;
}

int vfio_spaces_replay(const struct vfio_spaces *s, struct vfio_ioas *new,
		       struct err *e)
{
	const struct vfio_ioas *from = vfio_spaces_other(s, new);
	int rc = 0;

	for (unsigned n = 0; n < s->maps.n && rc >= 0; n++)
		rc = vfio_ioas_map(new, from, &s->maps.map[n], e);
	return rc;
}

/* -------- maps -------- */

/* From the first @n of them. */
static int unmap_from(struct vfio_spaces *s, unsigned n, iova_t at,
		      uint64_t size, struct err *e)
{
	int first = 0;

	for (unsigned i = 0; i < n; i++) {
		int rc = 0;

		if (s->space[i].id != 0)
			rc = vfio_ioas_unmap(&s->space[i], at, size, e);
		if (rc < 0 && first == 0)
			first = rc;
	}
	return first;
}

/* The first one pins, the others share. */
static int map_in_all(struct vfio_spaces *s, const struct vfio_map *m,
		      struct err *e)
{
	const struct vfio_ioas *from = NULL;

	for (unsigned n = 0; n < VFIO_MAX_SPACES; n++) {
		struct vfio_ioas *one = &s->space[n];
		int rc = one->id != 0 ? vfio_ioas_map(one, from, m, e) : 0;

		if (rc < 0) {
			(void)unmap_from(s, n, m->at, m->size, NULL);
			return rc;
		}
		if (!from && one->id != 0)
			from = one;
	}
	return 0;
}

int vfio_spaces_map(struct vfio_spaces *s, const struct vfio_map *m,
		    struct err *e)
{
	int rc = vfio_maps_add(&s->maps, m, e);

	if (rc < 0)
		return rc;
	rc = map_in_all(s, m, e);
	if (rc < 0)
		(void)vfio_maps_remove(&s->maps, m->at, m->size);
	return rc;
}

int vfio_spaces_unmap(struct vfio_spaces *s, iova_t at, uint64_t size,
		      struct err *e)
{
	if (!vfio_maps_remove(&s->maps, at, size))
		return err_set(
			e, -EINVAL, "%#llx+%#llx was not mapped as one range",
			(unsigned long long)at, (unsigned long long)size);
	return unmap_from(s, VFIO_MAX_SPACES, at, size, e);
}

int vfio_spaces_map_file(struct vfio_spaces *s, int file, iova_t at,
			 uint64_t size, struct err *e)
{
	for (unsigned n = 0; n < VFIO_MAX_SPACES; n++) {
		struct vfio_ioas *one = &s->space[n];
		int rc = one->id != 0
				 ? vfio_ioas_map_file(one, file, at, size, e)
				 : 0;

		if (rc < 0) {
			(void)unmap_from(s, n, at, size, NULL);
			return rc;
		}
	}
	return 0;
}

int vfio_spaces_unmap_file(struct vfio_spaces *s, iova_t at, uint64_t size,
			   struct err *e)
{
	return unmap_from(s, VFIO_MAX_SPACES, at, size, e);
}

/* -------- what the kernel says of them -------- */

int vfio_spaces_ranges(const struct vfio_spaces *s, struct range *out,
		       unsigned max, struct err *e)
{
	int n = 0;

	for (unsigned i = 0; i < VFIO_MAX_SPACES && n >= 0; i++) {
		if (s->space[i].id != 0)
			n = vfio_ioas_ranges(&s->space[i], out, (unsigned)n,
					     max, e);
	}
	return n;
}

int vfio_spaces_facts(const struct vfio_spaces *s, struct vfio_iommu_facts *out,
		      struct err *e)
{
	struct vfio_iommu_facts f = { .page_sizes = UINT64_MAX,
				      .maps_left = UINT32_MAX };

	for (unsigned i = 0; i < VFIO_MAX_SPACES; i++) {
		int rc = 0;

		if (s->space[i].id != 0)
			rc = vfio_ioas_facts(&s->space[i], &f, e);
		if (rc < 0)
			return rc;
	}
	if (f.spaces == 0)
		f.page_sizes = 0;
	*out = f;
	return 0;
}

/* vfio/areas.c - what VFIO says of a region: its size, the parts to map
 *
 * Whoever says it, kernel or vfio-user server, uses struct vfio_region_info
 * with a chain of capabilities. One of them lists the areas that may be
 * mapped; without it a mappable region may be mapped as a whole.
 */
#include "vfio/areas.h"

#include <linux/vfio.h>
#include <stdlib.h>

#include "vfio/info.h"
#include "vmm/base/sys.h"
#include "vmm/base/trace.h"

/* A list replaces the whole region, even if it is empty. */
static void sparse_areas(struct vfio_region *r, const void *cap, size_t room)
{
	const struct vfio_region_info_cap_sparse_mmap *s = cap;
	size_t fit = (room - sizeof(*s)) / sizeof(s->areas[0]);
	unsigned n = s->nr_areas < fit ? s->nr_areas : (unsigned)fit;

	for (unsigned i = 0; i < n && r->n_areas < VFIO_MAX_AREAS; i++) {
		struct range a = { s->areas[i].offset, s->areas[i].size };

		if (a.size != 0)
			r->area[r->n_areas++] = a;
	}
}

static int by_base(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->base < y->base ? -1 : x->base > y->base;
}

/* Page aligned, inside the region, not overlapping. */
static bool areas_are_sane(struct vfio_region *r)
{
	uint64_t page = sys_page_size();
	uint64_t end = align_up(r->size, page);

	qsort(r->area, r->n_areas, sizeof(r->area[0]), by_base);
	for (unsigned i = 0; i < r->n_areas; i++) {
		const struct range *a = &r->area[i];

		if ((a->base | a->size) % page != 0 ||
		    !range_fits(0, end, a->base, a->size))
			return false;
		if (i > 0 &&
		    range_overlaps(a[-1].base, a[-1].size, a->base, a->size))
			return false;
	}
	return true;
}

static void find_areas(const struct vfio_region_info *info, size_t size,
		       const char *name, unsigned index, struct vfio_region *r)
{
	uint32_t first =
		info->flags & VFIO_REGION_INFO_FLAG_CAPS ? info->cap_offset : 0;
	const void *sparse;

	r->msix_mappable = vfio_info_cap(info, size, first,
					 VFIO_REGION_INFO_CAP_MSIX_MAPPABLE,
					 sizeof(struct vfio_info_cap_header));
	if (!(r->flags & VFIO_REGION_INFO_FLAG_MMAP) || r->size == 0)
		return;
	sparse = vfio_info_cap(info, size, first,
			       VFIO_REGION_INFO_CAP_SPARSE_MMAP,
			       sizeof(struct vfio_region_info_cap_sparse_mmap));
	if (sparse)
		sparse_areas(r, sparse, vfio_info_room(info, size, sparse));
	else /* a BAR smaller than a page: the rest of it is reserved, too */
		r->area[r->n_areas++] =
			(struct range){ 0, align_up(r->size, sys_page_size()) };
	if (!areas_are_sane(r)) {
		log_warn("vfio: %s: region %u: the list of areas that may be "
			 "mapped makes no sense, so none is",
			 name, index);
		r->n_areas = 0;
	}
}

void vfio_region_parse(const struct vfio_region_info *info, size_t size,
		       const char *name, unsigned index,
		       struct vfio_region *out)
{
	struct vfio_region r = { .size = info->size, .flags = info->flags };

	find_areas(info, size, name, index, &r);
	*out = r;
}

/* tests/fakes/vfio_dma.c - DMA maps of a type1 container
 *
 * Rules are those of drivers/vfio/vfio_iommu_type1.c of Linux 6.12.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fakes/fake.h"

static unsigned width, entries;

void fake_iommu_width(unsigned bits)
{
	width = bits;
}

void fake_iommu_entries(unsigned n)
{
	entries = n;
}

static void drop(struct container *c, struct dma **p)
{
	struct dma *m = *p;

	*p = m->next;
	c->n_maps--;
	c->pinned -= m->size;
	free(m);
}

void dma_drop(struct container *c)
{
	while (c->maps)
		drop(c, &c->maps);
}

bool dma_uses(uint64_t at, uint64_t size)
{
	for (struct container *c = container_list(); c; c = c->next) {
		for (struct dma *m = c->maps; m; m = m->next) {
			if (range_overlaps(m->vaddr, m->size, at, size))
				return true;
		}
	}
	return iommufd_uses(at, size);
}

/* -------- usable ranges -------- */

struct ranges {
	struct vfio_iova_range r[DMA_MAX_RANGES];
	unsigned n;
};

static void add_range(struct ranges *l, uint64_t start, uint64_t last)
{
	if (start > last)
		return;
	if (l->n == DMA_MAX_RANGES)
		abort();
	l->r[l->n++] = (struct vfio_iova_range){ start, last };
}

static void exclude(struct ranges *l, const struct reserve *x)
{
	struct ranges out = { .n = 0 };

	for (unsigned i = 0; i < l->n; i++) {
		const struct vfio_iova_range *r = &l->r[i];

		if (x->last < r->start || x->start > r->end) {
			add_range(&out, r->start, r->end);
			continue;
		}
		if (x->start > r->start)
			add_range(&out, r->start, x->start - 1);
		if (x->last < r->end)
			add_range(&out, x->last + 1, r->end);
	}
	*l = out;
}

static void usable_by(dma_member *in, const void *space, struct ranges *out)
{
	struct group *seen = NULL;

	out->n = 0;
	add_range(out, 0,
		  width >= 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1);
	for (struct device *d = device_list(); d; d = d->next) {
		if (!d->group || d->group == seen || !in(d, space))
			continue;
		seen = d->group;
		for (struct reserve *r = seen->reserves; r; r = r->next) {
			if (!r->direct_relaxable)
				exclude(out, r);
		}
	}
}

static bool is_member(const struct device *d, const void *space)
{
	return d->group->container == space;
}

/* What every group in @c can use. */
static void usable(const struct container *c, struct ranges *out)
{
	usable_by(is_member, c, out);
}

unsigned dma_usable(dma_member *in, const void *space,
		    struct vfio_iova_range out[DMA_MAX_RANGES])
{
	struct ranges l;

	usable_by(in, space, &l);
	memcpy(out, l.r, l.n * sizeof(l.r[0]));
	return l.n;
}

static bool is_usable(const struct container *c, uint64_t iova, uint64_t size)
{
	struct ranges l;

	usable(c, &l);
	for (unsigned i = 0; i < l.n; i++) {
		if (iova >= l.r[i].start && iova + (size - 1) <= l.r[i].end)
			return true;
	}
	return false;
}

/* -------- VFIO_IOMMU_GET_INFO -------- */

static uint32_t info_size(const struct ranges *l)
{
	return (uint32_t)(sizeof(struct vfio_iommu_type1_info) +
			  sizeof(struct vfio_iommu_type1_info_cap_iova_range) +
			  l->n * sizeof(l->r[0]) +
			  sizeof(struct vfio_iommu_type1_info_dma_avail));
}

static void put_caps(const struct container *c, const struct ranges *l,
		     uint8_t *base)
{
	uint32_t first = sizeof(struct vfio_iommu_type1_info);
	uint32_t second =
		first +
		(uint32_t)(sizeof(struct vfio_iommu_type1_info_cap_iova_range) +
			   l->n * sizeof(l->r[0]));
	struct vfio_iommu_type1_info_cap_iova_range ranges = {
		.header = { VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 1, second },
		.nr_iovas = l->n,
	};
	struct vfio_iommu_type1_info_dma_avail avail = {
		.header = { VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, 1, 0 },
		.avail = entries - c->n_maps,
	};

	memcpy(base + first, &ranges, sizeof(ranges));
	memcpy(base + first + sizeof(ranges), l->r, l->n * sizeof(l->r[0]));
	memcpy(base + second, &avail, sizeof(avail));
}

long dma_info(struct container *c, struct vfio_iommu_type1_info *info)
{
	uint32_t room = info->argsz;
	struct ranges l;

	if (room < offsetof(struct vfio_iommu_type1_info, cap_offset))
		return -EINVAL;
	usable(c, &l);
	info->flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
	info->iova_pgsizes = 0x40201000;
	info->argsz = info_size(&l);
	if (room < sizeof(*info))
		return 0;
	info->cap_offset = 0;
	if (room < info->argsz)
		return 0;
	info->cap_offset = sizeof(*info);
	put_caps(c, &l, (uint8_t *)info);
	return 0;
}

/* -------- maps -------- */

static bool overlaps(const struct container *c, uint64_t iova, uint64_t size)
{
	for (const struct dma *m = c->maps; m; m = m->next) {
		if (range_overlaps(m->iova, m->size, iova, size))
			return true;
	}
	return false;
}

static uint64_t pinned(void)
{
	uint64_t sum = 0;

	for (struct container *c = container_list(); c; c = c->next)
		sum += c->pinned;
	return sum;
}

long dma_map(struct container *c, const struct vfio_iommu_type1_dma_map *m)
{
	struct dma *d;

	if (m->argsz < sizeof(*m) || m->flags == 0 ||
	    (m->flags & ~(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)))
		return -EINVAL;
	if (m->size == 0 || (m->iova | m->vaddr | m->size) % FAKE_PAGE != 0 ||
	    m->iova + m->size - 1 < m->iova)
		return -EINVAL;
	if (overlaps(c, m->iova, m->size))
		return -EEXIST;
	if (c->n_maps >= entries)
		return -ENOSPC;
	if (!is_usable(c, m->iova, m->size))
		return -EINVAL;
	if (!host_has_memlock_cap() && pinned() + m->size > host_memlock())
		return -ENOMEM;
	if (!memory_can_be_pinned(m->vaddr, m->size, true))
		return -EFAULT;
	d = xalloc(sizeof(*d));
	*d = (struct dma){ m->iova, m->size, m->vaddr, NULL, c->maps };
	c->maps = d;
	c->n_maps++;
	c->pinned += m->size;
	return 0;
}

static long unmap_all(struct container *c, struct vfio_iommu_type1_dma_unmap *u)
{
	if (u->iova != 0 || u->size != 0)
		return -EINVAL;
	u->size = c->pinned;
	dma_drop(c);
	return 0;
}

/* Version 2 does not cut a map in two. */
static bool bisects(const struct container *c, uint64_t iova, uint64_t size)
{
	for (const struct dma *m = c->maps; m; m = m->next) {
		if (range_overlaps(m->iova, m->size, iova, size) &&
		    !range_fits(iova, size, m->iova, m->size))
			return true;
	}
	return false;
}

long dma_unmap(struct container *c, struct vfio_iommu_type1_dma_unmap *u)
{
	struct dma **p = &c->maps;
	uint64_t sum = 0;

	if (u->argsz < sizeof(*u) || (u->flags & ~VFIO_DMA_UNMAP_FLAG_ALL))
		return -EINVAL;
	if (u->flags & VFIO_DMA_UNMAP_FLAG_ALL)
		return unmap_all(c, u);
	if (u->size == 0 || (u->iova | u->size) % FAKE_PAGE != 0 ||
	    u->iova + u->size - 1 < u->iova)
		return -EINVAL;
	if (bisects(c, u->iova, u->size))
		return -EINVAL;
	while (*p) {
		if (range_overlaps((*p)->iova, (*p)->size, u->iova, u->size)) {
			sum += (*p)->size;
			drop(c, p);
		} else {
			p = &(*p)->next;
		}
	}
	u->size = sum;
	return 0;
}

/* -------- for tests -------- */

unsigned fake_dma_maps(void)
{
	unsigned n = 0;

	fake_lock();
	for (struct container *c = container_list(); c; c = c->next)
		n += c->n_maps;
	n += iommufd_maps();
	fake_unlock();
	return n;
}

static bool container_maps(const struct container *c, uint64_t iova,
			   uint64_t size)
{
	for (const struct dma *m = c->maps; m; m = m->next) {
		if (range_fits(m->iova, m->size, iova, size))
			return true;
	}
	return false;
}

bool fake_dma_mapped(uint64_t iova, uint64_t size)
{
	bool all;

	fake_lock();
	all = (container_list() || iommufd_spaces() != 0) &&
	      iommufd_spaces_with(iova, size) == iommufd_spaces();
	for (struct container *c = container_list(); c; c = c->next)
		all &= container_maps(c, iova, size);
	fake_unlock();
	return all;
}

unsigned fake_iommufd_spaces(void)
{
	unsigned n;

	fake_lock();
	n = iommufd_spaces();
	fake_unlock();
	return n;
}

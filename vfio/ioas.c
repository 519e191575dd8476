/* vfio/ioas.c - one I/O address space of iommufd
 *
 * The rules are those of drivers/iommu/iommufd/ioas.c and io_pagetable.c.
 */
#include "vfio/ioas.h"

#include <linux/iommufd.h>
#include <linux/vfio.h>
#include <stdlib.h>

#include "vfio/dmabuf.h"
#include "vfio/iova.h"
#include "vfio/refusal.h"
#include "vfio/trace.h"
#include "vmm/base/sys.h"

enum {
	RANGES_FIRST = 8,   /* room at the first try */
	RANGES_MAX = 65536, /* more than any platform reserves */
	RANGES_TRIES = 4,   /* they may become more between two calls */
	MAP_FLAGS = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
		    IOMMU_IOAS_MAP_WRITEABLE,
};

/* -------- life -------- */

int vfio_ioas_open(struct vfio_ioas *s, int iommufd, struct err *e)
{
	struct iommu_ioas_alloc a = { .size = sizeof(a) };
	int rc = sys_ioctl(iommufd, IOMMU_IOAS_ALLOC, &a);

	if (rc < 0)
		return err_sys(e, rc, "cannot make an I/O address space");
	*s = (struct vfio_ioas){ .fd = iommufd, .id = a.out_ioas_id };
	return 0;
}

void vfio_ioas_close(struct vfio_ioas *s)
{
	struct iommu_destroy d = { .size = sizeof(d), .id = s->id };

	if (s->id != 0)
		(void)sys_ioctl(s->fd, IOMMU_DESTROY, &d);
	*s = (struct vfio_ioas){ .fd = -1 };
}

/* -------- maps -------- */

static int pin(struct vfio_ioas *s, const struct vfio_map *m)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = MAP_FLAGS,
		.ioas_id = s->id,
		.user_va = (uint64_t)(uintptr_t)m->hva,
		.length = m->size,
		.iova = m->at,
	};

	return sys_ioctl(s->fd, IOMMU_IOAS_MAP, &map);
}

static int share(struct vfio_ioas *s, const struct vfio_ioas *from,
		 const struct vfio_map *m)
{
	struct iommu_ioas_copy copy = {
		.size = sizeof(copy),
		.flags = MAP_FLAGS,
		.dst_ioas_id = s->id,
		.src_ioas_id = from->id,
		.length = m->size,
		.dst_iova = m->at,
		.src_iova = m->at,
	};

	return sys_ioctl(s->fd, IOMMU_IOAS_COPY, &copy);
}

int vfio_ioas_map(struct vfio_ioas *s, const struct vfio_ioas *from,
		  const struct vfio_map *m, struct err *e)
{
	int rc = from ? share(s, from, m) : pin(s, m);

	if (rc < 0)
		return vfio_refused(e, VFIO_STEP_IOAS_MAP, rc,
				    "cannot map guest RAM %#llx to %#llx for "
				    "DMA",
				    (unsigned long long)m->at,
				    (unsigned long long)(m->at + m->size - 1));
	trace_dma_map(m->at, m->size, m->hva);
	return 0;
}

/* Its pages are a device's: nothing is pinned, nothing counted. */
int vfio_ioas_map_file(struct vfio_ioas *s, int file, iova_t at, uint64_t size,
		       struct err *e)
{
	int rc = vfio_dmabuf_map(s->fd, s->id, file, at, size);

	if (rc < 0)
		return vfio_refused(e, VFIO_STEP_PEER_FILE, rc,
				    "cannot map BAR pages %#llx to %#llx for "
				    "DMA",
				    (unsigned long long)at,
				    (unsigned long long)(at + size - 1));
	trace_dma_map(at, size, NULL);
	return 0;
}

int vfio_ioas_unmap(struct vfio_ioas *s, iova_t at, uint64_t size,
		    struct err *e)
{
	struct iommu_ioas_unmap u = {
		.size = sizeof(u),
		.ioas_id = s->id,
		.iova = at,
		.length = size,
	};
	struct err scratch = ERR_NONE;
	int rc = sys_ioctl(s->fd, IOMMU_IOAS_UNMAP, &u);

	if (!e)
		e = &scratch;
	/* ENOENT: nothing is mapped there, which is what was asked for; the
	 * kernel's type 1 calls that a success (VFIO-DMA-15) */
	if (rc < 0 && rc != -ENOENT)
		return err_sys(e, rc, "cannot unmap %#llx+%#llx",
			       (unsigned long long)at,
			       (unsigned long long)size);
	trace_dma_unmap(at, size);
	if (rc < 0 || u.length == size)
		return 0;
	return err_set(e, -EIO, "unmapped %#llx of %#llx bytes at %#llx",
		       (unsigned long long)u.length, (unsigned long long)size,
		       (unsigned long long)at);
}

/* -------- what the kernel says about the space -------- */

struct answer {
	uint64_t alignment; /* of a map's address and size */
	unsigned n;
	struct vfio_iova_range *range; /* answer_free */
};

static void answer_free(struct answer *a)
{
	free(a->range);
	a->range = NULL;
}

/* With room for @room ranges: 0, -EMSGSIZE and in a->n how many there are,
 * other errno. */
static int ask(const struct vfio_ioas *s, unsigned room, struct answer *a)
{
	struct iommu_iova_range *r = calloc(room, sizeof(*r));
	struct iommu_ioas_iova_ranges q = {
		.size = sizeof(q),
		.ioas_id = s->id,
		.num_iovas = room,
		.allowed_iovas = (uint64_t)(uintptr_t)r,
	};
	int rc = -ENOMEM;

	answer_free(a);
	a->range = calloc(room, sizeof(*a->range));
	if (r && a->range)
		rc = sys_ioctl(s->fd, IOMMU_IOAS_IOVA_RANGES, &q);
	a->n = q.num_iovas;
	a->alignment = q.out_iova_alignment;
	if (rc >= 0 && a->n > room)
		rc = -EMSGSIZE;
	for (unsigned i = 0; rc >= 0 && i < a->n; i++) {
		a->range[i].start = r[i].start;
		a->range[i].end = r[i].last;
	}
	free(r);
	return rc < 0 ? rc : 0;
}

/* *a is zeroed, and to be freed in any case. */
static int query(const struct vfio_ioas *s, struct answer *a, struct err *e)
{
	unsigned room = RANGES_FIRST;
	int rc = -EMSGSIZE;

	for (unsigned i = 0; i < RANGES_TRIES && rc == -EMSGSIZE; i++) {
		rc = ask(s, room, a);
		if (rc == -EMSGSIZE && (a->n <= room || a->n > RANGES_MAX))
			break;
		room = a->n;
	}
	return rc < 0 ? err_sys(e, rc, "IOMMU_IOAS_IOVA_RANGES failed") : 0;
}

int vfio_ioas_ranges(const struct vfio_ioas *s, struct range *out, unsigned n,
		     unsigned max, struct err *e)
{
	struct answer a = { .range = NULL };
	int rc = query(s, &a, e);

	if (rc >= 0)
		rc = vfio_iova_intersect(out, n, max, a.range, a.n, e);
	answer_free(&a);
	return rc;
}

int vfio_ioas_facts(const struct vfio_ioas *s, struct vfio_iommu_facts *f,
		    struct err *e)
{
	struct answer a = { .range = NULL };
	int rc = query(s, &a, e);

	answer_free(&a);
	if (rc < 0)
		return rc;
	f->page_sizes &= -a.alignment; /* every size from it on */
	f->spaces = 1; /* pinned once, however many share the pages */
	return 0;
}

/* vfio/dma.c - guest RAM becomes IOVA space
 *
 * What the guest calls physical address N the device calls N too, so a driver
 * in the guest needs to know nothing. All RAM is pinned, since a device cannot
 * wait for a page fault: hence the look at limits beforehand, where the
 * kernel's own answer would be a bare ENOMEM.
 *
 * Only RAM is mapped here: no ECAM, no interrupt windows, and BARs only where
 * p2p=on asks for it (peer.c). A function that writes elsewhere is stopped by
 * the IOMMU.
 */
#include "vfio/dma.h"

#include <inttypes.h>
#include <sys/resource.h>

#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/base/trace.h"

enum { MAX_RANGES = 64 };

/* -------- locked memory -------- */

int vfio_memlock_check(uint64_t bytes, struct err *e)
{
	struct rlimit l;
	int rc;

	if (sys_can_lock_memory())
		return 0;
	rc = sys_getrlimit(RLIMIT_MEMLOCK, &l);
	if (rc < 0)
		return err_sys(e, rc,
			       "cannot read the limit for locked memory");
	if (l.rlim_cur >= bytes)
		return 0;
	if (l.rlim_max >= bytes) {
		l.rlim_cur = l.rlim_max;
		if (sys_setrlimit(RLIMIT_MEMLOCK, &l) >= 0)
			return 0;
	}
	(void)err_set(e, -ENOMEM,
		      "%" PRIu64
		      " KiB of guest memory have to be locked for DMA, "
		      "the limit is %" PRIu64 " KiB",
		      bytes >> 10, (uint64_t)l.rlim_max >> 10);
	err_hint(e, "ulimit -l unlimited, LimitMEMLOCK=infinity for a service, "
		    "or the capability CAP_IPC_LOCK");
	return -ENOMEM;
}

/* -------- IOVA ranges -------- */

/* The first part of @r that no range covers: false if there is none. */
static bool find_hole(const struct range *ranges, unsigned n,
		      const struct ram *r, struct range *hole)
{
	uint64_t at = r->base, end = r->base + r->size;
	bool moved = true;

	while (moved && at < end) {
		moved = false;
		for (unsigned i = 0; i < n; i++) {
			if (!range_has(ranges[i].base, ranges[i].size, at))
				continue;
			at = ranges[i].base + ranges[i].size;
			moved = true;
		}
	}
	if (at >= end)
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (ranges[i].base > at && ranges[i].base < end)
			end = ranges[i].base;
	}
	*hole = (struct range){ at, end - at };
	return true;
}

/* Where translation ends for good. */
static uint64_t end_of(const struct range *ranges, unsigned n)
{
	uint64_t end = 0;

	for (unsigned i = 0; i < n; i++)
		if (ranges[i].base + ranges[i].size > end)
			end = ranges[i].base + ranges[i].size;
	return end;
}

/* @r does not end before @end, where the IOMMU does. */
static int refuse_width(const struct mem *m, const struct ram *r, uint64_t end,
			struct err *e)
{
	uint64_t fits = 0;

	for (unsigned i = 0; i < m->n_ram; i++) {
		const struct ram *one = &m->ram[i];

		if (one->base < end)
			fits += one->size < end - one->base ? one->size
							    : end - one->base;
	}
	(void)err_set(e, -ERANGE,
		      "guest RAM %#" PRIx64 " to %#" PRIx64 " is beyond the "
		      "IOMMU, which translates I/O addresses up to %#" PRIx64,
		      r->base, r->base + r->size - 1, end - 1);
	err_hint(e, "with this IOMMU the guest can have --mem %" PRIu64 "M",
		 fits >> 20);
	return -ERANGE;
}

static int refuse_hole(struct vfio_iommu *i, const struct ram *r,
		       const struct range *hole, struct err *e)
{
	int group = i->ops->blame(i, hole);

	(void)err_set(e, -ERANGE,
		      "guest RAM %#" PRIx64 " to %#" PRIx64 " needs I/O "
		      "addresses %#" PRIx64 " to %#" PRIx64 ", which the IOMMU "
		      "does not translate",
		      r->base, r->base + r->size - 1, hole->base,
		      hole->base + hole->size - 1);
	if (group >= 0)
		err_add(e, ": group %d reserves them", group);
	err_hint(e, "give the guest less RAM (--mem); "
		    "/sys/kernel/iommu_groups/*/reserved_regions lists what "
		    "is reserved");
	return -ERANGE;
}

int vfio_dma_check(struct vfio_iommu *i, const struct mem *m, struct err *e)
{
	struct range ranges[MAX_RANGES], hole;
	int n = i->ops->ranges(i, ranges, MAX_RANGES, e);
	uint64_t end;

	if (n <= 0)
		return n; /* a kernel before 5.4 does not say: mapping will */
	end = end_of(ranges, (unsigned)n);
	for (unsigned k = 0; k < m->n_ram; k++) {
		const struct ram *r = &m->ram[k];

		if (!find_hole(ranges, (unsigned)n, r, &hole))
			continue;
		return hole.base < end ? refuse_hole(i, r, &hole, e)
				       : refuse_width(m, r, end, e);
	}
	return 0;
}

/* -------- alignment and number -------- */

static int check_facts(struct vfio_dma *d, struct vfio_iommu_facts *f,
		       struct err *e)
{
	uint64_t page = sys_page_size();
	int rc = d->iommu->ops->facts(d->iommu, f, e);

	if (rc < 0)
		return rc;
	if (f->page_sizes != 0) {
		uint64_t smallest = f->page_sizes & -f->page_sizes;

		if (smallest > page)
			page = smallest;
	}
	for (unsigned i = 0; i < d->mem->n_ram; i++) {
		const struct ram *r = &d->mem->ram[i];

		if ((r->base | r->size | (uint64_t)(uintptr_t)r->hva) &
		    (page - 1))
			return err_set(e, -EINVAL,
				       "guest RAM at %#" PRIx64 " is not "
				       "aligned to the IOMMU's %" PRIu64
				       "-byte pages",
				       r->base, page);
	}
	if (f->maps_left >= d->mem->n_ram)
		return 0;
	(void)err_set(e, -ENOSPC,
		      "guest RAM has %u ranges, the IOMMU takes only %u more",
		      d->mem->n_ram, f->maps_left);
	err_hint(e, "raise the parameter vfio_iommu_type1.dma_entry_limit");
	return -ENOSPC;
}

/* -------- the listener -------- */

static int dma_add(struct mem_listener *l, const struct ram *r, struct err *e)
{
	struct vfio_dma *d = container_of(l, struct vfio_dma, listener);
	uint64_t began = sys_now_ns();
	int rc = d->iommu->ops->map(d->iommu, r->base, r, e);

	if (rc >= 0)
		maplog_ram(&d->iommu->log, r->base, r->size,
			   sys_now_ns() - began);
	return rc;
}

static void dma_remove(struct mem_listener *l, const struct ram *r)
{
	struct vfio_dma *d = container_of(l, struct vfio_dma, listener);
	struct err e = ERR_NONE;

	if (d->iommu->ops->unmap(d->iommu, r->base, r->size, &e) < 0)
		log_warn("vfio: %s", e.text);
	else
		maplog_unmapped(&d->iommu->log);
}

static const struct mem_listener_ops dma_listener_ops = {
	.add = dma_add,
	.remove = dma_remove,
};

static int dma_build(struct vfio_dma *d, struct err *e)
{
	struct vfio_iommu_facts f;
	int rc = check_facts(d, &f, e);

	if (rc < 0)
		return rc;
	/* each container pins, and accounts for, all of it */
	rc = vfio_memlock_check(mem_ram_size(d->mem) * f.spaces, e);
	if (rc < 0)
		return rc;
	rc = mem_listen(d->mem, &d->listener, e);
	if (rc < 0)
		return rc;
	d->listening = true;
	return 0;
}

int vfio_dma_open(struct vfio_dma *d, struct vfio_iommu *i, struct mem *m,
		  struct err *e)
{
	int rc;

	*d = (struct vfio_dma){
		.listener.ops = &dma_listener_ops,
		.iommu = i,
		.mem = m,
	};
	rc = dma_build(d, e);
	if (rc < 0) {
		vfio_dma_close(d);
		return rc;
	}
	return 0;
}

void vfio_dma_close(struct vfio_dma *d)
{
	if (d->listening)
		mem_unlisten(d->mem, &d->listener);
	d->listening = false;
}

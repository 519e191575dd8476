/* vfio/kernel.c - device ops on a VFIO device fd of the kernel
 *
 * Regions are stretches of the device fd, at offsets that only REGION_INFO
 * knows. Interrupts are eventfds that the kernel signals. The same whether the
 * fd came from a group or from iommufd.
 */
#include "vfio/kernel.h"

#include <assert.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "vfio/info.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/base/trace.h"

struct kernel_dev {
	struct vfio_dev dev;
	int fd;
	void (*released)(void *arg);
	void *arg;
	uint64_t offset[VFIO_PCI_NUM_REGIONS]; /* in the fd */
	uint32_t flags[VFIO_PCI_NUM_REGIONS];
};

static struct kernel_dev *kernel_of(struct vfio_dev *d)
{
	return container_of(d, struct kernel_dev, dev);
}

/* -------- regions -------- */

/* The kernel's list replaces the whole region, even if it is empty. */
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

static void find_areas(const struct kernel_dev *k, unsigned index,
		       const struct vfio_region_info *info, size_t size,
		       struct vfio_region *r)
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
	else /* a BAR smaller than a page: the kernel reserved the rest of it */
		r->area[r->n_areas++] =
			(struct range){ 0, align_up(r->size, sys_page_size()) };
	if (!areas_are_sane(r)) {
		log_warn("vfio: %s: region %u: the kernel's list of areas that "
			 "may be mapped makes no sense, so none is",
			 k->dev.name, index);
		r->n_areas = 0;
	}
}

static int kernel_region(struct vfio_dev *d, unsigned index,
			 struct vfio_region *out, struct err *e)
{
	struct kernel_dev *k = kernel_of(d);
	struct vfio_region r = { 0 };
	const struct vfio_region_info *info;
	void *buf;
	int rc;

	assert(index < VFIO_PCI_NUM_REGIONS);
	rc = vfio_info_query(k->fd, VFIO_DEVICE_GET_REGION_INFO,
			     "VFIO_DEVICE_GET_REGION_INFO",
			     sizeof(struct vfio_region_info), index, &buf, e);
	if (rc < 0)
		return err_in(e, rc, "region %u", index);
	info = buf;
	r.size = info->size;
	r.flags = info->flags;
	find_areas(k, index, info, (size_t)rc, &r);
	k->offset[index] = info->offset;
	k->flags[index] = info->flags;
	free(buf);
	*out = r;
	return 0;
}

static int short_or(ssize_t rc, unsigned n, const char *what, unsigned index,
		    uint64_t off, struct err *e)
{
	struct err scratch = ERR_NONE;

	if (rc == (ssize_t)n)
		return 0;
	if (!e)
		e = &scratch;
	if (rc < 0)
		return err_sys(e, (int)rc, "cannot %s region %u at %#llx", what,
			       index, (unsigned long long)off);
	return err_set(e, -ENODATA,
		       "cannot %s region %u at %#llx: %zd of %u bytes", what,
		       index, (unsigned long long)off, rc, n);
}

static int kernel_read(struct vfio_dev *d, unsigned index, uint64_t off,
		       void *buf, unsigned n, struct err *e)
{
	struct kernel_dev *k = kernel_of(d);

	return short_or(sys_pread(k->fd, buf, n, k->offset[index] + off), n,
			"read", index, off, e);
}

static int kernel_write(struct vfio_dev *d, unsigned index, uint64_t off,
			const void *buf, unsigned n, struct err *e)
{
	struct kernel_dev *k = kernel_of(d);

	return short_or(sys_pwrite(k->fd, buf, n, k->offset[index] + off), n,
			"write", index, off, e);
}

/* Huge entries in KVM's and the IOMMU's tables need host address and device
 * address to be equal modulo 2 MiB or 1 GiB. A BAR is naturally aligned, so
 * its offset stands in for the device address. Reserve more than is needed,
 * map inside, give the rest back. */
static int kernel_map(struct vfio_dev *d, unsigned index, uint64_t off,
		      uint64_t n, int prot, void **out, struct err *e)
{
	struct kernel_dev *k = kernel_of(d);
	uint64_t align = 1ull << (63 - __builtin_clzll(n));
	uint64_t head;
	void *room;
	uint8_t *at;
	int rc;

	if (align > 1ull << 30)
		align = 1ull << 30;
	rc = sys_mmap(n + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0,
		      &room);
	if (rc < 0)
		return err_sys(e, rc, "cannot reserve %#llx bytes of addresses",
			       (unsigned long long)(n + align));
	head = (off - (uint64_t)(uintptr_t)room) & (align - 1);
	at = (uint8_t *)room + head;
	rc = sys_mmap_fixed(at, n, prot, MAP_SHARED, k->fd,
			    k->offset[index] + off);
	if (rc < 0) {
		sys_munmap(room, n + align);
		return err_sys(e, rc, "cannot map region %u at %#llx", index,
			       (unsigned long long)off);
	}
	if (head != 0)
		sys_munmap(room, head);
	if (align - head != 0)
		sys_munmap(at + n, align - head);
	*out = at;
	return 0;
}

/* -------- interrupts -------- */

static int kernel_irq_info(struct vfio_dev *d, unsigned index,
			   struct vfio_irq_facts *out, struct err *e)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = index };
	struct err scratch = ERR_NONE;
	int rc = sys_ioctl(kernel_of(d)->fd, VFIO_DEVICE_GET_IRQ_INFO, &info);

	if (rc < 0)
		return err_sys(e ? e : &scratch, rc,
			       "cannot ask for interrupt index %u", index);
	out->count = info.count;
	out->flags = info.flags;
	return 0;
}

static int set_irqs(struct vfio_dev *d, const struct vfio_irq_set *s,
		    const int *fds, struct err *e)
{
	_Alignas(struct vfio_irq_set)
		uint8_t buf[sizeof(*s) + VFIO_MAX_VECTORS * sizeof(int32_t)];
	struct vfio_irq_set *full = (struct vfio_irq_set *)buf;
	unsigned n = fds ? s->count : 0;
	struct err scratch = ERR_NONE;
	int rc;

	*full = *s;
	full->argsz = (uint32_t)(sizeof(*s) + n * sizeof(int32_t));
	for (unsigned i = 0; i < n; i++) {
		int32_t fd = fds[i];

		memcpy(full->data + i * sizeof(fd), &fd, sizeof(fd));
	}
	rc = sys_ioctl(kernel_of(d)->fd, VFIO_DEVICE_SET_IRQS, full);
	if (rc < 0)
		return err_sys(e ? e : &scratch, rc,
			       "cannot set interrupts %u to %u of index "
			       "%u",
			       s->start, s->start + s->count, s->index);
	return rc;
}

static int kernel_irqs(struct vfio_dev *d, unsigned index, unsigned start,
		       unsigned n, const int *fds, struct err *e)
{
	struct vfio_irq_set s = {
		.flags = VFIO_IRQ_SET_ACTION_TRIGGER |
			 (fds ? VFIO_IRQ_SET_DATA_EVENTFD
			      : VFIO_IRQ_SET_DATA_NONE),
		.index = index,
		.start = fds ? start : 0,
		.count = fds ? n : 0,
	};

	assert(!fds || n <= VFIO_MAX_VECTORS);
	return set_irqs(d, &s, fds, e);
}

static int kernel_intx_mask(struct vfio_dev *d, struct err *e)
{
	struct vfio_irq_set s = {
		.flags = VFIO_IRQ_SET_ACTION_MASK | VFIO_IRQ_SET_DATA_NONE,
		.index = VFIO_PCI_INTX_IRQ_INDEX,
		.count = 1,
	};

	return set_irqs(d, &s, NULL, e);
}

static int kernel_intx_unmask(struct vfio_dev *d, int fd, struct err *e)
{
	struct vfio_irq_set s = {
		.flags = VFIO_IRQ_SET_ACTION_UNMASK |
			 (fd >= 0 ? VFIO_IRQ_SET_DATA_EVENTFD
				  : VFIO_IRQ_SET_DATA_NONE),
		.index = VFIO_PCI_INTX_IRQ_INDEX,
		.count = 1,
	};

	return set_irqs(d, &s, fd >= 0 ? &fd : NULL, e);
}

/* -------- reset and life -------- */

static int kernel_reset(struct vfio_dev *d, struct err *e)
{
	int rc = sys_ioctl_num(kernel_of(d)->fd, VFIO_DEVICE_RESET, 0);

	return rc < 0 ? err_sys(e, rc, "the function cannot be reset") : 0;
}

static void kernel_close(struct vfio_dev *d)
{
	struct kernel_dev *k = kernel_of(d);

	sys_close(&k->fd);
	if (k->released)
		k->released(k->arg);
	free(k);
}

static const struct vfio_dev_ops kernel_ops = {
	.region = kernel_region,
	.read = kernel_read,
	.write = kernel_write,
	.map = kernel_map,
	.irq_info = kernel_irq_info,
	.irqs = kernel_irqs,
	.intx_mask = kernel_intx_mask,
	.intx_unmask = kernel_intx_unmask,
	.reset = kernel_reset,
	.close = kernel_close,
};

static int kernel_build(struct kernel_dev *k, struct err *e)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	int rc = sys_ioctl(k->fd, VFIO_DEVICE_GET_INFO, &info);

	if (rc < 0)
		return err_sys(e, rc, "cannot ask what the device is");
	if (!(info.flags & VFIO_DEVICE_FLAGS_PCI) ||
	    info.num_regions <= VFIO_PCI_CONFIG_REGION_INDEX)
		return err_set(e, -EINVAL,
			       "is no PCI device to VFIO (flags %#x, %u "
			       "regions)",
			       info.flags, info.num_regions);
	k->dev.can_reset = info.flags & VFIO_DEVICE_FLAGS_RESET;
	k->dev.n_regions = info.num_regions;
	k->dev.n_irqs = info.num_irqs;
	return 0;
}

int vfio_kernel_open(int fd, const char *name, void (*released)(void *arg),
		     void *arg, struct vfio_dev **out, struct err *e)
{
	struct kernel_dev *k = calloc(1, sizeof(*k));
	int rc;

	if (!k) {
		sys_close(&fd);
		if (released)
			released(arg);
		return err_set(e, -ENOMEM, "out of memory");
	}
	*k = (struct kernel_dev){ .dev.ops = &kernel_ops,
				  .fd = fd,
				  .released = released,
				  .arg = arg };
	snprintf(k->dev.name, sizeof(k->dev.name), "%s", name);
	rc = kernel_build(k, e);
	if (rc < 0) {
		kernel_close(&k->dev);
		return rc;
	}
	*out = &k->dev;
	return 0;
}

/* tests/fakes/features.c - VFIO_DEVICE_FEATURE, and dma-bufs of BARs
 *
 * Rules are those of vfio_check_feature and drivers/vfio/pci/vfio_pci_dmabuf.c
 * of Linux 7.3, but that a dma-buf whose function stopped to decode stays
 * revoked: nobody may rely on its coming back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fakes/fake.h"

enum { DMA_BUF = 11 };

/* struct vfio_device_feature_dma_buf with one range */
struct make_file {
	uint32_t argsz, flags;
	uint32_t index, open_flags, file_flags, nr_ranges;
	uint64_t off, size;
};

struct dmabuf {
	struct obj o;
	struct device *d;
	uint64_t size;
};

static bool makes_dmabufs, lets_sleep;

void features_reset(void)
{
	makes_dmabufs = false;
	lets_sleep = false;
}

void fake_low_power(void)
{
	lets_sleep = true;
}

void fake_dmabufs(void)
{
	makes_dmabufs = true;
}

/* -------- dma-bufs -------- */

static void dmabuf_gone(struct obj *o)
{
	struct dmabuf *b = container_of(o, struct dmabuf, o);

	obj_release(&b->d->o);
	free(b);
}

static long make_dmabuf(struct device *d, const struct make_file *f)
{
	const struct region *r = &d->region[f->index % N_REGIONS];
	struct dmabuf *b;

	if (f->nr_ranges != 1 || f->file_flags != 0)
		return -EINVAL;
	if (f->index >= VFIO_PCI_ROM_REGION_INDEX || !r->mappable)
		return -ENODEV;
	if (f->size == 0 || (f->off | f->size) % FAKE_PAGE != 0 ||
	    !range_fits(0, r->size, f->off, f->size))
		return -EINVAL;
	b = xalloc(sizeof(*b));
	b->o = (struct obj){ KIND_DMABUF, 1, "dma-buf", -1, NULL, dmabuf_gone };
	b->d = d;
	b->size = f->size;
	obj_hold(&d->o);
	return fd_new(&b->o);
}

long dmabuf_map_check(const struct obj *file, uint64_t start, uint64_t size)
{
	const struct dmabuf *b = container_of(file, const struct dmabuf, o);

	if (!b->d->open || !config_memory_on(b->d))
		return -ENODEV;
	return range_fits(0, b->size, start, size) ? 0 : -EINVAL;
}

bool dmabuf_is_of(const struct obj *file, const struct device *d)
{
	return container_of(file, const struct dmabuf, o)->d == d;
}

/* -------- low power -------- */

/* The function sleeps at once, and is in D0 when it wakes:
 * vfio_pci_core_runtime_suspend. */
static long set_low_power(struct device *d, uint32_t flags, bool on)
{
	if (flags & VFIO_DEVICE_FEATURE_GET)
		return -EINVAL;
	if (flags & VFIO_DEVICE_FEATURE_PROBE)
		return 0;
	if (on && d->low_power)
		return -EINVAL;
	if (on && memory_shows_device(&d->o))
		misuse("pages of %s are shown while it may sleep", d->bdf);
	d->low_power = on;
	if (d->pci.pm_at)
		d->hw[d->pci.pm_at + 4] &= 0xfc;
	return 0;
}

bool fake_pci_sleeps(const char *bdf)
{
	bool yes = false;

	fake_lock();
	for (struct device *d = device_list(); d; d = d->next)
		yes |= strcmp(d->bdf, bdf) == 0 && d->low_power;
	fake_unlock();
	return yes;
}

/* -------- the ioctl -------- */

static long make_file_feature(struct device *d, const void *arg)
{
	const struct vfio_device_feature *f = arg;

	if (f->flags & VFIO_DEVICE_FEATURE_SET)
		return -EINVAL;
	if (f->flags & VFIO_DEVICE_FEATURE_PROBE)
		return 0;
	if (f->argsz < sizeof(struct make_file))
		return -EINVAL;
	return make_dmabuf(d, arg);
}

long device_feature(struct device *d, void *arg)
{
	const struct vfio_device_feature *f = arg;
	uint32_t which = f->flags & VFIO_DEVICE_FEATURE_MASK;

	if (d->pci.mediated)
		return -ENOTTY;
	if (f->argsz < sizeof(*f))
		return -EINVAL;
	if (which == DMA_BUF && makes_dmabufs)
		return make_file_feature(d, arg);
	if (lets_sleep && (which == VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY ||
			   which == VFIO_DEVICE_FEATURE_LOW_POWER_EXIT))
		return set_low_power(
			d, f->flags,
			which == VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY);
	return -ENOTTY;
}

/* tests/fakes/device.c - VFIO devices: info, regions, access
 *
 * Rules are those of drivers/vfio/pci/vfio_pci_{core,rdwr}.c of Linux 6.12,
 * but for the offsets of regions, which are not the kernel's on purpose:
 * programs must ask.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fakes/fake.h"

enum { CONFIG = VFIO_PCI_CONFIG_REGION_INDEX, ROM = VFIO_PCI_ROM_REGION_INDEX };

uint64_t device_offset(unsigned region)
{
	return (uint64_t)(region + 1) << OFFSET_SHIFT;
}

unsigned device_region_of(uint64_t off, uint64_t *in)
{
	*in = off & ((UINT64_C(1) << OFFSET_SHIFT) - 1);
	return (unsigned)(off >> OFFSET_SHIFT) - 1;
}

/* -------- life -------- */

static void device_closed(struct obj *o)
{
	struct device *d = container_of(o, struct device, o);

	irq_release(d);
	write_by_release(d);
	d->low_power = false;
	/* vfio_pci_core_disable: no bus master, and the state it had */
	memcpy(d->hw, d->reset_hw, sizeof(d->hw));
	config_init(d);
	d->open = false;
	if (d->through_cdev)
		cdev_closed(d);
	else
		d->group->n_open_devices--;
	d->through_cdev = false;
	obj_release(&d->group->o);
}

static int open_either(struct device *d, bool through_cdev)
{
	if (d->open) {
		misuse("%s was opened twice", d->bdf);
		return -EBUSY;
	}
	d->o.closed = device_closed;
	d->open = true;
	d->through_cdev = through_cdev;
	d->group->n_open_devices += !through_cdev;
	obj_hold(&d->group->o);
	obj_hold(&d->o);
	return fd_new(&d->o);
}

int device_open(struct device *d)
{
	return open_either(d, false);
}

int device_open_cdev(struct device *d)
{
	return open_either(d, true);
}

/* -------- info -------- */

static long device_info(const struct device *d, struct vfio_device_info *i)
{
	if (i->argsz < offsetof(struct vfio_device_info, cap_offset))
		return -EINVAL;
	i->flags = VFIO_DEVICE_FLAGS_PCI | (d->pci.no_reset || d->pci.mediated
						    ? 0
						    : VFIO_DEVICE_FLAGS_RESET);
	if (d->pci.no_pci)
		i->flags = VFIO_DEVICE_FLAGS_CCW;
	i->num_regions = N_REGIONS;
	i->num_irqs = N_IRQS;
	return 0;
}

static uint32_t region_flags(const struct device *d, unsigned index)
{
	const struct region *r = &d->region[index];

	if (index == CONFIG)
		return VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	if (r->size == 0)
		return 0;
	if (index == ROM)
		return VFIO_REGION_INFO_FLAG_READ;
	return (d->pci.bar[index].no_read ? 0 : VFIO_REGION_INFO_FLAG_READ) |
	       (d->pci.bar[index].no_write ? 0 : VFIO_REGION_INFO_FLAG_WRITE) |
	       (r->mappable ? VFIO_REGION_INFO_FLAG_MMAP : 0);
}

struct caps {
	uint8_t bytes[512];
	uint32_t used;
	uint32_t last; /* where the previous header is */
};

/* Append a capability whose struct begins with a header; offsets count from
 * the start of struct vfio_region_info. */
static void caps_add(struct caps *c, uint16_t id, const void *body, size_t n)
{
	const uint32_t base = sizeof(struct vfio_region_info);
	struct vfio_info_cap_header h = { id, 1, 0 };
	uint32_t at = base + c->used;

	if (c->used != 0)
		memcpy(c->bytes + c->last +
			       offsetof(struct vfio_info_cap_header, next),
		       &at, sizeof(at));
	c->last = c->used;
	memcpy(c->bytes + c->used, &h, sizeof(h));
	if (n != 0)
		memcpy(c->bytes + c->used + sizeof(h), body, n);
	c->used += (uint32_t)align_up(sizeof(h) + n, 8);
}

static void region_caps(const struct device *d, unsigned index, struct caps *c)
{
	uint8_t body[8 + sizeof(d->sparse)] = { 0 };

	if (index == 0 && d->n_sparse != 0) {
		le32_store(body, d->n_sparse);
		memcpy(body + 8, d->sparse, d->n_sparse * 16);
		caps_add(c, VFIO_REGION_INFO_CAP_SPARSE_MMAP, body,
			 8 + d->n_sparse * 16);
	}
	if (d->pci.msix.at && !d->pci.no_msix_mappable &&
	    index == d->pci.msix.table_bar && d->region[index].mappable)
		caps_add(c, VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, NULL, 0);
}

static long region_info(const struct device *d, struct vfio_region_info *i)
{
	struct caps c = { .used = 0 };
	uint32_t room = i->argsz;

	if (room < sizeof(*i) || i->index >= N_REGIONS ||
	    i->index == VFIO_PCI_VGA_REGION_INDEX)
		return -EINVAL;
	i->offset = device_offset(i->index);
	i->size = d->region[i->index].size;
	i->flags = region_flags(d, i->index);
	i->cap_offset = 0;
	region_caps(d, i->index, &c);
	i->argsz = sizeof(*i);
	if (c.used == 0)
		return 0;
	i->flags |= VFIO_REGION_INFO_FLAG_CAPS;
	i->argsz = (uint32_t)sizeof(*i) + c.used;
	if (room >= i->argsz) {
		i->cap_offset = sizeof(*i);
		memcpy((uint8_t *)i + sizeof(*i), c.bytes, c.used);
	}
	return 0;
}

static long irq_info(const struct device *d, struct vfio_irq_info *i)
{
	if (i->argsz < sizeof(*i) || i->index >= N_IRQS)
		return -EINVAL;
	if (d->pci.mediated && i->index != VFIO_PCI_INTX_IRQ_INDEX &&
	    i->index != VFIO_PCI_MSI_IRQ_INDEX)
		return -EINVAL;
	if (i->index == VFIO_PCI_ERR_IRQ_INDEX && d->express_at == 0)
		return -EINVAL;
	i->count = irq_count(d, i->index);
	i->flags = irq_flags(d, i->index);
	return 0;
}

long device_ioctl(struct device *d, unsigned long cmd, unsigned long arg)
{
	switch (cmd) {
	case VFIO_DEVICE_GET_INFO:
		return device_info(d, (void *)arg);
	case VFIO_DEVICE_GET_REGION_INFO:
		return region_info(d, (void *)arg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return irq_info(d, (void *)arg);
	case VFIO_DEVICE_SET_IRQS:
		return irq_set(d, (const void *)arg);
	case VFIO_DEVICE_IOEVENTFD:
		return write_by_set(d, (const void *)arg);
	case VFIO_DEVICE_RESET:
		return reset_function(d);
	case VFIO_DEVICE_GET_PCI_HOT_RESET_INFO:
		return reset_bus_info(d, (void *)arg);
	case VFIO_DEVICE_FEATURE:
		return device_feature(d, (void *)arg);
	case VFIO_DEVICE_PCI_HOT_RESET:
		return reset_bus(d, (const void *)arg);
	default:
		return -ENOTTY;
	}
}

/* -------- access through the fd -------- */

static ssize_t config_rw(struct device *d, uint8_t *buf, const uint8_t *data,
			 size_t n, uint64_t at)
{
	if (at >= d->config_size || n > d->config_size - at)
		return -EFAULT;
	if (data)
		config_write(d, (unsigned)at, data, (unsigned)n);
	for (size_t i = 0; buf && i < n; i++)
		buf[i] = config_read(d, (unsigned)(at + i));
	return (ssize_t)n;
}

/* Byte @at of BAR @index lies in the MSI-X table, which is out of reach. */
static bool is_table(const struct device *d, unsigned index, uint64_t at)
{
	return d->pci.msix.at && index == d->pci.msix.table_bar &&
	       range_has(d->pci.msix.table, d->pci.msix.vectors * 16u, at);
}

static ssize_t bar_rw(struct device *d, unsigned index, uint8_t *buf,
		      const uint8_t *data, size_t n, uint64_t at)
{
	const struct region *r = &d->region[index];
	uint8_t *hw = r->hw;

	if (at >= r->size)
		return -EINVAL;
	if (n > r->size - at)
		n = r->size - at;
	if (!d->pci.bar[index % 6].io && !config_memory_on(d))
		return -EIO;
	for (size_t i = 0; i < n; i++) {
		bool table = is_table(d, index, at + i);

		if (buf)
			buf[i] = table || d->gone == FAKE_ALL_ONES ? 0xff
								   : hw[at + i];
		else if (!table && d->gone != FAKE_ALL_ONES)
			hw[at + i] = data[i];
	}
	return (ssize_t)n;
}

/* pci_map_rom says where the image ends; the rest of the BAR reads ones. */
static ssize_t rom_read(struct device *d, uint8_t *buf, size_t n, uint64_t at)
{
	const struct region *r = &d->region[ROM];
	const uint8_t *hw = r->hw;
	uint64_t image = d->pci.rom_image ? d->pci.rom_image : r->size;

	if (!buf || at >= r->size)
		return -EINVAL;
	if (!config_memory_on(d))
		return -EIO;
	if (n > r->size - at)
		n = r->size - at;
	for (size_t i = 0; i < n; i++)
		buf[i] = at + i < image ? hw[at + i] : 0xff;
	return (ssize_t)n;
}

ssize_t device_rw(struct device *d, void *buf, const void *data, size_t n,
		  uint64_t off)
{
	uint64_t at;
	unsigned index = device_region_of(off, &at);

	if (d->through_cdev && !d->iommufd)
		return -EINVAL;
	if (d->gone == FAKE_EIO)
		return -EIO;
	reset_wake(d);
	if (d->gone == FAKE_SHORT)
		n /= 2;
	if (index == CONFIG)
		return config_rw(d, buf, data, n, at);
	if (index == ROM && d->region[ROM].hw)
		return rom_read(d, buf, n, at);
	if (index >= 6 || (buf && !d->region[index].hw))
		return -EINVAL;
	return bar_rw(d, index, buf, data, n, at);
}

long device_mmap(struct device *d, uint64_t off, uint64_t size, int *fd,
		 uint64_t *at)
{
	unsigned index = device_region_of(off, at);
	const struct region *r;

	if (index >= 6 || (d->through_cdev && !d->iommufd))
		return -EINVAL;
	r = &d->region[index];
	if (!r->mappable || !range_fits(0, align_up(r->size, FAKE_PAGE), *at,
					align_up(size, FAKE_PAGE)))
		return -EINVAL;
	*fd = r->memfd;
	return 0;
}

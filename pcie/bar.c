/* pcie/bar.c - base address registers: sizing, decoding, moving
 *
 * How it works. Sizing needs no code: the address bits below the BAR's size
 * are not writable, so a guest that writes ones reads back the mask. Decoding
 * is one function, desired(), from registers to "at which address, if any",
 * and one loop that brings the bus there. See bar.h.
 */
#include "pcie/bar.h"

#include <assert.h>
#include <linux/pci_regs.h>
#include <stdio.h>

#include "pcie/host.h"
#include "pcie/msix.h"
#include "pcie/trace.h"
#include "vmm/base/bytes.h"

static const struct region_ops bar_region_ops;

static unsigned register_of(unsigned index)
{
	return index == PCI_ROM_BAR ? PCI_ROM_ADDRESS
				    : PCI_BASE_ADDRESS_0 + 4 * index;
}

/* The bits below the address: type, or the enable bit of the ROM. */
static uint32_t address_mask(const struct pci_bar *b)
{
	if (b->index == PCI_ROM_BAR)
		return (uint32_t)PCI_ROM_ADDRESS_MASK;
	return b->kind == PCI_BAR_IO ? (uint32_t)PCI_BASE_ADDRESS_IO_MASK
				     : (uint32_t)PCI_BASE_ADDRESS_MEM_MASK;
}

static uint32_t type_bits(const struct pci_bar *b)
{
	uint32_t v = 0;

	if (b->index == PCI_ROM_BAR)
		return 0;
	if (b->kind == PCI_BAR_IO)
		return PCI_BASE_ADDRESS_SPACE_IO;
	if (b->kind == PCI_BAR_MEM64)
		v |= PCI_BASE_ADDRESS_MEM_TYPE_64;
	if (b->prefetchable)
		v |= PCI_BASE_ADDRESS_MEM_PREFETCH;
	return v;
}

static uint64_t smallest(const struct pci_bar *b)
{
	if (b->index == PCI_ROM_BAR)
		return 2048;
	return b->kind == PCI_BAR_IO ? 4 : 16;
}

static bool shape_is_legal(const struct pci_bar *b)
{
	if (b->index > PCI_ROM_BAR || !is_power_of_two(b->size) ||
	    b->size < smallest(b))
		return false;
	if (b->kind == PCI_BAR_MEM64)
		return b->index < PCI_BARS - 1;
	if (b->index == PCI_ROM_BAR && b->kind != PCI_BAR_MEM32)
		return false;
	return b->kind != PCI_BAR_NONE && b->size <= 1ull << 31;
}

void pci_bar_init(struct pci_device *d, unsigned index, enum pci_bar_kind kind,
		  bool prefetchable, uint64_t size)
{
	struct pci_bar *b = &d->bars[index];
	unsigned reg = register_of(index);
	uint32_t enable = index == PCI_ROM_BAR ? PCI_ROM_ADDRESS_ENABLE : 0;

	*b = (struct pci_bar){
		.kind = kind,
		.prefetchable = prefetchable,
		.size = size,
		.index = (uint8_t)index,
		.dev = d,
	};
	assert(shape_is_legal(b));
	snprintf(b->label, sizeof(b->label), "%s %s", d->name,
		 pci_bar_name(index, PCI_NAME));
	b->region.name = b->label;
	b->region.ops = &bar_region_ops;
	b->region.lock = &d->lock;
	b->region.size = size;
	pci_config_set(d, reg, 4, type_bits(b));
	pci_config_set_writable(d, reg, 4,
				((uint32_t)-size & address_mask(b)) | enable);
	if (kind == PCI_BAR_MEM64) {
		pci_config_set(d, reg + 4, 4, 0);
		pci_config_set_writable(d, reg + 4, 4, (uint32_t)(-size >> 32));
	}
}

uint64_t pci_bar_address(const struct pci_device *d, unsigned index)
{
	const struct pci_bar *b = &d->bars[index];
	unsigned reg = register_of(index);
	uint64_t at = pci_config_load(d, reg, 4) & address_mask(b);

	if (b->kind == PCI_BAR_MEM64)
		at |= (uint64_t)pci_config_load(d, reg + 4, 4) << 32;
	return at;
}

void pci_bar_assign(struct pci_device *d, unsigned index, uint64_t at)
{
	const struct pci_bar *b = &d->bars[index];
	unsigned reg = register_of(index);

	assert(b->kind != PCI_BAR_NONE && at % b->size == 0);
	pci_config_set(d, reg, 4, (uint32_t)at | type_bits(b));
	if (b->kind == PCI_BAR_MEM64)
		pci_config_set(d, reg + 4, 4, (uint32_t)(at >> 32));
}

/* -------- from registers to the bus -------- */

static bool inside(const struct range *w, const struct pci_bar *b, uint64_t at)
{
	return range_fits(w->base, w->size, at, b->size);
}

/* The bridge above and the board's apertures both let it through. The sizing
 * value, all ones, is above every aperture. VFIO-BAR-04, VFIO-BAR-05. */
static bool reachable(const struct pci_bar *b, uint64_t at)
{
	const struct pci_windows *w = &b->dev->upstream;
	const struct pci_apertures *ap = &b->dev->host->ap;

	if (b->kind == PCI_BAR_IO)
		return w->io_on && inside(&w->io, b, at) &&
		       inside(&ap->io, b, at);
	return w->mem_on &&
	       (inside(&w->mem, b, at) || inside(&w->pref, b, at)) &&
	       (inside(&ap->mem32, b, at) || inside(&ap->mem64, b, at));
}

static bool enabled(const struct pci_bar *b)
{
	const struct pci_device *d = b->dev;
	uint32_t command = pci_config_load(d, PCI_COMMAND, 2);

	if (b->kind == PCI_BAR_IO)
		return command & PCI_COMMAND_IO;
	if (b->index == PCI_ROM_BAR &&
	    !(pci_config_load(d, PCI_ROM_ADDRESS, 4) & PCI_ROM_ADDRESS_ENABLE))
		return false;
	return command & PCI_COMMAND_MEMORY;
}

/* Should it decode, and where? An address of 0 means not programmed. */
static bool desired(const struct pci_bar *b, uint64_t *at)
{
	if (b->kind == PCI_BAR_NONE || !b->dev->host || !b->dev->powered ||
	    !enabled(b))
		return false;
	*at = pci_bar_address(b->dev, b->index);
	return *at != 0 && reachable(b, *at);
}

static struct bus *bus_of(const struct pci_bar *b)
{
	struct vm *vm = b->dev->host->vm;

	return b->kind == PCI_BAR_IO ? &vm->pio : &vm->mmio;
}

static void waits(struct pci_bar *b, uint64_t at, const struct err *e)
{
	struct pci_device *d = b->dev;

	trace_bar_waits(b, e->text);
	if (!b->waiting || b->want != at)
		log_limited(&d->limit, LOG_WARN, "%s: no room at %#llx: %s",
			    b->label, (unsigned long long)at, e->text);
	b->want = at;
	pci_host_wait(d->host, &b->waiting, true);
}

static void map(struct pci_bar *b, uint64_t at)
{
	struct pci_device *d = b->dev;
	struct err e = ERR_NONE;

	b->region.base = at;
	if (bus_add(bus_of(b), &b->region, &e) < 0) {
		waits(b, at, &e);
		return;
	}
	pci_host_wait(d->host, &b->waiting, false);
	b->mapped = true;
	trace_bar_map(b, at);
	if (d->ops->bar_map)
		d->ops->bar_map(d, b->index, at);
}

static void unmap(struct pci_bar *b)
{
	struct pci_device *d = b->dev;

	if (!b->mapped)
		return;
	trace_bar_unmap(b);
	if (d->ops->bar_unmap)
		d->ops->bar_unmap(d, b->index);
	bus_remove(bus_of(b), &b->region);
	b->mapped = false;
}

void pci_bars_update(struct pci_device *d)
{
	uint64_t at = 0;

	/* All away before any is mapped: two BARs may swap places. */
	for (unsigned i = 0; i < ARRAY_LEN(d->bars); i++) {
		struct pci_bar *b = &d->bars[i];

		if (!desired(b, &at)) {
			unmap(b);
			if (d->host)
				pci_host_wait(d->host, &b->waiting, false);
		} else if (b->mapped && b->region.base != at) {
			unmap(b);
		}
	}
	for (unsigned i = 0; i < ARRAY_LEN(d->bars); i++)
		if (!d->bars[i].mapped && desired(&d->bars[i], &at))
			map(&d->bars[i], at);
}

void pci_bars_unmap(struct pci_device *d)
{
	for (unsigned i = 0; i < ARRAY_LEN(d->bars); i++) {
		unmap(&d->bars[i]);
		if (d->host)
			pci_host_wait(d->host, &d->bars[i].waiting, false);
	}
}

bool pci_bars_waiting(const struct pci_device *d)
{
	for (unsigned i = 0; i < ARRAY_LEN(d->bars); i++)
		if (d->bars[i].waiting)
			return true;
	return false;
}

/* -------- accesses that trap -------- */

static uint64_t read_piece(struct pci_bar *b, uint64_t off, unsigned len)
{
	struct pci_device *d = b->dev;

	if (d->msix && msix_owns(d->msix, b->index, off, len))
		return msix_read(d->msix, b->index, off, len);
	if (!d->ops->bar_read)
		return all_ones(len);
	return d->ops->bar_read(d, b->index, off, len) & all_ones(len);
}

static uint64_t bar_read(struct region *r, uint64_t off, unsigned len)
{
	struct pci_bar *b = container_of(r, struct pci_bar, region);
	uint64_t v = 0;
	unsigned n;

	assert(len <= 8);
	/* A late access: the BAR left the bus while this vCPU was on its way.
	 */
	if (!b->mapped)
		return all_ones(len);
	for (unsigned done = 0; done < len; done += n) {
		n = pci_piece(off + done, len - done, 8);
		traps_read(&b->traps, off + done);
		v |= read_piece(b, off + done, n) << (8 * done);
	}
	return v;
}

static void write_piece(struct pci_bar *b, uint64_t off, unsigned len,
			uint64_t v)
{
	struct pci_device *d = b->dev;

	v &= all_ones(len);
	if (d->msix && msix_owns(d->msix, b->index, off, len))
		msix_write(d->msix, b->index, off, len, v);
	else if (d->ops->bar_write)
		d->ops->bar_write(d, b->index, off, len, v);
}

static void bar_write(struct region *r, uint64_t off, unsigned len, uint64_t v)
{
	struct pci_bar *b = container_of(r, struct pci_bar, region);
	unsigned n;

	/* A piece may have moved the BAR, where its registers lead to config
	 * space. */
	for (unsigned done = 0; done < len && b->mapped; done += n) {
		n = pci_piece(off + done, len - done, 8);
		traps_write(&b->traps, off + done);
		write_piece(b, off + done, n, v >> (8 * done));
	}
}

static const struct region_ops bar_region_ops = {
	.read = bar_read,
	.write = bar_write,
};

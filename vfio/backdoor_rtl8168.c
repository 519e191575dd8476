/* vfio/backdoor_rtl8168.c - the MSI-X table behind two registers of an RTL8168
 *
 * ERIDR and ERIAR, at 0x70 and 0x74, are data and address of registers that
 * the chip has behind them (Linux: r8169_main.c, ERIAR_...). The type of these
 * is in bits 30:16 of the address, and type 1 is the MSI-X table; bits 11:0 are
 * the offset. With bit 31 set, the write of the address writes the data, and
 * the bit falls when that is done; without, it reads, and the bit rises.
 *
 * Type 1 ends at the guest's table. The others go to the device: data and
 * address are always what the guest wrote last, so they are passed on as well,
 * except an address of type 1, and none is ever left to a shortcut, which would
 * not tell us. It is slow that all registers of this BAR trap for that.
 *
 * Not modelled: the byte enables in bits 15:12; entries of the table are dwords
 * to this chip's drivers.
 */
#include "vfio/internal.h"
#include "vfio/trace.h"

enum {
	VENDOR_REALTEK = 0x10ec,
	DEVICE_RTL8168 = 0x8168,
	DATA = 0,
	ADDRESS = 4,
	TYPE = 0x7fff0000,
	TYPE_MSIX = 0x00010000,
	OFFSET = 0xffc,
};
#define ADDRESS_WRITE UINT32_C(0x80000000)

bool vfio_rtl8168_applies(const struct vfio_device *d)
{
	return le16_load(d->seen + PCI_VENDOR_ID) == VENDOR_REALTEK &&
	       le16_load(d->seen + PCI_DEVICE_ID) == DEVICE_RTL8168;
}

/* The dword of the guest's table that is selected. False: there is none. */
static bool entry(const struct vfio_device *d, uint64_t *off)
{
	const struct msix *x = &d->irqs.msix;

	*off = x->table_off + (d->rtl8168.address & OFFSET);
	return d->irqs.has_msix && msix_owns(x, x->table_bar, *off, 4);
}

static uint32_t table_read(struct vfio_device *d)
{
	struct msix *x = &d->irqs.msix;
	uint64_t off;

	return entry(d, &off) ? (uint32_t)msix_read(x, x->table_bar, off, 4)
			      : UINT32_MAX;
}

static void table_write(struct vfio_device *d)
{
	struct msix *x = &d->irqs.msix;
	uint64_t off;

	if (entry(d, &off))
		msix_write(x, x->table_bar, off, 4, d->rtl8168.data);
}

bool vfio_rtl8168_read(struct vfio_device *d, const struct vfio_backdoor *b,
		       unsigned off, unsigned len, uint64_t *out)
{
	uint64_t both;

	if (!d->rtl8168.selected)
		return false;
	both = (uint64_t)(d->rtl8168.address ^ ADDRESS_WRITE) << 32;
	if (pci_touches(off, len, DATA, 4))
		both |= table_read(d);
	*out = both >> (8 * off) & all_ones(len);
	return true;
}

static bool write_address(struct vfio_device *d, uint32_t v)
{
	struct vfio_rtl8168 *r = &d->rtl8168;

	r->selected = (v & TYPE) == TYPE_MSIX;
	r->address = v;
	if (r->selected && (v & ADDRESS_WRITE))
		table_write(d);
	return r->selected;
}

/* All of it, or bytes. */
static void write_data(struct vfio_device *d, unsigned off, unsigned len,
		       uint64_t v)
{
	uint64_t mask = all_ones(len) << (8 * off);
	uint64_t old = d->rtl8168.data;

	d->rtl8168.data = (uint32_t)((old & ~mask) | (v << (8 * off) & mask));
}

bool vfio_rtl8168_write(struct vfio_device *d, const struct vfio_backdoor *b,
			unsigned off, unsigned len, uint64_t v)
{
	if (len == 4 && off == ADDRESS)
		return write_address(d, (uint32_t)v);
	if (len <= 4 && off < ADDRESS) {
		write_data(d, off, len, v);
		return false;
	}
	/* An address in pieces, or along with the data: no driver does it, and
	 * it could pass by us. */
	trace_vfio_guest(vfio_name(d), "crooked write of ERIAR", b->at + off);
	return true;
}

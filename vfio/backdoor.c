/* vfio/backdoor.c - registers in a BAR that lead to what we emulate
 *
 * See backdoor.h. Not modelled: the windows of VGA's legacy ports, which no
 * guest is given; those of AMD cards in BAR 2 and BAR 4, and of NVIDIA's in I/O
 * BAR 5 (address and data of BAR 0's registers, at 8 and 12), which only code
 * for these ports uses; the registers of an RTL8168 in its I/O BAR. A guest
 * that looks for the host's addresses finds them there.
 */
#include "vfio/internal.h"

static const struct vfio_backdoor backdoors[] = {
	{ "a copy of config space", 0, 0x1800, PCI_CONFIG_SIZE,
	  vfio_nvidia_applies, vfio_nvidia_read, vfio_nvidia_write,
	  vfio_nvidia_unwatched },
	{ "a copy of config space", 0, 0x88000, PCIE_CONFIG_SIZE,
	  vfio_nvidia_applies, vfio_nvidia_read, vfio_nvidia_write,
	  vfio_nvidia_unwatched },
	{ "a copy of config space", 0, 0x92000, PCIE_CONFIG_SIZE,
	  vfio_nvidia_applies, vfio_nvidia_read, vfio_nvidia_write,
	  vfio_nvidia_unwatched },
	{ "a window to the MSI-X table", 2, 0x70, 8, vfio_rtl8168_applies,
	  vfio_rtl8168_read, vfio_rtl8168_write, NULL },
};

static bool is_there(const struct vfio_device *d, unsigned bar,
		     const struct vfio_backdoor *b)
{
	const struct pci_bar *p = &d->pci.bars[bar];

	return b->bar == bar && p->kind != PCI_BAR_NONE &&
	       p->kind != PCI_BAR_IO &&
	       range_fits(0, d->bar[bar].region.size, b->at, b->size) &&
	       b->applies(d);
}

const struct vfio_backdoor *vfio_backdoor_next(const struct vfio_device *d,
					       unsigned bar,
					       const struct vfio_backdoor *last)
{
	size_t i = last ? (size_t)(last - backdoors) + 1 : 0;

	for (; i < ARRAY_LEN(backdoors); i++) {
		if (is_there(d, bar, &backdoors[i]))
			return &backdoors[i];
	}
	return NULL;
}

static const struct vfio_backdoor *
find(const struct vfio_device *d, unsigned bar, uint64_t off, unsigned len)
{
	const struct vfio_backdoor *b = NULL;

	do
		b = vfio_backdoor_next(d, bar, b);
	while (b && !range_fits(b->at, b->size, off, len));
	return b;
}

bool vfio_backdoor_read(struct vfio_device *d, unsigned bar, uint64_t off,
			unsigned len, uint64_t *out)
{
	const struct vfio_backdoor *b = find(d, bar, off, len);

	return b && b->read(d, b, (unsigned)(off - b->at), len, out);
}

bool vfio_backdoor_write(struct vfio_device *d, unsigned bar, uint64_t off,
			 unsigned len, uint64_t v)
{
	const struct vfio_backdoor *b = find(d, bar, off, len);

	return b && b->write(d, b, (unsigned)(off - b->at), len, v);
}

bool vfio_backdoor_unwatched(const struct vfio_device *d, unsigned bar,
			     uint64_t off, unsigned len)
{
	const struct vfio_backdoor *b = find(d, bar, off, len);

	return !b ||
	       (b->unwatched && b->unwatched(d, (unsigned)(off - b->at), len));
}

void vfio_backdoor_reset(struct vfio_device *d)
{
	d->rtl8168 = (struct vfio_rtl8168){ 0 };
}

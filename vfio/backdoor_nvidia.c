/* vfio/backdoor_nvidia.c - config space in BAR 0 of NVIDIA's graphics chips
 *
 * Up to NV3x it is at 0x1800, then at 0x88000, with the extended part, and
 * since Hopper at 0x92000 (Linux: nouveau's nvkm/subdev/pci, cfg.addr of
 * nv04.c, nv40.c, gh100.c). Which it is here, a chip says itself: the first
 * dword there is its IDs, or this is something else and goes to the device.
 *
 * Drivers acknowledge each MSI by a write to the copy: to the ID of the MSI
 * capability, a byte that is read-only in config space, or, later, to 0x704,
 * which no capability owns (nv40.c and gf100.c, msi_rearm). So a write to the
 * former has to reach the copy itself. And as nobody emulates what no
 * capability owns, that goes there too, and may be made without us from then
 * on, see shortcut.c.
 *
 * Not modelled: a copy of the config space of the card's other functions. BARs
 * of other functions that wait for room which a write to the copy makes, wait
 * for the next write to anyone's config space.
 */
#include "vfio/internal.h"

enum { VENDOR_NVIDIA = 0x10de, CLASS_VGA = 0x0300, CLASS_3D = 0x0302 };

bool vfio_nvidia_applies(const struct vfio_device *d)
{
	unsigned class = le16_load(d->seen + PCI_CLASS_DEVICE);

	return le16_load(d->seen + PCI_VENDOR_ID) == VENDOR_NVIDIA &&
	       (class == CLASS_VGA || class == CLASS_3D);
}

static bool is_copy(struct vfio_device *d, const struct vfio_backdoor *b)
{
	uint8_t id[4];

	return d->dev->ops->read(d->dev, b->bar, b->at, id, sizeof(id), NULL) >=
		       0 &&
	       le32_load(id) == le32_load(d->seen + PCI_VENDOR_ID);
}

bool vfio_nvidia_read(struct vfio_device *d, const struct vfio_backdoor *b,
		      unsigned off, unsigned len, uint64_t *out)
{
	uint64_t v = 0;
	unsigned n;

	if (!is_copy(d, b) || vfio_policy_is_gap(d, off, len))
		return false;
	for (unsigned done = 0; done < len; done += n) {
		n = pci_piece(off + done, len - done, 4);
		v |= (uint64_t)pci_config_read_held(&d->pci, off + done, n)
		     << (8 * done);
	}
	*out = v;
	return true;
}

static bool acknowledges(const struct vfio_device *d, unsigned off,
			 unsigned len)
{
	return d->msi_at && range_fits(d->msi_at, PCI_MSI_FLAGS, off, len);
}

/* Never by what the chip says now: it may say otherwise later, when nobody
 * asks. */
bool vfio_nvidia_unwatched(const struct vfio_device *d, unsigned off,
			   unsigned len)
{
	return vfio_policy_is_gap(d, off, len) || acknowledges(d, off, len);
}

bool vfio_nvidia_write(struct vfio_device *d, const struct vfio_backdoor *b,
		       unsigned off, unsigned len, uint64_t v)
{
	unsigned n;

	if (vfio_nvidia_unwatched(d, off, len) || !is_copy(d, b))
		return false;
	/* The first half may switch off what the second goes through. */
	for (unsigned done = 0; done < len; done += n) {
		n = pci_piece(off + done, len - done, 4);
		pci_config_write_held(&d->pci, off + done, n,
				      (uint32_t)(v >> (8 * done)));
	}
	return true;
}

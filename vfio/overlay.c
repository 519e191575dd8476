/* vfio/overlay.c - config accesses, merged from our bytes and the device's
 *
 * A read goes to the device only if some bit of it is not emulated, with the
 * guest's width and offset, and is then merged:
 *
 *     guest = (ours & emu) | (device & ~emu)
 *
 * A write changes our bytes through their masks, and goes to the device for
 * bytes whose class is PASS: as one access of the guest's width if all of them
 * pass, which is nearly always so. Nothing is read back and written again,
 * since the device has bits that a write of one clears.
 *
 * A few registers need an order between the device and our maps; they have a
 * hook each: command here, PMCSR in power.c, "initiate FLR" in reset.c.
 *
 * Not modelled: a limit on how often the guest may read VPD, which the host
 * can take 125 ms to answer. It holds up the guest's vCPU and this function,
 * nothing else.
 */
#include <assert.h>

#include "vfio/internal.h"
#include "vfio/trace.h"

/* -------- the device's own registers -------- */

int vfio_config_get(struct vfio_device *d, unsigned off, unsigned len,
		    uint32_t *out)
{
	uint8_t buf[4];
	int rc;

	if (d->asleep) {
		*out = (uint32_t)le_load(d->slept + off, len);
		return 0;
	}
	rc = d->dev->ops->read(d->dev, VFIO_PCI_CONFIG_REGION_INDEX, off, buf,
			       len, NULL);
	if (rc < 0) {
		vfio_suspect(d);
		return rc;
	}
	*out = (uint32_t)le_load(buf, len);
	trace_vfio_read(vfio_name(d), off, len, *out);
	return 0;
}

int vfio_config_put(struct vfio_device *d, unsigned off, unsigned len,
		    uint32_t v)
{
	uint8_t buf[4];
	int rc;

	vfio_power_wake(d);
	le_store(buf, len, v);
	trace_vfio_write(vfio_name(d), off, len, v);
	rc = d->dev->ops->write(d->dev, VFIO_PCI_CONFIG_REGION_INDEX, off, buf,
				len, NULL);
	if (rc < 0)
		vfio_suspect(d);
	return rc;
}

/* -------- reads -------- */

/* Registers that are never all ones in a function that answers: IDs, command
 * and status. */
static bool cannot_be_ones(unsigned off, unsigned len)
{
	return len >= 2 && off < PCI_CLASS_REVISION;
}

uint32_t vfio_overlay_read(struct pci_device *p, unsigned off, unsigned len)
{
	struct vfio_device *d = vfio_of(p);
	uint32_t emu = (uint32_t)le_load(d->emu + off, len);
	uint32_t ones, v = 0;

	assert(len != 0);
	ones = (uint32_t)all_ones(len);
	if (!vfio_alive(d))
		return ones;
	if (emu != ones && vfio_config_get(d, off, len, &v) < 0)
		return ones;
	if (emu != ones && v == ones && cannot_be_ones(off, len))
		vfio_suspect(d);
	return (pci_config_load(p, off, len) & emu) | (v & ~emu);
}

/* -------- writes -------- */

/* How many of the @n bytes at @off pass, from the first on. */
static unsigned passing(const struct vfio_device *d, unsigned off, unsigned n)
{
	unsigned i = 0;

	while (i < n && d->klass[off + i] == VFIO_PASS)
		i++;
	return i;
}

int vfio_config_forward_by(int (*put)(struct vfio_device *d, unsigned off,
				      unsigned len, uint32_t v),
			   struct vfio_device *d, unsigned off, unsigned len,
			   uint32_t v)
{
	unsigned done = 0;

	while (done < len) {
		unsigned at = off + done;
		unsigned n = passing(d, at, len - done);
		unsigned piece = n >= 4 ? 4 : n >= 2 ? 2 : 1;
		int rc = 0;

		if (at % piece != 0)
			piece = 1;
		if (n != 0)
			rc = put(d, at, piece,
				 v >> (8 * done) & (uint32_t)all_ones(piece));
		if (rc < 0)
			return rc;
		done += piece;
	}
	return 0;
}

int vfio_config_forward(struct vfio_device *d, unsigned off, unsigned len,
			uint32_t v)
{
	return vfio_config_forward_by(vfio_config_put, d, off, len, v);
}

/* Decode that goes off: unmap, then tell the device, whose driver takes the
 * pages away from under our maps. Decode that goes on: the other way round.
 * drivers/vfio/pci/vfio_pci_config.c, vfio_basic_config_write. */
static void command_write(struct vfio_device *d, unsigned off, unsigned len,
			  uint32_t v)
{
	const uint32_t decode = PCI_COMMAND_MEMORY | PCI_COMMAND_IO;
	struct pci_device *p = &d->pci;
	uint32_t old = pci_config_load(p, PCI_COMMAND, 2);
	uint32_t want;

	pci_config_store(p, off, len, v);
	want = pci_config_load(p, PCI_COMMAND, 2);
	pci_config_set(p, PCI_COMMAND, 2, old & (want | ~decode));
	if (old & ~want & decode)
		pci_bars_update(p);
	/* if the device did not hear it, its pages are not there */
	if (vfio_config_forward(d, off, len, v) < 0)
		want &= old | ~decode;
	pci_config_set(p, PCI_COMMAND, 2, want);
	pci_config_changed(p, off, len);
}

void vfio_overlay_write(struct pci_device *p, unsigned off, unsigned len,
			uint32_t v)
{
	struct vfio_device *d = vfio_of(p);

	if (!vfio_alive(d))
		return;
	d->touched = true;
	if (vfio_is_flr(d, off, len, v)) {
		vfio_flr(d, off, len, v);
	} else if (pci_touches(off, len, PCI_COMMAND, 2)) {
		command_write(d, off, len, v);
	} else if (d->pm && pci_touches(off, len, d->pm + PCI_PM_CTRL, 1)) {
		vfio_power_write(d, off, len, v);
	} else {
		(void)vfio_config_forward(d, off, len, v);
		pci_config_store(p, off, len, v);
		pci_config_changed(p, off, len);
	}
}

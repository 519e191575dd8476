/* vfio/power.c - D-states
 *
 * Outside of D0 a function decodes no memory, and vfio-pci takes its pages
 * away from our maps (vfio_lock_and_set_power_state). So pages are hidden
 * before the function leaves D0 and shown after it is back, which its own
 * register has to confirm: the kernel ignores transitions that cannot be.
 * Only the state itself is forwarded; no wake-up event reaches the guest.
 */
#include "vfio/internal.h"
#include "vfio/trace.h"

enum { D0 = 0, D3HOT = 3 };

static unsigned real_state(struct vfio_device *d)
{
	uint32_t v;

	if (vfio_config_get(d, d->pm + PCI_PM_CTRL, 1, &v) < 0)
		return D3HOT;
	return v & PCI_PM_CTRL_STATE_MASK;
}

static bool soft_resets(const struct vfio_device *d)
{
	return !(d->seen[d->pm + PCI_PM_CTRL] & PCI_PM_CTRL_NO_SOFT_RESET);
}

/* A function without NoSoftRst loses its registers on the way D3hot to D0,
 * PCIe 6.2 5.3.1.4.1, but vfio-pci brings back what it saved: the device's
 * own command register says which of the two happened. */
static void recall_command(struct vfio_device *d)
{
	const uint32_t ours = PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
			      PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE;
	uint32_t shadow = pci_config_load(&d->pci, PCI_COMMAND, 2);
	uint32_t v;

	if (vfio_config_get(d, PCI_COMMAND, 2, &v) < 0)
		v = 0;
	pci_config_set(&d->pci, PCI_COMMAND, 2,
		       (shadow & ~ours) | (shadow & v & ours));
}

void vfio_power_write(struct vfio_device *d, unsigned off, unsigned len,
		      uint32_t v)
{
	unsigned at = d->pm + PCI_PM_CTRL;
	unsigned asked = v >> (8 * (at - off)) & PCI_PM_CTRL_STATE_MASK;
	bool was_off = !d->pci.powered;
	unsigned is;

	if (asked != D0) {
		d->pci.powered = false;
		pci_bars_update(&d->pci);
	}
	(void)vfio_config_forward(d, off, len, v);
	pci_config_store(&d->pci, off, len, v);
	is = real_state(d);
	trace_vfio_power(vfio_name(d), asked, is);
	if (is == D0 && was_off && soft_resets(d))
		recall_command(d);
	d->pci.powered = is == D0;
	pci_bars_update(&d->pci);
}

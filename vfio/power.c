/* vfio/power.c - D-states
 *
 * Outside of D0 a function decodes no memory, and vfio-pci takes its pages
 * away from our maps (vfio_lock_and_set_power_state). So pages are hidden
 * before the function leaves D0 and shown after it is back, which its own
 * register has to confirm: the kernel ignores transitions that cannot be.
 * Only the state itself is forwarded; no wake-up event reaches the guest.
 *
 * Low power. D3hot alone saves little: real savings come when the host may
 * suspend the function, and with it the port above, down to D3cold. With
 * low-power=on it may, for as long as the guest has the function in D3hot:
 *
 *     guest writes D3hot      pages hidden, D3hot forwarded, config space
 *                             copied, the host's leave given
 *     guest reads             the copy answers, the function sleeps on
 *     guest writes, a reset   the leave taken back; that wakes it, in D0, so
 *                             D3hot again; then the write
 *     guest writes D0         the same, then D0
 *
 * The function keeps its registers: the host's PCI core saves and restores
 * them around its sleep. Whoever else looks at it (lspci on the host) wakes it
 * for a moment, which the guest does not notice.
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

/* -------- low power: VFIO-PM-04 -------- */

void vfio_power_check(struct vfio_device *d)
{
	const struct vfio_dev_ops *ops = d->dev->ops;
	struct err e = ERR_NONE;

	if (!d->opt.low_power)
		return;
	d->opt.low_power = false;
	if (!d->pm)
		(void)err_set(&e, -ENOTSUP, "the function has no D3hot");
	else if (!ops->low_power)
		(void)err_set(&e, -ENOTSUP, "no kernel suspends it");
	else if (ops->low_power(d->dev, VFIO_LOW_POWER_OFFERED, &e) >= 0)
		d->opt.low_power = true;
	if (!d->opt.low_power)
		log_warn("vfio: %s: low-power=on has no effect: %s",
			 vfio_name(d), e.text);
}

/* It is in D3hot, and nothing of it is shown. */
static void fall_asleep(struct vfio_device *d)
{
	struct err e = ERR_NONE;
	int rc = d->dev->ops->read(d->dev, VFIO_PCI_CONFIG_REGION_INDEX, 0,
				   d->slept, d->pci.config_size, &e);

	if (rc >= 0)
		rc = d->dev->ops->low_power(d->dev, VFIO_LOW_POWER_ENTER, &e);
	trace_vfio_sleep(vfio_name(d), rc < 0 ? e.text : "may sleep");
	if (rc < 0)
		log_limited(&d->power_limit, LOG_WARN,
			    "vfio: %s: it stays awake in D3hot: %s",
			    vfio_name(d), e.text);
	d->asleep = rc >= 0;
}

void vfio_power_wake(struct vfio_device *d)
{
	struct err e = ERR_NONE;

	if (!d->asleep)
		return;
	d->asleep = false;
	if (d->dev->ops->low_power(d->dev, VFIO_LOW_POWER_LEAVE, &e) < 0)
		log_limited(&d->power_limit, LOG_WARN,
			    "vfio: %s: cannot wake it: %s", vfio_name(d),
			    e.text);
	trace_vfio_sleep(vfio_name(d), "woken");
	(void)vfio_config_put(d, d->pm + PCI_PM_CTRL, 1, D3HOT);
}

/* -------- PMCSR -------- */

void vfio_power_write(struct vfio_device *d, unsigned off, unsigned len,
		      uint32_t v)
{
	unsigned at = d->pm + PCI_PM_CTRL;
	unsigned asked = v >> (8 * (at - off)) & PCI_PM_CTRL_STATE_MASK;
	bool was_off = !d->pci.powered;
	unsigned is;

	vfio_costly(d);
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
	if (is == D3HOT && asked == D3HOT && d->opt.low_power)
		fall_asleep(d);
}

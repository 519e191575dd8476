/* vfio/reset.c - one function, before, during and after its reset
 *
 * Around every reset, in this order: interrupts off, pages hidden, decode and
 * bus mastering off, D0; the reset; a look whether it answers and is the same
 * as before; then all our copies as they were when the function was opened,
 * zeroes into VFIO's BARs, INTx armed again. The kernel saves and restores
 * config space around its own reset, so what was not switched off before would
 * be back on after (pci_dev_save_and_disable).
 *
 * Which reset it is: ladder.c. Who waits for it: reset_job.c. What sleeps is
 * called from there without the function's lock, and touches nothing of the
 * function but its registers.
 */
#include <stdio.h>
#include <string.h>

#include "vfio/internal.h"
#include "vfio/trace.h"
#include "vmm/base/sys.h"

enum {
	RESET_TRIES = 10,
	RESET_WAIT_MS = 20,
	D0_TRIES = 10,
	D0_WAIT_MS = 10,
	READY_TRIES = 100, /* PCIe 6.2 6.6.1 gives it a second */
	READY_WAIT_MS = 10
};

/* -------- its registers, past the lock -------- */

static int peek(struct vfio_device *d, unsigned off, unsigned len,
		uint32_t *out)
{
	uint8_t buf[4];
	int rc = d->dev->ops->read(d->dev, VFIO_PCI_CONFIG_REGION_INDEX, off,
				   buf, len, NULL);

	if (rc < 0)
		return rc;
	*out = (uint32_t)le_load(buf, len);
	trace_vfio_read(vfio_name(d), off, len, *out);
	return 0;
}

static int poke(struct vfio_device *d, unsigned off, unsigned len, uint32_t v)
{
	uint8_t buf[4];

	le_store(buf, len, v);
	trace_vfio_write(vfio_name(d), off, len, v);
	return d->dev->ops->write(d->dev, VFIO_PCI_CONFIG_REGION_INDEX, off,
				  buf, len, NULL);
}

/* -------- before -------- */

void vfio_reset_quiet(struct vfio_device *d)
{
	vfio_power_wake(d);
	vfio_irqs_quiesce(d);
	pci_bars_unmap(&d->pci);
	pci_config_set(&d->pci, PCI_COMMAND, 2, 0);
	(void)vfio_config_put(d, PCI_COMMAND, 2, 0);
}

/* A function in D3 takes no reset; the kernel leaves the state to us. */
void vfio_reset_wake(struct vfio_device *d)
{
	unsigned at = d->pm + PCI_PM_CTRL;
	uint32_t v = 0;

	if (!d->pm || peek(d, at, 1, &v) < 0 ||
	    (v & PCI_PM_CTRL_STATE_MASK) == 0)
		return;
	(void)poke(d, at, 1, v & ~(uint32_t)PCI_PM_CTRL_STATE_MASK);
	for (unsigned i = 0; i < D0_TRIES; i++) {
		if (peek(d, at, 1, &v) >= 0 &&
		    (v & PCI_PM_CTRL_STATE_MASK) == 0)
			return;
		sys_sleep_ms(D0_WAIT_MS);
	}
	log_limited(&d->reset_limit, LOG_WARN, "vfio: %s: stuck in D%u",
		    vfio_name(d), v & PCI_PM_CTRL_STATE_MASK);
}

/* -------- the reset itself -------- */

/* EAGAIN: something else holds the function's lock right now; EBUSY: an access
 * to it, or to another on its bus, is on its way. */
static int try(struct vfio_dev *dev,
	       int (*reset)(struct vfio_dev *d, struct err *e), struct err *e)
{
	int rc = reset(dev, e);

	for (unsigned i = 1; i < RESET_TRIES && (rc == -EAGAIN || rc == -EBUSY);
	     i++) {
		sys_sleep_ms(RESET_WAIT_MS);
		rc = reset(dev, e);
	}
	return rc;
}

static int flr_ourselves(struct vfio_device *d, struct err *e)
{
	unsigned at = d->pcie + PCI_EXP_DEVCTL;
	uint32_t v = 0;
	int rc = peek(d, at, 2, &v);

	if (rc >= 0)
		rc = poke(d, at, 2, v | PCI_EXP_DEVCTL_BCR_FLR);
	return rc < 0 ? err_sys(e, rc, "the function cannot be reset") : 0;
}

/* The guest's own write does it where no kernel would. */
static int guests_flr(struct vfio_device *d, struct err *e)
{
	const struct vfio_flr *w = &d->reset.flr;
	int rc = vfio_config_forward_by(poke, d, w->off, w->len, w->v);

	return rc < 0 ? err_sys(e, rc, "the function cannot be reset") : 0;
}

int vfio_reset_function(struct vfio_device *d, enum vfio_reset_why why,
			struct err *e)
{
	int rc;

	if (why == VFIO_RESET_FUNCTION && (d->dev->raw || !d->dev->can_reset))
		rc = guests_flr(d, e);
	else if (d->dev->can_reset)
		rc = try(d->dev, d->dev->ops->reset, e);
	else if (vfio_needs_flr(d))
		rc = flr_ourselves(d, e);
	else
		return err_set(e, -ENOTSUP, "the function cannot be reset");
	trace_vfio_reset(vfio_name(d), "itself", rc);
	return rc;
}

int vfio_reset_bus(struct vfio_device *d, struct err *e)
{
	int rc = try(d->dev, d->dev->ops->hot_reset, e);

	trace_vfio_reset(vfio_name(d), "its bus", rc);
	return rc;
}

/* Some drivers of mediated devices reset them and do not say that they can;
 * the samples in the kernel do. */
static int try_mediated(struct vfio_device *d)
{
	bool known = d->dev->can_reset;
	struct err why = ERR_NONE;
	int rc = try(d->dev, d->dev->ops->reset, &why);

	d->dev->can_reset = known || rc >= 0;
	trace_vfio_reset(vfio_name(d), "itself", rc);
	if (rc < 0 && known)
		log_warn("vfio: %s: %s", vfio_name(d), why.text);
	return 0;
}

int vfio_reset_at_open(struct vfio_device *d, struct err *e)
{
	struct err why = ERR_NONE;

	if (d->dev->mediated)
		return try_mediated(d);
	if (!d->dev->raw || !d->dev->can_reset)
		return 0;
	if (try(d->dev, d->dev->ops->reset, &why) < 0)
		log_warn("vfio: %s: %s", vfio_name(d), why.text);
	return 0;
}

/* -------- is it well? VFIO-RST-12 -------- */

static bool await(struct vfio_device *d, uint32_t *id)
{
	for (unsigned i = 0; i < READY_TRIES; i++) {
		if (vfio_answers_by(peek, d, id))
			return true;
		sys_sleep_ms(READY_WAIT_MS);
	}
	return false;
}

static bool has_msix(struct vfio_device *d)
{
	uint32_t v;

	return !d->msix_at ||
	       (peek(d, d->msix_at, 1, &v) >= 0 && v == d->seen[d->msix_at]);
}

int vfio_reset_verify(struct vfio_device *d, struct err *e)
{
	uint32_t id = UINT32_MAX;

	if (!await(d, &id))
		return err_set(e, -EIO,
			       "the function does not answer after its reset");
	if (id != le32_load(d->seen))
		return err_set(e, -ENODEV,
			       "the function is %04x:%04x after its reset",
			       id & 0xffff, id >> 16);
	if (!has_msix(d))
		return err_set(e, -ENODEV,
			       "the function has no MSI-X after its reset");
	return 0;
}

/* -------- after -------- */

/* The kernel saves these before its reset and writes them back after it, as the
 * last driver left them (pci_save_pcie_state). */
static void recall_control(struct vfio_device *d)
{
	uint16_t flags, v;

	if (!d->pcie || d->dev->raw)
		return;
	flags = le16_load(d->seen + d->pcie + PCI_EXP_FLAGS);
	v = le16_load(d->seen + d->pcie + PCI_EXP_DEVCTL);
	(void)vfio_config_put(d, d->pcie + PCI_EXP_DEVCTL, 2,
			      v & ~(uint32_t)PCI_EXP_DEVCTL_BCR_FLR);
	/* version 1 ends before the second set of registers */
	if ((flags & PCI_EXP_FLAGS_VERS) < 2)
		return;
	v = le16_load(d->seen + d->pcie + PCI_EXP_DEVCTL2);
	(void)vfio_config_put(d, d->pcie + PCI_EXP_DEVCTL2, 2, v);
}

void vfio_reset_like_new(struct vfio_device *d)
{
	memcpy(d->pci.config, d->power_on, sizeof(d->power_on));
	d->pci.powered = true;
	if (d->reset.why == VFIO_RESET_PLATFORM)
		recall_control(d);
	for (unsigned i = 0; i < PCI_BARS; i++)
		(void)vfio_config_put(d, PCI_BASE_ADDRESS_0 + 4 * i, 4, 0);
	for (unsigned i = 0; i < PCI_BARS; i++)
		d->bar[i].withdrawn = false;
	vfio_rom_forget(d);
	vfio_backdoor_reset(d);
	pci_bars_update(&d->pci);
	vfio_irqs_rearm(d);
	d->touched = false;
}

/* -------- what the guest writes -------- */

static bool sets(unsigned off, unsigned len, uint32_t v, unsigned at,
		 uint8_t bits)
{
	return pci_touches(off, len, at, 1) && (v >> (8 * (at - off)) & bits);
}

bool vfio_is_flr(const struct vfio_device *d, unsigned off, unsigned len,
		 uint32_t v)
{
	if (vfio_has_pcie_flr(d) &&
	    sets(off, len, v, d->pcie + PCI_EXP_DEVCTL + 1,
		 PCI_EXP_DEVCTL_BCR_FLR >> 8))
		return true;
	return vfio_has_af_flr(d) &&
	       sets(off, len, v, d->af + PCI_AF_CTRL, PCI_AF_CTRL_FLR);
}

void vfio_flr(struct vfio_device *d, unsigned off, unsigned len, uint32_t v)
{
	d->reset.flr = (struct vfio_flr){ off, len, v };
	vfio_reset_ask(d, VFIO_RESET_FUNCTION);
}

void vfio_device_reset(struct pci_device *p)
{
	struct vfio_device *d = vfio_of(p);

	d->reset.keep_bars = false;
	d->reset.asked = d->reset.along;
	if (!vfio_alive(d))
		return;
	if (d->touched) {
		vfio_reset_ask(d, VFIO_RESET_BUS_ABOVE);
		return;
	}
	vfio_costly(d); /* INTx goes off and on again */
	vfio_irqs_quiesce(d);
	pci_bars_unmap(p);
	vfio_reset_like_new(d);
}

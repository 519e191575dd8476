/* vfio/reset.c - bringing the function back to power-on values
 *
 * Around every reset, in this order: interrupts off, pages hidden, decode and
 * bus mastering off, D0; the reset; then all our copies as they were when the
 * function was opened, zeroes into VFIO's BARs, INTx armed again. The kernel
 * saves and restores config space around its own reset, so what was not
 * switched off before would be back on after (pci_dev_save_and_disable).
 *
 * Opening a VFIO device has reset it already. A reset that finds the function
 * untouched since then only resets our copies.
 *
 * Not modelled: hot reset of several functions on one bus
 * (VFIO_DEVICE_PCI_HOT_RESET). A function whose only reset is that of a bus it
 * shares needs allow-no-reset.
 */
#include <stdio.h>
#include <string.h>

#include "vfio/internal.h"
#include "vfio/trace.h"
#include "vmm/base/sys.h"

enum {
	RESET_TRIES = 5,
	RESET_WAIT_MS = 20,
	D0_TRIES = 10,
	D0_WAIT_MS = 10,
	READY_TRIES = 100,
	READY_WAIT_MS = 10
};

/* -------- which resets there are -------- */

static bool has_pcie_flr(const struct vfio_device *d)
{
	return d->pcie && le32_load(d->seen + d->pcie + PCI_EXP_DEVCAP) &
				  PCI_EXP_DEVCAP_FLR;
}

static bool has_af_flr(const struct vfio_device *d)
{
	uint8_t need = PCI_AF_CAP_TP | PCI_AF_CAP_FLR;

	return d->af && (d->seen[d->af + PCI_AF_CAP] & need) == need;
}

static bool has_pm_reset(const struct vfio_device *d)
{
	return d->pm &&
	       !(d->seen[d->pm + PCI_PM_CTRL] & PCI_PM_CTRL_NO_SOFT_RESET);
}

/* No kernel or server offers a reset, but the registers are ours to use. */
static bool needs_flr(const struct vfio_device *d)
{
	return d->dev->raw && !d->dev->can_reset && has_pcie_flr(d);
}

/* What VFIO_DEVICE_RESET will use. The kernel's own list, if it shows one,
 * is in the order in which it tries. */
static void method_of(const struct vfio_device *d, char *out, size_t n)
{
	snprintf(out, n, "%s", d->host.reset_method);
	out[strcspn(out, " ")] = '\0';
	if (!d->dev->can_reset)
		snprintf(out, n, needs_flr(d) ? "flr" : "none");
	else if (d->dev->raw)
		snprintf(out, n, "by its server");
	else if (out[0] != '\0')
		return;
	else if (has_pcie_flr(d))
		snprintf(out, n, "flr");
	else if (has_af_flr(d))
		snprintf(out, n, "af_flr");
	else if (has_pm_reset(d))
		snprintf(out, n, "pm");
	else
		snprintf(out, n, "bus");
}

int vfio_reset_check(struct vfio_device *d, struct err *e)
{
	char method[64];

	method_of(d, method, sizeof(method));
	log_info("vfio: %s: reset: %s%s", vfio_name(d), method,
		 strcmp(method, "pm") == 0
			 ? " (weak: parts of the function may keep state)"
			 : "");
	if (d->dev->can_reset || needs_flr(d))
		return 0;
	if (d->opt.allow_no_reset) {
		log_warn("vfio: %s: the function cannot be reset; it keeps "
			 "what earlier users left in it",
			 vfio_name(d));
		return 0;
	}
	(void)err_set(e, -ENOTSUP,
		      "the function cannot be reset: what a guest leaves in "
		      "it would leak into the next");
	err_hint(e, "accept that with --%s %s,allow-no-reset",
		 d->dev->raw ? "vfio-user" : "vfio", vfio_name(d));
	return -ENOTSUP;
}

/* -------- before and after -------- */

/* A function in D3 takes no reset; the kernel leaves the state to us. */
static void wake(struct vfio_device *d)
{
	unsigned at = d->pm + PCI_PM_CTRL;
	uint32_t v = 0;

	if (!d->pm || vfio_config_get(d, at, 1, &v) < 0 ||
	    (v & PCI_PM_CTRL_STATE_MASK) == 0)
		return;
	(void)vfio_config_put(d, at, 1, v & ~(uint32_t)PCI_PM_CTRL_STATE_MASK);
	for (unsigned i = 0; i < D0_TRIES; i++) {
		if (vfio_config_get(d, at, 1, &v) >= 0 &&
		    (v & PCI_PM_CTRL_STATE_MASK) == 0)
			return;
		sys_sleep_ms(D0_WAIT_MS);
	}
	log_limited(&d->reset_limit, LOG_WARN, "vfio: %s: stuck in D%u",
		    vfio_name(d), v & PCI_PM_CTRL_STATE_MASK);
}

static void before_reset(struct vfio_device *d)
{
	vfio_irqs_quiesce(d);
	pci_bars_unmap(&d->pci);
	pci_config_set(&d->pci, PCI_COMMAND, 2, 0);
	(void)vfio_config_put(d, PCI_COMMAND, 2, 0);
	wake(d);
}

static void after_reset(struct vfio_device *d)
{
	memcpy(d->pci.config, d->power_on, sizeof(d->power_on));
	d->pci.powered = true;
	for (unsigned i = 0; i < PCI_BARS; i++)
		(void)vfio_config_put(d, PCI_BASE_ADDRESS_0 + 4 * i, 4, 0);
	for (unsigned i = 0; i < PCI_BARS; i++)
		d->bar[i].withdrawn = false;
	vfio_rom_forget(d);
	pci_bars_update(&d->pci);
	vfio_irqs_rearm(d);
	d->touched = false;
}

/* A kernel waits until a function answers after its reset, PCIe 6.2 6.6.1;
 * without one it is for us to wait. One that does not come back is the next
 * access's to notice. */
static void await(struct vfio_device *d)
{
	uint32_t id = UINT32_MAX;

	for (unsigned i = 0; d->dev->raw && i < READY_TRIES; i++) {
		if (vfio_config_get(d, PCI_VENDOR_ID, 4, &id) < 0 ||
		    (uint16_t)id != 0xffff)
			return;
		sys_sleep_ms(READY_WAIT_MS);
	}
}

/* -------- by VFIO_DEVICE_RESET -------- */

static int device_reset(struct vfio_device *d, struct err *e)
{
	int rc = -EAGAIN;

	/* EAGAIN: something else holds the function's lock right now */
	for (unsigned i = 0; i < RESET_TRIES && rc == -EAGAIN; i++) {
		if (i > 0)
			sys_sleep_ms(RESET_WAIT_MS);
		rc = d->dev->ops->reset(d->dev, e);
	}
	return rc;
}

int vfio_reset_at_open(struct vfio_device *d, struct err *e)
{
	struct err why = ERR_NONE;

	if (!d->dev->raw || !d->dev->can_reset)
		return 0;
	if (device_reset(d, &why) < 0)
		log_warn("vfio: %s: %s", vfio_name(d), why.text);
	return 0;
}

static int flr_ourselves(struct vfio_device *d, struct err *e)
{
	unsigned at = d->pcie + PCI_EXP_DEVCTL;
	uint32_t v = 0;
	int rc = vfio_config_get(d, at, 2, &v);

	if (rc >= 0)
		rc = vfio_config_put(d, at, 2, v | PCI_EXP_DEVCTL_BCR_FLR);
	return rc < 0 ? err_sys(e, rc, "the function cannot be reset") : 0;
}

static int reset_now(struct vfio_device *d, struct err *e)
{
	int rc = 0;

	if (d->dev->can_reset)
		rc = device_reset(d, e);
	else if (needs_flr(d))
		rc = flr_ourselves(d, e);
	await(d);
	return rc;
}

/* If that fails, decode and bus mastering are off and stay off. */
static int reset_all_of_it(struct vfio_device *d, const char *why,
			   struct err *e)
{
	int rc;

	before_reset(d);
	rc = reset_now(d, e);
	trace_vfio_reset(vfio_name(d), why, rc);
	after_reset(d);
	if (rc < 0)
		vfio_suspect(d);
	return rc;
}

void vfio_device_reset(struct pci_device *p)
{
	struct vfio_device *d = vfio_of(p);
	struct err e = ERR_NONE;

	if (!vfio_alive(d))
		return;
	if (!d->touched) {
		vfio_irqs_quiesce(d);
		pci_bars_unmap(p);
		after_reset(d);
	} else if (reset_all_of_it(d, "asked by the guest", &e) < 0) {
		log_limited(&d->reset_limit, LOG_WARN, "vfio: %s: %s",
			    vfio_name(d), e.text);
	}
}

/* -------- by the platform -------- */

static int platform_reset(struct vfio_device *d, struct err *e)
{
	int rc;

	pthread_mutex_lock(&d->pci.lock);
	if (vfio_alive(d))
		rc = reset_all_of_it(d, "of the platform", e);
	else
		rc = err_set(e, -EIO, "the function does not answer any more");
	pthread_mutex_unlock(&d->pci.lock);
	return rc < 0 ? err_in(e, rc, "%s", vfio_name(d)) : 0;
}

int vfio_reset_all(struct vfio_iommu *i, struct err *e)
{
	int first = 0;

	for (struct vfio_device *d = i->devices; d; d = d->next) {
		struct err scratch = ERR_NONE;
		int rc = platform_reset(d, first < 0 ? &scratch : e);

		if (rc < 0 && first == 0)
			first = rc;
	}
	return first;
}

/* -------- by the guest: function level reset -------- */

static bool sets(unsigned off, unsigned len, uint32_t v, unsigned at,
		 uint8_t bits)
{
	return pci_touches(off, len, at, 1) && (v >> (8 * (at - off)) & bits);
}

bool vfio_is_flr(const struct vfio_device *d, unsigned off, unsigned len,
		 uint32_t v)
{
	if (has_pcie_flr(d) && sets(off, len, v, d->pcie + PCI_EXP_DEVCTL + 1,
				    PCI_EXP_DEVCTL_BCR_FLR >> 8))
		return true;
	return has_af_flr(d) &&
	       sets(off, len, v, d->af + PCI_AF_CTRL, PCI_AF_CTRL_FLR);
}

/* The kernel resets inside of this very write, and says nothing if it could
 * not; our side is reset in any case. */
void vfio_flr(struct vfio_device *d, unsigned off, unsigned len, uint32_t v)
{
	int rc;

	before_reset(d);
	rc = vfio_config_forward(d, off, len, v);
	await(d);
	trace_vfio_reset(vfio_name(d), "function level reset", rc);
	after_reset(d);
}

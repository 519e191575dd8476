/* vfio/ladder.c - which resets a function has, and which comes first
 *
 * From the best to the last resort (VFIO-RST-02):
 *
 *     the function alone     VFIO_DEVICE_RESET, or its server: FLR and others;
 *                            of a mediated device, whatever its driver does
 *     its bus, alone on it   VFIO_DEVICE_PCI_HOT_RESET
 *     by power states        VFIO_DEVICE_RESET too, when that is all the kernel
 *                            has: D3hot and back leaves much as it was
 *     its bus, with others   when all of them are this VM's
 *
 * A reset of the whole machine takes the bus first, as a real one does: FLR
 * does not reach everything. So does a guest that resets the bus above several
 * functions that share one here. In a running guest the bus is not reset below
 * another function that the guest uses and did not ask about: a sibling that
 * loses its state in the middle of its work is worse than a weak reset.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vfio/internal.h"
#include "vfio/sysfs.h"

/* -------- resets of the function itself -------- */

bool vfio_has_pcie_flr(const struct vfio_device *d)
{
	return d->pcie && le32_load(d->seen + d->pcie + PCI_EXP_DEVCAP) &
				  PCI_EXP_DEVCAP_FLR;
}

bool vfio_has_af_flr(const struct vfio_device *d)
{
	uint8_t need = PCI_AF_CAP_TP | PCI_AF_CAP_FLR;

	return d->af && (d->seen[d->af + PCI_AF_CAP] & need) == need;
}

static bool has_pm_reset(const struct vfio_device *d)
{
	return d->pm &&
	       !(d->seen[d->pm + PCI_PM_CTRL] & PCI_PM_CTRL_NO_SOFT_RESET);
}

bool vfio_needs_flr(const struct vfio_device *d)
{
	return d->dev->raw && !d->dev->can_reset && vfio_has_pcie_flr(d);
}

/* What VFIO_DEVICE_RESET will use. The kernel's own list, if it shows one,
 * is in the order in which it tries. */
static void method_of(const struct vfio_device *d, char *out, size_t n)
{
	snprintf(out, n, "%s", d->host.reset_method);
	out[strcspn(out, " ")] = '\0';
	if (!d->dev->can_reset)
		snprintf(out, n, vfio_needs_flr(d) ? "flr" : "none");
	else if (d->dev->raw)
		snprintf(out, n, "by its server");
	else if (d->dev->mediated)
		snprintf(out, n, "by its driver");
	else if (out[0] != '\0')
		return;
	else if (vfio_has_pcie_flr(d))
		snprintf(out, n, "flr");
	else if (vfio_has_af_flr(d))
		snprintf(out, n, "af_flr");
	else if (has_pm_reset(d))
		snprintf(out, n, "pm");
	else
		snprintf(out, n, "bus");
}

static bool is_weak(const struct vfio_device *d)
{
	char method[64];

	method_of(d, method, sizeof(method));
	return strcmp(method, "pm") == 0;
}

static bool has_own(const struct vfio_device *d)
{
	return d->dev->can_reset || vfio_needs_flr(d);
}

/* -------- resets of its bus -------- */

bool vfio_hot_set_of(const struct vfio_device *d, struct vfio_hot_set *out)
{
	struct err why = ERR_NONE;

	out->n = 0;
	return d->dev->ops->hot_set &&
	       d->dev->ops->hot_set(d->dev, out, &why) >= 0 && out->n != 0;
}

bool vfio_hot_set_is_ours(const struct vfio_hot_set *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		if (!s->hit[i].ours)
			return false;
	}
	return s->n != 0;
}

bool vfio_hot_set_has(const struct vfio_hot_set *s, const struct vfio_device *d)
{
	for (unsigned i = 0; i < s->n; i++) {
		if (strcmp(s->hit[i].bdf, d->host.name) == 0)
			return true;
	}
	return false;
}

/* Is every function of the guest that @s hits below the same port of the
 * guest as @d? */
static bool is_covered(const struct vfio_device *d,
		       const struct vfio_hot_set *s)
{
	for (const struct vfio_device *m = d->iommu->devices; m; m = m->next) {
		if (vfio_hot_set_has(s, m) && m->pci.port != d->pci.port)
			return false;
	}
	return true;
}

bool vfio_bus_comes_first(const struct vfio_device *d,
			  const struct vfio_hot_set *s, enum vfio_reset_why why)
{
	bool own = has_own(d) && !is_weak(d);

	if (!vfio_hot_set_is_ours(s))
		return false;
	switch (why) {
	case VFIO_RESET_PLATFORM:
		return true;
	case VFIO_RESET_BUS_ABOVE:
		return is_covered(d, s) && (s->n > 1 || !own);
	case VFIO_RESET_ERROR:
		return s->n == 1 && !own;
	case VFIO_RESET_FUNCTION:
		return false;
	}
	return false;
}

/* -------- what is said at start: VFIO-RST-01 -------- */

/* Append who else the reset hits: all of them, or those in the way. */
static void name_others(const struct vfio_device *d,
			const struct vfio_hot_set *s, bool foreign,
			struct err *e)
{
	const char *comma = " ";

	for (unsigned i = 0; i < s->n; i++) {
		const struct vfio_hit *h = &s->hit[i];
		char driver[64];

		if (strcmp(h->bdf, d->host.name) == 0 || (foreign && h->ours))
			continue;
		vfio_driver_of(h->bdf, driver, sizeof(driver));
		err_add(e, "%s%s", comma, h->bdf);
		if (foreign)
			err_add(e, " (driver %s)", driver[0] ? driver : "none");
		comma = ", ";
	}
}

static void describe_bus(const struct vfio_device *d,
			 const struct vfio_hot_set *s, struct err *e)
{
	if (s->n == 0) {
		err_add(e, "; its bus cannot be reset");
	} else if (!vfio_hot_set_is_ours(s)) {
		err_add(e, "; a reset of its bus would also hit");
		name_others(d, s, true, e);
	} else if (s->n == 1) {
		err_add(e, "; or its bus, where it is alone");
	} else {
		err_add(e, "; or its bus, together with");
		name_others(d, s, false, e);
	}
}

static void say(const struct vfio_device *d, const struct vfio_hot_set *s)
{
	struct err line = ERR_NONE;
	char method[64];

	method_of(d, method, sizeof(method));
	(void)err_set(&line, -EIO, "reset: %s", method);
	if (is_weak(d))
		err_add(&line, " (weak: parts of the function may keep state)");
	if (d->dev->ops->hot_set)
		describe_bus(d, s, &line);
	log_info("vfio: %s: %s", vfio_name(d), line.text);
}

static const char *option_of(const struct vfio_device *d)
{
	return d->dev->raw ? "vfio-user" : "vfio";
}

static int refuse(const struct vfio_device *d, const struct vfio_hot_set *s,
		  struct err *e)
{
	(void)err_set(e, -ENOTSUP,
		      "the function cannot be reset: what a guest leaves in "
		      "it would leak into the next");
	if (s->n > 1) {
		err_add(e, ". A reset of its bus would also hit");
		name_others(d, s, true, e);
	}
	err_hint(e, "%saccept that with --%s %s,allow-no-reset",
		 s->n > 1 ? "give this VM all functions of the bus, or "
		 : d->dev->mediated
			 ? "remove the mediated device after each use and make "
			   "it anew, and "
			 : "",
		 option_of(d), vfio_name(d));
	return -ENOTSUP;
}

static int check(const struct vfio_device *d, const struct vfio_hot_set *s,
		 struct err *e)
{
	say(d, s);
	if (has_own(d) || vfio_hot_set_is_ours(s))
		return 0;
	if (!d->opt.allow_no_reset)
		return refuse(d, s, e);
	log_warn("vfio: %s: the function cannot be reset; it keeps what "
		 "earlier users left in it",
		 vfio_name(d));
	return 0;
}

/* Opening resets what has a reset of its own; the others are reset here, each
 * bus once. VFIO-RST-05. */
static int begin_clean(struct vfio_device *d, const struct vfio_hot_set *s,
		       struct err *e)
{
	int rc;

	if (d->dev->can_reset || !vfio_hot_set_is_ours(s) ||
	    d->reset.done_ns != 0)
		return 0;
	pthread_mutex_lock(&d->pci.lock);
	vfio_reset_ask(d, VFIO_RESET_PLATFORM);
	pthread_mutex_unlock(&d->pci.lock);
	rc = vfio_reset_await(d, e);
	if (rc < 0 && d->opt.allow_no_reset) {
		*e = ERR_NONE; /* the log has it */
		return 0;
	}
	if (rc < 0 && d->health != VFIO_LOST)
		err_hint(e,
			 "dmesg may say why; accept that with --%s %s,"
			 "allow-no-reset",
			 option_of(d), vfio_name(d));
	return rc;
}

int vfio_resets_check(struct vfio_iommu *i, struct err *e)
{
	struct vfio_hot_set *s = calloc(1, sizeof(*s));
	int rc = 0;

	if (!s)
		return err_set(e, -ENOMEM, "out of memory");
	for (struct vfio_device *d = i->devices; d && rc >= 0; d = d->next) {
		(void)vfio_hot_set_of(d, s);
		rc = check(d, s, e);
		if (rc >= 0)
			rc = begin_clean(d, s, e);
		if (rc < 0)
			rc = err_in(e, rc, "%s", vfio_name(d));
	}
	free(s);
	return rc;
}

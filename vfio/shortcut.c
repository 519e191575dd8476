/* vfio/shortcut.c - a write that the guest repeats goes without us
 *
 * Registers in a page that traps are slow: each access ends here. But a
 * doorbell is often rung with the same value, and a write that was the same
 * often enough is made without us from then on:
 *
 *     the guest writes
 *       KVM: this address, this width, this value?
 *         yes   eventfd     VFIO makes that write: VFIO_DEVICE_IOEVENTFD
 *         no    an exit, and vfio_bar_write, as ever
 *
 * The kernel writes before the guest goes on, so the order of accesses stays;
 * but while another thread changes decode or messages of the function, or
 * resets it, it writes a little later, and what came twice meanwhile once
 * (vfio_pci_ioeventfd_handler).
 *
 * A back door that has to hear of each write gets none (backdoor.h).
 *
 * Shortcuts begin and end with the BAR at its place: when it moves or decodes
 * no longer, which is before any reset, in D3, for a function that is lost, and
 * at the end. A kernel or function that refuses one is not asked again: it is
 * slow, and nothing is wrong.
 *
 * Not modelled: shortcuts for I/O BARs, and over vfio-user, whose servers may
 * offer descriptors for registers (DEVICE_GET_REGION_IO_FDS).
 */
#include <string.h>

#include "vfio/internal.h"
#include "vfio/trace.h"
#include "vmm/base/sys.h"

enum { OFTEN = 16 };

static bool same(const struct vfio_write *a, const struct vfio_write *b)
{
	return a->bar == b->bar && a->off == b->off && a->len == b->len &&
	       a->v == b->v;
}

/* The write now has been seen so often. The table is in the order of use, and
 * forgets what was not used for longest. */
static unsigned note(struct vfio_shortcuts *s, const struct vfio_write *w)
{
	struct vfio_repeat r = { .write = *w };
	unsigned i = 0;

	while (i < VFIO_REPEATS - 1 && !same(&s->seen[i].write, w))
		i++;
	r.times = same(&s->seen[i].write, w) ? s->seen[i].times + 1 : 1;
	memmove(s->seen + 1, s->seen, i * sizeof(s->seen[0]));
	s->seen[0] = r;
	return r.times;
}

static bool exists(const struct vfio_shortcuts *s, const struct vfio_write *w)
{
	for (unsigned i = 0; i < s->n; i++) {
		if (same(&s->made[i].write, w))
			return true;
	}
	return false;
}

/* KVM first no more, so that no signal comes to nobody. */
static void end(struct vfio_device *d, struct vfio_shortcut *s)
{
	const struct vfio_write *w = &s->write;

	kick_detach(&s->kick);
	if (s->tied)
		(void)d->dev->ops->write_by(d->dev, w->bar, w->off, w->len,
					    w->v, -1, NULL);
	s->tied = false;
	sys_close(&s->kick.fd);
	trace_vfio_shortcut(vfio_name(d), w->bar, w->off, w->len, w->v, "ends");
}

static int begin(struct vfio_device *d, struct vfio_shortcut *s, struct err *e)
{
	const struct vfio_write *w = &s->write;
	int rc = sys_eventfd();

	if (rc < 0)
		return err_sys(e, rc, "no eventfd");
	s->kick.fd = rc;
	rc = d->dev->ops->write_by(d->dev, w->bar, w->off, w->len, w->v,
				   s->kick.fd, e);
	if (rc < 0)
		return rc;
	s->tied = true;
	return kick_attach(&s->kick, e);
}

static void add(struct vfio_device *d, const struct vfio_write *w)
{
	struct vfio_shortcuts *all = &d->shortcuts;
	struct vfio_shortcut *s = &all->made[all->n];
	struct err e = ERR_NONE;

	*s = (struct vfio_shortcut){
		.write = *w,
		.kick = { .vm_fd = d->vm->fd,
			  .fd = -1,
			  .bus = KICK_MMIO,
			  .at = d->bar[w->bar].at + w->off,
			  .len = w->len,
			  .match = true,
			  .value = w->v,
			  .owned = &d->vm->kicks },
	};
	vfio_costly(d); /* KVM waits for all vCPUs to see it */
	if (begin(d, s, &e) < 0) {
		end(d, s);
		all->refused = true;
		trace_vfio_guest(vfio_name(d), e.text, w->off);
		return;
	}
	all->n++;
	trace_vfio_shortcut(vfio_name(d), w->bar, w->off, w->len, w->v,
			    "begins");
}

void vfio_shortcut_note(struct vfio_device *d, unsigned bar, uint64_t off,
			unsigned len, uint64_t v)
{
	const struct vfio_write w = { bar, off, len, v };
	struct vfio_shortcuts *s = &d->shortcuts;

	if (!d->dev->ops->write_by || s->refused || !d->bar[bar].mapped ||
	    d->pci.bars[bar].kind == PCI_BAR_IO || s->n == VFIO_SHORTCUTS ||
	    !vfio_backdoor_unwatched(d, bar, off, len))
		return;
	/* it may be on its way here still, or come as part of a wider one */
	if (note(s, &w) >= OFTEN && !exists(s, &w))
		add(d, &w);
}

void vfio_shortcuts_end(struct vfio_device *d, unsigned bar)
{
	struct vfio_shortcuts *s = &d->shortcuts;
	unsigned kept = 0;

	for (unsigned i = 0; i < s->n; i++) {
		if (s->made[i].write.bar == bar)
			end(d, &s->made[i]);
		else
			s->made[kept++] = s->made[i];
	}
	s->n = kept;
	for (unsigned i = 0; i < VFIO_REPEATS; i++) {
		if (s->seen[i].write.bar == bar)
			s->seen[i] = (struct vfio_repeat){ 0 };
	}
}

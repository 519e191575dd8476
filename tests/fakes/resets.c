/* tests/fakes/resets.c - resets of a function, and of the bus it is on
 *
 * Rules are those of drivers/vfio/pci/vfio_pci_core.c of Linux 6.12. All
 * functions with the same domain and bus number are below one port.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "tests/fakes/fake.h"

/* How many further answers to the question what a hot reset hits come too
 * late: the list has grown by then. */
static unsigned growing;
static bool held; /* resets wait, with the host's lock given back */

void resets_reset(void)
{
	growing = 0;
	held = false;
}

/* -------- of a function -------- */

static void fall_silent(struct device *d)
{
	if (d->after.silent != 0)
		d->gone = FAKE_ALL_ONES;
	if (d->after.device == 0)
		return;
	le16_store(d->hw + 2, d->after.device);
	le16_store(d->vcfg + 2, d->after.device);
}

/* A read: is it awake by now? */
void reset_wake(struct device *d)
{
	if (d->after.silent == 0 || d->after.silent == UINT32_MAX ||
	    d->gone != FAKE_ALL_ONES)
		return;
	if (--d->after.silent == 0)
		d->gone = FAKE_PRESENT;
}

void device_do_reset(struct device *d)
{
	for (unsigned i = 0; i < 6; i++) {
		if (d->region[i].hw && !d->pci.bar[i].io)
			memset(d->region[i].hw, 0,
			       d->region[i].size < FAKE_PAGE * 16
				       ? d->region[i].size
				       : FAKE_PAGE * 16);
	}
	/* pci_try_reset_function restores the config space */
	if (d->raw)
		memcpy(d->hw, d->reset_hw, sizeof(d->hw));
	d->resets++;
	fall_silent(d);
}

static void wait_while_held(void)
{
	while (held) {
		fake_unlock();
		(void)sched_yield();
		fake_lock();
	}
}

long reset_function(struct device *d)
{
	wait_while_held();
	if (d->pci.no_reset)
		return -EINVAL;
	if (d->gone != FAKE_PRESENT)
		return -ENOTTY;
	device_do_reset(d);
	return 0;
}

/* -------- of a bus -------- */

struct place {
	unsigned domain, bus, slot, fn;
};

static struct place place_of(const struct device *d)
{
	struct place p = { 0 };

	(void)sscanf(d->bdf, "%x:%x:%x.%x", &p.domain, &p.bus, &p.slot, &p.fn);
	return p;
}

static bool share_bus(const struct device *a, const struct device *b)
{
	struct place p = place_of(a), q = place_of(b);

	return !a->pci.mediated && !b->pci.mediated && p.domain == q.domain &&
	       p.bus == q.bus;
}

/* vfio_iommufd_get_dev_id, with VFIO_PCI_DEVID_OWNED for -ENOENT */
static int64_t devid_of(const struct device *m, const struct iommufd *i)
{
	if (strcmp(m->driver, "vfio-pci") != 0)
		return VFIO_PCI_DEVID_NOT_OWNED;
	if (m->iommufd == i)
		return m->devid;
	for (struct device *d = device_list(); d; d = d->next) {
		if (d->group == m->group && d->iommufd == i)
			return VFIO_PCI_DEVID_OWNED;
	}
	return VFIO_PCI_DEVID_NOT_OWNED;
}

static struct vfio_pci_dependent_device entry(const struct device *m,
					      const struct device *asker)
{
	struct place p = place_of(m);
	struct vfio_pci_dependent_device out = {
		.group_id = (uint32_t)m->group->number,
		.segment = (uint16_t)p.domain,
		.bus = (uint8_t)p.bus,
		.devfn = (uint8_t)(p.slot << 3 | p.fn),
	};

	if (asker->through_cdev)
		out.devid = (uint32_t)devid_of(m, asker->iommufd);
	return out;
}

long reset_bus_info(const struct device *d, struct vfio_pci_hot_reset_info *i)
{
	uint32_t room, n = 0;

	if (i->argsz < sizeof(*i))
		return -EINVAL;
	room = (uint32_t)((i->argsz - sizeof(*i)) / sizeof(i->devices[0]));
	if (d->pci.mediated)
		return -ENOTTY;
	if (d->pci.no_bus_reset)
		return -ENODEV;
	if (growing > 0) {
		growing--;
		i->count = room + 1;
		return -ENOSPC;
	}
	i->flags = d->through_cdev
			   ? VFIO_PCI_HOT_RESET_FLAG_DEV_ID |
				     VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED
			   : 0;
	for (struct device *m = device_list(); m; m = m->next) {
		struct vfio_pci_dependent_device x;

		if (!share_bus(m, d))
			continue;
		x = entry(m, d);
		if (d->through_cdev &&
		    x.devid == (uint32_t)VFIO_PCI_DEVID_NOT_OWNED)
			i->flags &= ~VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED;
		if (n < room)
			i->devices[n] = x;
		n++;
	}
	i->count = n;
	return n > room ? -ENOSPC : 0;
}

static bool in_groups(const struct device *m,
		      const struct vfio_pci_hot_reset *h)
{
	for (uint32_t i = 0; i < h->count; i++) {
		if (fd_obj_of(h->group_fds[i], KIND_GROUP) == &m->group->o)
			return true;
	}
	return false;
}

/* What must be off in a function before its bus is reset. */
static void check_quiet(struct device *m)
{
	if (memory_shows_device(&m->o))
		misuse("the bus of %s was reset while its pages were shown",
		       m->bdf);
	if (m->open && m->gone == FAKE_PRESENT && le16_load(m->hw + 4) & 7)
		misuse("the bus of %s was reset while it decoded or could do "
		       "DMA",
		       m->bdf);
	if (m->open && m->irq_type >= 0)
		misuse("the bus of %s was reset with interrupts on", m->bdf);
}

static long may_reset(const struct device *d,
		      const struct vfio_pci_hot_reset *h)
{
	uint32_t members = 0;

	if (h->argsz < sizeof(*h) || h->flags != 0 ||
	    (h->count != 0) == d->through_cdev)
		return -EINVAL;
	if (d->pci.no_bus_reset)
		return -ENODEV;
	for (struct device *m = device_list(); m; m = m->next) {
		if (!share_bus(m, d))
			continue;
		members++;
		if (strcmp(m->driver, "vfio-pci") != 0)
			return -EINVAL;
		if (d->through_cdev ? devid_of(m, d->iommufd) < 0
				    : !in_groups(m, h))
			return -EINVAL;
	}
	for (uint32_t i = 0; i < h->count; i++) {
		if (!fd_obj_of(h->group_fds[i], KIND_GROUP))
			return -EINVAL;
	}
	return h->count > members ? -EINVAL : 0;
}

long reset_bus(struct device *d, const struct vfio_pci_hot_reset *h)
{
	long rc;

	wait_while_held();
	rc = may_reset(d, h);
	for (struct device *m = device_list(); m && rc == 0; m = m->next) {
		if (!share_bus(m, d))
			continue;
		check_quiet(m);
		device_do_reset(m);
	}
	return rc;
}

/* -------- for tests -------- */

void fake_hot_set_grows(unsigned n)
{
	fake_lock();
	growing = n;
	fake_unlock();
}

void fake_resets_hold(bool on)
{
	fake_lock();
	held = on;
	fake_unlock();
}

void fake_pci_after_reset(const char *bdf, uint32_t silent, uint16_t device)
{
	struct device *d;

	fake_lock();
	d = device_find(bdf);
	d->after.silent = silent;
	d->after.device = device;
	fake_unlock();
}

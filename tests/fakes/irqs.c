/* tests/fakes/irqs.c - VFIO_DEVICE_SET_IRQS
 *
 * Rules are those of drivers/vfio/vfio_main.c (validation) and
 * drivers/vfio/pci/vfio_pci_intrs.c of Linux 6.12.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fakes/fake.h"

enum {
	INTX = VFIO_PCI_INTX_IRQ_INDEX,
	MSI = VFIO_PCI_MSI_IRQ_INDEX,
	MSIX = VFIO_PCI_MSIX_IRQ_INDEX,
	ERR = VFIO_PCI_ERR_IRQ_INDEX,
	REQ = VFIO_PCI_REQ_IRQ_INDEX,
};

unsigned irq_count(const struct device *d, unsigned index)
{
	switch (index) {
	case INTX:
		return d->pci.pin != 0;
	case MSI:
		return d->msi_at ? 1u << d->pci.msi.log2_vectors : 0;
	case MSIX:
		return d->pci.msix.at ? d->pci.msix.vectors : 0;
	case ERR:
		return d->express_at != 0;
	case REQ:
		return 1;
	default:
		return 0;
	}
}

uint32_t irq_flags(const struct device *d, unsigned index)
{
	if (index == INTX)
		return VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE |
		       VFIO_IRQ_INFO_AUTOMASKED;
	if (index == MSIX && d->pci.msix.dynamic)
		return VFIO_IRQ_INFO_EVENTFD;
	return VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE;
}

/* -------- triggers -------- */

/* -1 takes the eventfd away. */
static long trigger_set(struct trigger *t, int32_t fd)
{
	struct obj *o = NULL;

	if (fd >= 0) {
		o = fd_obj_of(fd, KIND_EVENTFD);
		if (!o)
			return fd_obj(fd) ? -EINVAL : -EBADF;
		obj_hold(o);
	}
	if (t->eventfd)
		obj_release(t->eventfd);
	t->eventfd = o;
	return 0;
}

static bool trigger_fire(struct trigger *t)
{
	if (!t->eventfd)
		return false;
	eventfd_signal(t->eventfd);
	return true;
}

static void vectors_free(struct device *d)
{
	unsigned n = d->irq_type < 0 ? 0 : irq_count(d, (unsigned)d->irq_type);

	for (unsigned i = 0; i < n; i++)
		(void)trigger_set(&d->vector[i], -1);
	free(d->vector);
	d->vector = NULL;
	d->n_vectors = 0;
	if (d->irq_type == MSI && !d->raw)
		d->hw[d->msi_at + PCI_MSI_FLAGS] &=
			(uint8_t)~PCI_MSI_FLAGS_ENABLE;
	if (d->irq_type == MSIX && !d->raw)
		d->hw[d->pci.msix.at + PCI_MSIX_FLAGS + 1] &=
			(uint8_t) ~(PCI_MSIX_FLAGS_ENABLE >> 8);
	d->irq_type = -1;
}

void irq_release(struct device *d)
{
	vectors_free(d);
	if (d->unmask.eventfd)
		listener_remove(&d->unmask);
	d->intx_masked = d->intx_pending = false;
	(void)trigger_set(&d->err, -1);
	(void)trigger_set(&d->req, -1);
}

/* -------- INTx -------- */

static void intx_unmask(struct device *d)
{
	d->intx_masked = false;
	if (d->intx_pending && d->irq_type == INTX) {
		d->intx_pending = false;
		d->intx_masked = true;
		(void)trigger_fire(&d->vector[0]);
	}
}

static void unmask_fired(struct listener *l)
{
	intx_unmask(container_of(l, struct device, unmask));
}

/* The command register's INTx disable is the kernel's to keep. */
void irq_intx_gate(struct device *d, bool disabled)
{
	if (d->irq_type != INTX)
		return;
	if (disabled)
		d->intx_masked = true;
	else
		intx_unmask(d);
}

static long intx_trigger(struct device *d, const struct vfio_irq_set *s,
			 const int32_t *fds)
{
	long rc;

	if (d->irq_type == INTX && s->count == 0 &&
	    (s->flags & VFIO_IRQ_SET_DATA_NONE)) {
		vectors_free(d);
		if (d->unmask.eventfd)
			listener_remove(&d->unmask);
		return 0;
	}
	if ((d->irq_type != INTX && d->irq_type != -1) || s->start != 0 ||
	    s->count != 1)
		return -EINVAL;
	if (fds) {
		struct trigger t = { NULL };

		rc = trigger_set(&t, fds[0]);
		if (rc < 0)
			return rc;
		if (d->irq_type == -1) {
			d->vector = xalloc(sizeof(d->vector[0]));
			d->irq_type = INTX;
			d->intx_masked = config_read(d, PCI_COMMAND + 1) &
					 (PCI_COMMAND_INTX_DISABLE >> 8);
		}
		(void)trigger_set(&d->vector[0], -1);
		d->vector[0] = t;
		return 0;
	}
	if (d->irq_type != INTX)
		return -EINVAL;
	(void)trigger_fire(&d->vector[0]);
	return 0;
}

static long intx_mask(struct device *d, const struct vfio_irq_set *s,
		      const int32_t *fds, bool mask)
{
	struct obj *o;

	if (d->irq_type != INTX || s->start != 0 || s->count != 1)
		return -EINVAL;
	if (!fds) {
		if (mask)
			d->intx_masked = true;
		else
			intx_unmask(d);
		return 0;
	}
	if (mask || d->pci.mediated)
		return -ENOTTY;
	if (fds[0] < 0) {
		if (d->unmask.eventfd)
			listener_remove(&d->unmask);
		return 0;
	}
	o = fd_obj_of(fds[0], KIND_EVENTFD);
	if (!o)
		return fd_obj(fds[0]) ? -EINVAL : -EBADF;
	if (d->unmask.eventfd)
		return -EBUSY;
	d->unmask.fired = unmask_fired;
	listener_add(&d->unmask, o);
	if (eventfd_is_ready(o))
		intx_unmask(d);
	return 0;
}

/* -------- MSI and MSI-X -------- */

static long msi_enable(struct device *d, unsigned index, unsigned n)
{
	if (d->host_vectors != 0 && n > d->host_vectors)
		return d->host_vectors; /* pci_alloc_irq_vectors got fewer */
	d->vector = xalloc(sizeof(d->vector[0]) * irq_count(d, index));
	d->irq_type = (int)index;
	d->n_vectors = n;
	if (d->raw)
		return 0;
	if (index == MSI)
		d->hw[d->msi_at + PCI_MSI_FLAGS] |= PCI_MSI_FLAGS_ENABLE;
	else
		d->hw[d->pci.msix.at + PCI_MSIX_FLAGS + 1] |=
			PCI_MSIX_FLAGS_ENABLE >> 8;
	return 0;
}

static long msi_set_block(struct device *d, const struct vfio_irq_set *s,
			  const int32_t *fds)
{
	bool grows = d->irq_type == MSIX && d->pci.msix.dynamic;

	for (uint32_t i = 0; i < s->count; i++) {
		uint32_t v = s->start + i;
		long rc;

		if (v >= d->n_vectors && fds[i] >= 0) {
			/* vfio_msi_alloc_irq */
			if (!grows)
				return -EINVAL;
			if (d->host_vectors != 0 && v >= d->host_vectors)
				return -ENOSPC;
			d->n_vectors = v + 1;
		}
		rc = trigger_set(&d->vector[v], fds[i]);
		if (rc < 0) {
			/* the block is undone as a whole */
			for (uint32_t j = 0; j < i; j++)
				(void)trigger_set(&d->vector[s->start + j], -1);
			return rc;
		}
	}
	return 0;
}

static long msi_trigger(struct device *d, const struct vfio_irq_set *s,
			const int32_t *fds)
{
	long rc;

	if (d->irq_type == (int)s->index && s->count == 0 &&
	    (s->flags & VFIO_IRQ_SET_DATA_NONE)) {
		vectors_free(d);
		return 0;
	}
	if (d->irq_type != (int)s->index && d->irq_type != -1)
		return -EINVAL;
	if (!fds) {
		if (d->irq_type == -1)
			return -EINVAL;
		for (uint32_t i = 0; i < s->count; i++)
			(void)trigger_fire(&d->vector[s->start + i]);
		return 0;
	}
	if (d->irq_type == (int)s->index)
		return msi_set_block(d, s, fds);
	rc = msi_enable(d, s->index, s->start + s->count);
	if (rc != 0)
		return rc;
	rc = msi_set_block(d, s, fds);
	if (rc < 0)
		vectors_free(d);
	return rc;
}

/* -------- ERR and REQ -------- */

static long event_trigger(struct trigger *t, const struct vfio_irq_set *s,
			  const int32_t *fds)
{
	if (s->start != 0 || s->count > 1)
		return -EINVAL;
	if (fds)
		return trigger_set(t, fds[0]);
	if (s->count == 0)
		return trigger_set(t, -1);
	(void)trigger_fire(t);
	return 0;
}

/* -------- dispatch -------- */

/* vfio_set_irqs_validate_and_prepare */
static long validate(const struct device *d, const struct vfio_irq_set *s,
		     bool *data)
{
	const uint32_t known =
		VFIO_IRQ_SET_DATA_TYPE_MASK | VFIO_IRQ_SET_ACTION_TYPE_MASK;
	uint32_t type = s->flags & VFIO_IRQ_SET_DATA_TYPE_MASK;
	unsigned max = irq_count(d, s->index);
	uint64_t size;

	if (s->argsz < sizeof(*s) || s->index >= N_IRQS ||
	    s->count >= UINT32_MAX - s->start || (s->flags & ~known) ||
	    s->start >= max || s->start + s->count > max)
		return -EINVAL;
	if (type != VFIO_IRQ_SET_DATA_NONE && type != VFIO_IRQ_SET_DATA_BOOL &&
	    type != VFIO_IRQ_SET_DATA_EVENTFD)
		return -EINVAL;
	*data = type != VFIO_IRQ_SET_DATA_NONE;
	size = type == VFIO_IRQ_SET_DATA_EVENTFD ? 4 : *data ? 1 : 0;
	if (s->argsz - sizeof(*s) < s->count * size)
		return -EINVAL;
	return *data && s->count == 0 ? -EINVAL : 0;
}

static long dispatch(struct device *d, const struct vfio_irq_set *s,
		     const int32_t *fds)
{
	uint32_t action = s->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK;

	if (s->index == INTX) {
		if (action == VFIO_IRQ_SET_ACTION_TRIGGER)
			return intx_trigger(d, s, fds);
		if (action == VFIO_IRQ_SET_ACTION_MASK ||
		    action == VFIO_IRQ_SET_ACTION_UNMASK)
			return intx_mask(d, s, fds,
					 action == VFIO_IRQ_SET_ACTION_MASK);
		return -ENOTTY;
	}
	if (action != VFIO_IRQ_SET_ACTION_TRIGGER)
		return -ENOTTY;
	if (s->index == MSI || s->index == MSIX)
		return msi_trigger(d, s, fds);
	return event_trigger(s->index == ERR ? &d->err : &d->req, s, fds);
}

long irq_set(struct device *d, const struct vfio_irq_set *s)
{
	int32_t fds[4096];
	bool data;
	long rc = validate(d, s, &data);

	if (rc < 0)
		return rc;
	if (!data)
		return dispatch(d, s, NULL);
	if (!(s->flags & VFIO_IRQ_SET_DATA_EVENTFD))
		return -ENOTTY; /* Not modelled: BOOL, which nobody uses */
	if (s->count > ARRAY_LEN(fds))
		return -EINVAL;
	memcpy(fds, s->data, s->count * sizeof(fds[0]));
	return dispatch(d, s, fds);
}

/* -------- for tests -------- */

static bool intx_raise(struct device *d)
{
	if (d->irq_type != INTX)
		return false;
	if (d->intx_masked) {
		d->intx_pending = true;
		return false;
	}
	d->intx_masked = true;
	return trigger_fire(&d->vector[0]);
}

/* Hardware sends no message unless its own register says so. */
static bool messages_on(const struct device *d, unsigned index)
{
	if (!d->raw)
		return true;
	return index == MSI
		       ? d->hw[d->msi_at + PCI_MSI_FLAGS] & PCI_MSI_FLAGS_ENABLE
		       : d->hw[d->pci.msix.at + PCI_MSIX_FLAGS + 1] &
				 PCI_MSIX_FLAGS_ENABLE >> 8;
}

static bool raise_vector(struct device *d, unsigned index, unsigned vector)
{
	if (index == ERR || index == REQ)
		return trigger_fire(index == ERR ? &d->err : &d->req);
	if (index == INTX)
		return intx_raise(d);
	return d->irq_type == (int)index && vector < irq_count(d, index) &&
	       messages_on(d, index) && trigger_fire(&d->vector[vector]);
}

bool fake_pci_interrupt(const char *bdf, unsigned index, unsigned vector)
{
	bool sent;

	fake_lock();
	sent = raise_vector(device_find(bdf), index, vector);
	fake_unlock();
	return sent;
}

unsigned fake_pci_vectors(const char *bdf, unsigned index)
{
	struct device *d;
	unsigned n = 0;

	fake_lock();
	d = device_find(bdf);
	if (index == ERR || index == REQ)
		n = (index == ERR ? &d->err : &d->req)->eventfd != NULL;
	else if (d->irq_type == (int)index)
		for (unsigned i = 0; i < irq_count(d, index); i++)
			n += d->vector[i].eventfd != NULL;
	fake_unlock();
	return n;
}

bool fake_pci_intx_masked(const char *bdf)
{
	return device_find(bdf)->intx_masked;
}

void fake_pci_host_vectors(const char *bdf, unsigned n)
{
	device_find(bdf)->host_vectors = n;
}

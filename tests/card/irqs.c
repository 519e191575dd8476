/* tests/card/irqs.c - the interrupts of a function */
#include "tests/card/irqs.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INTX_BITS = 32 }; /* vectors that CARD_PENDING can hold */

static struct irq_vector *intx_of(const struct irqs *q)
{
	return q->index[VFIO_PCI_INTX_IRQ_INDEX].vector;
}

static void drop(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* The descriptor is the client's: it may be anything, so we never wait. */
static void signal_fd(int fd)
{
	const uint64_t one = 1;
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	if (poll(&p, 1, 0) == 1 && p.revents & POLLOUT)
		(void)!write(fd, &one, sizeof(one));
}

/* -------- life -------- */

static unsigned count_of(const struct function_text *t, unsigned index)
{
	switch (index) {
	case VFIO_PCI_INTX_IRQ_INDEX:
		return t->pin ? 1 : 0;
	case VFIO_PCI_MSI_IRQ_INDEX:
		return t->msi_vectors;
	case VFIO_PCI_MSIX_IRQ_INDEX:
		return t->msix_vectors;
	default:
		return 1; /* ERR and REQ */
	}
}

int irqs_open(struct irqs *q, const struct function_text *text, struct err *e)
{
	*q = (struct irqs){ .mask_fd = -1, .unmask_fd = -1 };
	for (unsigned i = 0; i < VFIO_PCI_NUM_IRQS; i++) {
		unsigned n = count_of(text, i);
		/* INTx always has one, so that it can be asked about */
		struct irq_vector *v = calloc(n ? n : 1, sizeof(*v));

		if (!v) {
			irqs_close(q);
			return err_set(e, -ENOMEM, "out of memory");
		}
		for (unsigned j = 0; j < (n ? n : 1); j++)
			v[j].fd = -1;
		q->index[i] = (struct irq_index){ n, v };
	}
	return 0;
}

void irqs_close(struct irqs *q)
{
	irqs_forget(q);
	for (unsigned i = 0; i < VFIO_PCI_NUM_IRQS; i++) {
		free(q->index[i].vector);
		q->index[i] = (struct irq_index){ 0 };
	}
}

static void index_off(struct irqs *q, unsigned index)
{
	struct irq_index *x = &q->index[index];

	for (unsigned i = 0; i < x->count; i++) {
		drop(&x->vector[i].fd);
		x->vector[i].masked = x->vector[i].waits = false;
	}
	if (index != VFIO_PCI_INTX_IRQ_INDEX)
		return;
	drop(&q->mask_fd);
	drop(&q->unmask_fd);
}

void irqs_forget(struct irqs *q)
{
	for (unsigned i = 0; i < VFIO_PCI_NUM_IRQS; i++)
		index_off(q, i);
}

void irqs_reset(struct irqs *q)
{
	for (unsigned i = 0; i < VFIO_PCI_NUM_IRQS; i++) {
		for (unsigned n = 0; n < q->index[i].count; n++)
			q->index[i].vector[n].waits = false;
	}
	q->pending = 0;
	q->intx_off = false;
	q->sent = q->unsent = 0;
}

/* -------- INTx: a level -------- */

bool irqs_intx_up(const struct irqs *q)
{
	return q->pending != 0 && q->index[VFIO_PCI_INTX_IRQ_INDEX].count;
}

static void intx_look(struct irqs *q)
{
	struct irq_vector *v = intx_of(q);

	if (!irqs_intx_up(q) || q->intx_off || v->masked || v->fd < 0)
		return;
	v->masked = true;
	signal_fd(v->fd);
}

void irqs_intx_masked(struct irqs *q)
{
	intx_of(q)->masked = true;
}

void irqs_intx_unmasked(struct irqs *q)
{
	intx_of(q)->masked = false;
	intx_look(q);
}

void irqs_intx_clear(struct irqs *q, uint32_t bits)
{
	q->pending &= ~bits;
}

void irqs_intx_disable(struct irqs *q, bool off)
{
	q->intx_off = off;
	intx_look(q);
}

/* -------- sending -------- */

static bool enabled(const struct irqs *q, unsigned index)
{
	for (unsigned i = 0; i < q->index[index].count; i++) {
		if (q->index[index].vector[i].fd >= 0)
			return true;
	}
	return false;
}

/* One message; false: nobody wants it. */
static bool send_vector(struct irqs *q, unsigned index, unsigned vector)
{
	struct irq_vector *v;

	if (vector >= q->index[index].count)
		return false;
	v = &q->index[index].vector[vector];
	if (v->fd < 0)
		return false;
	if (v->masked)
		v->waits = true;
	else
		signal_fd(v->fd);
	return true;
}

static bool send_once(struct irqs *q, unsigned vector)
{
	if (enabled(q, VFIO_PCI_MSIX_IRQ_INDEX))
		return send_vector(q, VFIO_PCI_MSIX_IRQ_INDEX, vector);
	if (enabled(q, VFIO_PCI_MSI_IRQ_INDEX))
		return send_vector(q, VFIO_PCI_MSI_IRQ_INDEX, vector);
	if (q->index[VFIO_PCI_INTX_IRQ_INDEX].count == 0 || vector >= INTX_BITS)
		return false;
	q->pending |= UINT32_C(1) << vector;
	intx_look(q);
	return intx_of(q)->fd >= 0;
}

void irqs_send(struct irqs *q, unsigned vector)
{
	if (q->lose) {
		q->lose--;
		return;
	}
	q->total++;
	if (!send_once(q, vector)) {
		q->unsent++;
		return;
	}
	q->sent++;
	if (q->twice == 0)
		return;
	q->twice--;
	(void)send_once(q, vector);
}

bool irqs_tell(struct irqs *q, unsigned index)
{
	return send_vector(q, index, 0);
}

/* -------- what the client asks for -------- */

uint32_t irqs_flags(unsigned index)
{
	if (index == VFIO_PCI_INTX_IRQ_INDEX)
		return VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE |
		       VFIO_IRQ_INFO_AUTOMASKED;
	return VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE;
}

static void unmask(struct irqs *q, const struct irq_order *o, unsigned vector)
{
	struct irq_vector *v = &q->index[o->index].vector[vector];

	if (o->index == VFIO_PCI_INTX_IRQ_INDEX) {
		irqs_intx_unmasked(q);
		return;
	}
	v->masked = false;
	if (!v->waits)
		return;
	v->waits = false;
	(void)send_vector(q, o->index, vector);
}

/* The action on one vector, with no data or a true one. */
static void act(struct irqs *q, const struct irq_order *o, unsigned vector)
{
	struct irq_vector *v = &q->index[o->index].vector[vector];

	switch (o->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) {
	case VFIO_IRQ_SET_ACTION_MASK:
		v->masked = true;
		break;
	case VFIO_IRQ_SET_ACTION_UNMASK:
		unmask(q, o, vector);
		break;
	default: /* the client tries its own eventfd */
		if (v->fd >= 0)
			signal_fd(v->fd);
	}
}

static int set_eventfds(struct irqs *q, const struct irq_order *o)
{
	struct irq_vector *v = q->index[o->index].vector + o->start;

	for (unsigned i = 0; i < o->count; i++) {
		drop(&v[i].fd);
		if (o->n_fds) {
			v[i].fd = o->fds[i];
			o->fds[i] = -1;
		}
	}
	if (o->index != VFIO_PCI_INTX_IRQ_INDEX)
		return 0;
	v->masked = false;
	intx_look(q);
	return 0;
}

/* An eventfd by which the client masks or unmasks. As in the kernel, only INTx
 * has these. */
static int set_watched(const struct irq_order *o, int *fd)
{
	if (o->index != VFIO_PCI_INTX_IRQ_INDEX)
		return -EINVAL;
	drop(fd);
	if (o->n_fds) {
		*fd = o->fds[0];
		o->fds[0] = -1;
	}
	return 0;
}

static int set_by_eventfd(struct irqs *q, const struct irq_order *o)
{
	if (o->n_fds != 0 && o->n_fds != o->count)
		return -EINVAL;
	switch (o->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) {
	case VFIO_IRQ_SET_ACTION_MASK:
		return set_watched(o, &q->mask_fd);
	case VFIO_IRQ_SET_ACTION_UNMASK:
		return set_watched(o, &q->unmask_fd);
	default:
		return set_eventfds(q, o);
	}
}

/* Exactly one kind of data and one action, of vectors that are there. */
static int check(const struct irqs *q, const struct irq_order *o)
{
	uint32_t data = o->flags & VFIO_IRQ_SET_DATA_TYPE_MASK;
	uint32_t action = o->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK;

	if (o->index >= VFIO_PCI_NUM_IRQS || !is_power_of_two(data) ||
	    !is_power_of_two(action) || o->flags != (data | action))
		return -EINVAL;
	if (!range_fits(0, q->index[o->index].count, o->start, o->count))
		return -EINVAL;
	if (data == VFIO_IRQ_SET_DATA_BOOL && o->n_bools < o->count)
		return -EINVAL;
	if (data != VFIO_IRQ_SET_DATA_EVENTFD && o->n_fds)
		return -EINVAL;
	return 0;
}

int irqs_set(struct irqs *q, const struct irq_order *o)
{
	int rc = check(q, o);

	if (rc < 0)
		return rc;
	if (o->count == 0) {
		if (o->n_fds || !(o->flags & VFIO_IRQ_SET_ACTION_TRIGGER))
			return -EINVAL;
		index_off(q, o->index);
		return 0;
	}
	if (o->flags & VFIO_IRQ_SET_DATA_EVENTFD)
		return set_by_eventfd(q, o);
	for (unsigned i = 0; i < o->count; i++) {
		if (o->flags & VFIO_IRQ_SET_DATA_NONE || o->bools[i])
			act(q, o, o->start + i);
	}
	return 0;
}

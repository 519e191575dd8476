/* vmm/irq.c - the GSI allocator, the routing table, lines; see irq.h
 *
 * Messages (struct msi_route) are in msi_route.c.
 *
 * KVM_SET_GSI_ROUTING replaces the whole table and waits for a grace period,
 * so a commit gathers all changes, always restates the pins, and is left out
 * if the result equals what KVM has (VFIO-KVM-06).
 */
#include "vmm/irq.h"

#include <assert.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/arch.h"
#include "vmm/base/sys.h"
#include "vmm/irq_gsi.h"
#include "vmm/trace.h"

static int irq_build(struct irq *q, struct err *e)
{
	q->msg = calloc(q->n_gsi, sizeof(*q->msg));
	q->state = calloc(q->n_gsi, sizeof(*q->state));
	if (!q->msg || !q->state)
		return err_sys(e, -ENOMEM, "interrupt routes");
	q->dirty = true;
	return irq_commit(q, e);
}

int irq_open(struct irq *q, int vm_fd, struct loop *loop, unsigned n_gsi,
	     struct err *e)
{
	int rc;

	assert(n_gsi >= IRQ_PINS);
	*q = (struct irq){ .vm_fd = vm_fd, .loop = loop, .n_gsi = n_gsi };
	q->top = IRQ_PINS;
	pthread_mutex_init(&q->lock, NULL);
	rc = irq_build(q, e);
	if (rc < 0)
		irq_close(q);
	return rc;
}

void irq_close(struct irq *q)
{
	free(q->msg);
	free(q->state);
	free(q->table);
	q->msg = NULL;
	q->state = NULL;
	q->table = NULL;
	q->n_gsi = q->top = 0;
}

bool irq_msg_valid(const struct msi_msg *m)
{
	return arch_msi_valid(m);
}

/* -------- GSIs: VFIO-MSIX-12 -------- */

int irq_gsi_take(struct irq *q, const struct msi_msg *m)
{
	for (unsigned gsi = IRQ_PINS; gsi < q->n_gsi; gsi++) {
		if (q->state[gsi] != IRQ_GSI_FREE)
			continue;
		q->state[gsi] = IRQ_GSI_ROUTED;
		counter_add_owned(&q->gsis, 1);
		q->msg[gsi] = *m;
		q->dirty = true;
		if (gsi >= q->top)
			q->top = gsi + 1;
		return (int)gsi;
	}
	return -ENOSPC;
}

void irq_gsi_set(struct irq *q, int gsi, const struct msi_msg *m)
{
	q->msg[gsi] = *m;
	q->dirty = true;
}

void irq_gsi_free(struct irq *q, int gsi)
{
	assert(q->state[gsi] == IRQ_GSI_ROUTED);
	q->state[gsi] = IRQ_GSI_FREE;
	counter_take_owned(&q->gsis, 1);
	q->dirty = true;
	while (q->top > IRQ_PINS && q->state[q->top - 1] == IRQ_GSI_FREE)
		q->top--;
}

/* -------- the table -------- */

static size_t table_size(unsigned n)
{
	return sizeof(struct kvm_irq_routing) +
	       n * sizeof(struct kvm_irq_routing_entry);
}

/* @out is zeroed, so that tables can be compared byte by byte. */
static void msi_entry(const struct irq *q, unsigned gsi,
		      struct kvm_irq_routing_entry *out)
{
	const struct msi_msg *m = &q->msg[gsi];

	out->gsi = gsi;
	out->type = KVM_IRQ_ROUTING_MSI;
	out->u.msi.address_lo = (uint32_t)m->address;
	out->u.msi.address_hi = (uint32_t)(m->address >> 32);
	out->u.msi.data = m->data;
}

/* What KVM should have now: the irqchip's pins and every message. */
static struct kvm_irq_routing *table_build(const struct irq *q)
{
	unsigned most = ARCH_MAX_PIN_ROUTES + (q->top - IRQ_PINS);
	struct kvm_irq_routing *t = calloc(1, table_size(most));

	if (!t)
		return NULL;
	t->nr = arch_pin_routes(t->entries);
	for (unsigned gsi = IRQ_PINS; gsi < q->top; gsi++)
		if (q->state[gsi] == IRQ_GSI_ROUTED)
			msi_entry(q, gsi, &t->entries[t->nr++]);
	return t;
}

static bool table_equal(const struct kvm_irq_routing *a,
			const struct kvm_irq_routing *b)
{
	return a && a->nr == b->nr && !memcmp(a, b, table_size(a->nr));
}

static uint64_t messages_in(const struct kvm_irq_routing *t)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < t->nr; i++)
		n += t->entries[i].type == KVM_IRQ_ROUTING_MSI;
	return n;
}

static int table_give(struct irq *q, const struct kvm_irq_routing *t,
		      struct err *e)
{
	int rc = sys_ioctl(q->vm_fd, KVM_SET_GSI_ROUTING, t);

	if (rc < 0)
		return err_sys(e, rc,
			       "KVM refuses an interrupt routing table of %u "
			       "entries",
			       t->nr);
	counter_add_owned(&q->commits, 1);
	atomic_store_explicit(&q->routes, messages_in(t), memory_order_relaxed);
	trace_irq_commit(t->nr, counter_get(&q->commits));
	return 0;
}

/* With q->lock held. */
static int commit_locked(struct irq *q, struct err *e)
{
	struct kvm_irq_routing *t = table_build(q);
	int rc = 0;

	if (!t)
		return err_sys(e, -ENOMEM, "interrupt routing table");
	if (!table_equal(q->table, t))
		rc = table_give(q, t, e);
	if (rc < 0) {
		free(t);
		return rc;
	}
	free(q->table);
	q->table = t;
	q->dirty = false;
	return 0;
}

int irq_commit(struct irq *q, struct err *e)
{
	int rc = 0;

	pthread_mutex_lock(&q->lock);
	if (q->dirty)
		rc = commit_locked(q, e);
	pthread_mutex_unlock(&q->lock);
	return rc;
}

bool irq_is_dirty(struct irq *q)
{
	bool dirty;

	pthread_mutex_lock(&q->lock);
	dirty = q->dirty;
	pthread_mutex_unlock(&q->lock);
	return dirty;
}

/* -------- lines -------- */

int irq_line_set(struct irq *q, unsigned gsi, int level)
{
	struct kvm_irq_level l = { .irq = gsi, .level = (uint32_t)level };

	return sys_ioctl(q->vm_fd, KVM_IRQ_LINE, &l);
}

static int line_build(struct irq_line *l, struct err *e)
{
	l->fd = sys_eventfd();
	if (l->fd < 0)
		return err_sys(e, l->fd, "cannot make an eventfd");
	l->resample_fd = sys_eventfd();
	if (l->resample_fd < 0)
		return err_sys(e, l->resample_fd, "cannot make an eventfd");
	return 0;
}

int irq_line_open(struct irq_line *l, struct irq *q, unsigned gsi,
		  struct err *e)
{
	int rc;

	assert(gsi < IRQ_PINS);
	*l = IRQ_LINE_EMPTY;
	l->irq = q;
	l->gsi = gsi;
	rc = line_build(l, e);
	if (rc < 0)
		irq_line_close(l);
	return rc < 0 ? err_in(e, rc, "interrupt line %u", gsi) : 0;
}

void irq_line_close(struct irq_line *l)
{
	irq_line_detach(l);
	sys_close(&l->resample_fd);
	sys_close(&l->fd);
}

static int line_tie(struct irq_line *l, uint32_t flags)
{
	struct kvm_irqfd i = {
		.fd = (uint32_t)l->fd,
		.gsi = l->gsi,
		.flags = flags,
		.resamplefd = (uint32_t)l->resample_fd,
	};

	return sys_ioctl(l->irq->vm_fd, KVM_IRQFD, &i);
}

int irq_line_attach(struct irq_line *l, struct err *e)
{
	int rc;

	if (l->live)
		return 0;
	rc = line_tie(l, KVM_IRQFD_FLAG_RESAMPLE);
	if (rc < 0)
		return err_sys(e, rc,
			       "cannot tie an eventfd to interrupt line %u",
			       l->gsi);
	l->live = true;
	counter_add_owned(&l->ties, 1);
	counter_add(&l->irq->irqfds, 1);
	trace_line_attach(l->gsi);
	return 0;
}

void irq_line_detach(struct irq_line *l)
{
	if (!l->live)
		return;
	/* Waits for an injection that is under way; KVM also lowers the line
	 * when its last user goes. */
	if (line_tie(l, KVM_IRQFD_FLAG_DEASSIGN) >= 0)
		counter_add(&l->irq->irqfds, -1);
	l->live = false;
	trace_line_detach(l->gsi);
}

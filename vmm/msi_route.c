/* vmm/msi_route.c - one message, one GSI, one eventfd; see irq.h
 *
 * How it works
 *
 *     source (VFIO, virtio) --writes--> eventfd --irqfd--> KVM: GSI -> message
 *
 *     masked    no irqfd: writes collect in the eventfd, its count is the
 *               pending bit
 *     unmasked  KVM takes each write out of the eventfd and injects
 *
 * Unmasking (VFIO-MSIX-07) ties first and reads after. In virt/kvm/eventfd.c
 * (5.11 and later) kvm_irqfd_assign hangs its waiter on the eventfd and polls
 * it: a count that is there is injected, but stays. The non-blocking read takes
 * that stale count away, so that a readable eventfd always means an event that
 * nobody has injected. A write that comes in between finds the waiter:
 * irqfd_wakeup takes the whole count and injects, under the eventfd's lock, and
 * our read finds nothing. So whatever our read takes has been injected already,
 * and nothing is lost; reading first, instead, could take an event that nobody
 * injects. Nothing comes twice either, but for one case in the kernel: its poll
 * takes no lock, so a write in that very moment may be seen by poll and waiter
 * both. An edge too many is legal, one too few is not.
 *
 * Masking: KVM_IRQFD_FLAG_DEASSIGN takes the waiter off and reads the count
 * under one lock (eventfd_ctx_remove_wait_queue), then waits for injections
 * under way. Before it an event is injected, after it an event stays.
 */
#include <assert.h>
#include <linux/kvm.h>

#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/irq.h"
#include "vmm/irq_gsi.h"
#include "vmm/trace.h"

/* A route that was closed is left as it was: the loop may have taken its last
 * event already and be on its way to by_loop_came. */
int msi_route_open(struct msi_route *r, struct irq *q, struct err *e)
{
	int fd = sys_eventfd();

	assert(r->fd < 0 && !r->live && (!r->irq || r->irq == q));
	if (fd < 0)
		return err_sys(e, fd, "cannot make an eventfd");
	if (!r->irq)
		r->irq = q;
	r->fd = fd;
	return 0;
}

void msi_route_close(struct msi_route *r)
{
	if (!r->irq)
		return;
	msi_route_mask(r);
	pthread_mutex_lock(&r->irq->lock);
	if (r->gsi >= 0)
		irq_gsi_free(r->irq, r->gsi);
	r->gsi = -1;
	r->by_loop = false;
	pthread_mutex_unlock(&r->irq->lock);
	/* r->irq and r->watch stay: the loop may be about to call by_loop_came
	 * once more, which must find a lock to take. */
	sys_close(&r->fd);
}

/* -------- the message -------- */

static bool msg_equal(const struct msi_msg *a, const struct msi_msg *b)
{
	return a->address == b->address && a->data == b->data;
}

/* With q->lock held. */
static void set_locked(struct msi_route *r, const struct msi_msg *m)
{
	struct irq *q = r->irq;
	int gsi;

	if (r->gsi >= 0) {
		if (!msg_equal(&r->msg, m))
			irq_gsi_set(q, r->gsi, m);
	} else if (!r->live) {
		gsi = irq_gsi_take(q, m);
		r->gsi = gsi < 0 ? -1 : gsi;
		r->by_loop = gsi < 0;
	}
	r->msg = *m;
}

static void warn_once(struct irq *q)
{
	bool first;

	pthread_mutex_lock(&q->lock);
	first = !q->warned;
	q->warned = true;
	pthread_mutex_unlock(&q->lock);
	if (first)
		log_warn("all %u interrupt routes of KVM are in use: further "
			 "vectors are delivered by the event loop, slower",
			 q->n_gsi);
}

int msi_route_set(struct msi_route *r, const struct msi_msg *m, struct err *e)
{
	assert(r->fd >= 0);
	if (!irq_msg_valid(m)) {
		trace_msi_refused(m);
		return err_set(e, -EINVAL,
			       "MSI address %#" PRIx64 " data %#" PRIx32
			       " is no interrupt message",
			       m->address, m->data);
	}
	pthread_mutex_lock(&r->irq->lock);
	set_locked(r, m);
	pthread_mutex_unlock(&r->irq->lock);
	trace_msi_set(r);
	if (r->by_loop)
		warn_once(r->irq);
	return 0;
}

/* -------- delivery by KVM -------- */

static int tie(struct msi_route *r, uint32_t flags)
{
	struct kvm_irqfd i = {
		.fd = (uint32_t)r->fd,
		.gsi = (uint32_t)r->gsi,
		.flags = flags,
	};

	return sys_ioctl(r->irq->vm_fd, KVM_IRQFD, &i);
}

/* by_loop_came looks at it from another thread. */
static void set_live(struct msi_route *r, bool live)
{
	pthread_mutex_lock(&r->irq->lock);
	r->live = live;
	pthread_mutex_unlock(&r->irq->lock);
}

static int unmask_by_kvm(struct msi_route *r, struct err *e)
{
	int rc = tie(r, 0);

	if (rc < 0)
		return err_sys(e, rc, "cannot tie an eventfd to GSI %d",
			       r->gsi);
	set_live(r, true);
	counter_add_owned(&r->counts.irqfds, 1);
	counter_add(&r->irq->irqfds, 1);
	counter_add_owned(&r->counts.held, sys_eventfd_drain(r->fd));
	return 0;
}

/* -------- delivery by the event loop, when GSIs ran out -------- */

/* Main thread. Takes no device lock; q->lock protects live and msg, and makes
 * masking synchronous as it is with an irqfd. */
static void by_loop_came(struct loop_fd *f, uint32_t events)
{
	struct msi_route *r = container_of(f, struct msi_route, watch);
	struct irq *q = r->irq;
	struct kvm_msi msi = { 0 };

	pthread_mutex_lock(&q->lock);
	if (r->live && r->by_loop && sys_eventfd_drain(r->fd) != 0) {
		msi.address_lo = (uint32_t)r->msg.address;
		msi.address_hi = (uint32_t)(r->msg.address >> 32);
		msi.data = r->msg.data;
		/* 0: the guest's APIC does not take it, as on hardware. */
		sys_ioctl(q->vm_fd, KVM_SIGNAL_MSI, &msi);
		counter_add(&r->counts.by_loop, 1);
		atomic_fetch_add_explicit(&q->by_userspace, 1,
					  memory_order_relaxed);
	}
	pthread_mutex_unlock(&q->lock);
}

/* Level-triggered, so what collected while masked is seen at once. */
static int unmask_by_loop(struct msi_route *r, struct err *e)
{
	int rc;

	set_live(r, true);
	if (!r->watch.handler) /* the loop may be reading it */
		r->watch.handler = by_loop_came;
	r->watch.fd = r->fd;
	rc = loop_add(r->irq->loop, &r->watch, EPOLLIN, e);
	if (rc < 0)
		set_live(r, false);
	return rc;
}

/* -------- masking -------- */

int msi_route_unmask(struct msi_route *r, struct err *e)
{
	int rc;

	assert(r->gsi >= 0 || r->by_loop);
	if (r->live)
		return 0;
	rc = r->by_loop ? unmask_by_loop(r, e) : unmask_by_kvm(r, e);
	if (rc == 0)
		trace_msi_unmask(r);
	return rc;
}

void msi_route_mask(struct msi_route *r)
{
	if (!r->live)
		return;
	if (r->by_loop) {
		loop_remove(r->irq->loop, &r->watch);
	} else if (tie(r, KVM_IRQFD_FLAG_DEASSIGN) >= 0) {
		counter_add(&r->irq->irqfds, -1);
	}
	set_live(r, false);
	trace_msi_mask(r);
}

bool msi_route_pending(const struct msi_route *r)
{
	return r->fd >= 0 && !r->live && sys_readable(r->fd);
}

void msi_route_drain(struct msi_route *r)
{
	if (r->fd >= 0)
		counter_add_owned(&r->counts.dropped, sys_eventfd_drain(r->fd));
}

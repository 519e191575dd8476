/* tests/fakes/kvm_irq.c - routes, irqfds, ioeventfds, lines
 *
 * Rules are those of virt/kvm/{irqchip,eventfd}.c and arch/x86/kvm/irq_comm.c
 * of Linux 6.12.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fakes/fake.h"

struct irqfd {
	struct listener l;
	struct vm_obj *vm;
	uint32_t gsi;
	struct obj *resample; /* NULL: edge */
	struct irqfd *next;
};

struct ioeventfd {
	struct kvm_ioeventfd a;
	struct obj *eventfd;
	struct ioeventfd *next;
};

/* -------- routes -------- */

static void put_pin(struct kvm_irq_routing_entry *e, uint32_t gsi,
		    uint32_t chip, uint32_t pin)
{
	*e = (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = chip, .pin = pin },
	};
}

/* IOAPIC pins 0 to 23, and the PICs' for the first 16. */
void vm_default_routes(struct vm_obj *vm)
{
	unsigned n = 0;

	free(vm->routes);
	vm->routes = xalloc(sizeof(vm->routes[0]) * 2 * KVM_PINS);
	for (uint32_t i = 0; i < KVM_PINS; i++) {
		put_pin(&vm->routes[n++], i, KVM_IRQCHIP_IOAPIC, i);
		if (i < 16)
			put_pin(&vm->routes[n++], i,
				i < 8 ? KVM_IRQCHIP_PIC_MASTER
				      : KVM_IRQCHIP_PIC_SLAVE,
				i % 8);
	}
	vm->n_routes = n;
}

static bool pin_is_sane(const struct kvm_irq_routing_irqchip *c)
{
	if (c->irqchip == KVM_IRQCHIP_IOAPIC)
		return c->pin < KVM_PINS;
	return c->irqchip <= KVM_IRQCHIP_PIC_SLAVE && c->pin < 8;
}

static bool entry_is_sane(const struct vm_obj *vm,
			  const struct kvm_irq_routing_entry *e)
{
	if (e->gsi >= (uint32_t)kvm_cap(KVM_CAP_IRQ_ROUTING) ||
	    e->gsi >= MAX_GSI)
		return false;
	if (e->type == KVM_IRQ_ROUTING_IRQCHIP)
		return e->flags == 0 && vm->irqchip &&
		       pin_is_sane(&e->u.irqchip);
	/* kvm_msi_route_invalid */
	return e->type == KVM_IRQ_ROUTING_MSI && e->flags == 0 &&
	       !(vm->x2apic_format && (e->u.msi.address_hi & 0xff));
}

/* One GSI is one message, or one pin of each chip. */
static bool may_share(const struct kvm_irq_routing_entry *a,
		      const struct kvm_irq_routing_entry *b)
{
	return a->gsi != b->gsi ||
	       (a->type == KVM_IRQ_ROUTING_IRQCHIP &&
		b->type == KVM_IRQ_ROUTING_IRQCHIP &&
		a->u.irqchip.irqchip != b->u.irqchip.irqchip);
}

long vm_set_routes(struct vm_obj *vm, const struct kvm_irq_routing *r)
{
	struct kvm_irq_routing_entry *copy;

	if (!vm->irqchip || r->nr > MAX_GSI || r->flags != 0)
		return -EINVAL;
	for (uint32_t i = 0; i < r->nr; i++) {
		if (!entry_is_sane(vm, &r->entries[i]))
			return -EINVAL;
		for (uint32_t j = 0; j < i; j++) {
			if (!may_share(&r->entries[i], &r->entries[j]))
				return -EINVAL;
		}
	}
	copy = xalloc(sizeof(*copy) * r->nr);
	memcpy(copy, r->entries, sizeof(*copy) * r->nr);
	free(vm->routes);
	vm->routes = copy;
	vm->n_routes = r->nr;
	return 0;
}

static const struct kvm_irq_routing_entry *route_of(const struct vm_obj *vm,
						    uint32_t gsi)
{
	for (unsigned i = 0; vm && i < vm->n_routes; i++) {
		const struct kvm_irq_routing_entry *e = &vm->routes[i];

		if (e->gsi == gsi &&
		    (e->type == KVM_IRQ_ROUTING_MSI ||
		     e->u.irqchip.irqchip == KVM_IRQCHIP_IOAPIC))
			return e;
	}
	return NULL;
}

/* -------- injecting -------- */

static void raise_pin(struct vm_obj *vm, uint32_t gsi, uint8_t level)
{
	if (level && !vm->level[gsi])
		vm->injected[gsi]++;
	vm->level[gsi] = level;
}

static void inject(struct irqfd *f)
{
	const struct kvm_irq_routing_entry *e = route_of(f->vm, f->gsi);

	if (!e)
		return;
	if (e->type == KVM_IRQ_ROUTING_MSI)
		f->vm->injected[f->gsi]++;
	else if (f->gsi < KVM_PINS) {
		raise_pin(f->vm, f->gsi, 1);
		/* without resampling a pulse */
		if (!f->resample)
			raise_pin(f->vm, f->gsi, 0);
	}
}

static void irqfd_fired(struct listener *l)
{
	inject(container_of(l, struct irqfd, l));
}

/* -------- irqfds -------- */

static void irqfd_free(struct irqfd **p)
{
	struct irqfd *f = *p;

	*p = f->next;
	/* eventfd_ctx_remove_wait_queue takes the count along */
	(void)eventfd_take(f->l.eventfd);
	listener_remove(&f->l);
	if (f->resample) {
		if (f->gsi < KVM_PINS)
			f->vm->level[f->gsi] = 0;
		obj_release(f->resample);
	}
	free(f);
}

static long irqfd_deassign(struct vm_obj *vm, const struct kvm_irqfd *a,
			   const struct obj *eventfd)
{
	struct irqfd **p = &vm->irqfds;

	while (*p) {
		if ((*p)->l.eventfd == eventfd && (*p)->gsi == a->gsi)
			irqfd_free(p);
		else
			p = &(*p)->next;
	}
	return 0;
}

static long irqfd_assign(struct vm_obj *vm, const struct kvm_irqfd *a,
			 struct obj *eventfd)
{
	struct obj *resample = NULL;
	struct irqfd *f;

	if (a->flags & KVM_IRQFD_FLAG_RESAMPLE) {
		resample = fd_obj_of((int)a->resamplefd, KIND_EVENTFD);
		if (!resample)
			return fd_obj((int)a->resamplefd) ? -EINVAL : -EBADF;
	}
	if (eventfd_has_listener(eventfd, irqfd_fired))
		return -EBUSY;
	f = xalloc(sizeof(*f));
	*f = (struct irqfd){ .l.fired = irqfd_fired,
			     .vm = vm,
			     .gsi = a->gsi,
			     .resample = resample,
			     .next = vm->irqfds };
	if (resample)
		obj_hold(resample);
	vm->irqfds = f;
	listener_add(&f->l, eventfd);
	/* what came before is injected; the count stays until the next */
	if (eventfd_is_ready(eventfd))
		inject(f);
	return 0;
}

long vm_irqfd(struct vm_obj *vm, const struct kvm_irqfd *a)
{
	struct obj *eventfd = fd_obj_of((int)a->fd, KIND_EVENTFD);

	if (a->flags & ~(KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE))
		return -EINVAL;
	if (a->gsi >= MAX_GSI)
		return -EINVAL;
	if (!eventfd)
		return fd_obj((int)a->fd) ? -EINVAL : -EBADF;
	if (a->flags & KVM_IRQFD_FLAG_DEASSIGN)
		return irqfd_deassign(vm, a, eventfd);
	if (!vm->irqchip)
		return -EINVAL;
	return irqfd_assign(vm, a, eventfd);
}

/* -------- ioeventfds -------- */

static bool same_doorbell(const struct kvm_ioeventfd *a,
			  const struct kvm_ioeventfd *b)
{
	const uint32_t match = KVM_IOEVENTFD_FLAG_DATAMATCH;
	const uint32_t pio = KVM_IOEVENTFD_FLAG_PIO;

	return a->addr == b->addr && !((a->flags ^ b->flags) & pio) &&
	       (a->len == 0 || b->len == 0 ||
		(a->len == b->len &&
		 (!(a->flags & match) || !(b->flags & match) ||
		  a->datamatch == b->datamatch)));
}

static void ioeventfd_free(struct ioeventfd **p)
{
	struct ioeventfd *f = *p;

	*p = f->next;
	obj_release(f->eventfd);
	free(f);
}

static bool ioeventfd_is_sane(const struct kvm_ioeventfd *a)
{
	return (a->len == 0 || a->len == 1 || a->len == 2 || a->len == 4 ||
		a->len == 8) &&
	       a->addr + a->len >= a->addr &&
	       !(a->flags &
		 ~(KVM_IOEVENTFD_FLAG_DATAMATCH | KVM_IOEVENTFD_FLAG_PIO |
		   KVM_IOEVENTFD_FLAG_DEASSIGN)) &&
	       !(a->len == 0 && (a->flags & KVM_IOEVENTFD_FLAG_DATAMATCH));
}

long vm_ioeventfd(struct vm_obj *vm, const struct kvm_ioeventfd *a)
{
	struct obj *eventfd = fd_obj_of(a->fd, KIND_EVENTFD);
	struct ioeventfd *f;

	if (!ioeventfd_is_sane(a))
		return -EINVAL;
	if (!eventfd)
		return fd_obj(a->fd) ? -EINVAL : -EBADF;
	for (struct ioeventfd **p = &vm->ioeventfds; *p; p = &(*p)->next) {
		if (!same_doorbell(&(*p)->a, a))
			continue;
		if (!(a->flags & KVM_IOEVENTFD_FLAG_DEASSIGN))
			return -EEXIST;
		if ((*p)->eventfd == eventfd) {
			ioeventfd_free(p);
			return 0;
		}
	}
	if (a->flags & KVM_IOEVENTFD_FLAG_DEASSIGN)
		return -ENOENT;
	f = xalloc(sizeof(*f));
	*f = (struct ioeventfd){ *a, eventfd, vm->ioeventfds };
	obj_hold(eventfd);
	vm->ioeventfds = f;
	return 0;
}

/* -------- lines and messages -------- */

long vm_irq_line(struct vm_obj *vm, const struct kvm_irq_level *l)
{
	if (!vm->irqchip)
		return -ENXIO;
	if (l->irq < KVM_PINS)
		raise_pin(vm, l->irq, l->level != 0);
	return 0;
}

long vm_signal_msi(struct vm_obj *vm, const struct kvm_msi *m)
{
	if (!vm->irqchip || m->flags != 0)
		return -EINVAL;
	vm->signalled++;
	return 1;
}

void vm_irq_release(struct vm_obj *vm)
{
	while (vm->irqfds)
		irqfd_free(&vm->irqfds);
	while (vm->ioeventfds)
		ioeventfd_free(&vm->ioeventfds);
}

/* -------- for tests -------- */

const struct kvm_irq_routing_entry *fake_kvm_route(uint32_t gsi)
{
	const struct kvm_irq_routing_entry *e;

	fake_lock();
	e = route_of(kvm_vm(), gsi);
	fake_unlock();
	return e;
}

unsigned fake_kvm_routes(void)
{
	return kvm_vm() ? kvm_vm()->n_routes : 0;
}

bool fake_kvm_has_irqfd(uint32_t gsi)
{
	bool found = false;

	fake_lock();
	for (struct irqfd *f = kvm_vm() ? kvm_vm()->irqfds : NULL; f;
	     f = f->next)
		found |= f->gsi == gsi;
	fake_unlock();
	return found;
}

unsigned fake_kvm_irqfds(void)
{
	unsigned n = 0;

	fake_lock();
	for (struct irqfd *f = kvm_vm() ? kvm_vm()->irqfds : NULL; f;
	     f = f->next)
		n++;
	fake_unlock();
	return n;
}

unsigned fake_kvm_injected(uint32_t gsi)
{
	unsigned n = 0;

	fake_lock();
	if (kvm_vm() && gsi == FAKE_SIGNAL_MSI)
		n = kvm_vm()->signalled;
	else if (kvm_vm() && gsi < MAX_GSI)
		n = kvm_vm()->injected[gsi];
	fake_unlock();
	return n;
}

int fake_kvm_line(uint32_t gsi)
{
	int level = 0;

	fake_lock();
	if (kvm_vm() && gsi < KVM_PINS)
		level = kvm_vm()->level[gsi];
	fake_unlock();
	return level;
}

void fake_kvm_eoi(uint32_t gsi)
{
	struct vm_obj *vm;

	fake_lock();
	vm = kvm_vm();
	if (vm && gsi < KVM_PINS)
		vm->level[gsi] = 0;
	for (struct irqfd *f = vm ? vm->irqfds : NULL; f; f = f->next) {
		if (f->gsi == gsi && f->resample)
			eventfd_signal(f->resample);
	}
	fake_unlock();
}

static bool rings(const struct kvm_ioeventfd *a, bool pio, uint64_t at,
		  unsigned len, uint64_t value)
{
	return a->addr == at && !!(a->flags & KVM_IOEVENTFD_FLAG_PIO) == pio &&
	       (a->len == 0 || a->len == len) &&
	       (!(a->flags & KVM_IOEVENTFD_FLAG_DATAMATCH) ||
		a->datamatch == value);
}

bool fake_kvm_ioeventfd(bool pio, uint64_t at, unsigned len, uint64_t value)
{
	bool hit = false;

	fake_lock();
	for (struct ioeventfd *f = kvm_vm() ? kvm_vm()->ioeventfds : NULL;
	     f && !hit; f = f->next) {
		hit = rings(&f->a, pio, at, len, value);
		if (hit)
			eventfd_signal(f->eventfd);
	}
	fake_unlock();
	return hit;
}

unsigned fake_kvm_ioeventfds(void)
{
	unsigned n = 0;

	fake_lock();
	for (struct ioeventfd *f = kvm_vm() ? kvm_vm()->ioeventfds : NULL; f;
	     f = f->next)
		n++;
	fake_unlock();
	return n;
}

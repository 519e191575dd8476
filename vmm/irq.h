/* vmm/irq.h - interrupts of the guest: lines and message routes
 *
 * KVM names every interrupt source by a GSI. GSIs 0 to 23 are the pins of the
 * in-kernel IOAPIC; from 24 on each is one message (MSI address and data) that
 * we allocate. An irqfd ties an eventfd to a GSI: whoever writes the eventfd
 * injects the interrupt, without us. An MSI route owns its eventfd for life;
 * masking takes the irqfd away, so that events collect in the eventfd, which
 * is exactly a pending bit.
 *
 * KVM takes the routing table as a whole and refuses it whole, so a message
 * that KVM would refuse is never put in (irq_msg_valid), and changes are
 * gathered and committed once (irq_commit). Order: route, commit, irqfd; on
 * the way down the reverse.
 *
 * When GSIs run out (KVM_CAP_IRQ_ROUTING), a route works through the event
 * loop and KVM_SIGNAL_MSI instead, with a warning: slower, not broken. Those
 * are counted in irq.by_userspace.
 *
 * Locks: struct irq has a leaf lock of its own for the table and the
 * allocator. A single route or line is protected by the lock of the device
 * that owns it. The fallback handler takes no device lock.
 */
#ifndef VMM_IRQ_H
#define VMM_IRQ_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/counter.h"
#include "vmm/base/err.h"
#include "vmm/loop.h"

struct kvm_irq_routing;

enum { IRQ_PINS = 24 };

struct msi_msg {
	uint64_t address;
	uint32_t data;
};

enum irq_gsi_state {
	IRQ_GSI_FREE,	/* nobody's; also the pins, which are not ours */
	IRQ_GSI_ROUTED, /* a route's, msg[] is in the next commit */
};

struct irq {
	int vm_fd;
	struct loop *loop;
	pthread_mutex_t lock;
	struct msi_msg *msg; /* by GSI, n_gsi entries; NULL: not open */
	uint8_t *state;	     /* by GSI: enum irq_gsi_state */
	unsigned n_gsi;	     /* KVM_CAP_IRQ_ROUTING */
	unsigned top;	     /* no GSI from here on is routed */
	struct kvm_irq_routing *table; /* as KVM has it */
	bool dirty;		       /* msg[] or state[] changed since */
	bool warned;		       /* said that GSIs ran out */
	counter commits;
	counter gsis;	/* taken by messages */
	counter routes; /* of messages, in KVM's table */
	counter irqfds; /* tied, of messages and lines; any device's lock */
	atomic_ulong by_userspace; /* interrupts that passed through us */
};

/* @vm_fd and @loop are borrowed. @n_gsi is KVM_CAP_IRQ_ROUTING. Commits the
 * base table (the irqchip's pins). */
int irq_open(struct irq *q, int vm_fd, struct loop *loop, unsigned n_gsi,
	     struct err *e);
void irq_close(struct irq *q); /* safe on a zeroed one, and twice */

/* Commit what msi_route_* changed; no call to KVM if nothing did. */
int irq_commit(struct irq *q, struct err *e);

/* Would it call? Another device's change counts as well. */
bool irq_is_dirty(struct irq *q);

/* Would KVM take it? On x86: address 0xfee....., upper half as the x2APIC mode
 * in use allows, see arch_msi_valid. */
bool irq_msg_valid(const struct msi_msg *m);

/* -------- messages: MSI and MSI-X -------- */

/* How its events came to the guest. What KVM injects it does not count. */
struct msi_counts {
	counter irqfds;	 /* times that an irqfd was tied: KVM injects then */
	counter by_loop; /* injected by the loop */
	counter held;	 /* came while masked, and were injected as one after */
	counter dropped; /* collected while masked, and thrown away */
};

struct msi_route {
	struct irq *irq;
	int fd;	      /* eventfd, ours for life; anyone may signal it */
	int gsi;      /* -1: none, or the loop delivers */
	bool live;    /* an irqfd (or the loop) listens */
	bool by_loop; /* delivered by the loop: GSIs ran out */
	struct msi_msg msg;
	struct loop_fd watch; /* for by_loop */
	struct msi_counts counts;
};

#define MSI_ROUTE_EMPTY ((struct msi_route){ .fd = -1, .gsi = -1 })

/* Make the eventfd; neither GSI nor irqfd yet. @r is MSI_ROUTE_EMPTY or was
 * closed. */
int msi_route_open(struct msi_route *r, struct irq *q, struct err *e);
/* Mask, free GSI and eventfd; safe on an empty one. The route leaves the table
 * at the next commit. */
void msi_route_close(struct msi_route *r);

/* Set the message; takes a GSI at the first call. The change is gathered until
 * irq_commit, unless equal. -EINVAL: KVM would refuse the message, the route
 * is unchanged and must not be unmasked. */
int msi_route_set(struct msi_route *r, const struct msi_msg *m, struct err *e);
/* Let events through: events that collected while masked are injected once.
 * The message must have been set and committed. */
int msi_route_unmask(struct msi_route *r, struct err *e);
/* Hold events back from now on; one in flight may still arrive. */
void msi_route_mask(struct msi_route *r);
/* Masked, and something came? (the PBA's bit) */
bool msi_route_pending(const struct msi_route *r);
/* Forget what collected: after a reset of the function. */
void msi_route_drain(struct msi_route *r);

/* -------- lines: IOAPIC pins -------- */

/* An edge-triggered ISA line of an emulated device. */
int irq_line_set(struct irq *q, unsigned gsi, int level);

/* A level-triggered line driven by an eventfd (INTx of an assigned function):
 * signal @fd to assert; when the guest ends the interrupt KVM deasserts and
 * signals @resample_fd. KVM_CAP_IRQFD_RESAMPLE. Several may share a GSI. */
struct irq_line {
	struct irq *irq;
	int fd, resample_fd; /* eventfds, ours */
	unsigned gsi;
	bool live;
	counter ties; /* times that KVM began to listen */
};

#define IRQ_LINE_EMPTY ((struct irq_line){ .fd = -1, .resample_fd = -1 })

int irq_line_open(struct irq_line *l, struct irq *q, unsigned gsi,
		  struct err *e);
void irq_line_close(struct irq_line *l);
/* Tie to and untie from KVM; both may be repeated. */
int irq_line_attach(struct irq_line *l, struct err *e);
void irq_line_detach(struct irq_line *l);

#endif

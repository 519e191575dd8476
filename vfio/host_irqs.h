/* vfio/host_irqs.h - how often a function interrupted the host
 *
 * Interrupts of an assigned function go from the host's handler through an
 * eventfd to KVM, and we see none of them. The host's kernel counts what its
 * handler was called for, by its own interrupt numbers, and forgets that count
 * when VFIO gives the number back. So we look just before that, and add up.
 *
 *     /sys/bus/pci/devices/BDF/msi_irqs/45      its messages' numbers
 *     /sys/kernel/irq/45/actions                vfio-msix[3](BDF)
 *     /sys/kernel/irq/45/per_cpu_count          17,0,4
 *
 * Not modelled: functions behind a socket, whose interrupts no kernel counts.
 */
#ifndef VFIO_HOST_IRQS_H
#define VFIO_HOST_IRQS_H

#include <stdint.h>

#include "vmm/base/counter.h"

struct host_irqs {
	unsigned n;	   /* vectors there is room for */
	counter *vector;   /* NULL: nobody wants to know */
	counter intx;	   /* with others that share the line */
	counter intx_from; /* what the host's count was when we began */
};

/* Count from now on; until then, and if memory is short, nothing is looked at.
 * @n is how many vectors the function has. */
void host_irqs_init(struct host_irqs *h, unsigned n);
void host_irqs_fini(struct host_irqs *h);
/* VFIO has just taken the line: what was before is not ours. */
void host_irqs_begin_intx(struct host_irqs *h, const char *bdf);
/* Add what the host counts for @bdf now: its interrupts are about to go. */
void host_irqs_keep_messages(struct host_irqs *h, const char *bdf);
void host_irqs_keep_intx(struct host_irqs *h, const char *bdf);
/* The same into *out, a copy of @h with vectors of its own (host_irqs_init with
 * the same n). */
void host_irqs_copy(struct host_irqs *out, const struct host_irqs *h);

#endif

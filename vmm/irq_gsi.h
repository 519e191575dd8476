/* vmm/irq_gsi.h - GSIs of message routes, between irq.c and msi_route.c
 *
 * All with q->lock held.
 */
#ifndef VMM_IRQ_GSI_H
#define VMM_IRQ_GSI_H

#include "vmm/irq.h"

/* The lowest free GSI, routed to @m from the next commit on; -ENOSPC. */
int irq_gsi_take(struct irq *q, const struct msi_msg *m);
void irq_gsi_set(struct irq *q, int gsi, const struct msi_msg *m);
/* Its irqfd is gone already: an event on an unrouted GSI would be lost. */
void irq_gsi_free(struct irq *q, int gsi);

#endif

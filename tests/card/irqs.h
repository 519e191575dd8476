/* tests/card/irqs.h - the interrupts of a function
 *
 * A client gives an eventfd for each vector. A masked vector waits: its
 * interrupt comes once, when it is unmasked. INTx is a level: while the line
 * is up and not masked its eventfd is signalled once, and the line is masked
 * until the client says that its guest is done with it; if the line is still
 * up then, the eventfd is signalled again (VFIO_IRQ_INFO_AUTOMASKED).
 *
 * Not modelled: the mask bits of MSI and MSI-X in config space and in the
 * table, which are the client's; it masks by VFIO_DEVICE_SET_IRQS, or gives
 * other eventfds.
 */
#ifndef CARD_IRQS_H
#define CARD_IRQS_H

#include <linux/vfio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/card/description.h"

struct irq_vector {
	int fd; /* -1: disabled */
	bool masked, waits;
};

struct irq_index {
	unsigned count;
	struct irq_vector *vector;
};

struct irqs {
	struct irq_index index[VFIO_PCI_NUM_IRQS];
	int mask_fd, unmask_fd; /* INTx's, from the client; -1: none */
	uint32_t pending;	/* INTx: CARD_PENDING */
	bool intx_off;		/* Interrupt Disable of the command register */
	unsigned lose, twice;	/* faults: of the next so many */
	uint32_t sent, unsent;	/* since the last reset */
	uint64_t total;
};

int irqs_open(struct irqs *q, const struct function_text *text, struct err *e);
void irqs_close(struct irqs *q);

/* What a reset does: nothing waits any more; eventfds stay, they are the
 * client's. */
void irqs_reset(struct irqs *q);
/* The client is gone. */
void irqs_forget(struct irqs *q);

/* VFIO_IRQ_INFO_... of an index. */
uint32_t irqs_flags(unsigned index);

/* What a message asks for, without the data. */
struct irq_order {
	uint32_t flags, index, start, count;
	const uint8_t *bools; /* with VFIO_IRQ_SET_DATA_BOOL: @n_bools */
	size_t n_bools;
	int *fds; /* those that are kept become -1 */
	unsigned n_fds;
};

/* VFIO_DEVICE_SET_IRQS; a negative errno goes to the client. */
int irqs_set(struct irqs *q, const struct irq_order *o);

/* The engine's interrupt, by the kind that is enabled. */
void irqs_send(struct irqs *q, unsigned vector);
/* ERR or REQ; whether anybody listens. */
bool irqs_tell(struct irqs *q, unsigned index);

/* INTx: one of the client's eventfds was signalled. */
void irqs_intx_masked(struct irqs *q);
void irqs_intx_unmasked(struct irqs *q);
/* The guest has seen these vectors. */
void irqs_intx_clear(struct irqs *q, uint32_t bits);
void irqs_intx_disable(struct irqs *q, bool off);
/* Is the line up? */
bool irqs_intx_up(const struct irqs *q);

#endif

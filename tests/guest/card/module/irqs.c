/* tests/guest/card/module/irqs.c - MSI-X, MSI or INTx
 *
 * The newest kind that card and machine have is taken. With MSI-X and MSI each
 * vector has a handler of its own. INTx is one line, which other functions may
 * share: the handler asks the card which vectors wait, and only clearing them
 * lets the line fall.
 *
 * Linux masks lazily: disable_irq() alone touches the card only when an
 * interrupt comes nonetheless. IRQ_DISABLE_UNLAZY makes it set the mask bit at
 * once, which is what we want to see work (kernel/irq/chip.c).
 *
 * Not modelled: MSI without mask bits. There Linux takes the interrupt, keeps
 * it to itself, and repeats it when it is enabled; the outcome is the same.
 */
#include "card.h"

#include <linux/interrupt.h>
#include <linux/irq.h>

static void arrive(struct card_vector *vector)
{
	atomic_inc(&vector->count);
	complete(&vector->arrived);
}

static irqreturn_t message_came(int irq, void *data)
{
	arrive(data);
	return IRQ_HANDLED;
}

static irqreturn_t line_is_up(int irq, void *data)
{
	struct card *card = data;
	unsigned int i;
	u32 pending;

	/* The line is up for another function: ours is off, whatever waits. */
	if (READ_ONCE(card->vectors[0].masked))
		return IRQ_NONE;
	pending = card_get(card, CARD_PENDING);
	if (!pending || (pending == ~0U && card_gone(card)))
		return IRQ_NONE;
	card_set(card, CARD_PENDING, pending);
	/* A read waits until the write has arrived, and so has the line's
	 * fall, before the interrupt controller looks at the line again. */
	card_get(card, CARD_PENDING);
	for (i = 0; i < card->n_vectors; i++)
		if (pending & 1U << i)
			arrive(&card->vectors[i]);
	return IRQ_HANDLED;
}

/* -------- the kinds -------- */

static int request_messages(struct card *card)
{
	unsigned int i;
	int irq, rc;

	for (i = 0; i < card->n_vectors; i++) {
		struct card_vector *v = &card->vectors[i];

		irq = pci_irq_vector(card->pdev, i);
		if (irq < 0)
			return irq;
		irq_set_status_flags(irq, IRQ_DISABLE_UNLAZY);
		rc = request_irq(irq, message_came, 0, v->name, v);
		if (rc < 0)
			return rc;
		v->irq = irq;
	}
	return 0;
}

/* Vector 0 stands for the line. */
static int request_line(struct card *card)
{
	struct card_vector *v = &card->vectors[0];
	int irq = pci_irq_vector(card->pdev, 0);
	int rc;

	if (irq < 0)
		return irq;
	card_set(card, CARD_PENDING, ~0U); /* left by whoever was before us */
	rc = request_irq(irq, line_is_up, IRQF_SHARED, v->name, card);
	if (rc < 0)
		return rc;
	v->irq = irq;
	return 0;
}

static const struct {
	unsigned int type;
	const char *name;
} kinds[] = {
	{ PCI_IRQ_MSIX, "msix" },
	{ PCI_IRQ_MSI, "msi" },
	{ PCI_IRQ_INTX, "intx" },
};

const char *card_irq_kind(const struct card *card)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].type == card->irq_type)
			return kinds[i].name;
	return "none";
}

/* How many were given; the first kind of which there is any. */
static int allocate(struct card *card, unsigned int wanted)
{
	unsigned int i;
	int n = -ENODEV;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		n = pci_alloc_irq_vectors(card->pdev, 1, wanted, kinds[i].type);
		if (n > 0) {
			card->irq_type = kinds[i].type;
			return n;
		}
	}
	return n;
}

int card_irqs_open(struct card *card)
{
	unsigned int wanted =
		min_t(u32, card_get(card, CARD_VECTORS), CARD_MAX_VECTORS);
	unsigned int i;
	int n = allocate(card, wanted);

	if (n < 0) {
		pci_err(card->pdev, "no interrupt of any kind: %d\n", n);
		return n;
	}
	/* The line carries all vectors, a message only one. */
	card->n_vectors = card->irq_type == PCI_IRQ_INTX ? wanted : n;
	for (i = 0; i < card->n_vectors; i++) {
		struct card_vector *v = &card->vectors[i];

		v->number = i;
		init_completion(&v->arrived);
		snprintf(v->name, sizeof(v->name), "card %s %u",
			 pci_name(card->pdev), i);
	}
	if (card->irq_type == PCI_IRQ_INTX)
		n = request_line(card);
	else
		n = request_messages(card);
	if (n < 0)
		pci_err(card->pdev, "cannot take interrupts: %d\n", n);
	return n;
}

void card_irqs_close(struct card *card)
{
	unsigned int i;

	for (i = 0; i < card->n_vectors; i++) {
		struct card_vector *v = &card->vectors[i];

		if (!v->irq)
			continue;
		if (card->irq_type == PCI_IRQ_INTX)
			free_irq(v->irq, card);
		else
			free_irq(v->irq, v);
		v->irq = 0;
	}
	/* Nobody would answer the line from now on. pci_enable_device() of the
	 * next driver turns it on again. */
	if (card->irq_type == PCI_IRQ_INTX)
		pci_intx(card->pdev, 0);
	if (card->irq_type)
		pci_free_irq_vectors(card->pdev);
	card->irq_type = 0;
	card->n_vectors = 0;
}

/* -------- masking -------- */

/* INTx has one bit for all vectors, Interrupt Disable in the command register.
 */
static void set_masks(struct card *card, struct card_vector *vector, bool mask)
{
	unsigned int i;

	if (card->irq_type != PCI_IRQ_INTX) {
		vector->masked = mask;
		return;
	}
	for (i = 0; i < card->n_vectors; i++)
		WRITE_ONCE(card->vectors[i].masked, mask);
}

int card_irq_mask(struct card *card, struct card_vector *vector)
{
	if (vector->masked)
		return -EALREADY;
	if (card->irq_type == PCI_IRQ_INTX)
		pci_intx(card->pdev, 0);
	else
		disable_irq(vector->irq);
	set_masks(card, vector, true);
	return 0;
}

int card_irq_unmask(struct card *card, struct card_vector *vector)
{
	if (!vector->masked)
		return -EALREADY;
	set_masks(card, vector, false);
	if (card->irq_type == PCI_IRQ_INTX)
		pci_intx(card->pdev, 1);
	else
		enable_irq(vector->irq);
	return 0;
}

/* tests/guest/card/module/engine.c - one operation, and how it ended
 *
 *     registers   source, target, count
 *     doorbell    operation and vector: it starts
 *     interrupt   it ended; the status register says how
 *
 * Nothing here waits without a limit. An engine that does not stop in time may
 * still write to memory that we are about to give back, so it loses the right
 * to use the bus; `reset` gives it back.
 */
#include "card.h"

#include <linux/crc32.h>
#include <linux/io.h>

u32 card_get(const struct card *card, unsigned int reg)
{
	return readl(card->regs + reg);
}

void card_set(const struct card *card, unsigned int reg, u32 value)
{
	writel(value, card->regs + reg);
}

bool card_gone(const struct card *card)
{
	return card_get(card, CARD_MAGIC) == ~0U;
}

static void start(struct card *card, const struct card_order *order)
{
	card_set(card, CARD_SOURCE_LOW, lower_32_bits(order->source));
	card_set(card, CARD_SOURCE_HIGH, upper_32_bits(order->source));
	card_set(card, CARD_TARGET_LOW, lower_32_bits(order->target));
	card_set(card, CARD_TARGET_HIGH, upper_32_bits(order->target));
	card_set(card, CARD_COUNT, order->count);
	card_set(card, CARD_DOORBELL, order->vector << 16 | order->operation);
}

/* The interrupt may be a late one, of an operation that was given up. Then
 * this one still runs. Returns whether the last to come was ours. */
static bool wait_for_end(struct card *card, struct card_vector *vector,
			 unsigned int ms)
{
	unsigned long left = msecs_to_jiffies(ms);

	do {
		left = wait_for_completion_timeout(&vector->arrived, left);
	} while (left && card_get(card, CARD_STATUS) == CARD_STATUS_BUSY);
	return left != 0;
}

static int outcome(struct card *card, const struct card_order *order, bool came)
{
	u32 status = card_get(card, CARD_STATUS);

	switch (status) {
	case CARD_STATUS_OK:
		if (came)
			return 0;
		return card_fail(card, -ETIMEDOUT, "no interrupt of vector %u",
				 order->vector);
	case CARD_STATUS_IDLE:
		return card_fail(card, -EIO, "reset by somebody meanwhile");
	case CARD_STATUS_BUSY:
		pci_clear_master(card->pdev);
		return card_fail(card, -ETIMEDOUT, "the engine does not end");
	case CARD_STATUS_BUS_ERROR:
		return card_fail(card, -EFAULT, "bus error");
	case CARD_STATUS_BAD_COMMAND:
		return card_fail(card, -EINVAL, "the card refuses the order");
	case CARD_STATUS_NO_BUS_MASTER:
		return card_fail(card, -EPERM, "the card is not bus master");
	case ~0U:
		return card_fail(card, -ENODEV, "the card is gone");
	default:
		return card_fail(card, -EIO, "the status is %#x", status);
	}
}

int card_run_within(struct card *card, const struct card_order *order,
		    unsigned int ms)
{
	struct card_vector *vector;
	u32 status = card_get(card, CARD_STATUS);

	if (order->vector >= card->n_vectors)
		return card_fail(card, -EINVAL, "no vector %u", order->vector);
	if (status == ~0U)
		return card_fail(card, -ENODEV, "the card is gone");
	if (status == CARD_STATUS_BUSY)
		return card_fail(card, -EBUSY, "the engine is still busy");
	vector = &card->vectors[order->vector];
	reinit_completion(&vector->arrived);
	start(card, order);
	return outcome(card, order, wait_for_end(card, vector, ms));
}

int card_run(struct card *card, const struct card_order *order)
{
	return card_run_within(card, order, CARD_PATIENCE_MS);
}

int card_ring(struct card *card, unsigned int vector, unsigned int ms)
{
	const struct card_order order = {
		.operation = CARD_OP_IRQ,
		.vector = vector,
	};

	return card_run_within(card, &order, ms);
}

/* The kernel's crc32_le() leaves the inversions at both ends to us. */
u32 card_crc(u32 crc, const void *p, size_t n)
{
	return ~crc32_le(~crc, p, n);
}

/* tests/guest/card/module/peer.c - from card to card, without host memory
 *
 *     this card's memory --(its engine)--> the peer's memory BAR
 *     this card's memory <--(its engine)-- the peer's memory BAR
 *
 * The peer only answers, as memory does. To this card the peer's BAR is one
 * more bus address: dma_map_resource() gives the one to use, which without an
 * IOMMU is simply where the BAR is, and with one is a mapping in front of it.
 *
 * A driver for daily use would ask pci_p2pdma_distance() whether the path
 * between the two exists. This one tries, because that is the question here.
 */
#include "card.h"

#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

enum {
	PIECE = 1 << 20,  /* of an operation */
	STAGE = 64 << 10, /* of a look through a BAR */
	RUBBISH = 0xa5,
	LIMIT_S = 30, /* a BAR that traps may take a minute for a megabyte */
};

struct meeting {
	struct card *card;
	struct pci_dev *peer;
	void __iomem *mine, *theirs;
	void *stage;
	dma_addr_t bus; /* of the peer's memory, for our engine */
	bool mapped;
	u64 bytes;
	u64 seed;
	unsigned long deadline; /* in jiffies */
};

/* Between two steps: may it go on? */
static int go_on(struct meeting *m)
{
	cond_resched();
	if (signal_pending(current))
		return -EINTR;
	if (time_after(jiffies, m->deadline))
		return card_fail(m->card, -ETIMEDOUT, "not done after %d s",
				 LIMIT_S);
	return 0;
}

/* -------- the CPU's view -------- */

static int store_pattern(struct meeting *m, void __iomem *p)
{
	u64 at;
	int rc = 0;

	for (at = 0; at < m->bytes && rc == 0; at += STAGE) {
		card_pattern_fill(m->stage, STAGE, m->seed, at);
		memcpy_toio(p + at, m->stage, STAGE);
		rc = go_on(m);
	}
	return rc;
}

static int store_rubbish(struct meeting *m, void __iomem *p)
{
	u64 at;
	int rc = 0;

	for (at = 0; at < m->bytes && rc == 0; at += STAGE) {
		memset_io(p + at, RUBBISH, STAGE);
		rc = go_on(m);
	}
	return rc;
}

static int find_pattern(struct meeting *m, void __iomem *p, const char *whose)
{
	u64 at;
	int rc = 0;

	for (at = 0; at < m->bytes && rc == 0; at += STAGE) {
		memcpy_fromio(m->stage, p + at, STAGE);
		if (!card_pattern_holds(m->stage, STAGE, m->seed, at))
			return card_fail(m->card, -EIO,
					 "%s memory has other bytes at %#llx",
					 whose, at);
		rc = go_on(m);
	}
	return rc;
}

/* -------- the engine's work -------- */

static int run_pieces(struct meeting *m, unsigned int operation)
{
	u64 at;
	int rc;

	for (at = 0; at < m->bytes; at += PIECE) {
		bool out = operation == CARD_OP_FROM_CARD;
		const struct card_order order = {
			.operation = operation,
			.source = out ? at : m->bus + at,
			.target = out ? m->bus + at : at,
			.count = PIECE,
		};

		rc = card_run(m->card, &order);
		if (rc == 0)
			rc = go_on(m);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int there(struct meeting *m)
{
	int rc = store_pattern(m, m->mine);

	if (rc == 0)
		rc = store_rubbish(m, m->theirs);
	if (rc == 0)
		rc = run_pieces(m, CARD_OP_FROM_CARD);
	return rc < 0 ? rc : find_pattern(m, m->theirs, "the peer's");
}

static int back(struct meeting *m)
{
	int rc = store_rubbish(m, m->mine);

	if (rc == 0)
		rc = run_pieces(m, CARD_OP_TO_CARD);
	return rc < 0 ? rc : find_pattern(m, m->mine, "the card's own");
}

/* -------- the meeting -------- */

static int meeting_build(struct meeting *m, struct card *other)
{
	struct device *dev = &m->card->pdev->dev;
	const struct card_place *place = &other->found.memory;
	phys_addr_t where =
		pci_resource_start(m->peer, place->bar) + place->offset;

	m->mine = card_memory_map(m->card, 0, m->bytes);
	m->theirs = card_memory_map(other, 0, m->bytes);
	m->stage = kmalloc(STAGE, GFP_KERNEL);
	if (!m->mine || !m->theirs || !m->stage)
		return card_fail(m->card, -ENOMEM, "no memory");
	m->bus = dma_map_resource(dev, where, m->bytes, DMA_BIDIRECTIONAL, 0);
	if (dma_mapping_error(dev, m->bus))
		return card_fail(m->card, -EREMOTEIO,
				 "the peer's BAR cannot be mapped for DMA");
	m->mapped = true;
	return 0;
}

static void meeting_close(struct meeting *m)
{
	if (m->mapped)
		dma_unmap_resource(&m->card->pdev->dev, m->bus, m->bytes,
				   DMA_BIDIRECTIONAL, 0);
	m->mapped = false;
	kfree(m->stage);
	m->stage = NULL;
	if (m->theirs)
		pci_iounmap(m->peer, m->theirs);
	m->theirs = NULL;
	if (m->mine)
		pci_iounmap(m->card->pdev, m->mine);
	m->mine = NULL;
}

static int meet_bound(struct card *card, struct pci_dev *peer, u64 bytes)
{
	struct card *other = pci_get_drvdata(peer);
	struct meeting m = {
		.card = card,
		.peer = peer,
		.bytes = bytes,
		.seed = ++card->seed,
		.deadline = jiffies + LIMIT_S * HZ,
	};
	int rc;

	if (bytes == 0 || bytes > card->memory || bytes > other->memory)
		return card_fail(card, -EINVAL, "that is more than memory");
	if (card_gone(other))
		return card_fail(card, -ENODEV, "the peer is gone");
	rc = meeting_build(&m, other);
	if (rc == 0)
		rc = there(&m);
	if (rc == 0)
		rc = back(&m);
	meeting_close(&m);
	if (rc < 0)
		return rc;
	return card_tell(card, "bytes=%llu bus=%pad", 2 * bytes, &m.bus);
}

/* The peer's own commands use its memory as well. */
static int meet_idle(struct card *card, struct pci_dev *peer, u64 bytes)
{
	struct card *other = pci_get_drvdata(peer);
	int rc;

	if (!mutex_trylock(&other->lock))
		return card_fail(card, -EBUSY, "the peer runs a command");
	rc = meet_bound(card, peer, bytes);
	mutex_unlock(&other->lock);
	return rc;
}

/* The peer's device lock keeps its driver, and so what we know of it, in place.
 * Both locks are only tried: two cards that meet each other, or that leave
 * while they do, would wait for ever. */
int card_meet(struct card *card, struct pci_dev *peer, u64 bytes)
{
	int rc;

	if (peer == card->pdev)
		return card_fail(card, -EINVAL, "a card is no peer of itself");
	if (!device_trylock(&peer->dev))
		return card_fail(card, -EBUSY, "the peer is busy");
	if (peer->dev.driver == card->pdev->dev.driver)
		rc = meet_idle(card, peer, bytes);
	else
		rc = card_fail(card, -ENXIO, "the peer has another driver");
	device_unlock(&peer->dev);
	return rc;
}

/* tests/guest/card/module/transfer.c - DMA with verification
 *
 *     to     pattern in a page of ours -> card; its checksum, and a look
 *            through the BAR, must agree with what we sent
 *     from   card -> the same page, cleared before; likewise
 *     both   one after the other: the pattern must come back
 *
 * Mapped and unmapped piece by piece ("streaming", Documentation/core-api/
 * dma-api-howto.rst), as drivers of disks and NICs do it: with an IOMMU each
 * piece is a new mapping with just the rights that it needs. The card's memory
 * is used from its end downwards, where offsets of a big card need 64 bits.
 */
#include "card.h"

#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

enum {
	PIECE_ORDER = 8, /* 1 MiB; less where memory is in pieces */
	LOOK = 512, /* bytes of each piece that are compared through the BAR */
	RUBBISH = 0x5a,
};

struct transfer {
	struct card *card;
	unsigned int vector;
	void *buffer;
	unsigned int order;   /* of the buffer's pages */
	void __iomem *memory; /* the part of card memory that is used */
	u64 base;	      /* its offset in card memory */
	u64 bytes;
	u64 seed;
	bool know; /* the pattern is there to be found */
	u32 crc;   /* of all bytes moved, one way */
	u64 ns;	   /* that the engine took */
};

/* -------- patterns -------- */

/* Every word differs from every other and from those of the next seed. The
 * factors are those of splitmix64, a well-known random number generator. */
static u64 pattern(u64 seed, u64 at)
{
	u64 v = seed * 0x9e3779b97f4a7c15ULL + at;

	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9ULL;
	v = (v ^ v >> 27) * 0x94d049bb133111ebULL;
	return v ^ v >> 31;
}

void card_pattern_fill(void *p, size_t n, u64 seed, u64 at)
{
	u64 *words = p;
	size_t i;

	for (i = 0; i < n / sizeof(*words); i++)
		words[i] = pattern(seed, at + i * sizeof(*words));
}

bool card_pattern_holds(const void *p, size_t n, u64 seed, u64 at)
{
	const u64 *words = p;
	size_t i;

	for (i = 0; i < n / sizeof(*words); i++)
		if (words[i] != pattern(seed, at + i * sizeof(*words)))
			return false;
	return true;
}

void __iomem *card_memory_map(struct card *card, u64 at, u64 bytes)
{
	const struct card_place *place = &card->found.memory;

	return pci_iomap_range(card->pdev, place->bar, place->offset + at,
			       bytes);
}

/* -------- one piece -------- */

static int run_timed(struct transfer *t, const struct card_order *order)
{
	u64 begin = ktime_get_ns();
	int rc = card_run(t->card, order);

	t->ns += ktime_get_ns() - begin;
	return rc;
}

/* The buffer belongs to the card between map and unmap, and only then. */
static int run_mapped(struct transfer *t, u64 at, u32 n,
		      enum dma_data_direction way)
{
	struct device *dev = &t->card->pdev->dev;
	dma_addr_t bus = dma_map_single(dev, t->buffer, n, way);
	struct card_order order = { .vector = t->vector, .count = n };
	int rc;

	if (dma_mapping_error(dev, bus))
		return card_fail(t->card, -ENOMEM, "cannot map for DMA");
	if (way == DMA_TO_DEVICE) {
		order.operation = CARD_OP_TO_CARD;
		order.source = bus;
		order.target = t->base + at;
	} else {
		order.operation = CARD_OP_FROM_CARD;
		order.source = t->base + at;
		order.target = bus;
	}
	rc = run_timed(t, &order);
	dma_unmap_single(dev, bus, n, way);
	return rc;
}

/* What we hold, what the card says it moved, and what the BAR shows. */
static int compare(struct transfer *t, u64 at, u32 n)
{
	u32 theirs = card_get(t->card, CARD_CHECKSUM);
	u32 ours = card_crc(0, t->buffer, n);
	u8 look[LOOK];

	if (ours != theirs)
		return card_fail(t->card, -EIO,
				 "at %#llx the card's CRC is %08x, not %08x",
				 t->base + at, theirs, ours);
	memcpy_fromio(look, t->memory + at, min_t(u32, n, LOOK));
	if (memcmp(look, t->buffer, min_t(u32, n, LOOK)) != 0)
		return card_fail(t->card, -EIO,
				 "at %#llx the BAR shows other bytes",
				 t->base + at);
	t->crc = card_crc(t->crc, t->buffer, n);
	return 0;
}

static int piece_to(struct transfer *t, u64 at, u32 n)
{
	int rc;

	card_pattern_fill(t->buffer, n, t->seed, at);
	rc = run_mapped(t, at, n, DMA_TO_DEVICE);
	return rc < 0 ? rc : compare(t, at, n);
}

static int piece_from(struct transfer *t, u64 at, u32 n)
{
	int rc;

	memset(t->buffer, RUBBISH, n);
	rc = run_mapped(t, at, n, DMA_FROM_DEVICE);
	if (rc < 0)
		return rc;
	if (t->know && !card_pattern_holds(t->buffer, n, t->seed, at))
		return card_fail(t->card, -EIO,
				 "at %#llx other bytes came back",
				 t->base + at);
	return compare(t, at, n);
}

/* -------- all of them -------- */

static int each_piece(struct transfer *t,
		      int (*move)(struct transfer *t, u64 at, u32 n))
{
	u64 piece = PAGE_SIZE << t->order;
	u64 at;
	int rc;

	t->crc = 0;
	for (at = 0; at < t->bytes; at += piece) {
		if (signal_pending(current))
			return -EINTR;
		rc = move(t, at, min(piece, t->bytes - at));
		if (rc < 0)
			return rc;
		cond_resched();
	}
	return 0;
}

static int run_ways(struct transfer *t, enum card_way way)
{
	u32 sent;
	int rc;

	if (way & CARD_TO) {
		rc = each_piece(t, piece_to);
		if (rc < 0)
			return rc;
	}
	sent = t->crc;
	t->know = way & CARD_TO;
	if (way & CARD_FROM) {
		rc = each_piece(t, piece_from);
		if (rc < 0)
			return rc;
	}
	if (way == CARD_BOTH && t->crc != sent)
		return card_fail(t->card, -EIO, "sent %08x, got %08x", sent,
				 t->crc);
	return 0;
}

static int transfer_open(struct transfer *t)
{
	t->memory = card_memory_map(t->card, t->base, t->bytes);
	if (!t->memory)
		return card_fail(t->card, -ENOMEM, "cannot map card memory");
	for (t->order = PIECE_ORDER;; t->order--) {
		t->buffer = (void *)__get_free_pages(GFP_KERNEL | __GFP_NOWARN,
						     t->order);
		if (t->buffer)
			return 0;
		if (t->order == 0)
			return card_fail(t->card, -ENOMEM, "no memory");
	}
}

static void transfer_close(struct transfer *t)
{
	if (t->buffer)
		free_pages((unsigned long)t->buffer, t->order);
	if (t->memory)
		pci_iounmap(t->card->pdev, t->memory);
	t->buffer = NULL;
	t->memory = NULL;
}

int card_move(struct card *card, enum card_way way, u64 bytes,
	      unsigned int vector)
{
	struct transfer t = {
		.card = card,
		.vector = vector,
		.bytes = bytes,
		.seed = ++card->seed,
	};
	int rc;

	if (bytes == 0 || bytes > card->memory)
		return card_fail(card, -EINVAL, "the card has %llu bytes",
				 card->memory);
	t.base = card->memory - bytes;
	rc = transfer_open(&t);
	if (rc == 0)
		rc = run_ways(&t, way);
	transfer_close(&t);
	if (rc < 0)
		return rc;
	return card_tell(card, "bytes=%llu crc=%08x microseconds=%llu",
			 way == CARD_BOTH ? 2 * bytes : bytes, t.crc,
			 t.ns / NSEC_PER_USEC);
}

/* -------- host memory to host memory -------- */

static int copy_coherent(struct card *card, u8 *from, dma_addr_t bus,
			 unsigned int vector)
{
	const struct card_order order = {
		.operation = CARD_OP_BUS,
		.vector = vector,
		.source = bus,
		.target = bus + PAGE_SIZE,
		.count = PAGE_SIZE,
	};
	u64 seed = ++card->seed;
	int rc;

	card_pattern_fill(from, PAGE_SIZE, seed, 0);
	memset(from + PAGE_SIZE, RUBBISH, PAGE_SIZE);
	rc = card_run(card, &order);
	if (rc < 0)
		return rc;
	if (!card_pattern_holds(from + PAGE_SIZE, PAGE_SIZE, seed, 0))
		return card_fail(card, -EIO, "the copy has other bytes");
	if (card_get(card, CARD_CHECKSUM) != card_crc(0, from, PAGE_SIZE))
		return card_fail(card, -EIO, "the copy has another CRC");
	return card_tell(card, "bytes=%lu", PAGE_SIZE);
}

/* "Coherent": both may use it at any time, as a driver's rings. */
int card_copy(struct card *card, unsigned int vector)
{
	struct device *dev = &card->pdev->dev;
	dma_addr_t bus;
	u8 *pages = dma_alloc_coherent(dev, 2 * PAGE_SIZE, &bus, GFP_KERNEL);
	int rc;

	if (!pages)
		return card_fail(card, -ENOMEM, "no coherent memory");
	rc = copy_coherent(card, pages, bus, vector);
	dma_free_coherent(dev, 2 * PAGE_SIZE, pages, bus);
	return rc;
}

/* tests/guest/card/module/commands.c - what a user may ask for
 *
 * Words in, 0 or a negative errno out; what there is to say about it is left
 * for the attribute `result`.
 */
#include "card.h"

#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/string.h>

enum {
	MIB_SHIFT = 20,
	BACK_POLLS = 100,  /* for the card to answer after a reset, */
	BACK_POLL_MS = 10, /* 1 s in all */
	CHECK_BYTES = 1 << MIB_SHIFT,
	LATE_MS = 100, /* for a second interrupt, which must not come */
};

#define SCRATCH_MARK 0x600d5c12
#define NOBODYS_ADDRESS 0x7f0000000000ULL

static bool ends(const char *words)
{
	return *skip_spaces(words) == '\0';
}

static int bad_words(struct card *card, const char *usage)
{
	return card_fail(card, -EINVAL, "usage: %s", usage);
}

static struct card_vector *parse_vector(struct card *card, const char *words)
{
	unsigned int number;
	int end = 0;

	if (sscanf(words, "%u%n", &number, &end) < 1 || !ends(words + end) ||
	    number >= card->n_vectors)
		return NULL;
	return &card->vectors[number];
}

/* -------- interrupts -------- */

int card_fire(struct card *card, const char *words)
{
	struct card_vector *v = parse_vector(card, words);
	int rc;

	if (!v)
		return bad_words(card, "VECTOR");
	rc = card_ring(card, v->number, CARD_PATIENCE_MS);
	if (rc < 0)
		return rc;
	return card_tell(card, "vector=%u count=%d", v->number,
			 atomic_read(&v->count));
}

int card_mask(struct card *card, const char *words)
{
	struct card_vector *v = parse_vector(card, words);
	int rc;

	if (!v)
		return bad_words(card, "VECTOR");
	rc = card_irq_mask(card, v);
	if (rc < 0)
		return card_fail(card, rc, "it is masked");
	return card_tell(card, "vector=%u", v->number);
}

int card_unmask(struct card *card, const char *words)
{
	struct card_vector *v = parse_vector(card, words);
	int rc;

	if (!v)
		return bad_words(card, "VECTOR");
	rc = card_irq_unmask(card, v);
	if (rc < 0)
		return card_fail(card, rc, "it is not masked");
	return card_tell(card, "vector=%u", v->number);
}

/* -------- DMA -------- */

int card_transfer(struct card *card, const char *words)
{
	static const struct {
		const char *name;
		enum card_way way;
	} ways[] = {
		{ "to", CARD_TO },
		{ "from", CARD_FROM },
		{ "both", CARD_BOTH },
	};
	unsigned int mib, vector, i;
	char way[8];
	int end = 0;

	if (sscanf(words, "%7s %u %u%n", way, &mib, &vector, &end) < 3 ||
	    !ends(words + end))
		return bad_words(card, "to|from|both MIB VECTOR");
	for (i = 0; i < ARRAY_SIZE(ways); i++)
		if (strcmp(way, ways[i].name) == 0)
			return card_move(card, ways[i].way,
					 (u64)mib << MIB_SHIFT, vector);
	return bad_words(card, "to|from|both MIB VECTOR");
}

/* From an address of which nobody said that the card may use it. That of a
 * page is used, if there is one: the card's first page is overwritten. */
static int read_wildly(struct card *card, u64 address)
{
	const struct card_order order = {
		.operation = CARD_OP_TO_CARD,
		.source = address,
		.count = PAGE_SIZE,
	};

	return card_run(card, &order);
}

int card_wild(struct card *card, const char *words)
{
	u64 address;
	int rc;

	if (kstrtoull(words, 16, &address) < 0)
		return bad_words(card, "HEXADDRESS");
	rc = read_wildly(card, address);
	if (rc < 0)
		return rc;
	return card_tell(card, "address=%#llx crc=%08x", address,
			 card_get(card, CARD_CHECKSUM));
}

int card_peer(struct card *card, const char *words)
{
	unsigned int domain, bus, slot, function, mib;
	struct pci_dev *peer;
	int end = 0, rc;

	if (sscanf(words, "%x:%x:%x.%x %u%n", &domain, &bus, &slot, &function,
		   &mib, &end) < 5 ||
	    !ends(words + end) || bus > 0xff || slot > 0x1f || function > 7)
		return bad_words(card, "DOMAIN:BUS:SLOT.FUNCTION MIB");
	peer = pci_get_domain_bus_and_slot(domain, bus,
					   PCI_DEVFN(slot, function));
	if (!peer)
		return card_fail(card, -ENXIO, "there is no such function");
	rc = card_meet(card, peer, (u64)mib << MIB_SHIFT);
	pci_dev_put(peer);
	return rc;
}

/* -------- reset -------- */

static int wait_until_back(struct card *card)
{
	int i;

	for (i = 0; i < BACK_POLLS; i++) {
		if (!card_gone(card))
			return 0;
		msleep(BACK_POLL_MS);
	}
	return card_fail(card, -ENODEV, "the card did not come back");
}

/* Not pci_reset_function(): it waits for the device's lock, which whoever
 * removes the driver holds while waiting for us. */
static int reset_and_wait(struct card *card)
{
	int rc = pci_try_reset_function(card->pdev);

	if (rc == -EAGAIN)
		return card_fail(card, rc, "somebody else holds the function");
	if (rc < 0)
		return card_fail(card, rc, "the function cannot be reset");
	rc = wait_until_back(card);
	if (rc == 0)
		pci_set_master(card->pdev); /* lost by one that did not end */
	return rc;
}

int card_reset(struct card *card, const char *words)
{
	u32 before = card_get(card, CARD_RESETS);
	u32 after, scratch;
	int rc;

	if (card_gone(card))
		return card_fail(card, -ENODEV, "the card is gone");
	card_set(card, CARD_SCRATCH, SCRATCH_MARK);
	scratch = card_get(card, CARD_SCRATCH);
	if (scratch != SCRATCH_MARK)
		return card_fail(card, -EIO, "scratch keeps %#x", scratch);
	rc = reset_and_wait(card);
	if (rc < 0)
		return rc;
	scratch = card_get(card, CARD_SCRATCH);
	after = card_get(card, CARD_RESETS);
	if (scratch != 0)
		return card_fail(card, -EIO, "scratch survived: %#x", scratch);
	if (after == before)
		return card_fail(card, -EIO, "the card counts no reset");
	return card_tell(card, "resets=%u", after);
}

/* -------- everything in a row -------- */

static int check_fire(struct card *card)
{
	unsigned int i;
	int rc;

	for (i = 0; i < card->n_vectors; i++) {
		rc = card_ring(card, i, CARD_PATIENCE_MS);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Counts from the masked vector's ring on: none while masked, then one. */
static int masked_ring(struct card *card, struct card_vector *v, int before)
{
	int rc = card_ring(card, v->number, CARD_ENDED_MS);

	if (rc != -ETIMEDOUT)
		return card_fail(card, -EIO, "a masked ring ended with %d", rc);
	if (atomic_read(&v->count) != before)
		return card_fail(card, -EIO, "masked vector %u came",
				 v->number);
	return 0;
}

static int check_mask(struct card *card)
{
	struct card_vector *v = &card->vectors[card->n_vectors - 1];
	int before = atomic_read(&v->count);
	int rc = card_irq_mask(card, v);

	if (rc < 0)
		return card_fail(card, rc, "vector %u is masked", v->number);
	rc = masked_ring(card, v, before);
	card_irq_unmask(card, v);
	if (rc < 0)
		return rc;
	wait_for_completion_timeout(&v->arrived,
				    msecs_to_jiffies(CARD_PATIENCE_MS));
	msleep(LATE_MS);
	if (atomic_read(&v->count) != before + 1)
		return card_fail(card, -EIO, "vector %u came %d times",
				 v->number, atomic_read(&v->count) - before);
	return 0;
}

static int check_transfer(struct card *card)
{
	return card_move(card, CARD_BOTH, min_t(u64, CHECK_BYTES, card->memory),
			 card->n_vectors - 1);
}

static int check_copy(struct card *card)
{
	return card_copy(card, 0);
}

static int check_wild(struct card *card)
{
	int rc = read_wildly(card, NOBODYS_ADDRESS);

	if (rc == -EFAULT)
		return 0;
	return card_fail(card, -EIO, "DMA from nowhere ended with %d", rc);
}

static int check_reset(struct card *card)
{
	return card_reset(card, "");
}

static const struct {
	const char *name;
	int (*run)(struct card *card);
} checks[] = {
	{ "fire", check_fire },		{ "mask", check_mask },
	{ "transfer", check_transfer }, { "copy", check_copy },
	{ "wild", check_wild },		{ "reset", check_reset },
	{ "again", check_transfer },
};

int card_check(struct card *card, const char *words)
{
	char why[sizeof(card->details)];
	unsigned int i;
	int rc;

	for (i = 0; i < ARRAY_SIZE(checks); i++) {
		rc = checks[i].run(card);
		if (rc == 0)
			continue;
		strscpy(why, card->details, sizeof(why));
		return card_fail(card, rc, "FAIL in %s: %s", checks[i].name,
				 why);
	}
	return card_tell(card, "verdict=PASS checks=%zu", ARRAY_SIZE(checks));
}

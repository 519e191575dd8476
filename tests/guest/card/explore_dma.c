/* tests/guest/card/explore_dma.c - the card's engine, worked from userspace
 *
 *     our page, first half --(engine)--> card memory
 *     our page, second half <--(engine)-- card memory
 *
 * The engine is told where the page is in physical memory, and it is watched
 * by reading its status: no interrupt, since nobody here could take one.
 */
#include "explore.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/card/regs.h"

enum {
	HUGE_PAGE = 2 << 20,
	POLLS = 3000,
	POLL_NS = 1000000,
};

/* Memory whose parts are next to each other in physical memory too. */
struct buffer {
	uint8_t *bytes;
	size_t length;
	uint64_t physical;
};

/* CRC-32 as zlib and Ethernet have it: bits from the lowest on. */
static uint32_t crc32(const uint8_t *p, size_t n)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

/* -------- a page and its address -------- */

/* One entry of 64 bits for each page: bit 63 says present, bits 54:0 are the
 * page's number (Documentation/admin-guide/mm/pagemap.rst). Without
 * CAP_SYS_ADMIN the number reads as 0. */
static int find_physical(const struct card *card, struct buffer *b)
{
	uint64_t entry = 0, number;
	off_t at = (uintptr_t)b->bytes / PAGE * sizeof(entry);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return fail(card, "/proc/self/pagemap: %s", strerror(errno));
	n = pread(fd, &entry, sizeof(entry), at);
	close(fd);
	number = entry & ((1ULL << 55) - 1);
	if (n != sizeof(entry) || !(entry >> 63) || number == 0)
		return fail(card, "/proc/self/pagemap does not tell");
	b->physical = number * PAGE;
	return 0;
}

/* A huge page stays where it is. A small one, even locked, is only unlikely to
 * be moved in the moment that this takes. */
static int buffer_open(const struct card *card, struct buffer *out)
{
	static const struct {
		size_t length;
		int flags;
	} kinds[] = { { HUGE_PAGE, MAP_HUGETLB }, { PAGE, MAP_LOCKED } };
	void *p = MAP_FAILED;

	for (unsigned int i = 0; i < 2 && p == MAP_FAILED; i++) {
		out->length = kinds[i].length;
		p = mmap(NULL, out->length, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE |
				 kinds[i].flags,
			 -1, 0);
	}
	if (p == MAP_FAILED)
		return fail(card, "no memory: %s", strerror(errno));
	out->bytes = p;
	memset(out->bytes, 0, out->length);
	return find_physical(card, out);
}

static void buffer_close(struct buffer *b)
{
	if (b->bytes)
		munmap(b->bytes, b->length);
	b->bytes = NULL;
}

/* -------- the engine -------- */

static const char *status_text(uint32_t status)
{
	switch (status) {
	case CARD_STATUS_IDLE:
		return "idle";
	case CARD_STATUS_BUSY:
		return "still busy";
	case CARD_STATUS_OK:
		return "ok";
	case CARD_STATUS_BUS_ERROR:
		return "bus error";
	case CARD_STATUS_BAD_COMMAND:
		return "bad command";
	case CARD_STATUS_NO_BUS_MASTER:
		return "not bus master";
	case UINT32_MAX:
		return "gone";
	default:
		return "unknown";
	}
}

static uint32_t wait_for_end(const struct window *engine)
{
	const struct timespec moment = { .tv_nsec = POLL_NS };
	uint32_t status = reg(engine, CARD_STATUS);

	for (int i = 0; i < POLLS && status == CARD_STATUS_BUSY; i++) {
		nanosleep(&moment, NULL);
		status = reg(engine, CARD_STATUS);
	}
	return status;
}

/* An engine that does not end may still write to our page, so it loses the bus
 * before we give the page back. */
static int run(const struct card *card, const struct window *engine,
	       unsigned int operation, uint64_t bus, uint32_t count)
{
	bool out = operation == CARD_OP_FROM_CARD;
	uint64_t source = out ? 0 : bus, target = out ? bus : 0;
	uint32_t status;

	set_reg(engine, CARD_SOURCE_LOW, (uint32_t)source);
	set_reg(engine, CARD_SOURCE_HIGH, source >> 32);
	set_reg(engine, CARD_TARGET_LOW, (uint32_t)target);
	set_reg(engine, CARD_TARGET_HIGH, target >> 32);
	set_reg(engine, CARD_COUNT, count);
	set_reg(engine, CARD_DOORBELL, operation);
	status = wait_for_end(engine);
	printf("  %s card, %u bytes at %#" PRIx64 ": %s, CRC %08x\n",
	       out ? "from" : "to", count, bus, status_text(status),
	       reg(engine, CARD_CHECKSUM));
	if (status == CARD_STATUS_OK)
		return 0;
	set_command(card,
		    (card->command | PCI_COMMAND_MEMORY) & ~PCI_COMMAND_MASTER);
	return fail(card, "the engine says: %s", status_text(status));
}

static int there_and_back(const struct card *card, const struct window *engine,
			  const struct buffer *b)
{
	uint32_t half = b->length / 2, crc, theirs;
	int rc;

	for (uint32_t i = 0; i < half; i++)
		b->bytes[i] = (i * 7 + i / 251 + getpid()) & 0xff;
	crc = crc32(b->bytes, half);
	rc = run(card, engine, CARD_OP_TO_CARD, b->physical, half);
	if (rc < 0)
		return rc;
	theirs = reg(engine, CARD_CHECKSUM);
	if (theirs != crc)
		return fail(card, "sent CRC %08x, the card has %08x", crc,
			    theirs);
	rc = run(card, engine, CARD_OP_FROM_CARD, b->physical + half, half);
	if (rc < 0)
		return rc;
	if (memcmp(b->bytes, b->bytes + half, half) != 0)
		return fail(card, "other bytes came back");
	printf("  the same bytes came back, CRC %08x is ours as well\n", crc);
	return 0;
}

/* INTx goes off, and stays so: with no driver to answer it, a line that is up
 * would keep the machine busy until Linux gives up on it. The next driver's
 * pci_enable_device() turns it on. */
int move_data(struct card *card, const struct window *engine)
{
	struct buffer b = { 0 };
	int rc;

	card->command |= PCI_COMMAND_INTX_DISABLE;
	rc = set_command(card, card->command | PCI_COMMAND_MEMORY |
				       PCI_COMMAND_MASTER);
	if (rc < 0)
		return rc;
	rc = buffer_open(card, &b);
	if (rc == 0) {
		printf("DMA with %zu bytes at physical address %#" PRIx64 "\n",
		       b.length, b.physical);
		rc = there_and_back(card, engine, &b);
	}
	set_reg(engine, CARD_PENDING, UINT32_MAX);
	buffer_close(&b);
	return rc;
}

/* tests/guest/card/module/card.h - a Linux driver for the simulated card
 *
 *     find.c      config space, VSEC, feature table: where is everything?
 *     irqs.c      MSI-X, MSI or INTx; masking
 *     engine.c    one operation of the DMA engine, and how it ended
 *     commands.c  what a user may ask for: fire, mask, wild, reset, check
 *     transfer.c  DMA with verification, to host memory
 *     peer.c      the same, to another card's memory
 *     driver.c    probe, remove, and the attributes in sysfs
 *
 * Functions return 0 or a negative errno, as everywhere in the kernel. Most
 * also leave a sentence for the user, see card_fail().
 */
#ifndef CARD_MODULE_H
#define CARD_MODULE_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/uuid.h>

#include "tests/card/regs.h"

enum {
	CARD_MAX_VECTORS = 32, /* INTx reports them in one 32-bit register */
	CARD_PATIENCE_MS = 3000,
	CARD_ENDED_MS = 300, /* for what ought not to come at all */
};

/* -------- find.c -------- */

struct card_place {
	int bar; /* -1: not there */
	u64 offset;
};

struct card_found {
	int vsec; /* offset of the VSEC in config space */
	unsigned int id, revision;
	struct card_place table;
	struct card_place uuid, engine, memory;
};

/* Follows the VSEC to the feature table and that to everything else. Memory
 * decode must be on. Says in the kernel's log what is not there. */
int card_find(struct pci_dev *pdev, struct card_found *out);

/* Whether `bytes` bytes at that place lie inside a memory BAR, and can be read
 * by 32 bits. */
bool card_place_fits(struct pci_dev *pdev, const struct card_place *place,
		     u64 bytes);

/* -------- irqs.c -------- */

struct card_vector {
	unsigned int number;
	int irq; /* Linux's number; 0: not requested */
	bool masked;
	atomic_t count;
	struct completion arrived;
	char name[40]; /* in /proc/interrupts */
};

struct card;

int card_irqs_open(struct card *card);
void card_irqs_close(struct card *card);
const char *card_irq_kind(const struct card *card);
int card_irq_mask(struct card *card, struct card_vector *vector);
int card_irq_unmask(struct card *card, struct card_vector *vector);

/* -------- the function of a card that we drive -------- */

struct card {
	struct pci_dev *pdev;
	struct mutex lock; /* one command at a time; not for the interrupts */
	struct card_found found;
	void __iomem *regs;
	uuid_t uuid;
	u64 memory; /* bytes of card memory */
	u64 seed;   /* of the next pattern: no run finds an older one's bytes */

	unsigned int irq_type; /* PCI_IRQ_... */
	unsigned int n_vectors;
	struct card_vector vectors[CARD_MAX_VECTORS];

	const char *command; /* the last one, */
	int status;	     /* how it ended */
	char details[200];   /* and what it has to say */
};

/* Registers. A card that is gone reads as all ones. */
u32 card_get(const struct card *card, unsigned int reg);
void card_set(const struct card *card, unsigned int reg, u32 value);
bool card_gone(const struct card *card);

/* Leaves a sentence about a failure; has the value of `rc`. */
__printf(3, 4) int card_fail(struct card *card, int rc, const char *format,
			     ...);
/* Leaves key=value words about a success; returns 0. */
__printf(2, 3) int card_tell(struct card *card, const char *format, ...);

/* -------- engine.c -------- */

struct card_order {
	unsigned int operation; /* CARD_OP_... */
	unsigned int vector;
	u64 source, target;
	u32 count;
};

/* Starts an operation and waits for its interrupt, for CARD_PATIENCE_MS at
 * most:
 *   0           it ended well, and the interrupt came
 *   -ETIMEDOUT  the operation or only its interrupt did not come
 *   -EFAULT     a bus address did not answer
 *   -EINVAL     the card does not know such an operation
 *   -EPERM      the card may not be bus master
 *   -EBUSY      an earlier one still runs; `reset` helps
 *   -ENODEV     the card is gone
 */
int card_run(struct card *card, const struct card_order *order);
/* The same with other patience, in milliseconds. */
int card_run_within(struct card *card, const struct card_order *order,
		    unsigned int ms);

/* Only the interrupt. */
int card_ring(struct card *card, unsigned int vector, unsigned int ms);

/* What CARD_CHECKSUM computes. `crc` is that of the bytes before, or 0. */
u32 card_crc(u32 crc, const void *p, size_t n);

/* -------- transfer.c, peer.c -------- */

/* Bytes that depend on the seed and on their place; n is a multiple of 8. */
void card_pattern_fill(void *p, size_t n, u64 seed, u64 at);
bool card_pattern_holds(const void *p, size_t n, u64 seed, u64 at);

/* Card memory, as the CPU sees it. Unmap with pci_iounmap. */
void __iomem *card_memory_map(struct card *card, u64 at, u64 bytes);

enum card_way { CARD_TO = 1, CARD_FROM = 2, CARD_BOTH = 3 };

int card_move(struct card *card, enum card_way way, u64 bytes,
	      unsigned int vector);
/* Host memory to host memory, by the card. */
int card_copy(struct card *card, unsigned int vector);
int card_meet(struct card *card, struct pci_dev *peer, u64 bytes);

/* -------- commands.c -------- */

/* Each takes the words that the user wrote. */
typedef int card_command(struct card *card, const char *words);

card_command card_transfer, card_fire, card_mask, card_unmask, card_wild,
	card_peer, card_reset, card_check;

#endif

/* tests/card/engine.h - registers and DMA engine of a function
 *
 * The registers are those of regs.h. A write to the doorbell starts an
 * operation; it goes on piece by piece, engine_step() after engine_step(),
 * while the client goes on reading registers. It ends with an interrupt, well
 * or not.
 */
#ifndef CARD_ENGINE_H
#define CARD_ENGINE_H

#include "tests/card/bars.h"
#include "tests/card/crc.h"
#include "tests/card/irqs.h"
#include "tests/card/maps.h"

enum { ENGINE_PIECE = 256 << 10 };

/* The way to the client's memory. */
struct bus {
	/* Move @n bytes between @buf and the bus. -EFAULT: nobody answers
	 * there. It may let go of the function's lock meanwhile. */
	int (*move)(struct bus *b, enum way way, uint64_t iova, void *buf,
		    uint32_t n);
};

struct engine {
	/* the card's side */
	uint32_t function, vectors;
	uint8_t *memory; /* NULL: none */
	uint64_t memory_size;
	uint8_t *buffer; /* ENGINE_PIECE */
	struct crc crc;
	uint64_t moved; /* bytes, ever */

	/* registers */
	uint64_t source, target;
	uint32_t count, status, checksum, done, resets, scratch;

	/* the operation that runs, while status is CARD_STATUS_BUSY */
	uint32_t operation, vector, sum;
	uint64_t from, to;
	uint32_t left;
	uint64_t run; /* which one: tells it from one after a reset */
};

int engine_open(struct engine *g, const struct function_text *text,
		const struct bars *bars, unsigned function, struct err *e);
void engine_close(struct engine *g);

/* Registers as after power-on; a running operation is no more. */
void engine_reset(struct engine *g);

/* @off is a multiple of 4 below CARD_BLOCK. */
uint32_t engine_read(const struct engine *g, const struct irqs *q,
		     uint32_t off);
void engine_write(struct engine *g, struct irqs *q, uint32_t off, uint32_t v);

bool engine_busy(const struct engine *g);

/* The next piece of the running operation. @master: Bus Master Enable. */
void engine_step(struct engine *g, struct irqs *q, struct bus *bus,
		 bool master);

#endif

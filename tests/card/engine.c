/* tests/card/engine.c - registers and DMA engine of a function
 *
 *     operation    reads            writes
 *     TO_CARD      bus    source    card   target
 *     FROM_CARD    card   source    bus    target
 *     BUS          bus    source    bus    target
 *     IRQ          nothing, only the interrupt
 */
#include "tests/card/engine.h"

#include <stdlib.h>
#include <string.h>

#include "tests/card/regs.h"

int engine_open(struct engine *g, const struct function_text *text,
		const struct bars *bars, unsigned function, struct err *e)
{
	*g = (struct engine){ .function = function };
	crc_init(&g->crc);
	g->buffer = malloc(ENGINE_PIECE);
	if (!g->buffer)
		return err_set(e, -ENOMEM, "out of memory");
	if (text->memory.bar >= 0) {
		unsigned bar = (unsigned)text->memory.bar;

		g->memory = bars_at(bars, bar, text->memory.off, 1);
		g->memory_size = bars->bar[bar].size - text->memory.off;
	}
	g->vectors = text->msix_vectors	 ? text->msix_vectors
		     : text->msi_vectors ? text->msi_vectors
		     : text->pin	 ? 1
					 : 0;
	return 0;
}

void engine_close(struct engine *g)
{
	free(g->buffer);
	*g = (struct engine){ 0 };
}

void engine_reset(struct engine *g)
{
	g->source = g->target = 0;
	g->count = g->checksum = g->done = g->scratch = 0;
	g->status = CARD_STATUS_IDLE;
	g->resets++;
	g->run++;
}

bool engine_busy(const struct engine *g)
{
	return g->status == CARD_STATUS_BUSY;
}

/* -------- registers -------- */

uint32_t engine_read(const struct engine *g, const struct irqs *q, uint32_t off)
{
	const uint32_t regs[] = {
		[CARD_MAGIC / 4] = CARD_MAGIC_VALUE,
		[CARD_FUNCTION / 4] = g->function,
		[CARD_VECTORS / 4] = g->vectors,
		[CARD_RESETS / 4] = g->resets,
		[CARD_SOURCE_LOW / 4] = (uint32_t)g->source,
		[CARD_SOURCE_HIGH / 4] = (uint32_t)(g->source >> 32),
		[CARD_TARGET_LOW / 4] = (uint32_t)g->target,
		[CARD_TARGET_HIGH / 4] = (uint32_t)(g->target >> 32),
		[CARD_COUNT / 4] = g->count,
		[CARD_STATUS / 4] = g->status,
		[CARD_CHECKSUM / 4] = g->checksum,
		[CARD_DONE / 4] = g->done,
		[CARD_SENT / 4] = q->sent,
		[CARD_UNSENT / 4] = q->unsent,
		[CARD_PENDING / 4] = q->pending,
		[CARD_MEMORY_LOW / 4] = (uint32_t)g->memory_size,
		[CARD_MEMORY_HIGH / 4] = (uint32_t)(g->memory_size >> 32),
		[CARD_SCRATCH / 4] = g->scratch,
	};

	return off / 4 < ARRAY_LEN(regs) ? regs[off / 4] : 0;
}

static void set_low(uint64_t *v, uint32_t low)
{
	*v = (*v & ~UINT64_C(0xffffffff)) | low;
}

static void set_high(uint64_t *v, uint32_t high)
{
	*v = (uint32_t)*v | (uint64_t)high << 32;
}

/* While one runs, the doorbell does nothing. */
static void start(struct engine *g, uint32_t v)
{
	if (engine_busy(g))
		return;
	g->status = CARD_STATUS_BUSY;
	g->operation = v & 0xff;
	g->vector = v >> 16;
	g->from = g->source;
	g->to = g->target;
	g->left = g->operation == CARD_OP_IRQ ? 0 : g->count;
	g->sum = 0;
	g->run++;
}

void engine_write(struct engine *g, struct irqs *q, uint32_t off, uint32_t v)
{
	switch (off) {
	case CARD_SOURCE_LOW:
		set_low(&g->source, v);
		break;
	case CARD_SOURCE_HIGH:
		set_high(&g->source, v);
		break;
	case CARD_TARGET_LOW:
		set_low(&g->target, v);
		break;
	case CARD_TARGET_HIGH:
		set_high(&g->target, v);
		break;
	case CARD_COUNT:
		g->count = v;
		break;
	case CARD_DOORBELL:
		start(g, v);
		break;
	case CARD_PENDING:
		irqs_intx_clear(q, v);
		break;
	case CARD_SCRATCH:
		g->scratch = v;
		break;
	default: /* read-only, or nothing there */
		break;
	}
}

/* -------- an operation -------- */

static void end(struct engine *g, struct irqs *q, uint32_t status)
{
	g->status = status;
	g->checksum = g->sum;
	g->done++;
	irqs_send(q, g->vector);
}

/* Card memory at the addresses that are the card's. */
static bool valid(const struct engine *g)
{
	if (g->operation == CARD_OP_IRQ)
		return true;
	if (g->operation < CARD_OP_TO_CARD || g->operation > CARD_OP_BUS ||
	    g->left == 0 || g->left > CARD_COUNT_MAX)
		return false;
	if (g->operation == CARD_OP_TO_CARD)
		return range_fits(0, g->memory_size, g->to, g->left);
	if (g->operation == CARD_OP_FROM_CARD)
		return range_fits(0, g->memory_size, g->from, g->left);
	return true;
}

/* From where it is to the buffer, from the buffer to where it goes. The
 * checksum is of what was in the buffer: memory may change meanwhile. */
static int piece(struct engine *g, struct bus *bus, uint32_t n)
{
	uint64_t run = g->run;
	int rc = 0;

	if (g->operation == CARD_OP_FROM_CARD)
		memcpy(g->buffer, g->memory + g->from, n);
	else
		rc = bus->move(bus, BUS_READ, g->from, g->buffer, n);
	if (rc < 0 || run != g->run)
		return rc;
	if (g->operation == CARD_OP_TO_CARD)
		memcpy(g->memory + g->to, g->buffer, n);
	else
		rc = bus->move(bus, BUS_WRITE, g->to, g->buffer, n);
	return rc;
}

void engine_step(struct engine *g, struct irqs *q, struct bus *bus, bool master)
{
	uint32_t n = g->left < ENGINE_PIECE ? g->left : ENGINE_PIECE;
	uint64_t run = g->run;
	int rc;

	if (!engine_busy(g))
		return;
	if (!valid(g)) {
		end(g, q, CARD_STATUS_BAD_COMMAND);
		return;
	}
	if (n && !master) {
		end(g, q, CARD_STATUS_NO_BUS_MASTER);
		return;
	}
	rc = n ? piece(g, bus, n) : 0;
	if (run != g->run) /* a reset came in between */
		return;
	if (rc < 0) {
		end(g, q, CARD_STATUS_BUS_ERROR);
		return;
	}
	g->sum = crc_add(&g->crc, g->sum, g->buffer, n);
	g->from += n;
	g->to += n;
	g->left -= n;
	g->moved += n;
	if (g->left == 0)
		end(g, q, CARD_STATUS_OK);
}

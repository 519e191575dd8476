/* tests/card/bars.h - what is behind the BARs of a function
 *
 * Each is a file of memory that a client may map, in parts. It is sealed
 * against changes of its size: a client that has the descriptor could
 * otherwise cut it off under our own map.
 */
#ifndef CARD_BARS_H
#define CARD_BARS_H

#include "tests/card/description.h"

struct bar {
	int fd;
	uint8_t *bytes; /* NULL: there is no such BAR */
	uint64_t size;
};

struct bars {
	const struct function_text *text;
	struct bar bar[CARD_BARS];
};

int bars_open(struct bars *b, const struct function_text *text, struct err *e);
/* Safe half-built and twice. */
void bars_close(struct bars *b);

/* Memory as at power-on: zeros. For the next client. */
void bars_forget(struct bars *b);
/* The bytes that are there after each reset. */
void bars_fill(struct bars *b);

/* [off, off + n) of a BAR; NULL if it is not all there. */
uint8_t *bars_at(const struct bars *b, unsigned index, uint64_t off,
		 uint64_t n);

#endif

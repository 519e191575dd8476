/* tests/card/image.h - config space at power-on, and what may be written
 *
 * For each byte: its value, which bits keep what is written, and which bits a
 * written 1 clears (RW1C in the specification). All others are read-only.
 */
#ifndef CARD_IMAGE_H
#define CARD_IMAGE_H

#include <stdint.h>

#include "vmm/base/bytes.h"

enum {
	CONFIG_BYTES = 4096,
	CONFIG_HEADER = 0x40,	/* the header ends, capabilities begin */
	CONFIG_EXTENDED = 0x100 /* likewise for extended ones */
};

struct image {
	uint8_t bytes[CONFIG_BYTES];
	uint8_t writable[CONFIG_BYTES];
	uint8_t clears[CONFIG_BYTES];
};

/* A register of @len bytes with its value and its writable bits. */
static inline void image_put(struct image *i, unsigned at, unsigned len,
			     uint32_t value, uint32_t writable)
{
	le_store(i->bytes + at, len, value);
	le_store(i->writable + at, len, writable);
}

/* A register whose bits are cleared by writing ones. */
static inline void image_clears(struct image *i, unsigned at, unsigned len,
				uint32_t bits)
{
	le_store(i->clears + at, len, bits);
}

#endif

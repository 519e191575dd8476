/* tests/card/crc.h - CRC-32 as zlib and Ethernet have it */
#ifndef CARD_CRC_H
#define CARD_CRC_H

#include <stddef.h>
#include <stdint.h>

enum { CRC_SLICES = 8 };

struct crc {
	uint32_t table[CRC_SLICES][256];
};

void crc_init(struct crc *c);

/* The checksum of all bytes so far, of which @crc is that of those before; 0
 * at the beginning. */
uint32_t crc_add(const struct crc *c, uint32_t crc, const void *p, size_t n);

#endif

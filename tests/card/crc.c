/* tests/card/crc.c - CRC-32 as zlib and Ethernet have it
 *
 * Eight bytes at a time: table[k][b] is what byte b contributes when k more
 * bytes follow it in the same step.
 */
#include "tests/card/crc.h"

#include "vmm/base/bytes.h"

#define POLYNOMIAL 0xedb88320u /* the lowest bit first */

void crc_init(struct crc *c)
{
	for (unsigned b = 0; b < 256; b++) {
		uint32_t v = b;

		for (unsigned bit = 0; bit < 8; bit++)
			v = v >> 1 ^ (v & 1 ? POLYNOMIAL : 0);
		c->table[0][b] = v;
	}
	for (unsigned k = 1; k < CRC_SLICES; k++) {
		for (unsigned b = 0; b < 256; b++) {
			uint32_t v = c->table[k - 1][b];

			c->table[k][b] = v >> 8 ^ c->table[0][v & 0xff];
		}
	}
}

uint32_t crc_add(const struct crc *c, uint32_t crc, const void *p, size_t n)
{
	const uint8_t *b = p;

	crc = ~crc;
	for (; n >= CRC_SLICES; n -= CRC_SLICES, b += CRC_SLICES) {
		uint32_t low = crc ^ le32_load(b), high = le32_load(b + 4);
		uint32_t next = 0;

		for (unsigned i = 0; i < 4; i++) {
			next ^= c->table[7 - i][low >> 8 * i & 0xff];
			next ^= c->table[3 - i][high >> 8 * i & 0xff];
		}
		crc = next;
	}
	for (; n; n--, b++)
		crc = crc >> 8 ^ c->table[0][(crc ^ *b) & 0xff];
	return ~crc;
}

/* tests/card/cap.h - a capability of a description, while its line is read
 *
 * One function for each kind fills its registers: values at power-on, which
 * bits can be written, which are cleared by writing ones. Layouts are those of
 * linux/pci_regs.h and of the sections of PCIe 6.2 named there and here.
 * Pointers to the next one are check.c's, once all are known.
 */
#ifndef CARD_CAP_H
#define CARD_CAP_H

#include "tests/card/description.h"

struct cap {
	struct line *l;
	struct function_text *f;
	uint16_t id;
	unsigned version; /* of an extended one */
	unsigned at, size;
	bool extended;
};

struct cap_kind {
	const char *name; /* NULL: the table's end */
	uint16_t id;
	unsigned version;
	int (*take)(struct cap *c); /* the rest of the line, behind "at N" */
};

/* Those of extended config space. */
extern const struct cap_kind cap_extended[];

/* A register, @at bytes from the capability's beginning. */
void cap_put(struct cap *c, unsigned at, unsigned len, uint32_t value,
	     uint32_t writable);
/* There must be room for so many bytes; that is its size then. */
int cap_fits(struct cap *c, unsigned size);
/* "NAME VALUE"; without it *out stays as it is. */
int cap_option(struct cap *c, const char *name, uint64_t most, uint64_t *out);
/* The same, the value in hexadecimal. */
int cap_option_hex(struct cap *c, const char *name, uint64_t most,
		   uint64_t *out);
/* "bytes ...", behind @head bytes that are there already. @length is that of
 * both, 0: as many as there are. */
int cap_body(struct cap *c, unsigned head, uint64_t length);
/* Any capability: its ID, and bytes. */
int cap_raw(struct cap *c);

unsigned cap_log2(uint64_t v);

#endif

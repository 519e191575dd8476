/* tests/card/description.h - what a card is, read from its .card file
 *
 * docs/card.md describes the language. A description that description_open()
 * accepts is consistent: capabilities do not overlap, their chains end, tables
 * lie inside BARs; unless it says "broken", which switches the checks of the
 * chains off.
 */
#ifndef CARD_DESCRIPTION_H
#define CARD_DESCRIPTION_H

#include "tests/card/image.h"
#include "tests/card/words.h"
#include "vmm/base/range.h"

enum {
	CARD_FUNCTIONS = 8,
	CARD_BARS = 6,
	CARD_AREAS = 8,
	CARD_CAPS = 64,
	CARD_FILLS = 64,
	CARD_FILL_BYTES = 512,
	CARD_PAGE = 4096,
};

#define CARD_BAR_MOST (UINT64_C(64) << 30)

enum bar_kind { BAR_NONE, BAR_MEM32, BAR_MEM64, BAR_IO };

struct bar_text {
	enum bar_kind kind;
	unsigned line;
	uint64_t size;
	bool prefetch;
	bool trapped; /* no part of it may be mapped */
	bool chosen;  /* the description says which parts, else all that can */
	unsigned n_areas;
	struct range area[CARD_AREAS]; /* what a client may map */
};

struct cap_text {
	uint16_t id;
	unsigned at, size;
	unsigned line;
};

/* Bytes that are in a BAR after each reset. */
struct fill {
	struct place at;
	unsigned line;
	uint16_t n;
	uint8_t bytes[CARD_FILL_BYTES];
};

/* Raw bytes of config space, applied last. */
struct raw_text {
	unsigned at, n, line;
	bool writable; /* bytes are the mask, not the value */
	uint8_t bytes[CARD_FILL_BYTES];
};

struct function_text {
	unsigned line;
	bool broken;
	struct image image;
	struct bar_text bar[CARD_BARS];
	unsigned n_caps, n_ext; /* in the order of the chains */
	struct cap_text cap[CARD_CAPS], ext[CARD_CAPS];
	unsigned n_fills, n_raw;
	struct fill fill[CARD_FILLS];
	struct raw_text raw[CARD_FILLS];
	unsigned n_leads;
	unsigned lead[CARD_CAPS]; /* VSECs that lead to the feature table */

	unsigned pin;	      /* 1 for INTA .. 4 for INTD; 0: none */
	unsigned msi_vectors; /* 0: no MSI */
	unsigned msix_vectors;
	unsigned flr_at; /* Device Control, if it has FLR; else 0 */
	struct place msix_table, msix_pba;
	struct place engine, table, uuid_at, memory, copy;
	uint8_t uuid[16];
};

struct description {
	unsigned n;
	struct function_text *function;
};

#define DESCRIPTION_EMPTY ((struct description){ 0 })

int description_open(struct description *d, const char *file, struct err *e);
/* The same from a text in memory; @file is for messages. */
int description_read(struct description *d, const char *file, const char *text,
		     size_t n, struct err *e);
void description_close(struct description *d);

/* -------- between the files of the parser -------- */

/* caps.c: the rest of a line "cap KIND ..." or "ecap KIND ...". */
int description_cap(struct line *l, struct function_text *f, bool extended);
/* Adds the capability of that name and place, as an unsaid default. */
int description_default_caps(struct line *l, struct function_text *f);

/* check.c: defaults, header, chains, feature table; then the checks. */
int description_finish(struct line *l, struct function_text *f, bool several);

#endif

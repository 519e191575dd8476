/* tests/card/words.h - one line of a description, as words
 *
 * Words are separated by blanks; "#" begins a comment. A word in double quotes
 * stands for its characters and may contain blanks. Errors name the file and
 * the line, so the line knows both, and where its errors go.
 */
#ifndef CARD_WORDS_H
#define CARD_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/err.h"
#include "vmm/base/range.h"

enum { LINE_BYTES = 1024, LINE_WORDS = 320 };

struct line {
	const char *file;
	unsigned number;
	struct err *e;
	unsigned n, next; /* words, and the first that was not taken yet */
	const char *word[LINE_WORDS];
	char text[LINE_BYTES];
};

/* A place in a BAR: "2:0x10000". bar -1: nowhere. */
struct place {
	int bar;
	uint64_t off;
};

/* Cut line->text into words. */
int line_cut(struct line *l);

/* Write the error, with file and line in front. */
#define line_wrong(l, ...) \
	(err_set_((l)->e, -EINVAL, __VA_ARGS__), line_wrong_(l), -EINVAL)
void line_wrong_(struct line *l);

/* Takes the next word if it is @word. */
bool line_has(struct line *l, const char *word);
/* Takes the next word, which must be there; @what says what is wanted. */
int line_word(struct line *l, const char *what, const char **out);
/* A number: decimal, or hexadecimal after 0x. */
int line_number(struct line *l, const char *what, uint64_t most, uint64_t *out);
/* The same, always hexadecimal, with or without 0x. */
int line_hex(struct line *l, const char *what, uint64_t most, uint64_t *out);
/* A number with an optional K, M or G. */
int line_size(struct line *l, const char *what, uint64_t *out);
int line_place(struct line *l, struct place *out);
/* "0x1000+0xf000": a base and a size. */
int line_range(struct line *l, struct range *out);
/* "10ee:5021": two hexadecimal numbers of 16 bits. */
int line_pair(struct line *l, const char *what, uint16_t out[2]);
/* The rest of the line: hexadecimal bytes and texts in quotes. Returns how
 * many bytes there are. */
int line_bytes(struct line *l, uint8_t *out, size_t most);
/* Whether words are left. */
bool line_more(const struct line *l);
/* No word may be left. */
int line_end(struct line *l);

#endif

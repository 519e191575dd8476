/* tests/card/words.c - one line of a description, as words */
#include "tests/card/words.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void line_wrong_(struct line *l)
{
	err_in_(l->e, "%s:%u", l->file, l->number);
}

/* One word from @p on, terminated in place; NULL if its quotes do not end. A
 * quoted word keeps the first quote, so that it can be told from others. */
static char *cut_word(char *p)
{
	if (*p != '"')
		return p + strcspn(p, " \t#");
	return strchr(p + 1, '"');
}

int line_cut(struct line *l)
{
	char *p = l->text;

	l->n = l->next = 0;
	for (;;) {
		char *end;
		bool last;

		p += strspn(p, " \t");
		if (*p == '\0' || *p == '#')
			return 0;
		if (l->n == LINE_WORDS)
			return line_wrong(l, "has too many words");
		end = cut_word(p);
		if (!end)
			return line_wrong(l, "has a text without an end");
		last = *end == '\0' || *end == '#';
		l->word[l->n++] = p;
		*end = '\0';
		if (last)
			return 0;
		p = end + 1;
	}
}

bool line_more(const struct line *l)
{
	return l->next < l->n;
}

bool line_has(struct line *l, const char *word)
{
	if (!line_more(l) || strcmp(l->word[l->next], word) != 0)
		return false;
	l->next++;
	return true;
}

int line_word(struct line *l, const char *what, const char **out)
{
	if (!line_more(l))
		return line_wrong(l, "lacks %s", what);
	*out = l->word[l->next++];
	return 0;
}

int line_end(struct line *l)
{
	if (line_more(l))
		return line_wrong(l, "unexpected \"%s\"", l->word[l->next]);
	return 0;
}

/* @p as a number that ends at *@end; strtoull alone would take signs and
 * blanks. */
static bool number_of(const char *p, int base, uint64_t *out, char **end)
{
	if (!isxdigit((unsigned char)*p))
		return false;
	errno = 0;
	*out = strtoull(p, end, base);
	return errno == 0 && *end != p;
}

static int take_number(struct line *l, const char *what, int base,
		       uint64_t most, uint64_t *out)
{
	const char *word;
	uint64_t v;
	char *end;
	int rc = line_word(l, what, &word);

	if (rc < 0)
		return rc;
	if (!number_of(word, base, &v, &end) || *end != '\0')
		return line_wrong(l, "%s is no number: \"%s\"", what, word);
	if (v > most)
		return line_wrong(l, "%s is at most %#llx: \"%s\"", what,
				  (unsigned long long)most, word);
	*out = v;
	return 0;
}

/* Numbers with a leading 0 are decimal to everyone but C. */
static int base_of(const char *word)
{
	return word[0] == '0' && (word[1] == 'x' || word[1] == 'X') ? 16 : 10;
}

int line_number(struct line *l, const char *what, uint64_t most, uint64_t *out)
{
	int base = line_more(l) ? base_of(l->word[l->next]) : 10;

	return take_number(l, what, base, most, out);
}

int line_hex(struct line *l, const char *what, uint64_t most, uint64_t *out)
{
	return take_number(l, what, 16, most, out);
}

/* Moves *@end past K, M or G; how far to shift, -1 for anything else. */
static int unit_of(char **end)
{
	static const char units[] = "KMG";
	const char *u;

	if (**end == '\0')
		return 0;
	u = strchr(units, **end);
	if (!u || (*end)[1] != '\0')
		return -1;
	++*end;
	return 10 * (int)(u - units + 1);
}

int line_size(struct line *l, const char *what, uint64_t *out)
{
	const char *word;
	uint64_t v;
	char *end;
	int shift, rc = line_word(l, what, &word);

	if (rc < 0)
		return rc;
	if (!number_of(word, base_of(word), &v, &end))
		return line_wrong(l, "%s is no size: \"%s\"", what, word);
	shift = unit_of(&end);
	if (shift < 0 || v > UINT64_MAX >> shift)
		return line_wrong(l, "%s is no size: \"%s\"", what, word);
	*out = v << shift;
	return 0;
}

int line_place(struct line *l, struct place *out)
{
	const char *word;
	uint64_t off;
	char *end;
	int rc = line_word(l, "a place, as 2:0x1000", &word);

	if (rc < 0)
		return rc;
	if (word[0] < '0' || word[0] > '5' || word[1] != ':' ||
	    !number_of(word + 2, base_of(word + 2), &off, &end) || *end != '\0')
		return line_wrong(l, "\"%s\" is no place, as 2:0x1000", word);
	*out = (struct place){ word[0] - '0', off };
	return 0;
}

int line_range(struct line *l, struct range *out)
{
	const char *word;
	struct range r;
	char *end;
	int rc = line_word(l, "an area, as 0x1000+0xf000", &word);

	if (rc < 0)
		return rc;
	if (!number_of(word, base_of(word), &r.base, &end) || *end != '+' ||
	    !number_of(end + 1, base_of(end + 1), &r.size, &end) ||
	    *end != '\0')
		return line_wrong(l, "\"%s\" is no area, as 0x1000+0xf000",
				  word);
	*out = r;
	return 0;
}

int line_pair(struct line *l, const char *what, uint16_t out[2])
{
	const char *word;
	uint64_t a, b;
	char *end;
	int rc = line_word(l, what, &word);

	if (rc < 0)
		return rc;
	if (!number_of(word, 16, &a, &end) || *end != ':' ||
	    !number_of(end + 1, 16, &b, &end) || *end != '\0' ||
	    a > UINT16_MAX || b > UINT16_MAX)
		return line_wrong(l, "%s is two numbers, as 10ee:5021: \"%s\"",
				  what, word);
	out[0] = (uint16_t)a;
	out[1] = (uint16_t)b;
	return 0;
}

/* The bytes that a word stands for; -1 if it stands for none. */
static int bytes_of(const char *word, uint8_t *out, size_t most)
{
	size_t n = strlen(word);
	uint64_t v;
	char *end;

	if (*word == '"') {
		if (n - 1 > most)
			return -1;
		memcpy(out, word + 1, n - 1);
		return (int)(n - 1);
	}
	if (n > 2 || most == 0 || !number_of(word, 16, &v, &end) ||
	    *end != '\0')
		return -1;
	*out = (uint8_t)v;
	return 1;
}

int line_bytes(struct line *l, uint8_t *out, size_t most)
{
	size_t n = 0;

	while (line_more(l)) {
		const char *word = l->word[l->next++];
		int rc = bytes_of(word, out + n, most - n);

		if (rc < 0)
			return line_wrong(l,
					  "\"%s\" is no byte, or one more "
					  "than the %zu that fit",
					  word, most);
		n += (size_t)rc;
	}
	return n == 0 ? line_wrong(l, "lacks bytes") : (int)n;
}

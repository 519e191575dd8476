/* machine/option.c - see option.h. The C library's strtoull would take signs,
 * blanks and octal. */
#include "vmm/machine/option.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

/* The value of a digit, 16 if it is none. */
static unsigned digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at;

	if (c >= 'A' && c <= 'F')
		c = (char)(c - 'A' + 'a');
	at = c != '\0' ? strchr(digits, c) : NULL;
	return at ? (unsigned)(at - digits) : 16;
}

/* At least one digit; *end is what follows. False: none, or too large. */
static bool digits(const char *text, unsigned base, uint64_t *out,
		   const char **end)
{
	uint64_t v = 0;

	for (*end = text; digit(**end) < base; (*end)++)
		if (__builtin_mul_overflow(v, base, &v) ||
		    __builtin_add_overflow(v, digit(**end), &v))
			return false;
	*out = v;
	return *end != text;
}

int option_number(const char *text, uint64_t low, uint64_t high, uint64_t *out,
		  struct err *e)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *end;
	uint64_t v;

	if (!digits(hex ? text + 2 : text, hex ? 16 : 10, &v, &end) ||
	    *end != '\0' || v < low || v > high)
		return err_set(e, -EINVAL,
			       "'%s' is no number from %" PRIu64 " to %" PRIu64,
			       text, low, high);
	*out = v;
	return 0;
}

/* How far to shift for the suffix @s; -1: it is none. */
static int suffix(const char *s)
{
	static const char letters[] = "kKmMgGtT";
	const char *at;

	if (s[0] == '\0')
		return 20;
	at = strchr(letters, s[0]);
	return at && s[1] == '\0' ? (int)(at - letters) / 2 * 10 + 10 : -1;
}

int option_size(const char *text, uint64_t *out, struct err *e)
{
	const char *end;
	uint64_t v;
	int shift = -1;

	if (digits(text, 10, &v, &end))
		shift = suffix(end);
	if (shift < 0 || __builtin_mul_overflow(v, UINT64_C(1) << shift, &v)) {
		(void)err_set(e, -EINVAL, "'%s' is no size", text);
		err_hint(e, "write 512M or 2G; a plain number is MiB");
		return -EINVAL;
	}
	*out = v;
	return 0;
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

unsigned option_distance(const char *a, size_t n, const char *b)
{
	unsigned row[OPTION_NAME_MAX + 1], m = (unsigned)strlen(b);

	if (n > OPTION_NAME_MAX || m > OPTION_NAME_MAX)
		return OPTION_NAME_MAX;
	for (unsigned j = 0; j <= m; j++)
		row[j] = j;
	/* row[j]: from the first i letters of a to the first j of b */
	for (unsigned i = 1; i <= n; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= m; j++) {
			unsigned above = row[j];

			row[j] = least(above + 1, row[j - 1] + 1,
				       diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[m];
}

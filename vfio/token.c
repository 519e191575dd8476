/* vfio/token.c - a UUID in letters; see token.h */
#include "vfio/token.h"

#include <stdbool.h>
#include <string.h>

/* RFC 9562 section 4: where the hyphens stand. */
static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

static int value(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at;

	if (c >= 'A' && c <= 'F')
		c = (char)(c - 'A' + 'a');
	at = c != '\0' ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* False: @text has another form. */
static bool take(const char *text, uint8_t *out)
{
	unsigned n = 0;

	if (strlen(text) != strlen(form))
		return false;
	for (unsigned i = 0; form[i] != '\0'; i++) {
		int v = value(text[i]);

		if (form[i] == '-' ? text[i] != '-' : v < 0)
			return false;
		if (form[i] == '-')
			continue;
		out[n / 2] = (uint8_t)(out[n / 2] << 4 | v);
		n++;
	}
	return true;
}

int vfio_token_parse(const char *text, uint8_t out[VFIO_TOKEN_BYTES],
		     struct err *e)
{
	uint8_t bytes[VFIO_TOKEN_BYTES] = { 0 };

	if (!take(text, bytes)) {
		(void)err_set(e, -EINVAL, "'%s' is no UUID", text);
		err_hint(e, "`uuidgen` makes one");
		return -EINVAL;
	}
	memcpy(out, bytes, sizeof(bytes));
	return 0;
}

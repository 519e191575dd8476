/* base/opt.h - "0000:01:00.0,allow-no-reset,ecap=deny:1e": lists of options
 *
 * Text as it stands on the command line: parts between commas, each a word or
 * key=value. Parts point into the text; nothing is copied or allocated. What
 * keys there are is the caller's to know; opt_unknown writes the message.
 *
 *     struct opt o;
 *
 *     for (const char *at = text; opt_next(&at, &o);) {
 *             if (opt_is(&o, "name"))
 *                     rc = opt_text(&o, name, sizeof(name), e);
 *             else
 *                     rc = opt_unknown(&o, "name", e);
 *             if (rc < 0)
 *                     return rc;
 *     }
 */
#ifndef BASE_OPT_H
#define BASE_OPT_H

#include <stdbool.h>
#include <stddef.h>

#include "vmm/base/err.h"

struct opt {
	const char *key; /* not terminated */
	size_t key_len;
	const char *value; /* after the first '='; NULL if there is none */
	size_t value_len;
};

/* Take the next part at *@at and move *@at behind it. False at the end; an
 * empty text has one empty part, as has the place between two commas. */
bool opt_next(const char **at, struct opt *out);

/* Is this the key @name? */
bool opt_is(const struct opt *o, const char *name);

/* The value as a string. -EINVAL: there is none; -E2BIG: it is too long for @n
 * bytes with the final NUL. */
int opt_text(const struct opt *o, char *out, size_t n, struct err *e);
/* "on" or "off"; here no value means "on". */
int opt_switch(const struct opt *o, bool *out, struct err *e);

/* Write that there is no such key, and that @known are; returns -EINVAL. */
int opt_unknown(const struct opt *o, const char *known, struct err *e);

#endif

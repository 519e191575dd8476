/* machine/option.h - values on the command line */
#ifndef MACHINE_OPTION_H
#define MACHINE_OPTION_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/base/err.h"

/* A number from @low to @high, decimal or (0x) hexadecimal. -EINVAL. */
int option_number(const char *text, uint64_t low, uint64_t high, uint64_t *out,
		  struct err *e);
/* A size in bytes: digits and K, M, G or T in either case; MiB without. It may
 * be 0. -EINVAL. */
int option_size(const char *text, uint64_t *out, struct err *e);

/* How many letters differ (Levenshtein), for did-you-mean; the first @n bytes
 * of @a against @b. Large if either has more than OPTION_NAME_MAX. */
enum { OPTION_NAME_MAX = 31 };
unsigned option_distance(const char *a, size_t n, const char *b);

#endif

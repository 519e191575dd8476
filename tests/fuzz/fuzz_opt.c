/* Option strings: whatever is on the command line is taken apart in bounds. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/opt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), out[16];
	struct err e = ERR_NONE;
	struct opt o;
	bool on;

	if (!text)
		return 0;
	if (size != 0)
		memcpy(text, data, size);
	text[size] = '\0';
	for (const char *at = text; opt_next(&at, &o);) {
		if (opt_is(&o, "t"))
			(void)opt_text(&o, out, sizeof(out), &e);
		else if (opt_is(&o, "s"))
			(void)opt_switch(&o, &on, &e);
		else
			(void)opt_unknown(&o, "t, s", &e);
	}
	free(text);
	return 0;
}

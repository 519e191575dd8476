/* Option strings: whatever is on the command line is taken apart in bounds. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vfio/device.h"
#include "vfio/slot.h"
#include "vmm/base/opt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* What a function is told, and where it is put. */
static void fuzz_function(const char *text)
{
	struct vfio_options o;
	struct err e = ERR_NONE;
	struct vfio_place p;

	if (vfio_options_parse(text, &o, &e) == 0 ||
	    vfio_user_options_parse(text, &o, &e) == 0)
		must(o.place.slot <= PCI_MAX_PORTS &&
		     (o.place.function < PCI_FUNCTIONS ||
		      o.place.function == VFIO_ANY_FUNCTION));
	if (vfio_slot_parse(text, &p, &e) == 0)
		must(p.slot >= 1 && p.slot <= PCI_MAX_PORTS);
	if (vfio_slot_parse_address(text, &p, &e) == 0)
		must(p.slot >= 1 && p.slot <= PCI_MAX_PORTS &&
		     p.function < PCI_FUNCTIONS);
}

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
	fuzz_function(text);
	free(text);
	return 0;
}

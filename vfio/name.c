/* vfio/name.c - how a function of the host is written; see name.h */
#include "vfio/name.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* -------- spelling -------- */

/* Take at most @digits hexadecimal digits at *p; moves *p. */
static bool take_hex(const char **p, unsigned digits, uint32_t *out)
{
	uint32_t v = 0;
	unsigned n = 0;

	for (; n < digits; n++, (*p)++) {
		char c = **p;

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint32_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			v = v << 4 | (uint32_t)(c - 'A' + 10);
		else
			break;
	}
	*out = v;
	return n > 0;
}

static bool take_char(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

/* "[domain:]bus:device.function"; a domain has up to 8 digits, since VMD and
 * Hyper-V number theirs above 16 bits. */
static bool take_bdf(const char *p, uint32_t v[4])
{
	uint32_t first, second;

	if (!take_hex(&p, 8, &first) || !take_char(&p, ':') ||
	    !take_hex(&p, 2, &second))
		return false;
	if (take_char(&p, ':')) {
		v[0] = first;
		v[1] = second;
		if (!take_hex(&p, 2, &v[2]))
			return false;
	} else {
		v[0] = 0;
		v[1] = first;
		v[2] = second;
	}
	return take_char(&p, '.') && take_hex(&p, 1, &v[3]) && *p == '\0' &&
	       v[1] <= 0xff && v[2] <= 0x1f && v[3] <= 7;
}

int vfio_bdf_parse(const char *text, char bdf[24], struct err *e)
{
	const char *slash = strrchr(text, '/');
	uint32_t v[4];

	if (!take_bdf(slash ? slash + 1 : text, v)) {
		(void)err_set(e, -EINVAL, "'%s' is no PCI address", text);
		err_hint(e, "write 0000:01:00.0, 01:00.0 or a path below "
			    "/sys/bus/pci/devices/; `lspci -D` lists them");
		return -EINVAL;
	}
	snprintf(bdf, 24, "%04x:%02x:%02x.%x", v[0], v[1], v[2], v[3]);
	return 0;
}

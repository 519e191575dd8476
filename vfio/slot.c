/* vfio/slot.c - how the command line names a place in the guest; see slot.h */
#include "vfio/slot.h"

#include <stdlib.h>
#include <string.h>

/* Neither signs nor spaces nor prefixes, which strtoul would take. */
static bool is_plain(const char *text)
{
	return text[strspn(text, "0123456789abcdefABCDEF:.")] == '\0';
}

static bool take_number(const char **at, int base, unsigned long most,
			unsigned long *out)
{
	char *end;

	*out = strtoul(*at, &end, base);
	if (end == *at || *out > most)
		return false;
	*at = end;
	return true;
}

static bool take_char(const char **at, char c)
{
	if (**at != c)
		return false;
	++*at;
	return true;
}

/* ".F" and the end */
static bool take_function(const char **at, unsigned long *out)
{
	return take_char(at, '.') &&
	       take_number(at, 10, PCI_FUNCTIONS - 1, out) && **at == '\0';
}

int vfio_slot_parse(const char *text, struct vfio_place *out, struct err *e)
{
	unsigned long slot, function = VFIO_ANY_FUNCTION;
	const char *at = text;

	if (!is_plain(text) || !take_number(&at, 10, PCI_MAX_PORTS, &slot) ||
	    slot == 0 || (*at != '\0' && !take_function(&at, &function)))
		return err_set(e, -EINVAL,
			       "'%s' is neither N nor N.F, with N from 1 to %d "
			       "and F from 0 to %d",
			       text, PCI_MAX_PORTS, PCI_FUNCTIONS - 1);
	*out = (struct vfio_place){ (uint8_t)slot, (uint8_t)function };
	return 0;
}

struct address {
	unsigned long domain, bus, device, function;
};

static bool take_address(const char *at, struct address *a)
{
	a->domain = 0;
	if (!take_number(&at, 16, 0xffff, &a->bus) || !take_char(&at, ':') ||
	    !take_number(&at, 16, 0xff, &a->device))
		return false;
	if (take_char(&at, ':')) {
		a->domain = a->bus;
		a->bus = a->device;
		if (!take_number(&at, 16, 0x1f, &a->device))
			return false;
	}
	return take_function(&at, &a->function);
}

/* An endpoint on the root bus would have to say that it is integrated, and to
 * have no link (PCIe 6.2 7.5.3.2), which is not what the function says. */
static int check_address(const char *text, const struct address *a,
			 struct err *e)
{
	if (a->domain != 0)
		return err_set(e, -EINVAL,
			       "'%s': the guest has one PCI domain, 0000",
			       text);
	if (a->bus == 0)
		return err_set(e, -EINVAL,
			       "'%s' is on the root bus, where only the "
			       "board's own functions are; slots are buses 01 "
			       "to %02x",
			       text, PCI_MAX_PORTS);
	if (a->bus > PCI_MAX_PORTS)
		return err_set(e, -EINVAL,
			       "'%s': there is no such bus; slots are buses 01 "
			       "to %02x",
			       text, PCI_MAX_PORTS);
	if (a->device != 0)
		return err_set(e, -EINVAL,
			       "'%s': a slot holds device 00 only, with "
			       "functions 0 to %d",
			       text, PCI_FUNCTIONS - 1);
	return 0;
}

int vfio_slot_parse_address(const char *text, struct vfio_place *out,
			    struct err *e)
{
	struct address a;
	int rc;

	if (!is_plain(text) || !take_address(text, &a))
		return err_set(e, -EINVAL,
			       "'%s' is no PCI address such as 01:00.0", text);
	rc = check_address(text, &a, e);
	if (rc == 0)
		*out = (struct vfio_place){ (uint8_t)a.bus,
					    (uint8_t)a.function };
	return rc;
}

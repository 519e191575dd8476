/* tests/fakes/vf_token.c - who may open virtual functions and their parent
 *
 * Rules are those of vfio_pci_validate_vf_token in
 * drivers/vfio/pci/vfio_pci_core.c of Linux 6.12.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tests/fakes/fake.h"

static bool is_vfios(const struct device *d)
{
	return d && strcmp(d->driver, "vfio-pci") == 0;
}

static struct device *parent_of(const struct device *d)
{
	struct device *p = device_list();

	while (p && strcmp(p->bdf, d->pf) != 0)
		p = p->next;
	return p;
}

/* How many virtual functions @d has, or has that are open. */
static unsigned children(const struct device *d, bool open)
{
	unsigned n = 0;

	for (const struct device *c = device_list(); c; c = c->next)
		if (strcmp(c->pf, d->bdf) == 0)
			n += !open || c->open;
	return n;
}

static bool matches(const struct device *pf, const char *token)
{
	return token && strcasecmp(pf->token, token) == 0;
}

long vf_token_check(struct device *d, const char *token)
{
	struct device *pf = d->pf[0] ? parent_of(d) : NULL;

	if (token && strlen(token) != 36)
		return -EINVAL;
	if (is_vfios(pf))
		return matches(pf, token) ? 0 : -EACCES;
	if (d->pci.is_virtual || children(d, false) == 0)
		return token ? -EINVAL : 0;
	if (children(d, true) > 0)
		return matches(d, token) ? 0 : -EACCES;
	if (token)
		snprintf(d->token, sizeof(d->token), "%s", token);
	return 0;
}

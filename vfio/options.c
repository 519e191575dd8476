/* vfio/options.c - what follows --vfio on the command line */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vfio/device.h"
#include "vmm/base/bytes.h"

static int set_allow_no_reset(struct vfio_options *o, const char *v,
			      struct err *e)
{
	if (*v == '\0' || strcmp(v, "on") == 0)
		o->allow_no_reset = true;
	else if (strcmp(v, "off") == 0)
		o->allow_no_reset = false;
	else
		return err_set(e, -EINVAL, "'%s' is neither on nor off", v);
	return 0;
}

static int set_gaps(struct vfio_options *o, const char *v, struct err *e)
{
	if (strcmp(v, "block") == 0)
		o->block_gaps = true;
	else if (strcmp(v, "pass") == 0)
		o->block_gaps = false;
	else
		return err_set(e, -EINVAL, "'%s' is neither pass nor block", v);
	return 0;
}

static int set_ecap(struct vfio_options *o, const char *v, struct err *e)
{
	const char *colon = strchr(v, ':');
	struct vfio_ecap_rule r = { 0 };
	char *end = NULL;
	unsigned long id = 0;

	if (strncmp(v, "allow:", 6) == 0)
		r.allow = true;
	else if (strncmp(v, "deny:", 5) != 0)
		colon = NULL;
	if (colon)
		id = strtoul(colon + 1, &end, 16);
	if (!colon || end == colon + 1 || *end != '\0' || id > UINT16_MAX)
		return err_set(e, -EINVAL,
			       "'%s' is neither allow:ID nor deny:ID, with "
			       "the hexadecimal ID of an extended capability",
			       v);
	if (o->n_ecaps == VFIO_MAX_ECAP_RULES)
		return err_set(e, -EINVAL, "more than %d of them",
			       VFIO_MAX_ECAP_RULES);
	r.id = (uint16_t)id;
	o->ecap[o->n_ecaps++] = r;
	return 0;
}

static const struct option {
	const char *key;
	int (*set)(struct vfio_options *o, const char *value, struct err *e);
} options[] = {
	{ "allow-no-reset", set_allow_no_reset },
	{ "cfg-gaps", set_gaps },
	{ "ecap", set_ecap },
};

/* @part is "key" or "key=value", in a buffer of ours. */
static int set_one(struct vfio_options *o, char *part, struct err *e)
{
	char *value = strchr(part, '=');

	if (value)
		*value++ = '\0';
	for (unsigned i = 0; i < ARRAY_LEN(options); i++) {
		int rc;

		if (strcmp(part, options[i].key) != 0)
			continue;
		rc = options[i].set(o, value ? value : "", e);
		return rc < 0 ? err_in(e, rc, "%s", part) : 0;
	}
	(void)err_set(e, -EINVAL, "unknown option '%s'", part);
	err_hint(e, "known are allow-no-reset, cfg-gaps=pass|block, "
		    "ecap=allow:ID and ecap=deny:ID");
	return -EINVAL;
}

int vfio_options_parse(const char *text, struct vfio_options *out,
		       struct err *e)
{
	struct vfio_options o = { 0 };
	char buf[512], bdf[24], *rest = buf, *part;
	int rc;

	if (strlen(text) >= sizeof(buf))
		return err_set(e, -EINVAL, "the options are too long");
	snprintf(buf, sizeof(buf), "%s", text);
	part = strsep(&rest, ",");
	if (strlen(part) >= sizeof(o.host))
		return err_set(e, -EINVAL, "the address is too long");
	snprintf(o.host, sizeof(o.host), "%s", part);
	rc = vfio_bdf_parse(o.host, bdf, e);
	if (rc < 0)
		return rc;
	while ((part = strsep(&rest, ","))) {
		rc = set_one(&o, part, e);
		if (rc < 0)
			return err_in(e, rc, "%s", bdf);
	}
	*out = o;
	return 0;
}

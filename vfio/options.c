/* vfio/options.c - what follows --vfio on the command line */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vfio/device.h"
#include "vmm/base/bytes.h"
#include "vmm/base/opt.h"

static int set_allow_no_reset(struct vfio_options *o, const struct opt *p,
			      struct err *e)
{
	return opt_switch(p, &o->allow_no_reset, e);
}

static int set_gaps(struct vfio_options *o, const struct opt *p, struct err *e)
{
	char v[32];
	int rc = opt_text(p, v, sizeof(v), e);

	if (rc < 0)
		return rc;
	if (strcmp(v, "block") != 0 && strcmp(v, "pass") != 0)
		return err_set(e, -EINVAL, "'%s' is neither pass nor block", v);
	o->block_gaps = v[0] == 'b';
	o->pass_gaps = v[0] == 'p';
	return 0;
}

static int set_ecap(struct vfio_options *o, const struct opt *p, struct err *e)
{
	struct vfio_ecap_rule r = { 0 };
	const char *colon;
	char v[32], *end = NULL;
	unsigned long id = 0;
	int rc = opt_text(p, v, sizeof(v), e);

	if (rc < 0)
		return rc;
	colon = strchr(v, ':');
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
	int (*set)(struct vfio_options *o, const struct opt *p, struct err *e);
} options[] = {
	{ "allow-no-reset", set_allow_no_reset },
	{ "cfg-gaps", set_gaps },
	{ "ecap", set_ecap },
};

static int set_one(struct vfio_options *o, const struct opt *p, struct err *e)
{
	for (unsigned i = 0; i < ARRAY_LEN(options); i++) {
		int rc;

		if (!opt_is(p, options[i].key))
			continue;
		rc = options[i].set(o, p, e);
		return rc < 0 ? err_in(e, rc, "%s", options[i].key) : 0;
	}
	return opt_unknown(p,
			   "allow-no-reset, cfg-gaps=pass|block, ecap=allow:ID "
			   "and ecap=deny:ID",
			   e);
}

int vfio_options_parse(const char *text, struct vfio_options *out,
		       struct err *e)
{
	struct vfio_options o = { 0 };
	size_t n = strcspn(text, ",");
	struct opt p;
	char bdf[24];
	int rc;

	if (n >= sizeof(o.host))
		return err_set(e, -EINVAL, "the address is too long");
	memcpy(o.host, text, n);
	rc = vfio_bdf_parse(o.host, bdf, e);
	if (rc < 0)
		return rc;
	(void)opt_next(&text, &p);
	while (opt_next(&text, &p)) {
		rc = set_one(&o, &p, e);
		if (rc < 0)
			return err_in(e, rc, "%s", bdf);
	}
	*out = o;
	return 0;
}

/* vfio/options.c - what follows --vfio and --vfio-user on the command line */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vfio/card.h"
#include "vfio/device.h"
#include "vfio/name.h"
#include "vfio/slot.h"
#include "vfio/user.h"
#include "vmm/base/bytes.h"
#include "vmm/base/opt.h"

static int set_allow_no_reset(struct vfio_options *o, const struct opt *p,
			      struct err *e)
{
	return opt_switch(p, &o->allow_no_reset, e);
}

static int set_p2p(struct vfio_options *o, const struct opt *p, struct err *e)
{
	o->p2p_said = true;
	return opt_switch(p, &o->p2p, e);
}

static int set_low_power(struct vfio_options *o, const struct opt *p,
			 struct err *e)
{
	return opt_switch(p, &o->low_power, e);
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

static int set_on_error(struct vfio_options *o, const struct opt *p,
			struct err *e)
{
	char v[32];
	int rc = opt_text(p, v, sizeof(v), e);

	if (rc < 0)
		return rc;
	if (strcmp(v, "stop") == 0)
		o->on_error = VFIO_ON_ERROR_STOP;
	else if (strcmp(v, "report") == 0)
		o->on_error = VFIO_ON_ERROR_REPORT;
	else if (strcmp(v, "reset") == 0)
		o->on_error = VFIO_ON_ERROR_RESET;
	else
		return err_set(e, -EINVAL,
			       "'%s' is none of report, stop and reset", v);
	return 0;
}

static int set_on_request(struct vfio_options *o, const struct opt *p,
			  struct err *e)
{
	char v[32];
	int rc = opt_text(p, v, sizeof(v), e);

	if (rc < 0)
		return rc;
	if (strcmp(v, "stop") == 0)
		o->on_request = VFIO_ON_REQUEST_STOP;
	else if (strcmp(v, "report") == 0)
		o->on_request = VFIO_ON_REQUEST_REPORT;
	else
		return err_set(e, -EINVAL, "'%s' is neither stop nor report",
			       v);
	return 0;
}

static int set_msix_reloc(struct vfio_options *o, const struct opt *p,
			  struct err *e)
{
	char v[32];
	int rc = opt_text(p, v, sizeof(v), e);

	if (rc < 0)
		return rc;
	if (strcmp(v, "off") == 0) {
		o->msix_reloc = VFIO_RELOC_OFF;
	} else if (strcmp(v, "auto") == 0) {
		o->msix_reloc = VFIO_RELOC_AUTO;
	} else if (strncmp(v, "bar", 3) == 0 && v[3] >= '0' && v[3] <= '5' &&
		   v[4] == '\0') {
		o->msix_reloc = VFIO_RELOC_BAR;
		o->msix_reloc_bar = (uint8_t)(v[3] - '0');
	} else {
		return err_set(e, -EINVAL,
			       "'%s' is neither auto, off nor bar0 to bar5", v);
	}
	return 0;
}

/* A file of that name is ./on or ./off. */
static int set_rom(struct vfio_options *o, const struct opt *p, struct err *e)
{
	int rc = opt_text(p, o->rom_file, sizeof(o->rom_file), e);

	if (rc < 0)
		return rc;
	if (strcmp(o->rom_file, "on") == 0)
		o->rom = VFIO_ROM_ON;
	else if (strcmp(o->rom_file, "off") == 0)
		o->rom = VFIO_ROM_OFF;
	else
		o->rom = VFIO_ROM_FILE;
	return 0;
}

/* slot= and at= are two ways to say the same. */
static int set_place(struct vfio_options *o, const struct opt *p,
		     int (*parse)(const char *text, struct vfio_place *out,
				  struct err *e),
		     struct err *e)
{
	char v[32];
	int rc = opt_text(p, v, sizeof(v), e);

	if (rc < 0)
		return rc;
	if (o->place.slot != VFIO_ANY_SLOT)
		return err_set(e, -EINVAL, "its place was given already");
	return parse(v, &o->place, e);
}

static int set_slot(struct vfio_options *o, const struct opt *p, struct err *e)
{
	return set_place(o, p, vfio_slot_parse, e);
}

static int set_at(struct vfio_options *o, const struct opt *p, struct err *e)
{
	return set_place(o, p, vfio_slot_parse_address, e);
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

static int set_vf_token(struct vfio_options *o, const struct opt *p,
			struct err *e)
{
	uint8_t uuid[VFIO_TOKEN_BYTES];
	char v[64];
	int rc = opt_text(p, v, sizeof(v), e);

	if (rc < 0)
		return rc;
	rc = vfio_token_parse(v, uuid, e);
	if (rc >= 0)
		memcpy(o->vf_token, v, sizeof(o->vf_token));
	return rc;
}

/* 0 to 2 are our own input and output. */
static int take_fd(const struct opt *p, int *out, struct err *e)
{
	char v[16], *end;
	long n;
	int rc = opt_text(p, v, sizeof(v), e);

	if (rc < 0)
		return rc;
	n = strtol(v, &end, 10);
	if (v[strspn(v, "0123456789")] != '\0' || n < 3 || n > INT16_MAX)
		return err_set(e, -EINVAL, "'%s' is no descriptor from 3 to %d",
			       v, INT16_MAX);
	*out = (int)n;
	return 0;
}

static int set_fd(struct vfio_options *o, const struct opt *p, struct err *e)
{
	return take_fd(p, &o->fd, e);
}

static int set_iommufd(struct vfio_options *o, const struct opt *p,
		       struct err *e)
{
	return take_fd(p, &o->iommufd, e);
}

static int set_group(struct vfio_options *o, const struct opt *p, struct err *e)
{
	return take_fd(p, &o->group, e);
}

static int set_container(struct vfio_options *o, const struct opt *p,
			 struct err *e)
{
	return take_fd(p, &o->container, e);
}

static const struct option {
	const char *key;
	int (*set)(struct vfio_options *o, const struct opt *p, struct err *e);
} options[] = {
	{ "allow-no-reset", set_allow_no_reset },
	{ "at", set_at },
	{ "cfg-gaps", set_gaps },
	{ "container", set_container },
	{ "ecap", set_ecap },
	{ "fd", set_fd },
	{ "group", set_group },
	{ "iommufd", set_iommufd },
	{ "low-power", set_low_power },
	{ "msix-reloc", set_msix_reloc },
	{ "on-error", set_on_error },
	{ "on-request", set_on_request },
	{ "p2p", set_p2p },
	{ "rom", set_rom },
	{ "slot", set_slot },
	{ "vf-token", set_vf_token },
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
	return opt_unknown(
		p,
		"allow-no-reset, at=BB:00.F, cfg-gaps=pass|block, container=N, "
		"ecap=allow:ID, ecap=deny:ID, fd=N, group=N, iommufd=N, "
		"low-power, "
		"msix-reloc=auto|off|barN, "
		"on-error=report|stop|reset, on-request=stop|report, p2p, "
		"rom=on|off|FILE, slot=N[.F] and vf-token=UUID",
		e);
}

/* What stands before the first comma. */
static int take_host(const char *text, struct vfio_options *o, struct err *e)
{
	size_t n = strcspn(text, ",");

	if (n >= sizeof(o->host))
		return err_set(e, -EINVAL, "the address is too long");
	memcpy(o->host, text, n);
	return 0;
}

/* What follows it; @name is for messages. */
static int take_rest(const char *text, const char *name, struct vfio_options *o,
		     struct err *e)
{
	struct opt p;

	(void)opt_next(&text, &p);
	while (opt_next(&text, &p)) {
		int rc = set_one(o, &p, e);

		if (rc < 0)
			return err_in(e, rc, "%s", name);
	}
	return 0;
}

/* Several functions cannot be one. */
static int check_card(const struct vfio_options *o, const char *name,
		      struct err *e)
{
	if (!vfio_card_is_meant(o->host))
		return 0;
	if (o->fd != 0)
		return err_set(e, -EINVAL,
			       "%s: fd=%d is one descriptor for several "
			       "functions",
			       name, o->fd);
	if (o->place.slot == VFIO_ANY_SLOT ||
	    o->place.function == VFIO_ANY_FUNCTION)
		return 0;
	(void)err_set(e, -EINVAL,
		      "%s: slot=%u.%u is one place for several functions", name,
		      o->place.slot, o->place.function);
	err_hint(e, "slot=%u takes them with the numbers that they have",
		 o->place.slot);
	return -EINVAL;
}

int vfio_options_parse(const char *text, struct vfio_options *out,
		       struct err *e)
{
	struct vfio_options o = { 0 };
	char name[VFIO_NAME_SIZE];
	int rc = take_host(text, &o, e);

	if (rc >= 0)
		rc = vfio_card_is_meant(o.host)
			     ? vfio_card_parse(o.host, name, e)
			     : vfio_name_parse(o.host, name, e);
	if (rc >= 0)
		rc = take_rest(text, name, &o, e);
	if (rc >= 0)
		rc = check_card(&o, name, e);
	if (rc >= 0)
		*out = o;
	return rc;
}

/* What only means something to the host's kernel. */
static int check_user(const struct vfio_options *o, const char *name,
		      struct err *e)
{
	if (o->vf_token[0] == '\0' && o->fd == 0 && o->iommufd == 0 &&
	    o->group == 0 && o->container == 0)
		return 0;
	return err_set(e, -EINVAL,
		       "%s: container, fd, group, iommufd and vf-token are for "
		       "--vfio only",
		       name);
}

int vfio_user_options_parse(const char *text, struct vfio_options *out,
			    struct err *e)
{
	struct vfio_options o = { 0 };
	struct vfio_function f;
	int rc = take_host(text, &o, e);

	if (rc >= 0)
		rc = vfio_user_function(o.host, &f, e);
	if (rc >= 0)
		rc = take_rest(text, f.name, &o, e);
	if (rc >= 0)
		rc = check_user(&o, f.name, e);
	if (rc >= 0)
		*out = o;
	return rc;
}

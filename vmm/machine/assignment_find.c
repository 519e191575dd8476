/* machine/assignment_find.c - which functions the command line means, and where
 * the guest shall find each */
#include <string.h>

#include "vfio/card.h"
#include "vfio/user.h"
#include "vmm/machine/assignment.h"
#include "vmm/machine/kernel_way.h"
#include "vmm/machine/placement.h"

static const struct kind {
	/* What follows the option: spelling, then the function it names. */
	int (*parse)(const char *text, struct vfio_options *out, struct err *e);
	int (*find)(const char *host, struct vfio_function *out, struct err *e);
} kinds[CONFIG_BACKENDS] = {
	[CONFIG_VFIO] = { vfio_options_parse, vfio_function_find },
	[CONFIG_VFIO_USER] = { vfio_user_options_parse, vfio_user_function },
};

/* @f has its options. */
static int add(struct assignment *a, const struct assigned *f, struct err *e)
{
	struct assigned *new = &a->function[a->n];
	int rc;

	if (a->n == CONFIG_MAX_FUNCTIONS)
		return err_set(e, -EINVAL, "more than %d functions",
			       CONFIG_MAX_FUNCTIONS);
	*new = *f;
	rc = kinds[f->backend].find(f->options.host, &new->function, e);
	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < a->n; i++)
		if (strcmp(new->function.name, a->function[i].function.name) ==
		    0)
			return err_set(e, -EINVAL, "%s was given twice",
				       new->function.name);
	vfio_quirk_options(&new->function, &new->options);
	a->n++;
	return 0;
}

/* The functions of a slot, each with the options of all and its own number. */
static int add_card(struct assignment *a, struct assigned *f, struct err *e)
{
	struct vfio_card card = { 0 };
	int rc = vfio_card_find(f->options.host, &card, e);

	for (unsigned i = 0; i < card.n && rc == 0; i++) {
		const char *bdf = card.bdf[i];

		memcpy(f->options.host, bdf, sizeof(card.bdf[i]));
		f->options.place.function =
			(uint8_t)(bdf[strlen(bdf) - 1] - '0');
		rc = add(a, f, e);
	}
	return rc;
}

static int add_named(struct assignment *a, const struct config_function *c,
		     unsigned ordinal, struct err *e)
{
	struct assigned f = { .backend = c->backend };
	int rc = kinds[c->backend].parse(c->text, &f.options, e);

	if (rc < 0)
		return rc;
	if (c->backend != CONFIG_VFIO || !vfio_card_is_meant(f.options.host))
		return add(a, &f, e);
	f.card = ordinal;
	return add_card(a, &f, e);
}

static int place_all(struct assignment *a, struct err *e)
{
	struct placement p[CONFIG_MAX_FUNCTIONS];
	int rc;

	for (unsigned i = 0; i < a->n; i++)
		p[i] = (struct placement){ a->function[i].function.name,
					   a->function[i].options.place,
					   a->function[i].card };
	rc = placement_decide(p, a->n, e);
	if (rc < 0)
		return err_in(e, rc, "vfio");
	for (unsigned i = 0; i < a->n; i++)
		a->function[i].options.place = p[i].at;
	return 0;
}

/* Why they cannot: vfio/peer.c. */
static void say_who_is_not_reached(const struct assignment *a)
{
	unsigned of[CONFIG_BACKENDS] = { 0 };

	for (unsigned i = 0; i < a->n; i++)
		of[a->function[i].backend]++;
	for (unsigned i = 0; i < a->n; i++)
		if (a->function[i].options.p2p &&
		    of[a->function[i].backend] < a->n)
			log_warn("vfio: %s: p2p=on: functions of --vfio and "
				 "--vfio-user do not reach each other",
				 a->function[i].function.name);
}

int assignment_find(struct assignment *a, const struct config *c, struct err *e)
{
	int rc;

	a->kernel = c->iommu;
	for (unsigned i = 0; i < c->n_functions; i++) {
		rc = add_named(a, &c->function[i], i + 1, e);
		if (rc < 0) {
			kernel_way_disown(a, 0);
			return err_in(e, rc, "vfio");
		}
	}
	say_who_is_not_reached(a);
	rc = kernel_way_adopt(a, e);
	return rc < 0 ? err_in(e, rc, "vfio") : place_all(a, e);
}

/* machine/assignment_find.c - which functions the command line means, and where
 * the guest shall find each */
#include <string.h>

#include "vfio/user.h"
#include "vmm/machine/assignment.h"
#include "vmm/machine/placement.h"

static const struct kind {
	/* What follows the option: spelling, then the function it names. */
	int (*parse)(const char *text, struct vfio_options *out, struct err *e);
	int (*find)(const char *host, struct vfio_function *out, struct err *e);
} kinds[CONFIG_BACKENDS] = {
	[CONFIG_VFIO] = { vfio_options_parse, vfio_function_find },
	[CONFIG_VFIO_USER] = { vfio_user_options_parse, vfio_user_function },
};

static int find_one(struct assigned *f, const struct config_function *c,
		    struct err *e)
{
	const struct kind *k = &kinds[c->backend];
	int rc;

	f->backend = c->backend;
	rc = k->parse(c->text, &f->options, e);
	if (rc == 0)
		rc = k->find(f->options.host, &f->function, e);
	return rc < 0 ? err_in(e, rc, "vfio") : 0;
}

static int place_all(struct assignment *a, struct err *e)
{
	struct placement p[CONFIG_MAX_FUNCTIONS];
	int rc;

	for (unsigned i = 0; i < a->n; i++)
		p[i] = (struct placement){ a->function[i].function.name,
					   a->function[i].options.place };
	rc = placement_decide(p, a->n, e);
	if (rc < 0)
		return err_in(e, rc, "vfio");
	for (unsigned i = 0; i < a->n; i++)
		a->function[i].options.place = p[i].at;
	return 0;
}

int assignment_find(struct assignment *a, const struct config *c, struct err *e)
{
	a->kernel = c->iommu;
	for (unsigned i = 0; i < c->n_functions; i++) {
		struct assigned *f = &a->function[i];
		int rc = find_one(f, &c->function[i], e);

		if (rc < 0)
			return rc;
		for (unsigned k = 0; k < i; k++)
			if (strcmp(f->function.name,
				   a->function[k].function.name) == 0)
				return err_set(e, -EINVAL,
					       "vfio: %s was given twice",
					       f->function.name);
		a->n = i + 1;
	}
	return place_all(a, e);
}

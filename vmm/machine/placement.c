/* machine/placement.c - where the guest finds each function; see placement.h
 *
 * Three rounds, the most particular wishes first: who names slot and function,
 * who names a slot, who names nothing.
 */
#include "vmm/machine/placement.h"

#include <assert.h>

#include "vmm/base/bytes.h"

struct slots {
	/* Who has a place; NULL: nobody. Slot 0 does not exist. */
	const char *holder[PCI_MAX_PORTS + 1][PCI_FUNCTIONS];
	uint8_t of_card[PLACEMENT_CARDS + 1]; /* 0: none yet */
};

static bool is_empty(const struct slots *s, unsigned slot)
{
	for (unsigned f = 0; f < PCI_FUNCTIONS; f++)
		if (s->holder[slot][f])
			return false;
	return true;
}

/* -------- the three rounds -------- */

static int take(struct slots *s, const struct placement *p, struct err *e)
{
	const struct vfio_place *at = &p->at;
	const char **holder;

	assert(at->slot <= PCI_MAX_PORTS && at->function < PCI_FUNCTIONS);
	holder = &s->holder[at->slot][at->function];
	if (*holder)
		return err_set(e, -EINVAL,
			       "%s and %s cannot both be %02x:00.%u of the "
			       "guest",
			       *holder, p->name, at->slot, at->function);
	*holder = p->name;
	return 0;
}

static int take_exact(struct slots *s, struct placement *p, struct err *e)
{
	if (p->at.slot == VFIO_ANY_SLOT || p->at.function == VFIO_ANY_FUNCTION)
		return 0;
	return take(s, p, e);
}

static int take_in_slot(struct slots *s, struct placement *p, struct err *e)
{
	unsigned slot = p->at.slot;

	if (slot == VFIO_ANY_SLOT || p->at.function != VFIO_ANY_FUNCTION)
		return 0;
	for (unsigned f = 0; f < PCI_FUNCTIONS; f++) {
		if (s->holder[slot][f])
			continue;
		p->at.function = (uint8_t)f;
		return take(s, p, e);
	}
	return err_set(e, -EINVAL,
		       "no room for %s in slot %u: %s and %d others are there",
		       p->name, slot, s->holder[slot][0], PCI_FUNCTIONS - 1);
}

/* A card comes with the numbers of its functions. */
static uint8_t function_of(const struct placement *p)
{
	return p->card != 0 ? p->at.function : 0;
}

static int take_anywhere(struct slots *s, struct placement *p, struct err *e)
{
	assert(p->card <= PLACEMENT_CARDS);
	if (p->at.slot != VFIO_ANY_SLOT)
		return 0;
	if (p->card != 0 && s->of_card[p->card] != 0) {
		p->at.slot = s->of_card[p->card];
		return take(s, p, e);
	}
	for (unsigned slot = 1; slot <= PCI_MAX_PORTS; slot++) {
		if (!is_empty(s, slot))
			continue;
		p->at = (struct vfio_place){ (uint8_t)slot, function_of(p) };
		s->of_card[p->card] = (uint8_t)slot;
		return take(s, p, e);
	}
	(void)err_set(e, -EINVAL, "no slot is left for %s: there are %d",
		      p->name, PCI_MAX_PORTS);
	err_hint(e, "several functions can share one: slot=N.0, slot=N.1");
	return -EINVAL;
}

static int (*const rounds[])(struct slots *s, struct placement *p,
			     struct err *e) = {
	take_exact,
	take_in_slot,
	take_anywhere,
};

/* -------- the result -------- */

static int check_slot(const struct slots *s, unsigned slot, struct err *e)
{
	for (unsigned f = 1; f < PCI_FUNCTIONS; f++) {
		if (s->holder[slot][0] || !s->holder[slot][f])
			continue;
		(void)err_set(e, -EINVAL,
			      "%s would be %02x:00.%u of the guest, and there "
			      "is no %02x:00.0",
			      s->holder[slot][f], slot, f, slot);
		err_hint(e,
			 "no guest looks for function %u where there is no "
			 "function 0; slot=%u takes the first that is free",
			 f, slot);
		return -EINVAL;
	}
	return 0;
}

int placement_decide(struct placement *p, unsigned n, struct err *e)
{
	struct slots s = { 0 };
	int rc = 0;

	for (unsigned r = 0; r < ARRAY_LEN(rounds); r++)
		for (unsigned i = 0; rc == 0 && i < n; i++)
			rc = rounds[r](&s, &p[i], e);
	for (unsigned slot = 1; rc == 0 && slot <= PCI_MAX_PORTS; slot++)
		rc = check_slot(&s, slot, e);
	return rc;
}

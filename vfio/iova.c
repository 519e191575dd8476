/* vfio/iova.c - ranges of I/O addresses */
#include "vfio/iova.h"

#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

/* Append the part that @a and @r share. */
static unsigned meet(struct range *out, unsigned n, unsigned max,
		     const struct range *a, const struct vfio_iova_range *r)
{
	uint64_t a_last = a->base + (a->size - 1);
	uint64_t first = a->base > r->start ? a->base : r->start;
	uint64_t last = a_last < r->end ? a_last : r->end;

	if (n == max || first > last)
		return n;
	/* 0..2^64-1 has no size in 64 bits; its last byte is no loss */
	if (first == 0 && last == UINT64_MAX)
		last--;
	out[n++] = (struct range){ first, last - first + 1 };
	return n;
}

int vfio_iova_intersect(struct range *out, unsigned n, unsigned max,
			const struct vfio_iova_range *r, unsigned n_r,
			struct err *e)
{
	const struct range all = { 0, UINT64_MAX };
	struct range *old = calloc(n + 1, sizeof(*old));
	unsigned n_new = 0;

	if (!old)
		return err_set(e, -ENOMEM, "out of memory");
	memcpy(old, n ? out : &all, (n ? n : 1) * sizeof(*old));
	for (unsigned i = 0; i < (n ? n : 1); i++) {
		for (unsigned j = 0; j < n_r; j++)
			n_new = meet(out, n_new, max, &old[i], &r[j]);
	}
	free(old);
	if (n_new == 0)
		return err_set(e, -ERANGE,
			       "the IOMMU translates no address "
			       "that all groups can use");
	return (int)n_new;
}

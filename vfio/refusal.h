/* vfio/refusal.h - what it means when a step of opening is refused
 *
 * The kernel answers with an errno, and the same errno means different things
 * at different steps. One table translates (step, errno) into a cause and an
 * advice; docs/errors.md has an entry for each.
 */
#ifndef VFIO_REFUSAL_H
#define VFIO_REFUSAL_H

#include "vmm/base/err.h"

enum vfio_step {
	VFIO_STEP_CONTAINER,	 /* open /dev/vfio/vfio */
	VFIO_STEP_GROUP,	 /* open /dev/vfio/N */
	VFIO_STEP_SET_CONTAINER, /* the group joins an I/O address space */
	VFIO_STEP_SET_IOMMU,	 /* that space gets its type */
	VFIO_STEP_DEVICE,	 /* GET_DEVICE_FD */
	VFIO_STEP_TOKEN,	 /* the same with a VF token */
	VFIO_STEP_MAP,		 /* guest RAM into the space */
	VFIO_STEP_PEER,		 /* pages of a BAR into the space */
	VFIO_STEP_PEER_FILE,	 /* what PEER means, as a file */
	VFIO_STEP_IOMMUFD,	 /* open /dev/iommu */
	VFIO_STEP_CDEV,		 /* open /dev/vfio/devices/vfioN */
	VFIO_STEP_BIND,		 /* BIND_IOMMUFD: what DEVICE means, and more */
	VFIO_STEP_BIND_TOKEN,	 /* the same with a VF token */
	VFIO_STEP_ATTACH,	 /* the function joins an I/O address space */
	VFIO_STEP_IOAS_MAP,	 /* what MAP means, and more */
};

/* Write the sentence for errno @rc (negative) of @step into @e: "what: cause",
 * or "what: text of errno" where the table has nothing. Value: @rc. */
int vfio_refused(struct err *e, enum vfio_step step, int rc, const char *fmt,
		 ...) __attribute__((format(printf, 4, 5)));
/* The same for a node that cannot be opened, with its owner if it is a matter
 * of permission. */
int vfio_refused_node(struct err *e, enum vfio_step step, int rc,
		      const char *path);

#endif

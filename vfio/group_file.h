/* vfio/group_file.h - one IOMMU group: its node, in a container
 *
 * /dev/vfio/N opens once. Who has it joins a container, the first that takes
 * it, and tells KVM; after that it hands out device fds. The order is in
 * group.c.
 */
#ifndef VFIO_GROUP_FILE_H
#define VFIO_GROUP_FILE_H

#include "vfio/kvm.h"
#include "vfio/space.h"

/* What all groups of a VM share. */
struct vfio_containers {
	struct vfio_kvm kvm;
	struct vfio_maps maps;
	struct vfio_space spaces[VFIO_MAX_SPACES];
};

struct vfio_group {
	int fd;	   /* -1: not open */
	int given; /* its node, if who started us opened it; 0: we do */
	int number;
	struct vfio_space *space; /* NULL: in no container */
	bool kvm_knows;
	unsigned devices; /* open ones, counted by group.c */
	struct vfio_containers *host;
};

/* Open the node of group number, or use the one that was given, put it into a
 * container and tell KVM; @bdf is for messages. On failure vfio_group_leave
 * follows. */
int vfio_group_join(struct vfio_group *g, const char *bdf, struct err *e);
/* Safe half-built. All devices of the group are closed. A node that was given
 * stays open. */
void vfio_group_leave(struct vfio_group *g);

#endif

/* vfio/place.h - maps of device memory, at addresses that huge pages like */
#ifndef VFIO_PLACE_H
#define VFIO_PLACE_H

#include <stdint.h>

#include "vmm/base/err.h"

/* Where the bytes of a region are. */
struct vfio_source {
	int fd;
	uint64_t offset; /* of its byte 0 in the fd */
	unsigned index;	 /* for messages */
	uint64_t unit;	 /* maps are of whole ones; 0: of pages */
};

/* Map [off, off + n) of the region; the caller unmaps with sys_munmap. */
int vfio_place(const struct vfio_source *s, uint64_t off, uint64_t n, int prot,
	       void **out, struct err *e);

#endif

/* vfio/info.h - structures of the kernel that grow
 *
 * VFIO's info structures begin with argsz: how much room the caller has on the
 * way in, how much the kernel would fill on the way out. What does not fit in
 * the fixed part is a chain of capabilities linked by offsets.
 */
#ifndef VFIO_INFO_H
#define VFIO_INFO_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/base/err.h"

struct vfio_info_cap_header;

/* Issue @cmd (called @name) on @fd with a zeroed structure of @fixed bytes
 * whose dword at offset 8 is @index, again with more room until it is filled
 * whole. *out is the caller's to free; returns its size. */
int vfio_info_query(int fd, unsigned long cmd, const char *name, size_t fixed,
		    uint32_t index, void **out, struct err *e);

/* The first capability @id of the chain that starts at @first, with at least
 * @min bytes of room; NULL if there is none. Unknown ones are passed over; a
 * chain that is broken ends where it breaks. */
const void *vfio_info_cap(const void *info, size_t size, uint32_t first,
			  uint16_t id, size_t min);
/* Bytes from @cap to the end of @info. */
size_t vfio_info_room(const void *info, size_t size, const void *cap);

#endif

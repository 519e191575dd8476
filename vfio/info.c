/* vfio/info.c - structures of the kernel that grow */
#include "vfio/info.h"

#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"

enum {
	INFO_MAX = 1 << 20, /* more than any kernel says */
	INFO_TRIES = 4,	    /* it may grow between two calls */
	INFO_STEPS = 64,    /* capabilities in a chain */
};

int vfio_info_query(int fd, unsigned long cmd, const char *name, size_t fixed,
		    uint32_t index, void **out, struct err *e)
{
	size_t room = fixed;

	for (unsigned i = 0; i < INFO_TRIES; i++) {
		uint8_t *buf = calloc(1, room);
		uint32_t wants;
		int rc;

		if (!buf)
			return err_set(e, -ENOMEM, "out of memory");
		le32_store(buf, (uint32_t)room);
		le32_store(buf + 8, index);
		rc = sys_ioctl_(fd, cmd, name, (unsigned long)(uintptr_t)buf);
		wants = le32_load(buf);
		if (rc >= 0 && wants <= room) {
			*out = buf;
			return (int)room;
		}
		free(buf);
		if (rc < 0)
			return err_sys(e, rc, "%s failed", name);
		if (wants > INFO_MAX)
			break;
		room = wants;
	}
	return err_set(e, -EMSGSIZE, "%s asks for more room every time", name);
}

const void *vfio_info_cap(const void *info, size_t size, uint32_t first,
			  uint16_t id, size_t min)
{
	const uint8_t *base = info;
	uint32_t at = first;

	/* Offsets are from the start of the structure, 0 ends the chain. */
	for (unsigned i = 0; i < INFO_STEPS && at != 0; i++) {
		struct vfio_info_cap_header h;

		if (at % 4 != 0 || at > size || size - at < sizeof(h))
			return NULL;
		memcpy(&h, base + at, sizeof(h));
		if (h.id == id)
			return size - at >= min ? base + at : NULL;
		at = h.next;
	}
	return NULL;
}

size_t vfio_info_room(const void *info, size_t size, const void *cap)
{
	return size - (size_t)((const uint8_t *)cap - (const uint8_t *)info);
}

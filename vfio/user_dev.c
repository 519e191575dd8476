/* vfio/user_dev.c - device ops on a vfio-user connection
 *
 * Regions are read and written by messages, or mapped from a descriptor that
 * comes with the region's description. A server could shrink that file under
 * our map; only the guest touches the map, and what it then runs into ends in
 * vfio_device_withdraw: its accesses trap from then on.
 */
#include "vfio/user_dev.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vfio/areas.h"
#include "vmm/base/sys.h"

enum {
	INFO_ROOM = 4096,  /* for the chain of capabilities, mostly enough */
	INFO_MOST = 65536, /* a server that needs more is not believed */
};

/* -------- regions -------- */

static int ask_region(struct user_dev *u, unsigned index, void *buf,
		      uint32_t room, int *fd, struct err *e)
{
	const struct vfio_region_info ask = { .argsz = room, .index = index };
	const struct user_request r = {
		.command = USER_DEVICE_GET_REGION_INFO,
		.head = &ask,
		.head_size = sizeof(ask),
		.reply = buf,
		.reply_room = room,
		.reply_least = sizeof(ask),
		.reply_fd = fd,
	};

	return user_link_call(&u->link, &r, e);
}

/* The whole description in *out, which is the caller's to free; its size is
 * returned. The descriptor comes with the reply that is whole. */
static int region_info(struct user_dev *u, unsigned index, void **out, int *fd,
		       struct err *e)
{
	struct vfio_region_info info;
	uint32_t room = INFO_ROOM;

	for (;;) {
		uint8_t *buf = calloc(1, room);
		int rc;

		if (!buf)
			return err_set(e, -ENOMEM, "out of memory");
		rc = ask_region(u, index, buf, room, fd, e);
		if (rc < 0) {
			free(buf);
			return rc;
		}
		memcpy(&info, buf, sizeof(info));
		if (info.argsz <= room || room == INFO_MOST) {
			*out = buf;
			return rc < (int)room ? rc : (int)room;
		}
		free(buf);
		sys_close(fd);
		room = info.argsz < 2 * room ? 2 * room : info.argsz;
		if (room > INFO_MOST)
			room = INFO_MOST;
	}
}

/* Is the file as long as the areas that are to be mapped from it? In which
 * units can that be done? */
static bool covers(int fd, const struct vfio_region *r, uint64_t offset,
		   uint64_t *unit)
{
	uint64_t page = sys_page_size(), size;
	struct stat st;

	if (offset % page != 0 || sys_fstat(fd, &st) < 0 || st.st_size < 0 ||
	    sys_map_unit(fd, unit) < 0)
		return false;
	size = align_up((uint64_t)st.st_size, page);
	if (offset > size)
		return false;
	for (unsigned i = 0; i < r->n_areas; i++) {
		const struct range *a = &r->area[i];

		if (!range_fits(0, size - offset, a->base, a->size))
			return false;
	}
	return true;
}

/* Keep @fd for maps of the region, or see to it that none is tried. */
static void keep_source(struct user_dev *u, unsigned index,
			struct vfio_region *r, uint64_t offset, int *fd)
{
	struct vfio_source *s = &u->source[index];
	uint64_t unit = 0;

	sys_close(&s->fd);
	if (*fd >= 0 && r->n_areas != 0 && !covers(*fd, r, offset, &unit)) {
		log_warn("vfio: %s: region %u: the server's file is too short "
			 "for what may be mapped, so accesses trap",
			 u->dev.name, index);
		sys_close(fd);
	}
	if (*fd < 0 || r->n_areas == 0) {
		r->n_areas = 0;
		r->flags &= ~(uint32_t)VFIO_REGION_INFO_FLAG_MMAP;
		sys_close(fd);
		return;
	}
	*s = (struct vfio_source){ *fd, offset, index, unit };
	*fd = -1;
}

static int user_region(struct vfio_dev *d, unsigned index,
		       struct vfio_region *out, struct err *e)
{
	struct user_dev *u = user_of(d);
	struct vfio_region_info info;
	struct vfio_region r;
	int fd = -1;
	void *buf;
	int rc;

	assert(index < VFIO_PCI_NUM_REGIONS);
	rc = region_info(u, index, &buf, &fd, e);
	if (rc < 0)
		return err_in(e, rc, "region %u", index);
	memcpy(&info, buf, sizeof(info));
	if (info.index != index) {
		free(buf);
		sys_close(&fd);
		return err_set(e, -EPROTO,
			       "the server describes region %u, asked for %u",
			       info.index, index);
	}
	vfio_region_parse(buf, (size_t)rc, u->dev.name, index, &r);
	keep_source(u, index, &r, info.offset, &fd);
	free(buf);
	*out = r;
	return 0;
}

static int user_map(struct vfio_dev *d, unsigned index, uint64_t off,
		    uint64_t n, int prot, void **out, struct err *e)
{
	return vfio_place(&user_of(d)->source[index], off, n, prot, out, e);
}

static int user_view_file(struct vfio_dev *d, unsigned index, uint64_t off,
			  uint64_t *out)
{
	const struct vfio_source *s = &user_of(d)->source[index];

	if (s->fd >= 0)
		*out = s->offset + off;
	return s->fd;
}

/* -------- accesses -------- */

enum { PIECE = 4096 }; /* config space in one, if the server takes that */

struct answer {
	struct user_region_access a;
	uint8_t data[PIECE];
};

static int transfer(struct user_dev *u, const struct user_region_access *a,
		    void *to, const void *from, struct err *e)
{
	uint32_t n = le32_get(a->count);
	struct answer answer;
	const struct user_request r = {
		.command = from ? USER_REGION_WRITE : USER_REGION_READ,
		.head = a,
		.head_size = sizeof(*a),
		.data = from,
		.data_size = from ? n : 0,
		.reply = &answer,
		.reply_room = sizeof(answer),
		.reply_least = sizeof(*a),
	};
	int rc;

	answer.a = (struct user_region_access){ .count = le32_of(0) };
	rc = user_link_call(&u->link, &r, e);
	if (rc < 0)
		return rc;
	if (memcmp(&answer.a, a, sizeof(*a)) != 0 ||
	    (to && (size_t)rc != sizeof(*a) + n))
		return err_set(e, -ENODATA,
			       "the server answers another access");
	if (to)
		memcpy(to, answer.data, n);
	return 0;
}

/* In order, and one after the other: a later read finds what an earlier write
 * did. */
static int transfer_all(struct user_dev *u,
			const struct user_region_access *whole, uint8_t *to,
			const uint8_t *from, struct err *e)
{
	uint32_t n = le32_get(whole->count), most = u->link.limits.max_data;
	struct err scratch = ERR_NONE;

	if (most > PIECE)
		most = PIECE;
	for (uint32_t done = 0; done < n;) {
		uint32_t piece = n - done < most ? n - done : most;
		struct user_region_access a = {
			.offset = le64_of(le64_get(whole->offset) + done),
			.region = whole->region,
			.count = le32_of(piece),
		};
		int rc = transfer(u, &a, to ? to + done : NULL,
				  from ? from + done : NULL, e ? e : &scratch);

		if (rc < 0)
			return rc;
		done += piece;
	}
	return 0;
}

static int user_read(struct vfio_dev *d, unsigned index, uint64_t off,
		     void *buf, unsigned n, struct err *e)
{
	struct user_region_access a = { le64_of(off), le32_of(index),
					le32_of(n) };
	int rc = transfer_all(user_of(d), &a, buf, NULL, e);

	return rc < 0 && e ? err_in(e, rc, "cannot read region %u at %#llx",
				    index, (unsigned long long)off)
			   : rc;
}

static int user_write(struct vfio_dev *d, unsigned index, uint64_t off,
		      const void *buf, unsigned n, struct err *e)
{
	struct user_region_access a = { le64_of(off), le32_of(index),
					le32_of(n) };
	int rc = transfer_all(user_of(d), &a, NULL, buf, e);

	return rc < 0 && e ? err_in(e, rc, "cannot write region %u at %#llx",
				    index, (unsigned long long)off)
			   : rc;
}

/* -------- reset and life -------- */

static int user_reset(struct vfio_dev *d, struct err *e)
{
	const struct user_request r = {
		.command = USER_DEVICE_RESET,
		.timeout_s = USER_RESET_TIMEOUT_S,
	};
	int rc = user_link_call(&user_of(d)->link, &r, e);

	return rc < 0 ? err_in(e, rc, "the function cannot be reset") : 0;
}

static void user_close(struct vfio_dev *d)
{
	struct user_dev *u = user_of(d);

	user_irqs_close(u);
	user_link_close(&u->link);
	for (unsigned i = 0; i < VFIO_PCI_NUM_REGIONS; i++)
		sys_close(&u->source[i].fd);
	if (u->slot)
		*u->slot = NULL;
	free(u);
}

static void link_gone(struct user_link *l)
{
	struct user_dev *u = container_of(l, struct user_dev, link);

	if (u->dev.listener)
		u->dev.listener->gone(u->dev.listener, l->why.text);
}

static const struct vfio_dev_ops user_ops = {
	.region = user_region,
	.read = user_read,
	.write = user_write,
	.map = user_map,
	.view_file = user_view_file,
	.irq_info = user_irq_info,
	.irqs = user_irqs,
	.intx_mask = user_intx_mask,
	.intx_unmask = user_intx_unmask,
	.reset = user_reset,
	.close = user_close,
};

static int dev_build(struct user_dev *u, const char *path, struct loop *loop,
		     const struct vfio_maps *maps, struct err *e)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	const struct user_request r = {
		.command = USER_DEVICE_GET_INFO,
		.head = &info,
		.head_size = offsetof(struct vfio_device_info, cap_offset),
		.reply = &info,
		.reply_room = offsetof(struct vfio_device_info, cap_offset),
		.reply_least = offsetof(struct vfio_device_info, cap_offset),
	};
	int rc = user_link_open(&u->link, path, loop, maps, e);

	if (rc >= 0)
		rc = user_link_call(&u->link, &r, e);
	if (rc < 0)
		return rc;
	if (!(info.flags & VFIO_DEVICE_FLAGS_PCI) ||
	    info.num_regions <= VFIO_PCI_CONFIG_REGION_INDEX)
		return err_set(e, -EINVAL,
			       "is no PCI device to VFIO (flags %#x, %u "
			       "regions)",
			       info.flags, info.num_regions);
	u->dev.can_reset = info.flags & VFIO_DEVICE_FLAGS_RESET;
	u->dev.n_regions = info.num_regions;
	u->dev.n_irqs = info.num_irqs;
	return 0;
}

int user_dev_open(const char *path, struct loop *loop,
		  const struct vfio_maps *maps, struct user_dev **out,
		  struct err *e)
{
	struct user_dev *u = calloc(1, sizeof(*u));
	int rc;

	if (!u)
		return err_set(e, -ENOMEM, "out of memory");
	u->dev.ops = &user_ops;
	u->dev.raw = true;
	snprintf(u->dev.name, sizeof(u->dev.name), "%s", path);
	u->link.socket = USER_SOCKET_EMPTY;
	for (unsigned i = 0; i < VFIO_PCI_NUM_REGIONS; i++)
		u->source[i].fd = -1;
	rc = dev_build(u, path, loop, maps, e);
	if (rc < 0) {
		user_close(&u->dev);
		return rc;
	}
	u->link.gone = link_gone;
	*out = u;
	return 0;
}

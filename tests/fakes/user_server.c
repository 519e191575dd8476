/* tests/fakes/user_server.c - a function of the fake kernel behind vfio-user
 *
 * A thread that takes messages and makes of each the call that a program would
 * make at the kernel's interface. So trace, failures on request and rules are
 * the same for both ways, and tests run over both.
 *
 * It holds the device by a descriptor of its own while a client is there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/fakes/fake.h"
#include "vfio/user_wire.h"

enum { MAX_USERS = 8, MAX_FDS = 64, MAX_PAYLOAD = 1 << 16 };

struct user {
	struct fake_user u;
	char path[128], bdf[24];
	unsigned maps;
};

struct session {
	struct user *user;
	int fd;	    /* the socket */
	int device; /* of the fake kernel */
	struct user_header h;
	uint32_t size; /* of the payload */
	_Alignas(8) uint8_t in[MAX_PAYLOAD];
	_Alignas(8) uint8_t out[MAX_PAYLOAD];
	unsigned n_fds;
};

static struct user users[MAX_USERS];

/* -------- messages -------- */

/* Descriptors are the real kernel's; the objects behind them are asked for. */
static ssize_t receive(struct session *s, void *buf, size_t n)
{
	union {
		char bytes[CMSG_SPACE(MAX_FDS * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec v = { buf, n };
	struct msghdr m = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control) };
	ssize_t rc = recvmsg(s->fd, &m, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = rc > 0 ? CMSG_FIRSTHDR(&m) : NULL;

	for (unsigned i = 0; c && CMSG_LEN(i * sizeof(int)) < c->cmsg_len;
	     i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
		(void)close(fd);
		s->n_fds++;
	}
	return rc;
}

static bool receive_all(struct session *s, void *buf, size_t n)
{
	uint8_t *at = buf;

	while (n != 0) {
		ssize_t rc = receive(s, at, n);

		if (rc <= 0)
			return false;
		at += rc;
		n -= (size_t)rc;
	}
	return true;
}

static bool next_message(struct session *s)
{
	s->n_fds = 0;
	if (!receive_all(s, &s->h, sizeof(s->h)))
		return false;
	s->size = le32_get(s->h.size) - (uint32_t)sizeof(s->h);
	return s->size <= sizeof(s->in) && receive_all(s, s->in, s->size);
}

static void send_all(const struct session *s, const void *buf, size_t n, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .bytes = "" };
	const uint8_t *at = buf;

	while (n != 0) {
		struct iovec v = { (void *)(uintptr_t)at,
				   s->user->u.dribbles ? 1 : n };
		struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
		ssize_t rc;

		if (fd >= 0) {
			m.msg_control = control.bytes;
			m.msg_controllen = sizeof(control);
			control.align.cmsg_level = SOL_SOCKET;
			control.align.cmsg_type = SCM_RIGHTS;
			control.align.cmsg_len = CMSG_LEN(sizeof(int));
			memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
		}
		rc = sendmsg(s->fd, &m, MSG_NOSIGNAL);
		if (rc <= 0)
			return;
		fd = -1;
		at += rc;
		n -= (size_t)rc;
	}
}

static void reply(struct session *s, long rc, uint32_t n, int fd)
{
	uint8_t whole[sizeof(struct user_header) + MAX_PAYLOAD];

	if (rc < 0)
		n = 0;
	s->h.size = le32_of((uint32_t)sizeof(s->h) + n);
	s->h.flags = le32_of(USER_TYPE_REPLY | (rc < 0 ? USER_ERROR : 0));
	s->h.error = le32_of((uint32_t)(rc < 0 ? -rc : 0));
	memcpy(whole, &s->h, sizeof(s->h));
	memcpy(whole + sizeof(s->h), s->out, n);
	send_all(s, whole, sizeof(s->h) + n, rc < 0 ? -1 : fd);
}

/* -------- commands -------- */

static void version(struct session *s)
{
	const struct fake_user *u = &s->user->u;
	char *text = (char *)s->out + sizeof(struct user_version);
	size_t n = sizeof(struct user_version);

	memcpy(s->out, s->in, n);
	if (u->max_fds && u->max_data)
		n += 1 +
		     (size_t)sprintf(text,
				     "{\"capabilities\":{\"max_msg_fds\":%u,"
				     "\"max_data_xfer_size\":%u}}",
				     u->max_fds, u->max_data);
	else if (u->max_fds)
		n += 1 +
		     (size_t)sprintf(text,
				     "{\"capabilities\":{\"max_msg_fds\":%u}}",
				     u->max_fds);
	reply(s, 0, (uint32_t)n, -1);
}

static void take_objects(struct session *s, int32_t *fds)
{
	fake_lock();
	for (unsigned i = 0; i < s->n_fds; i++) {
		struct obj *o = socket_sent(s->fd);

		if (!o) /* the client has closed meanwhile */
			break;
		if (fds)
			fds[i] = o->fd;
		obj_release(o);
	}
	fake_unlock();
	s->n_fds = 0;
}

static void dma(struct session *s, bool map)
{
	struct call c;
	const struct user_dma_map *m = (const void *)s->in;
	const struct user_dma_unmap *u = (const void *)s->in;
	long rc = call_begin(
		&c, "ioctl VFIO_IOMMU_%s container iova=%#jx size=%#jx",
		map ? "MAP_DMA" : "UNMAP_DMA",
		(uintmax_t)le64_get(map ? m->address : u->address),
		(uintmax_t)le64_get(map ? m->size : u->size));

	if (rc == 0)
		s->user->maps += map ? 1 : -1u;
	rc = call_end(&c, rc);
	memcpy(s->out, s->in, s->size);
	reply(s, rc, map ? 0 : s->size, -1);
}

static void ask(struct session *s, unsigned long cmd, const char *name,
		uint32_t n)
{
	long rc;

	memcpy(s->out, s->in, n);
	rc = sys_ioctl_(s->device, cmd, name, (unsigned long)s->out);
	reply(s, rc, n, -1);
}

static void region_info(struct session *s)
{
	struct vfio_region_info *i = (void *)s->out;
	struct device *d;
	uint32_t room;
	int fd = -1;
	long rc;

	memcpy(s->out, s->in, sizeof(*i));
	room = i->argsz < sizeof(s->out) ? i->argsz : sizeof(s->out);
	i->argsz = room;
	rc = sys_ioctl_(s->device, VFIO_DEVICE_GET_REGION_INFO,
			"VFIO_DEVICE_GET_REGION_INFO", (unsigned long)s->out);
	d = device_find(s->user->bdf);
	if (rc >= 0 && (i->flags & VFIO_REGION_INFO_FLAG_MMAP) &&
	    i->argsz <= room && !s->user->u.no_fd)
		fd = d->region[i->index].memfd;
	i->offset = 0;
	reply(s, rc, i->argsz < room ? i->argsz : room, fd);
}

static bool refuses(const struct session *s, const struct vfio_irq_set *set)
{
	const struct fake_user *u = &s->user->u;
	bool mask = set->flags &
		    (VFIO_IRQ_SET_ACTION_MASK | VFIO_IRQ_SET_ACTION_UNMASK);

	return (mask && u->no_masks) ||
	       (mask && u->no_unmask_fd &&
		(set->flags & VFIO_IRQ_SET_DATA_EVENTFD)) ||
	       (u->no_events && set->index >= VFIO_PCI_ERR_IRQ_INDEX);
}

static void set_irqs(struct session *s)
{
	_Alignas(struct vfio_irq_set) uint8_t
		buf[sizeof(struct vfio_irq_set) + 4096 * sizeof(int32_t)];
	struct vfio_irq_set *set = (void *)buf;
	bool fds, none = s->n_fds == 0;
	long rc = -EINVAL;

	memcpy(set, s->in, sizeof(*set));
	fds = set->flags & VFIO_IRQ_SET_DATA_EVENTFD;
	memset(set->data, 0xff, 4096 * sizeof(int32_t));
	if (set->count > 4096 || (!none && s->n_fds != set->count) ||
	    refuses(s, set)) {
		take_objects(s, NULL);
		reply(s, set->index ? -EINVAL : -ENOTSUP, 0, -1);
		return;
	}
	take_objects(s, (int32_t *)(void *)set->data);
	set->argsz = (uint32_t)(sizeof(*set) + (fds ? set->count * 4 : 0));
	rc = sys_ioctl_(s->device, VFIO_DEVICE_SET_IRQS, "VFIO_DEVICE_SET_IRQS",
			(unsigned long)set);
	/* more than the host has: no positive answers here */
	reply(s, rc > 0 ? -ENOSPC : rc, 0, -1);
}

static void region_access(struct session *s, bool write)
{
	const struct user_region_access *a = (const void *)s->in;
	uint32_t n = le32_get(a->count);
	uint64_t off = device_offset(le32_get(a->region)) + le64_get(a->offset);
	uint32_t most = s->user->u.max_data ? s->user->u.max_data : 1 << 15;
	long rc = -EINVAL;

	memcpy(s->out, a, sizeof(*a));
	if (n <= most && write)
		rc = sys_pwrite(s->device, a + 1, n, off);
	else if (n <= most)
		rc = sys_pread(s->device, s->out + sizeof(*a), n, off);
	/* a short transfer is said to be one */
	if (rc >= 0)
		le32_store(s->out + offsetof(struct user_region_access, count),
			   (uint32_t)rc);
	reply(s, rc,
	      (uint32_t)sizeof(*a) + (write || rc < 0 ? 0 : (uint32_t)rc), -1);
}

static void handle(struct session *s)
{
	switch (le16_get(s->h.command)) {
	case USER_VERSION:
		version(s);
		break;
	case USER_DMA_MAP:
		take_objects(s, NULL);
		dma(s, true);
		break;
	case USER_DMA_UNMAP:
		dma(s, false);
		break;
	case USER_DEVICE_GET_INFO:
		ask(s, VFIO_DEVICE_GET_INFO, "VFIO_DEVICE_GET_INFO", 16);
		break;
	case USER_DEVICE_GET_REGION_INFO:
		region_info(s);
		break;
	case USER_DEVICE_GET_IRQ_INFO:
		ask(s, VFIO_DEVICE_GET_IRQ_INFO, "VFIO_DEVICE_GET_IRQ_INFO",
		    16);
		break;
	case USER_DEVICE_SET_IRQS:
		set_irqs(s);
		break;
	case USER_REGION_READ:
	case USER_REGION_WRITE:
		region_access(s, le16_get(s->h.command) == USER_REGION_WRITE);
		break;
	case USER_DEVICE_RESET:
		reply(s,
		      sys_ioctl_(s->device, VFIO_DEVICE_RESET,
				 "VFIO_DEVICE_RESET", 0),
		      0, -1);
		break;
	default:
		reply(s, -ENOTSUP, 0, -1);
	}
}

/* -------- life -------- */

static void serve(int fd, void *arg)
{
	struct session *s = xalloc(sizeof(*s));
	struct device *d;

	*s = (struct session){ .user = arg, .fd = fd };
	fake_lock();
	d = device_find(s->user->bdf);
	d->raw = true;
	config_init(d);
	s->device = device_open(d);
	s->user->maps = 0;
	fake_unlock();
	while (next_message(s))
		handle(s);
	sys_close(&s->device);
	free(s);
}

void fake_user_add(const struct fake_user *u)
{
	struct user *slot = users;

	while (slot < users + MAX_USERS && slot->path[0] != '\0' &&
	       strcmp(slot->path, u->path) != 0)
		slot++;
	if (slot == users + MAX_USERS)
		abort();
	slot->u = *u;
	snprintf(slot->path, sizeof(slot->path), "%s", u->path);
	snprintf(slot->bdf, sizeof(slot->bdf), "%s", u->bdf);
	fake_server(slot->path, serve, slot);
}

unsigned fake_user_maps(const char *bdf)
{
	unsigned n = 0;

	fake_lock();
	for (unsigned i = 0; i < MAX_USERS; i++) {
		if (strcmp(users[i].bdf, bdf) == 0)
			n += users[i].maps;
	}
	fake_unlock();
	return n;
}

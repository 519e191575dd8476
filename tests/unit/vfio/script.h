/* tests/unit/vfio/script.h - a vfio-user server that misbehaves as it is told
 *
 * By default it is polite and small: config space that reads a pattern, no
 * BARs, every command succeeds. A test intercepts what it wants to answer
 * otherwise. What came is noted.
 */
#ifndef VFIO_SCRIPT_H
#define VFIO_SCRIPT_H

#include <linux/vfio.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fakes/kernel.h"
#include "vfio/user.h"
#include "vfio/user_wire.h"
#include "vmm/base/sys.h"
#include "vmm/loop.h"

/* What attach() takes. */
#define WANT(n) (&(struct vfio_wanted){ .name = (n) })

enum { SCRIPT_NOTES = 512, SCRIPT_ROOM = 2 << 20, SCRIPT_FDS = 64 };

#define SCRIPT_SOCKET "/run/script.sock"

struct message {
	struct user_header h;
	uint32_t size; /* of the payload */
	uint8_t *payload;
	int fd[SCRIPT_FDS];
	unsigned n_fds;
};

struct note {
	unsigned command, n_fds;
	uint32_t word[5]; /* the payload's first */
};

struct script {
	/* Answer @m, or return false for the polite way. */
	bool (*intercept)(struct script *s, struct message *m);
	const char *json; /* NULL: eight descriptors */
	uint32_t config_size, irqs[5];

	int fd;
	struct note note[SCRIPT_NOTES];
	atomic_uint n;
	unsigned step; /* the intercept's own */
};

/* -------- bytes -------- */

static inline bool script_take(struct script *s, struct message *m, void *to,
			       size_t n)
{
	uint8_t *at = to;

	while (n != 0) {
		union {
			char bytes[CMSG_SPACE(SCRIPT_FDS * sizeof(int))];
			struct cmsghdr align;
		} u;
		struct iovec v = { at, n };
		struct msghdr h = { .msg_iov = &v,
				    .msg_iovlen = 1,
				    .msg_control = u.bytes,
				    .msg_controllen = sizeof(u) };
		ssize_t rc = recvmsg(s->fd, &h, MSG_CMSG_CLOEXEC);
		struct cmsghdr *c = rc > 0 ? CMSG_FIRSTHDR(&h) : NULL;

		if (rc <= 0)
			return false;
		for (unsigned i = 0;
		     c && CMSG_LEN(i * sizeof(int)) < c->cmsg_len; i++)
			memcpy(&m->fd[m->n_fds++],
			       CMSG_DATA(c) + i * sizeof(int), sizeof(int));
		at += rc;
		n -= (size_t)rc;
	}
	return true;
}

static inline bool script_next(struct script *s, struct message *m)
{
	m->n_fds = 0;
	if (!script_take(s, m, &m->h, sizeof(m->h)))
		return false;
	m->size = le32_get(m->h.size) - (uint32_t)sizeof(m->h);
	return m->size <= SCRIPT_ROOM && script_take(s, m, m->payload, m->size);
}

static inline void script_drop_fds(struct message *m)
{
	while (m->n_fds != 0)
		(void)close(m->fd[--m->n_fds]);
}

/* @n bytes, with descriptors at the first. */
static inline void script_send(struct script *s, const void *buf, size_t n,
			       const int *fds, unsigned n_fds)
{
	union {
		char bytes[CMSG_SPACE(SCRIPT_FDS * sizeof(int))];
		struct cmsghdr align;
	} u = { .bytes = "" };
	const uint8_t *at = buf;

	while (n != 0) {
		struct iovec v = { (void *)(uintptr_t)at, n };
		struct msghdr h = { .msg_iov = &v, .msg_iovlen = 1 };
		ssize_t rc;

		if (n_fds != 0) {
			h.msg_control = u.bytes;
			h.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
			u.align.cmsg_level = SOL_SOCKET;
			u.align.cmsg_type = SCM_RIGHTS;
			u.align.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
			memcpy(CMSG_DATA(&u.align), fds, n_fds * sizeof(int));
		}
		rc = sendmsg(s->fd, &h, MSG_NOSIGNAL);
		if (rc <= 0)
			return;
		n_fds = 0;
		at += rc;
		n -= (size_t)rc;
	}
}

/* A message as a whole. */
static inline void script_post(struct script *s, const struct user_header *head,
			       const void *payload, size_t n, int fd)
{
	uint8_t *whole = malloc(sizeof(*head) + n);
	struct user_header h = *head;

	h.size = le32_of((uint32_t)(sizeof(h) + n));
	memcpy(whole, &h, sizeof(h));
	if (n != 0)
		memcpy(whole + sizeof(h), payload, n);
	script_send(s, whole, sizeof(h) + n, &fd, fd >= 0);
	free(whole);
}

static inline void script_reply(struct script *s, const struct message *m,
				const void *payload, size_t n)
{
	struct user_header h = m->h;

	h.flags = le32_of(USER_TYPE_REPLY);
	h.error = le32_of(0);
	script_post(s, &h, payload, n, -1);
}

static inline void script_refuse(struct script *s, const struct message *m,
				 uint32_t error)
{
	struct user_header h = m->h;

	h.flags = le32_of(USER_TYPE_REPLY | USER_ERROR);
	h.error = le32_of(error);
	script_post(s, &h, NULL, 0, -1);
}

/* A request of ours: DMA. */
static inline void script_ask(struct script *s, unsigned command, uint64_t at,
			      uint64_t count, const void *data, size_t n)
{
	struct user_header h = { .id = le16_of(0x7777),
				 .command = le16_of((uint16_t)command) };
	struct user_dma_access a = { le64_of(at), le64_of(count) };
	uint8_t *payload = malloc(sizeof(a) + n);

	memcpy(payload, &a, sizeof(a));
	if (n != 0)
		memcpy(payload + sizeof(a), data, n);
	script_post(s, &h, payload, sizeof(a) + n, -1);
	free(payload);
}

/* Nothing more comes from us; until the client closes. */
static inline void script_hang(struct script *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLRDHUP };

	(void)poll(&p, 1, 20000);
}

/* -------- the polite way -------- */

static inline void script_version(struct script *s, struct message *m)
{
	const char *json =
		s->json ? s->json : "{\"capabilities\":{\"max_msg_fds\":8}}";
	uint8_t out[1024] = { 0 };

	memcpy(out, m->payload, sizeof(struct user_version));
	strcpy((char *)out + sizeof(struct user_version), json);
	script_reply(s, m, out, sizeof(struct user_version) + strlen(json) + 1);
}

static inline void script_region_info(struct script *s, struct message *m)
{
	struct vfio_region_info i;

	memcpy(&i, m->payload, sizeof(i));
	i.argsz = sizeof(i);
	i.size = i.index == VFIO_PCI_CONFIG_REGION_INDEX ? s->config_size : 0;
	i.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	script_reply(s, m, &i, sizeof(i));
}

static inline void script_irq_info(struct script *s, struct message *m)
{
	struct vfio_irq_info i;

	memcpy(&i, m->payload, sizeof(i));
	i.count = i.index < 5 ? s->irqs[i.index] : 0;
	i.flags = VFIO_IRQ_INFO_EVENTFD;
	script_reply(s, m, &i, sizeof(i));
}

static inline void script_read(struct script *s, struct message *m)
{
	struct user_region_access a;
	uint8_t *out;
	uint32_t n;

	memcpy(&a, m->payload, sizeof(a));
	n = le32_get(a.count);
	out = calloc(1, sizeof(a) + n);
	memcpy(out, &a, sizeof(a));
	for (uint32_t i = 0; i < n; i++)
		out[sizeof(a) + i] = (uint8_t)(le64_get(a.offset) + i);
	script_reply(s, m, out, sizeof(a) + n);
	free(out);
}

static inline void script_polite(struct script *s, struct message *m)
{
	struct vfio_device_info info = {
		.argsz = 16,
		.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET,
		.num_regions = VFIO_PCI_NUM_REGIONS,
		.num_irqs = 5,
	};

	switch (le16_get(m->h.command)) {
	case USER_VERSION:
		script_version(s, m);
		break;
	case USER_DEVICE_GET_INFO:
		script_reply(s, m, &info, 16);
		break;
	case USER_DEVICE_GET_REGION_INFO:
		script_region_info(s, m);
		break;
	case USER_DEVICE_GET_IRQ_INFO:
		script_irq_info(s, m);
		break;
	case USER_REGION_READ:
		script_read(s, m);
		break;
	case USER_REGION_WRITE:
		script_reply(s, m, m->payload,
			     sizeof(struct user_region_access));
		break;
	default:
		script_reply(s, m, NULL, 0);
	}
}

static inline void script_note(struct script *s, const struct message *m)
{
	struct note *n = &s->note[s->n % SCRIPT_NOTES];

	*n = (struct note){ .command = le16_get(m->h.command),
			    .n_fds = m->n_fds };
	memcpy(n->word, m->payload,
	       m->size < sizeof(n->word) ? m->size : sizeof(n->word));
	s->n++;
}

static inline void script_serve(int fd, void *arg)
{
	struct message m = { .payload = malloc(SCRIPT_ROOM) };
	struct script *s = arg;

	s->fd = fd;
	while (script_next(s, &m)) {
		script_note(s, &m);
		if (!s->intercept || !s->intercept(s, &m))
			script_polite(s, &m);
		script_drop_fds(&m);
	}
	free(m.payload);
}

/* -------- the client's side -------- */

struct user_bench {
	struct script s;
	struct loop loop;
	struct vfio_iommu *iommu;
	struct vfio_dev *dev;
	struct ram ram[2];
};

/* @call reports to &why, and has to succeed. */
#define OUGHT(call)                                          \
	do {                                                 \
		struct err why = ERR_NONE;                   \
		int ought_rc = (call);                       \
                                                             \
		if (ought_rc < 0)                            \
			fail_msg("%s: %s", #call, why.text); \
	} while (0)

static inline void user_bench_ram(struct user_bench *b, unsigned i, gpa_t at,
				  uint64_t size)
{
	struct ram *r = &b->ram[i];

	*r = (struct ram){ .base = at, .size = size };
	r->fd = sys_memfd("ram", size, 0);
	assert_true(r->fd >= 0);
	assert_int_equal(sys_mmap(size, 3, 1 /* shared */, r->fd, 0, &r->hva),
			 0);
}

/* A script that is filled in already; two ranges of RAM, adjoining. */
static inline int user_bench_open(struct user_bench *b, struct err *e)
{
	if (b->s.config_size == 0)
		b->s.config_size = 4096;
	fake_server(SCRIPT_SOCKET, script_serve, &b->s);
	OUGHT(loop_open(&b->loop, &why));
	OUGHT(vfio_user_iommu_open(&b->loop, &b->iommu, &why));
	user_bench_ram(b, 0, 0x100000, 0x200000);
	user_bench_ram(b, 1, 0x300000, 0x100000);
	OUGHT(b->iommu->ops->map(b->iommu, b->ram[0].base, &b->ram[0], &why));
	OUGHT(b->iommu->ops->map(b->iommu, b->ram[1].base, &b->ram[1], &why));
	return b->iommu->ops->attach(b->iommu, WANT(SCRIPT_SOCKET), &b->dev, e);
}

static inline void user_bench_close(struct user_bench *b)
{
	if (b->dev)
		b->dev->ops->close(b->dev);
	b->iommu->ops->close(b->iommu);
	for (unsigned i = 0; i < 2; i++) {
		sys_munmap(b->ram[i].hva, b->ram[i].size);
		sys_close(&b->ram[i].fd);
	}
	loop_close(&b->loop);
}

/* Run handlers until @done, for two seconds at most. */
static inline bool user_bench_loop(struct user_bench *b,
				   bool (*done)(struct user_bench *b))
{
	for (unsigned i = 0; i < 200 && !done(b); i++) {
		struct epoll_event ev;

		if (sys_epoll_wait(b->loop.epfd, &ev, 1, 10) == 1) {
			struct loop_fd *f =
				(struct loop_fd *)(uintptr_t)ev.data.u64;

			f->handler(f, ev.events);
		}
	}
	return done(b);
}

static inline int user_bench_read(struct user_bench *b, void *buf, unsigned n,
				  struct err *e)
{
	return b->dev->ops->read(b->dev, VFIO_PCI_CONFIG_REGION_INDEX, 0x40,
				 buf, n, e);
}

#endif

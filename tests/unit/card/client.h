/* tests/unit/card/client.h - a client of a served function, over a socketpair
 *
 * The server runs in a thread of its own and leaves when the client does.
 */
#ifndef CARD_CLIENT_H
#define CARD_CLIENT_H

#include "tests/unit/card/bench.h"

#include <dirent.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/card/regs.h"
#include "tests/card/server.h"

static const char two_kinds[] = "function 0\nintx A\n"
				"cap msix at 0x60\ncap pcie at 0x70\n";

struct client {
	struct bench b;
	struct server s;
	pthread_t thread;
	int fd, theirs;
	uint16_t id;
	struct message in;
};

static inline void *serve(void *arg)
{
	struct client *c = arg;

	server_serve(&c->s, c->theirs);
	return NULL;
}

static inline void client_open(struct client *c, const char *text)
{
	int pair[2];

	*c = (struct client){ .in.payload = malloc(LINK_PAYLOAD) };
	assert_non_null(c->in.payload);
	bench_open(&c->b, text);
	assert_int_equal(server_open(&c->s, &c->b.f, -1, &why), 0);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	c->fd = pair[0];
	c->theirs = pair[1];
	assert_int_equal(pthread_create(&c->thread, NULL, serve, c), 0);
}

/* The server must leave by itself: of its own accord, or since we do. */
static inline void client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	assert_int_equal(pthread_join(c->thread, NULL), 0);
	assert_int_equal(c->b.f.maps.n, 0);
	server_close(&c->s);
	bench_close(&c->b);
	free(c->in.payload);
}

/* What the server's thread may be changing, it is read with the lock. */
#define LOCKED(c, what)                               \
	__extension__({                               \
		typeof(what) locked_;                 \
                                                      \
		pthread_mutex_lock(&(c)->b.f.lock);   \
		locked_ = (what);                     \
		pthread_mutex_unlock(&(c)->b.f.lock); \
		locked_;                              \
	})

static inline void send_fds(struct client *c, const void *p, size_t n,
			    const int *fds, unsigned n_fds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(32 * sizeof(int))];
	} u = { 0 };
	struct iovec v = { (void *)(uintptr_t)p, n };
	struct msghdr h = { .msg_iov = &v, .msg_iovlen = 1 };

	if (n_fds) {
		struct cmsghdr *m;

		h.msg_control = &u;
		h.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		m = CMSG_FIRSTHDR(&h);
		m->cmsg_level = SOL_SOCKET;
		m->cmsg_type = SCM_RIGHTS;
		m->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(m), fds, n_fds * sizeof(int));
	}
	assert_int_equal(sendmsg(c->fd, &h, MSG_NOSIGNAL), n);
}

/* A message in @to; its size. */
static inline size_t letter(uint8_t *to, uint16_t id, uint16_t command,
			    uint32_t flags, const void *payload, size_t n)
{
	const struct user_header h = { le16_of(id), le16_of(command),
				       le32_of((uint32_t)(sizeof(h) + n)),
				       le32_of(flags), le32_of(0) };

	memcpy(to, &h, sizeof(h));
	if (n)
		memcpy(to + sizeof(h), payload, n);
	return sizeof(h) + n;
}

static inline void tell_fds(struct client *c, uint16_t command, uint32_t flags,
			    const void *payload, size_t n, const int *fds,
			    unsigned n_fds)
{
	static uint8_t bytes[LINK_PAYLOAD + 64];
	size_t size = letter(bytes, ++c->id, command, flags, payload, n);

	send_fds(c, bytes, size, fds, n_fds);
}

/* Its next message, in c->in; it must be a reply to the last command. */
static inline int hear(struct client *c)
{
	assert_int_equal(link_receive(c->fd, &c->in), 0);
	assert_int_equal(c->in.flags & USER_TYPE_MASK, USER_TYPE_REPLY);
	assert_int_equal(c->in.id, c->id);
	return c->in.flags & USER_ERROR ? -(int)c->in.error : 0;
}

static inline int ask(struct client *c, uint16_t command, const void *payload,
		      size_t n)
{
	int rc;

	tell_fds(c, command, 0, payload, n, NULL, 0);
	rc = hear(c);
	assert_int_equal(c->in.command, command);
	return rc;
}

static inline int ask_version(struct client *c, uint16_t major, uint16_t minor,
			      const char *json, size_t n)
{
	uint8_t payload[512];

	le16_store(payload, major);
	le16_store(payload + 2, minor);
	memcpy(payload + 4, json, n);
	return ask(c, USER_VERSION, payload, 4 + n);
}

static inline void greet(struct client *c)
{
	assert_int_equal(ask_version(c, 0, 1, "", 0), 0);
}

/* A client past its greetings. */
static inline void client_start(struct client *c, const char *text)
{
	client_open(c, text);
	greet(c);
}

static inline void assert_gone(struct client *c)
{
	assert_int_equal(link_receive(c->fd, &c->in), -ECONNRESET);
}

static inline struct user_region_access access_of(uint32_t region, uint64_t off,
						  uint32_t n)
{
	return (struct user_region_access){ le64_of(off), le32_of(region),
					    le32_of(n) };
}

static inline uint32_t read32(struct client *c, uint32_t region, uint64_t off)
{
	struct user_region_access q = access_of(region, off, 4);

	assert_int_equal(ask(c, USER_REGION_READ, &q, sizeof(q)), 0);
	assert_int_equal(c->in.size, sizeof(q) + 4);
	assert_memory_equal(c->in.payload, &q, sizeof(q));
	return le32_load(c->in.payload + sizeof(q));
}

static inline size_t write32(uint8_t *to, uint32_t region, uint64_t off,
			     uint32_t v)
{
	struct user_region_access q = access_of(region, off, 4);

	memcpy(to, &q, sizeof(q));
	le32_store(to + sizeof(q), v);
	return sizeof(q) + 4;
}

static inline void set32(struct client *c, uint32_t region, uint64_t off,
			 uint32_t v)
{
	uint8_t payload[64];
	size_t n = write32(payload, region, off, v);

	assert_int_equal(ask(c, USER_REGION_WRITE, payload, n), 0);
}

static inline int map(struct client *c, uint64_t at, uint64_t size, int fd)
{
	const struct user_dma_map q = { le32_of(sizeof(q)), le32_of(3),
					le64_of(0), le64_of(at),
					le64_of(size) };

	tell_fds(c, USER_DMA_MAP, 0, &q, sizeof(q), &fd, fd >= 0);
	return hear(c);
}

static inline int unmap(struct client *c, uint32_t flags, uint64_t at,
			uint64_t size)
{
	const struct user_dma_unmap q = { le32_of(sizeof(q)), le32_of(flags),
					  le64_of(at), le64_of(size) };

	return ask(c, USER_DMA_UNMAP, &q, sizeof(q));
}

static inline unsigned open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

#endif

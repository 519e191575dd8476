/* tests/card/link.c - messages of vfio-user on a socket */
#include "tests/card/link.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for one control message with descriptors, aligned as one. */
union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(LINK_FDS * sizeof(int))];
};

/* -------- receiving -------- */

/* The descriptors of one control message; those that do not fit are closed. */
static int keep_fds(struct message *m, struct cmsghdr *c)
{
	size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int fd, rc = 0;

	for (size_t i = 0; i < n; i++) {
		memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
		if (m->n_fds < LINK_FDS) {
			m->fd[m->n_fds++] = fd;
			continue;
		}
		close(fd);
		rc = -EPROTO;
	}
	return rc;
}

static int take_fds(struct msghdr *h, struct message *m)
{
	int rc = h->msg_flags & MSG_CTRUNC ? -EPROTO : 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		    keep_fds(m, c) < 0)
			rc = -EPROTO;
	}
	return rc;
}

/* Some bytes, at most @n, with what descriptors come along. */
static ssize_t receive_some(int fd, struct message *m, void *p, size_t n)
{
	union control control;
	struct iovec v = { p, n };
	struct msghdr h = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	ssize_t got;
	int rc;

	do
		got = recvmsg(fd, &h, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		return -ECONNRESET;
	rc = take_fds(&h, m);
	return rc < 0 ? rc : got;
}

static int receive(int fd, struct message *m, void *p, size_t n)
{
	uint8_t *to = p;

	while (n) {
		ssize_t got = receive_some(fd, m, to, n);

		if (got < 0)
			return (int)got;
		to += got;
		n -= (size_t)got;
	}
	return 0;
}

int link_receive(int fd, struct message *m)
{
	struct user_header h;
	uint32_t size;
	int rc;

	m->n_fds = 0;
	rc = receive(fd, m, &h, sizeof(h));
	if (rc < 0)
		return rc;
	size = le32_get(h.size);
	if (size < sizeof(h) || size - sizeof(h) > LINK_PAYLOAD)
		return -EPROTO;
	m->id = le16_get(h.id);
	m->command = le16_get(h.command);
	m->flags = le32_get(h.flags);
	m->error = le32_get(h.error);
	m->size = size - (uint32_t)sizeof(h);
	return receive(fd, m, m->payload, m->size);
}

void link_drop(struct message *m)
{
	for (unsigned i = 0; i < m->n_fds; i++) {
		if (m->fd[i] >= 0)
			close(m->fd[i]);
	}
	m->n_fds = 0;
}

/* -------- sending -------- */

static void put_fd(struct msghdr *h, union control *control, int fd)
{
	struct cmsghdr *c;

	memset(control, 0, sizeof(*control));
	h->msg_control = control->bytes;
	h->msg_controllen = CMSG_SPACE(sizeof(fd));
	c = CMSG_FIRSTHDR(h);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
}

/* Leave out @n bytes that were sent. */
static void advance(struct msghdr *h, size_t n)
{
	while (h->msg_iovlen && n >= h->msg_iov->iov_len) {
		n -= h->msg_iov->iov_len;
		h->msg_iov++;
		h->msg_iovlen--;
	}
	if (h->msg_iovlen == 0)
		return;
	h->msg_iov->iov_base = (uint8_t *)h->msg_iov->iov_base + n;
	h->msg_iov->iov_len -= n;
}

static int send_all(int fd, struct msghdr *h)
{
	while (h->msg_iovlen) {
		ssize_t n = sendmsg(fd, h, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -ECONNRESET;
		/* the descriptor went with the first byte */
		h->msg_control = NULL;
		h->msg_controllen = 0;
		advance(h, (size_t)n);
	}
	return 0;
}

int link_send(int fd, const struct letter *l)
{
	uint32_t size = (uint32_t)sizeof(struct user_header) + l->head_size +
			l->data_size;
	struct user_header header = { le16_of(l->id), le16_of(l->command),
				      le32_of(size), le32_of(l->flags),
				      le32_of(l->error) };
	struct iovec v[] = {
		{ &header, sizeof(header) },
		{ (void *)(uintptr_t)l->head, l->head_size },
		{ (void *)(uintptr_t)l->data, l->data_size },
	};
	struct msghdr h = { .msg_iov = v, .msg_iovlen = 3 };
	union control control;

	if (l->fd >= 0)
		put_fd(&h, &control, l->fd);
	return send_all(fd, &h);
}

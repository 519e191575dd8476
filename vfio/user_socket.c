/* vfio/user_socket.c - vfio-user messages over a stream, see user_socket.h */
#include "vfio/user_socket.h"

#include <stdlib.h>
#include <string.h>

#include "vmm/base/sys.h"

enum { HEADER = sizeof(struct user_header) };

static int broken(struct err *e, const char *how)
{
	return err_set(e, -EPROTO, "the server breaks the protocol: %s", how);
}

/* A transfer came to @rc: a server that was killed resets the connection. */
static int failed(struct err *e, int rc)
{
	if (rc == -EPIPE || rc == -ECONNRESET)
		return err_set(e, -EPIPE, "the server closed the connection");
	return err_sys(e, rc, "the connection to the server broke");
}

/* -------- life -------- */

static int socket_build(struct user_socket *s, const char *path, struct err *e)
{
	s->in = malloc(USER_MAX_MESSAGE);
	s->out = malloc(USER_MAX_MESSAGE);
	if (!s->in || !s->out)
		return err_set(e, -ENOMEM, "out of memory");
	s->fd = sys_connect(path);
	if (s->fd >= 0)
		return 0;
	(void)err_sys(e, s->fd, "cannot connect to the socket");
	err_hint(e, "the vfio-user server has to listen there before minivmm "
		    "starts, and to serve one client at a time");
	return s->fd;
}

int user_socket_open(struct user_socket *s, const char *path, struct err *e)
{
	int rc;

	*s = USER_SOCKET_EMPTY;
	rc = socket_build(s, path, e);
	if (rc < 0)
		user_socket_close(s);
	return rc;
}

void user_socket_close(struct user_socket *s)
{
	for (; s->n_in_fds != 0; s->n_in_fds--)
		sys_close(&s->in_fds[s->n_in_fds - 1]);
	sys_close(&s->fd);
	free(s->in);
	free(s->out);
	*s = USER_SOCKET_EMPTY;
}

/* -------- in -------- */

/* Descriptors travel with the first byte; whatever is not kept is closed. */
static int keep_fds(struct user_socket *s, struct sys_fds *f, struct err *e)
{
	bool late = s->got != 0 && f->n != 0;
	bool many = f->n > USER_MAX_FDS_IN;

	while (f->n != 0 && (late || f->n > USER_MAX_FDS_IN))
		sys_close(&f->fd[--f->n]);
	if (late)
		return broken(e, "descriptors inside of a message");
	for (unsigned i = 0; i < f->n; i++)
		s->in_fds[s->n_in_fds++] = f->fd[i];
	if (many)
		return broken(e, "more descriptors than it was told to send");
	if (!f->lost)
		return 0;
	(void)err_set(e, -EMFILE, "no room for a descriptor of the server's");
	err_hint(e, "ulimit -n is too low");
	return -EMFILE;
}

static int take_header(struct user_socket *s, struct err *e)
{
	const struct user_header *h = (const struct user_header *)s->in;
	uint32_t size = le32_get(h->size), flags = le32_get(h->flags);
	uint32_t type = flags & USER_TYPE_MASK;

	if (size < HEADER || size > USER_MAX_MESSAGE)
		return broken(e, "a message of an impossible size");
	if (flags & ~(USER_TYPE_MASK | USER_NO_REPLY | USER_ERROR) ||
	    (type != USER_TYPE_COMMAND && type != USER_TYPE_REPLY))
		return broken(e, "unknown flags");
	s->expected = size;
	return 0;
}

/* 1: some bytes came; 0: none are there. */
static int take_some(struct user_socket *s, struct err *e)
{
	size_t end = s->expected ? s->expected : HEADER;
	struct sys_fds fds;
	ssize_t n = sys_recv(s->fd, s->in + s->got, end - s->got, &fds);
	int rc;

	if (n == -EAGAIN)
		return 0;
	if (n < 0)
		return failed(e, (int)n);
	rc = keep_fds(s, &fds, e);
	if (rc < 0)
		return rc;
	if (n == 0)
		return failed(e, -EPIPE);
	s->got += (size_t)n;
	if (s->expected == 0 && s->got == HEADER)
		rc = take_header(s, e);
	return rc < 0 ? rc : 1;
}

int user_socket_receive(struct user_socket *s, struct err *e)
{
	while (s->expected == 0 || s->got < s->expected) {
		int rc = take_some(s, e);

		if (rc <= 0)
			return rc;
	}
	return 1;
}

struct user_head user_socket_head(const struct user_socket *s)
{
	const struct user_header *h = (const struct user_header *)s->in;

	return (struct user_head){
		.id = le16_get(h->id),
		.command = le16_get(h->command),
		.flags = le32_get(h->flags),
		.error = le32_get(h->error),
	};
}

const uint8_t *user_socket_payload(const struct user_socket *s, size_t *size)
{
	*size = s->expected - HEADER;
	return s->in + HEADER;
}

int user_socket_take_fd(struct user_socket *s)
{
	int fd;

	if (s->n_in_fds == 0)
		return -1;
	fd = s->in_fds[0];
	s->n_in_fds--;
	memmove(s->in_fds, s->in_fds + 1, s->n_in_fds * sizeof(s->in_fds[0]));
	return fd;
}

void user_socket_done(struct user_socket *s)
{
	for (; s->n_in_fds != 0; s->n_in_fds--)
		sys_close(&s->in_fds[s->n_in_fds - 1]);
	s->got = s->expected = 0;
}

/* -------- out -------- */

uint8_t *user_socket_room(struct user_socket *s)
{
	assert(s->left == 0);
	return s->out + HEADER;
}

void user_socket_post(struct user_socket *s, const struct user_head *h,
		      size_t size, const int *fds, unsigned n_fds)
{
	struct user_header *out = (struct user_header *)s->out;

	assert(s->left == 0 && size <= USER_MAX_MESSAGE - HEADER &&
	       n_fds <= USER_MAX_FDS_OUT);
	*out = (struct user_header){
		.id = le16_of(h->id),
		.command = le16_of(h->command),
		.size = le32_of((uint32_t)(HEADER + size)),
		.flags = le32_of(h->flags),
		.error = le32_of(h->error),
	};
	s->sent = 0;
	s->left = HEADER + size;
	s->n_out_fds = n_fds;
	for (unsigned i = 0; i < n_fds; i++)
		s->out_fds[i] = fds[i];
}

int user_socket_flush(struct user_socket *s, struct err *e)
{
	while (s->left != 0) {
		ssize_t n = sys_send(s->fd, s->out + s->sent, s->left,
				     s->out_fds, s->n_out_fds);

		if (n == -EAGAIN)
			return 0;
		if (n < 0)
			return failed(e, (int)n);
		s->sent += (size_t)n;
		s->left -= (size_t)n;
		s->n_out_fds = 0;
	}
	return 1;
}

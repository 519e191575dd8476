/* tests/fakes/sockets.c - servers behind UNIX sockets
 *
 * A server is a thread of the test at the other end of a real socket pair. It
 * makes real calls, so its descriptors are nobody's leak. What the program
 * sends is remembered as objects too: a server that stands for a device then
 * signals an eventfd that the fake kernel listens to.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tests/fakes/fake.h"

enum { MAX_SERVERS = 8, MAX_PASSED = 512 };

struct server {
	char path[128];
	fake_server_fn *fn;
	void *arg;
};

/* One connection, from connect to close. */
struct link {
	int program, fd; /* fd: the server's end */
	struct server server;
	pthread_t thread;
	struct obj *passed[MAX_PASSED]; /* a ring */
	unsigned first, n;
	struct link *next;
};

static struct server servers[MAX_SERVERS];
static unsigned n_servers, impatience;
static struct link *links;

static long result(long rc)
{
	return rc < 0 ? -errno : rc;
}

/* -------- servers -------- */

void fake_server(const char *path, fake_server_fn *fn, void *arg)
{
	struct server *s;

	fake_lock();
	if (n_servers == MAX_SERVERS)
		abort();
	s = &servers[n_servers++];
	snprintf(s->path, sizeof(s->path), "%s", path);
	s->fn = fn;
	s->arg = arg;
	fake_unlock();
}

static void *serve(void *arg)
{
	struct link *l = arg;

	l->server.fn(l->fd, l->server.arg);
	/* kept open until the thread is joined, or the number is used again */
	(void)shutdown(l->fd, SHUT_RDWR);
	return NULL;
}

static void link_end(struct link *l)
{
	(void)shutdown(l->fd, SHUT_RDWR);
	pthread_join(l->thread, NULL);
	(void)close(l->fd);
	fake_lock();
	for (; l->n != 0; l->n--)
		obj_release(l->passed[l->first++ % MAX_PASSED]);
	fake_unlock();
	free(l);
}

/* Take the connection of the program's @fd out of the list; -1: any. */
static struct link *unlist(int fd)
{
	struct link *l = NULL;

	fake_lock();
	for (struct link **p = &links; *p && !l; p = &(*p)->next) {
		if (fd >= 0 && (*p)->program != fd)
			continue;
		l = *p;
		*p = l->next;
		break;
	}
	fake_unlock();
	return l;
}

void socket_closed(int fd)
{
	struct link *l = unlist(fd);

	if (l)
		link_end(l);
}

void fake_servers_stop(void)
{
	struct link *l;

	fake_lock();
	n_servers = 0;
	impatience = 0;
	fake_unlock();
	while ((l = unlist(-1)))
		link_end(l);
}

void fake_impatient(unsigned ms)
{
	fake_lock();
	impatience = ms;
	fake_unlock();
}

static const struct server *find_server(const char *path)
{
	for (unsigned i = 0; i < n_servers; i++) {
		if (strcmp(servers[i].path, path) == 0)
			return &servers[i];
	}
	return NULL;
}

static long connect_to(const char *path)
{
	const struct server *s = find_server(path);
	char name[64];
	struct link *l;
	int ends[2];

	if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return -ENAMETOOLONG;
	if (!s)
		return node_find(path, true) ? -ECONNREFUSED : -ENOENT;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	snprintf(name, sizeof(name), "socket %s", path);
	l = xalloc(sizeof(*l));
	l->server = *s;
	l->fd = ends[1];
	l->program = fd_plain(ends[0], KIND_OTHER, name);
	l->next = links;
	links = l;
	if (pthread_create(&l->thread, NULL, serve, l) != 0)
		abort();
	return l->program;
}

/* -------- what was passed -------- */

static void remember(int program, const int *fds, unsigned n)
{
	struct link *l = links;

	while (l && l->program != program)
		l = l->next;
	for (unsigned i = 0; l && i < n; i++) {
		struct obj *o = fd_obj(fds[i]);

		if (!o) {
			misuse("fd %d, which is not open, was sent", fds[i]);
			return;
		}
		if (l->n == MAX_PASSED) { /* its server does not ask */
			obj_release(l->passed[l->first++ % MAX_PASSED]);
			l->n--;
		}
		obj_hold(o);
		l->passed[(l->first + l->n++) % MAX_PASSED] = o;
	}
}

struct obj *socket_sent(int fd)
{
	for (struct link *l = links; l; l = l->next) {
		if (l->fd != fd || l->n == 0)
			continue;
		l->n--;
		return l->passed[l->first++ % MAX_PASSED];
	}
	return NULL;
}

/* -------- the calls -------- */

int sys_connect(const char *path)
{
	struct call c;
	long rc = call_begin(&c, "connect %s", path);

	if (rc == 0)
		rc = connect_to(path);
	return (int)call_end(&c, rc);
}

ssize_t sys_send(int fd, const void *buf, size_t n, const int *fds,
		 unsigned n_fds)
{
	struct iovec v = { (void *)(uintptr_t)buf, n };
	union {
		char bytes[CMSG_SPACE(SYS_MAX_FDS * sizeof(int))];
		struct cmsghdr align;
	} u = { .bytes = "" };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	struct call c;
	long rc =
		call_begin(&c, "send %s len=%zu fds=%u", fd_name(fd), n, n_fds);

	if (n_fds != 0) {
		struct cmsghdr *h = &u.align;

		m.msg_control = u.bytes;
		m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(h), fds, n_fds * sizeof(int));
	}
	if (rc == 0)
		rc = result(sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT));
	if (rc >= 0)
		remember(fd, fds, n_fds);
	return call_end(&c, rc);
}

static void take_fds(struct msghdr *m, struct sys_fds *out)
{
	struct cmsghdr *h = CMSG_FIRSTHDR(m);

	out->lost = m->msg_flags & MSG_CTRUNC;
	if (!h || h->cmsg_type != SCM_RIGHTS)
		return;
	out->n = (unsigned)((h->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	memcpy(out->fd, CMSG_DATA(h), out->n * sizeof(int));
	for (unsigned i = 0; i < out->n; i++)
		out->fd[i] = fd_plain(out->fd[i], KIND_FILE, "received");
}

ssize_t sys_recv(int fd, void *buf, size_t n, struct sys_fds *out)
{
	struct iovec v = { buf, n };
	union {
		char bytes[CMSG_SPACE(SYS_MAX_FDS * sizeof(int))];
		struct cmsghdr align;
	} u;
	struct msghdr m = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = u.bytes,
			    .msg_controllen = sizeof(u) };
	struct call c;
	long rc = call_begin(&c, "recv %s len=%zu", fd_name(fd), n);

	out->n = 0;
	out->lost = false;
	if (rc == 0)
		rc = result(recvmsg(fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT));
	if (rc >= 0)
		take_fds(&m, out);
	return call_end(&c, rc);
}

void sys_shutdown(int fd)
{
	struct call c;

	call_begin_void(&c, "shutdown %s", fd_name(fd));
	(void)shutdown(fd, SHUT_RDWR);
	(void)call_end(&c, 0);
}

int sys_poll(int fd, uint32_t events, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = (short)events };
	struct call c;
	long rc = call_begin(&c, "poll %s", fd_name(fd));
	int real = impatience != 0 && (int)impatience < timeout_ms
			   ? (int)impatience
			   : timeout_ms;

	(void)call_end(&c, rc);
	if (rc < 0)
		return rc == -EINTR ? 0 : (int)rc;
	rc = result(poll(&p, 1, real));
	if (rc == 0 && real < timeout_ms)
		fake_advance_ns((uint64_t)(timeout_ms - real) * 1000000);
	return rc > 0 ? p.revents : rc == -EINTR ? 0 : (int)rc;
}

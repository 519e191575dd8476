/* base/sys_socket.c - the only calls to the host: UNIX sockets
 *
 * A third part of sys.c. Sockets are non-blocking: nobody here waits for
 * another process without a time limit.
 */
#include <assert.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "vmm/base/sys.h"
#include "vmm/base/sys_trace.h"

union control {
	char bytes[CMSG_SPACE(SYS_MAX_FDS * sizeof(int))];
	struct cmsghdr align;
};

static int connect_to(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd, rc;

	if (strlen(path) >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	memcpy(to.sun_path, path, strlen(path));
	fd = (int)sys_result(
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	if (fd < 0)
		return fd;
	/* UNIX sockets do not answer EINPROGRESS */
	do
		rc = (int)sys_result(
			connect(fd, (struct sockaddr *)&to, sizeof(to)));
	while (rc == -EINTR);
	if (rc == 0)
		return fd;
	(void)close(fd);
	return rc;
}

int sys_connect(const char *path)
{
	int rc = connect_to(path);

	SYS_TRACE(rc, "connect(%s)", path);
	return rc;
}

ssize_t sys_send(int fd, const void *buf, size_t n, const int *fds,
		 unsigned n_fds)
{
	/* sendmsg does not write to what it sends */
	struct iovec v = { (void *)(uintptr_t)buf, n };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	struct sys_name name;
	union control control;
	struct cmsghdr *c;
	ssize_t rc;

	assert(n_fds <= SYS_MAX_FDS);
	if (n_fds != 0) {
		memset(&control, 0, CMSG_SPACE(n_fds * sizeof(int)));
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}
	do
		rc = sys_result(sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT));
	while (rc == -EINTR);
	SYS_TRACE(rc, "send(%s, %zu, %u fds)", sys_name(fd, &name), n, n_fds);
	return rc;
}

static void take_fds(struct msghdr *m, struct sys_fds *out)
{
	out->lost = m->msg_flags & MSG_CTRUNC;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		assert(n <= SYS_MAX_FDS - out->n);
		memcpy(out->fd + out->n, CMSG_DATA(c), n * sizeof(int));
		out->n += (unsigned)n;
	}
}

ssize_t sys_recv(int fd, void *buf, size_t n, struct sys_fds *out)
{
	struct iovec v = { buf, n };
	struct sys_name name;
	union control control;
	struct msghdr m = {
		.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control),
	};
	ssize_t rc;

	out->n = 0;
	out->lost = false;
	do
		rc = sys_result(
			recvmsg(fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT));
	while (rc == -EINTR);
	if (rc >= 0)
		take_fds(&m, out);
	SYS_TRACE(rc, "recv(%s, %zu) with %u fds", sys_name(fd, &name), n,
		  out->n);
	return rc;
}

void sys_shutdown(int fd)
{
	struct sys_name name;

	SYS_TRACE(sys_result(shutdown(fd, SHUT_RDWR)), "shutdown(%s)",
		  sys_name(fd, &name));
}

int sys_poll(int fd, uint32_t events, int timeout_ms)
{
	/* EPOLLIN and the others have poll's numbers */
	struct pollfd p = { .fd = fd, .events = (short)events };
	int rc = (int)sys_result(poll(&p, 1, timeout_ms));

	if (rc == -EINTR)
		return 0;
	return rc > 0 ? p.revents : rc;
}

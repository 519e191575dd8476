/* tests/card/socket.c - UNIX sockets with a name */
#include "tests/card/socket.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int open_at(const char *path, struct sockaddr_un *a, int *out,
		   struct err *e)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (*path == '\0' || strlen(path) >= sizeof(a->sun_path))
		return err_set(e, -ENAMETOOLONG,
			       "%s: a socket's name has 1 to %zu bytes", path,
			       sizeof(a->sun_path) - 1);
	memcpy(a->sun_path, path, strlen(path));
	*out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return *out < 0 ? err_sys(e, -errno, "%s: no socket", path) : 0;
}

int socket_connect(const char *path, int *out, struct err *e)
{
	struct sockaddr_un a;
	int fd = -1, rc = open_at(path, &a, &fd, e);

	if (rc < 0)
		return rc;
	if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0) {
		rc = -errno;
		close(fd);
		return err_sys(e, rc, "%s: cannot connect", path);
	}
	*out = fd;
	return 0;
}

/* Nobody may be there; who was there before is removed. */
static int make_way(const char *path, struct err *e)
{
	struct err ignored = ERR_NONE;
	struct stat st;
	int fd = -1, rc;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(e, -errno, "%s", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, -EEXIST, "%s: is there, and no socket", path);
	rc = socket_connect(path, &fd, &ignored);
	if (rc == 0) {
		close(fd);
		return err_set(e, -EADDRINUSE, "%s: a server listens there",
			       path);
	}
	if (rc != -ECONNREFUSED)
		return err_sys(e, rc, "%s: cannot be replaced", path);
	return unlink(path) < 0 ? err_sys(e, -errno, "%s", path) : 0;
}

int socket_listen(const char *path, int *out, struct err *e)
{
	struct sockaddr_un a;
	int fd = -1, rc = make_way(path, e);

	if (rc == 0)
		rc = open_at(path, &a, &fd, e);
	if (rc < 0)
		return rc;
	if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(fd, 1) < 0) {
		rc = -errno;
		close(fd);
		return err_sys(e, rc, "%s: cannot listen", path);
	}
	*out = fd;
	return 0;
}

/* machine/outfile.c - see outfile.h */
#include "vmm/machine/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/sys.h"

/* POSIX lets a pipe take so much whole where it says that it takes something
 * (PIPE_BUF is larger); a terminal has room for it too. */
enum { PIECE = 256 };

#define NS_PER_MS UINT64_C(1000000)

bool outfile_is_stream(const char *path)
{
	char target[16];
	struct stat st;

	/* "/dev/stderr" may lead to a file that is not ours to replace. */
	if (strcmp(path, "-") == 0 ||
	    sys_readlink(path, target, sizeof(target)) >= 0)
		return true;
	return sys_stat(path, &st) >= 0 && !S_ISREG(st.st_mode);
}

void outfile_folder(const char *path, char out[OUTFILE_PATH_MAX])
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		snprintf(out, OUTFILE_PATH_MAX, ".");
	else if (slash == path)
		snprintf(out, OUTFILE_PATH_MAX, "/");
	else
		snprintf(out, OUTFILE_PATH_MAX, "%.*s", (int)(slash - path),
			 path);
}

/* -------- streams -------- */

/* @end_ns: of our patience, sys_now_ns. */
static int write_piece(int fd, const char *text, size_t n, uint64_t end_ns)
{
	uint64_t now = sys_now_ns();
	int events = 0;

	if (now < end_ns)
		events = sys_poll(fd, EPOLLOUT,
				  (int)((end_ns - now) / NS_PER_MS) + 1);
	if (events < 0)
		return events;
	if (events == 0)
		return -EAGAIN;
	return (int)sys_write(fd, text, n < PIECE ? n : PIECE);
}

static int write_stream(int fd, const char *text, size_t n)
{
	uint64_t end = sys_now_ns() + OUTFILE_PATIENCE_MS * NS_PER_MS;

	while (n > 0) {
		int rc = write_piece(fd, text, n, end);

		if (rc < 0)
			return rc;
		text += rc;
		n -= (size_t)rc;
	}
	return 0;
}

/* A FIFO that nobody reads would be waited for. */
static int open_stream(const char *path)
{
	return sys_open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY);
}

static bool may_be_held(const char *path)
{
	char target[16];
	struct stat st;

	if (strcmp(path, "-") == 0)
		return false;
	return sys_readlink(path, target, sizeof(target)) >= 0 ||
	       (sys_stat(path, &st) >= 0 && S_ISCHR(st.st_mode));
}

int outfile_hold(const char *path, int *out, struct err *e)
{
	int fd = may_be_held(path) ? open_stream(path) : -ENXIO;

	/* a link to a FIFO that nobody reads as yet, too */
	if (fd == -ENXIO)
		return 0;
	if (fd < 0)
		return err_sys(e, fd, "cannot open %s", path);
	*out = fd;
	return 0;
}

int outfile_append(int fd, const char *path, const char *text, size_t n,
		   struct err *e)
{
	int rc = write_stream(fd, text, n);

	return rc < 0 ? err_sys(e, rc, "cannot write %s", path) : 0;
}

static int stream(const char *path, const char *text, size_t n, struct err *e)
{
	int fd, rc;

	if (strcmp(path, "-") == 0)
		return outfile_append(STDOUT_FILENO, "standard output", text, n,
				      e);
	fd = open_stream(path);
	if (fd < 0)
		return err_sys(e, fd, "cannot open %s", path);
	rc = outfile_append(fd, path, text, n, e);
	sys_close(&fd);
	return rc;
}

/* -------- files -------- */

/* A file of ours beside @path; what a former run left there goes. */
static int create_beside(const char *path, char *beside, size_t size,
			 struct err *e)
{
	int n = snprintf(beside, size, "%s.new", path), fd;

	if (n < 0 || (size_t)n >= size)
		return err_sys(e, -ENAMETOOLONG, "cannot create %s", path);
	(void)sys_unlink(beside);
	fd = sys_create(beside, O_WRONLY | O_EXCL);
	return fd < 0 ? err_sys(e, fd, "cannot create %s", beside) : fd;
}

int outfile_put(int fd, const void *from, size_t n)
{
	const uint8_t *at = from;

	while (n > 0) {
		ssize_t rc = sys_write(fd, at, n);

		if (rc < 0)
			return (int)rc;
		at += rc;
		n -= (size_t)rc;
	}
	return 0;
}

static int replace(const char *path, const char *text, size_t n, struct err *e)
{
	char beside[OUTFILE_PATH_MAX];
	int fd = create_beside(path, beside, sizeof(beside), e), rc;

	if (fd < 0)
		return fd;
	rc = outfile_put(fd, text, n);
	sys_close(&fd);
	if (rc < 0)
		err_sys(e, rc, "cannot write %s", beside);
	if (rc == 0) {
		rc = sys_rename(beside, path);
		if (rc < 0)
			err_sys(e, rc, "cannot rename %s to %s", beside, path);
	}
	if (rc < 0)
		(void)sys_unlink(beside);
	return rc;
}

/* -------- both -------- */

/* A socket cannot be opened: /dev/stderr of a service may be one. */
static int check_stream(const char *path, struct err *e)
{
	struct stat st;
	int rc;

	if (strcmp(path, "-") == 0)
		return 0;
	rc = sys_stat(path, &st);
	if (rc < 0)
		return err_sys(e, rc, "cannot write %s", path);
	if (S_ISSOCK(st.st_mode))
		return err_set(e, -ENXIO, "cannot write %s: it is a socket",
			       path);
	return 0;
}

int outfile_check(const char *path, struct err *e)
{
	char beside[OUTFILE_PATH_MAX];
	struct stat st;
	int fd;

	if (strcmp(path, "-") != 0 && sys_stat(path, &st) >= 0 &&
	    S_ISDIR(st.st_mode))
		return err_sys(e, -EISDIR, "cannot write %s", path);
	if (outfile_is_stream(path))
		return check_stream(path, e);
	fd = create_beside(path, beside, sizeof(beside), e);
	if (fd < 0)
		return fd;
	sys_close(&fd);
	(void)sys_unlink(beside);
	return 0;
}

int outfile_write(const char *path, const char *text, size_t n, struct err *e)
{
	return outfile_is_stream(path) ? stream(path, text, n, e)
				       : replace(path, text, n, e);
}

/* Which files a process can open once it is confined, on the real kernel; each
 * test has a child. */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/vmm-base/real/child.h"
#include "vmm/base/sys.h"
#include "vmm/base/sys_privilege.h"

static const char *const readable[] = { "/sys", "/proc", "/no/such", NULL };

static int nothing(const char *name, void *arg)
{
	return 0;
}

static bool has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0,
		       LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

static int open_and_close(const char *path, int flags)
{
	int fd = sys_open(path, flags), rc = fd;

	sys_close(&fd);
	return rc < 0 ? rc : 0;
}

/* A folder with a file, and a file beside it. */
struct places {
	char folder[64], in[80], new[80], beside[80];
};

static bool make_places(struct places *p)
{
	int a, b;

	strcpy(p->folder, "/tmp/minivmm-confine-XXXXXX");
	if (!mkdtemp(p->folder))
		return false;
	snprintf(p->in, sizeof(p->in), "%s/file", p->folder);
	snprintf(p->new, sizeof(p->new), "%s/file.new", p->folder);
	snprintf(p->beside, sizeof(p->beside), "%s.beside", p->folder);
	a = sys_create(p->in, O_WRONLY);
	b = sys_create(p->beside, O_WRONLY);
	return a >= 0 && b >= 0;
}

static void remove_places(const struct places *p)
{
	(void)unlink(p->in);
	(void)unlink(p->new);
	(void)unlink(p->beside);
	(void)rmdir(p->folder);
}

static struct places places; /* of the child */

static int confine_to_folder(void)
{
	const struct sys_paths p = { .read = readable,
				     .folder = places.folder };
	char text[256];
	int fd;

	MUST(sys_confine(&p) == 0);
	/* what reports do */
	for (unsigned i = 0; i < 2; i++) {
		fd = sys_create(places.new, O_WRONLY | O_EXCL);
		MUST(fd >= 0);
		MUST(sys_write(fd, "{}", 2) == 2);
		sys_close(&fd);
		MUST(sys_rename(places.new, places.in) == 0);
	}
	MUST(sys_read_text("/proc/self/status", text, sizeof(text)) > 0);
	MUST(sys_list("/proc/self/fd", nothing, NULL) == 0);
	MUST(sys_list("/sys", nothing, NULL) == 0);
	/* and what they do not */
	MUST(open_and_close("/etc/passwd", O_RDONLY) == -EACCES);
	MUST(open_and_close(places.in, O_RDONLY) == -EACCES);
	MUST(open_and_close("/proc/self/mem", O_RDWR) == -EACCES);
	MUST(open_and_close("/dev/null", O_WRONLY) == -EACCES);
	MUST(open_and_close(places.beside, O_WRONLY) == -EACCES);
	MUST(sys_unlink(places.beside) == -EACCES);
	MUST(sys_rename(places.in, "/tmp/minivmm-moved") < 0);
	MUST(sys_list("/tmp", nothing, NULL) == -EACCES);
	MUST(status_has("NoNewPrivs:\t1"));
	return 0;
}

static int confine_to_file(void)
{
	const struct sys_paths p = { .read = readable, .file = places.in };

	MUST(sys_confine(&p) == 0);
	MUST(open_and_close(places.in, O_WRONLY | O_APPEND) == 0);
	MUST(open_and_close(places.beside, O_WRONLY) == -EACCES);
	MUST(sys_create(places.new, O_WRONLY | O_EXCL) == -EACCES);
	MUST(sys_unlink(places.in) == -EACCES);
	return 0;
}

static int confine_to_pipe(void)
{
	const struct sys_paths p = { .read = readable, .file = "/dev/stderr" };
	int pair[2];

	MUST(pipe(pair) == 0 && dup2(pair[1], STDERR_FILENO) >= 0);
	MUST(sys_confine(&p) == 0);
	MUST(open_and_close("/dev/stderr", O_WRONLY | O_APPEND) == 0);
	MUST(open_and_close(places.in, O_WRONLY) == -EACCES);
	return 0;
}

static void confined(int (*f)(void))
{
	if (!has_landlock()) {
		print_message("this kernel has no Landlock\n");
		skip();
	}
	assert_true(make_places(&places));
	succeeds(f);
	remove_places(&places);
}

static void a_report_in_a_file_leaves_its_folder_and_no_other(void **state)
{
	confined(confine_to_folder);
}

static void a_report_to_a_stream_leaves_that_one(void **state)
{
	confined(confine_to_file);
	confined(confine_to_pipe);
}

/* VFIO-ERR-09 */
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_report_in_a_file_leaves_its_folder_and_no_other),
		cmocka_unit_test(a_report_to_a_stream_leaves_that_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A document that is written again and again: files are replaced whole, the
 * rest is a stream, and nobody makes us wait for long. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/fakes/kernel.h"
#include "vmm/base/sys.h"
#include "vmm/machine/outfile.h"

#define FILE_PATH "/run/report"

static int put(const char *path, const char *text, struct err *e)
{
	*e = ERR_NONE;
	return outfile_write(path, text, strlen(text), e);
}

static void contains(const char *path, const char *text)
{
	char buf[64] = "";
	long n = fake_file_read(path, buf, sizeof(buf) - 1);

	assert_true(n >= 0);
	buf[n] = '\0';
	assert_string_equal(buf, text);
}

static void file_is_made_and_replaced_by_renaming(void **state)
{
	struct err e;

	assert_int_equal(put(FILE_PATH, "first, longer", &e), 0);
	contains(FILE_PATH, "first, longer");
	fake_trace_clear();
	assert_int_equal(put(FILE_PATH, "second", &e), 0);
	contains(FILE_PATH, "second");
	assert_true(fake_trace_has_in_order("create " FILE_PATH ".new",
					    "rename " FILE_PATH
					    ".new to " FILE_PATH));
	assert_int_equal(fake_trace_count("create " FILE_PATH " "), 0);
	assert_int_equal(fake_file_read(FILE_PATH ".new", NULL, 0), -1);
}

static void failed(const char *call, int err, const char *words)
{
	struct err e;

	fake_fail_call(call, 1, err);
	assert_int_equal(put(FILE_PATH, "second", &e), -err);
	assert_string_equal(e.text, words);
	contains(FILE_PATH, "first");
	assert_int_equal(fake_file_read(FILE_PATH ".new", NULL, 0), -1);
	fake_fail_none();
}

static void failure_leaves_the_former_document_and_nothing_else(void **state)
{
	struct err e;

	assert_int_equal(put(FILE_PATH, "first", &e), 0);
	failed("create " FILE_PATH, ENOENT,
	       "cannot create " FILE_PATH ".new: No such file or directory");
	failed("write", ENOSPC,
	       "cannot write " FILE_PATH ".new: No space left on device");
	failed("rename", EACCES,
	       "cannot rename " FILE_PATH ".new to " FILE_PATH
	       ": Permission denied");
}

static void check_finds_out_beforehand_and_leaves_nothing(void **state)
{
	struct err e = ERR_NONE;

	assert_int_equal(outfile_check(FILE_PATH, &e), 0);
	assert_int_equal(fake_file_read(FILE_PATH ".new", NULL, 0), -1);
	fake_fail_call("create " FILE_PATH, 1, EROFS);
	assert_int_equal(outfile_check(FILE_PATH, &e), -EROFS);
	fake_dir("/run/folder");
	assert_int_equal(outfile_check("/run/folder", &e), -EISDIR);
	assert_string_equal(e.text, "cannot write /run/folder: Is a directory");
	assert_int_equal(outfile_check("-", &e), 0);
}

/* Hours later it would be too late. */
static void check_finds_a_link_to_nothing(void **state)
{
	struct err e = ERR_NONE;

	fake_link("/run/link", "/nowhere");
	assert_int_equal(outfile_check("/run/link", &e), -ENOENT);
	assert_string_equal(
		e.text, "cannot write /run/link: No such file or directory");
	fake_file("/nowhere", "");
	assert_int_equal(outfile_check("/run/link", &e), 0);
}

/* As /dev/stderr of a service is, whose log is the journal. */
static void check_finds_a_socket(void **state)
{
	char folder[] = "/tmp/minivmm-test-XXXXXX";
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct err e = ERR_NONE;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_non_null(mkdtemp(folder));
	fake_real(folder);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/log", folder);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(outfile_check(at.sun_path, &e), -ENXIO);
	assert_non_null(strstr(e.text, "/log: it is a socket"));
	assert_int_equal(unlink(at.sun_path), 0);
	assert_int_equal(rmdir(folder), 0);
	close(fd);
}

static void check_keeps_a_document_that_is_there(void **state)
{
	struct err e;

	assert_int_equal(put(FILE_PATH, "first", &e), 0);
	assert_int_equal(outfile_check(FILE_PATH, &e), 0);
	contains(FILE_PATH, "first");
}

static void overlong_name_is_refused(void **state)
{
	static char path[OUTFILE_PATH_MAX];
	struct err e = ERR_NONE;

	memset(path, 'x', sizeof(path) - 1);
	assert_int_equal(outfile_check(path, &e), -ENAMETOOLONG);
}

/* Root's /dev/stderr, for who is nobody by now. */
static void links_and_devices_are_opened_once(void **state)
{
	struct err e = ERR_NONE;
	int fd = -1;

	fake_file("/run/log", "before;");
	fake_link("/dev/stderr", "/run/log");
	assert_int_equal(outfile_hold("/dev/stderr", &fd, &e), 0);
	assert_true(fd >= 0);
	/* whoever it belongs to from now on */
	fake_fail_call("open /dev/stderr", 0, EACCES);
	assert_int_equal(outfile_append(fd, "/dev/stderr", "one;", 4, &e), 0);
	assert_int_equal(outfile_append(fd, "/dev/stderr", "two;", 4, &e), 0);
	contains("/run/log", "before;one;two;");
	sys_close(&fd);
	assert_int_equal(outfile_hold("/dev/stderr", &fd, &e), -EACCES);
	assert_string_equal(e.text,
			    "cannot open /dev/stderr: Permission denied");
	assert_int_equal(fd, -1);
}

static void files_and_fifos_are_not_held(void **state)
{
	struct err e = ERR_NONE;
	int fd = -1;

	fake_file("/run/file", "");
	assert_int_equal(outfile_hold("/run/file", &fd, &e), 0);
	assert_int_equal(outfile_hold("/run/none", &fd, &e), 0);
	assert_int_equal(outfile_hold("-", &fd, &e), 0);
	/* one that nobody reads, behind a link */
	fake_link("/run/link", "/run/file");
	fake_fail_call("open /run/link", 0, ENXIO);
	assert_int_equal(outfile_hold("/run/link", &fd, &e), 0);
	assert_int_equal(fd, -1);
}

/* /dev/stderr is one, and must stay one. */
static void symbolic_link_is_a_stream(void **state)
{
	struct err e;

	fake_file("/run/log", "");
	fake_link("/dev/stderr", "/run/log");
	assert_true(outfile_is_stream("/dev/stderr"));
	fake_trace_clear();
	assert_int_equal(put("/dev/stderr", "text", &e), 0);
	contains("/run/log", "text");
	assert_int_equal(fake_trace_count("rename"), 0);
	assert_int_equal(fake_trace_count("unlink"), 0);
}

/* -------- FIFOs, of the real host -------- */

struct fifo {
	char folder[32], path[64];
};

static void fifo_make(struct fifo *f)
{
	strcpy(f->folder, "/tmp/minivmm-test-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	fake_real(f->folder);
	snprintf(f->path, sizeof(f->path), "%s/fifo", f->folder);
	assert_int_equal(mkfifo(f->path, 0600), 0);
	alarm(20);
}

static void fifo_remove(struct fifo *f)
{
	alarm(0);
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(rmdir(f->folder), 0);
}

static void fifo_that_nobody_reads_is_refused_at_once(void **state)
{
	struct fifo f;
	struct err e;

	fifo_make(&f);
	assert_int_equal(put(f.path, "text", &e), -ENXIO);
	fifo_remove(&f);
}

static void fifo_gets_the_document(void **state)
{
	char buf[16] = "";
	struct fifo f;
	struct err e;
	int reader;

	fifo_make(&f);
	reader = open(f.path, O_RDONLY | O_NONBLOCK);
	assert_int_equal(put(f.path, "text", &e), 0);
	assert_int_equal(read(reader, buf, sizeof(buf)), 4);
	assert_string_equal(buf, "text");
	close(reader);
	fifo_remove(&f);
}

static void reader_who_does_not_read_is_not_waited_for(void **state)
{
	static char much[200000];
	struct fifo f;
	struct err e;
	int reader;

	fifo_make(&f);
	fake_impatient(10);
	reader = open(f.path, O_RDONLY | O_NONBLOCK);
	memset(much, 'x', sizeof(much) - 1);
	assert_int_equal(put(f.path, much, &e), -EAGAIN);
	close(reader);
	fifo_remove(&f);
}

/* Four KiB every 300 ms: room comes each time before patience ends. */
static void *read_slowly(void *arg)
{
	const int *fd = arg;
	char buf[4096];

	for (;;) {
		ssize_t n = read(*fd, buf, sizeof(buf));

		if (n == 0)
			return NULL;
		fake_advance_ns(UINT64_C(300000000));
		usleep(1000);
	}
}

static void slow_reader_is_not_waited_for_again_and_again(void **state)
{
	static char much[200000];
	struct fifo f;
	struct err e;
	pthread_t thread;
	int reader, writer;

	fifo_make(&f);
	reader = open(f.path, O_RDONLY | O_NONBLOCK);
	/* the reader's end of the document is not the end */
	writer = open(f.path, O_WRONLY);
	assert_int_equal(fcntl(reader, F_SETFL, 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, read_slowly, &reader),
			 0);
	memset(much, 'x', sizeof(much) - 1);
	assert_int_equal(put(f.path, much, &e), -EAGAIN);
	close(writer);
	pthread_join(thread, NULL);
	close(reader);
	fifo_remove(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(file_is_made_and_replaced_by_renaming),
		FAKE_TEST(failure_leaves_the_former_document_and_nothing_else),
		FAKE_TEST(check_finds_out_beforehand_and_leaves_nothing),
		FAKE_TEST(check_finds_a_link_to_nothing),
		FAKE_TEST(check_finds_a_socket),
		FAKE_TEST(check_keeps_a_document_that_is_there),
		FAKE_TEST(overlong_name_is_refused),
		FAKE_TEST(symbolic_link_is_a_stream),
		FAKE_TEST(links_and_devices_are_opened_once),
		FAKE_TEST(files_and_fifos_are_not_held),
		FAKE_TEST(fifo_that_nobody_reads_is_refused_at_once),
		FAKE_TEST(fifo_gets_the_document),
		FAKE_TEST(reader_who_does_not_read_is_not_waited_for),
		FAKE_TEST(slow_reader_is_not_waited_for_again_and_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

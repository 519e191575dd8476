/* The real vmm/base/sys*.c on the real kernel; no privileges, no devices. */
#include <fcntl.h>
#include <limits.h>
#include <linux/memfd.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/base/trace.h"

#define MS UINT64_C(1000000)

static char folder[64];

static int make_folder(void **state)
{
	strcpy(folder, "/tmp/minivmm-sys-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static const char *in_folder(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void put_file(const char *name, const char *text)
{
	int fd = sys_create(in_folder(name), O_WRONLY | O_TRUNC);

	assert_true(fd >= 0);
	assert_int_equal(sys_write(fd, text, strlen(text)), strlen(text));
	sys_close(&fd);
}

/* -------- files -------- */

static void missing_file_is_a_negative_errno(void **state)
{
	struct stat st;
	char text[8];

	assert_int_equal(sys_open("/nonexistent/x", O_RDONLY), -ENOENT);
	assert_int_equal(sys_stat("/nonexistent/x", &st), -ENOENT);
	assert_int_equal(sys_read_text("/nonexistent/x", text, 8), -ENOENT);
	assert_int_equal(sys_readlink("/nonexistent/x", text, 8), -ENOENT);
	assert_int_equal(sys_list("/nonexistent/x", NULL, NULL), -ENOENT);
}

/* VFIO-OPEN-20 */
static void every_fd_closes_on_exec(void **state)
{
	static const int signals[] = { SIGUSR1, 0 };
	int fds[] = { sys_open("/dev/null", O_RDONLY),
		      sys_create(in_folder("cloexec"), O_WRONLY),
		      sys_eventfd(),
		      sys_epoll_create(),
		      sys_timerfd(),
		      sys_memfd("x", 4096, 0),
		      sys_signalfd(signals),
		      -1 };

	fds[7] = sys_dup(fds[0]);
	for (unsigned i = 0; i < ARRAY_LEN(fds); i++) {
		print_message("fd number %u\n", i);
		assert_true(fds[i] >= 0);
		assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		sys_close(&fds[i]);
	}
}

/* VFIO-OPEN-21: what came by exec, not what we opened and a user named. */
static void only_what_came_from_outside_is_adopted(void **state)
{
	int p[2], own = sys_open("/dev/null", O_RDONLY);

	assert_int_equal(pipe(p), 0);
	assert_int_equal(sys_adopt(p[0]), 0);
	assert_true(fcntl(p[0], F_GETFD) & FD_CLOEXEC);
	assert_int_equal(sys_adopt(p[0]), -EBADF);
	assert_int_equal(sys_adopt(own), -EBADF);
	sys_close(&p[0]);
	sys_close(&p[1]);
	assert_int_equal(sys_adopt(own + 100), -EBADF);
	sys_close(&own);
}

static void close_forgets_the_fd(void **state)
{
	int fd = sys_open("/dev/null", O_RDONLY), was = fd;

	sys_close(&fd);
	assert_int_equal(fd, -1);
	sys_close(&fd);
	assert_int_equal(fcntl(was, F_GETFD), -1);
}

static void transfers_at_an_offset(void **state)
{
	char text[8] = "";
	struct stat st;
	int fd;

	put_file("data", "hello world");
	fd = sys_open(in_folder("data"), O_RDWR);
	assert_int_equal(sys_pwrite(fd, "W", 1, 6), 1);
	assert_int_equal(sys_pread(fd, text, 7, 6), 5);
	assert_string_equal(text, "World");
	assert_int_equal(sys_pread(fd, text, 7, 100), 0);
	assert_int_equal(sys_fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 11);
	sys_close(&fd);
	assert_int_equal(sys_pread(fd, text, 7, 0), -EBADF);
	assert_int_equal(sys_read(fd, text, 7), -EBADF);
	assert_int_equal(sys_write(fd, text, 7), -EBADF);
	assert_int_equal(sys_pwrite(fd, text, 7, 0), -EBADF);
	assert_int_equal(sys_fstat(fd, &st), -EBADF);
	assert_int_equal(sys_dup(fd), -EBADF);
	assert_int_equal(sys_set_nonblock(fd, true), -EBADF);
}

static void text_loses_its_trailing_space(void **state)
{
	char text[16] = "old";

	put_file("class", "0x010802 \t\n\n");
	assert_int_equal(sys_read_text(in_folder("class"), text, 16), 8);
	assert_string_equal(text, "0x010802");
	put_file("empty", "");
	assert_int_equal(sys_read_text(in_folder("empty"), text, 16), 0);
	assert_string_equal(text, "");
	put_file("long", "0123456789abcdefghij");
	assert_int_equal(sys_read_text(in_folder("long"), text, 16), 15);
	assert_string_equal(text, "0123456789abcde");
	assert_int_equal(sys_read_text(folder, text, 16), -EISDIR);
}

static void link_is_read_as_a_string(void **state)
{
	char path[128], text[8];

	strcpy(path, in_folder("link"));
	assert_int_equal(symlink("../12", path), 0);
	memset(text, 'x', sizeof(text));
	assert_int_equal(sys_readlink(path, text, sizeof(text)), 5);
	assert_string_equal(text, "../12");
	assert_int_equal(sys_readlink(path, text, 4), 3);
	assert_string_equal(text, "../");
	assert_int_equal(sys_readlink(folder, text, 8), -EINVAL);
}

static void a_real_path_has_no_links(void **state)
{
	char path[128], text[PATH_MAX], real[PATH_MAX];

	strcpy(path, in_folder("way"));
	assert_int_equal(symlink("there/", path), 0);
	assert_int_equal(sys_realpath(path, text, sizeof(text)), -ENOENT);
	assert_int_equal(mkdir(in_folder("there"), 0700), 0);
	assert_non_null(realpath(in_folder("there"), real));
	assert_int_equal(sys_realpath(path, text, sizeof(text)), strlen(real));
	assert_string_equal(text, real);
	assert_int_equal(sys_realpath(path, text, strlen(real)), -ENAMETOOLONG);
	assert_int_equal(sys_realpath("/", text, 2), 1);
}

static int collect(const char *name, void *arg)
{
	strcat(strcat(arg, name), " ");
	return strcmp(name, "c") == 0 ? 42 : 0;
}

static void list_is_sorted_and_can_stop(void **state)
{
	char path[128], text[64] = "";

	strcpy(path, in_folder("list"));
	assert_int_equal(mkdir(path, 0700), 0);
	for (const char *n = "bda"; *n; n++) {
		char name[8] = "list/?";

		name[5] = *n;
		put_file(name, "");
	}
	assert_int_equal(sys_list(path, collect, text), 0);
	assert_string_equal(text, "a b d ");
	put_file("list/c", "");
	text[0] = '\0';
	assert_int_equal(sys_list(path, collect, text), 42);
	assert_string_equal(text, "a b c ");
}

/* -------- ioctl -------- */

static void ioctl_gives_value_or_errno(void **state)
{
	int fd = sys_open("/dev/null", O_RDONLY), p[2], n = -1;

	assert_int_equal(sys_ioctl_num(fd, VFIO_GET_API_VERSION, 0), -ENOTTY);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], "abc", 3), 3);
	assert_int_equal(sys_ioctl(p[0], FIONREAD, &n), 0);
	assert_int_equal(n, 3);
	close(p[0]);
	close(p[1]);
	sys_close(&fd);
}

/* -------- memory -------- */

static void memory_comes_and_goes(void **state)
{
	size_t page = sys_page_size();
	char *p;
	void *out;

	assert_int_equal(sys_mmap(4 * page, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &out),
			 0);
	p = out;
	p[page] = 7;
	assert_int_equal(sys_mmap_fixed(p + page, page, PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
			 0);
	assert_int_equal(p[page], 0);
	assert_int_equal(sys_madvise(p, page, MADV_DONTFORK), 0);
	sys_munmap(p, 4 * page);
	assert_int_equal(sys_madvise(p, page, MADV_DONTFORK), -ENOMEM);
}

static void failing_map_leaves_the_result_alone(void **state)
{
	void *out = &out;

	assert_int_equal(sys_mmap(0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
				  0, &out),
			 -EINVAL);
	assert_int_equal(sys_mmap(4096, PROT_READ, MAP_SHARED, -1, 0, &out),
			 -EBADF);
	assert_int_equal(sys_mmap(SIZE_MAX / 2, PROT_READ,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &out),
			 -ENOMEM);
	assert_ptr_equal(out, &out);
}

static void memfd_has_its_size_and_is_shared(void **state)
{
	int fd = sys_memfd("ram", 8192, 0);
	struct stat st;
	void *a, *b;

	assert_int_equal(sys_fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 8192);
	assert_int_equal(
		sys_mmap(8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0, &a),
		0);
	assert_int_equal(sys_mmap(4096, PROT_READ, MAP_SHARED, fd, 4096, &b),
			 0);
	((char *)a)[4096] = 9;
	assert_int_equal(*(char *)b, 9);
	/* sealed: a server that maps guest RAM cannot take it away */
	assert_int_equal(ftruncate(fd, 4096), -1);
	assert_int_equal(ftruncate(fd, 16384), -1);
	sys_munmap(a, 8192);
	sys_munmap(b, 4096);
	sys_close(&fd);
	assert_int_equal(sys_memfd("x", UINT64_MAX, 0), -EINVAL);
}

static void maps_of_huge_files_come_in_huge_pages(void **state)
{
	int plain = sys_memfd("plain", 4096, 0);
	int huge = sys_memfd("huge", 2 << 20, MFD_HUGETLB | MFD_HUGE_2MB);
	uint64_t unit = 0;

	assert_int_equal(sys_map_unit(plain, &unit), 0);
	assert_int_equal(unit, sys_page_size());
	sys_close(&plain);
	if (huge < 0)
		skip();
	assert_int_equal(sys_map_unit(huge, &unit), 0);
	assert_int_equal(unit, 2 << 20);
	sys_close(&huge);
	assert_int_equal(sys_map_unit(-1, &unit), -EBADF);
}

/* Else a message for people would be a write to a device. */
static void closed_standard_fds_become_null(void **state)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		struct stat null, st;
		bool ok;

		for (int fd = 0; fd <= 2; fd++)
			(void)close(fd);
		ok = sys_fill_standard_fds() == 0 &&
		     stat("/dev/null", &null) == 0;
		for (int fd = 0; fd <= 2; fd++)
			ok = ok && fstat(fd, &st) == 0 &&
			     st.st_rdev == null.st_rdev;
		_exit(ok ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* Nor is /dev/null asked for, which a root folder without devices lacks: here
 * no descriptor is left. */
static void open_standard_fds_stay_what_they_are(void **state)
{
	const struct rlimit three = { 3, 3 };
	pid_t child = fork();
	int status;

	if (child == 0) {
		struct stat was, is;
		bool ok = fstat(STDERR_FILENO, &was) == 0 &&
			  sys_setrlimit(RLIMIT_NOFILE, &three) == 0 &&
			  sys_fill_standard_fds() == 0 &&
			  fstat(STDERR_FILENO, &is) == 0 &&
			  was.st_ino == is.st_ino;

		_exit(ok ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void host_facts_are_plausible(void **state)
{
	assert_true(sys_page_size() >= 4096);
	assert_true(sys_memory_total() > 64 << 20);
	assert_true(sys_cpus_online() >= 1);
	assert_true(sys_wall_s() > 1700000000);
}

/* -------- events -------- */

static void eventfd_counts_and_drains(void **state)
{
	int fd = sys_eventfd();
	uint64_t raw;

	assert_false(sys_readable(fd));
	assert_int_equal(sys_eventfd_drain(fd), 0);
	sys_eventfd_signal(fd);
	sys_eventfd_signal(fd);
	assert_true(sys_readable(fd));
	assert_int_equal(sys_eventfd_drain(fd), 2);
	assert_false(sys_readable(fd));
	assert_int_equal(sys_read(fd, &raw, sizeof(raw)), -EAGAIN);
	sys_close(&fd);
}

/* Whoever was given an eventfd may take O_NONBLOCK from it: the flag is the
 * description's, not the descriptor's. */
static void no_eventfd_makes_us_wait(void **state)
{
	const uint64_t full = UINT64_MAX - 1;
	int fd = sys_eventfd();

	assert_int_equal(fcntl(fd, F_SETFL, O_RDWR), 0);
	(void)alarm(10); /* kills us if one waits */
	assert_int_equal(sys_eventfd_drain(fd), 0);
	assert_int_equal(write(fd, &full, sizeof(full)), sizeof(full));
	sys_eventfd_signal(fd);
	assert_int_equal(sys_eventfd_drain(fd), full);
	sys_eventfd_signal(fd);
	assert_int_equal(sys_eventfd_drain(fd), 1);
	(void)alarm(0);
	sys_close(&fd);
}

static void epoll_says_which_fd(void **state)
{
	int ep = sys_epoll_create(), fd = sys_eventfd();
	struct epoll_event out[2];

	assert_int_equal(sys_epoll_ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN, 77), 0);
	assert_int_equal(sys_epoll_ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN, 77),
			 -EEXIST);
	assert_int_equal(sys_epoll_wait(ep, out, 2, 0), 0);
	sys_eventfd_signal(fd);
	assert_int_equal(sys_epoll_wait(ep, out, 2, -1), 1);
	assert_int_equal(out[0].data.u64, 77);
	assert_int_equal(sys_epoll_ctl(ep, EPOLL_CTL_DEL, fd, 0, 0), 0);
	assert_int_equal(sys_epoll_wait(ep, out, 2, 0), 0);
	sys_close(&fd);
	sys_close(&ep);
	assert_int_equal(sys_epoll_wait(ep, out, 2, 0), -EBADF);
}

static void timer_fires_once_and_can_be_disarmed(void **state)
{
	int fd = sys_timerfd();
	uint64_t count;

	assert_int_equal(sys_timerfd_arm(fd, MS), 0);
	while (!sys_readable(fd))
		sys_sleep_ms(1);
	assert_int_equal(sys_read(fd, &count, sizeof(count)), 8);
	assert_int_equal(count, 1);
	assert_int_equal(sys_timerfd_arm(fd, 3600 * 1000 * MS), 0);
	assert_int_equal(sys_timerfd_arm(fd, 0), 0);
	assert_false(sys_readable(fd));
	sys_close(&fd);
	assert_int_equal(sys_timerfd_arm(fd, MS), -EBADF);
}

static void sleep_takes_its_time(void **state)
{
	uint64_t from = sys_now_ns();

	sys_sleep_ms(15);
	assert_true(sys_now_ns() - from >= 15 * MS);
}

static void signals_are_read_from_the_fd(void **state)
{
	static const int signals[] = { SIGUSR1, SIGUSR2, 0 };
	int fd = sys_signalfd(signals);

	assert_int_equal(sys_signalfd_read(fd), -EAGAIN);
	raise(SIGUSR2);
	assert_int_equal(sys_signalfd_read(fd), SIGUSR2);
	assert_int_equal(sys_signalfd_read(fd), -EAGAIN);
	sys_close(&fd);
}

struct sleeper {
	int fd;
	atomic_bool done;
	int rc;
};

static void *sleep_in_read(void *arg)
{
	struct sleeper *s = arg;
	char c;

	s->rc = (int)sys_read(s->fd, &c, 1);
	s->done = true;
	return NULL;
}

/* The signal that interrupts KVM_RUN must not end other calls, nor us. */
static void caught_signal_does_not_end_a_read(void **state)
{
	struct sleeper s = { 0 };
	pthread_t t;
	int p[2];

	assert_int_equal(sys_catch(SIGRTMIN), 0);
	assert_int_equal(pipe(p), 0);
	s.fd = p[0];
	assert_int_equal(pthread_create(&t, NULL, sleep_in_read, &s), 0);
	for (int i = 0; i < 5; i++) {
		sys_sleep_ms(1);
		pthread_kill(t, SIGRTMIN);
	}
	assert_false(s.done);
	assert_int_equal(write(p[1], "x", 1), 1);
	pthread_join(t, NULL);
	assert_int_equal(s.rc, 1);
	close(p[0]);
	close(p[1]);
	assert_int_equal(sys_catch(-5), -EINVAL);
}

static void an_ignored_signal_is_known(void **state)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, was;

	assert_false(sys_is_ignored(SIGHUP));
	assert_int_equal(sigaction(SIGHUP, &ignore, &was), 0);
	assert_true(sys_is_ignored(SIGHUP));
	assert_int_equal(sigaction(SIGHUP, &was, NULL), 0);
	assert_false(sys_is_ignored(-5));
}

static void *sleep_in_poll(void *arg)
{
	struct sleeper *s = arg;

	s->rc = sys_poll(s->fd, EPOLLIN, 5000);
	s->done = true;
	return NULL;
}

/* Who waits for signals by sigwait or signalfd has them blocked, and often
 * starts us so. A vCPU that cannot be interrupted would never stop. */
static void a_signal_that_our_parent_blocked_is_caught_too(void **state)
{
	struct sleeper s = { 0 };
	sigset_t all, was;
	pthread_t t;
	int p[2];

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &was);
	assert_int_equal(sys_catch(SIGUSR2), 0);
	assert_int_equal(pipe(p), 0);
	s.fd = p[0];
	assert_int_equal(pthread_create(&t, NULL, sleep_in_poll, &s), 0);
	for (unsigned i = 0; i < 100 && !s.done; i++) {
		sys_sleep_ms(10);
		pthread_kill(t, SIGUSR2);
	}
	assert_true(s.done);
	pthread_join(t, NULL);
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	assert_int_equal(s.rc, 0);
	close(p[0]);
	close(p[1]);
}

/* Uncaught, the signal ends the program: `ulimit -f`. */
static void caught_limit_of_file_sizes_is_an_error(void **state)
{
	struct rlimit was, none;
	int fd = sys_create(in_folder("limited"), O_WRONLY);
	ssize_t rc;

	assert_int_equal(sys_catch(SIGXFSZ), 0);
	assert_int_equal(sys_getrlimit(RLIMIT_FSIZE, &was), 0);
	none = (struct rlimit){ 0, was.rlim_max };
	assert_int_equal(sys_setrlimit(RLIMIT_FSIZE, &none), 0);
	rc = sys_write(fd, "x", 1);
	assert_int_equal(sys_setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(rc, -EFBIG);
	sys_close(&fd);
}

static void limits_can_be_read_and_lowered(void **state)
{
	struct rlimit r, now;

	assert_int_equal(sys_getrlimit(RLIMIT_CORE, &r), 0);
	r.rlim_cur = 0;
	assert_int_equal(sys_setrlimit(RLIMIT_CORE, &r), 0);
	assert_int_equal(sys_getrlimit(RLIMIT_CORE, &now), 0);
	assert_int_equal(now.rlim_cur, 0);
	assert_int_equal(sys_getrlimit(9999, &r), -EINVAL);
	(void)sys_can_lock_memory();
}

/* -------- terminal -------- */

static void pty_is_raw_and_does_not_block(void **state)
{
	char name[64], text[8] = "";
	int fd = sys_pty(name, sizeof(name)), other;
	struct termios t;

	assert_true(fd >= 0);
	assert_true(sys_isatty(fd));
	assert_int_equal(sys_read(fd, text, 8), -EAGAIN);
	other = sys_open(name, O_RDWR | O_NOCTTY);
	assert_true(other >= 0);
	assert_int_equal(sys_tty_get(other, &t), 0);
	assert_false(t.c_lflag & (ICANON | ECHO));
	assert_false(t.c_oflag & OPOST);
	assert_int_equal(sys_write(other, "a\n", 2), 2);
	assert_int_equal(sys_read(fd, text, 8), 2);
	assert_string_equal(text, "a\n");
	t.c_lflag |= ECHO;
	assert_int_equal(sys_tty_set(other, &t), 0);
	sys_close(&other);
	sys_close(&fd);
	assert_int_equal(sys_pty(name, 2), -ERANGE);
	assert_int_equal(sys_tty_get(fd, &t), -EBADF);
	assert_false(sys_isatty(fd));
}

static void nonblock_is_switched(void **state)
{
	int p[2];
	char c;

	assert_int_equal(pipe(p), 0);
	assert_int_equal(sys_set_nonblock(p[0], true), 0);
	assert_int_equal(sys_read(p[0], &c, 1), -EAGAIN);
	assert_int_equal(sys_set_nonblock(p[0], false), 0);
	assert_false(fcntl(p[0], F_GETFL) & O_NONBLOCK);
	close(p[0]);
	close(p[1]);
}

/* -------- the trace of it all -------- */

static void host_calls_show_names_and_results(void **state)
{
	struct err e = ERR_NONE;
	char spec[160], text[2048];
	int fd;

	snprintf(spec, sizeof(spec), "host:%s", in_folder("trace"));
	assert_int_equal(trace_start(spec, &e), 0);
	fd = sys_open("/dev/null", O_RDONLY);
	(void)sys_ioctl_num(fd, VFIO_SET_IOMMU, 3);
	sys_close(&fd);
	(void)sys_open("/nonexistent", O_RDONLY);
	trace_stop();
	assert_true(sys_read_text(in_folder("trace"), text, sizeof(text)) > 0);
	assert_non_null(strstr(text, " main   host  open(/dev/null, "));
	assert_non_null(strstr(text, " /dev/null, VFIO_SET_IOMMU, 3) = "
				     "-ENOTTY\n"));
	assert_non_null(strstr(text, " /dev/null) = 0\n"));
	assert_non_null(strstr(text, "open(/nonexistent, "));
	assert_non_null(strstr(text, " = -ENOENT"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(missing_file_is_a_negative_errno),
		cmocka_unit_test(every_fd_closes_on_exec),
		cmocka_unit_test(only_what_came_from_outside_is_adopted),
		cmocka_unit_test(close_forgets_the_fd),
		cmocka_unit_test(transfers_at_an_offset),
		cmocka_unit_test(text_loses_its_trailing_space),
		cmocka_unit_test(link_is_read_as_a_string),
		cmocka_unit_test(a_real_path_has_no_links),
		cmocka_unit_test(list_is_sorted_and_can_stop),
		cmocka_unit_test(ioctl_gives_value_or_errno),
		cmocka_unit_test(memory_comes_and_goes),
		cmocka_unit_test(failing_map_leaves_the_result_alone),
		cmocka_unit_test(memfd_has_its_size_and_is_shared),
		cmocka_unit_test(maps_of_huge_files_come_in_huge_pages),
		cmocka_unit_test(closed_standard_fds_become_null),
		cmocka_unit_test(open_standard_fds_stay_what_they_are),
		cmocka_unit_test(host_facts_are_plausible),
		cmocka_unit_test(eventfd_counts_and_drains),
		cmocka_unit_test(no_eventfd_makes_us_wait),
		cmocka_unit_test(epoll_says_which_fd),
		cmocka_unit_test(timer_fires_once_and_can_be_disarmed),
		cmocka_unit_test(sleep_takes_its_time),
		cmocka_unit_test(signals_are_read_from_the_fd),
		cmocka_unit_test(caught_signal_does_not_end_a_read),
		cmocka_unit_test(
			a_signal_that_our_parent_blocked_is_caught_too),
		cmocka_unit_test(an_ignored_signal_is_known),
		cmocka_unit_test(caught_limit_of_file_sizes_is_an_error),
		cmocka_unit_test(limits_can_be_read_and_lowered),
		cmocka_unit_test(pty_is_raw_and_does_not_block),
		cmocka_unit_test(nonblock_is_switched),
		cmocka_unit_test(host_calls_show_names_and_results),
	};

	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}

/* What a process gives up, on the real kernel; each test has a child. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/vmm-base/real/child.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/base/sys_calls.h"
#include "vmm/base/sys_privilege.h"

#define GOLDEN "tests/golden/sandbox"
#define NOBODY 65534

/* -------- what a machine needs -------- */

static int nothing(const char *name, void *arg)
{
	return 0;
}

static int use_files(void)
{
	struct stat st;
	char text[256];
	int fd;

	fd = sys_open("/proc/self/maps", O_RDONLY);
	MUST(fd >= 0);
	MUST(sys_read(fd, text, sizeof(text)) > 0);
	MUST(sys_pread(fd, text, sizeof(text), 0) > 0);
	MUST(sys_fstat(fd, &st) == 0);
	MUST(sys_set_nonblock(fd, true) >= 0);
	sys_close(&fd);
	fd = sys_dup(STDERR_FILENO);
	MUST(fd >= 0);
	MUST(sys_write(fd, "", 0) == 0);
	(void)sys_isatty(fd);
	sys_close(&fd);
	MUST(sys_stat("/", &st) == 0);
	MUST(sys_readlink("/proc/self/exe", text, sizeof(text)) > 0);
	MUST(sys_list("/proc/self/fd", nothing, NULL) == 0);
	return 0;
}

/* As that of a function's messages is, msi_irqs: glibc sorts many names in
 * another way than few. */
static int use_a_large_folder(void)
{
	for (unsigned i = 0; i < 300; i++)
		MUST(sys_dup(STDERR_FILENO) >= 0);
	MUST(sys_list("/proc/self/fd", nothing, NULL) == 0);
	return 0;
}

static int use_events(int epfd, int timer)
{
	struct epoll_event ev;
	int fd = sys_eventfd();

	MUST(fd >= 0);
	MUST(sys_epoll_ctl(epfd, EPOLL_CTL_ADD, fd, EPOLLIN, 7) == 0);
	sys_eventfd_signal(fd);
	MUST(sys_epoll_wait(epfd, &ev, 1, 100) == 1);
	MUST(sys_readable(fd) && sys_eventfd_drain(fd) == 1);
	MUST(sys_poll(fd, EPOLLOUT, 0) == EPOLLOUT);
	sys_close(&fd);
	MUST(sys_timerfd_arm(timer, 1) == 0);
	MUST(sys_now_ns() > 0 && sys_wall_s() > 0);
	sys_sleep_ms(1);
	MUST(sys_catch(SIGUSR2) == 0);
	return 0;
}

static int use_sockets(const int pair[2])
{
	struct sys_fds fds;
	char text[8];

	MUST(sys_send(pair[0], "x", 1, NULL, 0) == 1);
	MUST(sys_recv(pair[1], text, sizeof(text), &fds) == 1);
	sys_shutdown(pair[0]);
	return 0;
}

static void *thread(void *arg)
{
	void *p = malloc(64 << 20);

	sys_block_signals();
	if (p)
		memset(p, 1, 1 << 20);
	free(p);
	return arg;
}

static int use_memory_and_threads(void)
{
	void *p, *back = NULL;
	pthread_t t;

	MUST(sys_mmap(1 << 20, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &p) == 0);
	MUST(sys_mmap_fixed(p, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0) == 0);
	MUST(sys_madvise(p, 1 << 20, MADV_DONTNEED) == 0);
	sys_munmap(p, 1 << 20);
	MUST(pthread_create(&t, NULL, thread, p) == 0);
	MUST(pthread_join(t, &back) == 0 && back == p);
	return 0;
}

static int need(void)
{
	int epfd = sys_epoll_create(), timer = sys_timerfd(), pair[2], rc;

	MUST(epfd >= 0 && timer >= 0);
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	MUST(sys_filter_install(SYS_FILTER_REFUSE, false) == 0);
	rc = use_files();
	if (rc == 0)
		rc = use_a_large_folder();
	if (rc == 0)
		rc = use_events(epfd, timer);
	if (rc == 0)
		rc = use_sockets(pair);
	return rc == 0 ? use_memory_and_threads() : rc;
}

static void what_a_machine_needs_goes_through(void **state)
{
	succeeds(need);
}

/* -------- what an intruder would like -------- */

static int run_program(void)
{
	execl("/bin/true", "true", NULL);
	return 0;
}

static int start_process(void)
{
	return (int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) == 0 ? 0 : 1;
}

static int enter_namespace(void)
{
	return (int)syscall(SYS_clone,
			    CLONE_THREAD | CLONE_SIGHAND | CLONE_VM |
				    CLONE_NEWUSER,
			    0, 0, 0, 0);
}

static int make_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static int trace(void)
{
	return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int create_file(void)
{
	return open("/tmp/minivmm-sandbox", O_WRONLY | O_CREAT, 0600);
}

static int open_to_write(void)
{
	return open("/dev/null", O_RDWR);
}

static int truncate_by_opening(void)
{
	return open("/dev/null", O_RDONLY | O_TRUNC);
}

static int make_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}

static int turn_data_into_code(void)
{
	return mprotect((void *)((uintptr_t)&errno & ~UINT64_C(4095)), 4096,
			PROT_READ | PROT_WRITE | PROT_EXEC);
}

static int hit_another(void)
{
	return (int)syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static int own_signals(void)
{
	return fcntl(0, F_SETOWN, 1);
}

static int make_machine(void)
{
	return ioctl(0, KVM_CREATE_VM, 0);
}

static int open_function(void)
{
	return ioctl(0, VFIO_GROUP_GET_DEVICE_FD, "0000:01:00.0");
}

static int type_for_the_user(void)
{
	return ioctl(0, TIOCSTI, "x");
}

static int become_root(void)
{
	return setuid(0);
}

static int load_module(void)
{
	return (int)syscall(SYS_finit_module, 0, "", 0);
}

static const struct wish {
	const char *name;
	int (*make)(void);
} wishes[] = {
	{ "run a program", run_program },
	{ "start a process", start_process },
	{ "enter a namespace", enter_namespace },
	{ "make a socket", make_socket },
	{ "trace", trace },
	{ "create a file", create_file },
	{ "open a file to write", open_to_write },
	{ "truncate a file", truncate_by_opening },
	{ "map code", make_code },
	{ "turn data into code", turn_data_into_code },
	{ "send another process a signal", hit_another },
	{ "let the kernel send signals", own_signals },
	{ "make a VM", make_machine },
	{ "open another function", open_function },
	{ "type on the terminal", type_for_the_user },
	{ "become root", become_root },
	{ "load a module", load_module },
};

static unsigned wish; /* of the child */

static int try_wish(void)
{
	MUST(sys_filter_install(SYS_FILTER_REFUSE, false) == 0);
	(void)wishes[wish].make();
	return 0;
}

static void what_an_intruder_would_like_does_not(void **state)
{
	for (unsigned i = 0; i < ARRAY_LEN(wishes); i++) {
		int status;

		print_message("%s\n", wishes[i].name);
		wish = i;
		status = child(try_wish);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
}

/* -------- files, the log, threads -------- */

static int write_files(void)
{
	char path[] = "/tmp/minivmm-sandbox-XXXXXX", other[64];
	int fd = mkstemp(path);

	MUST(fd >= 0);
	sys_close(&fd);
	snprintf(other, sizeof(other), "%s.new", path);
	MUST(sys_filter_install(SYS_FILTER_REFUSE, true) == 0);
	fd = sys_create(other, O_WRONLY | O_EXCL);
	MUST(fd >= 0);
	sys_close(&fd);
	MUST(sys_rename(other, path) == 0);
	MUST(sys_unlink(path) == 0);
	return 0;
}

static void files_are_written_where_that_is_asked_for(void **state)
{
	succeeds(write_files);
}

/* What there is stays as it is, whatever the name. */
static int empty_file(void)
{
	MUST(sys_filter_install(SYS_FILTER_REFUSE, true) == 0);
	(void)sys_create("/dev/null", O_WRONLY | O_TRUNC);
	return 0;
}

static int rewrite_file(void)
{
	MUST(sys_filter_install(SYS_FILTER_REFUSE, true) == 0);
	(void)sys_open("/proc/self/mem", O_RDWR);
	return 0;
}

static void but_what_is_there_is_only_added_to(void **state)
{
	assert_int_equal(child(empty_file), SIGSYS);
	assert_int_equal(child(rewrite_file), SIGSYS);
}

static int confine_too(void)
{
	static const char *const readable[] = { "/sys", "/proc", NULL };
	const struct sys_paths p = { .read = readable };
	int rc = sys_confine(&p); /* test_confine.c */

	MUST(rc == 0 || rc == -ENOSYS || rc == -EOPNOTSUPP);
	MUST(sys_filter_install(SYS_FILTER_REFUSE, false) == 0);
	MUST(use_files() == 0);
	return use_memory_and_threads();
}

static void what_a_machine_needs_goes_through_when_confined_too(void **state)
{
	succeeds(confine_too);
}

static int log_only(void)
{
	MUST(sys_filter_install(SYS_FILTER_LOG, false) == 0);
	MUST(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
	MUST(status_has("Seccomp:\t2"));
	return 0;
}

static void a_filter_that_logs_lets_all_through(void **state)
{
	succeeds(log_only);
}

struct early {
	int ready, go;
	bool under;
};

static void *early_thread(void *arg)
{
	struct early *t = arg;

	sys_eventfd_signal(t->ready);
	(void)sys_poll(t->go, EPOLLIN, 5000);
	t->under = status_has("Seccomp:\t2") && status_has("NoNewPrivs:\t1");
	return NULL;
}

static int install_beside_thread(void)
{
	struct early t = { sys_eventfd(), sys_eventfd(), false };
	pthread_t id;

	MUST(pthread_create(&id, NULL, early_thread, &t) == 0);
	MUST(sys_poll(t.ready, EPOLLIN, 5000) > 0);
	MUST(sys_filter_install(SYS_FILTER_REFUSE, false) == 0);
	sys_eventfd_signal(t.go);
	MUST(pthread_join(id, NULL) == 0);
	MUST(t.under && status_has("Seccomp:\t2"));
	return 0;
}

static void threads_that_are_there_already_have_it_too(void **state)
{
	succeeds(install_beside_thread);
}

/* -------- refusals -------- */

static void fail_with_eperm(int signal, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	sys_refused(info->si_syscall, (uint32_t)u->uc_mcontext.gregs[REG_RSI]);
	u->uc_mcontext.gregs[REG_RAX] = -EPERM;
}

static int refuse(void)
{
	static const int signals[] = { SYS_REFUSED, 0 };
	int fd = sys_signalfd(signals);
	char call[64] = "";

	MUST(fd >= 0);
	MUST(sys_catch_refusals(fail_with_eperm) == 0);
	MUST(sys_filter_install(SYS_FILTER_REFUSE, false) == 0);
	MUST(sys_refusal_read(fd, call, sizeof(call)) == -EAGAIN);
	errno = 0;
	MUST(socket(AF_UNIX, SOCK_STREAM, 0) == -1 && errno == EPERM);
	/* the first is what matters */
	MUST(ioctl(0, KVM_CREATE_VM, 0) == -1 && errno == EPERM);
	MUST(sys_refusal_read(fd, call, sizeof(call)) == 0);
	MUST(strcmp(call, "socket") == 0);
	MUST(sys_refusal_read(fd, call, sizeof(call)) == -EAGAIN);
	MUST(ioctl(0, KVM_CREATE_VM, 0) == -1);
	MUST(sys_refusal_read(fd, call, sizeof(call)) == 0);
	MUST(strcmp(call, "ioctl KVM_CREATE_VM") == 0);
	MUST(ioctl(0, 0x1234, 0) == -1);
	MUST(sys_refusal_read(fd, call, sizeof(call)) == 0);
	MUST(strcmp(call, "ioctl 0x1234") == 0);
	return 0;
}

static void a_refused_call_fails_and_is_named_once(void **state)
{
	succeeds(refuse);
}

static int refuse_where_all_is_blocked(void)
{
	sigset_t all;

	sigfillset(&all);
	MUST(sigprocmask(SIG_SETMASK, &all, NULL) == 0);
	return refuse();
}

static void even_if_our_parent_blocked_all_signals(void **state)
{
	succeeds(refuse_where_all_is_blocked);
}

static void *refused_thread(void *arg)
{
	bool *ok = arg;

	sys_block_signals();
	*ok = socket(AF_UNIX, SOCK_STREAM, 0) == -1 && errno == EPERM;
	return NULL;
}

static int refuse_thread(void)
{
	static const int signals[] = { SYS_REFUSED, 0 };
	bool ok = false;
	pthread_t id;

	MUST(sys_signalfd(signals) >= 0);
	MUST(sys_catch_refusals(fail_with_eperm) == 0);
	MUST(sys_filter_install(SYS_FILTER_REFUSE, false) == 0);
	MUST(pthread_create(&id, NULL, refused_thread, &ok) == 0);
	MUST(pthread_join(id, NULL) == 0);
	return ok ? 0 : 1;
}

static void a_thread_without_signals_is_refused_as_well(void **state)
{
	succeeds(refuse_thread);
}

/* -------- users and capabilities -------- */

static int drop(void)
{
	MUST(sys_drop_capabilities() == 0);
	MUST(status_has("CapPrm:\t0000000000000000"));
	MUST(status_has("CapEff:\t0000000000000000"));
	return 0;
}

static void no_capability_is_left(void **state)
{
	succeeds(drop);
}

static int become_nobody(void)
{
	char ids[64];

	if (geteuid() != 0) {
		MUST(sys_become(NOBODY, NOBODY) == -EPERM);
		return 0;
	}
	MUST(sys_become(NOBODY, NOBODY) == 0);
	snprintf(ids, sizeof(ids), "Uid:\t%d\t%d\t%d\t%d", NOBODY, NOBODY,
		 NOBODY, NOBODY);
	MUST(status_has(ids));
	memcpy(ids, "G", 1);
	MUST(status_has(ids));
	MUST(status_has("CapEff:\t0000000000000000"));
	MUST(status_has("CapPrm:\t0000000000000000"));
	MUST(getgroups(0, NULL) == 0);
	MUST(setuid(0) == -1);
	return 0;
}

static void *wait_as_nobody(void *arg)
{
	struct early *t = arg;

	sys_block_signals();
	sys_eventfd_signal(t->ready);
	/* each step is a signal to us, and the last one decides */
	while (sys_poll(t->go, EPOLLIN, 5000) == 0)
		;
	t->under = status_has("CapEff:\t0000000000000000") &&
		   status_has("Uid:\t65534\t65534\t65534\t65534");
	return NULL;
}

static int become_beside_thread(void)
{
	struct early t = { sys_eventfd(), sys_eventfd(), false };
	pthread_t id;

	MUST(pthread_create(&id, NULL, wait_as_nobody, &t) == 0);
	MUST(sys_poll(t.ready, EPOLLIN, 5000) > 0);
	MUST(sys_become(NOBODY, NOBODY) == 0 || geteuid() != 0);
	sys_eventfd_signal(t.go);
	MUST(pthread_join(id, NULL) == 0);
	MUST(t.under == (geteuid() == NOBODY));
	return 0;
}

static void threads_that_are_there_become_it_too(void **state)
{
	succeeds(become_beside_thread);
}

static void root_becomes_another_user_for_good(void **state)
{
	succeeds(become_nobody);
}

/* -------- the list -------- */

enum { MAX_LINES = 256, MAX_LINE = 64 };

struct lines {
	char text[MAX_LINES][MAX_LINE];
	unsigned n;
};

static void line_add(struct lines *l, const char *prefix, const char *name)
{
	char text[MAX_LINE];

	snprintf(text, sizeof(text), "%s%s\n", prefix, name);
	for (unsigned i = 0; i < l->n; i++)
		if (strcmp(l->text[i], text) == 0)
			return;
	assert_true(l->n < MAX_LINES);
	strcpy(l->text[l->n++], text);
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void list(struct lines *l)
{
	for (const struct sys_call *c = sys_calls; c->who; c++) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE,
							      c->number);

		assert_non_null(name);
		if (c->when != SYS_START)
			line_add(l, c->when == SYS_FILES ? "files " : "", name);
		free(name);
	}
	for (const struct sys_command *c = sys_commands; c->name; c++)
		if (c->when == SYS_RUN)
			line_add(l, "ioctl ", c->name);
	qsort(l->text, l->n, MAX_LINE, compare);
}

static void the_list_is_the_golden_one(void **state)
{
	static char is[MAX_LINES * MAX_LINE], golden[sizeof(is)];
	static struct lines l;
	FILE *f = fopen(GOLDEN, "r");
	size_t n;

	assert_non_null(f);
	n = fread(golden, 1, sizeof(golden) - 1, f);
	golden[n] = '\0';
	fclose(f);
	list(&l);
	for (unsigned i = 0; i < l.n; i++)
		strcat(is, l.text[i]);
	if (strcmp(is, golden) == 0)
		return;
	print_message(GOLDEN " is to be:\n");
	for (unsigned i = 0; i < l.n; i++)
		print_message("%s", l.text[i]);
	fail();
}

/* VFIO-ERR-09 */
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_capability_is_left),
		cmocka_unit_test(root_becomes_another_user_for_good),
		cmocka_unit_test(threads_that_are_there_become_it_too),
		cmocka_unit_test(the_list_is_the_golden_one),
		cmocka_unit_test(what_a_machine_needs_goes_through),
		cmocka_unit_test(what_an_intruder_would_like_does_not),
		cmocka_unit_test(files_are_written_where_that_is_asked_for),
		cmocka_unit_test(but_what_is_there_is_only_added_to),
		cmocka_unit_test(
			what_a_machine_needs_goes_through_when_confined_too),
		cmocka_unit_test(a_filter_that_logs_lets_all_through),
		cmocka_unit_test(threads_that_are_there_already_have_it_too),
		cmocka_unit_test(a_refused_call_fails_and_is_named_once),
		cmocka_unit_test(even_if_our_parent_blocked_all_signals),
		cmocka_unit_test(a_thread_without_signals_is_refused_as_well),
	};
	/* Sanitizers make calls of their own, which no filter here allows. */
	size_t n = MINIVMM_SANITIZED ? 4 : sizeof(tests) / sizeof(*tests);

	return _cmocka_run_group_tests("tests", tests, n, NULL, NULL);
}

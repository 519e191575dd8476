/* Input and output of each kind of console: real pipes and terminals in the
 * place of standard input and output. */
#include "tests/unit/devices/bench.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/console.h"

/* A guest that takes up to @room bytes. */
struct guest {
	struct console_user user;
	char got[65536];
	size_t n, room;
	unsigned offers;
};

static size_t take(struct console_user *u, const uint8_t *from, size_t n)
{
	struct guest *g = container_of(u, struct guest, user);
	size_t part = n < g->room ? n : g->room;

	assert_true(g->n + part <= sizeof(g->got));
	memcpy(g->got + g->n, from, part);
	g->n += part;
	g->room -= part;
	g->offers++;
	return part;
}

/* A console on a loop of its own, with standard input and output replaced. */
struct scene {
	struct vm vm; /* only its loop is open */
	struct console console;
	struct guest guest;
	int saved[2];
	int far[2]; /* our ends of standard input and output */
};

static unsigned quits;

static void quit(struct console *c)
{
	quits++;
}

static void near_end(struct scene *s, int number, int fd)
{
	s->saved[number] = dup(number);
	assert_int_equal(dup2(fd, number), number);
	close(fd);
}

static void begin(struct scene *s)
{
	struct err e = ERR_NONE;

	memset(s, 0, sizeof(*s));
	s->saved[0] = s->saved[1] = s->far[0] = s->far[1] = -1;
	s->guest = (struct guest){ .user = { .take = take },
				   .room = sizeof(s->guest.got) };
	s->console = CONSOLE_EMPTY;
	assert_int_equal(loop_open(&s->vm.loop, &e), 0);
	fake_real("/proc/self/fd");
	fake_real("/dev/pts");
	quits = 0;
}

static void input_from_pipe(struct scene *s)
{
	int p[2];

	assert_int_equal(pipe(p), 0);
	near_end(s, 0, p[0]);
	s->far[0] = p[1];
}

static void output_to_pipe(struct scene *s)
{
	int p[2];

	assert_int_equal(pipe(p), 0);
	near_end(s, 1, p[1]);
	s->far[1] = p[0];
	assert_int_equal(fcntl(p[0], F_SETFL, O_NONBLOCK), 0);
}

static void open_spec(struct scene *s, const char *spec)
{
	struct err e = ERR_NONE;
	int rc = console_open(&s->console, spec, &s->vm.loop, &e);

	if (rc < 0)
		fail_msg("%s", e.text);
	s->console.quit = quit;
	console_connect(&s->console, &s->guest.user);
}

static void open_stdio(struct scene *s)
{
	input_from_pipe(s);
	output_to_pipe(s);
	open_spec(s, "stdio");
}

static void end(struct scene *s)
{
	console_close(&s->console);
	for (int i = 0; i < 2; i++) {
		if (s->saved[i] >= 0)
			dup2(s->saved[i], i);
		if (s->saved[i] >= 0)
			close(s->saved[i]);
		if (s->far[i] >= 0)
			close(s->far[i]);
	}
	loop_close(&s->vm.loop);
}

/* Until the guest got @n bytes; a terminal hands over in a work queue of the
 * kernel, which may take its time. */
static void run_until(struct scene *s, unsigned n)
{
	for (unsigned i = 0; s->guest.n < n && i < 200; i++)
		run_loop(&s->vm, 20);
}

static void type(struct scene *s, const char *text)
{
	assert_int_equal(write(s->far[0], text, strlen(text)), strlen(text));
	/* A terminal hands over in a work queue of the kernel. */
	run_loop(&s->vm, s->console.terminal ? 20 : 0);
}

static void assert_got(struct scene *s, const char *text)
{
	assert_int_equal(s->guest.n, strlen(text));
	assert_memory_equal(s->guest.got, text, strlen(text));
}

static void print(struct scene *s, const char *text)
{
	console_write(&s->console, (const uint8_t *)text, strlen(text));
}

/* What came out so far. */
static const char *printed(struct scene *s)
{
	static char buf[4 * CONSOLE_OUT_SIZE];
	ssize_t n = read(s->far[1], buf, sizeof(buf) - 1);

	buf[n < 0 ? 0 : n] = '\0';
	return buf;
}

/* -------- keys -------- */

static void typed_bytes_reach_the_guest(void **state)
{
	static struct scene s;

	begin(&s);
	open_stdio(&s);
	type(&s, "ls\r");
	type(&s, "\x03\x04"); /* Ctrl-c and Ctrl-d too */
	assert_got(&s, "ls\r\x03\x04");
	end(&s);
}

static void ctrl_a_x_quits(void **state)
{
	static struct scene s;

	begin(&s);
	open_stdio(&s);
	type(&s, "a\x01");
	assert_int_equal(quits, 0);
	type(&s, "xb");
	assert_int_equal(quits, 1);
	assert_got(&s, "ab");
	end(&s);
}

static void ctrl_a_x_without_a_board_is_swallowed(void **state)
{
	static struct scene s;

	begin(&s);
	open_stdio(&s);
	s.console.quit = NULL;
	type(&s, "\x01x");
	assert_got(&s, "");
	end(&s);
}

static void ctrl_a_a_sends_ctrl_a(void **state)
{
	static struct scene s;

	begin(&s);
	open_stdio(&s);
	type(&s, "\x01"
		 "a\x01\x01");
	assert_got(&s, "\x01\x01");
	end(&s);
}

static void ctrl_a_and_another_key_are_both_sent(void **state)
{
	static struct scene s;

	begin(&s);
	open_stdio(&s);
	type(&s, "\x01"
		 "bx");
	assert_got(&s, "\x01"
		       "bx");
	assert_int_equal(quits, 0);
	end(&s);
}

/* -------- input -------- */

static void nothing_is_read_before_somebody_wants_it(void **state)
{
	static struct scene s;
	int left;

	begin(&s);
	input_from_pipe(&s);
	output_to_pipe(&s);
	open_spec(&s, "stdio");
	console_connect(&s.console, NULL);
	type(&s, "early");
	assert_got(&s, "");
	left = dup(0);
	console_connect(&s.console, &s.guest.user);
	run_loop(&s.vm, 0);
	assert_got(&s, "early");
	close(left);
	end(&s);
}

static void what_the_guest_has_no_room_for_comes_later_in_order(void **state)
{
	static struct scene s;

	begin(&s);
	open_stdio(&s);
	s.guest.room = 4;
	type(&s, "0123456789");
	assert_got(&s, "0123");
	type(&s, "abc"); /* stays in the pipe */
	assert_got(&s, "0123");
	assert_false(s.console.watch.listed);
	s.guest.room = 3;
	console_ready(&s.console);
	run_loop(&s.vm, 0);
	assert_got(&s, "0123456");
	s.guest.room = 100;
	console_ready(&s.console);
	run_loop(&s.vm, 0);
	assert_got(&s, "0123456789abc");
	end(&s);
}

static void a_closed_pipe_ends_input_and_nothing_else(void **state)
{
	static struct scene s;

	begin(&s);
	open_stdio(&s);
	assert_int_equal(write(s.far[0], "bye", 3), 3);
	close(s.far[0]);
	s.far[0] = -1;
	run_loop(&s.vm, 0);
	assert_got(&s, "bye");
	assert_int_equal(quits, 0);
	assert_true(s.console.ended);
	assert_false(s.console.watch.listed);
	print(&s, "still here");
	run_loop(&s.vm, 3 * CONSOLE_OUT_DELAY_MS);
	assert_string_equal(printed(&s), "still here");
	end(&s);
}

static void a_closed_pipe_is_no_busy_loop_while_bytes_are_held(void **state)
{
	static struct scene s;

	begin(&s);
	open_stdio(&s);
	s.guest.room = 0;
	type(&s, "held");
	close(s.far[0]);
	s.far[0] = -1;
	s.guest.offers = 0;
	run_loop(&s.vm, 0); /* would not return */
	assert_int_equal(s.guest.offers, 0);
	s.guest.room = 100;
	console_ready(&s.console);
	run_loop(&s.vm, 0);
	assert_got(&s, "held");
	end(&s);
}

static void a_file_as_input_is_read_as_the_guest_takes_it(void **state)
{
	static struct scene s;
	FILE *f = tmpfile();

	begin(&s);
	for (unsigned i = 0; i < 5000; i++)
		fprintf(f, "%04u", i);
	rewind(f);
	near_end(&s, 0, dup(fileno(f)));
	fclose(f);
	output_to_pipe(&s);
	s.guest.room = 10;
	open_spec(&s, "stdio");
	run_loop(&s.vm, 0);
	assert_int_equal(s.guest.n, 10);
	s.guest.room = 65536;
	console_ready(&s.console);
	run_loop(&s.vm, 0);
	assert_int_equal(s.guest.n, 20000);
	assert_memory_equal(s.guest.got + 19992, "49984999", 8);
	assert_true(s.console.ended);
	end(&s);
}

static void dev_null_as_input_is_no_error(void **state)
{
	static struct scene s;

	begin(&s);
	near_end(&s, 0, open("/dev/null", O_RDONLY));
	output_to_pipe(&s);
	open_spec(&s, "stdio");
	run_loop(&s.vm, 0);
	assert_true(s.console.ended);
	assert_got(&s, "");
	end(&s);
}

static void input_that_cannot_be_watched_is_given_up(void **state)
{
	static struct scene s;

	begin(&s);
	open_stdio(&s);
	fake_fail_call("epoll_ctl add stdio", 0, ENOSPC);
	type(&s, "x");
	assert_true(s.console.ended);
	end(&s);
}

static void a_read_error_ends_input(void **state)
{
	static struct scene s;

	begin(&s);
	open_stdio(&s);
	run_loop(&s.vm, 0);
	fake_fail_call("read stdio", 1, EIO);
	type(&s, "x");
	assert_true(s.console.ended);
	assert_got(&s, "");
	end(&s);
}

/* -------- output -------- */

static void bytes_come_out_together_a_moment_later(void **state)
{
	static struct scene s;

	begin(&s);
	open_stdio(&s);
	fake_trace_clear();
	for (unsigned i = 0; i < 100; i++)
		print(&s, "x");
	assert_string_equal(printed(&s), "");
	assert_int_equal(fake_trace_count("write"), 0);
	assert_int_equal(fake_trace_count("timerfd_arm"), 1);
	run_loop(&s.vm, 3 * CONSOLE_OUT_DELAY_MS);
	assert_int_equal(strlen(printed(&s)), 100);
	assert_int_equal(fake_trace_count("write"), 1);
	end(&s);
}

static void closing_writes_what_is_left(void **state)
{
	static struct scene s;

	begin(&s);
	open_stdio(&s);
	print(&s, "last words");
	console_close(&s.console);
	assert_string_equal(printed(&s), "last words");
	print(&s, "too late");
	assert_string_equal(printed(&s), "");
	end(&s);
}

static void the_shell_s_standard_output_stays_blocking(void **state)
{
	static struct scene s;

	begin(&s);
	open_stdio(&s);
	assert_int_equal(fcntl(1, F_GETFL) & O_NONBLOCK, 0);
	assert_true(fcntl(s.console.out_fd, F_GETFL) & O_NONBLOCK);
	end(&s);
}

static void a_socket_as_output_is_made_nonblocking_for_a_while(void **state)
{
	static struct scene s;
	int p[2];

	begin(&s);
	input_from_pipe(&s);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
	near_end(&s, 1, p[0]);
	s.far[1] = p[1];
	open_spec(&s, "stdio");
	assert_true(fcntl(1, F_GETFL) & O_NONBLOCK);
	print(&s, "over a socket");
	console_close(&s.console);
	assert_string_equal(printed(&s), "over a socket");
	assert_int_equal(fcntl(1, F_GETFL) & O_NONBLOCK, 0);
	end(&s);
}

static void a_file_as_output_is_appended_to_where_it_stands(void **state)
{
	static struct scene s;
	FILE *f = tmpfile();
	char text[32] = "";

	begin(&s);
	input_from_pipe(&s);
	fprintf(f, "before ");
	fflush(f);
	near_end(&s, 1, dup(fileno(f)));
	open_spec(&s, "stdio");
	print(&s, "after");
	end(&s);
	assert_int_equal(pread(fileno(f), text, sizeof(text), 0), 12);
	assert_string_equal(text, "before after");
	fclose(f);
}

static char flood[3 * CONSOLE_OUT_SIZE + 1];

static void a_reader_that_stops_costs_a_second_once(void **state)
{
	static struct scene s;
	unsigned sleeps;

	begin(&s);
	open_stdio(&s);
	memset(flood, 'x', sizeof(flood) - 1);
	fake_trace_clear();
	print(&s, flood); /* the pipe takes one third, the buffer another */
	assert_in_range(s.console.out.lost, 1, 2 * CONSOLE_OUT_SIZE);
	sleeps = fake_trace_count("sleep_ms");
	assert_int_equal(sleeps, 100);
	print(&s, flood);
	assert_int_equal(fake_trace_count("sleep_ms"), sleeps);
	/* it reads again: what the buffer kept comes, then all is as before */
	assert_true(strlen(printed(&s)) > 0);
	run_loop(&s.vm, 30);
	assert_false(s.console.out.stalled);
	while (strlen(printed(&s)) > 0)
		run_loop(&s.vm, 30);
	print(&s, "alive");
	run_loop(&s.vm, 30);
	assert_string_equal(printed(&s), "alive");
	end(&s);
}

static void a_slow_reader_loses_nothing(void **state)
{
	static struct scene s;
	size_t n = 0;

	begin(&s);
	open_stdio(&s);
	memset(flood, 'x', sizeof(flood) - 1);
	for (unsigned i = 0; i < 64; i++) {
		flood[4096] = '\0';
		print(&s, flood);
		n += strlen(printed(&s));
	}
	flood[4096] = 'x';
	console_close(&s.console);
	n += strlen(printed(&s));
	n += strlen(printed(&s));
	assert_int_equal(n, 64 * 4096);
	end(&s);
}

static void a_reader_that_is_gone_does_not_stop_the_guest(void **state)
{
	static struct scene s;

	begin(&s);
	assert_int_equal(sys_catch(SIGPIPE), 0);
	open_stdio(&s);
	close(s.far[1]);
	s.far[1] = -1;
	print(&s, "nobody");
	run_loop(&s.vm, 3 * CONSOLE_OUT_DELAY_MS);
	assert_int_equal(s.console.out.lost, 6);
	assert_int_equal(s.console.out.n, 0);
	end(&s);
}

static void closing_does_not_wait_for_a_dead_reader_for_good(void **state)
{
	static struct scene s;

	begin(&s);
	open_stdio(&s);
	memset(flood, 'x', sizeof(flood) - 1);
	flood[CONSOLE_OUT_SIZE + 100] = '\0';
	print(&s, flood);
	flood[CONSOLE_OUT_SIZE + 100] = 'x';
	fake_trace_clear();
	console_close(&s.console);
	assert_in_range(fake_trace_count("sleep_ms"), 0, 101);
	end(&s);
}

static void without_a_timer_output_is_slower_not_lost(void **state)
{
	static struct scene s;

	begin(&s);
	open_stdio(&s);
	fake_fail_call("timerfd_arm", 0, EINVAL);
	print(&s, "now");
	assert_string_equal(printed(&s), "now");
	end(&s);
}

/* -------- a terminal -------- */

/* A terminal as standard input; far[0] is who sits there. */
static void input_from_terminal(struct scene *s)
{
	int far = posix_openpt(O_RDWR | O_NOCTTY), near;
	char name[64];

	assert_int_equal(grantpt(far) | unlockpt(far), 0);
	assert_int_equal(ptsname_r(far, name, sizeof(name)), 0);
	near = open(name, O_RDWR | O_NOCTTY);
	near_end(s, 0, near);
	s->far[0] = far;
}

static void terminal_is_raw_while_open_and_restored_after(void **state)
{
	static struct scene s;
	struct termios before, during, after;

	begin(&s);
	input_from_terminal(&s);
	output_to_pipe(&s);
	assert_int_equal(tcgetattr(0, &before), 0);
	open_spec(&s, "stdio");
	assert_int_equal(tcgetattr(0, &during), 0);
	assert_int_equal(during.c_lflag & (ICANON | ECHO | ISIG), 0);
	assert_int_equal(during.c_iflag & (ICRNL | IXON), 0);
	assert_true(before.c_lflag & ICANON);
	type(&s, "\x03\r");
	assert_got(&s, "\x03\r");
	console_close(&s.console);
	assert_int_equal(tcgetattr(0, &after), 0);
	assert_int_equal(after.c_lflag, before.c_lflag);
	assert_int_equal(after.c_iflag, before.c_iflag);
	assert_int_equal(after.c_oflag, before.c_oflag);
	end(&s);
}

static void ctrl_a_x_works_with_a_guest_that_does_not_read(void **state)
{
	static struct scene s;

	begin(&s);
	input_from_terminal(&s);
	output_to_pipe(&s);
	s.guest.room = 0;
	open_spec(&s, "stdio");
	for (unsigned i = 0; i < 1 + CONSOLE_HELD / 1000; i++) {
		memset(flood, 'k', 1000);
		flood[1000] = '\0';
		type(&s, flood);
	}
	for (unsigned i = 0; s.console.n_held < CONSOLE_HELD && i < 200; i++)
		run_loop(&s.vm, 20);
	assert_int_equal(s.console.n_held, CONSOLE_HELD);
	type(&s, "\x01x");
	for (unsigned i = 0; quits == 0 && i < 200; i++)
		run_loop(&s.vm, 20);
	assert_int_equal(quits, 1);
	end(&s);
}

static void settings_that_cannot_be_read_are_an_error(void **state)
{
	static struct scene s;
	struct err e = ERR_NONE;

	begin(&s);
	input_from_terminal(&s);
	output_to_pipe(&s);
	fake_fail_call("tty_get", 1, EIO);
	assert_int_equal(console_open(&s.console, "stdio", &s.vm.loop, &e),
			 -EIO);
	assert_string_equal(e.text, "cannot read the terminal's settings: "
				    "Input/output error");
	end(&s);
}

/* -------- pty, file, none -------- */

static void pty_connects_both_ways_and_names_its_other_side(void **state)
{
	static struct scene s;
	char text[16] = "";
	int far;

	begin(&s);
	open_spec(&s, "pty");
	assert_memory_equal(s.console.pty_path, "/dev/pts/", 9);
	far = open(s.console.pty_path, O_RDWR | O_NOCTTY);
	assert_true(far >= 0);
	assert_int_equal(write(far, "\x01x\r", 3), 3);
	run_until(&s, 3);
	assert_got(&s, "\x01x\r"); /* no escapes: screen has its own */
	print(&s, "login: \n");
	run_loop(&s.vm, 3 * CONSOLE_OUT_DELAY_MS);
	assert_int_equal(read(far, text, sizeof(text)), 8);
	assert_string_equal(text, "login: \n");
	close(far);
	end(&s);
}

static void pty_survives_that_nobody_has_it_open(void **state)
{
	static struct scene s;
	int far;

	begin(&s);
	open_spec(&s, "pty");
	for (unsigned i = 0; i < 3; i++) {
		far = open(s.console.pty_path, O_RDWR | O_NOCTTY);
		assert_int_equal(write(far, "k", 1), 1);
		run_until(&s, i + 1);
		close(far);
		run_loop(&s.vm, 20); /* would not return on a hang-up */
		assert_int_equal(s.guest.n, i + 1);
	}
	assert_false(s.console.ended);
	end(&s);
}

static void file_is_created_and_truncated(void **state)
{
	static struct scene s;
	char text[16] = "";

	begin(&s);
	fake_file("/log", "old and long");
	fake_real("/tmp/no-such-folder");
	open_spec(&s, "file:/log");
	print(&s, "new");
	end(&s);
	assert_true(fake_file_read("/log", text, sizeof(text)) >= 3);
	assert_memory_equal(text, "new", 3);
}

static void file_that_cannot_be_created_is_named(void **state)
{
	static struct scene s;
	struct err e = ERR_NONE;

	begin(&s);
	fake_fail_call("create /log", 1, EACCES);
	assert_int_equal(console_open(&s.console, "file:/log", &s.vm.loop, &e),
			 -EACCES);
	assert_string_equal(e.text, "cannot write to /log: Permission denied");
	end(&s);
}

static void none_takes_output_and_loses_nothing(void **state)
{
	static struct scene s;

	begin(&s);
	open_spec(&s, "none");
	print(&s, "into the void");
	console_ready(&s.console);
	run_loop(&s.vm, 0);
	assert_int_equal(s.console.out.lost, 0);
	end(&s);
}

static void unknown_kinds_are_refused(void **state)
{
	static const char *const specs[] = { "",      "stdi",  "stdiox",
					     "file",  "file:", "pty:1",
					     "none ", "FILE:x" };
	struct err e;

	for (unsigned i = 0; i < ARRAY_LEN(specs); i++) {
		e = ERR_NONE;
		if (console_check(specs[i], &e) != -EINVAL)
			fail_msg("'%s' was accepted", specs[i]);
		assert_non_null(strstr(e.text, "is no console"));
		assert_string_equal(e.hint, "consoles are stdio, none, pty and "
					    "file:PATH");
	}
}

/* -------- every way to fail -------- */

static struct scene swept;
static const char *swept_spec;

static int sweep_open(void *arg, struct err *e)
{
	return console_open(arg, swept_spec, &swept.vm.loop, e);
}

static void sweep_close(void *arg)
{
	console_close(arg);
}

static void opening_survives_every_failure(void **state)
{
	struct termios before, after;

	begin(&swept);
	input_from_terminal(&swept);
	output_to_pipe(&swept);
	assert_int_equal(tcgetattr(0, &before), 0);
	swept_spec = "stdio";
	assert_true(fake_sweep(sweep_open, sweep_close, &swept.console, NULL) >=
		    8);
	assert_int_equal(tcgetattr(0, &after), 0);
	assert_int_equal(after.c_lflag, before.c_lflag);
	swept_spec = "pty";
	fake_sweep(sweep_open, sweep_close, &swept.console, NULL);
	swept_spec = "file:/log";
	fake_sweep(sweep_open, sweep_close, &swept.console, NULL);
	end(&swept);
}

static void closing_a_zeroed_console_touches_nothing(void **state)
{
	static struct console zeroed;

	fake_trace_clear();
	console_close(&zeroed);
	assert_string_equal(fake_trace(), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(typed_bytes_reach_the_guest),
		FAKE_TEST(ctrl_a_x_quits),
		FAKE_TEST(ctrl_a_x_without_a_board_is_swallowed),
		FAKE_TEST(ctrl_a_a_sends_ctrl_a),
		FAKE_TEST(ctrl_a_and_another_key_are_both_sent),
		FAKE_TEST(nothing_is_read_before_somebody_wants_it),
		FAKE_TEST(what_the_guest_has_no_room_for_comes_later_in_order),
		FAKE_TEST(a_closed_pipe_ends_input_and_nothing_else),
		FAKE_TEST(a_closed_pipe_is_no_busy_loop_while_bytes_are_held),
		FAKE_TEST(a_file_as_input_is_read_as_the_guest_takes_it),
		FAKE_TEST(dev_null_as_input_is_no_error),
		FAKE_TEST(input_that_cannot_be_watched_is_given_up),
		FAKE_TEST(a_read_error_ends_input),
		FAKE_TEST(bytes_come_out_together_a_moment_later),
		FAKE_TEST(closing_writes_what_is_left),
		FAKE_TEST(the_shell_s_standard_output_stays_blocking),
		FAKE_TEST(a_socket_as_output_is_made_nonblocking_for_a_while),
		FAKE_TEST(a_file_as_output_is_appended_to_where_it_stands),
		FAKE_TEST(a_reader_that_stops_costs_a_second_once),
		FAKE_TEST(a_slow_reader_loses_nothing),
		FAKE_TEST(a_reader_that_is_gone_does_not_stop_the_guest),
		FAKE_TEST(closing_does_not_wait_for_a_dead_reader_for_good),
		FAKE_TEST(without_a_timer_output_is_slower_not_lost),
		FAKE_TEST(terminal_is_raw_while_open_and_restored_after),
		FAKE_TEST(ctrl_a_x_works_with_a_guest_that_does_not_read),
		FAKE_TEST(settings_that_cannot_be_read_are_an_error),
		FAKE_TEST(pty_connects_both_ways_and_names_its_other_side),
		FAKE_TEST(pty_survives_that_nobody_has_it_open),
		FAKE_TEST(file_is_created_and_truncated),
		FAKE_TEST(file_that_cannot_be_created_is_named),
		FAKE_TEST(none_takes_output_and_loses_nothing),
		FAKE_TEST(unknown_kinds_are_refused),
		FAKE_TEST(opening_survives_every_failure),
		FAKE_TEST(closing_a_zeroed_console_touches_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

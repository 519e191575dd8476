/* devices/console.c - see console.h */
#include "devices/console.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "devices/trace.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"

enum { CTRL_A = 1 };

/* A description of our own for what standard output is: O_NONBLOCK belongs to
 * the description, which we share with the shell that started us. */
#define STDOUT_AGAIN "/proc/self/fd/1"

/* -------- input, on the main thread -------- */

static void hold(struct console *c, uint8_t key)
{
	if (c->n_held == CONSOLE_HELD)
		return; /* a terminal, and a guest that does not read */
	if (c->held_at + c->n_held == CONSOLE_HELD) {
		memmove(c->held, c->held + c->held_at, c->n_held);
		c->held_at = 0;
	}
	c->held[c->held_at + c->n_held++] = key;
}

static void handle_key(struct console *c, uint8_t key)
{
	if (c->escapes && !c->escape && key == CTRL_A) {
		c->escape = true;
		return;
	}
	if (!c->escape) {
		hold(c, key);
		return;
	}
	c->escape = false;
	if (key == 'x') {
		if (c->quit)
			c->quit(c);
		return;
	}
	hold(c, CTRL_A);
	if (key != 'a' && key != CTRL_A)
		hold(c, key);
}

static void read_some(struct console *c)
{
	uint8_t buf[1024];
	ssize_t n = sys_read(c->in, buf, sizeof(buf));

	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		c->ended = true;
		trace_console_end((int)n);
		return;
	}
	for (ssize_t i = 0; i < n; i++)
		handle_key(c, buf[i]);
	trace_console_input((size_t)n, c->n_held);
}

/* True if nothing is held any more. */
static bool offer(struct console *c)
{
	size_t taken;

	if (!c->user)
		return false;
	if (c->n_held == 0)
		return true;
	taken = c->user->take(c->user, c->held + c->held_at, c->n_held);
	c->held_at += taken;
	c->n_held -= taken;
	return c->n_held == 0;
}

/* Stop watching when we do not want to read: EPOLLHUP cannot be masked. */
static void watch(struct console *c, bool on)
{
	struct err e = ERR_NONE;
	int rc;

	if (!on || c->ended) {
		loop_remove(c->loop, &c->watch);
		return;
	}
	if (c->watch.listed || c->unwatchable)
		return;
	rc = loop_add(c->loop, &c->watch, EPOLLIN, &e);
	if (rc == -EPERM) {
		/* A regular file or /dev/null: always readable, never
		 * blocks. */
		c->unwatchable = true;
	} else if (rc < 0) {
		log_warn("console: no input: %s", e.text);
		c->ended = true;
	}
}

/* After something changed: move on what can be moved. */
static void settle(struct console *c)
{
	bool all = offer(c);

	watch(c, all || c->terminal);
	while (all && c->unwatchable && !c->ended) {
		read_some(c);
		all = offer(c);
	}
}

static void input_came(struct loop_fd *f, uint32_t events)
{
	struct console *c = container_of(f, struct console, watch);

	/* Also at the end of a pipe, which is EPOLLHUP without EPOLLIN. */
	read_some(c);
	settle(c);
}

static void woken(struct loop_fd *f, uint32_t events)
{
	struct console *c = container_of(f, struct console, wake);

	sys_eventfd_drain(f->fd);
	settle(c);
}

/* @fd becomes the input; nothing is read before somebody wants it. */
static int input_start(struct console *c, int fd, struct err *e)
{
	c->in = fd;
	c->watch = (struct loop_fd){ .handler = input_came, .fd = fd };
	c->wake_fd = sys_eventfd();
	if (c->wake_fd < 0)
		return err_sys(e, c->wake_fd, "cannot make an eventfd");
	c->wake = (struct loop_fd){ .handler = woken, .fd = c->wake_fd };
	return loop_add(c->loop, &c->wake, EPOLLIN, e);
}

void console_connect(struct console *c, struct console_user *u)
{
	c->user = u;
	console_ready(c);
}

void console_ready(struct console *c)
{
	if (c->wake_fd >= 0)
		sys_eventfd_signal(c->wake_fd);
}

/* -------- output -------- */

void console_write(struct console *c, const uint8_t *buf, size_t n)
{
	console_out_write(&c->out, buf, n);
}

/* -------- the kinds of consoles -------- */

static int open_none(struct console *c, const char *arg, struct err *e)
{
	return 0;
}

/* Standard output, so that writing to it does not block. */
static int open_stdout(struct console *c, struct err *e)
{
	struct stat st;
	int rc;

	rc = sys_fstat(STDOUT_FILENO, &st);
	if (rc < 0)
		return err_sys(e, rc, "standard output");
	/* Another description would have an offset of its own, and writing to
	 * a regular file does not wait for anyone. */
	if (S_ISREG(st.st_mode))
		return STDOUT_FILENO;
	c->out_fd = sys_open(STDOUT_AGAIN, O_WRONLY | O_NONBLOCK | O_NOCTTY);
	if (c->out_fd >= 0)
		return c->out_fd;
	/* A socket, or the terminal of another user (su). */
	rc = sys_set_nonblock(STDOUT_FILENO, true);
	if (rc < 0)
		return err_sys(e, rc, "standard output");
	c->nonblock = true;
	return STDOUT_FILENO;
}

static int make_raw(struct console *c, struct err *e)
{
	struct termios t;
	int rc;

	rc = sys_tty_get(c->in, &c->saved);
	if (rc < 0)
		return err_sys(e, rc, "cannot read the terminal's settings");
	t = c->saved;
	cfmakeraw(&t);
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	c->raw = true;
	rc = sys_tty_set(c->in, &t);
	if (rc < 0)
		return err_sys(e, rc, "cannot change the terminal's settings");
	return 0;
}

static int open_stdio(struct console *c, const char *arg, struct err *e)
{
	int fd, rc;

	fd = open_stdout(c, e);
	if (fd < 0)
		return fd;
	rc = console_out_start(&c->out, fd, c->loop, e);
	if (rc < 0)
		return rc;
	rc = input_start(c, STDIN_FILENO, e);
	if (rc < 0)
		return rc;
	c->escapes = true;
	c->terminal = sys_isatty(STDIN_FILENO);
	return c->terminal ? make_raw(c, e) : 0;
}

static int open_file(struct console *c, const char *path, struct err *e)
{
	/* O_NONBLOCK: a FIFO without a reader is an error, not a hang. */
	c->out_fd =
		sys_create(path, O_WRONLY | O_TRUNC | O_NONBLOCK | O_NOCTTY);
	if (c->out_fd < 0)
		return err_sys(e, c->out_fd, "cannot write to %s", path);
	return console_out_start(&c->out, c->out_fd, c->loop, e);
}

static int open_pty(struct console *c, const char *arg, struct err *e)
{
	int rc;

	c->in_fd = sys_pty(c->pty_path, sizeof(c->pty_path));
	if (c->in_fd < 0)
		return err_sys(e, c->in_fd, "cannot make a pseudo terminal");
	/* Open all the time: our side would report a hang-up without end
	 * whenever nobody has the other side open. */
	c->spare_fd = sys_open(c->pty_path, O_RDWR | O_NOCTTY);
	if (c->spare_fd < 0)
		return err_sys(e, c->spare_fd, "cannot open %s", c->pty_path);
	rc = console_out_start(&c->out, c->in_fd, c->loop, e);
	if (rc < 0)
		return rc;
	rc = input_start(c, c->in_fd, e);
	if (rc < 0)
		return rc;
	log_info("console: %s", c->pty_path);
	return 0;
}

static const struct kind {
	const char *name; /* one that ends in a colon takes an argument */
	int (*open)(struct console *c, const char *arg, struct err *e);
} kinds[] = {
	{ "stdio", open_stdio },
	{ "none", open_none },
	{ "pty", open_pty },
	{ "file:", open_file },
};

static int parse_spec(const char *spec, const struct kind **out,
		      const char **out_arg, struct err *e)
{
	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t n = strlen(kinds[i].name);
		bool takes = kinds[i].name[n - 1] == ':';

		if (strncmp(spec, kinds[i].name, n) == 0 &&
		    (spec[n] != '\0') == takes) {
			*out = &kinds[i];
			*out_arg = spec + n;
			return 0;
		}
	}
	(void)err_set(e, -EINVAL, "'%s' is no console", spec);
	err_hint(e, "consoles are stdio, none, pty and file:PATH");
	return -EINVAL;
}

/* -------- opening and closing -------- */

int console_check(const char *spec, struct err *e)
{
	const struct kind *kind;
	const char *arg;

	return parse_spec(spec, &kind, &arg, e);
}

int console_open(struct console *c, const char *spec, struct loop *loop,
		 struct err *e)
{
	const struct kind *kind;
	const char *arg;
	int rc;

	*c = CONSOLE_EMPTY;
	rc = parse_spec(spec, &kind, &arg, e);
	if (rc < 0)
		return rc;
	c->loop = loop;
	rc = kind->open(c, arg, e);
	if (rc < 0)
		console_close(c);
	else
		trace_console_open(spec);
	return rc;
}

void console_close(struct console *c)
{
	if (!c->loop)
		return;
	console_out_stop(&c->out);
	if (c->raw)
		sys_tty_set(c->in, &c->saved);
	c->raw = false;
	if (c->nonblock)
		sys_set_nonblock(STDOUT_FILENO, false);
	c->nonblock = false;
	loop_remove(c->loop, &c->watch);
	loop_remove(c->loop, &c->wake);
	sys_close(&c->wake_fd);
	sys_close(&c->spare_fd);
	sys_close(&c->in_fd);
	sys_close(&c->out_fd);
	c->in = -1;
	if (c->out.lost != 0)
		log_warn("console: %" PRIu64 " bytes of output were lost",
			 c->out.lost);
	c->out.lost = 0;
	c->loop = NULL;
}

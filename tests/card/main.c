/* tests/card/main.c - minivmm-card: a PCI card in software, over vfio-user
 *
 *     minivmm-card [--control SOCKET] [--log LEVEL] FILE.card SOCKET...
 *     minivmm-card --config FILE.card FUNCTION
 *     minivmm-card --config-raw FILE.card FUNCTION
 *     minivmm-card --tell SOCKET WORD...
 *
 * One process serves all functions of a card, each in a thread, on a socket of
 * its own. docs/card.md has the language of descriptions.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/card/control.h"
#include "tests/card/socket.h"
#include "vmm/base/trace.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char usage[] =
	"usage: minivmm-card [--control SOCKET] [--log LEVEL] FILE.card "
	"SOCKET...\n"
	"       minivmm-card --config|--config-raw FILE.card FUNCTION\n"
	"       minivmm-card --tell SOCKET WORD...\n";

struct card {
	struct description description;
	struct function function[CARD_FUNCTIONS];
	struct server server[CARD_FUNCTIONS];
	struct control control;
	const char *control_path;
	char **path; /* of the functions' sockets */
	unsigned n;
};

static int fail(const struct err *e, int status)
{
	fprintf(stderr, "minivmm-card: %s\n", e->text);
	if (e->hint[0])
		fprintf(stderr, "  hint: %s\n", e->hint);
	return status;
}

static int wrong_usage(void)
{
	fputs(usage, stderr);
	return EXIT_USAGE;
}

/* -------- --config -------- */

/* The rows of lspci -xxxx. */
static void print_rows(const uint8_t *bytes)
{
	for (unsigned at = 0; at < CONFIG_BYTES; at += 16) {
		printf(at < 0x100 ? "%02x:" : "%03x:", at);
		for (unsigned i = 0; i < 16; i++)
			printf(" %02x", bytes[at + i]);
		printf("\n");
	}
}

static int print_config(bool raw, const char *file, const char *function)
{
	struct description d;
	struct err e = ERR_NONE;
	unsigned n = (unsigned)(function[0] - '0');

	if (description_open(&d, file, &e) < 0)
		return fail(&e, EXIT_USAGE);
	if (function[0] == '\0' || function[1] || n >= d.n) {
		description_close(&d);
		(void)err_set(&e, -ENOENT, "%s: no function %s", file,
			      function);
		return fail(&e, EXIT_USAGE);
	}
	if (raw)
		fwrite(d.function[n].image.bytes, 1, CONFIG_BYTES, stdout);
	else
		print_rows(d.function[n].image.bytes);
	description_close(&d);
	return fflush(stdout) == 0 ? 0 : EXIT_FAILED;
}

/* -------- --tell -------- */

static int send_words(int fd, char **word, struct err *e)
{
	char line[CONTROL_LINE] = "";
	size_t used = 0;

	for (; *word; word++) {
		int n = snprintf(line + used, sizeof(line) - used, "%s%s",
				 *word, word[1] ? " " : "\n");

		used += (size_t)n;
		if (used >= sizeof(line))
			return err_set(e, -E2BIG, "the command is too long");
	}
	if (send(fd, line, used, MSG_NOSIGNAL) != (ssize_t)used)
		return err_sys(e, -errno, "cannot send the command");
	return 0;
}

/* The answer, up to its newline. */
static int read_answer(int fd, char answer[CONTROL_ANSWER], struct err *e)
{
	size_t n = 0;

	while (n < CONTROL_ANSWER - 1) {
		ssize_t got = recv(fd, answer + n, CONTROL_ANSWER - 1 - n, 0);

		if (got <= 0)
			break;
		n += (size_t)got;
		if (answer[n - 1] == '\n')
			break;
	}
	answer[n] = '\0';
	return n ? 0 : err_set(e, -ECONNRESET, "no answer");
}

static int tell(const char *path, char **word)
{
	char answer[CONTROL_ANSWER];
	struct err e = ERR_NONE;
	int fd = -1, rc = socket_connect(path, &fd, &e);

	if (rc < 0)
		return fail(&e, EXIT_FAILED);
	rc = send_words(fd, word, &e);
	if (rc == 0)
		rc = read_answer(fd, answer, &e);
	close(fd);
	if (rc < 0)
		return fail(&e, EXIT_FAILED);
	fputs(answer, stdout);
	return strncmp(answer, "error", 5) == 0 ? EXIT_FAILED : 0;
}

/* -------- serving -------- */

/* A function has up to 2048 vectors, each with an eventfd. */
static void raise_limits(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &l);
	}
}

static int open_all(struct card *c, struct err *e)
{
	for (unsigned i = 0; c->path[i]; i++) {
		struct function *f = &c->function[i];
		int listener = -1, rc;

		rc = function_open(f, &c->description.function[i], i, e);
		if (rc == 0)
			rc = socket_listen(c->path[i], &listener, e);
		if (rc < 0)
			return rc;
		c->n++;
		rc = server_open(&c->server[i], f, listener, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int open_control(struct card *c, struct err *e)
{
	int rc;

	c->control.server = c->server;
	c->control.n = c->n;
	if (!c->control_path)
		return 0;
	rc = socket_listen(c->control_path, &c->control.listener, e);
	return rc < 0 ? rc : control_start(&c->control, e);
}

static int start_all(struct card *c, struct err *e)
{
	int rc = open_all(c, e);

	if (rc == 0)
		rc = open_control(c, e);
	for (unsigned i = 0; i < c->n && rc == 0; i++)
		rc = server_start(&c->server[i], e);
	return rc;
}

/* Those that are ours. */
static void remove_sockets(const struct card *c)
{
	for (unsigned i = 0; i < c->n; i++)
		(void)unlink(c->path[i]);
	if (c->control.listener >= 0)
		(void)unlink(c->control_path);
}

/* Until a signal says that it is enough. */
static int serve(struct card *c)
{
	struct err e = ERR_NONE;
	sigset_t ends;
	int sig, rc;

	/* before there are threads: all of them leave these to sigwait() */
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
	/* a descriptor of a client's may be a pipe */
	(void)signal(SIGPIPE, SIG_IGN);
	raise_limits();
	rc = start_all(c, &e);
	if (rc == 0)
		sigwait(&ends, &sig);
	remove_sockets(c);
	return rc < 0 ? fail(&e, EXIT_FAILED) : 0;
}

static int check_paths(const struct card *c, const char *file, struct err *e)
{
	unsigned n = 0;

	while (c->path[n])
		n++;
	if (n <= c->description.n)
		return 0;
	return err_set(e, -EINVAL, "%s: %u sockets for %u functions", file, n,
		       c->description.n);
}

/* Does not return: threads use the card until the process ends. */
static _Noreturn void serve_file(const char *file, char **path,
				 const char *control)
{
	struct card *c = calloc(1, sizeof(*c));
	struct err e = ERR_NONE;

	if (!c) {
		(void)err_set(&e, -ENOMEM, "out of memory");
		exit(fail(&e, EXIT_FAILED));
	}
	c->path = path;
	c->control_path = control;
	c->control.listener = -1;
	if (description_open(&c->description, file, &e) < 0 ||
	    check_paths(c, file, &e) < 0)
		exit(fail(&e, EXIT_USAGE));
	exit(serve(c));
}

static int card_main(char **arg)
{
	const char *control = NULL;
	struct err e = ERR_NONE;

	for (; *arg && arg[1] && strncmp(*arg, "--", 2) == 0; arg += 2) {
		if (strcmp(*arg, "--control") == 0)
			control = arg[1];
		else if (strcmp(*arg, "--log") != 0)
			return wrong_usage();
		else if (log_set_level(arg[1], &e) < 0)
			return fail(&e, EXIT_USAGE);
	}
	if (!*arg || **arg == '-' || !arg[1])
		return wrong_usage();
	serve_file(*arg, arg + 1, control);
}

int main(int argc, char **argv)
{
	const char *first = argc > 1 ? argv[1] : "";

	if (strcmp(first, "--help") == 0) {
		fputs(usage, stdout);
		return 0;
	}
	if (strcmp(first, "--version") == 0) {
		printf("minivmm-card %s\n", MINIVMM_VERSION);
		return 0;
	}
	if (strcmp(first, "--tell") == 0)
		return argc > 3 ? tell(argv[2], argv + 3) : wrong_usage();
	if (strcmp(first, "--config") == 0 ||
	    strcmp(first, "--config-raw") == 0)
		return argc == 4
			       ? print_config(first[8] == '-', argv[2], argv[3])
			       : wrong_usage();
	return card_main(argv + 1);
}

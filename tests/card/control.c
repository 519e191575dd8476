/* tests/card/control.c - faults and facts on demand, by a socket */
#include "tests/card/control.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "vmm/base/trace.h"

enum { WORDS = 8, DIGITS = 9, PATIENCE_S = 10 };

/* -------- commands of one function; with its lock -------- */

static const char *show_ones(struct function *f, uint32_t v)
{
	f->faults.all_ones = v;
	return NULL;
}

static const char *loop(struct function *f, uint32_t v)
{
	config_set_loops(&f->config, v);
	return NULL;
}

static const char *irq_lose(struct function *f, uint32_t v)
{
	f->irqs.lose = v;
	return NULL;
}

static const char *irq_double(struct function *f, uint32_t v)
{
	f->irqs.twice = v;
	return NULL;
}

static const char *irq_fire(struct function *f, uint32_t v)
{
	uint32_t unsent = f->irqs.unsent;

	irqs_send(&f->irqs, v);
	return f->irqs.unsent == unsent ? NULL : "nobody wants that vector";
}

static const char *reset_delay(struct function *f, uint32_t v)
{
	f->faults.reset_ms = v;
	return NULL;
}

static const char *dma_bad(struct function *f, uint32_t v)
{
	f->faults.dma_bad = v;
	return NULL;
}

static const char *dma_stall(struct function *f, uint32_t v)
{
	f->faults.stall_ms = v;
	return NULL;
}

static const char *request(struct function *f, uint32_t v)
{
	return irqs_tell(&f->irqs, VFIO_PCI_REQ_IRQ_INDEX)
		       ? NULL
		       : "nobody listens for requests";
}

static const char *error(struct function *f, uint32_t v)
{
	return irqs_tell(&f->irqs, VFIO_PCI_ERR_IRQ_INDEX)
		       ? NULL
		       : "nobody listens for errors";
}

static const char *hang(struct function *f, uint32_t v)
{
	f->faults.hang = v;
	return NULL;
}

enum argument { NOTHING, SWITCH, NUMBER };

/* @run returns what is wrong, or NULL. */
static const struct command {
	const char *word, *second; /* second: NULL if there is none */
	enum argument takes;
	const char *(*run)(struct function *f, uint32_t v);
} commands[] = {
	{ "all-ones", NULL, SWITCH, show_ones },
	{ "loop", NULL, SWITCH, loop },
	{ "irq", "lose", NUMBER, irq_lose },
	{ "irq", "double", NUMBER, irq_double },
	{ "irq", "fire", NUMBER, irq_fire },
	{ "reset-delay", NULL, NUMBER, reset_delay },
	{ "dma-bad", NULL, SWITCH, dma_bad },
	{ "dma-stall", NULL, NUMBER, dma_stall },
	{ "request", NULL, NOTHING, request },
	{ "error", NULL, NOTHING, error },
	{ "hang", NULL, SWITCH, hang },
};

/* -------- words -------- */

/* At most WORDS; the rest of the array is empty strings. */
static unsigned split(char *line, const char *word[WORDS])
{
	unsigned n = 0;

	for (unsigned i = 0; i < WORDS; i++)
		word[i] = "";
	for (char *w = strtok_r(line, " \t\r", &line); w && n < WORDS;
	     w = strtok_r(NULL, " \t\r", &line))
		word[n++] = w;
	return n;
}

static bool number_of(const char *word, uint32_t *out)
{
	size_t n = strspn(word, "0123456789");

	if (n == 0 || n > DIGITS || word[n])
		return false;
	*out = (uint32_t)strtoul(word, NULL, 10);
	return true;
}

/* The argument in @word, which may be left out of a switch. */
static bool argument_of(enum argument takes, const char *word, uint32_t *out)
{
	*out = 1;
	if (takes == NUMBER)
		return number_of(word, out);
	if (takes == NOTHING)
		return *word == '\0';
	*out = strcmp(word, "off") != 0;
	return *word == '\0' || strcmp(word, "on") == 0 || *out == 0;
}

static const struct command *command_of(const char *const *word)
{
	for (unsigned i = 0; i < ARRAY_LEN(commands); i++) {
		const struct command *c = &commands[i];

		if (strcmp(c->word, word[0]) == 0 &&
		    (!c->second || strcmp(c->second, word[1]) == 0))
			return c;
	}
	return NULL;
}

/* What is wrong, or NULL. @word: the words after "pfN". */
static const char *run(struct server *s, const char *const *word)
{
	const struct command *c = command_of(word);
	const char *wrong;
	uint32_t v;

	if (!c)
		return "no such command";
	word += c->second ? 2 : 1;
	if (!argument_of(c->takes, word[0], &v) || word[1][0])
		return c->takes == NUMBER   ? "it takes a number"
		       : c->takes == SWITCH ? "it takes on or off"
					    : "it takes nothing more";
	pthread_mutex_lock(&s->f->lock);
	wrong = c->run(s->f, v);
	pthread_mutex_unlock(&s->f->lock);
	server_wake(s);
	return wrong;
}

/* -------- facts -------- */

static int put_stats(struct function *f, char *to, size_t room)
{
	int n;

	pthread_mutex_lock(&f->lock);
	n = snprintf(to, room,
		     " function=%u maps=%" PRIu64 " unmaps=%" PRIu64
		     " live-maps=%u reads=%" PRIu64 " writes=%" PRIu64
		     " interrupts=%" PRIu64 " resets=%" PRIu64
		     " dma-bytes=%" PRIu64,
		     f->number, f->counts.maps, f->counts.unmaps, f->maps.n,
		     f->counts.reads, f->counts.writes, f->irqs.total,
		     f->counts.resets, f->engine.moved);
	pthread_mutex_unlock(&f->lock);
	return n;
}

static void stats(const struct control *c, char answer[CONTROL_ANSWER])
{
	size_t used = (size_t)snprintf(answer, CONTROL_ANSWER, "ok");

	for (unsigned i = 0; i < c->n; i++) {
		int n = put_stats(c->server[i].f, answer + used,
				  CONTROL_ANSWER - used);

		used += (size_t)n;
		if (used >= CONTROL_ANSWER)
			return;
	}
}

/* -------- lines -------- */

static struct server *server_of(const struct control *c, const char *word)
{
	uint32_t n;

	if (strncmp(word, "pf", 2) != 0 || !number_of(word + 2, &n) ||
	    n >= c->n)
		return NULL;
	return &c->server[n];
}

enum control_end control_line(const struct control *c, char *line,
			      char answer[CONTROL_ANSWER])
{
	const char *word[WORDS], *wrong = NULL;
	unsigned n = split(line, word);
	struct server *s = server_of(c, word[0]);

	if (n == 1 && strcmp(word[0], "stats") == 0) {
		stats(c, answer);
		return CONTROL_GOES_ON;
	}
	snprintf(answer, CONTROL_ANSWER, "ok");
	if (n == 1 && strcmp(word[0], "kill") == 0)
		return CONTROL_KILLS;
	wrong = s ? run(s, word + 1) : "no such command, or no such function";
	if (wrong)
		snprintf(answer, CONTROL_ANSWER, "error %s", wrong);
	return CONTROL_GOES_ON;
}

/* Reads up to a newline. False: there are no more lines. */
static bool read_line(int fd, char line[CONTROL_LINE])
{
	for (size_t n = 0; n < CONTROL_LINE; n++) {
		if (read(fd, line + n, 1) != 1)
			return false;
		if (line[n] == '\n') {
			line[n] = '\0';
			return true;
		}
	}
	return false;
}

static void talk(const struct control *c, int fd)
{
	char line[CONTROL_LINE], answer[CONTROL_ANSWER];

	while (read_line(fd, line)) {
		enum control_end end = control_line(c, line, answer);
		size_t n = strlen(answer);

		log_info("control: %s", answer);
		answer[n < CONTROL_ANSWER - 1 ? n : n - 1] = '\n';
		if (send(fd, answer, n + (n < CONTROL_ANSWER - 1),
			 MSG_NOSIGNAL) < 0)
			return;
		if (end == CONTROL_KILLS)
			_exit(1);
	}
}

static void *serve_control(void *arg)
{
	const struct control *c = arg;
	const struct timeval patience = { .tv_sec = PATIENCE_S };

	for (;;) {
		int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		/* nobody keeps others from asking */
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
				 sizeof(patience));
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
				 sizeof(patience));
		talk(c, fd);
		close(fd);
	}
	return NULL;
}

int control_start(struct control *c, struct err *e)
{
	pthread_t thread;
	int rc = pthread_create(&thread, NULL, serve_control, c);

	return rc ? err_sys(e, -rc, "no thread") : 0;
}

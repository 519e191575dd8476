/* tests/card/server.c - serves one function on one socket
 *
 * How it works
 *
 * One loop waits for whatever comes first: a message, the eventfds by which a
 * client unmasks INTx, a wake-up by the control socket. While the engine has
 * work the loop does not wait; it takes turns, one message, one piece.
 *
 * Where the engine needs memory that only messages reach, the loop's turn
 * becomes a loop of its own: it sends DMA_READ or DMA_WRITE, and until the
 * reply comes it answers commands, since the client may be waiting for one of
 * its own (commands cross). The lock is not held meanwhile, so the operation
 * may be reset away under the engine; the engine notices.
 */
#include "tests/card/server.h"

#include <linux/pci_regs.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/trace.h"

/* Where nothing is mapped: above what any IOMMU translates. */
#define BAD_ADDRESS (UINT64_C(1) << 58)

/* In one DMA message. A client may take more; but QEMU 11.1 never answers a
 * DMA_READ whose reply does not fit into its socket's buffer at once. */
enum { DMA_PIECE = 64 << 10 };

/* -------- messages -------- */

static void sleep_ms(uint32_t ms)
{
	struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

	if (ms)
		nanosleep(&t, NULL);
}

static int reply(struct server *s)
{
	const struct answer *a = &s->out;
	struct letter l = { .id = s->in.id,
			    .command = s->in.command,
			    .flags = USER_TYPE_REPLY,
			    .head = a->data,
			    .head_size = a->size,
			    .fd = a->fd };

	if (s->in.flags & USER_NO_REPLY)
		return 0;
	if (a->rc < 0) {
		l.flags |= USER_ERROR;
		l.error = (uint32_t)-a->rc;
	}
	return link_send(s->client, &l);
}

/* The command in s->in, to its end. */
static int command(struct server *s)
{
	pthread_mutex_lock(&s->f->lock);
	answer_command(s->f, &s->in, &s->out);
	pthread_mutex_unlock(&s->f->lock);
	if (s->out.rc < 0)
		log_debug("function %u: command %u of %u bytes: %s",
			  s->f->number, s->in.command, s->in.size,
			  strerror(-s->out.rc));
	/* what nobody took is closed when the client has its reply */
	link_drop(&s->in);
	sleep_ms(s->out.delay_ms);
	return reply(s);
}

/* The next message is in s->in: 0, and 1 if it is a reply. */
static int receive(struct server *s)
{
	int rc = link_receive(s->client, &s->in);

	if (rc < 0) {
		link_drop(&s->in);
		return rc;
	}
	switch (s->in.flags & USER_TYPE_MASK) {
	case USER_TYPE_COMMAND:
		return 0;
	case USER_TYPE_REPLY:
		return 1;
	default:
		link_drop(&s->in);
		return -EPROTO;
	}
}

/* Without waiting: who gave the descriptor may have read it already. */
static bool drain(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t n;

	return poll(&p, 1, 0) == 1 && p.revents & POLLIN &&
	       read(fd, &n, sizeof(n)) > 0;
}

/* -------- DMA by message -------- */

/* While the function hangs: until it does not, or the client is gone. */
static int hang(struct server *s)
{
	for (;;) {
		struct pollfd p[] = { { .fd = s->client },
				      { .fd = s->wake, .events = POLLIN } };
		bool hangs;

		pthread_mutex_lock(&s->f->lock);
		hangs = s->f->faults.hang;
		pthread_mutex_unlock(&s->f->lock);
		if (!hangs)
			return 0;
		if (poll(p, ARRAY_LEN(p), -1) > 0 && p[0].revents)
			return -ECONNRESET;
		(void)drain(s->wake);
	}
}

/* Wait for the reply to @l; commands that come first are answered. */
static int wait_reply(struct server *s, const struct letter *l)
{
	for (;;) {
		int rc = hang(s);

		if (rc == 0)
			rc = receive(s);
		if (rc == 1)
			break;
		if (rc == 0)
			rc = command(s);
		if (rc < 0)
			return rc;
	}
	link_drop(&s->in); /* nothing comes with these */
	if (s->in.id != l->id || s->in.command != l->command)
		return -EPROTO;
	return s->in.flags & USER_ERROR ? -EFAULT : 0;
}

static int dma_message(struct server *s, enum way way, uint64_t iova, void *buf,
		       uint32_t n)
{
	const struct user_dma_access q = { le64_of(iova), le64_of(n) };
	const struct letter l = {
		.id = s->next_id++,
		.command = way == BUS_READ ? USER_DMA_READ : USER_DMA_WRITE,
		.head = &q,
		.head_size = sizeof(q),
		.data = buf,
		.data_size = way == BUS_WRITE ? n : 0,
		.fd = -1,
	};
	uint32_t need = (uint32_t)sizeof(q) + (way == BUS_READ ? n : 0);
	int rc = link_send(s->client, &l);

	if (rc == 0)
		rc = wait_reply(s, &l);
	if (rc < 0)
		return rc;
	if (s->in.size != need || memcmp(s->in.payload, &q, sizeof(q)) != 0)
		return -EPROTO;
	if (way == BUS_READ)
		memcpy(buf, s->in.payload + sizeof(q), n);
	return 0;
}

/* Everything but -EFAULT means that there is no client any more. */
static int by_message(struct server *s, enum way way, uint64_t iova, void *buf,
		      uint32_t n)
{
	int rc;

	pthread_mutex_unlock(&s->f->lock);
	rc = dma_message(s, way, iova, buf, n);
	pthread_mutex_lock(&s->f->lock);
	if (rc < 0 && rc != -EFAULT)
		shutdown(s->client, SHUT_RDWR);
	return rc;
}

static uint32_t least(uint32_t a, uint64_t b)
{
	return b < a ? (uint32_t)b : a;
}

/* The engine's way to the bus. Each span is looked up when it is needed: while
 * a message was under way the client may have changed its maps. */
static int bus_move(struct bus *b, enum way way, uint64_t iova, void *buf,
		    uint32_t n)
{
	struct server *s = container_of(b, struct server, bus);
	const struct function *f = s->f;
	uint64_t run = f->engine.run;
	uint8_t *at = buf;

	while (n && run == f->engine.run) {
		struct span span = { .n = n };
		int rc = 0;

		if (f->faults.dma_bad)
			iova |= BAD_ADDRESS;
		else
			rc = maps_find(&f->maps, iova, way, &span);
		if (rc < 0)
			return rc;
		span.n = least(n, span.n);
		if (!span.bytes)
			span.n = least(least(f->max_data, DMA_PIECE), span.n);
		rc = span.bytes
			     ? maps_copy(&span, way, at, span.n)
			     : by_message(s, way, iova, at, (uint32_t)span.n);
		if (rc < 0)
			return rc;
		iova += span.n;
		at += span.n;
		n -= (uint32_t)span.n;
	}
	return 0;
}

/* -------- the loop -------- */

enum { CLIENT, WAKE, MASK, UNMASK, SOURCES };

/* What to wait for, and how long: -1 for ever. */
static int prepare(struct server *s, struct pollfd p[SOURCES])
{
	struct function *f = s->f;
	uint64_t now = function_now();
	int wait = -1;

	pthread_mutex_lock(&f->lock);
	p[CLIENT] = (struct pollfd){ .fd = s->client,
				     .events = f->faults.hang ? 0 : POLLIN };
	p[WAKE] = (struct pollfd){ .fd = s->wake, .events = POLLIN };
	p[MASK] = (struct pollfd){ .fd = f->irqs.mask_fd, .events = POLLIN };
	p[UNMASK] =
		(struct pollfd){ .fd = f->irqs.unmask_fd, .events = POLLIN };
	if (engine_busy(&f->engine) && !f->faults.hang)
		wait = f->due > now ? (int)(f->due - now) : 0;
	pthread_mutex_unlock(&f->lock);
	return wait;
}

/* One that never ends being readable, or is broken, is not listened to. */
static void look_at(struct server *s, const struct pollfd *p, int *fd,
		    void (*act)(struct irqs *q))
{
	if (p->fd < 0 || p->revents == 0)
		return;
	pthread_mutex_lock(&s->f->lock);
	if (*fd == p->fd && drain(p->fd)) {
		act(&s->f->irqs);
	} else if (*fd == p->fd) {
		close(*fd);
		*fd = -1;
	}
	pthread_mutex_unlock(&s->f->lock);
}

static void step(struct server *s)
{
	struct function *f = s->f;

	pthread_mutex_lock(&f->lock);
	if (engine_busy(&f->engine) && function_now() >= f->due &&
	    !f->faults.hang)
		engine_step(&f->engine, &f->irqs, &s->bus,
			    config_command(&f->config) & PCI_COMMAND_MASTER);
	pthread_mutex_unlock(&f->lock);
}

/* One turn; negative: the client is gone. */
static int turn(struct server *s)
{
	struct pollfd p[SOURCES];
	int wait = prepare(s, p), rc = 0;

	if (poll(p, SOURCES, wait) < 0)
		return errno == EINTR ? 0 : -errno;
	if (p[WAKE].revents)
		(void)drain(s->wake);
	look_at(s, &p[MASK], &s->f->irqs.mask_fd, irqs_intx_masked);
	look_at(s, &p[UNMASK], &s->f->irqs.unmask_fd, irqs_intx_unmasked);
	if (p[CLIENT].revents & POLLIN)
		rc = receive(s);
	else if (p[CLIENT].revents)
		return -ECONNRESET;
	if (rc == 1) {
		link_drop(&s->in);
		return -EPROTO; /* a reply that nobody waits for */
	}
	if (rc == 0 && p[CLIENT].revents & POLLIN)
		rc = command(s);
	if (rc < 0)
		return rc;
	step(s);
	return 0;
}

void server_serve(struct server *s, int client)
{
	int rc;

	s->client = client;
	log_info("function %u: a client comes", s->f->number);
	do
		rc = turn(s);
	while (rc >= 0);
	if (rc == -EPROTO)
		log_warn("function %u: the client breaks the protocol",
			 s->f->number);
	pthread_mutex_lock(&s->f->lock);
	function_left(s->f);
	pthread_mutex_unlock(&s->f->lock);
	close(s->client);
	s->client = -1;
	log_info("function %u: the client is gone", s->f->number);
}

/* -------- life -------- */

static void *serve_all(void *arg)
{
	struct server *s = arg;

	for (;;) {
		int client = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);

		if (client >= 0)
			server_serve(s, client);
		else if (errno != EINTR && errno != ECONNABORTED)
			sleep_ms(100); /* out of descriptors, perhaps */
	}
	return NULL;
}

int server_open(struct server *s, struct function *f, int listener,
		struct err *e)
{
	*s = (struct server){
		.f = f, .listener = listener, .client = -1, .bus.move = bus_move
	};
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->in.payload = malloc(LINK_PAYLOAD);
	s->out.data = malloc(LINK_PAYLOAD);
	if (s->wake >= 0 && s->in.payload && s->out.data)
		return 0;
	server_close(s);
	return err_set(e, -ENOMEM, "out of memory or descriptors");
}

void server_close(struct server *s)
{
	free(s->out.data);
	free(s->in.payload);
	if (s->wake >= 0)
		close(s->wake);
	if (s->listener >= 0)
		close(s->listener);
	s->listener = s->wake = -1;
	s->in.payload = s->out.data = NULL;
}

int server_start(struct server *s, struct err *e)
{
	pthread_t thread;
	int rc = pthread_create(&thread, NULL, serve_all, s);

	return rc ? err_sys(e, -rc, "no thread") : 0;
}

void server_wake(struct server *s)
{
	const uint64_t one = 1;

	(void)!write(s->wake, &one, sizeof(one));
}

/* vfio/user_link.c - one connection to a vfio-user server, see user_link.h
 *
 * Waiting is done in slices, so that the end of the VM is noticed: a server
 * that hangs does not hold it up. A vCPU's thread is woken from a slice by the
 * signal that stops it, too.
 */
#include "vfio/user_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vfio/trace.h"
#include "vfio/user_dma.h"
#include "vmm/base/sys.h"

enum {
	SLICE_MS = 100,
	LAST_MS = 2000,	  /* patience once the VM ends, with all servers */
	LEAST_MS = 200,	  /* with each, however late it is asked */
	IDLE_ROUNDS = 16, /* messages before other handlers have their turn */
	MS = 1000000,	  /* nanoseconds */
};

static const uint64_t SECOND = 1000000000;

const char *user_command_name(unsigned command)
{
	static const char *const names[] = {
		[USER_VERSION] = "version",
		[USER_DMA_MAP] = "DMA map",
		[USER_DMA_UNMAP] = "DMA unmap",
		[USER_DEVICE_GET_INFO] = "device info",
		[USER_DEVICE_GET_REGION_INFO] = "region info",
		[USER_DEVICE_GET_IRQ_INFO] = "interrupt info",
		[USER_DEVICE_SET_IRQS] = "set interrupts",
		[USER_REGION_READ] = "region read",
		[USER_REGION_WRITE] = "region write",
		[USER_DMA_READ] = "DMA read",
		[USER_DMA_WRITE] = "DMA write",
		[USER_DEVICE_RESET] = "reset",
	};

	return command < ARRAY_LEN(names) && names[command] ? names[command]
							    : "unknown";
}

/* -------- who uses it -------- */

static void hold(struct user_link *l)
{
	pthread_mutex_lock(&l->lock);
	l->waiting++;
	while (l->busy)
		pthread_cond_wait(&l->freed, &l->lock);
	l->waiting--;
	l->busy = true;
	/* what comes now is for us, the loop need not wake up */
	if (l->watch.listed)
		(void)loop_change(l->loop, &l->watch, EPOLLONESHOT);
	pthread_mutex_unlock(&l->lock);
}

/* @f (may be NULL) is armed when it is free again, whoever held it. Who waits
 * comes first: the loop is back before another thread has woken up, and a
 * server that always has something to say would keep that one out for ever. */
static bool try_hold(struct user_link *l, struct loop_fd *f)
{
	bool mine;

	pthread_mutex_lock(&l->lock);
	mine = !l->busy && l->waiting == 0;
	l->busy = l->busy || mine;
	if (f)
		l->rearm = f;
	pthread_mutex_unlock(&l->lock);
	return mine;
}

static void let_go(struct user_link *l)
{
	uint32_t events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT;

	if (l->socket.left != 0)
		events = EPOLLOUT | EPOLLRDHUP | EPOLLONESHOT;
	pthread_mutex_lock(&l->lock);
	l->busy = false;
	if (l->watch.listed)
		(void)loop_change(l->loop, &l->watch, events);
	if (l->rearm && l->rearm->listed)
		(void)loop_change(l->loop, l->rearm, EPOLLIN | EPOLLONESHOT);
	l->rearm = NULL;
	pthread_cond_signal(&l->freed);
	pthread_mutex_unlock(&l->lock);
}

/* Both ends see the end: the loop wakes up and tells the owner. */
static int die(struct user_link *l, int rc, const struct err *e)
{
	l->dead = true;
	l->why = *e;
	sys_shutdown(l->socket.fd);
	return rc;
}

/* -------- messages -------- */

/* A complete message that is no reply. */
static int serve(struct user_link *l, struct err *e)
{
	int rc = user_dma_serve(&l->socket, l->maps, e);

	user_socket_done(&l->socket);
	return rc;
}

static bool is_reply(const struct user_link *l)
{
	return (user_socket_head(&l->socket).flags & USER_TYPE_MASK) ==
	       USER_TYPE_REPLY;
}

static int refused(const struct user_request *r, uint32_t error, struct err *e)
{
	/* an errno is optional, and may be anything */
	int rc = error >= 1 && error <= 4095 ? -(int)error : -EIO;

	return err_sys(e, rc, "the server refuses: %s",
		       user_command_name(r->command));
}

/* What the complete message, a reply, brings. A positive value never is an
 * end: *out is the call's result then. */
static int take_reply(struct user_link *l, const struct user_request *r,
		      int *out, struct err *e)
{
	struct user_head h = user_socket_head(&l->socket);
	size_t size, n;
	const uint8_t *payload = user_socket_payload(&l->socket, &size);

	if (h.id != l->id || h.command != (uint16_t)r->command)
		return err_set(e, -EPROTO, "the server breaks the protocol: %s",
			       "a reply to what nobody asked");
	if (h.flags & USER_ERROR) {
		*out = refused(r, h.error, e);
		return 1;
	}
	if (size < r->reply_least)
		return err_set(e, -EPROTO,
			       "the server breaks the protocol: the reply to "
			       "%s has %zu of %zu bytes",
			       user_command_name(r->command), size,
			       r->reply_least);
	n = size < r->reply_room ? size : r->reply_room;
	if (n != 0)
		memcpy(r->reply, payload, n);
	if (r->reply_fd)
		*r->reply_fd = user_socket_take_fd(&l->socket);
	*out = (int)size;
	return 1;
}

/* -------- a request -------- */

static void post(struct user_link *l, const struct user_request *r)
{
	struct user_head h = { .id = ++l->id,
			       .command = (uint16_t)r->command,
			       .flags = USER_TYPE_COMMAND };
	uint8_t *room = user_socket_room(&l->socket);

	assert(r->head_size + r->data_size <= USER_MAX_DATA + 16);
	if (r->head_size != 0)
		memcpy(room, r->head, r->head_size);
	if (r->data_size != 0)
		memcpy(room + r->head_size, r->data, r->data_size);
	trace_user_call(l->name, user_command_name(r->command), l->id,
			r->head_size + r->data_size, r->n_fds);
	user_socket_post(&l->socket, &h, r->head_size + r->data_size, r->fds,
			 r->n_fds);
}

/* When every call has to be over. One limit for all that is said after the VM's
 * end: tidying up takes some ten requests, and there may be thirty servers. */
static uint64_t last_moment(struct user_link *l, uint64_t now)
{
	uint64_t stopped = loop_stopped_at(l->loop);
	uint64_t least = now + (uint64_t)LEAST_MS * MS;

	if (stopped == 0)
		return UINT64_MAX;
	if (l->last_ns == 0) {
		l->last_ns = stopped + (uint64_t)LAST_MS * MS;
		if (l->last_ns < least)
			l->last_ns = least;
	}
	return l->last_ns;
}

/* Wait for @events (0: for nothing), or a part of what is left until *end. */
static int wait_slice(struct user_link *l, const struct user_request *r,
		      uint32_t events, uint64_t *end, struct err *e)
{
	uint64_t now = sys_now_ns();
	uint64_t last = last_moment(l, now);
	uint64_t ms;
	int rc;

	if (*end > last)
		*end = last;
	if (now >= *end)
		return err_set(e, -ETIMEDOUT,
			       "the server did not answer in time: %s",
			       user_command_name(r->command));
	if (events == 0)
		return 0;
	ms = (*end - now) / MS + 1;
	rc = sys_poll(l->socket.fd, events, ms < SLICE_MS ? (int)ms : SLICE_MS);
	return rc < 0 ? err_sys(e, rc, "the connection to the server broke")
		      : 0;
}

/* One step: 1, the reply was taken; 0, look again, after waiting for *events
 * if that is not 0. */
static int step(struct user_link *l, const struct user_request *r, bool *posted,
		int *out, uint32_t *events, struct err *e)
{
	int flushed = user_socket_flush(&l->socket, e);
	int rc;

	*events = 0;
	if (flushed < 0)
		return flushed;
	if (flushed && !*posted) {
		post(l, r);
		*posted = true;
		return 0;
	}
	/* The server may be stuck in sending: receive even then. But there is
	 * room for one answer only. */
	rc = user_socket_receive(&l->socket, e);
	if (rc < 0)
		return rc;
	*events = (rc ? 0 : EPOLLIN) | (flushed ? 0 : EPOLLOUT);
	if (!rc || !flushed)
		return 0;
	if (!is_reply(l))
		return serve(l, e);
	rc = take_reply(l, r, out, e);
	user_socket_done(&l->socket);
	return rc;
}

/* Returns the call's result. */
static int converse(struct user_link *l, const struct user_request *r,
		    struct err *e)
{
	unsigned s = r->timeout_s ? r->timeout_s : USER_TIMEOUT_S;
	uint64_t end = sys_now_ns() + s * SECOND;
	bool posted = false;
	uint32_t events;
	int out = 0, rc;

	if (r->reply_fd)
		*r->reply_fd = -1;
	if (l->dead) {
		*e = l->why;
		return l->why.code;
	}
	do {
		rc = step(l, r, &posted, &out, &events, e);
		/* also between two steps that need not wait: a server that
		 * keeps us busy does not answer either */
		if (rc == 0)
			rc = wait_slice(l, r, events, &end, e);
	} while (rc == 0);
	trace_user_reply(l->name, l->id, rc < 0 ? rc : out);
	return rc < 0 ? die(l, rc, e) : out;
}

int user_link_call(struct user_link *l, const struct user_request *r,
		   struct err *e)
{
	struct err scratch = ERR_NONE;
	int rc;

	hold(l);
	rc = converse(l, r, e ? e : &scratch);
	let_go(l);
	return rc;
}

bool user_link_is_dead(struct user_link *l)
{
	bool dead;

	hold(l);
	dead = l->dead;
	let_go(l);
	return dead;
}

int user_link_pass_on(struct user_link *l, const struct user_request *r,
		      struct loop_fd *f, struct err *e)
{
	int rc = 0;

	if (!try_hold(l, f))
		return 0;
	/* before the message: what is signalled from now on counts anew */
	if (sys_eventfd_drain(f->fd) != 0)
		rc = converse(l, r, e);
	let_go(l);
	return rc;
}

int user_link_watch(struct user_link *l, struct loop_fd *f,
		    loop_handler *handler, int fd, struct err *e)
{
	int rc = 0;

	pthread_mutex_lock(&l->lock);
	if (!f->listed) {
		*f = (struct loop_fd){ .handler = handler, .fd = fd };
		rc = loop_add(l->loop, f, EPOLLIN | EPOLLONESHOT, e);
	}
	pthread_mutex_unlock(&l->lock);
	return rc;
}

void user_link_unwatch(struct user_link *l, struct loop_fd *f)
{
	pthread_mutex_lock(&l->lock);
	if (l->rearm == f)
		l->rearm = NULL;
	if (f->listed)
		loop_remove(l->loop, f);
	pthread_mutex_unlock(&l->lock);
}

/* -------- nobody asks: the loop's handler -------- */

/* One message, without waiting. 1: there may be more. */
static int idle_step(struct user_link *l, struct err *e)
{
	int rc = user_socket_flush(&l->socket, e);

	if (rc <= 0)
		return rc;
	rc = user_socket_receive(&l->socket, e);
	if (rc <= 0)
		return rc;
	if (is_reply(l))
		return err_set(e, -EPROTO, "the server breaks the protocol: %s",
			       "a reply to what nobody asked");
	rc = serve(l, e);
	return rc < 0 ? rc : 1;
}

static void idle(struct user_link *l)
{
	struct err e = ERR_NONE;
	int rc = 1;

	for (unsigned i = 0; i < IDLE_ROUNDS && rc > 0; i++)
		rc = idle_step(l, &e);
	if (rc < 0)
		(void)die(l, rc, &e);
}

static void ready(struct loop_fd *f, uint32_t events)
{
	struct user_link *l = container_of(f, struct user_link, watch);
	bool tell;

	if (!try_hold(l, NULL))
		return;
	if (!l->dead)
		idle(l);
	tell = l->dead;
	if (tell) { /* and never again */
		pthread_mutex_lock(&l->lock);
		loop_remove(l->loop, &l->watch);
		pthread_mutex_unlock(&l->lock);
	}
	let_go(l);
	if (tell && l->gone)
		l->gone(l);
}

/* -------- life -------- */

static int agree(struct user_link *l, struct err *e)
{
	uint8_t hello[256];
	uint8_t *answer = malloc(USER_MAX_MESSAGE);
	struct user_request r = {
		.command = USER_VERSION,
		.head = hello,
		.head_size = user_version_write(hello, sizeof(hello)),
		.reply = answer,
		.reply_room = USER_MAX_MESSAGE,
	};
	int rc;

	if (!answer)
		return err_set(e, -ENOMEM, "out of memory");
	rc = user_link_call(l, &r, e);
	if (rc >= 0)
		rc = user_version_read(answer, (size_t)rc, &l->limits, e);
	free(answer);
	return rc;
}

static int link_build(struct user_link *l, struct err *e)
{
	int rc = user_socket_open(&l->socket, l->name, e);

	if (rc < 0)
		return rc;
	rc = agree(l, e);
	if (rc < 0)
		return rc;
	log_info("vfio: %s: server takes %u descriptors and %u bytes at a "
		 "time, page sizes %#llx",
		 l->name, l->limits.max_fds, l->limits.max_data,
		 (unsigned long long)l->limits.page_sizes);
	l->watch = (struct loop_fd){ .handler = ready, .fd = l->socket.fd };
	return loop_add(l->loop, &l->watch, EPOLLIN | EPOLLRDHUP | EPOLLONESHOT,
			e);
}

int user_link_open(struct user_link *l, const char *path, struct loop *loop,
		   const struct vfio_maps *maps, struct err *e)
{
	int rc;

	*l = (struct user_link){
		.socket = USER_SOCKET_EMPTY,
		.maps = maps,
		.loop = loop,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.freed = PTHREAD_COND_INITIALIZER,
	};
	snprintf(l->name, sizeof(l->name), "%s", path);
	rc = link_build(l, e);
	if (rc < 0)
		user_link_close(l);
	return rc;
}

void user_link_close(struct user_link *l)
{
	if (l->watch.listed)
		loop_remove(l->loop, &l->watch);
	user_socket_close(&l->socket);
}

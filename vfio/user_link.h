/* vfio/user_link.h - one connection to a vfio-user server
 *
 * A request and its reply, one at a time, each within a time limit. Meanwhile,
 * and when nobody asks anything, the server may send requests of its own: DMA
 * by messages, answered from guest RAM.
 *
 *     vCPU thread, main            the connection         event loop (main)
 *       user_link_call  --------->  busy
 *         send, receive, answer                            not woken: the
 *         DMA in between                                   watch is off
 *         the reply     <---------  free, watch on
 *                                   busy  <--------------  something came:
 *                                                          answer DMA, never
 *                                                          wait for the rest
 *                                   free, watch on
 *
 * OK: calls work. DEAD: the server closed the connection, broke the protocol or
 * did not answer in time; every call fails at once with the reason, and the
 * loop tells the owner, once. There is no way back.
 *
 * Locks: whoever holds the connection (busy) may hold a device's lock, and
 * takes none. The mutex is a leaf, held for moments.
 */
#ifndef VFIO_USER_LINK_H
#define VFIO_USER_LINK_H

#include <pthread.h>
#include <stdbool.h>

#include "vfio/space.h"
#include "vfio/user_socket.h"
#include "vfio/user_version.h"
#include "vfio/vfio.h"
#include "vmm/loop.h"

enum {
	USER_TIMEOUT_S = 5,
	USER_RESET_TIMEOUT_S = 30, /* a device may have much to do then */
};

struct user_link {
	char name[VFIO_NAME_SIZE]; /* the socket's path */
	struct user_socket socket;
	struct user_limits limits;	   /* the server's */
	const struct vfio_maps *maps;	   /* where RAM is; borrowed */
	struct loop *loop;		   /* borrowed */
	void (*gone)(struct user_link *l); /* main thread, once; may be NULL */

	/* Under lock: */
	pthread_mutex_t lock;
	pthread_cond_t freed;
	bool busy;	       /* somebody sends or receives */
	unsigned waiting;      /* threads that want to */
	struct loop_fd watch;  /* of the socket, one shot */
	struct loop_fd *rearm; /* another one shot, when it is free */

	/* Of whoever is busy: */
	bool dead;
	struct err why; /* it is dead */
	uint16_t id;	/* of the last request */
	/* Calls end then at the latest; 0: the VM has not ended yet. */
	uint64_t last_ns;
};

/* A request; zeroes mean "none". */
struct user_request {
	enum user_command command;
	const void *head; /* the layout */
	size_t head_size;
	const void *data; /* what follows it */
	size_t data_size;
	const int *fds;
	unsigned n_fds;

	void *reply;	    /* gets the start of the reply's payload, */
	size_t reply_room;  /* as much as fits */
	size_t reply_least; /* a reply of less breaks the protocol */
	int *reply_fd;	    /* gets its descriptor, or -1; NULL: not wanted */
	unsigned timeout_s; /* 0: USER_TIMEOUT_S */
};

/* Connect to the socket @path and agree on a version. @maps and @loop are
 * borrowed. *l must not move afterwards. */
int user_link_open(struct user_link *l, const char *path, struct loop *loop,
		   const struct vfio_maps *maps, struct err *e);
/* No call is under way, the loop does not run. Safe half-built. */
void user_link_close(struct user_link *l);

/* Ask and wait for the reply; any thread. Returns the size of the reply's
 * payload, or the server's errno, or why the link is dead: -EPIPE, -ETIMEDOUT,
 * -EPROTO and the like, never -EINVAL or -ENOTSUP. */
int user_link_call(struct user_link *l, const struct user_request *r,
		   struct err *e);

/* -------- an eventfd that is passed on by message -------- */

/* Watch the eventfd @fd with @f, whose @handler calls user_link_pass_on. */
int user_link_watch(struct user_link *l, struct loop_fd *f,
		    loop_handler *handler, int fd, struct err *e);
/* Take the eventfd's count, and if there was one, ask @r. If somebody is in
 * the middle of a call, @handler runs again when they are done. */
int user_link_pass_on(struct user_link *l, const struct user_request *r,
		      struct loop_fd *f, struct err *e);
/* Any thread; safe if it is not watched. */
void user_link_unwatch(struct user_link *l, struct loop_fd *f);

/* No call can succeed any more. */
bool user_link_is_dead(struct user_link *l);

/* "region read": for messages and traces. */
const char *user_command_name(unsigned command);

#endif

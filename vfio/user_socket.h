/* vfio/user_socket.h - vfio-user messages over a stream
 *
 * A stream knows no messages, and the other end may stop anywhere. So both
 * directions are small state machines that do what is possible now and never
 * wait: one message comes in at a time, one goes out at a time. Waiting, and
 * for how long, is the caller's (user_link.c).
 *
 * What the other end may not do is refused here: sizes, flags, descriptors in
 * the middle of a message. An error of this file means that the stream is of no
 * use any more.
 */
#ifndef VFIO_USER_SOCKET_H
#define VFIO_USER_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio/user_wire.h"
#include "vmm/base/err.h"

enum {
	/* What we announce, and what others assume if nobody announces. */
	USER_MAX_DATA = USER_DEFAULT_MAX_DATA,
	/* Header, layout, data: the largest layout before data has 16 bytes. */
	USER_MAX_MESSAGE = 32 + USER_MAX_DATA,
	USER_MAX_FDS_IN = 8, /* announced, too */
	USER_MAX_FDS_OUT = 64,
};

/* The fields of a header. */
struct user_head {
	uint16_t id, command;
	uint32_t flags, error;
};

struct user_socket {
	int fd; /* -1: not open */

	uint8_t *in;	 /* USER_MAX_MESSAGE bytes */
	size_t got;	 /* of the message that comes in */
	size_t expected; /* 0: its header is not complete */
	int in_fds[USER_MAX_FDS_IN];
	unsigned n_in_fds;

	uint8_t *out;
	size_t left, sent; /* of the message that goes out: to be sent, sent */
	int out_fds[USER_MAX_FDS_OUT]; /* borrowed */
	unsigned n_out_fds;
};

#define USER_SOCKET_EMPTY ((struct user_socket){ .fd = -1 })

int user_socket_open(struct user_socket *s, const char *path, struct err *e);
void user_socket_close(struct user_socket *s); /* safe half-built, twice */

/* -------- in -------- */

/* Take in what is there. 1: a message is complete and stays until
 * user_socket_done; 0: not yet. */
int user_socket_receive(struct user_socket *s, struct err *e);
/* Of the complete message. */
struct user_head user_socket_head(const struct user_socket *s);
const uint8_t *user_socket_payload(const struct user_socket *s, size_t *size);
/* Its first descriptor, which becomes the caller's; -1: none came. */
int user_socket_take_fd(struct user_socket *s);
/* Forget the message; descriptors that nobody took are closed. */
void user_socket_done(struct user_socket *s);

/* -------- out -------- */

/* Where the payload of the next message is to be written, USER_MAX_DATA + 16
 * bytes; nothing may be on its way out. */
uint8_t *user_socket_room(struct user_socket *s);
/* Begin to send it: @size bytes of payload, and descriptors, which must stay
 * open until it is sent. */
void user_socket_post(struct user_socket *s, const struct user_head *h,
		      size_t size, const int *fds, unsigned n_fds);
/* Send what goes. 1: nothing is left; 0: something is. */
int user_socket_flush(struct user_socket *s, struct err *e);

#endif

/* tests/card/link.h - messages of vfio-user on a socket
 *
 * A message is a header and a payload; descriptors come with its first byte.
 * Calls wait until a message is whole, however small the pieces it comes in.
 */
#ifndef CARD_LINK_H
#define CARD_LINK_H

#include <stddef.h>
#include <stdint.h>

#include "vfio/user_wire.h"

enum {
	LINK_FDS = 16,	     /* in one message; the version message says so */
	LINK_DATA = 1 << 20, /* bytes that an access moves, likewise */
	LINK_PAYLOAD = LINK_DATA + 4096, /* room for everything around it */
};

struct message {
	uint16_t id, command;
	uint32_t flags, error;
	uint8_t *payload; /* LINK_PAYLOAD bytes of the owner's */
	uint32_t size;	  /* of the payload */
	int fd[LINK_FDS]; /* -1: taken by somebody */
	unsigned n_fds;
};

/* 0: a message came. -ECONNRESET: the peer is gone. -EPROTO: what it sends is
 * no message; nothing that follows can be one. Descriptors that are not taken
 * are closed by link_drop(). */
int link_receive(int fd, struct message *m);
void link_drop(struct message *m);

/* What is sent: header fields, then two pieces. */
struct letter {
	uint16_t id, command;
	uint32_t flags, error;
	const void *head;
	uint32_t head_size;
	const void *data;
	uint32_t data_size;
	int fd; /* to send with it; -1: none */
};

int link_send(int fd, const struct letter *l);

#endif

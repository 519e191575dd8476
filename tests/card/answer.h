/* tests/card/answer.h - what a client's command does, and the reply to it
 *
 * The vfio-user protocol as a function of a message: no socket, no waiting.
 * The client may be anybody: each size, count and offset is checked here or in
 * what is called from here.
 */
#ifndef CARD_ANSWER_H
#define CARD_ANSWER_H

#include "tests/card/function.h"
#include "tests/card/link.h"

struct answer {
	int rc;		   /* 0, or a negative errno for the client */
	uint8_t *data;	   /* LINK_PAYLOAD bytes of the owner's */
	uint32_t size;	   /* of the payload in it */
	int fd;		   /* to send along, borrowed; -1: none */
	uint32_t delay_ms; /* before it is sent */
};

/* Carries out the command @m; with the function's lock. */
void answer_command(struct function *f, struct message *m, struct answer *a);

#endif

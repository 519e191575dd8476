/* tests/card/server.h - serves one function on one socket
 *
 *     listen -> accept -> serve -> the client leaves -> accept ...
 *
 * One client at a time; the next one waits in the socket's queue. A client
 * that leaves, or that breaks the protocol, leaves a function as new.
 */
#ifndef CARD_SERVER_H
#define CARD_SERVER_H

#include "tests/card/answer.h"

struct server {
	struct function *f;
	int listener;
	int client; /* -1: none at the moment */
	int wake;   /* an eventfd: look at the function again */
	struct bus bus;
	uint16_t next_id;
	struct message in;
	struct answer out;
};

/* @listener is taken over, also on failure. */
int server_open(struct server *s, struct function *f, int listener,
		struct err *e);
void server_close(struct server *s);

/* In a thread of its own, until the process ends. */
int server_start(struct server *s, struct err *e);

/* Something about the function has changed: from any thread. */
void server_wake(struct server *s);

/* Serve this client until it leaves; closes @client. */
void server_serve(struct server *s, int client);

#endif

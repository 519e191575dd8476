/* tests/card/socket.h - UNIX sockets with a name */
#ifndef CARD_SOCKET_H
#define CARD_SOCKET_H

#include "vmm/base/err.h"

/* A socket that listens at @path, in *out. One that a dead server left there is
 * replaced; one that a server listens at, or any other file, is an error. */
int socket_listen(const char *path, int *out, struct err *e);

/* A socket that is connected to @path, in *out. */
int socket_connect(const char *path, int *out, struct err *e);

#endif

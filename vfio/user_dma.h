/* vfio/user_dma.h - a vfio-user server reads and writes guest RAM by messages
 *
 * A server that can map guest RAM does so. One that cannot, or will not, asks
 * us to read or write for it. Like a device's DMA that reaches RAM only: what
 * no map covers does not exist for it.
 */
#ifndef VFIO_USER_DMA_H
#define VFIO_USER_DMA_H

#include "vfio/space.h"
#include "vfio/user_socket.h"

/* Do what the complete message in @s asks for and post the answer; @maps says
 * where RAM is. Returns 0, or -EPROTO for what is no such message. Needs no
 * lock: guest RAM has none, and its layout does not change. */
int user_dma_serve(struct user_socket *s, const struct vfio_maps *maps,
		   struct err *e);

#endif

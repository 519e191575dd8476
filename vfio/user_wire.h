/* vfio/user_wire.h - the vfio-user protocol, version 0.1, on the wire
 *
 * Both ends of a UNIX stream socket send messages: a header, then a payload
 * whose layout the command decides. A command asks, a reply repeats its id and
 * command. Descriptors travel with the first byte of a message. Several
 * payloads are the kernel's own structures of linux/vfio.h (device info, region
 * info, interrupt info, interrupt set); the others are here. All little endian.
 *
 * Facts: the specification in QEMU's docs/interop/vfio-user.rst.
 */
#ifndef VFIO_USER_WIRE_H
#define VFIO_USER_WIRE_H

#include <assert.h>
#include <stddef.h>

#include "vmm/base/bytes.h"

enum { USER_VERSION_MAJOR = 0, USER_VERSION_MINOR = 1 };

enum user_command {
	USER_VERSION = 1,
	USER_DMA_MAP = 2,
	USER_DMA_UNMAP = 3,
	USER_DEVICE_GET_INFO = 4,
	USER_DEVICE_GET_REGION_INFO = 5,
	USER_DEVICE_GET_REGION_IO_FDS = 6,
	USER_DEVICE_GET_IRQ_INFO = 7,
	USER_DEVICE_SET_IRQS = 8,
	USER_REGION_READ = 9,
	USER_REGION_WRITE = 10,
	USER_DMA_READ = 11,  /* from the server */
	USER_DMA_WRITE = 12, /* from the server */
	USER_DEVICE_RESET = 13,
	USER_REGION_WRITE_MULTI = 15,
};

/* Flags of the header. */
#define USER_TYPE_MASK 0x0fu
#define USER_TYPE_COMMAND 0u
#define USER_TYPE_REPLY 1u
#define USER_NO_REPLY 0x10u
#define USER_ERROR 0x20u

struct user_header {
	le16 id, command;
	le32 size; /* of the message, header included */
	le32 flags;
	le32 error; /* errno of a reply with USER_ERROR */
};
static_assert(sizeof(struct user_header) == 16, "header");

/* USER_VERSION, both ways; a JSON text ending in NUL follows. */
struct user_version {
	le16 major, minor;
};
static_assert(sizeof(struct user_version) == 4, "version");

#define USER_DMA_MAP_READ 1u  /* the device may read it */
#define USER_DMA_MAP_WRITE 2u /* the device may write it */

struct user_dma_map {
	le32 argsz, flags;
	le64 offset; /* in the descriptor that comes with it */
	le64 address, size;
};
static_assert(sizeof(struct user_dma_map) == 32, "dma map");

#define USER_DMA_UNMAP_ALL 2u

struct user_dma_unmap {
	le32 argsz, flags;
	le64 address, size;
};
static_assert(sizeof(struct user_dma_unmap) == 24, "dma unmap");

/* USER_REGION_READ, USER_REGION_WRITE and their replies; data follows where
 * there is any. */
struct user_region_access {
	le64 offset;
	le32 region, count;
};
static_assert(sizeof(struct user_region_access) == 16, "region access");

/* USER_DMA_READ, USER_DMA_WRITE and their replies; data follows where there is
 * any. */
struct user_dma_access {
	le64 address, count;
};
static_assert(sizeof(struct user_dma_access) == 16, "dma access");

/* What holds where the other end's version message does not say. */
enum {
	USER_DEFAULT_MAX_FDS = 1,
	USER_DEFAULT_MAX_DATA = 1 << 20,
	USER_DEFAULT_PAGE_SIZE = 4096,
	USER_DEFAULT_MAX_DMA_MAPS = 65535,
};

#endif

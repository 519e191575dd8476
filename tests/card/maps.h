/* tests/card/maps.h - the bus addresses that a client has mapped for DMA
 *
 * A client maps ranges of bus addresses to parts of files, or to memory that
 * only messages reach. Behind an IOMMU there are tens of thousands of maps of
 * one page each, all of one file: the file is mapped into our memory once.
 *
 * A file may become shorter while it is mapped, so bytes are copied by the
 * kernel (process_vm_readv on ourselves), which reports what would be a SIGBUS
 * here.
 */
#ifndef CARD_MAPS_H
#define CARD_MAPS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	MAPS_MOST = 65535, /* what the version message promises */
	MAPS_FILES = 64,
};

enum way { BUS_READ = 1, BUS_WRITE = 2 }; /* as USER_DMA_MAP_READ, _WRITE */

struct map {
	uint64_t iova, size;
	uint64_t off; /* in the file */
	unsigned ways;
	int file; /* -1: by message */
};

/* A file with maps; the slot is free while there are none. */
struct map_file {
	unsigned users;
	dev_t dev;
	ino_t ino;
	bool writable;
	uint8_t *bytes;
	uint64_t size;
};

struct maps {
	unsigned n, room;
	struct map *map; /* by address; they do not overlap */
	struct map_file file[MAPS_FILES];
};

#define MAPS_EMPTY ((struct maps){ 0 })

void maps_close(struct maps *m);

/* @fd is -1 or borrowed. A negative errno goes to the client. */
int maps_add(struct maps *m, const struct map *what, int fd);
/* All maps inside the range, as the kernel's type1: one that is only partly
 * inside is refused with -EINVAL. Returns how many there were. */
int maps_remove(struct maps *m, uint64_t iova, uint64_t size);
int maps_remove_all(struct maps *m);

/* Part of the bus: from an address on. */
struct span {
	uint8_t *bytes; /* NULL: by message */
	uint64_t n;
};

/* -EFAULT: nothing is mapped there, or not for that. */
int maps_find(const struct maps *m, uint64_t iova, enum way way,
	      struct span *out);

/* Copy @n bytes between @buf and the span's memory. */
int maps_copy(const struct span *s, enum way way, void *buf, uint64_t n);

#endif

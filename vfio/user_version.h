/* vfio/user_version.h - what two ends of vfio-user agree on first
 *
 * The first message each way is a version and a JSON text with limits. The
 * server's are what we keep to; ours tell it what it may send.
 */
#ifndef VFIO_USER_VERSION_H
#define VFIO_USER_VERSION_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/base/err.h"

/* What the server takes. */
struct user_limits {
	unsigned max_fds;    /* descriptors in one message; 1 at least */
	uint32_t max_data;   /* bytes of one transfer; 8 at least */
	uint32_t max_maps;   /* ranges of RAM */
	uint64_t page_sizes; /* bitmap */
};

/* Our message, without the header, into @n bytes; returns its size. */
size_t user_version_write(void *payload, size_t n);
/* The server's answer; what it does not say has the protocol's defaults. */
int user_version_read(const void *payload, size_t n, struct user_limits *out,
		      struct err *e);

#endif

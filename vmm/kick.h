/* vmm/kick.h - ioeventfds: doorbells that do not stop a vCPU
 *
 * A write of the guest to [at, at + len) on a bus signals an eventfd inside
 * KVM (KVM_IOEVENTFD); with a data match only that value does.
 */
#ifndef VMM_KICK_H
#define VMM_KICK_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/counter.h"
#include "vmm/base/err.h"

enum kick_bus { KICK_PIO, KICK_MMIO };

struct kick {
	int vm_fd; /* borrowed */
	int fd;	   /* eventfd, borrowed */
	enum kick_bus bus;
	uint64_t at;
	unsigned len; /* 0 (any width, MMIO), 1, 2, 4 or 8 */
	bool match;
	uint64_t value;
	bool live;
	counter *owned; /* how many the VM has; NULL: nobody counts */
};

/* The caller filled all fields but live; owned is &vm->kicks. Must not overlap
 * a memory slot. */
int kick_attach(struct kick *k, struct err *e);
void kick_detach(struct kick *k); /* safe if not attached */

#endif

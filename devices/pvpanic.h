/* devices/pvpanic.h - the port by which a guest says that it panicked
 *
 * Reading it gives the events we understand; Linux's pvpanic driver then
 * writes one of them from its panic notifier (linux: include/uapi/misc/
 * pvpanic.h). A panic ends the VM. A panic that a crash kernel will handle
 * does not: that kernel is to write its dump first.
 */
#ifndef DEVICES_PVPANIC_H
#define DEVICES_PVPANIC_H

#include <pthread.h>
#include <stdint.h>

#include "vmm/base/trace.h"
#include "vmm/bus.h"
#include "vmm/vm.h"

struct pvpanic {
	struct region region;
	pthread_mutex_t lock; /* around limit */
	struct vm *vm;	      /* NULL: not open */
	struct log_limit limit;
};

/* On the port bus at @port. */
int pvpanic_open(struct pvpanic *p, struct vm *vm, uint16_t port,
		 struct err *e);
/* After the vCPUs were joined; safe if zeroed, and twice. */
void pvpanic_close(struct pvpanic *p);

#endif

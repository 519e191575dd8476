/* devices/pvpanic.c - see pvpanic.h */
#include "devices/pvpanic.h"

#include <misc/pvpanic.h>

#include "devices/trace.h"
#include "vmm/base/bytes.h"

static uint64_t pvpanic_read(struct region *r, uint64_t off, unsigned len)
{
	return PVPANIC_PANICKED | PVPANIC_CRASH_LOADED;
}

static void pvpanic_write(struct region *r, uint64_t off, unsigned len,
			  uint64_t v)
{
	struct pvpanic *p = container_of(r, struct pvpanic, region);
	struct err e = ERR_NONE;

	if (v & PVPANIC_PANICKED) {
		err_set(&e, -EIO, "the guest kernel panicked");
		err_hint(&e, "its last words are on the console");
		vm_stop(p->vm, VM_CRASHED, 0, &e);
	} else if (v & PVPANIC_CRASH_LOADED) {
		log_limited(&p->limit, LOG_WARN,
			    "the guest kernel panicked, its crash kernel takes "
			    "over");
	} else {
		trace_device_ignored("pvpanic: event", (unsigned)v);
	}
}

static const struct region_ops pvpanic_ops = {
	.read = pvpanic_read,
	.write = pvpanic_write,
};

int pvpanic_open(struct pvpanic *p, struct vm *vm, uint16_t port, struct err *e)
{
	int rc;

	*p = (struct pvpanic){
		.region = { .name = "pvpanic",
			    .ops = &pvpanic_ops,
			    .base = port,
			    .size = 1 },
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	p->region.lock = &p->lock;
	rc = bus_add(&vm->pio, &p->region, e);
	if (rc == 0)
		p->vm = vm;
	return rc;
}

void pvpanic_close(struct pvpanic *p)
{
	if (p->vm)
		bus_remove(&p->vm->pio, &p->region);
	p->vm = NULL;
}

/* devices/debug_exit.c - see debug_exit.h */
#include "devices/debug_exit.h"

#include "vmm/base/bytes.h"

/* One port: of a wider write the bus gives us the low byte. */
static void debug_exit_write(struct region *r, uint64_t off, unsigned len,
			     uint64_t v)
{
	struct debug_exit *d = container_of(r, struct debug_exit, region);
	uint8_t status = (uint8_t)v;
	struct err e = ERR_NONE;

	if (status >= 1 && status <= DEBUG_EXIT_MAX) {
		vm_stop(d->vm, VM_DEBUG_EXIT, status, NULL);
		return;
	}
	err_set(&e, -EINVAL,
		"the guest wrote %u to the debug-exit port, which takes 1 to "
		"%d",
		status, DEBUG_EXIT_MAX);
	vm_stop(d->vm, VM_FAILED, 0, &e);
}

static const struct region_ops debug_exit_ops = {
	.write = debug_exit_write,
};

int debug_exit_open(struct debug_exit *d, struct vm *vm, uint16_t port,
		    struct err *e)
{
	int rc;

	*d = (struct debug_exit){
		.region = { .name = "debug exit",
			    .ops = &debug_exit_ops,
			    .base = port,
			    .size = 1 },
	};
	rc = bus_add(&vm->pio, &d->region, e);
	if (rc < 0) {
		err_hint(e, "--debug-exit takes a port that is free, for "
			    "instance 0xf4");
		return rc;
	}
	d->vm = vm;
	return 0;
}

void debug_exit_close(struct debug_exit *d)
{
	if (d->vm)
		bus_remove(&d->vm->pio, &d->region);
	d->vm = NULL;
}

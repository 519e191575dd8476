/* devices/legacy.c - see legacy.h */
#include "devices/legacy.h"

#include "devices/trace.h"

static void post_write(struct region *r, uint64_t off, unsigned len, uint64_t v)
{
	trace_post_code((uint8_t)v);
}

static const struct region_ops post_ops = {
	.write = post_write,
};

static int legacy_build(struct legacy_ports *l, const struct legacy_config *c,
			struct err *e)
{
	int rc;

	rc = i8042_open(&l->i8042, l->vm, e);
	if (rc < 0)
		return rc;
	rc = power_open(&l->power, l->vm, c->power_port, c->s5_type,
			c->reset_value, e);
	if (rc < 0)
		return rc;
	rc = pvpanic_open(&l->pvpanic, l->vm, c->pvpanic_port, e);
	if (rc < 0)
		return rc;
	l->post = (struct region){ .name = "POST code",
				   .ops = &post_ops,
				   .base = LEGACY_POST_PORT,
				   .size = 1 };
	rc = bus_add(&l->vm->pio, &l->post, e);
	/* Last, for the operator chose its port: an overlap names the other. */
	if (rc == 0 && c->debug_exit_port >= 0)
		rc = debug_exit_open(&l->debug_exit, l->vm,
				     (uint16_t)c->debug_exit_port, e);
	return rc;
}

int legacy_open(struct legacy_ports *l, struct vm *vm,
		const struct legacy_config *c, struct err *e)
{
	int rc;

	*l = (struct legacy_ports){ .vm = vm };
	rc = legacy_build(l, c, e);
	if (rc < 0)
		legacy_close(l);
	return rc;
}

void legacy_reset(struct legacy_ports *l)
{
	i8042_reset(&l->i8042);
	power_reset(&l->power);
}

void legacy_close(struct legacy_ports *l)
{
	if (!l->vm)
		return;
	debug_exit_close(&l->debug_exit);
	bus_remove(&l->vm->pio, &l->post);
	pvpanic_close(&l->pvpanic);
	power_close(&l->power);
	i8042_close(&l->i8042);
	l->vm = NULL;
}

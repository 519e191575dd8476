/* devices/i8042.c - see i8042.h; commands as Linux drivers/input/serio/i8042.c
 * sends them */
#include "devices/i8042.h"

#include "devices/trace.h"
#include "vmm/base/bytes.h"

enum {
	STATUS_FULL = 0x01,	/* a byte waits in the output */
	STATUS_SYSTEM = 0x04,	/* the self-test was passed */
	STATUS_COMMAND = 0x08,	/* the last write was a command */
	STATUS_UNLOCKED = 0x10, /* the key lock is open */

	CONTROL_SYSTEM = 0x04,
	CONTROL_KEYBOARD_OFF = 0x10,
	CONTROL_MOUSE_OFF = 0x20,

	COMMAND_READ_CONTROL = 0x20,
	COMMAND_WRITE_CONTROL = 0x60,
	COMMAND_MOUSE_OFF = 0xa7,
	COMMAND_MOUSE_ON = 0xa8,
	COMMAND_MOUSE_TEST = 0xa9,
	COMMAND_SELF_TEST = 0xaa,
	COMMAND_KEYBOARD_TEST = 0xab,
	COMMAND_KEYBOARD_OFF = 0xad,
	COMMAND_KEYBOARD_ON = 0xae,
	COMMAND_READ_OUTPUT = 0xd0,
	COMMAND_WRITE_OUTPUT = 0xd1,
	COMMAND_WRITE_KEYBOARD_BUFFER = 0xd2,
	COMMAND_WRITE_MOUSE_BUFFER = 0xd3,
	COMMAND_WRITE_MOUSE = 0xd4,
	/* 0xf0 and up: lines 3 to 0 pulse low where the bit is 0 */
	COMMAND_PULSE = 0xf0,

	LINE_RESET = 0x01, /* low: the CPU is held in reset */
	LINE_A20 = 0x02,

	SELF_TEST_OK = 0x55,
	PORT_CLOCK_LOW = 0x01, /* nothing pulls the port's clock up */
};

static void answer(struct i8042 *k, uint8_t v)
{
	k->output = v;
	k->full = true;
}

static void reset_line(struct i8042 *k, uint8_t lines)
{
	if (!(lines & LINE_RESET))
		vm_stop(k->vm, VM_REBOOTED, 0, NULL);
}

static void switch_port(struct i8042 *k, uint8_t bit, bool off)
{
	k->control = off ? k->control | bit : k->control & ~bit;
}

static void command(struct i8042 *k, uint8_t v)
{
	trace_i8042_command(v);
	k->pending = 0;
	if (v >= COMMAND_PULSE) {
		reset_line(k, v);
		return;
	}
	switch (v) {
	case COMMAND_READ_CONTROL:
		answer(k, k->control);
		break;
	case COMMAND_SELF_TEST:
		answer(k, SELF_TEST_OK);
		break;
	case COMMAND_KEYBOARD_TEST:
	case COMMAND_MOUSE_TEST:
		answer(k, PORT_CLOCK_LOW);
		break;
	case COMMAND_READ_OUTPUT:
		answer(k, LINE_RESET | LINE_A20);
		break;
	case COMMAND_KEYBOARD_OFF:
	case COMMAND_KEYBOARD_ON:
		switch_port(k, CONTROL_KEYBOARD_OFF, v == COMMAND_KEYBOARD_OFF);
		break;
	case COMMAND_MOUSE_OFF:
	case COMMAND_MOUSE_ON:
		switch_port(k, CONTROL_MOUSE_OFF, v == COMMAND_MOUSE_OFF);
		break;
	case COMMAND_WRITE_CONTROL:
	case COMMAND_WRITE_OUTPUT:
	case COMMAND_WRITE_KEYBOARD_BUFFER:
	case COMMAND_WRITE_MOUSE_BUFFER:
	case COMMAND_WRITE_MOUSE:
		k->pending = v;
		break;
	default:
		trace_device_ignored("i8042: command", v);
	}
}

/* The byte that a command waits for; without one it is for the keyboard, who
 * is not there. */
static void data(struct i8042 *k, uint8_t v)
{
	switch (k->pending) {
	case COMMAND_WRITE_CONTROL:
		k->control = v;
		break;
	case COMMAND_WRITE_OUTPUT:
		reset_line(k, v);
		break;
	/* A controller without a mouse port does not mark the byte as the
	 * mouse's, by which Linux knows. */
	case COMMAND_WRITE_KEYBOARD_BUFFER:
	case COMMAND_WRITE_MOUSE_BUFFER:
		answer(k, v);
		break;
	default:
		break;
	}
	k->pending = 0;
}

static uint64_t data_read(struct region *r, uint64_t off, unsigned len)
{
	struct i8042 *k = container_of(r, struct i8042, data_region);

	k->full = false;
	return k->output;
}

static void data_write(struct region *r, uint64_t off, unsigned len, uint64_t v)
{
	struct i8042 *k = container_of(r, struct i8042, data_region);

	k->last_was_command = false;
	data(k, (uint8_t)v);
}

static uint64_t status_read(struct region *r, uint64_t off, unsigned len)
{
	struct i8042 *k = container_of(r, struct i8042, command_region);

	/* Bit 1, the input is full, never: commands are done at once. */
	return STATUS_UNLOCKED |
	       (k->control & CONTROL_SYSTEM ? STATUS_SYSTEM : 0) |
	       (k->full ? STATUS_FULL : 0) |
	       (k->last_was_command ? STATUS_COMMAND : 0);
}

static void command_write(struct region *r, uint64_t off, unsigned len,
			  uint64_t v)
{
	struct i8042 *k = container_of(r, struct i8042, command_region);

	k->last_was_command = true;
	command(k, (uint8_t)v);
}

static const struct region_ops data_ops = {
	.read = data_read,
	.write = data_write,
};

static const struct region_ops command_ops = {
	.read = status_read,
	.write = command_write,
};

static void power_on(struct i8042 *k)
{
	k->control = CONTROL_SYSTEM;
	k->output = 0;
	k->full = k->last_was_command = false;
	k->pending = 0;
}

void i8042_reset(struct i8042 *k)
{
	pthread_mutex_lock(&k->lock);
	power_on(k);
	pthread_mutex_unlock(&k->lock);
}

int i8042_open(struct i8042 *k, struct vm *vm, struct err *e)
{
	int rc;

	*k = (struct i8042){
		.data_region = { .name = "i8042 data",
				 .ops = &data_ops,
				 .base = I8042_DATA_PORT,
				 .size = 1 },
		.command_region = { .name = "i8042 command",
				    .ops = &command_ops,
				    .base = I8042_COMMAND_PORT,
				    .size = 1 },
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.vm = vm,
	};
	power_on(k);
	k->data_region.lock = &k->lock;
	k->command_region.lock = &k->lock;
	rc = bus_add(&vm->pio, &k->data_region, e);
	if (rc == 0)
		rc = bus_add(&vm->pio, &k->command_region, e);
	if (rc < 0)
		i8042_close(k);
	return rc;
}

void i8042_close(struct i8042 *k)
{
	if (!k->vm)
		return;
	bus_remove(&k->vm->pio, &k->command_region);
	bus_remove(&k->vm->pio, &k->data_region);
	k->vm = NULL;
}

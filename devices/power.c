/* devices/power.c - see power.h */
#include "devices/power.h"

#include "devices/trace.h"
#include "vmm/base/bytes.h"

enum {
	POWER_CONTROL,
	POWER_STATUS,
	POWER_RESET,

	CONTROL_SLP_TYP = 0x1c, /* bits 4:2 */
	CONTROL_SLP_TYP_SHIFT = 2,
	CONTROL_SLP_EN = 0x20,
	STATUS_WAK_STS = 0x80, /* cleared by writing 1 */
};

static void sleep_control(struct power *p, uint8_t v)
{
	uint8_t type = (v & CONTROL_SLP_TYP) >> CONTROL_SLP_TYP_SHIFT;

	p->control = v & CONTROL_SLP_TYP; /* SLP_EN reads as 0 */
	if (!(v & CONTROL_SLP_EN))
		return;
	if (type == p->s5_type) {
		vm_stop(p->vm, VM_POWERED_OFF, 0, NULL);
		return;
	}
	trace_device_ignored("power: sleep type", type);
	p->status |= STATUS_WAK_STS;
}

static void write_register(struct power *p, unsigned off, uint8_t v)
{
	switch (off) {
	case POWER_CONTROL:
		sleep_control(p, v);
		break;
	case POWER_STATUS:
		p->status &= ~(v & STATUS_WAK_STS);
		break;
	case POWER_RESET:
		if (v == p->reset_value)
			vm_stop(p->vm, VM_REBOOTED, 0, NULL);
		else
			trace_device_ignored("power: reset value", v);
		break;
	}
}

static uint64_t power_read(struct region *r, uint64_t off, unsigned len)
{
	const struct power *p = container_of(r, struct power, region);
	const uint8_t registers[POWER_PORTS] = { p->control, p->status, 0 };

	return le_load(registers + off, len);
}

static void power_write(struct region *r, uint64_t off, unsigned len,
			uint64_t v)
{
	struct power *p = container_of(r, struct power, region);

	for (unsigned i = 0; i < len; i++)
		write_register(p, (unsigned)off + i, (uint8_t)(v >> (8 * i)));
}

static const struct region_ops power_ops = {
	.read = power_read,
	.write = power_write,
};

int power_open(struct power *p, struct vm *vm, uint16_t port, uint8_t s5_type,
	       uint8_t reset_value, struct err *e)
{
	int rc;

	*p = (struct power){
		.region = { .name = "power",
			    .ops = &power_ops,
			    .base = port,
			    .size = POWER_PORTS },
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.s5_type = s5_type,
		.reset_value = reset_value,
	};
	p->region.lock = &p->lock;
	rc = bus_add(&vm->pio, &p->region, e);
	if (rc == 0)
		p->vm = vm;
	return rc;
}

void power_reset(struct power *p)
{
	pthread_mutex_lock(&p->lock);
	p->control = p->status = 0;
	pthread_mutex_unlock(&p->lock);
}

void power_close(struct power *p)
{
	if (p->vm)
		bus_remove(&p->vm->pio, &p->region);
	p->vm = NULL;
}

/* vfio/throttle.c - what costs the host much, a guest gets only so often
 *
 * Switching messages on allocates vectors in the host, INTx a handler, and
 * showing pages of a BAR or a ROM, or taking them away, waits for all CPUs that
 * run guests to have seen it. A guest can ask for any of them as fast as it can
 * write a register, and so it can for a reset, at the port above, of a function
 * that it has not touched since the last one. So there are 256 of these in a
 * row for each function, more than any driver or boot needs, and a hundred in a
 * second after that (VFIO-ERR-07). Who wants more waits: a vCPU, for ten
 * milliseconds, with the function that it floods.
 *
 * Another message for a vector costs less: KVM gets a table of routes, and
 * waits for those that use the old one. But each vector needs one, some
 * functions have two thousand, and each time an interrupt moves to another CPU
 * it is another. So there are 4096 in a row, and then a thousand in a second.
 *
 * Resets have their own distance: reset_job.c.
 */
#include "vfio/internal.h"
#include "vmm/base/sys.h"

/* So many at once, and then one in so many milliseconds. */
struct pace {
	unsigned most, every_ms;
};

static const struct pace costly = { 256, 10 };
static const struct pace messages = { 4096, 1 };

/* What time has earned. */
static void earn(struct vfio_throttle *t, const struct pace *p)
{
	uint64_t every_ns = p->every_ms * UINT64_C(1000000);
	uint64_t now = sys_now_ns();
	uint64_t n = (now - t->since) / every_ns;

	if (t->used <= n) {
		t->used = 0;
		t->since = now;
		return;
	}
	t->used -= (unsigned)n;
	t->since += n * every_ns;
}

static void spend(struct vfio_throttle *t, const struct pace *p)
{
	earn(t, p);
	if (t->used >= p->most) {
		sys_sleep_ms(p->every_ms);
		earn(t, p);
	}
	t->used++;
}

void vfio_costly(struct vfio_device *d)
{
	spend(&d->throttle, &costly);
}

void vfio_message_changes(struct vfio_device *d)
{
	spend(&d->messages, &messages);
}

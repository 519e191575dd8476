/* vfio/throttle.c - what costs the host much, a guest gets only so often
 *
 * Switching messages on allocates vectors in the host, INTx a handler, and
 * showing pages of a BAR or a ROM, or taking them away, waits for all CPUs that
 * run guests to have seen it; a guest can ask for any of them as fast as it can
 * write a register, and resets what it has not touched as fast. So there
 * are 256 of these in a row for each function, more than any driver or boot
 * needs, and a hundred in a second after that (VFIO-ERR-07). Who wants more
 * waits: a vCPU, for ten milliseconds, with the function that it floods.
 *
 * Resets have their own distance: reset_job.c.
 */
#include "vfio/internal.h"
#include "vmm/base/sys.h"

enum { MOST = 256, EVERY_MS = 10 };

static const uint64_t EVERY_NS = EVERY_MS * UINT64_C(1000000);

/* What time has earned. */
static void earn(struct vfio_throttle *t)
{
	uint64_t now = sys_now_ns();
	uint64_t n = (now - t->since) / EVERY_NS;

	if (t->used <= n) {
		t->used = 0;
		t->since = now;
		return;
	}
	t->used -= (unsigned)n;
	t->since += n * EVERY_NS;
}

void vfio_costly(struct vfio_device *d)
{
	struct vfio_throttle *t = &d->throttle;

	earn(t);
	if (t->used >= MOST) {
		sys_sleep_ms(EVERY_MS);
		earn(t);
	}
	t->used++;
}

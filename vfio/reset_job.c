/* vfio/reset_job.c - resets, and who waits for them
 *
 * A reset takes a tenth of a second, or a minute where a function does not wake
 * up (pci_dev_wait in the kernel). No vCPU, no other function and not the event
 * loop waits for that (VFIO-RST-07):
 *
 *     asked for        the function is quiet and "busy": the guest reads all
 *      (its lock)      ones, as from hardware that is not ready, and what it
 *        |             writes is lost; further requests are the same one
 *     a worker         a short-lived thread of its own; for a reset of the bus
 *      (no lock)       it takes the other functions on it along, first
 *        |             quieting those that were not asked
 *     over             for each: like new, or lost; then no longer busy
 *      (its lock)
 *
 * While it is busy a function belongs to one worker, its lead's, and everybody
 * else leaves its registers alone. Locks are taken one at a time, never two.
 * Two workers that want each other's functions both let go and try again, at
 * different paces. Between two resets there is time (VFIO-ERR-07).
 */
#include <stdlib.h>
#include <string.h>

#include "vfio/internal.h"
#include "vmm/base/sys.h"

enum {
	MAX_MEMBERS = 64,
	LEAST_MS = 100, /* from the end of a reset to the next */
	TAKEN = 1,
};

/* One reset, or one round of them. */
struct job {
	struct vfio_device *lead;
	enum vfio_reset_why why;
	struct vfio_device *member[MAX_MEMBERS]; /* the lead is the first */
	unsigned n;
};

/* -------- the end -------- */

static void restore_bars(struct vfio_device *d)
{
	for (unsigned i = 0; i < PCI_BARS; i++)
		pci_config_store(&d->pci, PCI_BASE_ADDRESS_0 + 4 * i, 4,
				 le32_load(d->reset.bars + (size_t)4 * i));
}

static void failed(struct vfio_device *d, const struct err *e)
{
	/* decode and bus mastering are off and stay off */
	d->touched = true;
	if (d->reset.why == VFIO_RESET_ERROR) {
		vfio_lose(d, e->text);
		return;
	}
	log_limited(&d->reset_limit, LOG_WARN, "vfio: %s: %s", vfio_name(d),
		    e->text);
	vfio_suspect(d);
}

static void well(struct vfio_device *d)
{
	vfio_is_well(d);
	if (d->reset.why == VFIO_RESET_ERROR)
		log_warn("vfio: %s: it was reset and answers; its driver in "
			 "the guest has to start it anew",
			 vfio_name(d));
}

/* Lock held. @rc and @e: of its reset; @sick: it was reset and is not well. */
static void over(struct vfio_device *d, int rc, bool sick, const struct err *e)
{
	d->reset.lead = NULL;
	d->reset.busy = d->reset.along = false;
	if (d->health != VFIO_LOST) {
		vfio_reset_like_new(d);
		if (d->reset.keep_bars)
			restore_bars(d);
		if (sick)
			vfio_lose(d, e->text);
		else if (rc < 0)
			failed(d, e);
		else
			well(d);
	}
	vfio_count_reset(d, d->reset.why, rc);
	d->reset.rc = rc;
	d->reset.err = *e;
	d->reset.done_ns = sys_now_ns();
	pthread_cond_broadcast(&d->reset.over);
}

static void finish(struct vfio_device *d, int rc, const struct err *why)
{
	struct err e = *why;
	bool sick = false;

	if (rc >= 0) {
		rc = vfio_reset_verify(d, &e);
		sick = rc < 0;
	}
	pthread_mutex_lock(&d->pci.lock);
	over(d, rc, sick, &e);
	pthread_mutex_unlock(&d->pci.lock);
}

/* -------- who is hit -------- */

static bool is_asked(const struct job *j, const struct vfio_device *m)
{
	return j->why == VFIO_RESET_PLATFORM ||
	       (j->why == VFIO_RESET_BUS_ABOVE &&
		m->pci.port == j->lead->pci.port);
}

static bool is_in_use(const struct vfio_device *d)
{
	return d->health != VFIO_LOST &&
	       pci_config_load(&d->pci, PCI_COMMAND, 2) &
		       (PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
			PCI_COMMAND_MASTER);
}

/* TAKEN: another worker has it. -EBUSY: the guest uses it. */
static int claim(struct job *j, struct vfio_device *m)
{
	int rc = 0;

	pthread_mutex_lock(&m->pci.lock);
	if (m->reset.busy && m->reset.lead)
		rc = TAKEN;
	else if (!m->reset.busy && !is_asked(j, m) && is_in_use(m))
		rc = -EBUSY;
	if (rc == 0) {
		m->reset.along = !m->reset.busy;
		m->reset.asked = false;
		m->reset.busy = true;
		m->reset.lead = j->lead;
		j->member[j->n++] = m;
	}
	pthread_mutex_unlock(&m->pci.lock);
	return rc;
}

static void start(struct vfio_device *d);

/* Who was to be reset by itself has a worker of its own for that, or gets one
 * if its bus was reset since; who was only to come along is as before, but for
 * decode and messages. */
static void let_go(struct job *j)
{
	while (j->n > 1) {
		struct vfio_device *m = j->member[--j->n];

		pthread_mutex_lock(&m->pci.lock);
		m->reset.lead = NULL;
		if (m->reset.asked) {
			m->reset.along = false;
			vfio_reset_begin(m, VFIO_RESET_BUS_ABOVE);
			start(m);
		} else if (m->reset.along) {
			m->reset.busy = false;
			vfio_irqs_rearm(m);
			pthread_cond_broadcast(&m->reset.over);
		} else {
			start(m);
		}
		pthread_mutex_unlock(&m->pci.lock);
	}
}

/* All are ours now: those that come along become quiet too. What the guest did
 * not ask for shall not cost it the addresses that it gave. */
static void quiet_all(struct job *j)
{
	for (unsigned i = 1; i < j->n; i++) {
		struct vfio_device *m = j->member[i];

		pthread_mutex_lock(&m->pci.lock);
		if (m->reset.along) {
			vfio_reset_begin(m, j->why);
			m->reset.keep_bars = !m->reset.asked && !is_asked(j, m);
		}
		pthread_mutex_unlock(&m->pci.lock);
	}
}

static int claim_all(struct job *j, const struct vfio_hot_set *s, struct err *e)
{
	for (struct vfio_device *m = j->lead->iommu->devices; m; m = m->next) {
		int rc = 0;

		if (m != j->lead && vfio_hot_set_has(s, m))
			rc = claim(j, m);
		if (rc < 0)
			(void)err_set(
				e, rc,
				"the function cannot be reset: that would "
				"hit %s too, which the guest uses",
				vfio_name(m));
		if (rc != 0) {
			let_go(j);
			return rc;
		}
	}
	return 0;
}

/* -------- the worker -------- */

static int by_bus(struct job *j, const struct vfio_hot_set *s, struct err *e)
{
	int rc = claim_all(j, s, e);

	if (rc != 0)
		return rc;
	quiet_all(j);
	for (unsigned i = 0; i < j->n; i++)
		vfio_reset_wake(j->member[i]);
	rc = vfio_reset_bus(j->lead, e);
	if (rc < 0) {
		let_go(j);
		return rc;
	}
	log_limited(&j->lead->reset_limit, LOG_INFO,
		    "vfio: %s: its bus was reset, with %u functions of this VM",
		    vfio_name(j->lead), j->n);
	return 0;
}

/* The sentence about a reset that failed is not lost to one that is none. */
static int by_itself(struct job *j, bool tried, struct err *e)
{
	struct err scratch = ERR_NONE;
	int rc;

	vfio_reset_wake(j->lead);
	rc = vfio_reset_function(j->lead, j->why, &scratch);
	if (!tried || rc != -ENOTSUP)
		*e = scratch;
	return rc;
}

/* The last resort is tried where nothing better was, or worked. TAKEN: try
 * again later. */
static int perform(struct job *j, const struct vfio_hot_set *s, struct err *e)
{
	bool bus_first = vfio_bus_comes_first(j->lead, s, j->why);
	int rc = -ENOTSUP;

	if (bus_first)
		rc = by_bus(j, s, e);
	if (rc < 0)
		rc = by_itself(j, bus_first, e);
	if (rc < 0 && !bus_first && vfio_hot_set_is_ours(s) &&
	    j->why != VFIO_RESET_FUNCTION)
		rc = by_bus(j, s, e);
	return rc;
}

static void let_go_of_lead(struct vfio_device *d)
{
	unsigned pace = 1;

	for (struct vfio_device *m = d->next; m; m = m->next)
		pace++;
	pthread_mutex_lock(&d->pci.lock);
	d->reset.lead = NULL;
	pthread_mutex_unlock(&d->pci.lock);
	sys_sleep_ms(pace);
}

static void run(struct job *j)
{
	struct vfio_hot_set *s = calloc(1, sizeof(*s));
	struct err e = ERR_NONE;
	int rc;

	if (s)
		(void)vfio_hot_set_of(j->lead, s);
	rc = s ? perform(j, s, &e) : err_set(&e, -ENOMEM, "out of memory");
	free(s);
	if (rc == TAKEN) {
		let_go_of_lead(j->lead);
		return;
	}
	while (j->n > 0)
		finish(j->member[--j->n], rc, &e);
}

static void pace(const struct vfio_device *d)
{
	const uint64_t ms = 1000000;
	uint64_t since = (sys_now_ns() - d->reset.done_ns) / ms;

	if (d->reset.done_ns != 0 && since < LEAST_MS)
		sys_sleep_ms((unsigned)(LEAST_MS - since));
}

/* Is there something to do that no other worker does? */
static bool begin(struct vfio_device *d, struct job *j)
{
	bool mine;

	pthread_mutex_lock(&d->pci.lock);
	mine = d->reset.busy && !d->reset.lead;
	if (mine)
		d->reset.lead = d;
	else
		d->reset.live = false;
	*j = (struct job){ .lead = d, .member = { d }, .n = 1 };
	j->why = d->reset.why;
	pthread_mutex_unlock(&d->pci.lock);
	return mine;
}

static void *work(void *arg)
{
	struct vfio_device *d = arg;
	struct job j;

	trace_thread("reset");
	while (begin(d, &j)) {
		pace(d);
		run(&j);
	}
	return NULL;
}

/* Lock held. A worker that is not live needs it no more, so it can be waited
 * for. */
static void start(struct vfio_device *d)
{
	struct err e = ERR_NONE;
	int rc;

	if (d->reset.live)
		return;
	if (d->reset.joinable)
		pthread_join(d->reset.worker, NULL);
	rc = pthread_create(&d->reset.worker, NULL, work, d);
	d->reset.live = d->reset.joinable = rc == 0;
	if (rc == 0)
		return;
	(void)err_sys(&e, -rc, "the function cannot be reset: no thread");
	over(d, -rc, false, &e);
}

/* -------- asking, and waiting -------- */

void vfio_reset_begin(struct vfio_device *d, enum vfio_reset_why why)
{
	d->reset.keep_bars = why == VFIO_RESET_ERROR;
	memcpy(d->reset.bars, d->pci.config + PCI_BASE_ADDRESS_0,
	       sizeof(d->reset.bars));
	vfio_reset_quiet(d);
	d->reset.busy = true;
	d->reset.why = why;
}

void vfio_reset_ask(struct vfio_device *d, enum vfio_reset_why why)
{
	if (d->reset.busy)
		return;
	vfio_reset_begin(d, why);
	start(d);
}

int vfio_reset_await(struct vfio_device *d, struct err *e)
{
	int rc;

	pthread_mutex_lock(&d->pci.lock);
	while (d->reset.busy)
		pthread_cond_wait(&d->reset.over, &d->pci.lock);
	rc = d->reset.rc;
	if (rc < 0 && e)
		*e = d->reset.err;
	pthread_mutex_unlock(&d->pci.lock);
	return rc;
}

void vfio_resets_end(struct vfio_iommu *i)
{
	for (struct vfio_device *d = i->devices; d; d = d->next)
		(void)vfio_reset_await(d, NULL);
	for (struct vfio_device *d = i->devices; d; d = d->next) {
		if (d->reset.joinable)
			pthread_join(d->reset.worker, NULL);
		d->reset.joinable = false;
	}
}

/* -------- all at once -------- */

/* Only quiet: a worker that has begun would take the next function along, which
 * would then be reset twice. One that is suspect is not looked at first: if
 * anything helps it, then this. */
static int begin_platform(struct vfio_device *d, struct err *e)
{
	int rc = 0;

	pthread_mutex_lock(&d->pci.lock);
	if (d->health == VFIO_LOST)
		rc = err_set(e, -EIO, "the function does not answer any more");
	else if (!d->reset.busy)
		vfio_reset_begin(d, VFIO_RESET_PLATFORM);
	pthread_mutex_unlock(&d->pci.lock);
	return rc;
}

static int start_platform(struct vfio_device *d, struct err *e)
{
	pthread_mutex_lock(&d->pci.lock);
	if (d->reset.busy && !d->reset.lead)
		start(d);
	pthread_mutex_unlock(&d->pci.lock);
	return 0;
}

/* @first: what went wrong before. Returns that, or what does first here. */
static int for_all(struct vfio_iommu *i, int first,
		   int (*step)(struct vfio_device *d, struct err *e),
		   struct err *e)
{
	for (struct vfio_device *d = i->devices; d; d = d->next) {
		struct err why = ERR_NONE;
		int rc = step(d, &why);

		if (rc >= 0 || first < 0)
			continue;
		*e = why;
		first = err_in(e, rc, "%s", vfio_name(d));
	}
	return first;
}

int vfio_reset_all_begin(struct vfio_iommu *i, struct err *e)
{
	int rc;

	vfio_resets_end(i);
	rc = for_all(i, 0, begin_platform, e);
	return for_all(i, rc, start_platform, e);
}

bool vfio_resets_last(struct vfio_iommu *i)
{
	bool any = false;

	for (struct vfio_device *d = i->devices; d && !any; d = d->next) {
		pthread_mutex_lock(&d->pci.lock);
		any = d->reset.busy;
		pthread_mutex_unlock(&d->pci.lock);
	}
	return any;
}

int vfio_reset_all_end(struct vfio_iommu *i, struct err *e)
{
	return for_all(i, 0, vfio_reset_await, e);
}

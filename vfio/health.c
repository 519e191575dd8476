/* vfio/health.c - a function that stops answering; ERR and REQ
 *
 * A function can be pulled out, powered down by its port, or lock up. Then
 * config reads fail or give all ones, and whoever believes them finds endless
 * capability lists and interrupt pins of 255. One bad access makes a function
 * suspect; if it has not come back 100 ms later it is lost: interrupts off,
 * pages away, all ones from then on, one line in the log.
 *
 * A vfio-user server that dies takes its function along at once. on-error says
 * whether the VM ends then; by default the guest goes on, as it would when a
 * card falls off the bus. Who wants it to end is not left to the guest's next
 * config access: a driver may read all ones from mapped registers for ever, so
 * with on-error=stop or reset we look once a second.
 *
 * With on-error=reset a function that stops answering, or reports an error, is
 * reset (reset_job.c). The guest finds it gone meanwhile, and then as after
 * power-on, but with the addresses of its BARs, which nobody would give it
 * again. Three times a minute at most; after that, or if it does not come back,
 * it is lost.
 *
 * ERR is the host's word that the function reported an uncorrectable error.
 * Data may be wrong, so the VM ends, unless on-error says otherwise. REQ is the
 * host's wish to have the function back: somebody writes to its unbind file,
 * and hangs until we let go (vfio_unregister_group_dev in the kernel's
 * vfio_main.c). So the VM ends, at once and without asking the guest, which may
 * be in no mood to answer. With on-request=report it goes on, and whoever
 * waits, waits; the kernel repeats the wish every ten seconds.
 *
 * Not modelled: unplugging the function from a guest that goes on; the power
 * button, by which a guest could be asked to end by itself.
 */
#include "vfio/internal.h"
#include "vfio/trace.h"
#include "vmm/base/sys.h"

static const uint64_t CONFIRM_NS = 100000000, LOOK_NS = 1000000000;
static const uint64_t LOCKED_NS = 50000000; /* then look again */
static const uint64_t RECOVERY_NS = 60000000000;

enum { MOST_RECOVERIES = 3 }; /* in RECOVERY_NS */

void vfio_suspect(struct vfio_device *d)
{
	if (d->health != VFIO_OK)
		return;
	d->health = VFIO_SUSPECT;
	d->suspect_since = sys_now_ns();
}

/* The IDs come from the kernel's copy, which outlives the function; status is
 * the hardware's. */
bool vfio_answers_by(int (*get)(struct vfio_device *d, unsigned off,
				unsigned len, uint32_t *out),
		     struct vfio_device *d, uint32_t *id)
{
	uint32_t command;

	return get(d, PCI_VENDOR_ID, 4, id) >= 0 &&
	       get(d, PCI_COMMAND, 4, &command) >= 0 &&
	       (uint16_t)*id != 0xffff && command >> 16 != 0xffff;
}

static bool answers(struct vfio_device *d)
{
	uint32_t id;

	return vfio_answers_by(vfio_config_get, d, &id);
}

/* The operator wants to know at once, or the guest shall go on. */
static void report_loss(struct vfio_device *d, const char *why)
{
	struct err e = ERR_NONE;

	if (d->opt.on_error != VFIO_ON_ERROR_STOP) {
		log_error("vfio: %s: %s; the guest reads all ones from now on",
			  vfio_name(d), why);
		return;
	}
	(void)err_set(&e, -EIO, "vfio: %s: %s", vfio_name(d), why);
	err_hint(&e, "on-error=report would have let the guest go on");
	vm_stop(d->vm, VM_FAILED, 0, &e);
}

void vfio_lose(struct vfio_device *d, const char *why)
{
	if (d->health == VFIO_LOST)
		return;
	d->health = VFIO_LOST;
	report_loss(d, why);
	if (d->reset.busy) /* quiet already, and its worker's */
		return;
	pci_bars_unmap(&d->pci);
	/* decode off in our copy, or the next update would map again */
	pci_config_set(&d->pci, PCI_COMMAND, 2, 0);
	vfio_irqs_quiesce(d);
}

void vfio_is_well(struct vfio_device *d)
{
	if (d->health != VFIO_LOST)
		d->health = VFIO_OK;
}

/* on-error=reset. False: it is not wanted, or has been tried enough. */
static bool recover(struct vfio_device *d, const char *why)
{
	uint64_t now = sys_now_ns();

	if (d->opt.on_error != VFIO_ON_ERROR_RESET)
		return false;
	if (d->recoveries == 0 || now - d->recovering_since >= RECOVERY_NS) {
		d->recoveries = 0;
		d->recovering_since = now;
	}
	if (d->recoveries == MOST_RECOVERIES)
		return false;
	d->recoveries++;
	log_warn("vfio: %s: %s; it is reset now", vfio_name(d), why);
	vfio_reset_ask(d, VFIO_RESET_ERROR);
	return true;
}

static void give_up(struct vfio_device *d, const char *why)
{
	if (!recover(d, why))
		vfio_lose(d, why);
}

bool vfio_alive(struct vfio_device *d)
{
	if (d->reset.busy)
		return false;
	if (d->health == VFIO_SUSPECT &&
	    sys_now_ns() - d->suspect_since >= CONFIRM_NS) {
		if (answers(d))
			d->health = VFIO_OK;
		else
			give_up(d, d->dev->raw
					   ? "the function does not answer any "
					     "more"
					   : "the function does not answer any "
					     "more (dmesg of the host may say "
					     "why)");
	}
	return d->health != VFIO_LOST && !d->reset.busy;
}

/* -------- ERR and REQ, and the end: main thread -------- */

static void gone(struct vfio_dev_listener *l, const char *why)
{
	struct vfio_device *d = container_of(l, struct vfio_device, listener);

	pthread_mutex_lock(&d->pci.lock);
	vfio_lose(d, why);
	pthread_mutex_unlock(&d->pci.lock);
}

/* A vCPU may have the lock for long, or nearly always; signals and the time
 * limit do not wait for that. */
static bool lock_now(struct vfio_device *d)
{
	if (pthread_mutex_trylock(&d->pci.lock) == 0)
		return true;
	(void)sys_timerfd_arm(d->look_fd, LOCKED_NS);
	return false;
}

static void reset_after_error(struct vfio_device *d)
{
	d->error_waits = !lock_now(d);
	if (d->error_waits)
		return;
	if (!d->reset.busy && d->health != VFIO_LOST)
		give_up(d, "the function reported an uncorrectable error");
	pthread_mutex_unlock(&d->pci.lock);
}

static void error_reported(struct loop_fd *f, uint32_t events)
{
	struct vfio_device *d = container_of(f, struct vfio_device, err_watch);
	struct err e = ERR_NONE;

	if (sys_eventfd_drain(f->fd) == 0)
		return;
	if (d->opt.on_error == VFIO_ON_ERROR_REPORT) {
		log_limited(&d->error_limit, LOG_ERROR,
			    "vfio: %s: the function reported an uncorrectable "
			    "error; data may be wrong",
			    vfio_name(d));
		return;
	}
	if (d->opt.on_error == VFIO_ON_ERROR_RESET) {
		reset_after_error(d);
		return;
	}
	(void)err_set(&e, -EIO,
		      "vfio: %s: the function reported an uncorrectable error",
		      vfio_name(d));
	err_hint(&e, "dmesg of the host has the details (AER)");
	/* Before the lock: who holds it may wait for this very function, and
	 * waits no longer once the VM ends. */
	vm_stop(d->vm, VM_FAILED, 0, &e);
	pthread_mutex_lock(&d->pci.lock);
	pci_bars_unmap(&d->pci);
	pthread_mutex_unlock(&d->pci.lock);
}

static void release_wanted(struct loop_fd *f, uint32_t events)
{
	struct vfio_device *d = container_of(f, struct vfio_device, req_watch);
	struct err e = ERR_NONE;

	if (sys_eventfd_drain(f->fd) == 0)
		return;
	if (d->opt.on_request == VFIO_ON_REQUEST_REPORT) {
		log_limited(&d->req_limit, LOG_WARN,
			    "vfio: %s: the host wants the function back and "
			    "waits: shut the guest down to release it",
			    vfio_name(d));
		return;
	}
	(void)err_set(&e, -ECANCELED,
		      "vfio: %s: the host wants the function back",
		      vfio_name(d));
	err_hint(&e, "on-request=report would have kept it, and whoever wants "
		     "it waiting");
	vm_stop(d->vm, VM_RECLAIMED, 0, &e);
}

/* An index that the function does not have is fine: @fd stays -1. */
static int watch(struct vfio_device *d, unsigned index, int *fd,
		 struct loop_fd *w, loop_handler *handler, struct err *e)
{
	struct vfio_irq_facts f;
	int rc;

	if (index >= d->dev->n_irqs ||
	    d->dev->ops->irq_info(d->dev, index, &f, NULL) < 0 || f.count != 1)
		return 0;
	*fd = sys_eventfd();
	if (*fd < 0)
		return err_sys(e, *fd, "no eventfd");
	rc = d->dev->ops->irqs(d->dev, index, 0, 1, fd, e);
	if (rc < 0)
		return rc;
	*w = (struct loop_fd){ .handler = handler, .fd = *fd };
	return loop_add(&d->vm->loop, w, EPOLLIN, e);
}

/* A server's end is heard of, so only the kernel's functions are looked at. */
static void look(struct loop_fd *f, uint32_t events)
{
	struct vfio_device *d = container_of(f, struct vfio_device, look_timer);
	bool alive;

	/* it stays readable until it is set anew */
	(void)sys_timerfd_arm(f->fd, 0);
	if (d->error_waits)
		reset_after_error(d);
	if (d->error_waits || d->dev->raw || !lock_now(d))
		return;
	if (!d->reset.busy && d->health == VFIO_OK && !answers(d))
		vfio_suspect(d);
	alive = d->reset.busy || vfio_alive(d);
	pthread_mutex_unlock(&d->pci.lock);
	if (alive)
		(void)sys_timerfd_arm(f->fd, LOOK_NS);
}

static int start_looking(struct vfio_device *d, struct err *e)
{
	int rc;

	if (d->opt.on_error != VFIO_ON_ERROR_STOP &&
	    d->opt.on_error != VFIO_ON_ERROR_RESET)
		return 0;
	d->look_fd = sys_timerfd();
	if (d->look_fd < 0)
		return err_sys(e, d->look_fd, "no timer");
	d->look_timer = (struct loop_fd){ .handler = look, .fd = d->look_fd };
	rc = loop_add(&d->vm->loop, &d->look_timer, EPOLLIN, e);
	if (rc < 0 || d->dev->raw)
		return rc;
	rc = sys_timerfd_arm(d->look_fd, LOOK_NS);
	return rc < 0 ? err_sys(e, rc, "no timer") : 0;
}

int vfio_health_open(struct vfio_device *d, struct err *e)
{
	int rc;

	d->listener.gone = gone;
	d->dev->listener = &d->listener;
	rc = watch(d, VFIO_PCI_ERR_IRQ_INDEX, &d->err_fd, &d->err_watch,
		   error_reported, e);
	if (rc < 0)
		return err_in(e, rc, "error events");
	rc = watch(d, VFIO_PCI_REQ_IRQ_INDEX, &d->req_fd, &d->req_watch,
		   release_wanted, e);
	if (rc < 0)
		return err_in(e, rc, "release requests");
	return start_looking(d, e);
}

static void unwatch(struct vfio_device *d, unsigned index, int *fd,
		    struct loop_fd *w)
{
	if (*fd < 0)
		return;
	loop_remove(&d->vm->loop, w);
	(void)d->dev->ops->irqs(d->dev, index, 0, 0, NULL, NULL);
	sys_close(fd);
}

void vfio_health_close(struct vfio_device *d)
{
	loop_remove(&d->vm->loop, &d->look_timer);
	sys_close(&d->look_fd);
	unwatch(d, VFIO_PCI_REQ_IRQ_INDEX, &d->req_fd, &d->req_watch);
	unwatch(d, VFIO_PCI_ERR_IRQ_INDEX, &d->err_fd, &d->err_watch);
}

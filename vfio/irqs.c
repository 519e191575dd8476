/* vfio/irqs.c - INTx, MSI and MSI-X between VFIO and KVM
 *
 * An interrupt is an eventfd: VFIO signals it, KVM's irqfd takes it and
 * injects. pcie/msi.c, pcie/msix.c and vmm/irq.c own KVM's half; this file
 * ties the same eventfds to VFIO's.
 *
 * The kernel lets one of the three be on at a time, so the mode changes
 * through "none": INTx is off before messages come on, and back when they are
 * gone. INTx is level triggered: VFIO masks the line at each interrupt, and
 * KVM's resample eventfd, signalled when the guest ends the interrupt, unmasks
 * it, without us. Drivers of mediated devices may know no eventfd for that;
 * then the event loop listens to KVM's and unmasks. Some of them forget an
 * interrupt that comes while the line is masked (samples/vfio-mdev/mtty.c), so
 * an access of the guest to their registers, which may bring the next one, does
 * not overtake the loop: it unmasks first if there is an end to tell.
 */
#include <string.h>

#include "pcie/intx.h"
#include "vfio/internal.h"
#include "vfio/trace.h"
#include "vmm/base/sys.h"

enum { ENDED_WAIT_MS = 1 };

static const char *const mode_names[] = { "none", "INTx", "MSI", "MSI-X" };

const char *vfio_irq_mode_name(enum vfio_irq_mode mode)
{
	return mode_names[mode];
}

static void set_mode(struct vfio_device *d, enum vfio_irq_mode mode)
{
	trace_vfio_irq_mode(vfio_name(d), mode_names[d->irqs.mode],
			    mode_names[mode]);
	d->irqs.mode = mode;
}

static void index_off(struct vfio_device *d, unsigned index)
{
	if (index == VFIO_PCI_INTX_IRQ_INDEX)
		host_irqs_keep_intx(&d->irqs.host, vfio_name(d));
	else
		host_irqs_keep_messages(&d->irqs.host, vfio_name(d));
	(void)d->dev->ops->irqs(d->dev, index, 0, 0, NULL, NULL);
}

/* -------- INTx -------- */

void vfio_irqs_unmask_ended(struct vfio_device *d)
{
	if (!d->irqs.ended.listed || d->irqs.mode != VFIO_IRQ_INTX ||
	    sys_eventfd_drain(d->irqs.ended.fd) == 0)
		return;
	(void)d->dev->ops->intx_unmask(d->dev, -1, NULL);
	counter_add_owned(&d->irqs.ends, 1);
}

/* The guest ended an interrupt. */
static void intx_ended(struct loop_fd *f, uint32_t events)
{
	struct vfio_device *d = container_of(f, struct vfio_device, irqs.ended);

	/* A vCPU may have the lock nearly always, and signals are heard by this
	 * thread: the eventfd stays readable, and the loop comes back. */
	if (pthread_mutex_trylock(&d->pci.lock) != 0) {
		sys_sleep_ms(ENDED_WAIT_MS);
		return;
	}
	vfio_irqs_unmask_ended(d);
	pthread_mutex_unlock(&d->pci.lock);
}

/* Drivers differ in what they answer to an eventfd that they do not take. */
static bool is_not_taken(int rc)
{
	return rc == -ENOTTY || rc == -EINVAL || rc == -ENOTSUP;
}

/* From now on the end of an interrupt unmasks the line. */
static int unmask_at_end(struct vfio_device *d, struct err *e)
{
	int fd = d->irqs.line.resample_fd;
	struct err why = ERR_NONE;
	int rc = d->dev->ops->intx_unmask(d->dev, fd, &why);

	if (rc >= 0)
		return rc;
	if (!is_not_taken(rc)) {
		*e = why;
		return rc;
	}
	trace_vfio_intx(vfio_name(d), d->irqs.line.gsi, "ends in our loop");
	d->irqs.ended = (struct loop_fd){ .handler = intx_ended, .fd = fd };
	return loop_add(&d->vm->loop, &d->irqs.ended, EPOLLIN, e);
}

static int intx_tie(struct vfio_device *d, struct err *e)
{
	struct irq_line *l = &d->irqs.line;
	const struct vfio_dev_ops *ops = d->dev->ops;
	int rc;

	/* Masked until KVM listens, or the first interrupt would mask the line
	 * with nobody there to end it. VFIO-INTX-01. */
	rc = ops->irqs(d->dev, VFIO_PCI_INTX_IRQ_INDEX, 0, 1, &l->fd, e);
	if (rc >= 0)
		rc = ops->intx_mask(d->dev, e);
	if (rc >= 0)
		rc = irq_line_attach(l, e);
	if (rc >= 0)
		rc = unmask_at_end(d, e);
	if (rc >= 0)
		rc = ops->intx_unmask(d->dev, -1, e);
	return rc;
}

static void intx_untie(struct vfio_device *d)
{
	struct irq_line *l = &d->irqs.line;

	(void)d->dev->ops->intx_mask(d->dev, NULL);
	loop_remove(&d->vm->loop, &d->irqs.ended);
	irq_line_detach(l); /* KVM lowers the line */
	index_off(d, VFIO_PCI_INTX_IRQ_INDEX);
	/* what was on its way is not for the next user */
	(void)sys_eventfd_drain(l->fd);
	(void)sys_eventfd_drain(l->resample_fd);
}

static int intx_on(struct vfio_device *d, struct err *e)
{
	int rc;

	if (!d->irqs.has_intx || d->irqs.line.fd < 0 ||
	    d->irqs.mode != VFIO_IRQ_NONE || d->health == VFIO_LOST)
		return 0;
	rc = intx_tie(d, e);
	if (rc < 0) {
		intx_untie(d);
		return rc;
	}
	host_irqs_begin_intx(&d->irqs.host, vfio_name(d));
	trace_vfio_intx(vfio_name(d), d->irqs.line.gsi, "on");
	set_mode(d, VFIO_IRQ_INTX);
	return 0;
}

static void intx_off(struct vfio_device *d)
{
	if (d->irqs.mode != VFIO_IRQ_INTX)
		return;
	intx_untie(d);
	trace_vfio_intx(vfio_name(d), d->irqs.line.gsi, "off");
	set_mode(d, VFIO_IRQ_NONE);
}

void vfio_irqs_rearm(struct vfio_device *d)
{
	struct err e = ERR_NONE;

	if (intx_on(d, &e) < 0)
		log_limited(&d->irqs.limit, LOG_WARN,
			    "vfio: %s: INTx stays off: %s", vfio_name(d),
			    e.text);
}

/* -------- MSI -------- */

static uint32_t msi_flags(const struct vfio_device *d)
{
	return pci_config_load(&d->pci, d->msi_at + PCI_MSI_FLAGS, 2);
}

static int source_msi_start(struct msi *m, unsigned n, const int *fds,
			    struct err *e)
{
	struct vfio_device *d = vfio_of(m->dev);
	int rc;

	vfio_costly(d);
	intx_off(d);
	rc = d->dev->ops->irqs(d->dev, VFIO_PCI_MSI_IRQ_INDEX, 0, n, fds, e);
	if (rc != 0) {
		vfio_irqs_rearm(d);
		return rc;
	}
	set_mode(d, VFIO_IRQ_MSI);
	/* the kernel drops the enable bit unless MSI is on already */
	(void)vfio_config_put(d, d->msi_at + PCI_MSI_FLAGS, 2,
			      msi_flags(d) | PCI_MSI_FLAGS_ENABLE);
	return 0;
}

static void source_msi_stop(struct msi *m)
{
	struct vfio_device *d = vfio_of(m->dev);

	if (d->irqs.mode != VFIO_IRQ_MSI)
		return;
	(void)vfio_config_put(d, d->msi_at + PCI_MSI_FLAGS, 2,
			      msi_flags(d) & ~(uint32_t)PCI_MSI_FLAGS_ENABLE);
	index_off(d, VFIO_PCI_MSI_IRQ_INDEX);
	set_mode(d, VFIO_IRQ_NONE);
	vfio_irqs_rearm(d);
}

static void source_msi_changes(struct msi *m)
{
	vfio_message_changes(vfio_of(m->dev));
}

static const struct msi_ops vfio_msi_ops = {
	.start = source_msi_start,
	.stop = source_msi_stop,
	.changes = source_msi_changes,
};

/* -------- MSI-X -------- */

static int msix_set(struct vfio_device *d, unsigned first, unsigned n,
		    const int *fds, struct err *e)
{
	int rc = d->dev->ops->irqs(d->dev, VFIO_PCI_MSIX_IRQ_INDEX, first, n,
				   fds, e);

	if (rc <= 0)
		return rc;
	return err_set(e, -ENOSPC,
		       "the host has only %d interrupt vectors left "
		       "for it, not %u",
		       rc, first + n);
}

/* A kernel keeps the enable bit in step with its interrupts; where there is
 * none, it is ours to do (VFIO-VU-01). The guest's mask-all stays with us. */
static void enable_bit(struct vfio_device *d, bool on)
{
	unsigned at = d->msix_at + PCI_MSIX_FLAGS;
	uint32_t v = pci_config_load(&d->pci, at, 2) & PCI_MSIX_FLAGS_QSIZE;

	if (on)
		v |= PCI_MSIX_FLAGS_ENABLE;
	if (d->dev->raw)
		(void)vfio_config_put(d, at, 2, v);
}

/* The hardware goes into MSI-X mode at once, without a vector in use: some
 * firmware looks at the enable bit. */
static int source_msix_start(struct msix *x, struct err *e)
{
	struct vfio_device *d = vfio_of(x->dev);
	const int none = -1;
	int rc;

	vfio_costly(d);
	intx_off(d);
	memset(d->irqs.msix_fd, 0xff, sizeof(d->irqs.msix_fd));
	rc = msix_set(d, 0, 1, &none, e);
	if (rc < 0) {
		vfio_irqs_rearm(d);
		return rc;
	}
	d->irqs.msix_room = d->irqs.msix_fixed ? 1 : x->n;
	set_mode(d, VFIO_IRQ_MSIX);
	enable_bit(d, true);
	return 0;
}

/* VFIO_IRQ_INFO_NORESIZE: vectors exist as allocated when the index went on.
 * More of them means off and on again, with all eventfds in one call. */
static int allocate(struct vfio_device *d, unsigned room, struct err *e)
{
	index_off(d, VFIO_PCI_MSIX_IRQ_INDEX);
	return msix_set(d, 0, room, d->irqs.msix_fd, e);
}

static unsigned with_headroom(const struct vfio_device *d, unsigned need)
{
	unsigned room = (unsigned)doubled_to(8, need);

	return room < d->irqs.msix.n ? room : d->irqs.msix.n;
}

/* Interrupts that came while the index was off are lost; the guest's driver
 * finds nothing to do, or what it would have waited for. */
static void kick_live(struct vfio_device *d, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (d->irqs.msix_fd[i] >= 0)
			sys_eventfd_signal(d->irqs.msix_fd[i]);
	}
}

static int grow(struct vfio_device *d, unsigned need, struct err *e)
{
	unsigned old = d->irqs.msix_room;
	unsigned room = with_headroom(d, need);
	struct err scratch = ERR_NONE;
	int rc;

	vfio_costly(d);
	rc = allocate(d, room, &scratch);

	if (rc < 0 && room != need) {
		room = need;
		rc = allocate(d, room, e);
	} else if (rc < 0) {
		*e = scratch;
	}
	if (rc >= 0)
		d->irqs.msix_room = room;
	else if (allocate(d, old, &scratch) < 0)
		log_limited(&d->irqs.limit, LOG_WARN,
			    "vfio: %s: MSI-X vectors are lost: %s",
			    vfio_name(d), scratch.text);
	kick_live(d, old);
	return rc;
}

static int source_msix_vectors(struct msix *x, unsigned first, unsigned n,
			       const int *fds, struct err *e)
{
	struct vfio_device *d = vfio_of(x->dev);
	int *have = d->irqs.msix_fd + first;
	int rc = 0;

	if (first + n > d->irqs.msix_room)
		rc = grow(d, first + n, e);
	if (rc >= 0)
		rc = msix_set(d, first, n, fds, e);
	if (rc >= 0) {
		memcpy(have, fds, n * sizeof(*fds));
		return 0;
	}
	/* The kernel takes all of a failed block down. */
	memset(have, 0xff, n * sizeof(*have));
	err_hint(e, "the host is short of interrupt vectors: use fewer queues, "
		    "or more CPUs in the host");
	return rc;
}

static void source_msix_stop(struct msix *x)
{
	struct vfio_device *d = vfio_of(x->dev);

	if (d->irqs.mode != VFIO_IRQ_MSIX)
		return;
	enable_bit(d, false);
	index_off(d, VFIO_PCI_MSIX_IRQ_INDEX);
	d->irqs.msix_room = 0;
	set_mode(d, VFIO_IRQ_NONE);
	vfio_irqs_rearm(d);
}

static void source_msix_changes(struct msix *x)
{
	vfio_message_changes(vfio_of(x->dev));
}

static const struct msix_ops vfio_msix_ops = {
	.start = source_msix_start,
	.vectors = source_msix_vectors,
	.stop = source_msix_stop,
	.changes = source_msix_changes,
};

/* -------- life -------- */

static int count_of(struct vfio_device *d, unsigned index,
		    struct vfio_irq_facts *f, struct err *e)
{
	*f = (struct vfio_irq_facts){ 0 };
	if (index >= d->dev->n_irqs)
		return 0;
	return d->dev->ops->irq_info(d->dev, index, f, e);
}

int vfio_irqs_probe(struct vfio_device *d, struct err *e)
{
	struct vfio_irq_facts intx, msi, msix;
	uint8_t pin = d->seen[PCI_INTERRUPT_PIN];
	int rc = count_of(d, VFIO_PCI_INTX_IRQ_INDEX, &intx, e);

	if (rc >= 0)
		rc = count_of(d, VFIO_PCI_MSI_IRQ_INDEX, &msi, e);
	if (rc >= 0)
		rc = count_of(d, VFIO_PCI_MSIX_IRQ_INDEX, &msix, e);
	if (rc < 0)
		return rc;
	d->irqs.has_intx = intx.count != 0 && pin >= 1 && pin <= 4;
	d->irqs.n_msi = msi.count;
	d->irqs.n_msix = msix.count;
	d->irqs.msix_fixed = msix.flags & VFIO_IRQ_INFO_NORESIZE;
	return 0;
}

int vfio_irqs_open(struct vfio_device *d, struct err *e)
{
	unsigned most = d->irqs.n_msix;
	int rc;

	if (most < d->irqs.n_msi)
		most = d->irqs.n_msi;
	if (d->vm->counting && !d->dev->raw && !d->dev->mediated)
		host_irqs_init(&d->irqs.host, most);
	if (d->msi_at) {
		msi_init(&d->irqs.msi, &d->pci, &d->vm->irq, d->msi_at,
			 &vfio_msi_ops);
		d->irqs.has_msi = true;
	}
	if (!d->msix_at && d->opt.msix_reloc != VFIO_RELOC_OFF)
		log_warn("vfio: %s: msix-reloc has no effect: the guest sees "
			 "no MSI-X",
			 vfio_name(d));
	if (!d->msix_at)
		return 0;
	rc = msix_init(&d->irqs.msix, &d->pci, &d->vm->irq, d->msix_at,
		       &vfio_msix_ops, e);
	d->irqs.has_msix = rc >= 0;
	return rc;
}

/* Without a working line the pin reads 0: the guest then does not try. */
static int no_intx(struct vfio_device *d, int rc, struct err *e)
{
	d->irqs.has_intx = false;
	pci_config_set(&d->pci, PCI_INTERRUPT_PIN, 1, 0);
	if (!d->irqs.has_msi && !d->irqs.has_msix) {
		if (rc == -EBUSY)
			err_hint(e, "its host interrupt line may be shared "
				    "with a device that cannot share: "
				    "/proc/interrupts");
		return err_in(e, rc, "INTx is its only interrupt");
	}
	log_warn("vfio: %s: no INTx, messages only: %s", vfio_name(d), e->text);
	*e = ERR_NONE;
	return 0;
}

int vfio_irqs_wire(struct vfio_device *d, struct err *e)
{
	unsigned pin = d->pci.config[PCI_INTERRUPT_PIN];
	unsigned gsi;
	int rc;

	if (!d->irqs.has_intx)
		return 0;
	if (!d->vm->caps.resample)
		return no_intx(d,
			       err_set(e, -ENOTSUP,
				       "this kernel's KVM lacks "
				       "KVM_CAP_IRQFD_RESAMPLE"),
			       e);
	gsi = intx_gsi(&d->pci, pin);
	rc = irq_line_open(&d->irqs.line, &d->vm->irq, gsi, e);
	if (rc < 0)
		return rc;
	pci_config_set(&d->pci, PCI_INTERRUPT_LINE, 1, gsi);
	rc = intx_on(d, e);
	return rc < 0 ? no_intx(d, rc, e) : 0;
}

void vfio_irqs_quiesce(struct vfio_device *d)
{
	/* stopping messages brings INTx back, so that goes last */
	if (d->irqs.has_msi)
		msi_reset(&d->irqs.msi);
	if (d->irqs.has_msix)
		msix_reset(&d->irqs.msix);
	intx_off(d);
}

void vfio_irqs_close(struct vfio_device *d)
{
	d->irqs.has_intx = false; /* it does not come back now */
	intx_off(d);
	if (d->irqs.has_msi)
		msi_fini(&d->irqs.msi);
	if (d->irqs.has_msix)
		msix_fini(&d->irqs.msix);
	d->irqs.has_msi = d->irqs.has_msix = false;
	irq_line_close(&d->irqs.line);
	host_irqs_fini(&d->irqs.host);
}

/* vfio/counts.c - see counts.h */
#include "vfio/counts.h"

#include "vfio/internal.h"

static const char *const causes[VFIO_RESET_CAUSES] = {
	[VFIO_RESET_FUNCTION] = "function level reset by the guest",
	[VFIO_RESET_BUS_ABOVE] = "secondary bus reset by the guest",
	[VFIO_RESET_ERROR] = "on-error=reset",
	[VFIO_RESET_PLATFORM] = "platform",
};

const char *vfio_reset_cause(unsigned i)
{
	return causes[i];
}

void vfio_count_reset(struct vfio_device *d, enum vfio_reset_why why, int rc)
{
	struct vfio_reset_count *c = &d->resets[why];

	counter_add_owned(rc < 0 ? &c->failed : &c->done, 1);
}

void vfio_device_counts(const struct vfio_device *d, struct vfio_counts *out)
{
	/* It may change meanwhile; what is asked for then is not there. */
	enum vfio_irq_mode mode = d->irqs.mode;

	*out = (struct vfio_counts){
		.mode = vfio_irq_mode_name(mode),
		.line = &d->irqs.line,
		.ends = &d->irqs.ends,
		.resets = d->resets,
		.n_resets = VFIO_RESET_CAUSES,
	};
	if (!d->irqs.host.vector)
		return;
	host_irqs_init(&out->host, d->irqs.host.n);
	host_irqs_copy(&out->host, &d->irqs.host);
	if (mode == VFIO_IRQ_INTX)
		host_irqs_keep_intx(&out->host, vfio_name(d));
	else if (mode != VFIO_IRQ_NONE)
		host_irqs_keep_messages(&out->host, vfio_name(d));
}

/* vfio/counts.h - what an assigned function counted, for reports
 *
 * Config accesses, accesses to BARs and vectors are counted where they are
 * modelled: struct pci_device and what hangs from it.
 */
#ifndef VFIO_COUNTS_H
#define VFIO_COUNTS_H

#include "vfio/host_irqs.h"
#include "vmm/base/counter.h"

struct irq_line;
struct vfio_device;

struct vfio_reset_count {
	counter done, failed;
};

struct vfio_counts {
	const char *mode; /* "none", "INTx", "MSI" or "MSI-X" */
	const struct irq_line *line;
	const counter *ends; /* of INTx that the loop told its driver */
	const struct vfio_reset_count *resets; /* n_resets of them */
	unsigned n_resets;
	/* host_irqs_fini is the caller's; without vectors: not counted */
	struct host_irqs host;
};

/* What the @i-th of resets is about. */
const char *vfio_reset_cause(unsigned i);
/* Any thread, without a lock; borrows from @d, and asks the host. */
void vfio_device_counts(const struct vfio_device *d, struct vfio_counts *out);

#endif

/* pcie/msix.h - the MSI-X capability, its table and its pending bits
 *
 *     guest writes table entry        guest writes Message Control
 *               |                               |
 *               v                               v
 *        effective mask of a vector = not enabled, or function mask,
 *                                     or entry mask, or message refused
 *               |
 *     masked -> unmasked: route set, one commit for all that changed,
 *                         irqfds, then ops->vectors (one call for the range)
 *     unmasked -> masked: irqfd away; events collect in the eventfd, and
 *                         that is the pending bit
 *
 * Vectors are made at first use, so a function with 2048 of them costs what is
 * used. A vector whose message KVM would refuse is tied to its source but gets
 * no irqfd: its events stay pending. Physical table and PBA are never shown to
 * the guest. All calls with dev->lock held.
 */
#ifndef PCIE_MSIX_H
#define PCIE_MSIX_H

#include "pcie/pci.h"
#include "vmm/base/trace.h"
#include "vmm/irq.h"

enum { MSIX_MAX = 2048, MSIX_ENTRY = 16 };

struct msix_ops {
	/* Enable went 0 -> 1: put the source into MSI-X mode, with no vector.
	 * Negative errno: interrupts of this function stay off, one warning. */
	int (*start)(struct msix *x, struct err *e);
	/* Vectors [first, first + n) have eventfds now (fds[i], -1 for a vector
	 * not in use): tie them to the source, replacing what was there.
	 * Called for the smallest range that covers what is new. */
	int (*vectors)(struct msix *x, unsigned first, unsigned n,
		       const int *fds, struct err *e);
	/* Enable went 1 -> 0, or reset: take the source out of MSI-X mode. */
	void (*stop)(struct msix *x);
	/* KVM is about to get other messages, by the guest's wish: may take a
	 * moment, if that comes too often. NULL: never does. */
	void (*changes)(struct msix *x);
};

struct msix_vector {
	struct msi_route route;
	bool used;    /* route has an eventfd, known to ops->vectors */
	bool open;    /* effectively unmasked: KVM listens */
	bool fresh;   /* while a batch runs: to be shown to ops->vectors */
	bool refused; /* KVM would not take its message */
};

struct msix {
	struct pci_device *dev;
	struct irq *irq;
	const struct msix_ops *ops;
	unsigned offset; /* of the capability */
	unsigned n;
	uint8_t table_bar, pba_bar;
	uint32_t table_off, pba_off;
	bool enabled;	/* Enable as last acted upon */
	bool on;	/* ops->start succeeded */
	uint8_t *table; /* n * 16 bytes */
	struct msix_vector *vectors;
	struct log_limit limit;
};

/* The capability's bytes are in d->config at @offset, validated by
 * msix_geometry. Sets masks: only Enable and Function Mask are writable; and
 * d->msix. */
int msix_init(struct msix *x, struct pci_device *d, struct irq *irq,
	      unsigned offset, const struct msix_ops *ops, struct err *e);
/* Safe on a zeroed one, and twice. */
void msix_fini(struct msix *x);
/* VFIO-MSIX-11: check BIR, and that table and PBA are inside memory BARs and
 * do not overlap; bar_size[6] gives 0 for what is no memory BAR. */
int msix_geometry(const uint8_t *config, unsigned offset,
		  const uint64_t *bar_size, struct err *e);
static inline uint64_t msix_pba_size(unsigned n)
{
	return (n + 63) / 64 * 8;
}

bool msix_enabled(const struct msix *x);
/* The guest wrote [off, off + len) of config space. */
void msix_changed(struct msix *x, unsigned off, unsigned len);
/* Off, but the registers stay: MSI was enabled as well, the newest wins. */
void msix_suspend(struct msix *x);
/* Off, registers and table to power-on values. */
void msix_reset(struct msix *x);

/* Is [off, off + len) of BAR @bar part of the table or the PBA? */
bool msix_owns(const struct msix *x, unsigned bar, uint64_t off, unsigned len);
/* An access for which msix_owns said yes. Any width. */
uint64_t msix_read(struct msix *x, unsigned bar, uint64_t off, unsigned len);
void msix_write(struct msix *x, unsigned bar, uint64_t off, unsigned len,
		uint64_t v);

#endif

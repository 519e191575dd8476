/* pcie/msi.h - the MSI capability: up to 32 messages from config space
 *
 * Models address, data and enable; each of 1 << MME vectors has a route whose
 * data carries the vector in its low bits (PCIe 6.2 7.7.1). The owner, an
 * assigned function, ties the routes' eventfds to its interrupt source when
 * told. All calls with dev->lock held.
 */
#ifndef PCIE_MSI_H
#define PCIE_MSI_H

#include "pcie/pci.h"
#include "vmm/base/trace.h"
#include "vmm/irq.h"

enum { MSI_MAX = 32 };

struct msi_ops {
	/* @n routes are there (committed and unmasked): tie fds[0..n) to the
	 * source. Returns 0, or how many vectors exist if fewer (the caller
	 * tries again with a power of two), or negative errno: MSI stays off.
	 */
	int (*start)(struct msi *m, unsigned n, const int *fds, struct err *e);
	/* Before the routes go. */
	void (*stop)(struct msi *m);
	/* KVM is about to get another message, by the guest's wish: may take a
	 * moment, if that comes too often. NULL: never does. */
	void (*changes)(struct msi *m);
};

struct msi {
	struct pci_device *dev;
	struct irq *irq;
	const struct msi_ops *ops;
	unsigned offset; /* of the capability */
	unsigned n;	 /* vectors running, 0: off */
	unsigned asked;	 /* vectors the guest enabled, n or more; 0: none */
	struct msi_route route[MSI_MAX];
	struct log_limit limit;
};

/* The capability's bytes are in d->config at @offset; sets its masks (the mask
 * and pending words, if any, stay as the caller set them) and d->msi. */
void msi_init(struct msi *m, struct pci_device *d, struct irq *irq,
	      unsigned offset, const struct msi_ops *ops);
/* Safe on a zeroed one, and twice. */
void msi_fini(struct msi *m);
/* Bytes of the capability: 10, 14, 20 or 24 by its flags. */
unsigned msi_cap_size(uint16_t flags);
bool msi_enabled(const struct msi *m);
/* The guest wrote [off, off + len) of config space. */
void msi_changed(struct msi *m, unsigned off, unsigned len);
/* Off, but the registers stay: MSI-X was enabled as well, the newest wins. Goes
 * on when the guest enables MSI again. */
void msi_suspend(struct msi *m);
/* Off, registers to power-on values; ops->stop is called if it ran. */
void msi_reset(struct msi *m);

#endif

/* pcie/trace.h - what is worth watching in config space and interrupts */
#ifndef PCIE_TRACE_H
#define PCIE_TRACE_H

#include <inttypes.h>

#include "pcie/names.h"
#include "pcie/pci.h"
#include "vmm/base/trace.h"
#include "vmm/irq.h"

/* -------- config space -------- */

TRACE_POINT(PCI, config_read,
	    (const struct pci_device *d, unsigned off, unsigned len,
	     uint32_t v),
	    "%s read  %#05x/%u %s = %#" PRIx32, pci_bdf(d, PCI_NAME), off, len,
	    pci_register_name(d, off, PCI_NAME), v)
TRACE_POINT(PCI, config_write,
	    (const struct pci_device *d, unsigned off, unsigned len,
	     uint32_t v),
	    "%s write %#05x/%u %s = %#" PRIx32, pci_bdf(d, PCI_NAME), off, len,
	    pci_register_name(d, off, PCI_NAME), v)
TRACE_POINT(PCI, bar_map, (const struct pci_bar *b, uint64_t at),
	    "%s %s decodes at %#" PRIx64 " size %#" PRIx64,
	    pci_bdf(b->dev, PCI_NAME), pci_bar_name(b->index, PCI_NAME), at,
	    b->size)
TRACE_POINT(PCI, bar_unmap, (const struct pci_bar *b), "%s %s leaves %#" PRIx64,
	    pci_bdf(b->dev, PCI_NAME), pci_bar_name(b->index, PCI_NAME),
	    b->region.base)
TRACE_POINT(PCI, ecam, (const struct range *r),
	    "ECAM at %#" PRIx64 " size %#" PRIx64, r->base, r->size)
TRACE_POINT(PCI, windows,
	    (const struct pci_device *port, const struct pci_windows *w),
	    "%s forwards io %#" PRIx64 "+%#" PRIx64 "%s mem %#" PRIx64
	    "+%#" PRIx64 " pref %#" PRIx64 "+%#" PRIx64 "%s",
	    pci_bdf(port, PCI_NAME), w->io.base, w->io.size,
	    w->io_on ? "" : " (off)", w->mem.base, w->mem.size, w->pref.base,
	    w->pref.size, w->mem_on ? "" : " (off)")
TRACE_POINT(PCI, reset, (const struct pci_device *d), "%s reset",
	    pci_bdf(d, PCI_NAME))

/* -------- what firmware would do -------- */

TRACE_POINT(BOOT, assign_bar, (const struct pci_bar *b, uint64_t at),
	    "%s %s = %#" PRIx64 " size %#" PRIx64, b->dev->name,
	    pci_bar_name(b->index, PCI_NAME), at, b->size)

/* -------- messages -------- */

TRACE_POINT(MSI, msi_on,
	    (const struct pci_device *d, unsigned n, unsigned asked),
	    "%s MSI on, %u of %u vectors", pci_bdf(d, PCI_NAME), n, asked)
TRACE_POINT(MSI, msi_off, (const struct pci_device *d), "%s MSI off",
	    pci_bdf(d, PCI_NAME))
TRACE_POINT(MSI, msix_on, (const struct pci_device *d), "%s MSI-X on",
	    pci_bdf(d, PCI_NAME))
TRACE_POINT(MSI, msix_off, (const struct pci_device *d), "%s MSI-X off",
	    pci_bdf(d, PCI_NAME))
TRACE_POINT(MSI, vector_open,
	    (const struct pci_device *d, unsigned i, const struct msi_route *r),
	    "%s vector %u -> gsi %d addr=%#" PRIx64 " data=%#" PRIx32
	    " unmasked",
	    pci_bdf(d, PCI_NAME), i, r->gsi, r->msg.address, r->msg.data)
TRACE_POINT(MSI, vector_mask, (const struct pci_device *d, unsigned i),
	    "%s vector %u masked", pci_bdf(d, PCI_NAME), i)

/* -------- the guest did what hardware would not expect -------- */

TRACE_POINT(GUEST, bar_waits, (const struct pci_bar *b, const char *why),
	    "%s %s cannot decode: %s", pci_bdf(b->dev, PCI_NAME),
	    pci_bar_name(b->index, PCI_NAME), why)
TRACE_POINT(GUEST, ecam_waits, (const char *why), "ECAM unmapped: %s", why)
TRACE_POINT(GUEST, cf8_ignored, (uint64_t port, unsigned len, uint64_t v),
	    "port %#" PRIx64 "/%u = %#" PRIx64 " ignored", port, len, v)
TRACE_POINT(GUEST, message_refused,
	    (const struct pci_device *d, unsigned i, const struct msi_msg *m),
	    "%s vector %u refused addr=%#" PRIx64 " data=%#" PRIx32,
	    pci_bdf(d, PCI_NAME), i, m->address, m->data)

#endif

/* pcie/bar.h - base address registers: sizing, decoding, moving
 *
 * What is mapped is computed from the registers, never remembered by event
 * handlers: desired state = (command, power state, BAR address, windows of the
 * bridge above, room on the bus); pci_bars_update brings the bus and the
 * device's own maps there. A BAR that decodes has one region over its whole
 * length on the bus (accesses trap); ops->bar_map may then show pages of it
 * without exits. All calls with d->lock held.
 *
 * A BAR whose address is taken by something else waits, unmapped, and is tried
 * again when the map changes (pci_host_settle): two BARs may be at one address
 * for a while during a guest's reassignment.
 */
#ifndef PCIE_BAR_H
#define PCIE_BAR_H

#include "pcie/pci.h"

/* Give @d a BAR: writes its type bits and the mask for sizing into config
 * space. @size is a power of two, at least 16 (memory) or 4 (I/O). A 64-bit
 * BAR takes index + 1 too; index 5 cannot be one (assertion: caller checked).
 * PCI_ROM_BAR: kind must be PCI_BAR_MEM32. */
void pci_bar_init(struct pci_device *d, unsigned index, enum pci_bar_kind kind,
		  bool prefetchable, uint64_t size);

/* Address that the register holds now. */
uint64_t pci_bar_address(const struct pci_device *d, unsigned index);
/* Firmware's assignment, before the guest runs. */
void pci_bar_assign(struct pci_device *d, unsigned index, uint64_t at);

/* Reconcile all BARs: first take away what must go, then map. */
void pci_bars_update(struct pci_device *d);
/* Take all away (before a reset, before decode goes off). */
void pci_bars_unmap(struct pci_device *d);
/* Is any BAR waiting for room? */
bool pci_bars_waiting(const struct pci_device *d);

#endif

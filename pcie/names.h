/* pcie/names.h - names of functions and registers, for traces
 *
 * The guest's own name of a function ("01:00.0", which moves when the guest
 * renumbers buses) and the names of registers as the specification has them.
 */
#ifndef PCIE_NAMES_H
#define PCIE_NAMES_H

#include "pcie/pci.h"

enum { PCI_NAME_SIZE = 48 };

/* Each writes into @buf, PCI_NAME_SIZE bytes, and returns it. */

/* "01:00.0"; any thread. */
const char *pci_bdf(const struct pci_device *d, char *buf);
/* "command", "BAR0", "MSI-X+0x2", "AER+0x8"; d->lock held. */
const char *pci_register_name(const struct pci_device *d, unsigned off,
			      char *buf);
/* "BAR3" or "ROM". */
const char *pci_bar_name(unsigned index, char *buf);

/* A buffer for one use in an argument list. */
#define PCI_NAME ((char[PCI_NAME_SIZE]){ 0 })

#endif

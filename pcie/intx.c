/* pcie/intx.c - which GSI a function's INTx pin ends at; see intx.h */
#include "pcie/intx.h"

#include <assert.h>
#include <linux/pci.h>

#include "pcie/port.h"

unsigned intx_gsi(const struct pci_device *d, unsigned pin)
{
	assert(pin >= 1 && pin <= 4);
	if (d->port) {
		pin = intx_swizzle(PCI_SLOT(d->devfn), pin);
		d = &d->port->dev;
	}
	return intx_root_gsi(PCI_SLOT(d->devfn), pin);
}

/* pcie/intx.h - which GSI a function's INTx pin ends at
 *
 * The wiring is static: no PIRQ router. Behind a port the pin is swizzled by
 * the child's device number (PCIe 6.2 2.2.8.1; Linux
 * pci_swizzle_interrupt_pin), then device D, pin P of the root bus is GSI 16 +
 * (D + P) % 8. Functions of one device keep the pins that they have, each its
 * own or the same. The DSDT's _PRT and the device tree say it too (firmware/).
 */
#ifndef PCIE_INTX_H
#define PCIE_INTX_H

#include "pcie/pci.h"

enum { INTX_GSI_BASE = 16, INTX_GSIS = 8 };

/* @pin 1 (INTA) to 4 (INTD). */
static inline unsigned intx_root_gsi(unsigned device, unsigned pin)
{
	return INTX_GSI_BASE + (device + (pin - 1)) % INTX_GSIS;
}

static inline unsigned intx_swizzle(unsigned device, unsigned pin)
{
	return (pin - 1 + device) % 4 + 1;
}

/* GSI of @pin of a function, wherever it is. */
unsigned intx_gsi(const struct pci_device *d, unsigned pin);

#endif

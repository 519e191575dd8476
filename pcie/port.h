/* pcie/port.h - a PCI Express root port: a bridge with one slot below it
 *
 * A type 1 header with PCIe capability (root port), and windows. Bus numbers,
 * windows and command are the guest's to change; each change is pushed into
 * the child as a struct pci_windows. Link registers agree with the child's.
 *
 * The secondary bus number is published in `route`, one atomic word, so that
 * config cycles find the child without the port's lock. While Secondary Bus
 * Reset or Link Disable is set nobody answers there and all windows are shut.
 *
 * Not modelled: hot-plug, AER and DPC of the port, its own MSI (it never
 * interrupts), power states, VGA and ISA forwarding, and Bus Master as a gate
 * for the child's DMA: clearing it in the port does not stop the child.
 */
#ifndef PCIE_PORT_H
#define PCIE_PORT_H

#include <stdatomic.h>

#include "pcie/pci.h"

enum { PCI_PORT_DOWN = 0x100 };

struct pci_port {
	struct pci_device dev;
	struct pci_device *child; /* device 0 function 0 below, or NULL */
	/* Secondary bus number, | PCI_PORT_DOWN while nothing below answers. */
	atomic_uint route;
	bool in_reset; /* Secondary Bus Reset as last seen; dev.lock */
};

/* @slot is the physical slot number shown, 1 and up. */
void pci_port_init(struct pci_port *p, unsigned slot);
void pci_port_fini(struct pci_port *p);
/* Put @child below; copies link speed and width from the child's PCIe
 * capability (or 2.5 GT/s x1). Before the guest runs. */
void pci_port_plug(struct pci_port *p, struct pci_device *child);
/* Does @p forward config cycles for @bus to its child? Any thread. */
bool pci_port_answers(struct pci_port *p, uint8_t bus);
/* Bus numbers the registers hold now; dev.lock held. */
uint8_t pci_port_secondary(const struct pci_port *p);
uint8_t pci_port_subordinate(const struct pci_port *p);
/* Firmware's assignment: numbers and windows, size 0 closes a window; decode
 * and bus mastering go on. */
void pci_port_assign(struct pci_port *p, uint8_t secondary,
		     const struct pci_windows *w);

#endif

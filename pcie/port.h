/* pcie/port.h - a PCI Express root port: a bridge with one slot below it
 *
 * A type 1 header with PCIe capability (root port), and windows. In the slot is
 * device 0 with up to eight functions, its children. Bus numbers, windows and
 * command are the guest's to change; each change is pushed into the children as
 * a struct pci_windows. Link registers agree with the children's.
 *
 * The secondary bus number is published in `route`, one atomic word, so that
 * config cycles find a child without the port's lock. While Secondary Bus
 * Reset or Link Disable is set nobody answers there and all windows are shut.
 *
 * Not modelled: hot-plug, ARI (functions above 7), AER and DPC of the port, its
 * own MSI (it never interrupts), power states, VGA and ISA forwarding, and Bus
 * Master as a gate for DMA: clearing it in the port does not stop the children.
 */
#ifndef PCIE_PORT_H
#define PCIE_PORT_H

#include <stdatomic.h>

#include "pcie/pci.h"

enum { PCI_PORT_DOWN = 0x100 };

struct pci_port {
	struct pci_device dev;
	unsigned slot; /* physical slot number, and firmware's bus number */
	/* By function number; NULL: absent. Fixed before the guest runs, so
	 * read without a lock. */
	struct pci_device *child[PCI_FUNCTIONS];
	/* Secondary bus number, | PCI_PORT_DOWN while nothing below answers. */
	atomic_uint route;
	bool in_reset; /* Secondary Bus Reset as last seen; dev.lock */
};

/* @slot is the physical slot number shown, 1 to 255. */
void pci_port_init(struct pci_port *p, unsigned slot);
void pci_port_fini(struct pci_port *p);
/* Put @child below as function @function, which is free; copies link speed and
 * width from the PCIe capability of the first function that has one (or 2.5
 * GT/s x1). A guest finds functions 1 to 7 only if there is a function 0: the
 * caller sees to that. Before the guest runs. */
void pci_port_plug_function(struct pci_port *p, struct pci_device *child,
			    unsigned function);
/* The same for a device of one function. */
static inline void pci_port_plug(struct pci_port *p, struct pci_device *child)
{
	pci_port_plug_function(p, child, 0);
}
/* Is anything in the slot? */
bool pci_port_occupied(const struct pci_port *p);
/* Does @p forward config cycles for @bus to its children? Any thread. */
bool pci_port_answers(struct pci_port *p, uint8_t bus);
/* Bus numbers the registers hold now; dev.lock held. */
uint8_t pci_port_secondary(const struct pci_port *p);
uint8_t pci_port_subordinate(const struct pci_port *p);
/* Firmware's assignment: the slot's number for the bus below, and windows, size
 * 0 closes one; decode and bus mastering go on. */
void pci_port_assign(struct pci_port *p, const struct pci_windows *w);
/* Reset of the machine: the port's own registers as pci_config_keep found
 * them; the functions below were reset before. */
void pci_port_reset(struct pci_port *p);

#endif

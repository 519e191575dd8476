/* pcie/doors.h - ECAM and CF8/CFC as regions of a struct pci_host */
#ifndef PCIE_DOORS_H
#define PCIE_DOORS_H

#include "vmm/bus.h"

enum { PCI_CF8_PORT = 0xcf8, PCI_CF8_PORTS = 8 }; /* PCI 3.0 3.2.2.3.2 */

extern const struct region_ops pci_ecam_ops; /* of pci_host.ecam */
extern const struct region_ops pci_cf8_ops;  /* of pci_host.cf8 */

#endif

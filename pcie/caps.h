/* pcie/caps.h - walking and building the two capability lists
 *
 * Standard capabilities are linked from 0x34 by bytes below 0x100, extended
 * ones from 0x100 by 12-bit pointers. A device that is broken or gone hands us
 * loops, overlaps and all ones, so walks are bounded and say why they stopped.
 */
#ifndef PCIE_CAPS_H
#define PCIE_CAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "pcie/pci.h"

enum { PCI_MAX_CAPS = 48, PCIE_MAX_ECAPS = 480 };

struct pci_cap {
	uint16_t id;
	uint8_t version; /* extended only */
	uint16_t offset;
	uint16_t size; /* to the next thing in order of address; an upper bound
			*/
};

struct pci_cap_list {
	unsigned n;
	struct pci_cap cap[PCIE_MAX_ECAPS]; /* in order of the chain */
	const char *broken; /* why the walk stopped early, or NULL */
};

/* Walk a copy of config space, 256 or 4096 bytes. */
void pci_caps_walk(const uint8_t *config, struct pci_cap_list *out);
/* As above from 0x100. A head with ID 0 and a valid next pointer (a kernel
 * that hides the first capability presents that) is walked through, not
 * listed. All ones: no extended space. */
void pcie_ecaps_walk(const uint8_t *config, struct pci_cap_list *out);
const struct pci_cap *pci_cap_find(const struct pci_cap_list *l, uint16_t id);

/* Re-link d->config so that exactly the capabilities of @l show, at their
 * offsets, in their order; sets the status bit. The extended head at 0x100
 * becomes {id 0, next} if the first visible capability is elsewhere, and 0 if
 * none is visible. */
void pci_caps_link(struct pci_device *d, const struct pci_cap_list *l);
void pcie_ecaps_link(struct pci_device *d, const struct pci_cap_list *l);

/* Append a capability of our own at @offset to the end of the standard list;
 * the body is the caller's. */
void pci_cap_add(struct pci_device *d, uint8_t id, unsigned offset);

/* "MSI-X", "AER", …; NULL for an unknown one. */
const char *pci_cap_name(unsigned id);
const char *pcie_ecap_name(unsigned id);

#endif

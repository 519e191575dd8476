/* vfio/card.h - all functions of one slot of the host: "0000:01:00.*"
 *
 * A card with several functions (a GPU with its sound, a NIC with two ports)
 * is one device to its drivers, which may count on the neighbours' numbers. So
 * they go to the guest together, with the numbers they have.
 *
 * A card is what VFIO has of it: functions on a host driver stay there, which
 * is said. Without function 0 there is no card, as no guest would look for the
 * others (PCIe 6.2 7.5.1.1.9).
 */
#ifndef VFIO_CARD_H
#define VFIO_CARD_H

#include <stdbool.h>

#include "pcie/host.h"
#include "vmm/base/err.h"

struct vfio_card {
	unsigned n;
	char bdf[PCI_FUNCTIONS][24]; /* canonical, function 0 first */
};

/* Does @text name all functions of a slot? Spelling only. */
bool vfio_card_is_meant(const char *text);
/* @text is meant to be a slot: what messages call it, "0000:01:00.*"; -EINVAL
 * with a hint. Shorter than 256 bytes. */
int vfio_card_parse(const char *text, char name[24], struct err *e);
/* Which functions of it can be assigned. */
int vfio_card_find(const char *text, struct vfio_card *out, struct err *e);

#endif

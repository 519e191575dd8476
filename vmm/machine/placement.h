/* machine/placement.h - where the guest finds each function
 *
 * The guest's PCI Express topology is a row of slots, each below a root port of
 * its own:
 *
 *     slot 1    root port 00:01.0    bus 01    01:00.0 ... 01:00.7
 *     slot 2    root port 00:02.0    bus 02    02:00.0 ... 02:00.7
 *       ...
 *     slot 30   root port 00:1e.0    bus 1e    1e:00.0 ... 1e:00.7
 *
 * A function gets the first slot that nobody wants, alone, unless the command
 * line says where it goes. A slot that holds several functions shows them to
 * the guest as one device, whose function 0 has to exist: no guest would look
 * for the others (PCIe 6.2 7.5.1.1.9). Nothing is renumbered to make it so,
 * since whoever numbers functions counts on the numbers.
 *
 * Not modelled: functions on the root bus (integrated endpoints); a second PCI
 * domain.
 */
#ifndef MACHINE_PLACEMENT_H
#define MACHINE_PLACEMENT_H

#include "vfio/device.h"
#include "vmm/base/err.h"

struct placement {
	const char *name;     /* borrowed, for messages */
	struct vfio_place at; /* as wished for, then as decided */
	/* 0: on its own. Others of the same number, all without a slot, get one
	 * slot, as the functions that they name. */
	unsigned card;
};

enum { PLACEMENT_CARDS = 30 }; /* the largest number of a card */

/* Decide for @n functions. -EINVAL names who is in whose way; @p may be
 * half-changed then. */
int placement_decide(struct placement *p, unsigned n, struct err *e);

#endif

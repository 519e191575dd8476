/* vfio/slot.h - how the command line names a place in the guest
 *
 * "slot=2.1" and "at=02:00.1" are the same place: function 1 in the slot below
 * the second root port, whose bus minivmm numbers 02 before the guest runs. A
 * guest may renumber its buses; Linux does not unless it is told to.
 */
#ifndef VFIO_SLOT_H
#define VFIO_SLOT_H

#include "vfio/device.h"

/* "N": the first free function of slot N, or "N.F"; decimal. -EINVAL with a
 * sentence. */
int vfio_slot_parse(const char *text, struct vfio_place *out, struct err *e);
/* "BB:DD.F" or "DDDD:BB:DD.F", hexadecimal as lspci prints it. -EINVAL where
 * no function can be put there. */
int vfio_slot_parse_address(const char *text, struct vfio_place *out,
			    struct err *e);

#endif

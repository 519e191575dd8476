/* machine/reboot.h - the guest reboots: the same machine, from power-on again
 *
 * With --on-reboot=reset. What the guest finds is what it found at first:
 * functions reset and assigned their addresses anew, registers of all devices,
 * vCPUs, kernel, initrd and tables. Memory, its maps for DMA, descriptors and
 * what the console holds stay.
 *
 * Not modelled: clearing RAM. What neither the kernel file, the initrd nor our
 * tables cover keeps what the guest left there, as on a PC without a power
 * cycle. The time stamp counter goes on counting; kvmclock begins at 0.
 */
#ifndef MACHINE_REBOOT_H
#define MACHINE_REBOOT_H

#include "vmm/base/err.h"

struct machine;

/* After vm_again said yes: ready for vm_start, unless vm_stopping. Main
 * thread. */
int reboot_machine(struct machine *m, struct err *e);

#endif

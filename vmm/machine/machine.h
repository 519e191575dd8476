/* machine/machine.h - a whole VM, from command line to end
 *
 * The order in which a machine is built is machine_build, one function that
 * can be read; teardown is its reverse.
 */
#ifndef MACHINE_MACHINE_H
#define MACHINE_MACHINE_H

#include "devices/console.h"
#include "devices/legacy.h"
#include "devices/uart16550.h"
#include "firmware/platform.h"
#include "pcie/host.h"
#include "vmm/machine/assignment.h"
#include "vmm/machine/boot.h"
#include "vmm/machine/config.h"
#include "vmm/machine/phases.h"
#include "vmm/machine/x86_64/board.h"
#include "vmm/vm.h"

struct machine {
	const struct config *config;
	struct phases phases;
	struct vm vm;
	struct boot boot;
	struct board board;
	struct platform platform;
	struct console console;
	struct uart16550 uart;
	struct rtc rtc;
	struct legacy_ports legacy;
	/* RAM, interrupt controllers and KVM's own pages on the bus */
	struct region claims[BOARD_MAX_RAM + 3];
	unsigned n_claims;
	struct pci_host host;
	struct assignment assignment;
	int signal_fd;
	struct loop_fd signals;
};

/* Build everything up to the first instruction. @c is borrowed. */
int machine_open(struct machine *m, const struct config *c, struct err *e);
/* Run until the VM ends; the reason is in m->vm.stop. */
int machine_run(struct machine *m, struct err *e);
/* Safe half-built and twice. */
void machine_close(struct machine *m);

#endif

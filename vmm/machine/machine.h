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

/* How the guest came to where it is. */
struct machine_runs {
	uint64_t began_ns; /* this run of it, sys_now_ns */
	unsigned reboots;
	unsigned quick; /* of these, the last so many came soon */
};

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
	struct machine_runs runs;
};

/* Build everything up to the first instruction. @c is borrowed. */
int machine_open(struct machine *m, const struct config *c, struct err *e);
/* Fill RAM and put vCPU 0 to where the kernel begins; for each run of the
 * guest. */
int machine_load(struct machine *m, struct err *e);
/* Run until the VM ends, with restarts in between if the configuration wants
 * them; the reason is in m->vm.stop. */
int machine_run(struct machine *m, struct err *e);
/* Safe half-built and twice. */
void machine_close(struct machine *m);

#endif

/* machine/status.h - what minivmm's exit status means
 *
 * A promise to scripts and test runners; docs/minivmm.1 has the same table.
 */
#ifndef MACHINE_STATUS_H
#define MACHINE_STATUS_H

enum {
	STATUS_OK =
		0, /* the guest powered off or rebooted; the operator quit */
	/* 1 to 123: what the guest wrote to the debug-exit port */
	STATUS_TIMEOUT = 124,
	STATUS_FAILED = 125,  /* minivmm or the host; wrong usage */
	STATUS_CRASHED = 126, /* the guest: panic, triple fault */
	/* Not 127, a shell's word for a program that is not there. */
	STATUS_RECLAIMED = 128, /* the host wanted a function back */
};

#endif

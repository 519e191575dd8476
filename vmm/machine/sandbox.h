/* machine/sandbox.h - what minivmm gives up once its machine is built
 *
 * Before the first vCPU runs all descriptors are open and RAM is mapped for
 * DMA. From then on a guest that broke out would have this process, so it is
 * made to have little: the user of --user, no capability, no way to more
 * privileges, no files but those of reports, and only the system calls that a
 * machine needs which runs (docs/sandbox.md).
 */
#ifndef MACHINE_SANDBOX_H
#define MACHINE_SANDBOX_H

#include "vmm/loop.h"
#include "vmm/machine/config.h"
#include "vmm/vm.h"

struct sandbox {
	int fd; /* refused calls come here; -1: not open */
	struct loop_fd refusals;
	struct vm *vm;
};

#define SANDBOX_EMPTY ((struct sandbox){ .fd = -1 })

/* Before the program has a second thread. */
int sandbox_open(struct sandbox *s, struct err *e);
/* For a thread that is older than the machine, at its begin, and touches
 * nothing but the report: as much as it can give up before all others. With
 * --user that is no capability: the C library aborts if only some can change
 * their user. */
void sandbox_enter_early(const struct config *c);
/* From now on, and for good. @vm ends when a call is refused. */
int sandbox_enter(struct sandbox *s, struct vm *vm, const struct config *c,
		  struct err *e);
/* The loop of the VM goes. */
void sandbox_leave(struct sandbox *s);
/* -EPERM: a call was refused that nobody has reported yet. */
int sandbox_check(struct sandbox *s, struct err *e);
void sandbox_close(struct sandbox *s);

#endif

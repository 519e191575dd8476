/* tests/unit/vmm-machine/assigned.h - a VM with RAM and assigned functions,
 * without the rest of a machine */
#ifndef TESTS_MACHINE_ASSIGNED_H
#define TESTS_MACHINE_ASSIGNED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/kernel.h"
#include "vmm/machine/assignment.h"

#define DISK "0000:01:00.0"
#define CARD "0000:02:00.0"
#define MIB (UINT64_C(1) << 20)

/* Static where it is used: too large for a stack. */
struct host {
	struct vm vm;
	struct assignment a;
};

/* A function that has nothing but a BAR. */
static inline void host_add(const char *bdf, int group)
{
	const struct fake_pci p = {
		.bdf = bdf,
		.group = group,
		.vendor = 0x1b36,
		.device = 0x10,
		.class_code = 0x010802,
		.bar = { { .size = 0x4000, .mem64 = true } },
		.express_at = 0x80,
	};

	fake_pci_add(&p);
}

/* Which functions @c means, and nothing else. */
static inline int host_find(struct host *h, const struct config *c,
			    struct err *e)
{
	memset(h, 0, sizeof(*h));
	h->vm = VM_EMPTY;
	return assignment_find(&h->a, c, e);
}

/* Then the VM that gets them. */
static inline int host_build(struct host *h, struct err *e)
{
	unsigned kind = assignment_shares_ram(&h->a) ? MEM_SHARED : MEM_PLAIN;
	int rc = vm_open(&h->vm, e);

	if (rc >= 0)
		rc = mem_add_ram(&h->vm.mem, 0, 64 * MIB, kind, e);
	if (rc >= 0)
		rc = assignment_open(&h->a, &h->vm, e);
	return rc;
}

/* Fits fake_sweep; twice is as good as once. */
static inline void host_close(void *arg)
{
	struct host *h = arg;

	assignment_close_functions(&h->a);
	assignment_close_spaces(&h->a);
	vm_close(&h->vm);
}

/* Both; closed again if that fails. */
static inline int host_open(struct host *h, const struct config *c,
			    struct err *e)
{
	int rc = host_find(h, c, e);

	if (rc >= 0)
		rc = host_build(h, e);
	if (rc < 0)
		host_close(h);
	return rc;
}

#endif

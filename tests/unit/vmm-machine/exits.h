/* tests/unit/vmm-machine/exits.h - what a guest's vCPU leaves KVM for */
#ifndef TESTS_MACHINE_EXITS_H
#define TESTS_MACHINE_EXITS_H

#include <linux/kvm.h>
#include <stdint.h>

/* It writes a byte to a port. Returns 0, for a fake vCPU to return. */
static inline int exit_by_out(struct kvm_run *run, uint16_t port, uint8_t value)
{
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = KVM_EXIT_IO_OUT;
	run->io.size = 1;
	run->io.port = port;
	run->io.count = 1;
	run->io.data_offset = 2048;
	((uint8_t *)run)[2048] = value;
	return 0;
}

#endif

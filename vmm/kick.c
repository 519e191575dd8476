/* vmm/kick.c - ioeventfds, see kick.h */
#include "vmm/kick.h"

#include <assert.h>
#include <inttypes.h>
#include <linux/kvm.h>

#include "vmm/base/sys.h"
#include "vmm/trace.h"

/* Deassigning names the same place, width and value as assigning did. */
static struct kvm_ioeventfd describe(const struct kick *k)
{
	struct kvm_ioeventfd io = {
		.addr = k->at,
		.len = k->len,
		.fd = k->fd,
	};

	if (k->bus == KICK_PIO)
		io.flags |= KVM_IOEVENTFD_FLAG_PIO;
	if (k->match) {
		io.flags |= KVM_IOEVENTFD_FLAG_DATAMATCH;
		io.datamatch = k->value;
	}
	return io;
}

int kick_attach(struct kick *k, struct err *e)
{
	struct kvm_ioeventfd io = describe(k);
	int rc;

	assert(!k->live);
	rc = sys_ioctl(k->vm_fd, KVM_IOEVENTFD, &io);
	if (rc < 0)
		return err_sys(
			e, rc,
			"cannot watch %u bytes at %s %#" PRIx64 " by ioeventfd",
			k->len, k->bus == KICK_PIO ? "port" : "address", k->at);
	k->live = true;
	if (k->owned)
		counter_add(k->owned, 1);
	trace_kick_attach(k->bus == KICK_PIO ? "pio" : "mmio", k->at, k->len);
	return 0;
}

void kick_detach(struct kick *k)
{
	struct kvm_ioeventfd io = describe(k);

	if (!k->live)
		return;
	io.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
	if (sys_ioctl(k->vm_fd, KVM_IOEVENTFD, &io) >= 0 && k->owned)
		counter_add(k->owned, -1);
	k->live = false;
}

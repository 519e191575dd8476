/* vfio/kvm.c - KVM's VFIO device: KVM learns which groups a VM holds */
#include "vfio/kvm.h"

#include <linux/kvm.h>
#include <stdint.h>

#include "vmm/base/sys.h"
#include "vmm/base/trace.h"

static int file(const struct vfio_kvm *k, uint64_t attr, int fd)
{
	int32_t arg = fd;
	struct kvm_device_attr a = {
		.group = KVM_DEV_VFIO_FILE,
		.attr = attr,
		.addr = (uint64_t)(uintptr_t)&arg,
	};

	return sys_ioctl(k->fd, KVM_SET_DEVICE_ATTR, &a);
}

/* KVM refuses a second such device per VM, so it is made once and kept. */
static int make(struct vfio_kvm *k, struct err *e)
{
	struct kvm_create_device c = { .type = KVM_DEV_TYPE_VFIO };
	int rc;

	if (k->tried)
		return 0;
	rc = sys_ioctl(k->vm_fd, KVM_CREATE_DEVICE, &c);
	k->tried = rc >= 0 || rc == -ENODEV || rc == -ENOTTY;
	if (!k->tried)
		return err_sys(e, rc, "cannot create KVM's VFIO device");
	if (rc >= 0)
		k->fd = (int)c.fd;
	else /* CONFIG_KVM_VFIO is off: assignment works all the same */
		log_warn("vfio: this KVM has no VFIO device");
	return 0;
}

int vfio_kvm_add(struct vfio_kvm *k, int fd, struct err *e)
{
	int rc = make(k, e);

	if (rc < 0 || k->fd < 0)
		return rc;
	rc = file(k, KVM_DEV_VFIO_FILE_ADD, fd);
	/* EEXIST: the group is known already */
	if (rc < 0 && rc != -EEXIST)
		return err_sys(e, rc, "KVM does not take it");
	return 0;
}

void vfio_kvm_remove(struct vfio_kvm *k, int fd)
{
	if (k->fd >= 0)
		(void)file(k, KVM_DEV_VFIO_FILE_DEL, fd);
}

void vfio_kvm_close(struct vfio_kvm *k)
{
	sys_close(&k->fd);
}

/* tests/unit/vmm-base/fakes/nvme.h - a function behind the fake VFIO */
#ifndef TESTS_FAKES_NVME_H
#define TESTS_FAKES_NVME_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <string.h>

#include "tests/fakes/kernel.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"

static const char bdf[] = "0000:01:00.0";

static const struct fake_pci nvme = {
	.bdf = bdf,
	.group = 12,
	.vendor = 0x1b36,
	.device = 0x0010,
	.class_code = 0x010802,
	.pin = 1,
	.bar = { [0] = { .size = 0x4000, .mem64 = true } },
	.express_at = 0x80,
	.pm_at = 0x60,
	.msix = { .at = 0x40, .vectors = 65, .table = 0x2000, .pba = 0x3000 },
};

/* -------- VFIO up to a device fd -------- */

struct open_vfio {
	int container, group, device;
};

static inline void vfio_nodes(struct open_vfio *v)
{
	v->container = sys_open("/dev/vfio/vfio", O_RDWR);
	v->group = sys_open("/dev/vfio/12", O_RDWR);
	assert_true(v->container >= 0 && v->group >= 0);
}

static inline void vfio_begin(struct open_vfio *v)
{
	*v = (struct open_vfio){ -1, -1, -1 };
	fake_pci_add(&nvme);
	vfio_nodes(v);
}

/* Join the container and open the function. */
static inline void vfio_attach(struct open_vfio *v)
{
	assert_int_equal(
		sys_ioctl(v->group, VFIO_GROUP_SET_CONTAINER, &v->container),
		0);
	assert_int_equal(
		sys_ioctl_num(v->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU),
		0);
	v->device = sys_ioctl(v->group, VFIO_GROUP_GET_DEVICE_FD, bdf);
	assert_true(v->device >= 0);
}

/* The same for a function that the test has added. */
static inline void vfio_reopen(struct open_vfio *v)
{
	vfio_nodes(v);
	vfio_attach(v);
}

static inline void vfio_open(struct open_vfio *v)
{
	vfio_begin(v);
	vfio_attach(v);
}

static inline void vfio_close(struct open_vfio *v)
{
	sys_close(&v->device);
	sys_close(&v->group);
	sys_close(&v->container);
}

static inline uint64_t config_offset(const struct open_vfio *v)
{
	struct vfio_region_info i = { .argsz = sizeof(i),
				      .index = VFIO_PCI_CONFIG_REGION_INDEX };

	assert_int_equal(sys_ioctl(v->device, VFIO_DEVICE_GET_REGION_INFO, &i),
			 0);
	return i.offset;
}

static inline uint32_t config_get(const struct open_vfio *v, unsigned at)
{
	uint8_t b[4];

	assert_int_equal(sys_pread(v->device, b, 4, config_offset(v) + at), 4);
	return le32_load(b);
}

static inline void config_set(const struct open_vfio *v, unsigned at,
			      unsigned n, uint32_t value)
{
	uint8_t b[4];

	le_store(b, n, value);
	assert_int_equal(sys_pwrite(v->device, b, n, config_offset(v) + at), n);
}

static inline int set_irqs(int fd, uint32_t index, uint32_t start,
			   uint32_t count, const int32_t *fds)
{
	struct {
		struct vfio_irq_set s;
		int32_t fd[8];
	} a = { .s = { .index = index, .start = start, .count = count } };

	a.s.argsz = (uint32_t)(sizeof(a.s) + (fds ? count * 4 : 0));
	a.s.flags = VFIO_IRQ_SET_ACTION_TRIGGER |
		    (fds ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE);
	if (fds)
		memcpy(a.fd, fds, count * 4);
	return sys_ioctl(fd, VFIO_DEVICE_SET_IRQS, &a.s);
}

#endif

/* vfio/kernel.c - device ops on a VFIO device fd of the kernel
 *
 * Regions are stretches of the device fd, at offsets that only REGION_INFO
 * knows. Interrupts are eventfds that the kernel signals. The same whether the
 * fd came from a group or from iommufd.
 *
 * Behind the fd of a mediated device is not vfio-pci, but a driver that models
 * a function in software. It has no bus that could be reset, no power states
 * of its own, and its answers are less complete:
 *
 *     config space may end before byte 256 (255 bytes, samples/vfio-mdev in
 *     the kernel): what is missing reads 0
 *     VFIO_DEVICE_RESET may work although VFIO_DEVICE_FLAGS_RESET is not set
 *     an interrupt index that it does not know is refused, not empty
 */
#include "vfio/kernel.h"

#include <assert.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vfio/areas.h"
#include "vfio/dmabuf.h"
#include "vfio/hot.h"
#include "vfio/info.h"
#include "vfio/name.h"
#include "vfio/place.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"

struct kernel_dev {
	struct vfio_dev dev;
	int fd;
	void (*released)(void *arg);
	void *arg;
	const struct vfio_groups *groups; /* NULL: it has a node of its own */
	uint64_t offset[VFIO_PCI_NUM_REGIONS]; /* in the fd */
	uint64_t config_end; /* bytes of config space that there are */
};

static struct kernel_dev *kernel_of(struct vfio_dev *d)
{
	return container_of(d, struct kernel_dev, dev);
}

/* -------- regions -------- */

/* Nothing but the header has to be there. */
static void fill_config_up(struct kernel_dev *k, struct vfio_region *r)
{
	k->config_end = r->size;
	if (k->dev.mediated && r->size >= PCI_STD_HEADER_SIZEOF &&
	    r->size < PCI_CFG_SPACE_SIZE)
		r->size = PCI_CFG_SPACE_SIZE;
}

/* How many of @n bytes at @off of region @index are there. */
static unsigned there(const struct kernel_dev *k, unsigned index, uint64_t off,
		      unsigned n)
{
	if (index != VFIO_PCI_CONFIG_REGION_INDEX || off + n <= k->config_end)
		return n;
	return off < k->config_end ? (unsigned)(k->config_end - off) : 0;
}

static int kernel_region(struct vfio_dev *d, unsigned index,
			 struct vfio_region *out, struct err *e)
{
	struct kernel_dev *k = kernel_of(d);
	const struct vfio_region_info *info;
	void *buf;
	int rc;

	assert(index < VFIO_PCI_NUM_REGIONS);
	rc = vfio_info_query(k->fd, VFIO_DEVICE_GET_REGION_INFO,
			     "VFIO_DEVICE_GET_REGION_INFO",
			     sizeof(struct vfio_region_info), index, &buf, e);
	if (rc < 0)
		return err_in(e, rc, "region %u", index);
	info = buf;
	vfio_region_parse(info, (size_t)rc, k->dev.name, index, out);
	k->offset[index] = info->offset;
	free(buf);
	if (index == VFIO_PCI_CONFIG_REGION_INDEX)
		fill_config_up(k, out);
	return 0;
}

static int short_or(ssize_t rc, unsigned n, const char *what, unsigned index,
		    uint64_t off, struct err *e)
{
	struct err scratch = ERR_NONE;

	if (rc == (ssize_t)n)
		return 0;
	if (!e)
		e = &scratch;
	if (rc < 0)
		return err_sys(e, (int)rc, "cannot %s region %u at %#llx", what,
			       index, (unsigned long long)off);
	return err_set(e, -ENODATA,
		       "cannot %s region %u at %#llx: %zd of %u bytes", what,
		       index, (unsigned long long)off, rc, n);
}

static int kernel_read(struct vfio_dev *d, unsigned index, uint64_t off,
		       void *buf, unsigned n, struct err *e)
{
	struct kernel_dev *k = kernel_of(d);
	unsigned some = there(k, index, off, n);

	memset((uint8_t *)buf + some, 0, n - some);
	if (some == 0)
		return 0;
	return short_or(sys_pread(k->fd, buf, some, k->offset[index] + off),
			some, "read", index, off, e);
}

static int kernel_write(struct vfio_dev *d, unsigned index, uint64_t off,
			const void *buf, unsigned n, struct err *e)
{
	struct kernel_dev *k = kernel_of(d);
	unsigned some = there(k, index, off, n);

	if (some == 0)
		return 0;
	return short_or(sys_pwrite(k->fd, buf, some, k->offset[index] + off),
			some, "write", index, off, e);
}

static int kernel_write_by(struct vfio_dev *d, unsigned index, uint64_t off,
			   unsigned n, uint64_t v, int fd, struct err *e)
{
	struct kernel_dev *k = kernel_of(d);
	struct vfio_device_ioeventfd io = {
		.argsz = sizeof(io),
		.flags = n, /* VFIO_DEVICE_IOEVENTFD_8 is 1, _64 is 8 */
		.offset = k->offset[index] + off,
		.data = v,
		.fd = fd,
	};
	struct err scratch = ERR_NONE;
	int rc = sys_ioctl(k->fd, VFIO_DEVICE_IOEVENTFD, &io);

	static_assert(VFIO_DEVICE_IOEVENTFD_8 == 1 &&
			      VFIO_DEVICE_IOEVENTFD_16 == 2 &&
			      VFIO_DEVICE_IOEVENTFD_32 == 4 &&
			      VFIO_DEVICE_IOEVENTFD_64 == 8,
		      "the flags are the widths");
	return rc < 0 ? err_sys(e ? e : &scratch, rc,
				"no write to region %u by eventfd", index)
		      : 0;
}

static int kernel_map(struct vfio_dev *d, unsigned index, uint64_t off,
		      uint64_t n, int prot, void **out, struct err *e)
{
	struct kernel_dev *k = kernel_of(d);
	struct vfio_source s = { k->fd, k->offset[index], index, 0 };

	return vfio_place(&s, off, n, prot, out, e);
}

static int kernel_dma_file(struct vfio_dev *d, unsigned index, uint64_t off,
			   uint64_t n, struct err *e)
{
	return vfio_dmabuf_open(kernel_of(d)->fd, index, off, n, e);
}

/* -------- interrupts -------- */

static int kernel_irq_info(struct vfio_dev *d, unsigned index,
			   struct vfio_irq_facts *out, struct err *e)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = index };
	struct err scratch = ERR_NONE;
	int rc = sys_ioctl(kernel_of(d)->fd, VFIO_DEVICE_GET_IRQ_INFO, &info);

	if (rc < 0)
		return err_sys(e ? e : &scratch, rc,
			       "cannot ask for interrupt index %u", index);
	out->count = info.count;
	out->flags = info.flags;
	return 0;
}

/* Which ones there are, a mediated device says by taking the question. */
static int mediated_irq_info(struct vfio_dev *d, unsigned index,
			     struct vfio_irq_facts *out, struct err *e)
{
	struct err why = ERR_NONE;

	if (kernel_irq_info(d, index, out, &why) < 0)
		*out = (struct vfio_irq_facts){ 0 };
	return 0;
}

static int set_irqs(struct vfio_dev *d, const struct vfio_irq_set *s,
		    const int *fds, struct err *e)
{
	_Alignas(struct vfio_irq_set)
		uint8_t buf[sizeof(*s) + VFIO_MAX_VECTORS * sizeof(int32_t)];
	struct vfio_irq_set *full = (struct vfio_irq_set *)buf;
	unsigned n = fds ? s->count : 0;
	struct err scratch = ERR_NONE;
	int rc;

	*full = *s;
	full->argsz = (uint32_t)(sizeof(*s) + n * sizeof(int32_t));
	for (unsigned i = 0; i < n; i++) {
		int32_t fd = fds[i];

		memcpy(full->data + i * sizeof(fd), &fd, sizeof(fd));
	}
	rc = sys_ioctl(kernel_of(d)->fd, VFIO_DEVICE_SET_IRQS, full);
	if (rc < 0)
		return err_sys(e ? e : &scratch, rc,
			       "cannot set interrupts %u to %u of index "
			       "%u",
			       s->start, s->start + s->count, s->index);
	return rc;
}

static int kernel_irqs(struct vfio_dev *d, unsigned index, unsigned start,
		       unsigned n, const int *fds, struct err *e)
{
	struct vfio_irq_set s = {
		.flags = VFIO_IRQ_SET_ACTION_TRIGGER |
			 (fds ? VFIO_IRQ_SET_DATA_EVENTFD
			      : VFIO_IRQ_SET_DATA_NONE),
		.index = index,
		.start = fds ? start : 0,
		.count = fds ? n : 0,
	};

	assert(!fds || n <= VFIO_MAX_VECTORS);
	return set_irqs(d, &s, fds, e);
}

static int kernel_intx_mask(struct vfio_dev *d, struct err *e)
{
	struct vfio_irq_set s = {
		.flags = VFIO_IRQ_SET_ACTION_MASK | VFIO_IRQ_SET_DATA_NONE,
		.index = VFIO_PCI_INTX_IRQ_INDEX,
		.count = 1,
	};

	return set_irqs(d, &s, NULL, e);
}

static int kernel_intx_unmask(struct vfio_dev *d, int fd, struct err *e)
{
	struct vfio_irq_set s = {
		.flags = VFIO_IRQ_SET_ACTION_UNMASK |
			 (fd >= 0 ? VFIO_IRQ_SET_DATA_EVENTFD
				  : VFIO_IRQ_SET_DATA_NONE),
		.index = VFIO_PCI_INTX_IRQ_INDEX,
		.count = 1,
	};

	return set_irqs(d, &s, fd >= 0 ? &fd : NULL, e);
}

/* -------- reset and life -------- */

static int kernel_reset(struct vfio_dev *d, struct err *e)
{
	int rc = sys_ioctl_num(kernel_of(d)->fd, VFIO_DEVICE_RESET, 0);

	return rc < 0 ? err_sys(e, rc, "the function cannot be reset") : 0;
}

static int kernel_hot_set(struct vfio_dev *d, struct vfio_hot_set *out,
			  struct err *e)
{
	struct kernel_dev *k = kernel_of(d);

	return vfio_hot_ask(k->fd, k->dev.name, k->groups, out, e);
}

static int kernel_hot_reset(struct vfio_dev *d, struct err *e)
{
	struct kernel_dev *k = kernel_of(d);

	return vfio_hot_reset(k->fd, k->groups, e);
}

/* Not _ENTRY_WITH_WAKEUP: a wake-up that only the host sees is no event for
 * the guest, and without it the function goes back to sleep by itself. */
static int kernel_low_power(struct vfio_dev *d, enum vfio_low_power what,
			    struct err *e)
{
	struct vfio_device_feature f = {
		.argsz = sizeof(f),
		.flags = VFIO_DEVICE_FEATURE_SET |
			 (what == VFIO_LOW_POWER_LEAVE
				  ? VFIO_DEVICE_FEATURE_LOW_POWER_EXIT
				  : VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY) |
			 (what == VFIO_LOW_POWER_OFFERED
				  ? VFIO_DEVICE_FEATURE_PROBE
				  : 0),
	};
	int rc = sys_ioctl(kernel_of(d)->fd, VFIO_DEVICE_FEATURE, &f);

	/* since Linux 6.1 */
	if (rc == -ENOTTY)
		return err_set(e, rc, "this kernel cannot do it");
	return rc < 0 ? err_sys(e, rc, "VFIO_DEVICE_FEATURE failed") : 0;
}

static void kernel_close(struct vfio_dev *d)
{
	struct kernel_dev *k = kernel_of(d);

	sys_close(&k->fd);
	if (k->released)
		k->released(k->arg);
	free(k);
}

static const struct vfio_dev_ops kernel_ops = {
	.region = kernel_region,
	.read = kernel_read,
	.write = kernel_write,
	.write_by = kernel_write_by,
	.map = kernel_map,
	.dma_file = kernel_dma_file,
	.irq_info = kernel_irq_info,
	.irqs = kernel_irqs,
	.intx_mask = kernel_intx_mask,
	.intx_unmask = kernel_intx_unmask,
	.reset = kernel_reset,
	.hot_set = kernel_hot_set,
	.hot_reset = kernel_hot_reset,
	.low_power = kernel_low_power,
	.close = kernel_close,
};

static const struct vfio_dev_ops mediated_ops = {
	.region = kernel_region,
	.read = kernel_read,
	.write = kernel_write,
	.map = kernel_map,
	.irq_info = mediated_irq_info,
	.irqs = kernel_irqs,
	.intx_mask = kernel_intx_mask,
	.intx_unmask = kernel_intx_unmask,
	.reset = kernel_reset,
	.close = kernel_close,
};

static int refuse_kind(const struct kernel_dev *k,
		       const struct vfio_device_info *info, struct err *e)
{
	(void)err_set(e, -EINVAL,
		      "is no PCI device to VFIO (flags %#x, %u regions)",
		      info->flags, info->num_regions);
	if (k->dev.mediated)
		err_hint(e,
			 "/sys/bus/mdev/devices/%s/mdev_type/device_api says "
			 "what it is: only vfio-pci can be assigned",
			 k->dev.name);
	return -EINVAL;
}

static int kernel_build(struct kernel_dev *k, struct err *e)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	int rc = sys_ioctl(k->fd, VFIO_DEVICE_GET_INFO, &info);

	if (rc < 0)
		return err_sys(e, rc, "cannot ask what the device is");
	if (!(info.flags & VFIO_DEVICE_FLAGS_PCI) ||
	    info.num_regions <= VFIO_PCI_CONFIG_REGION_INDEX)
		return refuse_kind(k, &info, e);
	k->dev.can_reset = info.flags & VFIO_DEVICE_FLAGS_RESET;
	k->dev.n_regions = info.num_regions;
	k->dev.n_irqs = info.num_irqs;
	return 0;
}

int vfio_kernel_open(int fd, const char *name, void (*released)(void *arg),
		     void *arg, struct vfio_dev **out, struct err *e)
{
	struct kernel_dev *k = calloc(1, sizeof(*k));
	bool mediated = vfio_name_is_mdev(name);
	int rc;

	if (!k) {
		sys_close(&fd);
		if (released)
			released(arg);
		return err_set(e, -ENOMEM, "out of memory");
	}
	*k = (struct kernel_dev){ .dev.ops = mediated ? &mediated_ops
						      : &kernel_ops,
				  .dev.mediated = mediated,
				  .fd = fd,
				  .released = released,
				  .arg = arg };
	snprintf(k->dev.name, sizeof(k->dev.name), "%s", name);
	rc = kernel_build(k, e);
	if (rc < 0) {
		kernel_close(&k->dev);
		return rc;
	}
	*out = &k->dev;
	return 0;
}

void vfio_kernel_by_group(struct vfio_dev *d, const struct vfio_groups *g)
{
	kernel_of(d)->groups = g;
}

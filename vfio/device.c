/* vfio/device.c - an assigned function as a PCI function of the guest
 *
 * How it works
 *
 *     attach to the I/O address space       group.c, iommufd.c: the device fd;
 *       |                                   the kernel resets the function by
 *       |                                   opening it. user.c: a connection;
 *       |                                   the reset is ours to ask for, as a
 *       |                                   mediated device's is
 *     read config space, once               what the function is
 *     decode and bus mastering off          nothing moves until the guest says
 *     BARs, ROM, policy, interrupts         what the guest will see
 *     health                                errors, and the host's wish for it
 *     map the BARs' pages                   shown when the guest decodes them
 *     (all are open: ladder.c)              refuse what cannot be reset
 *     (placed below a port by machine/)
 *     wire INTx                             its line follows from its place
 *
 * The way down is the reverse: interrupts off at VFIO, pages hidden, unmapped,
 * device fd closed (which resets once more), then the group (VFIO-OPEN-19).
 */
#include "vfio/device.h"

#include <stdlib.h>
#include <string.h>

#include "vfio/internal.h"
#include "vmm/base/sys.h"
#include "vmm/base/trace.h"

enum { WAKE_TRIES = 10, WAKE_WAIT_MS = 100 };

static const struct pci_ops vfio_pci_ops = {
	.config_read = vfio_overlay_read,
	.config_write = vfio_overlay_write,
	.bar_map = vfio_bar_map,
	.bar_unmap = vfio_bar_unmap,
	.bar_read = vfio_bar_read,
	.bar_write = vfio_bar_write,
	.reset = vfio_device_reset,
};

/* -------- config space, once -------- */

static int config_size(struct vfio_device *d, struct err *e)
{
	struct vfio_region r;
	int rc = d->dev->ops->region(d->dev, VFIO_PCI_CONFIG_REGION_INDEX, &r,
				     e);

	if (rc < 0)
		return rc;
	if (r.size < PCI_CONFIG_SIZE)
		return err_set(e, -EINVAL, "its config space has %llu bytes",
			       (unsigned long long)r.size);
	return r.size < PCIE_CONFIG_SIZE ? PCI_CONFIG_SIZE : PCIE_CONFIG_SIZE;
}

static bool is_gone(const struct vfio_device *d)
{
	return le16_load(d->seen + PCI_VENDOR_ID) == 0xffff ||
	       le16_load(d->seen + PCI_STATUS) == 0xffff;
}

/* A function that was asleep may need a moment. */
static int read_config(struct vfio_device *d, struct err *e)
{
	for (unsigned i = 0; i < WAKE_TRIES; i++) {
		int rc;

		if (i > 0)
			sys_sleep_ms(WAKE_WAIT_MS);
		rc = d->dev->ops->read(d->dev, VFIO_PCI_CONFIG_REGION_INDEX, 0,
				       d->seen, d->pci.config_size, e);
		if (rc < 0)
			return err_in(e, rc, "config space");
		if (!is_gone(d))
			return 0;
	}
	(void)err_set(e, -EIO,
		      "the function does not answer: its config space reads "
		      "all ones");
	if (!d->dev->raw && !d->dev->mediated)
		err_hint(e,
			 "it may be asleep: load vfio-pci with "
			 "disable_idle_d3=1, or write 0 to "
			 "/sys/bus/pci/devices/%s/d3cold_allowed",
			 vfio_name(d));
	return -EIO;
}

/* No sysfs has told of it: what it shows is all there is, and nothing of it is
 * hidden. */
static void adopt_config(struct vfio_device *d)
{
	struct vfio_function *f = &d->host;

	memcpy(f->config, d->seen, sizeof(f->config));
	f->config_size = d->pci.config_size;
	f->vendor = le16_load(d->seen + PCI_VENDOR_ID);
	f->device = le16_load(d->seen + PCI_DEVICE_ID);
	f->class_code = le32_load(d->seen + PCI_CLASS_REVISION) >> 8;
}

static int learn_config(struct vfio_device *d, struct err *e)
{
	unsigned type;
	int rc = config_size(d, e);

	if (rc < 0)
		return rc;
	d->pci.config_size = (unsigned)rc;
	rc = read_config(d, e);
	if (rc < 0)
		return rc;
	type = d->seen[PCI_HEADER_TYPE] & 0x7f;
	if (type != PCI_HEADER_TYPE_NORMAL)
		return err_set(e, -EINVAL,
			       "has header type %u: only endpoints can be "
			       "assigned",
			       type);
	if (d->dev->raw || d->dev->mediated)
		adopt_config(d);
	memcpy(d->pci.config, d->seen, sizeof(d->seen));
	memset(d->pci.config + PCI_BASE_ADDRESS_0, 0, VFIO_BAR_BYTES);
	return 0;
}

/* -------- open -------- */

static int switch_off(struct vfio_device *d, struct err *e)
{
	const uint32_t off = PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
			     PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE;
	uint32_t command = le16_load(d->seen + PCI_COMMAND);
	int rc = vfio_config_put(d, PCI_COMMAND, 2, command & ~off);

	return rc < 0 ? err_sys(e, rc, "cannot write its command register") : 0;
}

static void list_add(struct vfio_device *d)
{
	d->next = d->iommu->devices;
	d->iommu->devices = d;
}

static void list_remove(struct vfio_device *d)
{
	struct vfio_device **p = &d->iommu->devices;

	while (*p && *p != d)
		p = &(*p)->next;
	if (*p)
		*p = d->next;
}

static int device_build(struct vfio_device *d, struct vfio_iommu *iommu,
			struct err *e)
{
	const struct vfio_function *f = &d->host;
	const char *token = d->opt.vf_token;
	const struct vfio_wanted w = {
		.name = f->name,
		.vf_token = token[0] ? token : NULL,
		.fd = d->opt.fd,
		.group = d->opt.group,
	};
	int rc = iommu->ops->attach(iommu, &w, &d->dev, e);

	if (rc >= 0)
		rc = vfio_reset_at_open(d, e);
	if (rc >= 0)
		rc = learn_config(d, e);
	log_info("vfio: %s: %04x:%04x class %06x, driver %s, group %d, node %d",
		 f->name, f->vendor, f->device, f->class_code, f->driver,
		 f->group, f->numa_node);
	if (rc >= 0)
		rc = switch_off(d, e);
	if (rc >= 0)
		rc = vfio_irqs_probe(d, e);
	if (rc >= 0)
		rc = vfio_bars_open(d, e);
	if (rc >= 0)
		rc = vfio_rom_open(d, e);
	if (rc >= 0)
		rc = vfio_policy_apply(d, e);
	if (rc >= 0)
		rc = vfio_irqs_open(d, e);
	if (rc >= 0)
		rc = vfio_health_open(d, e);
	if (rc < 0)
		return rc;
	vfio_bars_mmap(d);
	vfio_peer_check(d);
	vfio_power_check(d);
	memcpy(d->power_on, d->pci.config, sizeof(d->power_on));
	return 0;
}

int vfio_device_open(struct vm *vm, struct vfio_iommu *iommu,
		     const struct vfio_function *f,
		     const struct vfio_options *o, struct vfio_device **out,
		     struct err *e)
{
	struct vfio_device *d = calloc(1, sizeof(*d));
	int rc;

	if (!d) {
		int fd = o->fd ? o->fd : -1;

		sys_close(&fd);
		return err_set(e, -ENOMEM, "%s: out of memory", f->name);
	}
	d->vm = vm;
	d->iommu = iommu;
	d->host = *f;
	d->opt = *o;
	d->err_fd = d->req_fd = d->look_fd = -1;
	d->irqs.line = IRQ_LINE_EMPTY;
	pthread_cond_init(&d->reset.over, NULL);
	pci_device_init(&d->pci, &vfio_pci_ops, f->name);
	rc = device_build(d, iommu, e);
	if (rc < 0) {
		vfio_device_close(d);
		return err_in(e, rc, "%s", f->name);
	}
	list_add(d);
	*out = d;
	return 0;
}

void vfio_device_close(struct vfio_device *d)
{
	if (!d)
		return;
	vfio_resets_end(d->iommu);
	list_remove(d);
	if (d->dev) {
		vfio_health_close(d);
		vfio_irqs_close(d);
		/* while the windows can still be hidden one by one */
		pci_bars_unmap(&d->pci);
		vfio_rom_close(d);
		vfio_bars_close(d);
		d->dev->ops->close(d->dev);
	}
	pci_device_fini(&d->pci);
	pthread_cond_destroy(&d->reset.over);
	free(d);
}

/* -------- in the machine -------- */

struct pci_device *vfio_device_pci(struct vfio_device *d)
{
	return &d->pci;
}

int vfio_device_wire(struct vfio_device *d, struct err *e)
{
	int rc = vfio_irqs_wire(d, e);

	if (rc < 0)
		return err_in(e, rc, "%s", vfio_name(d));
	memcpy(d->power_on + PCI_INTERRUPT_LINE,
	       d->pci.config + PCI_INTERRUPT_LINE, 2);
	d->power_on[PCI_HEADER_TYPE] = d->pci.config[PCI_HEADER_TYPE];
	return 0;
}

/* tests/fakes/pci.c - building a function from its description */
#include <linux/pci_regs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fakes/fake.h"

static struct device *devices;

struct device *device_list(void)
{
	return devices;
}

struct device *device_find(const char *bdf)
{
	struct device *d = devices;

	while (d && strcmp(d->bdf, bdf) != 0)
		d = d->next;
	if (!d) {
		fprintf(stderr, "the test asks for %s, which it never added\n",
			bdf);
		abort();
	}
	return d;
}

struct device *device_in(struct group *g, const char *bdf)
{
	struct device *d = devices;

	while (d && (d->group != g || strcmp(d->bdf, bdf) != 0))
		d = d->next;
	return d;
}

void device_free_all(void)
{
	while (devices) {
		struct device *d = devices;

		devices = d->next;
		for (unsigned i = 0; i < N_REGIONS; i++) {
			if (d->region[i].hw)
				(void)munmap(
					d->region[i].hw,
					align_up(d->region[i].size, FAKE_PAGE));
			if (d->region[i].memfd >= 0)
				(void)close(d->region[i].memfd);
		}
		free(d);
	}
}

bool device_is_vfio(const struct device *d)
{
	return strcmp(d->driver, d->pci.mediated ? "mtty" : "vfio-pci") == 0;
}

void device_sysfs(const struct device *d, const char *file, char path[128])
{
	snprintf(path, 128, "/sys/bus/%s/devices/%s%s%s",
		 d->pci.mediated ? "mdev" : "pci", d->bdf, file[0] ? "/" : "",
		 file);
}

/* -------- the hardware's config space -------- */

/* Put capability @id at @at into the chain, which is in order of addition. */
static void link_std(struct device *d, unsigned id, unsigned at)
{
	unsigned p = PCI_CAPABILITY_LIST;

	while (d->hw[p] != 0)
		p = d->hw[p] + 1u;
	d->hw[p] = (uint8_t)at;
	d->hw[at] = (uint8_t)id;
	d->hw[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
}

static void put_express(struct device *d)
{
	unsigned at = d->pci.express_at;

	link_std(d, PCI_CAP_ID_EXP, at);
	le16_store(d->hw + at + PCI_EXP_FLAGS, 2);
	le32_store(d->hw + at + PCI_EXP_DEVCAP,
		   PCI_EXP_DEVCAP_FLR | PCI_EXP_DEVCAP_RBER | 1);
	le16_store(d->hw + at + PCI_EXP_DEVCTL, 0x2810);
	/* Gen 3, x4 */
	le32_store(d->hw + at + PCI_EXP_LNKCAP, 0x43);
	le16_store(d->hw + at + PCI_EXP_LNKSTA, 0x43);
	le32_store(d->hw + at + PCI_EXP_LNKCAP2, 0xe);
	le16_store(d->hw + at + PCI_EXP_LNKCTL2, 3);
}

static void put_pm(struct device *d)
{
	unsigned at = d->pci.pm_at;

	link_std(d, PCI_CAP_ID_PM, at);
	le16_store(d->hw + at + PCI_PM_PMC, 3 | PCI_PM_CAP_PME_D0);
	le16_store(d->hw + at + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET);
}

static void put_msi(struct device *d)
{
	unsigned at = d->pci.msi.at;

	link_std(d, PCI_CAP_ID_MSI, at);
	le16_store(
		d->hw + at + PCI_MSI_FLAGS,
		(uint16_t)(d->pci.msi.log2_vectors << 1 |
			   (d->pci.msi.addr64 ? PCI_MSI_FLAGS_64BIT : 0) |
			   (d->pci.msi.maskbits ? PCI_MSI_FLAGS_MASKBIT : 0)));
}

static void put_msix(struct device *d)
{
	unsigned at = d->pci.msix.at;

	link_std(d, PCI_CAP_ID_MSIX, at);
	le16_store(d->hw + at + PCI_MSIX_FLAGS,
		   (uint16_t)(d->pci.msix.vectors - 1));
	le32_store(d->hw + at + PCI_MSIX_TABLE,
		   d->pci.msix.table | d->pci.msix.table_bar);
	le32_store(d->hw + at + PCI_MSIX_PBA,
		   d->pci.msix.pba | d->pci.msix.pba_bar);
}

static void put_caps(struct device *d)
{
	unsigned prev = 0;

	for (unsigned i = 0; i < d->pci.n_caps; i++) {
		const struct fake_cap *c = &d->pci.caps[i];

		if (c->at < PCI_CFG_SPACE_SIZE) {
			link_std(d, c->id, c->at);
			memcpy(d->hw + c->at + 2, c->body, c->body_size);
			continue;
		}
		le32_store(d->hw + c->at,
			   c->id | (uint32_t)(c->version ? c->version : 1)
					   << 16);
		memcpy(d->hw + c->at + 4, c->body, c->body_size);
		if (prev != 0)
			le32_store(d->hw + prev, le32_load(d->hw + prev) |
							 (uint32_t)c->at << 20);
		prev = c->at;
	}
}

uint32_t bar_flags(const struct fake_bar *b)
{
	if (b->io)
		return PCI_BASE_ADDRESS_SPACE_IO;
	return (b->mem64 ? PCI_BASE_ADDRESS_MEM_TYPE_64 : 0u) |
	       (b->prefetch ? PCI_BASE_ADDRESS_MEM_PREFETCH : 0u);
}

static void put_bars(struct device *d)
{
	for (unsigned i = 0; i < 6; i++) {
		const struct fake_bar *b = &d->pci.bar[i];
		uint64_t at = b->io	 ? 0x1000 * (i + 1)
			      : b->mem64 ? b->size << 4
					 : 0xc0000000 + b->size * (i + 1);

		if (b->size == 0)
			continue;
		le32_store(d->hw + PCI_BASE_ADDRESS_0 + 4 * i,
			   ((uint32_t)at & (uint32_t) ~(b->size - 1)) |
				   bar_flags(b));
		if (b->mem64)
			le32_store(d->hw + PCI_BASE_ADDRESS_0 + 4 * (i + 1),
				   (uint32_t)(at >> 32));
	}
}

static void put_config(struct device *d)
{
	const struct fake_pci *p = &d->pci;

	le16_store(d->hw + PCI_VENDOR_ID, p->vendor);
	le16_store(d->hw + PCI_DEVICE_ID, p->device);
	le32_store(d->hw + PCI_CLASS_REVISION,
		   p->class_code << 8 | p->revision);
	d->hw[PCI_HEADER_TYPE] = p->header_type;
	le16_store(d->hw + PCI_SUBSYSTEM_VENDOR_ID, p->subvendor);
	le16_store(d->hw + PCI_SUBSYSTEM_ID, p->subdevice);
	d->hw[PCI_INTERRUPT_PIN] = p->pin;
	put_bars(d);
	if (p->pm_at)
		put_pm(d);
	if (p->msi.at)
		put_msi(d);
	if (p->express_at)
		put_express(d);
	if (p->msix.at)
		put_msix(d);
	put_caps(d);
	if (!p->is_virtual)
		return;
	memset(d->hw + PCI_VENDOR_ID, 0xff, 4);
	memset(d->hw + PCI_BASE_ADDRESS_0, 0, 24);
}

/* -------- regions -------- */

static void make_region(struct device *d, unsigned i, uint64_t size,
			bool mappable)
{
	struct region *r = &d->region[i];
	uint64_t room = align_up(size, FAKE_PAGE);

	r->size = size;
	r->mappable = mappable;
	r->memfd = memfd_create("bar", MFD_CLOEXEC);
	if (r->memfd < 0 || ftruncate(r->memfd, (off_t)room) < 0)
		abort();
	r->hw = mmap(NULL, room, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_NORESERVE, r->memfd, 0);
	if (r->hw == MAP_FAILED)
		abort();
}

static void put_regions(struct device *d)
{
	for (unsigned i = 0; i < N_REGIONS; i++)
		d->region[i].memfd = -1;
	for (unsigned i = 0; i < 6; i++) {
		const struct fake_bar *b = &d->pci.bar[i];

		if (b->size != 0)
			make_region(d, i, b->size, !b->io && !b->no_mmap);
	}
	if (d->pci.rom_size != 0 && !d->pci.rom_invalid)
		make_region(d, VFIO_PCI_ROM_REGION_INDEX, d->pci.rom_size,
			    false);
	d->region[VFIO_PCI_CONFIG_REGION_INDEX].size = d->config_size;
	for (const uint64_t *s = d->pci.sparse; s && s[1] != 0; s += 2) {
		if (d->n_sparse == ARRAY_LEN(d->sparse))
			abort();
		d->sparse[d->n_sparse][0] = s[0];
		d->sparse[d->n_sparse++][1] = s[1];
	}
}

/* -------- sysfs -------- */

__attribute__((format(printf, 3, 4))) static void
attribute(const struct device *d, const char *name, const char *fmt, ...)
{
	char path[128], text[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	device_sysfs(d, name, path);
	fake_file(path, text);
}

static const char *parent_of(const struct device *d)
{
	return d->pci.mediated ? "virtual/mtty/mtty" : "pci0000:00";
}

static void put_links(const struct device *d)
{
	char path[128], target[128];

	if (d->driver[0] != '\0') {
		device_sysfs(d, "driver", path);
		snprintf(target, sizeof(target), "../../../bus/%s/drivers/%s",
			 d->pci.mediated ? "mdev" : "pci", d->driver);
		fake_link(path, target);
	}
	if (!d->group)
		return;
	device_sysfs(d, "iommu_group", path);
	snprintf(target, sizeof(target), "../../../kernel/iommu_groups/%d",
		 d->group->number);
	fake_link(path, target);
	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%d/devices/%s",
		 d->group->number, d->bdf);
	snprintf(target, sizeof(target), "../../../../devices/%s/%s",
		 parent_of(d), d->bdf);
	fake_link(path, target);
}

static void put_attributes(const struct device *d)
{
	const struct fake_pci *p = &d->pci;
	char path[128];

	attribute(d, "vendor", "0x%04x\n", p->vendor);
	attribute(d, "device", "0x%04x\n", p->device);
	attribute(d, "class", "0x%06x\n", p->class_code);
	attribute(d, "revision", "0x%02x\n", p->revision);
	attribute(d, "numa_node", "-1\n");
	if (!p->no_reset)
		attribute(d, "reset_method", "%s\n",
			  p->express_at ? "flr bus" : "pm bus");
	device_sysfs(d, "config", path);
	fake_blob(path, d->hw, d->config_size);
}

static void put_sysfs(const struct device *d)
{
	char path[128], target[128];

	snprintf(path, sizeof(path), "/sys/devices/%s/%s", parent_of(d),
		 d->bdf);
	fake_dir(path);
	device_sysfs(d, "", path);
	snprintf(target, sizeof(target), "../../../devices/%s/%s", parent_of(d),
		 d->bdf);
	fake_link(path, target);
	put_links(d);
	if (!d->pci.mediated)
		put_attributes(d);
	if (d->group && device_is_vfio(d)) {
		snprintf(path, sizeof(path), "/dev/vfio/%d", d->group->number);
		fake_lock();
		if (!node_find(path, true))
			node_add(path, NODE_GROUP, d->group->number);
		fake_unlock();
		group_put_class(d->group->number);
	}
}
/* -------- for tests -------- */

void fake_pci_add(const struct fake_pci *p)
{
	struct device *d = xalloc(sizeof(*d));

	d->pci = *p;
	snprintf(d->bdf, sizeof(d->bdf), "%s", p->bdf);
	snprintf(d->pf, sizeof(d->pf), "%s", p->pf ? p->pf : "");
	snprintf(d->driver, sizeof(d->driver), "%s",
		 p->driver     ? p->driver
		 : p->mediated ? "mtty"
			       : "vfio-pci");
	d->o = (struct obj){ .kind = KIND_DEVICE, .refs = 1, .fd = -1 };
	snprintf(d->o.name, sizeof(d->o.name), "device %s", d->bdf);
	d->config_size = p->config_size ? p->config_size
			 : p->mediated	? 255
					: 4096;
	d->irq_type = -1;
	put_regions(d);
	put_config(d);
	memcpy(d->reset_hw, d->hw, sizeof(d->hw));
	config_init(d);
	fake_lock();
	if (p->group >= 0)
		d->group = group_get(p->group);
	d->next = devices;
	devices = d;
	fake_unlock();
	put_sysfs(d);
	cdev_add(d);
}

void fake_pci_changed(const char *bdf)
{
	struct device *d = device_find(bdf);
	char path[128];

	fake_lock();
	memcpy(d->reset_hw, d->hw, sizeof(d->hw));
	config_init(d);
	fake_unlock();
	device_sysfs(d, "config", path);
	fake_blob(path, d->hw, d->config_size);
}

uint8_t *fake_pci_hw_config(const char *bdf)
{
	return device_find(bdf)->hw;
}

void fake_pci_vfio_config(const char *bdf, uint8_t out[4096])
{
	const struct device *d = device_find(bdf);

	fake_lock();
	memset(out, 0, 4096);
	for (unsigned i = 0; i < d->config_size; i++)
		out[i] = config_read(d, i);
	fake_unlock();
}

void *fake_pci_bar(const char *bdf, unsigned bar)
{
	return device_find(bdf)->region[bar].hw;
}

unsigned fake_pci_resets(const char *bdf)
{
	return device_find(bdf)->resets;
}

bool fake_pci_is_open(const char *bdf)
{
	return device_find(bdf)->open;
}

void fake_pci_gone(const char *bdf, enum fake_gone how)
{
	struct device *d = device_find(bdf);

	fake_lock();
	d->gone = how;
	fake_unlock();
}

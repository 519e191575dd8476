/* tests/fakes/config.c - config space as vfio-pci shows it
 *
 * For each bit: is it the kernel's own (virt) or the hardware's, may it be
 * written, does writing one clear it. Rules are those of
 * drivers/vfio/pci/vfio_pci_config.c of Linux 6.12.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "tests/fakes/fake.h"

/* Lengths of standard capabilities; 0: the kernel takes it out of the chain. */
static const uint8_t std_length[PCI_CAP_ID_MAX + 1] = {
	[PCI_CAP_ID_PM] = 8,	  [PCI_CAP_ID_AGP] = 8,
	[PCI_CAP_ID_VPD] = 8,	  [PCI_CAP_ID_SLOTID] = 4,
	[PCI_CAP_ID_MSI] = 0xff,  [PCI_CAP_ID_CHSWP] = 4,
	[PCI_CAP_ID_PCIX] = 0xff, [PCI_CAP_ID_HT] = 0xff,
	[PCI_CAP_ID_VNDR] = 0xff, [PCI_CAP_ID_EXP] = 0xff,
	[PCI_CAP_ID_MSIX] = 12,	  [PCI_CAP_ID_AF] = 6,
};

static const bool ext_known[PCI_EXT_CAP_ID_MAX + 1] = {
	[PCI_EXT_CAP_ID_ERR] = true,   [PCI_EXT_CAP_ID_VC] = true,
	[PCI_EXT_CAP_ID_DSN] = true,   [PCI_EXT_CAP_ID_PWR] = true,
	[PCI_EXT_CAP_ID_VC9] = true,   [PCI_EXT_CAP_ID_VNDR] = true,
	[PCI_EXT_CAP_ID_ACS] = true,   [PCI_EXT_CAP_ID_ARI] = true,
	[PCI_EXT_CAP_ID_ATS] = true,   [PCI_EXT_CAP_ID_SRIOV] = true,
	[PCI_EXT_CAP_ID_MCAST] = true, [PCI_EXT_CAP_ID_PRI] = true,
	[PCI_EXT_CAP_ID_REBAR] = true, [PCI_EXT_CAP_ID_DPA] = true,
	[PCI_EXT_CAP_ID_TPH] = true,   [PCI_EXT_CAP_ID_LTR] = true,
	[PCI_EXT_CAP_ID_DVSEC] = true,
};

/* -------- permissions -------- */

static void fill(uint8_t *map, unsigned at, unsigned n, uint8_t v)
{
	memset(map + at, v, n);
}

/* n bytes at @at: which bits are virtual, which writable. */
static void perm(struct device *d, unsigned at, unsigned n, uint32_t virt,
		 uint32_t writable)
{
	le_store(d->virt + at, n, virt);
	le_store(d->writable + at, n, writable);
}

static void header_perms(struct device *d)
{
	fill(d->virt, 0, 64, 0);
	fill(d->writable, 0, 64, 0);
	perm(d, PCI_VENDOR_ID, 4, UINT32_MAX, 0);
	perm(d, PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE, 0xffff);
	perm(d, PCI_STATUS, 2, PCI_STATUS_CAP_LIST, 0xffff);
	le16_store(d->w1c + PCI_STATUS, 0xf900);
	perm(d, PCI_CACHE_LINE_SIZE, 2, 0, 0xffff);
	perm(d, PCI_BIST, 1, 0, 0xff);
	for (unsigned i = 0; i < 6; i++)
		perm(d, PCI_BASE_ADDRESS_0 + 4 * i, 4, UINT32_MAX, UINT32_MAX);
	perm(d, PCI_ROM_ADDRESS, 4, UINT32_MAX, UINT32_MAX);
	perm(d, PCI_CAPABILITY_LIST, 1, 0xff, 0);
	perm(d, PCI_INTERRUPT_LINE, 1, 0xff, 0xff);
	perm(d, PCI_INTERRUPT_PIN, 1, 0xff, 0);
}

static void msi_perms(struct device *d, unsigned at)
{
	uint16_t flags = le16_load(d->hw + at + PCI_MSI_FLAGS);
	bool wide = flags & PCI_MSI_FLAGS_64BIT;
	unsigned data = wide ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32;

	perm(d, at + PCI_MSI_FLAGS, 1, 0xff, 0xff);
	perm(d, at + PCI_MSI_ADDRESS_LO, 4, UINT32_MAX, UINT32_MAX);
	if (wide)
		perm(d, at + PCI_MSI_ADDRESS_HI, 4, UINT32_MAX, UINT32_MAX);
	perm(d, at + data, 2, 0xffff, 0xffff);
	if (flags & PCI_MSI_FLAGS_MASKBIT)
		perm(d, at + (wide ? PCI_MSI_MASK_64 : PCI_MSI_MASK_32), 4, 0,
		     UINT32_MAX);
	d->msi_at = at;
}

static void express_perms(struct device *d, unsigned at)
{
	const uint32_t ours = PCI_EXP_DEVCTL_BCR_FLR | PCI_EXP_DEVCTL_PAYLOAD |
			      PCI_EXP_DEVCTL_READRQ;

	perm(d, at + PCI_EXP_DEVCTL, 2, ours, 0xffff & ~PCI_EXP_DEVCTL_PHANTOM);
	perm(d, at + PCI_EXP_DEVCTL2, 2, 0, 0xffff & ~PCI_EXP_DEVCTL2_ARI);
	d->express_at = at;
}

static void std_perms(struct device *d, unsigned id, unsigned at, unsigned n)
{
	fill(d->virt, at, n, 0);
	fill(d->writable, at, n, 0);
	perm(d, at + PCI_CAP_LIST_NEXT, 1, 0xff, 0);
	switch (id) {
	case PCI_CAP_ID_PM:
		/* no PME for guests; a state change reaches the hardware */
		perm(d, at + PCI_PM_PMC, 2, PCI_PM_CAP_PME_MASK, 0);
		le16_store(d->vcfg + at + PCI_PM_PMC,
			   le16_load(d->hw + at + PCI_PM_PMC) &
				   (uint16_t)~PCI_PM_CAP_PME_MASK);
		perm(d, at + PCI_PM_CTRL, 2,
		     PCI_PM_CTRL_PME_ENABLE | PCI_PM_CTRL_PME_STATUS,
		     PCI_PM_CTRL_STATE_MASK);
		break;
	case PCI_CAP_ID_VPD:
		perm(d, at + PCI_VPD_ADDR, 2, 0xffff, 0xffff);
		perm(d, at + PCI_VPD_DATA, 4, UINT32_MAX, UINT32_MAX);
		break;
	case PCI_CAP_ID_MSI:
		msi_perms(d, at);
		break;
	case PCI_CAP_ID_EXP:
		express_perms(d, at);
		break;
	case PCI_CAP_ID_VNDR:
		fill(d->writable, at + 2, n - 2, 0xff);
		break;
	case PCI_CAP_ID_AF:
		perm(d, at + PCI_AF_CTRL, 1, PCI_AF_CTRL_FLR, PCI_AF_CTRL_FLR);
		break;
	}
}

static unsigned std_size(const struct device *d, unsigned id, unsigned at)
{
	uint16_t flags;

	if (std_length[id] != 0xff)
		return std_length[id];
	switch (id) {
	case PCI_CAP_ID_VNDR:
		return d->hw[at + 2];
	case PCI_CAP_ID_EXP:
		return (d->hw[at + PCI_EXP_FLAGS] & PCI_EXP_FLAGS_VERS) == 1
			       ? PCI_CAP_EXP_ENDPOINT_SIZEOF_V1
			       : PCI_CAP_EXP_ENDPOINT_SIZEOF_V2;
	case PCI_CAP_ID_MSI:
		flags = le16_load(d->hw + at + PCI_MSI_FLAGS);
		return 10 + (flags & PCI_MSI_FLAGS_64BIT ? 4 : 0) +
		       (flags & PCI_MSI_FLAGS_MASKBIT ? 10 : 0);
	default:
		return 8;
	}
}

/* vfio_cap_init: what the kernel does not know it leaves out. */
static void std_chain(struct device *d)
{
	unsigned prev = PCI_CAPABILITY_LIST, loops = 0;
	unsigned at = d->hw[prev] & 0xfc;

	d->vcfg[prev] = (uint8_t)at;
	while (at >= 64 && loops++ < 48) {
		unsigned id = d->hw[at], next = d->hw[at + 1] & 0xfcu;

		if (id > PCI_CAP_ID_MAX || std_length[id] == 0) {
			d->vcfg[prev] = (uint8_t)next;
		} else {
			std_perms(d, id, at, std_size(d, id, at));
			d->vcfg[at + 1] = (uint8_t)next;
			prev = at + 1;
		}
		at = next;
	}
}

/* -------- extended capabilities -------- */

/* Bytes of the capability at @at; the test described them. */
static unsigned ext_size(const struct device *d, unsigned at)
{
	for (unsigned i = 0; i < d->pci.n_caps; i++) {
		if (d->pci.caps[i].at == at)
			return 4 + d->pci.caps[i].body_size;
	}
	return 4;
}

static void ext_perms(struct device *d, unsigned id, unsigned at)
{
	unsigned n = ext_size(d, at);

	fill(d->virt, at, n, 0);
	fill(d->writable, at, n, 0);
	perm(d, at, 4, 0xfff00000, 0);
	if (id == PCI_EXT_CAP_ID_VNDR || id == PCI_EXT_CAP_ID_DVSEC)
		fill(d->writable, at + 4, n - 4, 0xff);
	if (id != PCI_EXT_CAP_ID_ERR || n < 0x18)
		return;
	perm(d, at + PCI_ERR_UNCOR_STATUS, 4, 0, UINT32_MAX);
	perm(d, at + PCI_ERR_UNCOR_MASK, 4, 0, UINT32_MAX);
	perm(d, at + PCI_ERR_UNCOR_SEVER, 4, 0, UINT32_MAX);
	perm(d, at + PCI_ERR_COR_STATUS, 4, 0, UINT32_MAX);
	perm(d, at + PCI_ERR_COR_MASK, 4, 0, UINT32_MAX);
	le32_store(d->w1c + at + PCI_ERR_UNCOR_STATUS, UINT32_MAX);
	le32_store(d->w1c + at + PCI_ERR_COR_STATUS, UINT32_MAX);
}

/* vfio_ecap_init: an unknown one is unlinked; at 0x100 it becomes id 0. */
static void ext_chain(struct device *d)
{
	unsigned at = PCI_CFG_SPACE_SIZE, prev = 0, loops = 0;

	while (d->config_size > PCI_CFG_SPACE_SIZE && at >= 0x100 &&
	       loops++ < 480) {
		uint32_t header = le32_load(d->hw + at);
		unsigned id = PCI_EXT_CAP_ID(header);
		unsigned next = PCI_EXT_CAP_NEXT(header) & 0xffcu;

		if (header == 0 || header == UINT32_MAX)
			return;
		if (id <= PCI_EXT_CAP_ID_MAX && ext_known[id]) {
			ext_perms(d, id, at);
			le32_store(d->vcfg + at, header);
			prev = at;
		} else if (at == PCI_CFG_SPACE_SIZE) {
			perm(d, at, 4, UINT32_MAX, 0);
			le32_store(d->vcfg + at, header & 0xffc00000);
			prev = at;
		} else {
			le32_store(d->vcfg + prev,
				   (le32_load(d->vcfg + prev) & 0xfffff) |
					   next << 20);
		}
		at = next;
	}
}

/* Without a kernel: nothing is virtual but the BARs, whose registers are
 * modelled there, and what the kernel keeps for itself can be written. */
static void raw_perms(struct device *d)
{
	unsigned msix = d->pci.msix.at;

	fill(d->virt, 0, PCI_BASE_ADDRESS_0, 0);
	fill(d->virt, PCI_CARDBUS_CIS, sizeof(d->virt) - PCI_CARDBUS_CIS, 0);
	fill(d->virt, PCI_ROM_ADDRESS, 4, 0xff);
	if (d->msi_at)
		perm(d, d->msi_at + PCI_MSI_FLAGS, 2, 0,
		     PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE);
	if (msix)
		perm(d, msix + PCI_MSIX_FLAGS, 2, 0,
		     PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
}

/* vfio_config_init: IDs from the kernel's own copy, and memory decode, which
 * the hardware has hardwired to 0, is the kernel's and on. */
static void virtual_function(struct device *d)
{
	le16_store(d->vcfg + PCI_VENDOR_ID, d->pci.vendor);
	le16_store(d->vcfg + PCI_DEVICE_ID, d->pci.device);
	d->virt[PCI_COMMAND] |= PCI_COMMAND_MEMORY;
	d->vcfg[PCI_COMMAND] |= PCI_COMMAND_MEMORY;
	d->vcfg[PCI_INTERRUPT_PIN] = 0;
}

void config_init(struct device *d)
{
	memcpy(d->vcfg, d->hw, sizeof(d->hw));
	memset(d->virt, 0, sizeof(d->virt));
	memset(d->w1c, 0, sizeof(d->w1c));
	/* bytes outside of everything known are raw */
	memset(d->writable, 0xff, sizeof(d->writable));
	d->msi_at = d->express_at = 0;
	header_perms(d);
	std_chain(d);
	ext_chain(d);
	if (d->raw)
		raw_perms(d);
	else if (d->pci.is_virtual)
		virtual_function(d);
}

/* -------- access -------- */

/* vfio_bar_fixup: a virtual function has them from its resources. */
static uint32_t register_flags(const struct device *d, unsigned i)
{
	const struct fake_bar *b = &d->pci.bar[i];

	if (d->pci.is_virtual)
		return bar_flags(b);
	return le32_load(d->hw + PCI_BASE_ADDRESS_0 + 4 * i) &
	       (b->io ? 3u : 15u);
}

/* A BAR reads back with the bits that its size leaves. */
static uint8_t bar_byte(const struct device *d, unsigned at)
{
	unsigned i = (at - PCI_BASE_ADDRESS_0) / 4;
	uint32_t v = le32_load(d->vcfg + PCI_BASE_ADDRESS_0 + 4 * i);
	const struct fake_bar *b = &d->pci.bar[i];
	bool upper = i > 0 && d->pci.bar[i - 1].mem64;
	uint64_t size = upper ? d->pci.bar[i - 1].size : b->size;
	uint64_t mask = size == 0 ? 0 : ~(size - 1);

	if (upper)
		v &= (uint32_t)(mask >> 32);
	else if (size == 0)
		v = 0;
	else
		v = (v & (uint32_t)mask) | register_flags(d, i);
	return (uint8_t)(v >> at % 4 * 8);
}

static uint8_t rom_byte(const struct device *d, unsigned at)
{
	uint32_t v = le32_load(d->vcfg + PCI_ROM_ADDRESS);
	uint32_t mask =
		d->pci.rom_size ? (uint32_t) ~(d->pci.rom_size - 1) | 1u : 0;

	return (uint8_t)((v & mask) >> at % 4 * 8);
}

uint8_t config_read(const struct device *d, unsigned at)
{
	uint8_t hw = d->gone == FAKE_ALL_ONES ? 0xff : d->hw[at];

	if (at >= PCI_BASE_ADDRESS_0 && at < PCI_BASE_ADDRESS_0 + 24)
		return bar_byte(d, at);
	if (at >= PCI_ROM_ADDRESS && at < PCI_ROM_ADDRESS + 4)
		return rom_byte(d, at);
	return (uint8_t)((d->vcfg[at] & d->virt[at]) | (hw & ~d->virt[at]));
}

bool config_memory_on(const struct device *d)
{
	return d->pci.is_virtual || d->hw[PCI_COMMAND] & PCI_COMMAND_MEMORY;
}

bool config_io_on(const struct device *d)
{
	return d->hw[PCI_COMMAND] & PCI_COMMAND_IO;
}

static void write_byte(struct device *d, unsigned at, uint8_t v)
{
	uint8_t ours = d->virt[at] & d->writable[at];
	uint8_t theirs = (uint8_t)(~d->virt[at] & d->writable[at]);

	d->vcfg[at] = (uint8_t)((d->vcfg[at] & ~ours) | (v & ours));
	if (d->gone == FAKE_ALL_ONES)
		return;
	d->hw[at] &= (uint8_t) ~(v & theirs & d->w1c[at]);
	theirs &= (uint8_t)~d->w1c[at];
	d->hw[at] = (uint8_t)((d->hw[at] & ~theirs) | (v & theirs));
}

static void command_written(struct device *d, bool memory_was, uint8_t high_was)
{
	bool memory = config_memory_on(d);
	uint8_t high = (d->raw ? d->hw : d->vcfg)[PCI_COMMAND + 1];
	const uint8_t off = PCI_COMMAND_INTX_DISABLE >> 8;

	if (memory_was && !memory && memory_shows_device(&d->o))
		misuse("memory decode of %s went off while a KVM slot or an "
		       "IOMMU shows its pages",
		       d->bdf);
	if (memory_was != memory)
		memory_protect_device(&d->o, memory);
	if ((high ^ high_was) & off)
		irq_intx_gate(d, high & off);
}

/* vfio_msi_config_write: MSI is switched by SET_IRQS, never from here. */
static void msi_written(struct device *d)
{
	uint8_t *flags = &d->vcfg[d->msi_at + PCI_MSI_FLAGS];
	uint8_t most = (uint8_t)(d->pci.msi.log2_vectors << 4);
	uint8_t fixed = d->hw[d->msi_at + PCI_MSI_FLAGS] &
			(PCI_MSI_FLAGS_QMASK | PCI_MSI_FLAGS_64BIT);

	if (d->irq_type != VFIO_PCI_MSI_IRQ_INDEX)
		*flags &= (uint8_t)~PCI_MSI_FLAGS_ENABLE;
	if ((*flags & PCI_MSI_FLAGS_QSIZE) > most)
		*flags = (uint8_t)((*flags & ~PCI_MSI_FLAGS_QSIZE) | most);
	*flags = (uint8_t)((*flags &
			    (PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE)) |
			   fixed);
}

static bool touches(unsigned at, unsigned n, unsigned reg, unsigned len)
{
	return range_overlaps(at, n, reg, len);
}

void config_write(struct device *d, unsigned at, const uint8_t *v, unsigned n)
{
	bool memory_was = config_memory_on(d);
	uint8_t *keeps = d->raw ? d->hw : d->vcfg;
	uint8_t high_was = keeps[PCI_COMMAND + 1];
	uint8_t *flr = &keeps[d->express_at + PCI_EXP_DEVCTL + 1];

	for (unsigned i = 0; i < n; i++)
		write_byte(d, at + i, v[i]);
	if (touches(at, n, PCI_COMMAND, 2))
		command_written(d, memory_was, high_was);
	if (d->msi_at != 0 && !d->raw &&
	    touches(at, n, d->msi_at + PCI_MSI_FLAGS, 1))
		msi_written(d);
	if (d->express_at != 0 && (*flr & (PCI_EXP_DEVCTL_BCR_FLR >> 8))) {
		*flr &= (uint8_t) ~(PCI_EXP_DEVCTL_BCR_FLR >> 8);
		device_do_reset(d);
	}
}

/* vfio/quirks.c - exceptions, each with its reason
 *
 * Some functions are wrong about themselves. Each entry names the functions,
 * what they claim and what is true; everything else is believed. Others need
 * what nobody else does, and their users should not have to know.
 */
#include "vfio/internal.h"
#include "vmm/base/trace.h"

/* The pending bits are not where the capability says, but inside the same BAR
 * at another offset; believed, they would lie outside of it. */
static const struct pba_quirk {
	uint16_t vendor, device, mask;
	uint32_t offset;
	const char *who;
} pba_quirks[] = {
	/* virtual functions copy the offset of their physical function */
	{ 0x1425, 0x5800, 0xff00, 0x1000, "Chelsio T5 virtual function" },
	{ 0x1d22, 0x3685, 0xffff, 0xb400, "Kunlun virtual function" },
};

/* Reading the ROM wedges the function, and the host with it. */
static const struct rom_quirk {
	uint16_t vendor, device;
	const char *who;
} rom_quirks[] = {
	{ 0x14e4, 0x168e, "Broadcom BCM57810" },
};

bool vfio_quirk_rom(const struct vfio_device *d)
{
	uint16_t vendor = le16_load(d->seen + PCI_VENDOR_ID);
	uint16_t device = le16_load(d->seen + PCI_DEVICE_ID);

	for (unsigned i = 0; i < ARRAY_LEN(rom_quirks); i++) {
		const struct rom_quirk *q = &rom_quirks[i];

		if (q->vendor != vendor || q->device != device)
			continue;
		log_info("vfio: %s: %s: its ROM is not shown, since reading it "
			 "hangs the function",
			 vfio_name(d), q->who);
		return true;
	}
	return false;
}

void vfio_quirk_msix(const struct vfio_device *d, uint8_t *cap)
{
	uint16_t vendor = le16_load(d->seen + PCI_VENDOR_ID);
	uint16_t device = le16_load(d->seen + PCI_DEVICE_ID);
	uint32_t pba = le32_load(cap + PCI_MSIX_PBA);

	for (unsigned i = 0; i < ARRAY_LEN(pba_quirks); i++) {
		const struct pba_quirk *q = &pba_quirks[i];
		uint64_t bar =
			d->pci.bars[(pba & PCI_MSIX_PBA_BIR) % PCI_BARS].size;

		if (q->vendor != vendor || q->device != (device & q->mask) ||
		    (pba & PCI_MSIX_PBA_OFFSET) < bar)
			continue;
		log_info("vfio: %s: %s: MSI-X pending bits at %#x",
			 vfio_name(d), q->who, q->offset);
		le32_store(cap + PCI_MSIX_PBA,
			   (pba & PCI_MSIX_PBA_BIR) | q->offset);
	}
}

/* These run programs that move memory to and from the chip's own registers and
 * memory, by the addresses of their BARs. On a conventional bus the chip itself
 * answers; where each of its accesses goes through an IOMMU, that has to know
 * the BARs. All are Symbios Logic's, as Linux' sym53c8xx drives them. */
static const struct self_quirk {
	uint16_t vendor, first, last;
} self_quirks[] = {
	{ 0x1000, 0x0001, 0x0021 }, /* 53C810 to 53C1010-66 */
	{ 0x1000, 0x008f, 0x008f }, /* 53C875J */
};

void vfio_quirk_options(const struct vfio_function *f, struct vfio_options *o)
{
	for (unsigned i = 0; i < ARRAY_LEN(self_quirks); i++) {
		const struct self_quirk *q = &self_quirks[i];

		if (o->p2p_said || f->vendor != q->vendor ||
		    f->device < q->first || f->device > q->last)
			continue;
		log_info("vfio: %s: a SCSI processor: its programs need p2p=on",
			 f->name);
		o->p2p = true;
	}
}

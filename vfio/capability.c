/* vfio/capability.c - how the header and single capabilities are shown
 *
 * What a guest gets to see of each: which bytes are the device's, which are
 * ours, and what ours say at power-on. Which capabilities are shown at all is
 * decided in policy.c.
 */
#include <string.h>

#include "vfio/capability.h"
#include "vmm/base/trace.h"

void vfio_paint(struct vfio_device *d, unsigned off, unsigned len,
		enum vfio_class klass)
{
	bool ours = klass == VFIO_EMU || klass == VFIO_BLOCK;

	memset(d->klass + off, klass, len);
	memset(d->emu + off, ours ? 0xff : 0, len);
	if (klass != VFIO_EMU)
		memset(d->pci.writable + off, 0, len);
	if (klass == VFIO_BLOCK)
		memset(d->pci.config + off, 0, len);
}

/* -------- the header -------- */

void vfio_show_header(struct vfio_device *d)
{
	enum {
		LINE_AND_PIN = 2,
		/* what we must know to map BARs and reset */
		COMMAND_SHADOW = PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
				 PCI_COMMAND_MASTER,
	};
	struct pci_device *p = &d->pci;

	/* Not BARs and ROM: pci_bar_init wrote their registers and masks. */
	vfio_paint(d, 0, PCI_BASE_ADDRESS_0, VFIO_PASS_RO);
	vfio_paint(d, PCI_CARDBUS_CIS, PCI_ROM_ADDRESS - PCI_CARDBUS_CIS,
		   VFIO_PASS_RO);
	vfio_paint(d, PCI_CAPABILITY_LIST,
		   PCI_STD_HEADER_SIZEOF - PCI_CAPABILITY_LIST, VFIO_PASS_RO);
	vfio_paint(d, PCI_COMMAND, 4, VFIO_PASS); /* and PCI_STATUS */
	vfio_paint(d, PCI_CACHE_LINE_SIZE, 2, VFIO_PASS);
	vfio_paint(d, PCI_BIST, 1, VFIO_PASS);
	vfio_paint(d, PCI_CAPABILITY_LIST, 1, VFIO_EMU);
	vfio_paint(d, PCI_INTERRUPT_LINE, LINE_AND_PIN, VFIO_EMU);
	/* Normal layout, and one function until its slot knows better: the
	 * topology is the guest's. VFIO-CFG-08. */
	vfio_paint(d, PCI_HEADER_TYPE, 1, VFIO_EMU);
	p->config[PCI_HEADER_TYPE] = PCI_HEADER_TYPE_NORMAL;
	memset(d->klass + PCI_BASE_ADDRESS_0, VFIO_EMU, VFIO_BAR_BYTES);
	memset(d->emu + PCI_BASE_ADDRESS_0, 0xff, VFIO_BAR_BYTES);
	vfio_paint(d, PCI_ROM_ADDRESS, 4, d->rom.image ? VFIO_EMU : VFIO_BLOCK);

	d->emu[PCI_COMMAND] = COMMAND_SHADOW;
	d->emu[PCI_COMMAND + 1] = PCI_COMMAND_INTX_DISABLE >> 8;
	d->emu[PCI_STATUS] = PCI_STATUS_CAP_LIST;
	p->writable[PCI_COMMAND] = COMMAND_SHADOW;
	p->writable[PCI_COMMAND + 1] = PCI_COMMAND_INTX_DISABLE >> 8;
	memset(p->config + PCI_COMMAND, 0, 4);
	memset(p->w1c, 0, sizeof(p->w1c));
	p->config[PCI_INTERRUPT_LINE] = 0;
	p->writable[PCI_INTERRUPT_LINE] = 0xff;
	p->config[PCI_INTERRUPT_PIN] =
		d->irqs.has_intx ? d->seen[PCI_INTERRUPT_PIN] : 0;
}

/* -------- bodies -------- */

int vfio_show_pass(struct vfio_device *d, const struct pci_cap *c,
		   struct err *e)
{
	return VFIO_SHOWN;
}

/* The kernel lets no write through; without one the same is done here. */
int vfio_show_guarded(struct vfio_device *d, const struct pci_cap *c,
		      struct err *e)
{
	if (d->dev->raw)
		vfio_paint(d, c->offset, c->size, VFIO_PASS_RO);
	return VFIO_SHOWN;
}

/* Writes to a capability that we do not know stay here. */
int vfio_show_read_only(struct vfio_device *d, const struct pci_cap *c,
			struct err *e)
{
	vfio_paint(d, c->offset, c->size, VFIO_PASS_RO);
	return VFIO_SHOWN;
}

/* Only the power state is real: no wake-up events reach the guest. */
int vfio_show_pm(struct vfio_device *d, const struct pci_cap *c, struct err *e)
{
	unsigned pmc = c->offset + PCI_PM_PMC;
	unsigned pmcsr = c->offset + PCI_PM_CTRL;

	if (c->size < PCI_PM_SIZEOF)
		return VFIO_HIDDEN;
	vfio_paint(d, pmc, PCI_PM_SIZEOF - PCI_PM_PMC, VFIO_PASS_RO);
	vfio_paint(d, pmcsr, 1, VFIO_PASS);
	d->emu[pmc + 1] = PCI_PM_CAP_PME_MASK >> 8;
	d->pci.config[pmc + 1] = 0;
	d->emu[pmcsr + 1] =
		(PCI_PM_CTRL_PME_ENABLE | PCI_PM_CTRL_PME_STATUS) >> 8;
	d->pci.config[pmcsr + 1] = 0;
	d->pm = (uint8_t)c->offset;
	return VFIO_SHOWN;
}

int vfio_show_af(struct vfio_device *d, const struct pci_cap *c, struct err *e)
{
	d->af = (uint8_t)c->offset;
	return VFIO_SHOWN;
}

int vfio_show_msi(struct vfio_device *d, const struct pci_cap *c, struct err *e)
{
	uint8_t *cap = d->pci.config + c->offset;
	uint16_t flags = le16_load(cap + PCI_MSI_FLAGS);
	unsigned data =
		flags & PCI_MSI_FLAGS_64BIT ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32;

	if (d->irqs.n_msi == 0 || c->size < msi_cap_size(flags))
		return VFIO_HIDDEN;
	/* mask and pending bits, if any, are the hardware's */
	vfio_paint(d, c->offset + PCI_MSI_FLAGS, data, VFIO_EMU);
	memset(cap + PCI_MSI_ADDRESS_LO, 0, data + 2 - PCI_MSI_ADDRESS_LO);
	le16_store(cap + PCI_MSI_FLAGS,
		   flags & (uint16_t) ~(PCI_MSI_FLAGS_ENABLE |
					PCI_MSI_FLAGS_QSIZE));
	d->msi_at = (uint8_t)c->offset;
	return VFIO_SHOWN;
}

int vfio_show_msix(struct vfio_device *d, const struct pci_cap *c,
		   struct err *e)
{
	uint8_t *cap = d->pci.config + c->offset;
	uint16_t flags = le16_load(cap + PCI_MSIX_FLAGS);
	uint64_t size[PCI_BARS];
	struct err why = ERR_NONE;
	int rc;

	if (d->irqs.n_msix == 0 || c->size < PCI_CAP_MSIX_SIZEOF)
		return VFIO_HIDDEN;
	vfio_quirk_msix(d, cap);
	for (unsigned i = 0; i < PCI_BARS; i++) {
		const struct pci_bar *b = &d->pci.bars[i];

		size[i] = b->kind == PCI_BAR_NONE || b->kind == PCI_BAR_IO
				  ? 0
				  : b->size;
	}
	if (msix_geometry(d->pci.config, c->offset, size, &why) < 0) {
		log_warn("vfio: %s: MSI-X is hidden: %s", vfio_name(d),
			 why.text);
		return VFIO_HIDDEN;
	}
	vfio_msix_note(d, cap);
	rc = vfio_msix_relocate(d, cap, e);
	if (rc < 0)
		return rc;
	vfio_paint(d, c->offset + PCI_MSIX_FLAGS,
		   PCI_CAP_MSIX_SIZEOF - PCI_MSIX_FLAGS, VFIO_EMU);
	le16_store(cap + PCI_MSIX_FLAGS,
		   flags & (uint16_t) ~(PCI_MSIX_FLAGS_ENABLE |
					PCI_MSIX_FLAGS_MASKALL));
	d->msix_at = (uint8_t)c->offset;
	return VFIO_SHOWN;
}

/* An integrated endpoint has no link; behind our root port it has one, of the
 * slowest kind. */
static void fabricate_link(struct vfio_device *d, const struct pci_cap *c)
{
	unsigned cap = c->offset + PCI_EXP_LNKCAP;

	vfio_paint(d, cap, PCI_EXP_SLTCAP - PCI_EXP_LNKCAP, VFIO_EMU);
	memset(d->pci.writable + cap, 0, PCI_EXP_SLTCAP - PCI_EXP_LNKCAP);
	le32_store(d->pci.config + cap, PCI_EXP_LNKCAP_SLS_2_5GB | 1 << 4);
	le16_store(d->pci.config + c->offset + PCI_EXP_LNKCTL, 0);
	le16_store(d->pci.config + c->offset + PCI_EXP_LNKSTA,
		   PCI_EXP_LNKSTA_CLS_2_5GB | PCI_EXP_LNKSTA_NLW_X1);
}

/* A guest writes device control and status; the link and the rest are the
 * port's business. */
static void guard_express(struct vfio_device *d, const struct pci_cap *c)
{
	unsigned end = c->offset + c->size;

	for (unsigned at = c->offset + PCI_EXP_DEVCAP; at < end; at++) {
		unsigned reg = at - c->offset;
		bool control = reg / 4 == PCI_EXP_DEVCTL / 4 ||
			       reg / 4 == PCI_EXP_DEVCTL2 / 4;

		if (!control && d->klass[at] == VFIO_PASS)
			d->klass[at] = VFIO_PASS_RO;
	}
}

int vfio_show_pcie(struct vfio_device *d, const struct pci_cap *c,
		   struct err *e)
{
	unsigned at = c->offset + PCI_EXP_FLAGS;
	uint16_t flags = le16_load(d->seen + at);
	unsigned type = (flags & PCI_EXP_FLAGS_TYPE) >> 4;

	if (type != PCI_EXP_TYPE_ENDPOINT && type != PCI_EXP_TYPE_LEG_END &&
	    type != PCI_EXP_TYPE_RC_END)
		return err_set(e, -EINVAL,
			       "is no endpoint: its PCI Express type is %u",
			       type);
	if (c->size < PCI_EXP_SLTCAP)
		return VFIO_HIDDEN;
	/* version 0 is found on some virtual functions */
	if ((flags & PCI_EXP_FLAGS_VERS) == 0)
		flags |= 1;
	if (type == PCI_EXP_TYPE_RC_END) {
		flags &= (uint16_t)~PCI_EXP_FLAGS_TYPE; /* an endpoint */
		fabricate_link(d, c);
	}
	vfio_paint(d, at, 2, VFIO_EMU);
	le16_store(d->pci.config + at, flags & (uint16_t)~PCI_EXP_FLAGS_SLOT);
	if (d->dev->raw)
		guard_express(d, c);
	/* "initiate function level reset" always reads 0 */
	d->emu[c->offset + PCI_EXP_DEVCTL + 1] = PCI_EXP_DEVCTL_BCR_FLR >> 8;
	d->pci.config[c->offset + PCI_EXP_DEVCTL + 1] = 0;
	d->pcie = (uint8_t)c->offset;
	return VFIO_SHOWN;
}

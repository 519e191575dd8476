/* vfio/relocate.c - the MSI-X table at another place than the hardware's
 *
 * The pages of the MSI-X table trap, and registers that share them with it are
 * slow: a doorbell that is written for each packet, say. The table that the
 * guest uses is a model, so it may as well be elsewhere; the guest finds it by
 * its capability:
 *
 *     hardware, BAR 0    |registers| table |registers|
 *     guest,    BAR 0    |registers|       |registers|   shown, all pages
 *               BAR 2    | table | PBA |                 a spare register
 *
 * Without a spare register, a BAR is shown with twice its size, and the model
 * is in the upper half. So there are two sets of offsets: those of the guest
 * (in the capability and in pcie/msix.c) and those of the hardware, which say
 * what must not be reached (d->irqs.place).
 *
 * The page that the hardware's table shares with registers is then shown as
 * well, if the kernel allows that (VFIO_REGION_INFO_CAP_MSIX_MAPPABLE: where
 * the IOMMU checks interrupts, a device can send none but its own, whatever is
 * in its table). A guest that writes there in spite of its capability spoils
 * its own interrupts. Pages that hold nothing but the table stay hidden.
 *
 * Not for every function: a driver may expect BARs of a certain size, or the
 * table at a certain place. So it is an option.
 */
#include <inttypes.h>

#include "vfio/internal.h"
#include "vmm/base/sys.h"
#include "vmm/base/trace.h"

static uint64_t table_size(const struct vfio_msix_place *p)
{
	return (uint64_t)p->n * MSIX_ENTRY;
}

/* A BAR that holds the table, the pending bits behind it, and nothing else. */
static uint64_t model_size(const struct vfio_msix_place *p)
{
	return doubled_to(sys_page_size(), table_size(p) + msix_pba_size(p->n));
}

void vfio_msix_note(struct vfio_device *d, const uint8_t *cap)
{
	uint32_t table = le32_load(cap + PCI_MSIX_TABLE);
	uint32_t pba = le32_load(cap + PCI_MSIX_PBA);

	d->irqs.place = (struct vfio_msix_place){
		.n = (le16_load(cap + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_QSIZE) +
		     1,
		.table_bar = table & PCI_MSIX_TABLE_BIR,
		.pba_bar = pba & PCI_MSIX_PBA_BIR,
		.table_off = table & PCI_MSIX_TABLE_OFFSET,
		.pba_off = pba & PCI_MSIX_PBA_OFFSET,
	};
}

bool vfio_msix_is_hardware_table(const struct vfio_device *d, unsigned bar,
				 uint64_t off, unsigned len)
{
	const struct vfio_msix_place *p = &d->irqs.place;

	return p->moved && bar == p->table_bar &&
	       range_overlaps(p->table_off, table_size(p), off, len);
}

/* -------- where to -------- */

/* What BAR @i would be with a model of @need bytes in it, and where in it the
 * model would be. -EINVAL: it cannot have one. */
static int fit(const struct vfio_device *d, unsigned i, uint64_t need,
	       struct pci_bar *out, uint64_t *at, struct err *e)
{
	const struct pci_bar *b = &d->pci.bars[i];
	uint64_t half = b->size > need ? b->size : need;
	uint64_t most = 1ull << (b->kind == PCI_BAR_MEM64 ? 61 : 30);

	if (i > 0 && b[-1].kind == PCI_BAR_MEM64)
		return err_set(e, -EINVAL,
			       "its register is the upper half of BAR %u",
			       i - 1);
	if (b->kind == PCI_BAR_IO)
		return err_set(e, -EINVAL, "it is a range of ports");
	/* the capability has 32 bits for the offset */
	if (half > most || half > UINT32_MAX)
		return err_set(e, -EINVAL,
			       "it is too large to have a table behind it");
	*out = *b;
	out->size = 2 * half;
	*at = half;
	if (b->kind != PCI_BAR_NONE)
		return 0;
	*out = (struct pci_bar){ .kind = PCI_BAR_MEM32, .size = need };
	*at = 0;
	return 0;
}

/* The register that makes the BARs grow least; the first of equals. */
static int choose(const struct vfio_device *d, uint64_t need)
{
	uint64_t least = UINT64_MAX;
	int found = -1;

	for (unsigned i = 0; i < PCI_BARS; i++) {
		struct err why = ERR_NONE;
		struct pci_bar b;
		uint64_t at;

		if (fit(d, i, need, &b, &at, &why) < 0 ||
		    b.size - d->pci.bars[i].size >= least)
			continue;
		least = b.size - d->pci.bars[i].size;
		found = (int)i;
	}
	return found;
}

static int move(struct vfio_device *d, uint8_t *cap, unsigned bar,
		struct err *e)
{
	struct vfio_msix_place *p = &d->irqs.place;
	uint64_t need = model_size(p);
	struct pci_bar b;
	uint64_t at;
	int rc = fit(d, bar, need, &b, &at, e);

	if (rc < 0)
		return rc;
	pci_bar_init(&d->pci, bar, b.kind, b.prefetchable, b.size);
	le32_store(cap + PCI_MSIX_TABLE, (uint32_t)at | bar);
	le32_store(cap + PCI_MSIX_PBA, (uint32_t)(at + table_size(p)) | bar);
	p->moved = true;
	log_info("vfio: %s: MSI-X table moved from BAR %u, %#" PRIx64
		 ", to BAR %u, %#" PRIx64,
		 vfio_name(d), p->table_bar, p->table_off, bar, at);
	return 0;
}

int vfio_msix_relocate(struct vfio_device *d, uint8_t *cap, struct err *e)
{
	const struct vfio_msix_place *p = &d->irqs.place;
	uint64_t need = model_size(p);
	int bar = d->opt.msix_reloc_bar;
	int rc;

	if (d->opt.msix_reloc == VFIO_RELOC_OFF)
		return 0;
	if (d->opt.msix_reloc == VFIO_RELOC_AUTO)
		bar = choose(d, need);
	if (bar < 0) {
		log_warn("vfio: %s: msix-reloc: no BAR can take the table",
			 vfio_name(d));
		return 0;
	}
	rc = move(d, cap, (unsigned)bar, e);
	return rc < 0 ? err_in(e, rc, "msix-reloc: BAR %d", bar) : 0;
}

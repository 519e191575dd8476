/* pcie/caps.c - walking and building the two capability lists
 *
 * Every pointer here may come from a device that is broken or gone, so a walk
 * marks where it has been, looks at no byte outside of the copy it was given,
 * and ends after as many steps as there is room for capabilities.
 */
#include "pcie/caps.h"

#include <assert.h>
#include <linux/pci_regs.h>
#include <stddef.h>

#include "pcie/msi.h"
#include "vmm/base/bytes.h"

enum {
	CAP_FIRST = PCI_STD_HEADER_SIZEOF,
	ECAP_FIRST = PCI_CONFIG_SIZE,
};

/* clang-format off */
static const char *const cap_names[] = {
	[PCI_CAP_ID_PM] = "PM",         [PCI_CAP_ID_AGP] = "AGP",
	[PCI_CAP_ID_VPD] = "VPD",       [PCI_CAP_ID_SLOTID] = "slot ID",
	[PCI_CAP_ID_MSI] = "MSI",       [PCI_CAP_ID_CHSWP] = "hot swap",
	[PCI_CAP_ID_PCIX] = "PCI-X",    [PCI_CAP_ID_HT] = "HyperTransport",
	[PCI_CAP_ID_VNDR] = "vendor",   [PCI_CAP_ID_DBG] = "debug port",
	[PCI_CAP_ID_CCRC] = "CompactPCI", [PCI_CAP_ID_SHPC] = "SHPC",
	[PCI_CAP_ID_SSVID] = "SSVID",   [PCI_CAP_ID_AGP3] = "AGP3",
	[PCI_CAP_ID_SECDEV] = "secure device", [PCI_CAP_ID_EXP] = "PCIe",
	[PCI_CAP_ID_MSIX] = "MSI-X",    [PCI_CAP_ID_SATA] = "SATA",
	[PCI_CAP_ID_AF] = "AF",         [PCI_CAP_ID_EA] = "EA",
};

static const char *const ecap_names[] = {
	[PCI_EXT_CAP_ID_ERR] = "AER",   [PCI_EXT_CAP_ID_VC] = "VC",
	[PCI_EXT_CAP_ID_DSN] = "DSN",   [PCI_EXT_CAP_ID_PWR] = "power budget",
	[PCI_EXT_CAP_ID_RCLD] = "RC link", [PCI_EXT_CAP_ID_RCILC] = "RC internal link",
	[PCI_EXT_CAP_ID_RCEC] = "RC event collector",
	[PCI_EXT_CAP_ID_MFVC] = "MFVC", [PCI_EXT_CAP_ID_VC9] = "VC9",
	[PCI_EXT_CAP_ID_RCRB] = "RCRB", [PCI_EXT_CAP_ID_VNDR] = "VSEC",
	[PCI_EXT_CAP_ID_CAC] = "CAC",   [PCI_EXT_CAP_ID_ACS] = "ACS",
	[PCI_EXT_CAP_ID_ARI] = "ARI",   [PCI_EXT_CAP_ID_ATS] = "ATS",
	[PCI_EXT_CAP_ID_SRIOV] = "SR-IOV", [PCI_EXT_CAP_ID_MRIOV] = "MR-IOV",
	[PCI_EXT_CAP_ID_MCAST] = "multicast", [PCI_EXT_CAP_ID_PRI] = "PRI",
	[PCI_EXT_CAP_ID_AMD_XXX] = "AMD", [PCI_EXT_CAP_ID_REBAR] = "ReBAR",
	[PCI_EXT_CAP_ID_DPA] = "DPA",   [PCI_EXT_CAP_ID_TPH] = "TPH",
	[PCI_EXT_CAP_ID_LTR] = "LTR",   [PCI_EXT_CAP_ID_SECPCI] = "secondary PCIe",
	[PCI_EXT_CAP_ID_PMUX] = "PMUX", [PCI_EXT_CAP_ID_PASID] = "PASID",
	[PCI_EXT_CAP_ID_DPC] = "DPC",   [PCI_EXT_CAP_ID_L1SS] = "L1SS",
	[PCI_EXT_CAP_ID_PTM] = "PTM",   [PCI_EXT_CAP_ID_DVSEC] = "DVSEC",
	[PCI_EXT_CAP_ID_DLF] = "DLF",   [PCI_EXT_CAP_ID_PL_16GT] = "16 GT/s",
	[PCI_EXT_CAP_ID_DOE] = "DOE",
};
/* clang-format on */

const char *pci_cap_name(unsigned id)
{
	return id < ARRAY_LEN(cap_names) ? cap_names[id] : NULL;
}

const char *pcie_ecap_name(unsigned id)
{
	return id < ARRAY_LEN(ecap_names) ? ecap_names[id] : NULL;
}

/* -------- walking -------- */

/* Bytes that a capability has for certain; its own length fields believed. */
static unsigned certain_size(const uint8_t *config, unsigned at)
{
	unsigned room = PCI_CONFIG_SIZE - at;
	unsigned size = 4;

	switch (config[at]) {
	case PCI_CAP_ID_PM:
	case PCI_CAP_ID_VPD:
		size = 8;
		break;
	case PCI_CAP_ID_MSI:
		size = msi_cap_size(le16_load(config + at + PCI_MSI_FLAGS));
		break;
	case PCI_CAP_ID_MSIX:
		size = PCI_CAP_MSIX_SIZEOF;
		break;
	case PCI_CAP_ID_EXP:
		size = PCI_EXP_DEVSTA + 2;
		break;
	default:
		break;
	}
	return size < room ? size : room;
}

static bool overlaps_earlier(const uint8_t *config,
			     const struct pci_cap_list *l, unsigned at)
{
	for (unsigned i = 0; i < l->n; i++) {
		unsigned other = l->cap[i].offset;

		if (range_overlaps(at, certain_size(config, at), other,
				   certain_size(config, other)))
			return true;
	}
	return false;
}

/* A capability reaches at most to the next one by address. */
static void measure(struct pci_cap_list *l, unsigned end)
{
	for (unsigned i = 0; i < l->n; i++) {
		unsigned next = end;

		for (unsigned k = 0; k < l->n; k++)
			if (l->cap[k].offset > l->cap[i].offset &&
			    l->cap[k].offset < next)
				next = l->cap[k].offset;
		l->cap[i].size = (uint16_t)(next - l->cap[i].offset);
	}
}

static const char *step_problem(const uint8_t *config,
				const struct pci_cap_list *l, uint8_t pointer)
{
	unsigned at = pointer & ~3u;

	if (pointer == 0xff || config[at] == 0xff)
		return "all ones: the device is gone";
	if (at < CAP_FIRST)
		return "a pointer leads into the header";
	for (unsigned i = 0; i < l->n; i++)
		if (l->cap[i].offset == at)
			return "the list is a loop";
	if (overlaps_earlier(config, l, at))
		return "two capabilities overlap";
	if (l->n == PCI_MAX_CAPS)
		return "the list does not end";
	return NULL;
}

void pci_caps_walk(const uint8_t *config, struct pci_cap_list *out)
{
	uint8_t pointer = config[PCI_CAPABILITY_LIST];

	out->n = 0;
	out->broken = NULL;
	if (le16_load(config + PCI_VENDOR_ID) == 0xffff) {
		out->broken = "all ones: the device is gone";
		return;
	}
	if (!(le16_load(config + PCI_STATUS) & PCI_STATUS_CAP_LIST))
		return;
	/* The low two bits of a pointer are reserved, PCIe 6.2 7.5.1.1.11. */
	while ((pointer & ~3) != 0) {
		unsigned at = pointer & ~3u;

		out->broken = step_problem(config, out, pointer);
		if (out->broken)
			break;
		out->cap[out->n++] = (struct pci_cap){
			.id = config[at],
			.offset = (uint16_t)at,
		};
		pointer = config[at + PCI_CAP_LIST_NEXT];
	}
	measure(out, PCI_CONFIG_SIZE);
}

static const char *estep_problem(const struct pci_cap_list *l, const bool *seen,
				 unsigned at)
{
	if (at == 0)
		return NULL;
	if (at < ECAP_FIRST)
		return "a pointer leads out of extended space";
	if (seen[at / 4])
		return "the list is a loop";
	if (l->n == PCIE_MAX_ECAPS)
		return "the list does not end";
	return NULL;
}

void pcie_ecaps_walk(const uint8_t *config, struct pci_cap_list *out)
{
	bool seen[PCIE_CONFIG_SIZE / 4] = { false };
	unsigned at = ECAP_FIRST;

	out->n = 0;
	out->broken = NULL;
	while (at != 0) {
		uint32_t header = le32_load(config + at);

		if (header == 0)
			break;
		if (header == UINT32_MAX) {
			if (at != ECAP_FIRST)
				out->broken = "all ones: the device is gone";
			break;
		}
		/* ID 0: vfio-pci hides a capability at 0x100 this way
		 * (vfio_ecap_init), the rest of the list goes on. */
		seen[at / 4] = true;
		if (PCI_EXT_CAP_ID(header) != 0)
			out->cap[out->n++] = (struct pci_cap){
				.id = (uint16_t)PCI_EXT_CAP_ID(header),
				.version = (uint8_t)PCI_EXT_CAP_VER(header),
				.offset = (uint16_t)at,
			};
		at = PCI_EXT_CAP_NEXT(header);
		out->broken = estep_problem(out, seen, at);
		if (out->broken)
			break;
	}
	measure(out, PCIE_CONFIG_SIZE);
}

const struct pci_cap *pci_cap_find(const struct pci_cap_list *l, uint16_t id)
{
	for (unsigned i = 0; i < l->n; i++)
		if (l->cap[i].id == id)
			return &l->cap[i];
	return NULL;
}

/* -------- building -------- */

static void set_status_bit(struct pci_device *d, bool on)
{
	uint32_t status = pci_config_load(d, PCI_STATUS, 2);

	status &= ~(uint32_t)PCI_STATUS_CAP_LIST;
	if (on)
		status |= PCI_STATUS_CAP_LIST;
	pci_config_set(d, PCI_STATUS, 2, status);
}

void pci_caps_link(struct pci_device *d, const struct pci_cap_list *l)
{
	unsigned link = PCI_CAPABILITY_LIST;

	for (unsigned i = 0; i < l->n; i++) {
		assert(l->cap[i].offset >= CAP_FIRST);
		pci_config_set(d, link, 1, l->cap[i].offset);
		pci_config_set(d, l->cap[i].offset, 1, l->cap[i].id);
		link = l->cap[i].offset + PCI_CAP_LIST_NEXT;
	}
	pci_config_set(d, link, 1, 0);
	set_status_bit(d, l->n > 0);
}

static uint32_t ecap_header(const struct pci_cap *c, unsigned next)
{
	return c->id | (uint32_t)c->version << 16 | (uint32_t)next << 20;
}

void pcie_ecaps_link(struct pci_device *d, const struct pci_cap_list *l)
{
	const struct pci_cap hidden = { .offset = ECAP_FIRST };
	unsigned next = 0;

	/* From the end, so that each knows its successor. */
	for (unsigned i = l->n; i-- > 0;) {
		const struct pci_cap *c = &l->cap[i];

		assert(c->offset > ECAP_FIRST || i == 0);
		pci_config_set(d, c->offset, 4, ecap_header(c, next));
		next = c->offset;
	}
	/* Walkers start at 0x100 and stop only at a dword of 0: VFIO-CFG-20. */
	if (next != ECAP_FIRST)
		pci_config_set(d, ECAP_FIRST, 4, ecap_header(&hidden, next));
}

void pci_cap_add(struct pci_device *d, uint8_t id, unsigned offset)
{
	struct pci_cap_list l;

	assert(offset >= CAP_FIRST && offset % 4 == 0);
	pci_caps_walk(d->config, &l);
	assert(!l.broken && l.n < PCI_MAX_CAPS);
	l.cap[l.n++] = (struct pci_cap){
		.id = id,
		.offset = (uint16_t)offset,
	};
	pci_caps_link(d, &l);
}

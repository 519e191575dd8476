/* tests/guest/card/module/find.c - where is everything?
 *
 *     extended capabilities at 0x100   each points to the next one
 *       VSEC of ID 0x20                BAR and offset of the feature table
 *         feature table                BAR and offset of UUID, engine, memory
 *
 * Whatever a card says about itself may be wrong: each step checks the place
 * it was sent to before it reads there.
 */
#include "card.h"

#include <linux/io.h>

enum {
	TABLE_MAX = 0x1000, /* no real one is near that */
	UUID_BYTES = 16,
};

#define ALL_ONES 0xffffffffU

bool card_place_fits(struct pci_dev *pdev, const struct card_place *place,
		     u64 bytes)
{
	u64 length;

	if (place->bar < 0 || place->bar >= PCI_STD_NUM_BARS)
		return false;
	if (!(pci_resource_flags(pdev, place->bar) & IORESOURCE_MEM))
		return false;
	if (place->offset % sizeof(u32) != 0)
		return false;
	length = pci_resource_len(pdev, place->bar);
	return place->offset <= length && bytes <= length - place->offset;
}

/* -------- the VSEC -------- */

/* PCIe 6.2 7.9.5: header, then ID, revision and length, then what the vendor
 * likes. `at` is where the capability begins. */
static bool vsec_is_ours(struct pci_dev *pdev, int at, struct card_found *out)
{
	u32 header = 0, low = 0, high = 0;
	unsigned int length;

	pci_read_config_dword(pdev, at + PCI_VNDR_HEADER, &header);
	length = PCI_VNDR_HEADER_LEN(header);
	pci_dbg(pdev, "VSEC at %#x: ID %#x, revision %u, %u bytes\n", at,
		PCI_VNDR_HEADER_ID(header), PCI_VNDR_HEADER_REV(header),
		length);
	if (header == ALL_ONES || PCI_VNDR_HEADER_ID(header) != CARD_VSEC_ID)
		return false;
	if (length < CARD_VSEC_LENGTH || length > PCI_CFG_SPACE_EXP_SIZE - at) {
		pci_warn(pdev, "VSEC at %#x skipped: %u bytes long\n", at,
			 length);
		return false;
	}
	pci_read_config_dword(pdev, at + CARD_VSEC_LOW, &low);
	pci_read_config_dword(pdev, at + CARD_VSEC_HIGH, &high);
	out->vsec = at;
	out->id = PCI_VNDR_HEADER_ID(header);
	out->revision = PCI_VNDR_HEADER_REV(header);
	out->table.bar = low & 0xf;
	out->table.offset = (u64)high << 32 | (low & ~0xfU);
	if (card_place_fits(pdev, &out->table, CARD_TABLE_HEADER))
		return true;
	pci_warn(pdev, "VSEC at %#x skipped: no BAR %d with an offset %#llx\n",
		 at, out->table.bar, out->table.offset);
	return false;
}

/* A card may have several VSECs, of any ID and in any order. */
static int find_vsec(struct pci_dev *pdev, struct card_found *out)
{
	int at = 0;

	if (!pci_device_is_present(pdev)) {
		pci_err(pdev, "the function does not answer\n");
		return -ENODEV;
	}
	if (pdev->cfg_size < PCI_CFG_SPACE_EXP_SIZE) {
		pci_err(pdev, "config space has only %d bytes: no VSEC\n",
			pdev->cfg_size);
		return -ENODEV;
	}
	for (;;) {
		at = pci_find_next_ext_capability(pdev, at,
						  PCI_EXT_CAP_ID_VNDR);
		if (!at)
			break;
		if (vsec_is_ours(pdev, at, out))
			return 0;
	}
	pci_err(pdev, "no VSEC of ID %#x that leads anywhere\n", CARD_VSEC_ID);
	return -ENODEV;
}

/* -------- the feature table -------- */

static void take_entry(struct pci_dev *pdev, u32 first, u32 second,
		       struct card_found *out)
{
	struct card_place place = {
		.bar = first >> (8 * CARD_ENTRY_BAR + CARD_ENTRY_BAR_SHIFT) &
		       0xf,
		.offset = (u64)second << 16 | first >> 16,
	};
	u8 type = first >> (8 * CARD_ENTRY_TYPE);

	pci_dbg(pdev, "feature %#x: BAR %d, offset %#llx\n", type, place.bar,
		place.offset);
	switch (type) {
	case CARD_FEATURE_UUID:
		out->uuid = place;
		break;
	case CARD_FEATURE_ENGINE:
		out->engine = place;
		break;
	case CARD_FEATURE_MEMORY:
		out->memory = place;
		break;
	default: /* another driver's */
		break;
	}
}

static void read_entries(struct pci_dev *pdev, void __iomem *table, u32 length,
			 struct card_found *out)
{
	u32 at, first;

	for (at = CARD_TABLE_HEADER; at + CARD_ENTRY_SIZE <= length;
	     at += CARD_ENTRY_SIZE) {
		first = readl(table + at);
		if ((u8)first == CARD_FEATURE_END)
			return;
		take_entry(pdev, first, readl(table + at + CARD_ENTRY_HIGH),
			   out);
	}
}

/* Its length is in its header, so the header is mapped first. */
static int table_length(struct pci_dev *pdev, const struct card_place *table,
			u32 *out)
{
	void __iomem *p = pci_iomap_range(pdev, table->bar, table->offset,
					  CARD_TABLE_HEADER);
	u32 format, length, entry;

	if (!p)
		return -ENOMEM;
	format = readl(p + CARD_TABLE_FORMAT);
	length = readl(p + CARD_TABLE_LENGTH);
	entry = readl(p + CARD_TABLE_ENTRY_SIZE);
	pci_iounmap(pdev, p);
	if (format == ALL_ONES) {
		pci_err(pdev, "the feature table reads as all ones\n");
		return -ENODEV;
	}
	/* Only the low byte is the entry's size, the others are reserved. */
	if (format != CARD_TABLE_FORMAT_1 || (u8)entry != CARD_ENTRY_SIZE ||
	    length < CARD_TABLE_HEADER || length > TABLE_MAX ||
	    !card_place_fits(pdev, table, length)) {
		pci_err(pdev, "no feature table: format %u, %u bytes\n", format,
			length);
		return -ENODEV;
	}
	*out = length;
	return 0;
}

static int read_table(struct pci_dev *pdev, struct card_found *out)
{
	void __iomem *table;
	u32 length;
	int rc = table_length(pdev, &out->table, &length);

	if (rc < 0)
		return rc;
	table = pci_iomap_range(pdev, out->table.bar, out->table.offset,
				length);
	if (!table)
		return -ENOMEM;
	read_entries(pdev, table, length, out);
	pci_iounmap(pdev, table);
	return 0;
}

static int need(struct pci_dev *pdev, const char *what,
		const struct card_place *place, u64 bytes)
{
	if (card_place_fits(pdev, place, bytes))
		return 0;
	if (place->bar < 0)
		pci_err(pdev, "the feature table has no %s\n", what);
	else
		pci_err(pdev, "%s: no BAR %d with %llu bytes at %#llx\n", what,
			place->bar, bytes, place->offset);
	return -ENODEV;
}

int card_find(struct pci_dev *pdev, struct card_found *out)
{
	int rc;

	*out = (struct card_found){
		.uuid = { .bar = -1 },
		.engine = { .bar = -1 },
		.memory = { .bar = -1 },
	};
	rc = find_vsec(pdev, out);
	if (rc < 0)
		return rc;
	rc = read_table(pdev, out);
	if (rc < 0)
		return rc;
	rc = need(pdev, "UUID", &out->uuid, UUID_BYTES);
	if (rc < 0)
		return rc;
	rc = need(pdev, "engine", &out->engine, CARD_BLOCK);
	if (rc < 0)
		return rc;
	return need(pdev, "memory", &out->memory, PAGE_SIZE);
}

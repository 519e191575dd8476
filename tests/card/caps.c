/* tests/card/caps.c - capabilities of a description: reading their lines
 *
 * What all kinds need, those of the first 256 bytes, and the line as a whole.
 */
#include "tests/card/cap.h"

#include <linux/pci_regs.h>
#include <string.h>

enum {
	PM_SIZE = 8,
	MSIX_SIZE = 12,
	PCIE_SIZE = 0x3c,
};

void cap_put(struct cap *c, unsigned at, unsigned len, uint32_t value,
	     uint32_t writable)
{
	image_put(&c->f->image, c->at + at, len, value, writable);
}

unsigned cap_log2(uint64_t v)
{
	unsigned n = 0;

	while (v >>= 1)
		n++;
	return n;
}

/* Is there room for @size bytes from the capability's place on? */
int cap_fits(struct cap *c, unsigned size)
{
	unsigned end = c->extended ? CONFIG_BYTES : CONFIG_EXTENDED;

	if (size > end - c->at)
		return line_wrong(c->l, "%#x bytes at %#x end behind %#x", size,
				  c->at, end);
	c->size = size;
	return 0;
}

/* "NAME VALUE", or @out stays as it is. */
int cap_option(struct cap *c, const char *name, uint64_t most, uint64_t *out)
{
	return line_has(c->l, name) ? line_number(c->l, name, most, out) : 0;
}

int cap_option_hex(struct cap *c, const char *name, uint64_t most,
		   uint64_t *out)
{
	return line_has(c->l, name) ? line_hex(c->l, name, most, out) : 0;
}

/* "bytes ...", behind @head bytes that are there already; the length of both,
 * in c->size. */
int cap_body(struct cap *c, unsigned head, uint64_t length)
{
	uint8_t bytes[CARD_FILL_BYTES];
	int n = 0, rc;

	if (line_has(c->l, "bytes"))
		n = line_bytes(c->l, bytes, sizeof(bytes));
	if (n < 0)
		return n;
	if (length == 0)
		length = head + (unsigned)n;
	if (length < head + (unsigned)n || length > CONFIG_BYTES)
		return line_wrong(c->l, "a length of %#x, but %u bytes",
				  (unsigned)length, head + (unsigned)n);
	rc = cap_fits(c, (unsigned)length);
	if (rc == 0)
		memcpy(c->f->image.bytes + c->at + head, bytes, (size_t)n);
	return rc;
}

/* -------- in the first 256 bytes -------- */

/* Power management: D0 and D3hot, nothing is lost on the way. */
static int cap_pm(struct cap *c)
{
	int rc = cap_fits(c, PM_SIZE);

	if (rc < 0)
		return rc;
	cap_put(c, PCI_PM_PMC, 2, 3, 0);
	cap_put(c, PCI_PM_CTRL, 2, PCI_PM_CTRL_NO_SOFT_RESET,
		PCI_PM_CTRL_STATE_MASK);
	return 0;
}

static void put_msi(struct cap *c, uint16_t flags, unsigned vectors)
{
	bool wide = flags & PCI_MSI_FLAGS_64BIT;
	unsigned data = wide ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32;

	cap_put(c, PCI_MSI_FLAGS, 2, flags,
		PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE);
	cap_put(c, PCI_MSI_ADDRESS_LO, 4, 0, 0xfffffffc);
	if (wide)
		cap_put(c, PCI_MSI_ADDRESS_HI, 4, 0, UINT32_MAX);
	cap_put(c, data, 2, 0, 0xffff);
	if (flags & PCI_MSI_FLAGS_MASKBIT)
		cap_put(c, data + 4, 4, 0, UINT32_MAX >> (32 - vectors));
}

static int cap_msi(struct cap *c)
{
	uint64_t vectors = 1;
	uint16_t flags;
	int rc = cap_option(c, "vectors", 32, &vectors);

	if (rc < 0)
		return rc;
	if (!is_power_of_two(vectors) || c->f->msi_vectors)
		return line_wrong(c->l, "MSI is there once, with 1, 2, 4, 8, "
					"16 or 32 vectors");
	flags = (uint16_t)(cap_log2(vectors) << 1);
	if (line_has(c->l, "maskable"))
		flags |= PCI_MSI_FLAGS_MASKBIT;
	if (!line_has(c->l, "32bit"))
		flags |= PCI_MSI_FLAGS_64BIT;
	rc = cap_fits(c, 10 + (flags & PCI_MSI_FLAGS_64BIT ? 4 : 0) +
				 (flags & PCI_MSI_FLAGS_MASKBIT ? 10 : 0));
	if (rc < 0)
		return rc;
	c->f->msi_vectors = (unsigned)vectors;
	put_msi(c, flags, (unsigned)vectors);
	return 0;
}

/* Where table and pending bits are in BAR 0 unless the line says it. */
static int msix_places(struct cap *c)
{
	struct function_text *f = c->f;
	int rc = 0;

	f->msix_table = (struct place){ 0, 0x8000 };
	f->msix_pba = (struct place){ 0, 0xc000 };
	if (line_has(c->l, "table"))
		rc = line_place(c->l, &f->msix_table);
	if (rc == 0 && line_has(c->l, "pba"))
		rc = line_place(c->l, &f->msix_pba);
	if (rc < 0)
		return rc;
	if (f->msix_table.off % 8 || f->msix_pba.off % 8 ||
	    f->msix_table.off > UINT32_MAX || f->msix_pba.off > UINT32_MAX)
		return line_wrong(c->l, "table and PBA are 8-aligned, below "
					"4 GiB");
	return 0;
}

static int cap_msix(struct cap *c)
{
	struct function_text *f = c->f;
	uint64_t vectors = 8;
	int rc = cap_option(c, "vectors", 2048, &vectors);

	if (rc == 0)
		rc = msix_places(c);
	if (rc == 0)
		rc = cap_fits(c, MSIX_SIZE);
	if (rc < 0)
		return rc;
	if (vectors == 0 || f->msix_vectors)
		return line_wrong(c->l, "MSI-X is there once, with 1 to 2048 "
					"vectors");
	f->msix_vectors = (unsigned)vectors;
	cap_put(c, PCI_MSIX_FLAGS, 2, (uint32_t)vectors - 1,
		PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	cap_put(c, PCI_MSIX_TABLE, 4,
		(uint32_t)f->msix_table.off | (unsigned)f->msix_table.bar, 0);
	cap_put(c, PCI_MSIX_PBA, 4,
		(uint32_t)f->msix_pba.off | (unsigned)f->msix_pba.bar, 0);
	return 0;
}

/* An endpoint on a link of 16 lanes at 8 GT/s (Gen 3); version 2 of the
 * capability. */
static int cap_pcie(struct cap *c)
{
	uint32_t devcap = PCI_EXP_DEVCAP_RBER | 2 /* payloads of 512 bytes */;
	const uint32_t link = 16 << 4 | PCI_EXP_LNKCAP_SLS_8_0GB;
	const uint32_t errors = PCI_EXP_DEVSTA_CED | PCI_EXP_DEVSTA_NFED |
				PCI_EXP_DEVSTA_FED | PCI_EXP_DEVSTA_URD;
	int rc = cap_fits(c, PCIE_SIZE);

	if (rc < 0)
		return rc;
	if (!line_has(c->l, "noflr")) {
		devcap |= PCI_EXP_DEVCAP_FLR;
		c->f->flr_at = c->at + PCI_EXP_DEVCTL;
	}
	cap_put(c, PCI_EXP_FLAGS, 2, 2, 0);
	cap_put(c, PCI_EXP_DEVCAP, 4, devcap, 0);
	cap_put(c, PCI_EXP_DEVCTL, 2,
		PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN |
			PCI_EXP_DEVCTL_READRQ_512B,
		0x7fff);
	image_clears(&c->f->image, c->at + PCI_EXP_DEVSTA, 2, errors);
	cap_put(c, PCI_EXP_LNKCAP, 4, link, 0);
	cap_put(c, PCI_EXP_LNKCTL, 2, 0,
		PCI_EXP_LNKCTL_ASPMC | PCI_EXP_LNKCTL_RCB | PCI_EXP_LNKCTL_CCC |
			PCI_EXP_LNKCTL_ES);
	cap_put(c, PCI_EXP_LNKSTA, 2, link, 0);
	cap_put(c, PCI_EXP_DEVCAP2, 4, PCI_EXP_DEVCAP2_COMP_TMOUT_DIS, 0);
	cap_put(c, PCI_EXP_DEVCTL2, 2, 0,
		PCI_EXP_DEVCTL2_COMP_TIMEOUT | PCI_EXP_DEVCTL2_COMP_TMOUT_DIS);
	cap_put(c, PCI_EXP_LNKCAP2, 4, 0xe, 0);
	cap_put(c, PCI_EXP_LNKCTL2, 2, PCI_EXP_LNKCTL2_TLS_8_0GT, 0);
	return 0;
}

static int cap_vendor(struct cap *c)
{
	int rc = cap_body(c, 3, 0);

	if (rc == 0)
		cap_put(c, PCI_CAP_FLAGS, 1, c->size, 0);
	return rc;
}

/* -------- any -------- */

int cap_raw(struct cap *c)
{
	uint64_t id = 0, version = 1, length = 0;
	int rc = cap_option_hex(c, "id", c->extended ? 0xffff : 0xff, &id);

	if (rc == 0 && c->extended)
		rc = cap_option(c, "version", 0xf, &version);
	if (rc == 0)
		rc = cap_option(c, "length", 0xfff, &length);
	if (rc == 0)
		rc = cap_body(c, c->extended ? 4 : 2, length);
	c->id = (uint16_t)id;
	c->version = (unsigned)version;
	return rc;
}

/* -------- the table -------- */

static const struct cap_kind kinds[] = {
	{ "pm", PCI_CAP_ID_PM, 0, cap_pm },
	{ "msi", PCI_CAP_ID_MSI, 0, cap_msi },
	{ "msix", PCI_CAP_ID_MSIX, 0, cap_msix },
	{ "pcie", PCI_CAP_ID_EXP, 0, cap_pcie },
	{ "vendor", PCI_CAP_ID_VNDR, 0, cap_vendor },
	{ "raw", 0, 0, cap_raw },
	{ NULL, 0, 0, NULL },
};

static int take_place(struct cap *c)
{
	unsigned from = c->extended ? CONFIG_EXTENDED : CONFIG_HEADER;
	unsigned last = (c->extended ? CONFIG_BYTES : CONFIG_EXTENDED) - 4;
	uint64_t at = 0;
	int rc;

	if (!line_has(c->l, "at"))
		return line_wrong(c->l, "lacks \"at OFFSET\"");
	rc = line_number(c->l, "the offset", last, &at);
	if (rc < 0)
		return rc;
	if (at < from || at % 4)
		return line_wrong(c->l, "an offset is 4-aligned, from %#x on",
				  from);
	c->at = (unsigned)at;
	return 0;
}

static int add(struct cap *c)
{
	struct function_text *f = c->f;
	unsigned *n = c->extended ? &f->n_ext : &f->n_caps;
	struct cap_text *list = c->extended ? f->ext : f->cap;

	if (c->extended)
		cap_put(c, 0, 4, c->id | c->version << 16, 0);
	else
		cap_put(c, PCI_CAP_LIST_ID, 1, c->id, 0);
	list[(*n)++] = (struct cap_text){
		.id = c->id, .at = c->at, .size = c->size, .line = c->l->number
	};
	return 0;
}

int description_cap(struct line *l, struct function_text *f, bool ext)
{
	struct cap c = { .l = l, .f = f, .extended = ext };
	const struct cap_kind *k = ext ? cap_extended : kinds;
	int rc;

	if ((ext ? f->n_ext : f->n_caps) == CARD_CAPS)
		return line_wrong(l, "more than %d capabilities", CARD_CAPS);
	while (k->name && !line_has(l, k->name))
		k++;
	if (!k->name)
		return line_wrong(l, "no kind of capability: \"%s\"",
				  line_more(l) ? l->word[l->next] : "");
	c.id = k->id;
	c.version = k->version;
	rc = take_place(&c);
	if (rc == 0)
		rc = k->take(&c);
	return rc < 0 ? rc : add(&c);
}

int description_default_caps(struct line *l, struct function_text *f)
{
	static const char *const lines[] = { "pm at 0x40", "msix at 0x60",
					     "pcie at 0x70" };
	int rc = 0;

	for (unsigned i = 0; i < ARRAY_LEN(lines) && rc >= 0; i++) {
		memcpy(l->text, lines[i], strlen(lines[i]) + 1);
		rc = line_cut(l);
		if (rc >= 0)
			rc = description_cap(l, f, false);
	}
	return rc;
}

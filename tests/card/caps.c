/* tests/card/caps.c - the capabilities that a description can name
 *
 * One function for each kind fills its registers: values at power-on, which
 * bits can be written, which are cleared by writing ones. Layouts are those of
 * linux/pci_regs.h and of the sections of PCIe 6.2 named there and here.
 * Pointers to the next one are check.c's, once all are known.
 */
#include <linux/pci_regs.h>
#include <string.h>

#include "tests/card/description.h"
#include "tests/card/regs.h"

enum {
	PM_SIZE = 8,
	MSIX_SIZE = 12,
	PCIE_SIZE = 0x3c,
	AER_SIZE = 0x2c,
	DSN_SIZE = 12,
	ACS_SIZE = 8,
	ARI_SIZE = 8,
	SRIOV_SIZE = 0x40,
	REBAR_SIZE = 12,
	ATS_SIZE = 8,
	PASID_SIZE = 8,
	LTR_SIZE = 8,
	VSEC_HEAD = 8,
	DVSEC_HEAD = 10,
};

/* A capability that is being read. */
struct cap {
	struct line *l;
	struct function_text *f;
	uint16_t id;
	unsigned version; /* of an extended one */
	unsigned at, size;
	bool extended;
};

static void put(struct cap *c, unsigned at, unsigned len, uint32_t value,
		uint32_t writable)
{
	image_put(&c->f->image, c->at + at, len, value, writable);
}

static unsigned log2_of(uint64_t v)
{
	unsigned n = 0;

	while (v >>= 1)
		n++;
	return n;
}

/* Is there room for @size bytes from the capability's place on? */
static int fits(struct cap *c, unsigned size)
{
	unsigned end = c->extended ? CONFIG_BYTES : CONFIG_EXTENDED;

	if (size > end - c->at)
		return line_wrong(c->l, "%#x bytes at %#x end behind %#x", size,
				  c->at, end);
	c->size = size;
	return 0;
}

/* "NAME VALUE", or @out stays as it is. */
static int option(struct cap *c, const char *name, uint64_t most, uint64_t *out)
{
	return line_has(c->l, name) ? line_number(c->l, name, most, out) : 0;
}

static int option_hex(struct cap *c, const char *name, uint64_t most,
		      uint64_t *out)
{
	return line_has(c->l, name) ? line_hex(c->l, name, most, out) : 0;
}

/* "bytes ...", behind @head bytes that are there already; the length of both,
 * in c->size. */
static int body(struct cap *c, unsigned head, uint64_t length)
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
	rc = fits(c, (unsigned)length);
	if (rc == 0)
		memcpy(c->f->image.bytes + c->at + head, bytes, (size_t)n);
	return rc;
}

/* -------- in the first 256 bytes -------- */

/* Power management: D0 and D3hot, nothing is lost on the way. */
static int cap_pm(struct cap *c)
{
	int rc = fits(c, PM_SIZE);

	if (rc < 0)
		return rc;
	put(c, PCI_PM_PMC, 2, 3, 0);
	put(c, PCI_PM_CTRL, 2, PCI_PM_CTRL_NO_SOFT_RESET,
	    PCI_PM_CTRL_STATE_MASK);
	return 0;
}

static void put_msi(struct cap *c, uint16_t flags, unsigned vectors)
{
	bool wide = flags & PCI_MSI_FLAGS_64BIT;
	unsigned data = wide ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32;

	put(c, PCI_MSI_FLAGS, 2, flags,
	    PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE);
	put(c, PCI_MSI_ADDRESS_LO, 4, 0, 0xfffffffc);
	if (wide)
		put(c, PCI_MSI_ADDRESS_HI, 4, 0, UINT32_MAX);
	put(c, data, 2, 0, 0xffff);
	if (flags & PCI_MSI_FLAGS_MASKBIT)
		put(c, data + 4, 4, 0, UINT32_MAX >> (32 - vectors));
}

static int cap_msi(struct cap *c)
{
	uint64_t vectors = 1;
	uint16_t flags;
	int rc = option(c, "vectors", 32, &vectors);

	if (rc < 0)
		return rc;
	if (!is_power_of_two(vectors) || c->f->msi_vectors)
		return line_wrong(c->l, "MSI is there once, with 1, 2, 4, 8, "
					"16 or 32 vectors");
	flags = (uint16_t)(log2_of(vectors) << 1);
	if (line_has(c->l, "maskable"))
		flags |= PCI_MSI_FLAGS_MASKBIT;
	if (!line_has(c->l, "32bit"))
		flags |= PCI_MSI_FLAGS_64BIT;
	rc = fits(c, 10 + (flags & PCI_MSI_FLAGS_64BIT ? 4 : 0) +
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
	int rc = option(c, "vectors", 2048, &vectors);

	if (rc == 0)
		rc = msix_places(c);
	if (rc == 0)
		rc = fits(c, MSIX_SIZE);
	if (rc < 0)
		return rc;
	if (vectors == 0 || f->msix_vectors)
		return line_wrong(c->l, "MSI-X is there once, with 1 to 2048 "
					"vectors");
	f->msix_vectors = (unsigned)vectors;
	put(c, PCI_MSIX_FLAGS, 2, (uint32_t)vectors - 1,
	    PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	put(c, PCI_MSIX_TABLE, 4,
	    (uint32_t)f->msix_table.off | (unsigned)f->msix_table.bar, 0);
	put(c, PCI_MSIX_PBA, 4,
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
	int rc = fits(c, PCIE_SIZE);

	if (rc < 0)
		return rc;
	if (!line_has(c->l, "noflr")) {
		devcap |= PCI_EXP_DEVCAP_FLR;
		c->f->flr_at = c->at + PCI_EXP_DEVCTL;
	}
	put(c, PCI_EXP_FLAGS, 2, 2, 0);
	put(c, PCI_EXP_DEVCAP, 4, devcap, 0);
	put(c, PCI_EXP_DEVCTL, 2,
	    PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN |
		    PCI_EXP_DEVCTL_READRQ_512B,
	    0x7fff);
	image_clears(&c->f->image, c->at + PCI_EXP_DEVSTA, 2, errors);
	put(c, PCI_EXP_LNKCAP, 4, link, 0);
	put(c, PCI_EXP_LNKCTL, 2, 0,
	    PCI_EXP_LNKCTL_ASPMC | PCI_EXP_LNKCTL_RCB | PCI_EXP_LNKCTL_CCC |
		    PCI_EXP_LNKCTL_ES);
	put(c, PCI_EXP_LNKSTA, 2, link, 0);
	put(c, PCI_EXP_DEVCAP2, 4, PCI_EXP_DEVCAP2_COMP_TMOUT_DIS, 0);
	put(c, PCI_EXP_DEVCTL2, 2, 0,
	    PCI_EXP_DEVCTL2_COMP_TIMEOUT | PCI_EXP_DEVCTL2_COMP_TMOUT_DIS);
	put(c, PCI_EXP_LNKCAP2, 4, 0xe, 0);
	put(c, PCI_EXP_LNKCTL2, 2, PCI_EXP_LNKCTL2_TLS_8_0GT, 0);
	return 0;
}

static int cap_vendor(struct cap *c)
{
	int rc = body(c, 3, 0);

	if (rc == 0)
		put(c, PCI_CAP_FLAGS, 1, c->size, 0);
	return rc;
}

/* -------- extended: everyday ones -------- */

/* PCIe 6.2 7.8.4, without the log of TLP prefixes. */
static int cap_aer(struct cap *c)
{
	const uint32_t fatal = PCI_ERR_UNC_DLP | PCI_ERR_UNC_SURPDN |
			       PCI_ERR_UNC_FCP | PCI_ERR_UNC_RX_OVER |
			       PCI_ERR_UNC_MALF_TLP | PCI_ERR_UNC_INTN;
	const uint32_t all = fatal | PCI_ERR_UNC_POISON_TLP |
			     PCI_ERR_UNC_COMP_TIME | PCI_ERR_UNC_COMP_ABORT |
			     PCI_ERR_UNC_UNX_COMP | PCI_ERR_UNC_ECRC |
			     PCI_ERR_UNC_UNSUP | PCI_ERR_UNC_ACSV;
	const uint32_t minor = PCI_ERR_COR_RCVR | PCI_ERR_COR_BAD_TLP |
			       PCI_ERR_COR_BAD_DLLP | PCI_ERR_COR_REP_ROLL |
			       PCI_ERR_COR_REP_TIMER | PCI_ERR_COR_ADV_NFAT |
			       PCI_ERR_COR_INTERNAL | PCI_ERR_COR_LOG_OVER;
	int rc = fits(c, AER_SIZE);

	if (rc < 0)
		return rc;
	image_clears(&c->f->image, c->at + PCI_ERR_UNCOR_STATUS, 4, all);
	put(c, PCI_ERR_UNCOR_MASK, 4, PCI_ERR_UNC_INTN, all);
	put(c, PCI_ERR_UNCOR_SEVER, 4, fatal, all);
	image_clears(&c->f->image, c->at + PCI_ERR_COR_STATUS, 4, minor);
	put(c, PCI_ERR_COR_MASK, 4,
	    PCI_ERR_COR_ADV_NFAT | PCI_ERR_COR_INTERNAL | PCI_ERR_COR_LOG_OVER,
	    minor);
	put(c, PCI_ERR_CAP, 4, PCI_ERR_CAP_ECRC_GENC | PCI_ERR_CAP_ECRC_CHKC,
	    PCI_ERR_CAP_ECRC_GENE | PCI_ERR_CAP_ECRC_CHKE);
	return 0;
}

static int cap_dsn(struct cap *c)
{
	uint64_t serial = 0x000a350000000001;
	int rc = option_hex(c, "serial", UINT64_MAX, &serial);

	if (rc == 0)
		rc = fits(c, DSN_SIZE);
	if (rc < 0)
		return rc;
	put(c, 4, 4, (uint32_t)serial, 0);
	put(c, 8, 4, (uint32_t)(serial >> 32), 0);
	return 0;
}

/* With these a function among others is an IOMMU group of its own:
 * REQ_ACS_FLAGS of drivers/iommu/iommu.c. */
static int cap_acs(struct cap *c)
{
	uint64_t caps = PCI_ACS_SV | PCI_ACS_TB | PCI_ACS_RR | PCI_ACS_CR |
			PCI_ACS_UF | PCI_ACS_DT;
	int rc = option(c, "caps", 0x7f, &caps);

	if (rc == 0)
		rc = fits(c, ACS_SIZE);
	if (rc < 0)
		return rc;
	put(c, PCI_ACS_CAP, 2, (uint32_t)caps, 0);
	put(c, PCI_ACS_CTRL, 2, 0, (uint32_t)caps);
	return 0;
}

static int cap_ari(struct cap *c)
{
	uint64_t next = 0;
	int rc = option(c, "next", 0xff, &next);

	if (rc == 0)
		rc = fits(c, ARI_SIZE);
	if (rc == 0)
		put(c, PCI_ARI_CAP, 2, (uint32_t)next << 8, 0);
	return rc;
}

static int cap_ats(struct cap *c)
{
	int rc = fits(c, ATS_SIZE);

	if (rc < 0)
		return rc;
	put(c, PCI_ATS_CAP, 2, PCI_ATS_CAP_PAGE_ALIGNED, 0);
	put(c, PCI_ATS_CTRL, 2, 0, PCI_ATS_CTRL_ENABLE | 0x1f);
	return 0;
}

static int cap_pasid(struct cap *c)
{
	const uint32_t can = PCI_PASID_CAP_EXEC | PCI_PASID_CAP_PRIV;
	int rc = fits(c, PASID_SIZE);

	if (rc < 0)
		return rc;
	put(c, PCI_PASID_CAP, 2, can | 20 << 8, 0);
	put(c, PCI_PASID_CTRL, 2, 0, can | PCI_PASID_CTRL_ENABLE);
	return 0;
}

static int cap_ltr(struct cap *c)
{
	int rc = fits(c, LTR_SIZE);

	if (rc == 0)
		put(c, PCI_LTR_MAX_SNOOP_LAT, 4, 0, 0x1fff1fff);
	return rc;
}

/* -------- extended: virtual functions, BARs that change -------- */

/* Not modelled: the virtual functions; this is only the capability. */
static int cap_sriov(struct cap *c)
{
	uint64_t vfs = 4, offset = 8, stride = 1, device = 0;
	int rc = option(c, "vfs", 0xffff, &vfs);

	if (rc == 0)
		rc = option(c, "offset", 0xffff, &offset);
	if (rc == 0)
		rc = option(c, "stride", 0xffff, &stride);
	if (rc == 0)
		rc = option_hex(c, "device", 0xffff, &device);
	if (rc == 0)
		rc = fits(c, SRIOV_SIZE);
	if (rc < 0)
		return rc;
	put(c, PCI_SRIOV_INITIAL_VF, 2, (uint32_t)vfs, 0);
	put(c, PCI_SRIOV_TOTAL_VF, 2, (uint32_t)vfs, 0);
	put(c, PCI_SRIOV_NUM_VF, 2, 0, 0xffff);
	put(c, PCI_SRIOV_VF_OFFSET, 2, (uint32_t)offset, 0);
	put(c, PCI_SRIOV_VF_STRIDE, 2, (uint32_t)stride, 0);
	put(c, PCI_SRIOV_VF_DID, 2, (uint32_t)device, 0);
	put(c, PCI_SRIOV_SUP_PGSIZE, 4, 0x553, 0);
	put(c, PCI_SRIOV_SYS_PGSIZE, 4, 1, UINT32_MAX);
	return 0;
}

/* "bar N size S...": the sizes that the BAR could have. Not modelled: that it
 * takes another one; its control register is read-only. */
static int cap_rebar(struct cap *c)
{
	uint64_t bar = 0, size = 0, now;
	uint32_t sizes = 0;
	int rc = option(c, "bar", CARD_BARS - 1, &bar);

	if (rc == 0)
		rc = fits(c, REBAR_SIZE);
	if (rc < 0)
		return rc;
	now = c->f->bar[bar].size;
	if (!is_power_of_two(now) || now < 1 << 20)
		return line_wrong(c->l,
				  "BAR %u is not above this line, or "
				  "below 1M",
				  (unsigned)bar);
	sizes |= UINT32_C(1) << (log2_of(now) - 20 + 4);
	while (rc == 0 && line_has(c->l, "size")) {
		rc = line_size(c->l, "the size", &size);
		if (rc == 0 && (!is_power_of_two(size) || size < 1 << 20 ||
				size >= UINT64_C(1) << 48))
			return line_wrong(c->l, "sizes are powers of two from "
						"1M on");
		sizes |= UINT32_C(1) << (log2_of(size) - 20 + 4);
	}
	put(c, PCI_REBAR_CAP, 4, sizes, 0);
	put(c, PCI_REBAR_CTRL, 4,
	    (uint32_t)bar | 1 << 5 | (log2_of(now) - 20) << 8, 0);
	return rc;
}

/* -------- extended: of vendors -------- */

/* Where the feature table is, or any bytes. */
static int cap_vsec(struct cap *c)
{
	uint64_t id = 0, revision = 0, length = 0;
	struct function_text *f = c->f;
	int rc = option_hex(c, "id", 0xffff, &id);

	if (rc == 0)
		rc = option(c, "revision", 0xf, &revision);
	if (rc == 0)
		rc = option(c, "length", 0xfff, &length);
	if (rc < 0)
		return rc;
	if (line_has(c->l, "table")) {
		f->lead[f->n_leads++] = c->at;
		if (length == 0)
			length = CARD_VSEC_LENGTH;
		if (length < CARD_VSEC_LENGTH)
			return line_wrong(c->l, "a pointer to the table takes "
						"a length of 0x10");
	}
	rc = body(c, VSEC_HEAD, length);
	if (rc < 0)
		return rc;
	put(c, PCI_VNDR_HEADER, 4,
	    (uint32_t)id | (uint32_t)revision << 16 | c->size << 20, 0);
	return 0;
}

static int cap_dvsec(struct cap *c)
{
	uint64_t vendor = le16_load(c->f->image.bytes + PCI_VENDOR_ID);
	uint64_t id = 0, revision = 0, length = 0;
	int rc = option_hex(c, "vendor", 0xffff, &vendor);

	if (rc == 0)
		rc = option_hex(c, "id", 0xffff, &id);
	if (rc == 0)
		rc = option(c, "revision", 0xf, &revision);
	if (rc == 0)
		rc = option(c, "length", 0xfff, &length);
	if (rc == 0)
		rc = body(c, DVSEC_HEAD, length);
	if (rc < 0)
		return rc;
	put(c, PCI_DVSEC_HEADER1, 4,
	    (uint32_t)vendor | (uint32_t)revision << 16 | c->size << 20, 0);
	put(c, PCI_DVSEC_HEADER2, 2, (uint32_t)id, 0);
	return 0;
}

static int cap_raw(struct cap *c)
{
	uint64_t id = 0, version = 1, length = 0;
	int rc = option_hex(c, "id", c->extended ? 0xffff : 0xff, &id);

	if (rc == 0 && c->extended)
		rc = option(c, "version", 0xf, &version);
	if (rc == 0)
		rc = option(c, "length", 0xfff, &length);
	if (rc == 0)
		rc = body(c, c->extended ? 4 : 2, length);
	c->id = (uint16_t)id;
	c->version = (unsigned)version;
	return rc;
}

/* -------- the table -------- */

struct kind {
	const char *name;
	uint16_t id;
	unsigned version;
	int (*take)(struct cap *c);
};

static const struct kind kinds[] = {
	{ "pm", PCI_CAP_ID_PM, 0, cap_pm },
	{ "msi", PCI_CAP_ID_MSI, 0, cap_msi },
	{ "msix", PCI_CAP_ID_MSIX, 0, cap_msix },
	{ "pcie", PCI_CAP_ID_EXP, 0, cap_pcie },
	{ "vendor", PCI_CAP_ID_VNDR, 0, cap_vendor },
	{ "raw", 0, 0, cap_raw },
	{ NULL, 0, 0, NULL },
};

static const struct kind extended[] = {
	{ "aer", PCI_EXT_CAP_ID_ERR, 1, cap_aer },
	{ "dsn", PCI_EXT_CAP_ID_DSN, 1, cap_dsn },
	{ "acs", PCI_EXT_CAP_ID_ACS, 1, cap_acs },
	{ "ari", PCI_EXT_CAP_ID_ARI, 1, cap_ari },
	{ "ats", PCI_EXT_CAP_ID_ATS, 1, cap_ats },
	{ "pasid", PCI_EXT_CAP_ID_PASID, 1, cap_pasid },
	{ "ltr", PCI_EXT_CAP_ID_LTR, 1, cap_ltr },
	{ "sriov", PCI_EXT_CAP_ID_SRIOV, 1, cap_sriov },
	{ "rebar", PCI_EXT_CAP_ID_REBAR, 1, cap_rebar },
	{ "vsec", PCI_EXT_CAP_ID_VNDR, 1, cap_vsec },
	{ "dvsec", PCI_EXT_CAP_ID_DVSEC, 1, cap_dvsec },
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
		put(c, 0, 4, c->id | c->version << 16, 0);
	else
		put(c, PCI_CAP_LIST_ID, 1, c->id, 0);
	list[(*n)++] = (struct cap_text){
		.id = c->id, .at = c->at, .size = c->size, .line = c->l->number
	};
	return 0;
}

int description_cap(struct line *l, struct function_text *f, bool ext)
{
	struct cap c = { .l = l, .f = f, .extended = ext };
	const struct kind *k = ext ? extended : kinds;
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

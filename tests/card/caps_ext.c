/* tests/card/caps_ext.c - capabilities of a description: the extended ones */
#include <linux/pci_regs.h>
#include <string.h>

#include "tests/card/cap.h"
#include "tests/card/regs.h"

enum {
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
	int rc = cap_fits(c, AER_SIZE);

	if (rc < 0)
		return rc;
	image_clears(&c->f->image, c->at + PCI_ERR_UNCOR_STATUS, 4, all);
	cap_put(c, PCI_ERR_UNCOR_MASK, 4, PCI_ERR_UNC_INTN, all);
	cap_put(c, PCI_ERR_UNCOR_SEVER, 4, fatal, all);
	image_clears(&c->f->image, c->at + PCI_ERR_COR_STATUS, 4, minor);
	cap_put(c, PCI_ERR_COR_MASK, 4,
		PCI_ERR_COR_ADV_NFAT | PCI_ERR_COR_INTERNAL |
			PCI_ERR_COR_LOG_OVER,
		minor);
	cap_put(c, PCI_ERR_CAP, 4,
		PCI_ERR_CAP_ECRC_GENC | PCI_ERR_CAP_ECRC_CHKC,
		PCI_ERR_CAP_ECRC_GENE | PCI_ERR_CAP_ECRC_CHKE);
	return 0;
}

static int cap_dsn(struct cap *c)
{
	uint64_t serial = 0x000a350000000001;
	int rc = cap_option_hex(c, "serial", UINT64_MAX, &serial);

	if (rc == 0)
		rc = cap_fits(c, DSN_SIZE);
	if (rc < 0)
		return rc;
	cap_put(c, 4, 4, (uint32_t)serial, 0);
	cap_put(c, 8, 4, (uint32_t)(serial >> 32), 0);
	return 0;
}

/* With these a function among others is an IOMMU group of its own:
 * REQ_ACS_FLAGS of drivers/iommu/iommu.c. */
static int cap_acs(struct cap *c)
{
	uint64_t caps = PCI_ACS_SV | PCI_ACS_TB | PCI_ACS_RR | PCI_ACS_CR |
			PCI_ACS_UF | PCI_ACS_DT;
	int rc = cap_option(c, "caps", 0x7f, &caps);

	if (rc == 0)
		rc = cap_fits(c, ACS_SIZE);
	if (rc < 0)
		return rc;
	cap_put(c, PCI_ACS_CAP, 2, (uint32_t)caps, 0);
	cap_put(c, PCI_ACS_CTRL, 2, 0, (uint32_t)caps);
	return 0;
}

static int cap_ari(struct cap *c)
{
	uint64_t next = 0;
	int rc = cap_option(c, "next", 0xff, &next);

	if (rc == 0)
		rc = cap_fits(c, ARI_SIZE);
	if (rc == 0)
		cap_put(c, PCI_ARI_CAP, 2, (uint32_t)next << 8, 0);
	return rc;
}

static int cap_ats(struct cap *c)
{
	int rc = cap_fits(c, ATS_SIZE);

	if (rc < 0)
		return rc;
	cap_put(c, PCI_ATS_CAP, 2, PCI_ATS_CAP_PAGE_ALIGNED, 0);
	cap_put(c, PCI_ATS_CTRL, 2, 0, PCI_ATS_CTRL_ENABLE | 0x1f);
	return 0;
}

static int cap_pasid(struct cap *c)
{
	const uint32_t can = PCI_PASID_CAP_EXEC | PCI_PASID_CAP_PRIV;
	int rc = cap_fits(c, PASID_SIZE);

	if (rc < 0)
		return rc;
	cap_put(c, PCI_PASID_CAP, 2, can | 20 << 8, 0);
	cap_put(c, PCI_PASID_CTRL, 2, 0, can | PCI_PASID_CTRL_ENABLE);
	return 0;
}

static int cap_ltr(struct cap *c)
{
	int rc = cap_fits(c, LTR_SIZE);

	if (rc == 0)
		cap_put(c, PCI_LTR_MAX_SNOOP_LAT, 4, 0, 0x1fff1fff);
	return rc;
}

/* -------- extended: virtual functions, BARs that change -------- */

/* Not modelled: the virtual functions; this is only the capability. */
static int cap_sriov(struct cap *c)
{
	uint64_t vfs = 4, offset = 8, stride = 1, device = 0;
	int rc = cap_option(c, "vfs", 0xffff, &vfs);

	if (rc == 0)
		rc = cap_option(c, "offset", 0xffff, &offset);
	if (rc == 0)
		rc = cap_option(c, "stride", 0xffff, &stride);
	if (rc == 0)
		rc = cap_option_hex(c, "device", 0xffff, &device);
	if (rc == 0)
		rc = cap_fits(c, SRIOV_SIZE);
	if (rc < 0)
		return rc;
	cap_put(c, PCI_SRIOV_INITIAL_VF, 2, (uint32_t)vfs, 0);
	cap_put(c, PCI_SRIOV_TOTAL_VF, 2, (uint32_t)vfs, 0);
	cap_put(c, PCI_SRIOV_NUM_VF, 2, 0, 0xffff);
	cap_put(c, PCI_SRIOV_VF_OFFSET, 2, (uint32_t)offset, 0);
	cap_put(c, PCI_SRIOV_VF_STRIDE, 2, (uint32_t)stride, 0);
	cap_put(c, PCI_SRIOV_VF_DID, 2, (uint32_t)device, 0);
	cap_put(c, PCI_SRIOV_SUP_PGSIZE, 4, 0x553, 0);
	cap_put(c, PCI_SRIOV_SYS_PGSIZE, 4, 1, UINT32_MAX);
	return 0;
}

/* The bit that stands for a size, 1 MiB to 128 TiB; 0 for others. */
static uint32_t rebar_bit(uint64_t size)
{
	if (!is_power_of_two(size) || size < 1 << 20 ||
	    size > UINT64_C(1) << 47)
		return 0;
	return UINT32_C(1) << (cap_log2(size) - 20 + 4);
}

/* "size S..." */
static int rebar_sizes(struct cap *c, uint32_t *sizes)
{
	while (line_has(c->l, "size")) {
		uint64_t size = 0;
		int rc = line_size(c->l, "the size", &size);

		if (rc < 0)
			return rc;
		if (rebar_bit(size) == 0)
			return line_wrong(c->l, "sizes are powers of two from "
						"1M on");
		*sizes |= rebar_bit(size);
	}
	return 0;
}

/* "bar N size S...": the sizes that the BAR could have. Not modelled: that it
 * takes another one; its control register is read-only. */
static int cap_rebar(struct cap *c)
{
	uint64_t bar = 0, now;
	uint32_t sizes;
	int rc = cap_option(c, "bar", CARD_BARS - 1, &bar);

	if (rc == 0)
		rc = cap_fits(c, REBAR_SIZE);
	if (rc < 0)
		return rc;
	now = c->f->bar[bar].size;
	sizes = rebar_bit(now);
	if (sizes == 0)
		return line_wrong(c->l,
				  "BAR %u is not above this line, or below 1M",
				  (unsigned)bar);
	rc = rebar_sizes(c, &sizes);
	if (rc < 0)
		return rc;
	cap_put(c, PCI_REBAR_CAP, 4, sizes, 0);
	cap_put(c, PCI_REBAR_CTRL, 4,
		(uint32_t)bar | 1 << 5 | (cap_log2(now) - 20) << 8, 0);
	return 0;
}

/* -------- extended: of vendors -------- */

/* Where the feature table is, or any bytes. */
static int cap_vsec(struct cap *c)
{
	uint64_t id = 0, revision = 0, length = 0;
	struct function_text *f = c->f;
	int rc = cap_option_hex(c, "id", 0xffff, &id);

	if (rc == 0)
		rc = cap_option(c, "revision", 0xf, &revision);
	if (rc == 0)
		rc = cap_option(c, "length", 0xfff, &length);
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
	rc = cap_body(c, VSEC_HEAD, length);
	if (rc < 0)
		return rc;
	cap_put(c, PCI_VNDR_HEADER, 4,
		(uint32_t)id | (uint32_t)revision << 16 | c->size << 20, 0);
	return 0;
}

static int cap_dvsec(struct cap *c)
{
	uint64_t vendor = le16_load(c->f->image.bytes + PCI_VENDOR_ID);
	uint64_t id = 0, revision = 0, length = 0;
	int rc = cap_option_hex(c, "vendor", 0xffff, &vendor);

	if (rc == 0)
		rc = cap_option_hex(c, "id", 0xffff, &id);
	if (rc == 0)
		rc = cap_option(c, "revision", 0xf, &revision);
	if (rc == 0)
		rc = cap_option(c, "length", 0xfff, &length);
	if (rc == 0)
		rc = cap_body(c, DVSEC_HEAD, length);
	if (rc < 0)
		return rc;
	cap_put(c, PCI_DVSEC_HEADER1, 4,
		(uint32_t)vendor | (uint32_t)revision << 16 | c->size << 20, 0);
	cap_put(c, PCI_DVSEC_HEADER2, 2, (uint32_t)id, 0);
	return 0;
}

/* -------- the table -------- */

const struct cap_kind cap_extended[] = {
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

/* vfio/policy.c - which bytes of config space are whose
 *
 * The guest sees the device's config space, except where we must stand in the
 * way: BARs (it gets its own addresses), interrupts (we route them), and
 * capabilities that promise what a guest cannot have. Decisions are made per
 * capability, by the two tables below, and written down per byte, so that
 * an access needs no knowledge of capabilities.
 *
 * The kernel hides some capabilities itself, but by their headers only: any
 * byte outside a capability that it shows is raw hardware, for reading and
 * writing (vfio_pci_config.c, unassigned ranges). What is hidden is therefore
 * looked up in the physical chain that sysfs shows to root, and blocked here;
 * without that chain, every byte outside of what shows is blocked.
 *
 * The kernel also drops writes that a guest has no business with: of most
 * capabilities it lets none through. Where no kernel does that (vfio-user), the
 * same is done here, so that a guest meets the same function either way.
 */
#include <string.h>

#include "vfio/capability.h"
#include "vfio/trace.h"
#include "vmm/base/trace.h"

struct cap_rule {
	uint16_t id;
	uint16_t size;	 /* 0: computed, or unknown */
	vfio_show *show; /* NULL: hidden */
};

/* -------- the tables -------- */

/* clang-format off */
static const struct cap_rule std_rules[] = {
	{ PCI_CAP_ID_PM,     PCI_PM_SIZEOF,       vfio_show_pm },
	{ PCI_CAP_ID_VPD,    PCI_CAP_VPD_SIZEOF,  vfio_show_pass },
	{ PCI_CAP_ID_SLOTID, 4,                   NULL },
	{ PCI_CAP_ID_MSI,    0,                   vfio_show_msi },
	{ PCI_CAP_ID_CHSWP,  4,                   NULL },
	{ PCI_CAP_ID_PCIX,   8,                   NULL }, /* no PCI-X bus */
	{ PCI_CAP_ID_HT,     0,                   vfio_show_guarded },
	{ PCI_CAP_ID_VNDR,   0,                   vfio_show_pass },
	{ PCI_CAP_ID_DBG,    4,                   NULL },
	{ PCI_CAP_ID_CCRC,   0,                   NULL },
	{ PCI_CAP_ID_SHPC,   8,                   NULL },
	{ PCI_CAP_ID_SSVID,  8,                   NULL },
	{ PCI_CAP_ID_AGP3,   0,                   NULL },
	{ PCI_CAP_ID_SECDEV, 0,                   NULL },
	{ PCI_CAP_ID_EXP,    0,                   vfio_show_pcie },
	{ PCI_CAP_ID_MSIX,   PCI_CAP_MSIX_SIZEOF, vfio_show_msix },
	{ PCI_CAP_ID_SATA,   0,                   vfio_show_guarded },
	{ PCI_CAP_ID_AF,     PCI_CAP_AF_SIZEOF,   vfio_show_af },
	{ PCI_CAP_ID_EA,     0,                   NULL }, /* host addresses */
};
static const struct cap_rule std_unknown = { .show = vfio_show_guarded };

static const struct cap_rule ext_rules[] = {
	{ PCI_EXT_CAP_ID_ERR,    0x48, vfio_show_pass },
	{ PCI_EXT_CAP_ID_VC,     0,    vfio_show_guarded },
	{ PCI_EXT_CAP_ID_DSN,    12,   vfio_show_guarded },
	{ PCI_EXT_CAP_ID_PWR,    16,   vfio_show_pass },
	{ PCI_EXT_CAP_ID_MFVC,   0,    vfio_show_guarded },
	{ PCI_EXT_CAP_ID_VC9,    0,    vfio_show_guarded },
	{ PCI_EXT_CAP_ID_VNDR,   0,    vfio_show_pass },
	{ PCI_EXT_CAP_ID_ACS,    8,    vfio_show_guarded },
	{ PCI_EXT_CAP_ID_ARI,    8,    NULL }, /* topology is the guest's */
	{ PCI_EXT_CAP_ID_ATS,    8,    NULL }, /* the guest has no IOMMU */
	{ PCI_EXT_CAP_ID_SRIOV,  0x40, NULL }, /* phantom BARs */
	{ PCI_EXT_CAP_ID_MCAST,  0x30, vfio_show_guarded },
	{ PCI_EXT_CAP_ID_PRI,    16,   NULL },
	{ PCI_EXT_CAP_ID_REBAR,  0,    NULL }, /* BARs have one size here */
	{ PCI_EXT_CAP_ID_DPA,    0,    vfio_show_guarded },
	{ PCI_EXT_CAP_ID_TPH,    0,    vfio_show_guarded },
	{ PCI_EXT_CAP_ID_LTR,    8,    vfio_show_guarded },
	{ PCI_EXT_CAP_ID_SECPCI, 0,    NULL },
	{ PCI_EXT_CAP_ID_PASID,  8,    NULL },
	{ PCI_EXT_CAP_ID_DPC,    0,    NULL },
	{ PCI_EXT_CAP_ID_L1SS,   0x14, NULL },
	{ PCI_EXT_CAP_ID_PTM,    12,   NULL },
	{ PCI_EXT_CAP_ID_DVSEC,  0,    vfio_show_pass },
	{ PCI_EXT_CAP_ID_DLF,    12,   NULL },
	{ PCI_EXT_CAP_ID_PL_16GT, 0,   NULL },
	{ 0x27, 0, NULL }, { 0x28, 0, NULL }, { 0x29, 0, NULL },
	{ 0x2a, 0, NULL }, /* margining, hierarchy ID, NPEM, 32 GT/s */
	{ PCI_EXT_CAP_ID_DOE,    0x18, NULL },
};
/* clang-format on */
static const struct cap_rule ext_unknown = { .show = vfio_show_read_only };
static const struct cap_rule ext_denied = { .show = NULL };
static const struct cap_rule ext_allowed = { .show = vfio_show_pass };

static const struct cap_rule *find_rule(const struct cap_rule *rules, size_t n,
					uint16_t id)
{
	for (size_t i = 0; i < n; i++) {
		if (rules[i].id == id)
			return &rules[i];
	}
	return NULL;
}

static const struct cap_rule *std_rule(const struct vfio_device *d, uint16_t id)
{
	const struct cap_rule *r =
		find_rule(std_rules, ARRAY_LEN(std_rules), id);

	return r ? r : &std_unknown;
}

static const struct cap_rule *ext_rule(const struct vfio_device *d, uint16_t id)
{
	const struct cap_rule *r =
		find_rule(ext_rules, ARRAY_LEN(ext_rules), id);

	for (unsigned i = 0; i < d->opt.n_ecaps; i++) {
		if (d->opt.ecap[i].id == id)
			return d->opt.ecap[i].allow ? &ext_allowed
						    : &ext_denied;
	}
	return r ? r : &ext_unknown;
}

/* -------- sizes -------- */

static unsigned std_size(const uint8_t *config, const struct pci_cap *c)
{
	const struct cap_rule *r =
		find_rule(std_rules, ARRAY_LEN(std_rules), c->id);
	const uint8_t *cap = config + c->offset;
	uint16_t word = le16_load(cap + 2);

	if (c->id == PCI_CAP_ID_MSI)
		return msi_cap_size(word);
	if (c->id == PCI_CAP_ID_VNDR)
		return word & 0xff;  /* its length byte */
	if (c->id == PCI_CAP_ID_EXP) /* version 1 ends after the link */
		return (word & PCI_EXP_FLAGS_VERS) < 2 ? PCI_EXP_SLTCAP : 0x3c;
	return r ? r->size : 0;
}

static unsigned ext_size(const uint8_t *config, const struct pci_cap *c)
{
	enum { REBAR_CTRL = 8, REBAR_NBAR_SHIFT = 5 };
	const struct cap_rule *r =
		find_rule(ext_rules, ARRAY_LEN(ext_rules), c->id);
	const uint8_t *cap = config + c->offset;

	if ((c->id == PCI_EXT_CAP_ID_VNDR || c->id == PCI_EXT_CAP_ID_DVSEC) &&
	    c->size >= 8)
		return le32_load(cap + 4) >> 20;
	if (c->id == PCI_EXT_CAP_ID_REBAR && c->size >= REBAR_CTRL + 4)
		return 4 + 8 * (cap[REBAR_CTRL] >> REBAR_NBAR_SHIFT);
	return r ? r->size : 0;
}

/* -------- one list -------- */

/* What differs between the two lists. */
struct list_kind {
	const char *name;
	unsigned header; /* bytes: ID and pointer */
	unsigned base, end;
	void (*walk)(const uint8_t *config, struct pci_cap_list *out);
	void (*link)(struct pci_device *p, const struct pci_cap_list *l);
	const struct cap_rule *(*rule)(const struct vfio_device *d,
				       uint16_t id);
	unsigned (*size)(const uint8_t *config, const struct pci_cap *c);
	const char *(*cap_name)(unsigned id);
};

static const struct list_kind std_kind = {
	.name = "standard",
	.header = 2,
	.base = PCI_STD_HEADER_SIZEOF,
	.end = PCI_CONFIG_SIZE,
	.walk = pci_caps_walk,
	.link = pci_caps_link,
	.rule = std_rule,
	.size = std_size,
	.cap_name = pci_cap_name,
};

static const struct list_kind ext_kind = {
	.name = "extended",
	.header = 4,
	.base = PCI_CONFIG_SIZE,
	.end = PCIE_CONFIG_SIZE,
	.walk = pcie_ecaps_walk,
	.link = pcie_ecaps_link,
	.rule = ext_rule,
	.size = ext_size,
	.cap_name = pcie_ecap_name,
};

static const char *name_of(const struct list_kind *k, const struct pci_cap *c)
{
	const char *name = k->cap_name(c->id);

	return name ? name : "unknown";
}

/* Bytes of @c as far as they are known; 0: unknown. Never past the next. */
static unsigned known_size(const struct list_kind *k, const uint8_t *config,
			   const struct pci_cap *c)
{
	unsigned size = k->size(config, c);

	return size < c->size ? size : c->size;
}

static void block(struct vfio_device *d, const struct list_kind *k,
		  const uint8_t *config, const struct pci_cap *c)
{
	unsigned size = known_size(k, config, c);

	if (size < k->header)
		size = c->size;
	vfio_paint(d, c->offset, size, VFIO_BLOCK);
	trace_vfio_block(vfio_name(d), c->offset, size, name_of(k, c));
}

static bool has_offset(const struct pci_cap_list *l, unsigned offset)
{
	for (unsigned i = 0; i < l->n; i++) {
		if (l->cap[i].offset == offset)
			return true;
	}
	return false;
}

/* Whatever a capability says of its own length, it ends where a hidden one
 * begins. */
static void cut(struct pci_cap_list *seen, unsigned hidden)
{
	for (unsigned i = 0; i < seen->n; i++) {
		struct pci_cap *c = &seen->cap[i];

		if (range_has(c->offset, c->size, hidden))
			c->size = (uint16_t)(hidden - c->offset);
	}
}

/* Capabilities that the hardware has and VFIO does not show. False: which they
 * are is not known, since only root may read the hardware's list, or it is
 * broken, or was read from a function that did not answer. */
static bool block_physical(struct vfio_device *d, const struct list_kind *k,
			   struct pci_cap_list *seen)
{
	struct pci_cap_list physical;

	if (d->host.config_size < k->end)
		return false;
	k->walk(d->host.config, &physical);
	for (unsigned i = 0; i < physical.n; i++) {
		if (has_offset(seen, physical.cap[i].offset))
			continue;
		block(d, k, d->host.config, &physical.cap[i]);
		cut(seen, physical.cap[i].offset);
	}
	for (unsigned i = 0; i < seen->n; i++) {
		if (!has_offset(&physical, seen->cap[i].offset))
			return false;
	}
	return !physical.broken;
}

/* Bytes that no capability of @l owns. */
static void find_gaps(const struct list_kind *k, const uint8_t *config,
		      const struct pci_cap_list *l, bool *gap)
{
	memset(gap + k->base, true, k->end - k->base);
	for (unsigned i = 0; i < l->n; i++) {
		const struct pci_cap *c = &l->cap[i];
		unsigned size = known_size(k, config, c);

		memset(gap + c->offset, false, size ? size : c->size);
	}
}

/* Bytes that no capability owns: the device's own registers, often. One whose
 * size is not known may reach over something hidden: it is only read. */
static void block_gaps(struct vfio_device *d, const struct list_kind *k,
		       const struct pci_cap_list *keep)
{
	bool gap[PCIE_CONFIG_SIZE];

	find_gaps(k, d->seen, keep, gap);
	for (unsigned i = 0; i < keep->n; i++) {
		const struct pci_cap *c = &keep->cap[i];

		if (known_size(k, d->seen, c) == 0)
			vfio_paint(d, c->offset + k->header,
				   c->size - k->header, VFIO_PASS_RO);
	}
	for (unsigned off = k->base; off < k->end; off++) {
		if (gap[off])
			vfio_paint(d, off, 1, VFIO_BLOCK);
	}
}

static int show_one(struct vfio_device *d, const struct list_kind *k,
		    const struct pci_cap *c, struct pci_cap_list *keep,
		    struct err *e)
{
	const struct cap_rule *r = k->rule(d, c->id);
	struct pci_cap own = *c;
	unsigned size = known_size(k, d->seen, c);
	int rc = VFIO_HIDDEN;

	if (r->show && size != 0) {
		vfio_paint(d, c->offset, size, VFIO_PASS);
		own.size = (uint16_t)size;
	}
	if (r->show)
		rc = r->show(d, &own, e);
	if (rc < 0)
		return rc;
	trace_vfio_cap(vfio_name(d), k->name, c->offset, name_of(k, c),
		       rc == VFIO_SHOWN ? "shown" : "hidden");
	if (rc == VFIO_HIDDEN) {
		block(d, k, d->seen, c);
		return 0;
	}
	/* where a list leads is ours */
	memset(d->klass + c->offset, VFIO_EMU, k->header);
	memset(d->emu + c->offset, 0xff, k->header);
	keep->cap[keep->n++] = *c;
	return 0;
}

static int apply_list(struct vfio_device *d, const struct list_kind *k,
		      struct err *e)
{
	struct pci_cap_list seen, keep = { .n = 0 };
	bool known;

	k->walk(d->seen, &seen);
	if (seen.broken)
		log_warn("vfio: %s: the list of %s capabilities is broken: %s",
			 vfio_name(d), k->name, seen.broken);
	known = block_physical(d, k, &seen);
	find_gaps(k, d->seen, &seen, d->gap);
	for (unsigned i = 0; i < seen.n; i++) {
		int rc = show_one(d, k, &seen.cap[i], &keep, e);

		if (rc < 0)
			return rc;
	}
	if (d->opt.block_gaps || (!known && !d->opt.pass_gaps))
		block_gaps(d, k, &keep);
	if (!known)
		log_info("vfio: %s: hidden %s capabilities are not known: "
			 "bytes outside of those that show %s",
			 vfio_name(d), k->name,
			 d->opt.pass_gaps ? "pass" : "are blocked");
	k->link(&d->pci, &keep);
	return 0;
}

/* The head of the extended list stays where hardware must have it, even if
 * what is there is hidden. */
static void own_extended_head(struct vfio_device *d)
{
	memset(d->klass + PCI_CONFIG_SIZE, VFIO_EMU, 4);
	memset(d->emu + PCI_CONFIG_SIZE, 0xff, 4);
	memset(d->pci.writable + PCI_CONFIG_SIZE, 0, 4);
}

bool vfio_policy_is_gap(const struct vfio_device *d, unsigned off, unsigned len)
{
	for (unsigned i = off; i < off + len; i++) {
		if (i >= d->pci.config_size || !d->gap[i] ||
		    d->klass[i] != VFIO_PASS || d->emu[i])
			return false;
	}
	return true;
}

/* A virtual function has no IDs of its own in hardware, PCIe 6.2 9.3.4.1; a
 * walk would take it for gone. */
static void lend_ids(struct vfio_device *d)
{
	if (le16_load(d->host.config + PCI_STATUS) != 0xffff)
		memcpy(d->host.config, d->seen, 4);
}

int vfio_policy_apply(struct vfio_device *d, struct err *e)
{
	int rc;

	lend_ids(d);
	vfio_show_header(d);
	rc = apply_list(d, &std_kind, e);
	if (rc < 0 || d->pci.config_size < PCIE_CONFIG_SIZE)
		return rc;
	own_extended_head(d);
	return apply_list(d, &ext_kind, e);
}

/* Config space: every byte against a reference, chains, hidden bodies. */
#include "tests/unit/vfio/bench.h"

static const uint8_t pattern[0x300] = { [0 ... 0x2ff] = 0xa5 };
static const uint8_t vendor_cap[] = { 0x10, 1, 2, 3,  4,  5,  6,
				      7,    8, 9, 10, 11, 12, 13 };
static const uint8_t af_cap[] = { 6, PCI_AF_CAP_TP | PCI_AF_CAP_FLR, 0, 0 };
static const uint8_t ssvid_cap[] = { 0, 0, 0x86, 0x80, 0x34, 0x12 };
/* length in bits 31:20 of the first dword after the header */
static const uint8_t vsec_20[0x1c] = { 0x02, 0, 0x01, 0x02, 0xde, 0xad };
static const uint8_t vsec_10[0x0c] = { 0x03, 0, 0x01, 0x01, 0xbe, 0xef };
static const uint8_t dvsec_18[0x14] = { 0x98, 0x1e, 0x81, 0x01, 0x23, 0 };

static const struct fake_cap rich_caps[] = {
	{ .id = PCI_CAP_ID_VNDR,
	  .at = 0xc0,
	  .body = vendor_cap,
	  .body_size = sizeof(vendor_cap) },
	{ .id = PCI_CAP_ID_AF,
	  .at = 0xd8,
	  .body = af_cap,
	  .body_size = sizeof(af_cap) },
	{ .id = PCI_CAP_ID_SSVID,
	  .at = 0xe0,
	  .body = ssvid_cap,
	  .body_size = sizeof(ssvid_cap) },
	{ .id = PCI_EXT_CAP_ID_ERR,
	  .at = 0x100,
	  .version = 2,
	  .body = pattern,
	  .body_size = 0x44 },
	{ .id = PCI_EXT_CAP_ID_ARI,
	  .at = 0x150,
	  .version = 1,
	  .body = pattern,
	  .body_size = 4 },
	{ .id = PCI_EXT_CAP_ID_SRIOV,
	  .at = 0x160,
	  .version = 1,
	  .body = pattern,
	  .body_size = 0x3c },
	{ .id = PCI_EXT_CAP_ID_VNDR,
	  .at = 0x200,
	  .version = 1,
	  .body = vsec_20,
	  .body_size = sizeof(vsec_20) },
	{ .id = PCI_EXT_CAP_ID_VNDR,
	  .at = 0x240,
	  .version = 1,
	  .body = vsec_10,
	  .body_size = sizeof(vsec_10) },
	{ .id = PCI_EXT_CAP_ID_DVSEC,
	  .at = 0x300,
	  .version = 1,
	  .body = dvsec_18,
	  .body_size = sizeof(dvsec_18) },
	{ .id = PCI_EXT_CAP_ID_DOE,
	  .at = 0x340,
	  .version = 1,
	  .body = pattern,
	  .body_size = 0x14 },
};

static struct fake_pci rich_function(void)
{
	struct fake_pci p = plain_function;

	p.bar[2] = (struct fake_bar){ .size = 0x20, .io = true };
	p.bar[3] = (struct fake_bar){ .size = 0x100000 };
	p.caps = rich_caps;
	p.n_caps = ARRAY_LEN(rich_caps);
	return p;
}

/* -------- the reference: what a reader of the specification expects ------- */

/* D the device's, read only; W the device's, writable; O ours, writable or
 * not; Z zero. Later rows win. */
struct row {
	unsigned at, n;
	char who;
};

static const struct row rich_rows[] = {
	{ 0x000, 0x1000, 'W' }, /* gaps are the device's */
	{ 0x000, 0x40, 'D' },	{ 0x004, 4, 'W' }, { 0x00c, 2, 'W' },
	{ 0x00f, 1, 'W' },	{ 0x00e, 1, 'O' }, { 0x010, 24, 'O' },
	{ 0x030, 4, 'Z' },	{ 0x034, 1, 'O' }, { 0x03c, 2, 'O' },
	{ 0x040, 2, 'O' },	{ 0x042, 6, 'D' }, { 0x044, 1, 'W' },
	{ 0x050, 14, 'O' }, /* MSI; 0x5e, mask and pending pass */
	{ 0x070, 4, 'O' },  /* PCIe header and flags */
	{ 0x0b0, 12, 'O' }, /* MSI-X */
	{ 0x0c0, 2, 'O' },	{ 0x0d8, 2, 'O' }, { 0x0e0, 8, 'Z' },
	{ 0x100, 4, 'O' },	{ 0x150, 8, 'Z' }, { 0x160, 0x40, 'Z' },
	{ 0x200, 4, 'O' },	{ 0x240, 4, 'O' }, { 0x300, 4, 'O' },
	{ 0x340, 0x18, 'Z' },
};

/* Without a kernel we drop what it would drop: of PCI Express, all but device
 * control and status. */
static const struct row raw_rows[] = {
	{ 0x074, 4, 'D' },
	{ 0x07c, 0x98 - 0x7c, 'D' },
	{ 0x09c, 0xac - 0x9c, 'D' },
};

static void expand(char *who)
{
	for (unsigned i = 0; i < ARRAY_LEN(rich_rows); i++)
		memset(who + rich_rows[i].at, rich_rows[i].who, rich_rows[i].n);
	for (unsigned i = 0; bench_user && i < ARRAY_LEN(raw_rows); i++)
		memset(who + raw_rows[i].at, raw_rows[i].who, raw_rows[i].n);
}

/* Bits of a device's byte that are ours all the same, and their value. */
static uint8_t merge(unsigned off, uint8_t device)
{
	switch (off) {
	case PCI_COMMAND:
		return device & ~7; /* our shadow: off */
	case PCI_COMMAND + 1:
		return device & ~4;
	case PCI_STATUS:
		return device | PCI_STATUS_CAP_LIST;
	case 0x43: /* PME support */
		return device & 7;
	case 0x45: /* PME enable and status */
		return device & ~0x81;
	case 0x79: /* initiate FLR */
		return device & 0x7f;
	default:
		return device;
	}
}

static void fill_gaps(void)
{
	uint8_t *hw = fake_pci_hw_config(BDF);

	for (unsigned off = 0x380; off < 0x1000; off++)
		hw[off] = (uint8_t)(off * 7 + 3);
	fake_pci_changed(BDF);
}

static uint32_t reference(struct bench *b, const char *who, unsigned off,
			  unsigned len)
{
	uint8_t device[4096];
	uint32_t v = 0;

	fake_pci_vfio_config(BDF, device);
	for (unsigned i = 0; i < len; i++) {
		uint8_t byte = merge(off + i, device[off + i]);

		if (who[off + i] == 'O')
			byte = b->pci->config[off + i];
		else if (who[off + i] == 'Z')
			byte = 0;
		v |= (uint32_t)byte << (8 * i);
	}
	return v;
}

/* VFIO-CFG-01, -02 */
static void every_byte_reads_as_the_reference_says(void **state)
{
	struct fake_pci p = rich_function();
	char who[4096];
	struct bench b;

	expand(who);
	fake_pci_add(&p);
	fill_gaps();
	bench_open(&b, NULL);
	for (unsigned len = 1; len <= 4; len *= 2) {
		for (unsigned off = 0; off < 4096; off += len) {
			uint32_t want = reference(&b, who, off, len);
			uint32_t got = cfg_read(&b, off, len);

			if (got != want)
				fail_msg("read %#x/%u: %#x, not %#x", off, len,
					 got, want);
		}
	}
	bench_close(&b);
}

/* The device is asked only for what is its own, with the guest's width. */
static void reads_reach_the_device_only_where_they_must(void **state)
{
	struct fake_pci p = rich_function();
	char who[4096], line[64];
	struct bench b;

	expand(who);
	bench_open(&b, &p);
	for (unsigned len = 1; len <= 4; len *= 2) {
		for (unsigned off = 0; off < 4096; off += len) {
			bool device = false;

			for (unsigned i = 0; i < len; i++)
				device |= who[off + i] == 'D' ||
					  who[off + i] == 'W';
			fake_trace_clear();
			cfg_read(&b, off, len);
			snprintf(line, sizeof(line),
				 "pread device " BDF " region=7 off=%#x len=%u",
				 off, len);
			if (fake_trace_count(line) != device ||
			    fake_trace_count("pread") != device)
				fail_msg("read %#x/%u: %s", off, len,
					 fake_trace());
		}
	}
	bench_close(&b);
}

static void check_write(const char *who, unsigned off, unsigned len)
{
	unsigned pass = 0, covered = 0;
	char line[64];

	for (unsigned i = 0; i < len; i++) {
		if (who[off + i] != 'W')
			continue;
		pass++;
		for (unsigned n = 1; n <= 4; n *= 2) {
			for (unsigned at = off; at < off + len; at++) {
				snprintf(line, sizeof(line),
					 "region=7 off=%#x len=%u ", at, n);
				if (off + i >= at && off + i < at + n)
					covered += fake_trace_count(line);
			}
		}
	}
	if (covered != pass)
		fail_msg("write %#x/%u: %u bytes of %u arrive:\n%s", off, len,
			 covered, pass, fake_trace());
	if (pass == 0 && fake_trace_count("pwrite") != 0)
		fail_msg("write %#x/%u leaks:\n%s", off, len, fake_trace());
	if (pass == len && fake_trace_count("pwrite") != 1)
		fail_msg("write %#x/%u is torn:\n%s", off, len, fake_trace());
}

static void every_byte_is_written_as_the_reference_says(void **state)
{
	struct fake_pci p = rich_function();
	char who[4096];
	struct bench b;

	expand(who);
	bench_open(&b, &p);
	for (unsigned len = 1; len <= 4; len *= 2) {
		for (unsigned off = 0; off < 4096; off += len) {
			fake_trace_clear();
			cfg_write(&b, off, len, 0);
			check_write(who, off, len);
		}
	}
	bench_close(&b);
}

/* -------- capabilities as a guest walks them -------- */

static unsigned std_chain(struct bench *b, uint8_t *out, unsigned max)
{
	unsigned at = cfg_read(b, PCI_CAPABILITY_LIST, 1), n = 0;

	while (at != 0 && n < max) {
		out[n++] = (uint8_t)at;
		at = cfg_read(b, at + 1, 1);
	}
	return n;
}

static unsigned ext_chain(struct bench *b, uint16_t *out, unsigned max)
{
	unsigned at = 0x100, n = 0;

	while (at != 0 && n < max) {
		uint32_t h = cfg_read(b, at, 4);

		if (h == 0)
			break;
		if ((h & 0xffff) != 0)
			out[n++] = (uint16_t)at;
		at = h >> 20;
	}
	return n;
}

static bool has(const uint16_t *list, unsigned n, unsigned at)
{
	for (unsigned i = 0; i < n; i++) {
		if (list[i] == at)
			return true;
	}
	return false;
}

/* VFIO-CFG-13, -18: exactly the allowed set, at the original offsets */
static void only_allowed_capabilities_show(void **state)
{
	struct fake_pci p = rich_function();
	uint8_t std[16];
	uint16_t ext[16];
	struct bench b;
	unsigned n;

	bench_open(&b, &p);
	n = std_chain(&b, std, ARRAY_LEN(std));
	assert_int_equal(n, 6); /* PM MSI PCIe MSI-X vendor AF; no SSVID */
	for (unsigned i = 0; i < n; i++)
		assert_int_not_equal(std[i], 0xe0);
	n = ext_chain(&b, ext, ARRAY_LEN(ext));
	assert_int_equal(n, 4);
	assert_int_equal(ext[0], 0x100);
	assert_true(has(ext, n, 0x200) && has(ext, n, 0x240) &&
		    has(ext, n, 0x300));
	bench_close(&b);
}

/* VFIO-CFG-22 */
static void vendor_capabilities_are_read_and_written_raw(void **state)
{
	struct fake_pci p = rich_function();
	uint8_t *hw;
	struct bench b;

	bench_open(&b, &p);
	hw = fake_pci_hw_config(BDF);
	for (unsigned off = 0x204; off < 0x220; off += 4)
		assert_int_equal(cfg_read(&b, off, 4), le32_load(hw + off));
	cfg_write(&b, 0x210, 4, 0xcafe1234);
	assert_int_equal(le32_load(hw + 0x210), 0xcafe1234);
	assert_int_equal(cfg_read(&b, 0x210, 4), 0xcafe1234);
	cfg_write(&b, 0x30c, 2, 0x5678);
	assert_int_equal(le16_load(hw + 0x30c), 0x5678);
	cfg_write(&b, 0xc4, 1, 0x99);
	assert_int_equal(hw[0xc4], 0x99);
	bench_close(&b);
}

/* VFIO-CFG-21 */
static void bodies_of_hidden_capabilities_are_out_of_reach(void **state)
{
	struct fake_pci p = rich_function();
	uint8_t *hw;
	struct bench b;

	bench_open(&b, &p);
	hw = fake_pci_hw_config(BDF);
	cfg_write(&b, 0x168, 2, 0xffff);     /* SR-IOV control */
	cfg_write(&b, 0x348, 4, 0xffffffff); /* DOE control */
	assert_int_equal(le16_load(hw + 0x168), 0xa5a5);
	assert_int_equal(le32_load(hw + 0x348), 0xa5a5a5a5);
	assert_int_equal(cfg_read(&b, 0x168, 4), 0);
	assert_int_equal(cfg_read(&b, 0x348, 4), 0);
	assert_int_equal(cfg_read(&b, 0xe4, 4), 0); /* SSVID */
	/* the byte after a hidden body is a gap, and the device's */
	hw[0x1a0] = 0x77;
	assert_int_equal(cfg_read(&b, 0x1a0, 1), 0x77);
	bench_close(&b);
}

static void hidden_bodies_of_a_virtual_function_too(void **state)
{
	struct fake_pci p = rich_function();
	uint8_t raw[4096];
	struct bench b;

	fake_pci_add(&p);
	memcpy(raw, fake_pci_hw_config(BDF), sizeof(raw));
	memset(raw, 0xff, 4); /* no IDs in hardware */
	fake_blob("/sys/bus/pci/devices/" BDF "/config", raw, sizeof(raw));
	bench_open(&b, NULL);
	assert_int_equal(cfg_read(&b, 0xe4, 4), 0); /* SSVID */
	assert_int_equal(cfg_read(&b, 0, 2), 0x1b36);
	bench_close(&b);
}

/* VFIO-CFG-21: only root reads more than 64 bytes of sysfs' config */
static void open_unprivileged(struct bench *b, bool pass_gaps)
{
	struct fake_pci p = rich_function();
	uint8_t first[64];

	fake_pci_add(&p);
	memcpy(first, fake_pci_hw_config(BDF), sizeof(first));
	fake_blob("/sys/bus/pci/devices/" BDF "/config", first, 64);
	bench_vm(b);
	b->o.pass_gaps = pass_gaps;
	MUST(bench_attach(b, &why));
	MUST(bench_place(b, &why));
}

static void without_privilege_gaps_are_blocked(void **state)
{
	uint8_t *hw;
	struct bench b;

	open_unprivileged(&b, false);
	hw = fake_pci_hw_config(BDF);
	/* what VFIO shows and we hide */
	assert_int_equal(cfg_read(&b, 0x168, 4), 0);
	/* what VFIO hides, but only by its header: DOE */
	cfg_write(&b, 0x348, 4, 0xffffffff);
	assert_int_equal(le32_load(hw + 0x348), 0xa5a5a5a5);
	assert_int_equal(cfg_read(&b, 0x348, 4), 0);
	/* what shows works */
	assert_int_equal(cfg_read(&b, 0x204, 4), le32_load(hw + 0x204));
	cfg_write(&b, 0x210, 4, 0xcafe1234);
	assert_int_equal(le32_load(hw + 0x210), 0xcafe1234);
	bench_close(&b);
}

/* VC has no size that we know; here VFIO shows nothing behind it, and the
 * hardware has a REBAR (that VFIO hides). */
static void a_body_without_end_is_only_read_without_privilege(void **state)
{
	static const struct fake_cap caps[] = {
		{ .id = PCI_EXT_CAP_ID_VC,
		  .at = 0x100,
		  .version = 1,
		  .body = pattern,
		  .body_size = 0x18 },
		{ .id = PCI_EXT_CAP_ID_REBAR,
		  .at = 0x140,
		  .version = 1,
		  .body = pattern,
		  .body_size = 8 },
	};
	struct fake_pci p = plain_function;
	uint8_t *hw, first[64];
	struct bench b;

	p.caps = caps;
	p.n_caps = ARRAY_LEN(caps);
	fake_pci_add(&p);
	hw = fake_pci_hw_config(BDF);
	memcpy(first, hw, sizeof(first));
	fake_blob("/sys/bus/pci/devices/" BDF "/config", first, 64);
	bench_open(&b, NULL);
	cfg_write(&b, 0x148, 4, 0);
	assert_int_equal(le32_load(hw + 0x148), 0xa5a5a5a5);
	assert_int_equal(cfg_read(&b, 0x104, 4), 0xa5a5a5a5);
	bench_close(&b);
}

static void gaps_pass_without_privilege_on_request(void **state)
{
	uint8_t *hw;
	struct bench b;

	open_unprivileged(&b, true);
	hw = fake_pci_hw_config(BDF);
	assert_int_equal(cfg_read(&b, 0x168, 4), 0);
	hw[0x400] = 0x77;
	assert_int_equal(cfg_read(&b, 0x400, 1), 0x77);
	bench_close(&b);
}

/* The list was read while the function slept. */
static void a_physical_list_of_ones_is_no_list(void **state)
{
	struct fake_pci p = rich_function();
	uint8_t ones[4096];
	uint8_t *hw;
	struct bench b;

	fake_pci_add(&p);
	memset(ones, 0xff, sizeof(ones));
	fake_blob("/sys/bus/pci/devices/" BDF "/config", ones, sizeof(ones));
	bench_open(&b, NULL);
	hw = fake_pci_hw_config(BDF);
	cfg_write(&b, 0x348, 4, 0xffffffff);
	assert_int_equal(le32_load(hw + 0x348), 0xa5a5a5a5);
	bench_close(&b);
}

/* A vendor capability that claims to reach over what VFIO hides behind it. */
static void a_length_that_lies_uncovers_nothing(void **state)
{
	struct fake_pci p = rich_function();
	uint8_t *hw;
	struct bench b;

	fake_pci_add(&p);
	hw = fake_pci_hw_config(BDF);
	hw[0x306] |= 0xf0; /* the DVSEC's length: DOE is at 0x340 */
	hw[0x307] = 0x0f;
	fake_pci_changed(BDF);
	bench_open(&b, NULL);
	cfg_write(&b, 0x348, 4, 0xffffffff);
	assert_int_equal(le32_load(hw + 0x348), 0xa5a5a5a5);
	assert_int_equal(cfg_read(&b, 0x348, 4), 0);
	cfg_write(&b, 0x30c, 2, 0x5678);
	assert_int_equal(le16_load(hw + 0x30c), 0x5678);
	bench_close(&b);
}

static void gaps_are_blocked_on_request(void **state)
{
	struct fake_pci p = rich_function();
	uint8_t *hw;
	struct bench b;

	fake_pci_add(&p);
	fill_gaps();
	bench_vm(&b);
	b.o.block_gaps = true;
	MUST(bench_attach(&b, &why));
	MUST(bench_place(&b, &why));
	hw = fake_pci_hw_config(BDF);
	assert_int_equal(cfg_read(&b, 0x400, 4), 0);
	cfg_write(&b, 0x404, 4, 0);
	assert_int_not_equal(le32_load(hw + 0x404), 0);
	assert_int_equal(cfg_read(&b, 0x21c, 4), le32_load(hw + 0x21c));
	assert_int_equal(cfg_read(&b, 0x220, 4), 0);
	assert_int_equal(cfg_read(&b, 0xcf, 1), hw[0xcf]);
	assert_int_equal(cfg_read(&b, 0xd0, 1), 0);
	bench_close(&b);
}

/* -------- hiding at each place of the chain: VFIO-CFG-19, -20 -------- */

static void open_with_ecaps(struct bench *b, const struct fake_cap *caps,
			    unsigned n)
{
	struct fake_pci p = plain_function;

	p.caps = caps;
	p.n_caps = n;
	bench_open(b, &p);
}

static void a_hidden_head_leads_on(void **state)
{
	static const struct fake_cap caps[] = {
		{ .id = PCI_EXT_CAP_ID_ARI,
		  .at = 0x100,
		  .version = 1,
		  .body = pattern,
		  .body_size = 4 },
		{ .id = PCI_EXT_CAP_ID_VNDR,
		  .at = 0x150,
		  .version = 1,
		  .body = vsec_10,
		  .body_size = sizeof(vsec_10) },
	};
	uint16_t ext[4];
	struct bench b;

	open_with_ecaps(&b, caps, 2);
	assert_int_equal(cfg_read(&b, 0x100, 4), 0x15000000);
	assert_int_equal(cfg_read(&b, 0x104, 4), 0);
	assert_int_equal(ext_chain(&b, ext, 4), 1);
	assert_int_equal(ext[0], 0x150);
	bench_close(&b);
}

static void a_head_that_the_kernel_hides_leads_on(void **state)
{
	static const struct fake_cap caps[] = {
		{ .id = PCI_EXT_CAP_ID_SECPCI,
		  .at = 0x100,
		  .version = 1,
		  .body = pattern,
		  .body_size = 0x20 },
		{ .id = PCI_EXT_CAP_ID_VNDR,
		  .at = 0x150,
		  .version = 1,
		  .body = vsec_10,
		  .body_size = sizeof(vsec_10) },
	};
	uint16_t ext[4];
	struct bench b;

	open_with_ecaps(&b, caps, 2);
	assert_int_equal(ext_chain(&b, ext, 4), 1);
	assert_int_equal(ext[0], 0x150);
	assert_int_equal(cfg_read(&b, 0x104, 4), 0); /* its body */
	bench_close(&b);
}

/* The kernel hides the first, we the second; nobody may see sysfs. */
static void two_hidden_heads_lead_on(void **state)
{
	static const struct fake_cap caps[] = {
		{ .id = PCI_EXT_CAP_ID_SECPCI,
		  .at = 0x100,
		  .version = 1,
		  .body = pattern,
		  .body_size = 0x20 },
		{ .id = PCI_EXT_CAP_ID_ARI,
		  .at = 0x140,
		  .version = 1,
		  .body = pattern,
		  .body_size = 4 },
		{ .id = PCI_EXT_CAP_ID_VNDR,
		  .at = 0x150,
		  .version = 1,
		  .body = vsec_10,
		  .body_size = sizeof(vsec_10) },
	};
	struct fake_pci p = plain_function;
	struct bench b;

	p.caps = caps;
	p.n_caps = 3;
	fake_pci_add(&p);
	fake_blob("/sys/bus/pci/devices/" BDF "/config",
		  fake_pci_hw_config(BDF), 64);
	bench_open(&b, NULL);
	assert_int_equal(cfg_read(&b, 0x100, 4), 0x15000000);
	bench_close(&b);
}

/* A list that became empty is no list: the status bit goes. */
static void without_capabilities_there_is_no_list(void **state)
{
	static const struct fake_cap caps[] = {
		{ .id = PCI_CAP_ID_PCIX,
		  .at = 0x60,
		  .body = pattern,
		  .body_size = 6 },
	};
	struct fake_pci p = plain_function;
	struct bench b;

	p.pm_at = p.express_at = 0;
	p.msi.at = p.msix.at = 0;
	p.caps = caps;
	p.n_caps = 1;
	bench_open(&b, &p);
	assert_int_equal(vfio_byte(PCI_STATUS) & PCI_STATUS_CAP_LIST,
			 PCI_STATUS_CAP_LIST);
	assert_int_equal(cfg_read(&b, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST, 0);
	assert_int_equal(cfg_read(&b, PCI_CAPABILITY_LIST, 1), 0);
	assert_int_equal(cfg_read(&b, 0x60, 4), 0);
	bench_close(&b);
}

static void with_all_hidden_the_head_is_zero(void **state)
{
	static const struct fake_cap caps[] = {
		{ .id = PCI_EXT_CAP_ID_ARI,
		  .at = 0x100,
		  .version = 1,
		  .body = pattern,
		  .body_size = 4 },
		{ .id = PCI_EXT_CAP_ID_SRIOV,
		  .at = 0x140,
		  .version = 1,
		  .body = pattern,
		  .body_size = 0x3c },
	};
	struct bench b;

	open_with_ecaps(&b, caps, 2);
	assert_int_equal(cfg_read(&b, 0x100, 4), 0);
	bench_close(&b);
}

static void the_last_one_hidden_ends_the_chain_before(void **state)
{
	static const struct fake_cap caps[] = {
		{ .id = PCI_EXT_CAP_ID_DSN,
		  .at = 0x100,
		  .version = 1,
		  .body = pattern,
		  .body_size = 8 },
		{ .id = PCI_EXT_CAP_ID_ATS,
		  .at = 0x140,
		  .version = 1,
		  .body = pattern,
		  .body_size = 4 },
	};
	struct bench b;

	open_with_ecaps(&b, caps, 2);
	assert_int_equal(cfg_read(&b, 0x100, 4), 0x00010003);
	assert_int_equal(cfg_read(&b, 0x140, 4), 0);
	bench_close(&b);
}

static void rules_of_the_operator_win(void **state)
{
	struct fake_pci p = rich_function();
	uint16_t ext[16];
	struct bench b;
	unsigned n;

	fake_pci_add(&p);
	bench_vm(&b);
	b.o.n_ecaps = 2;
	b.o.ecap[0] = (struct vfio_ecap_rule){ PCI_EXT_CAP_ID_ARI, true };
	b.o.ecap[1] = (struct vfio_ecap_rule){ PCI_EXT_CAP_ID_VNDR, false };
	MUST(bench_attach(&b, &why));
	MUST(bench_place(&b, &why));
	n = ext_chain(&b, ext, ARRAY_LEN(ext));
	assert_true(has(ext, n, 0x150));
	assert_false(has(ext, n, 0x200) || has(ext, n, 0x240));
	assert_int_equal(cfg_read(&b, 0x208, 4), 0);
	bench_close(&b);
}

/* -------- sizes of config space: VFIO-CFG-03 -------- */

static void conventional_space_ends_in_ones(void **state)
{
	struct fake_pci p = plain_function;
	struct bench b;

	p.config_size = 256;
	p.express_at = 0;
	bench_open(&b, &p);
	assert_int_equal(cfg_read(&b, 0x100, 4), 0xffffffff);
	assert_int_equal(cfg_read(&b, 0xffc, 2), 0xffff);
	fake_trace_clear();
	cfg_write(&b, 0x100, 4, 0);
	assert_int_equal(fake_trace_count("pwrite"), 0);
	bench_close(&b);
}

static void empty_extended_space_reads_zero(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	assert_int_equal(cfg_read(&b, 0x100, 4), 0);
	bench_close(&b);
}

/* -------- header -------- */

/* VFIO-CFG-08, -09; and there is no ROM */
static void the_header_is_that_of_a_lone_endpoint(void **state)
{
	struct fake_pci p = plain_function;
	struct bench b;

	p.header_type = 0x80; /* multi-function on the host */
	bench_open(&b, &p);
	assert_int_equal(cfg_read(&b, PCI_HEADER_TYPE, 1), 0);
	assert_int_equal(cfg_read(&b, PCI_INTERRUPT_PIN, 1), 1);
	assert_in_range(cfg_read(&b, PCI_INTERRUPT_LINE, 1), 16, 23);
	cfg_write(&b, PCI_INTERRUPT_LINE, 1, 0x55);
	assert_int_equal(cfg_read(&b, PCI_INTERRUPT_LINE, 1), 0x55);
	assert_int_equal(cfg_read(&b, PCI_ROM_ADDRESS, 4), 0);
	cfg_write(&b, PCI_ROM_ADDRESS, 4, 0xffffffff);
	assert_int_equal(cfg_read(&b, PCI_ROM_ADDRESS, 4), 0);
	bench_close(&b);
}

/* VFIO-CFG-10 */
static void bars_size_in_any_width_and_order(void **state)
{
	struct fake_pci p = rich_function();
	uint64_t at;
	struct bench b;

	bench_open(&b, &p);
	at = bar_at(&b, 0);
	assert_int_not_equal(at, 0);
	cfg_write(&b, 0x14, 4, 0xffffffff); /* upper half first */
	cfg_write(&b, 0x10, 4, 0xffffffff);
	assert_int_equal(cfg_read(&b, 0x10, 4), 0xffffc004);
	assert_int_equal(cfg_read(&b, 0x14, 4), 0xffffffff);
	for (unsigned i = 0; i < 4; i++) {
		cfg_write(&b, 0x10 + i, 1, (uint8_t)(at >> 8 * i));
		cfg_write(&b, 0x14 + i, 1, (uint8_t)(at >> (32 + 8 * i)));
	}
	assert_true(bar_at(&b, 0) == at);
	cfg_write(&b, 0x18, 4, 0xffffffff);
	assert_int_equal(cfg_read(&b, 0x18, 4), 0xffffffe1);
	cfg_write(&b, 0x1c, 4, 0xffffffff);
	assert_int_equal(cfg_read(&b, 0x1c, 4), 0xfff00000);
	cfg_write(&b, 0x20, 4, 0xffffffff);
	assert_int_equal(cfg_read(&b, 0x20, 4), 0);
	bench_close(&b);
}

static void odd_bars_are_refused(void **state)
{
	struct fake_pci p = plain_function;
	struct err e = ERR_NONE;
	struct bench b;

	p.bar[5] = (struct fake_bar){ .size = 0x1000 };
	fake_pci_add(&p);
	/* claims to be 64 bits wide where no second half is */
	fake_pci_hw_config(BDF)[PCI_BASE_ADDRESS_5] |= 4;
	fake_pci_changed(BDF);
	bench_vm(&b);
	assert_int_equal(bench_attach(&b, &e), -EINVAL);
	assert_true(bench_says(&e, ": BAR 5 has"));
	bench_close(&b);
}

/* VFIO-CFG-06, -02: one answer for each way to write */
static void command_is_written_in_any_width(void **state)
{
	static const struct {
		unsigned off, len;
		uint32_t v;
	} ways[] = { { 4, 1, 6 }, { 4, 2, 6 }, { 4, 4, 6 } };

	for (unsigned i = 0; i < ARRAY_LEN(ways); i++) {
		struct bench b;

		fake_reset();
		bench_open(&b, &plain_function);
		cfg_write(&b, ways[i].off, ways[i].len, ways[i].v);
		assert_int_equal(cfg_read(&b, 4, 2), 6);
		assert_int_equal(le16_load(fake_pci_hw_config(BDF) + 4) & 7, 6);
		assert_true(b.pci->bars[0].mapped);
		cfg_write(&b, 5, 1, 4); /* INTx off: nothing else changes */
		assert_int_equal(cfg_read(&b, 4, 2), 0x406);
		cfg_write(&b, ways[i].off, ways[i].len, 0);
		assert_false(b.pci->bars[0].mapped);
		bench_close(&b);
	}
}

/* VFIO-CFG-06 */
static void decode_goes_on_at_the_device_first(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	fake_trace_clear();
	cfg_write(&b, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_true(fake_trace_has_in_order("pwrite device " BDF
					    " region=7 off=0x4 len=2",
					    "KVM_SET_USER_MEMORY_REGION"));
	fake_trace_clear();
	cfg_write(&b, PCI_COMMAND, 2, 0);
	assert_true(fake_trace_has_in_order("KVM_SET_USER_MEMORY_REGION",
					    "pwrite device " BDF
					    " region=7 off=0x4 len=2"));
	bench_close(&b);
}

static void decode_stays_off_if_the_device_did_not_hear(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	fake_fail_call("pwrite device", 1, EIO);
	cfg_write(&b, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_false(b.pci->bars[0].mapped);
	assert_int_equal(cfg_read(&b, PCI_COMMAND, 1) & PCI_COMMAND_MEMORY, 0);
	bench_close(&b);
}

/* VFIO-CFG-07 */
static void a_command_byte_does_not_clear_status(void **state)
{
	struct bench b;
	uint8_t *hw;

	bench_open(&b, &plain_function);
	hw = fake_pci_hw_config(BDF);
	hw[PCI_STATUS + 1] |= 0x80; /* detected parity error */
	cfg_write(&b, PCI_COMMAND, 1, 2);
	cfg_write(&b, PCI_COMMAND, 2, 6);
	assert_int_equal(cfg_read(&b, PCI_STATUS + 1, 1) & 0x80, 0x80);
	cfg_write(&b, PCI_STATUS, 2, 0x8000);
	assert_int_equal(cfg_read(&b, PCI_STATUS + 1, 1) & 0x80, 0);
	bench_close(&b);
}

/* -------- PCI Express: VFIO-CFG-14 -------- */

static int open_as_type(struct bench *b, unsigned type, unsigned version,
			struct err *e)
{
	*e = ERR_NONE;
	fake_reset();
	fake_pci_add(&plain_function);
	fake_pci_hw_config(BDF)[0x72] = (uint8_t)(type << 4 | version);
	fake_pci_changed(BDF);
	bench_vm(b);
	return bench_attach(b, e);
}

static void endpoints_of_each_kind_become_endpoints(void **state)
{
	static const struct {
		unsigned type, version, flags;
	} rows[] = { { 0, 2, 0x02 },
		     { 1, 2, 0x12 },
		     { 9, 2, 0x02 },
		     { 0, 0, 0x01 },
		     { 0, 1, 0x01 } };

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;
		struct err e;

		assert_int_equal(
			open_as_type(&b, rows[i].type, rows[i].version, &e), 0);
		assert_int_equal(cfg_read(&b, 0x72, 1), rows[i].flags);
		if (rows[i].type == 9) {
			assert_int_equal(cfg_read(&b, 0x7c, 4) & 0x3ff, 0x11);
			assert_int_equal(cfg_read(&b, 0x82, 2), 0x11);
		}
		bench_close(&b);
	}
}

static void ports_and_bridges_are_refused(void **state)
{
	static const unsigned types[] = { 4, 5, 6, 7, 8, 10, 15 };

	for (unsigned i = 0; i < ARRAY_LEN(types); i++) {
		struct bench b;
		struct err e;

		assert_true(open_as_type(&b, types[i], 2, &e) < 0);
		assert_true(bench_says(&e, ": is no endpoint: its PCI Express "
					   "type is "));
		bench_close(&b);
	}
}

/* VFIO-CFG-25 */
static void volatile_registers_are_read_through(void **state)
{
	struct bench b;
	uint8_t *hw;

	bench_open(&b, &plain_function);
	hw = fake_pci_hw_config(BDF);
	for (unsigned i = 0; i < 4; i++) {
		hw[0x82] = (uint8_t)(0x11 + i); /* LNKSTA */
		hw[0x7a] = (uint8_t)i;		/* DEVSTA */
		assert_int_equal(cfg_read(&b, 0x82, 1), 0x11 + i);
		assert_int_equal(cfg_read(&b, 0x7a, 1), i);
	}
	bench_close(&b);
}

/* -------- devices that are broken or gone -------- */

/* VFIO-CFG-12 */
static void a_loop_in_the_chain_ends(void **state)
{
	uint8_t std[64];
	struct bench b;

	fake_pci_add(&plain_function);
	fake_pci_hw_config(BDF)[0xb1] = 0x40;
	fake_pci_changed(BDF);
	bench_open(&b, NULL);
	assert_true(std_chain(&b, std, 64) < 10);
	bench_close(&b);
}

/* VFIO-PM-05 */
static void a_function_of_all_ones_is_refused(void **state)
{
	struct err e = ERR_NONE;
	struct bench b;

	fake_pci_add(&plain_function);
	fake_pci_gone(BDF, FAKE_ALL_ONES);
	bench_vm(&b);
	assert_int_equal(bench_attach(&b, &e), -EIO);
	assert_true(bench_says(&e, ": the function does not answer: its config "
				   "space reads all ones"));
	if (!bench_user)
		assert_non_null(strstr(e.hint, "disable_idle_d3=1"));
	bench_close(&b);
}

/* VFIO-CFG-24 */
static void a_failed_read_gives_ones(void **state)
{
	static const enum fake_gone how[] = { FAKE_EIO, FAKE_SHORT };

	for (unsigned i = 0; i < ARRAY_LEN(how); i++) {
		struct bench b;

		fake_reset();
		bench_open(&b, &plain_function);
		fake_pci_gone(BDF, how[i]);
		assert_int_equal(cfg_read(&b, 0, 2), 0xffff);
		assert_int_equal(cfg_read(&b, 0x400, 4), 0xffffffff);
		/* ours are ours: the header type is emulated */
		assert_int_equal(cfg_read(&b, PCI_HEADER_TYPE, 1), 0);
		bench_close(&b);
	}
}

static void writes_never_reach_vfios_msix_capability(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	fake_trace_clear();
	cfg_write(&b, 0xb0, 4, 0xffffffff);
	cfg_write(&b, 0xb2, 2, 0xc000);
	cfg_write(&b, 0xb3, 1, 0x80);
	assert_int_equal(fake_trace_count("pwrite device"), 0);
	bench_close(&b);
}

static const struct CMUnitTest both[] = {
	FAKE_TEST(every_byte_reads_as_the_reference_says),
	FAKE_TEST(reads_reach_the_device_only_where_they_must),
	FAKE_TEST(every_byte_is_written_as_the_reference_says),
	FAKE_TEST(only_allowed_capabilities_show),
	FAKE_TEST(vendor_capabilities_are_read_and_written_raw),
	FAKE_TEST(bodies_of_hidden_capabilities_are_out_of_reach),
	FAKE_TEST(hidden_bodies_of_a_virtual_function_too),
	FAKE_TEST(without_privilege_gaps_are_blocked),
	FAKE_TEST(a_body_without_end_is_only_read_without_privilege),
	FAKE_TEST(gaps_pass_without_privilege_on_request),
	FAKE_TEST(a_physical_list_of_ones_is_no_list),
	FAKE_TEST(a_length_that_lies_uncovers_nothing),
	FAKE_TEST(gaps_are_blocked_on_request),
	FAKE_TEST(a_hidden_head_leads_on),
	FAKE_TEST(a_head_that_the_kernel_hides_leads_on),
	FAKE_TEST(two_hidden_heads_lead_on),
	FAKE_TEST(without_capabilities_there_is_no_list),
	FAKE_TEST(with_all_hidden_the_head_is_zero),
	FAKE_TEST(the_last_one_hidden_ends_the_chain_before),
	FAKE_TEST(rules_of_the_operator_win),
	FAKE_TEST(conventional_space_ends_in_ones),
	FAKE_TEST(empty_extended_space_reads_zero),
	FAKE_TEST(the_header_is_that_of_a_lone_endpoint),
	FAKE_TEST(bars_size_in_any_width_and_order),
	FAKE_TEST(odd_bars_are_refused),
	FAKE_TEST(command_is_written_in_any_width),
	FAKE_TEST(decode_goes_on_at_the_device_first),
	FAKE_TEST(decode_stays_off_if_the_device_did_not_hear),
	FAKE_TEST(a_command_byte_does_not_clear_status),
	FAKE_TEST(endpoints_of_each_kind_become_endpoints),
	FAKE_TEST(ports_and_bridges_are_refused),
	FAKE_TEST(volatile_registers_are_read_through),
	FAKE_TEST(a_loop_in_the_chain_ends),
	FAKE_TEST(a_function_of_all_ones_is_refused),
	FAKE_TEST(a_failed_read_gives_ones),
};

static const struct CMUnitTest kernel_only[] = {
	FAKE_TEST(writes_never_reach_vfios_msix_capability),
};

/* VFIO-VU-01 */
BENCH_MAIN(both, kernel_only)

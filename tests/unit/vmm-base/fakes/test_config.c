/* The fake config space is virtualised as vfio-pci does it. */
#include <errno.h>

#include "tests/unit/vmm-base/fakes/nvme.h"

static const uint8_t body[16] = { 0x86, 0x80, 0, 1, 0xaa, 0xbb };

/* SR-IOV-less NVMe of QEMU with caps the kernel knows and does not know */
static const struct fake_cap caps[] = {
	{ .id = 0x2e, .at = 0x100, .body = body, .body_size = 8 }, /* DOE */
	{ .id = PCI_EXT_CAP_ID_DVSEC,
	  .at = 0x120,
	  .body = body,
	  .body_size = 16 },
	{ .id = 0x30, .at = 0x140, .body = body, .body_size = 8 },
	{ .id = PCI_EXT_CAP_ID_DSN, .at = 0x160, .body = body, .body_size = 8 },
	{ .id = PCI_CAP_ID_SSVID, .at = 0xd0, .body = body, .body_size = 6 },
	{ .id = PCI_CAP_ID_VNDR,
	  .at = 0xe0,
	  .body = "\x08rest",
	  .body_size = 6 },
};

static void with_caps(struct open_vfio *v)
{
	static struct fake_pci p;

	p = nvme;
	p.msi.at = 0x50;
	p.msi.log2_vectors = 2;
	p.msi.addr64 = true;
	p.caps = caps;
	p.n_caps = ARRAY_LEN(caps);
	*v = (struct open_vfio){ -1, -1, -1 };
	fake_pci_add(&p);
	vfio_reopen(v);
}

static void unknown_capability_at_0x100_becomes_id_0(void **state)
{
	struct open_vfio v;

	with_caps(&v);
	assert_int_equal(config_get(&v, 0x100), 0x12000000);
	assert_int_equal(config_get(&v, 0x120) & 0xffff, PCI_EXT_CAP_ID_DVSEC);
	/* 0x140 is left out of the chain, though its bytes are there */
	assert_int_equal(config_get(&v, 0x120) >> 20, 0x160);
	assert_int_equal(config_get(&v, 0x140) & 0xffff, 0x30);
	vfio_close(&v);
}

static void standard_chain_skips_what_the_kernel_does_not_know(void **state)
{
	struct open_vfio v;
	unsigned at, seen = 0;

	with_caps(&v);
	at = config_get(&v, PCI_CAPABILITY_LIST) & 0xff;
	for (; at != 0; at = config_get(&v, at) >> 8 & 0xff) {
		assert_int_not_equal(config_get(&v, at) & 0xff,
				     PCI_CAP_ID_SSVID);
		seen++;
	}
	assert_int_equal(seen, 5); /* PM, MSI, PCIe, MSI-X, vendor */
	vfio_close(&v);
}

static void dvsec_reaches_the_hardware(void **state)
{
	struct open_vfio v;

	with_caps(&v);
	config_set(&v, 0x128, 4, 0x12345678);
	assert_int_equal(le32_load(fake_pci_hw_config(bdf) + 0x128),
			 0x12345678);
	config_set(&v, 0x164, 4, 0x12345678); /* DSN is read-only */
	assert_int_equal(config_get(&v, 0x164), le32_load(body));
	vfio_close(&v);
}

static void msi_is_not_enabled_by_a_config_write(void **state)
{
	struct open_vfio v;
	int fd = sys_eventfd();

	with_caps(&v);
	config_set(&v, 0x52, 2, PCI_MSI_FLAGS_ENABLE);
	assert_int_equal(config_get(&v, 0x50) >> 16 & PCI_MSI_FLAGS_ENABLE, 0);
	assert_int_equal(set_irqs(v.device, VFIO_PCI_MSI_IRQ_INDEX, 0, 1, &fd),
			 0);
	config_set(&v, 0x52, 2, PCI_MSI_FLAGS_ENABLE | 7 << 4);
	assert_int_equal(config_get(&v, 0x50) >> 16 &
				 (PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE),
			 PCI_MSI_FLAGS_ENABLE | 2 << 4);
	vfio_close(&v);
	sys_close(&fd);
}

static void flr_through_the_capability_resets(void **state)
{
	struct open_vfio v;

	with_caps(&v);
	assert_int_equal(fake_pci_resets(bdf), 0);
	config_set(&v, 0x88, 2, PCI_EXP_DEVCTL_BCR_FLR);
	assert_int_equal(fake_pci_resets(bdf), 1);
	assert_int_equal(config_get(&v, 0x88) & PCI_EXP_DEVCTL_BCR_FLR, 0);
	vfio_close(&v);
}

static void status_is_write_one_to_clear(void **state)
{
	struct open_vfio v;

	with_caps(&v);
	le16_store(fake_pci_hw_config(bdf) + PCI_STATUS, 0xa010);
	config_set(&v, PCI_STATUS, 2, 0x8000);
	assert_int_equal(le16_load(fake_pci_hw_config(bdf) + PCI_STATUS),
			 0x2010);
	vfio_close(&v);
}

static void small_config_space_ends_at_256(void **state)
{
	static struct fake_pci p;
	struct open_vfio v = { -1, -1, -1 };
	uint8_t b[4];

	p = nvme;
	p.config_size = 256;
	fake_pci_add(&p);
	vfio_reopen(&v);
	assert_int_equal(sys_pread(v.device, b, 4, config_offset(&v) + 0xfc),
			 4);
	assert_int_equal(sys_pread(v.device, b, 4, config_offset(&v) + 0x100),
			 -EFAULT);
	vfio_close(&v);
}

static void function_that_is_gone_answers_as_it_should(void **state)
{
	struct open_vfio v;
	uint64_t at;
	uint8_t b[4];

	with_caps(&v);
	at = config_offset(&v);
	fake_pci_gone(bdf, FAKE_ALL_ONES);
	assert_int_equal(config_get(&v, PCI_CLASS_REVISION), UINT32_MAX);
	fake_pci_gone(bdf, FAKE_EIO);
	assert_int_equal(sys_pread(v.device, b, 4, at), -EIO);
	assert_int_equal(sys_pwrite(v.device, b, 4, at), -EIO);
	fake_pci_gone(bdf, FAKE_SHORT);
	assert_int_equal(sys_pread(v.device, b, 4, at), 2);
	fake_pci_gone(bdf, FAKE_PRESENT);
	assert_int_equal(config_get(&v, 0), 0x00101b36);
	vfio_close(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(unknown_capability_at_0x100_becomes_id_0),
		FAKE_TEST(standard_chain_skips_what_the_kernel_does_not_know),
		FAKE_TEST(dvsec_reaches_the_hardware),
		FAKE_TEST(msi_is_not_enabled_by_a_config_write),
		FAKE_TEST(flr_through_the_capability_resets),
		FAKE_TEST(status_is_write_one_to_clear),
		FAKE_TEST(small_config_space_ends_at_256),
		FAKE_TEST(function_that_is_gone_answers_as_it_should),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

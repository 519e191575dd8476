/* Both capability lists. VFIO-CFG-12, 19, 20. */
#include "tests/unit/pcie/board.h"

static uint8_t config[PCIE_CONFIG_SIZE];
static struct pci_cap_list list;

static void clear(void)
{
	memset(config, 0, sizeof(config));
	memset(&list, 0xa5, sizeof(list));
	le16_store(config + PCI_VENDOR_ID, 0x8086);
	le16_store(config + PCI_STATUS, PCI_STATUS_CAP_LIST);
}

static void cap(unsigned at, uint8_t id, uint8_t next)
{
	config[at] = id;
	config[at + 1] = next;
}

static void ecap(unsigned at, unsigned id, unsigned version, unsigned next)
{
	le32_store(config + at, id | version << 16 | next << 20);
}

static void expect(unsigned n, bool broken)
{
	assert_int_equal(list.n, n);
	if (broken)
		assert_non_null(list.broken);
	else
		assert_null(list.broken);
}

/* -------- the standard list -------- */

static void list_keeps_the_order_of_the_chain(void **state)
{
	clear();
	config[0x34] = 0x80;
	cap(0x80, PCI_CAP_ID_EXP, 0x40);
	cap(0x40, PCI_CAP_ID_PM, 0xd0);
	cap(0xd0, PCI_CAP_ID_MSIX, 0);
	pci_caps_walk(config, &list);
	expect(3, false);
	assert_int_equal(list.cap[0].id, PCI_CAP_ID_EXP);
	assert_int_equal(list.cap[0].offset, 0x80);
	assert_int_equal(list.cap[0].size, 0x50);
	assert_int_equal(list.cap[1].offset, 0x40);
	assert_int_equal(list.cap[1].size, 0x40);
	assert_int_equal(list.cap[2].size, 0x30);
	assert_ptr_equal(pci_cap_find(&list, PCI_CAP_ID_PM), &list.cap[1]);
	assert_null(pci_cap_find(&list, PCI_CAP_ID_MSI));
}

static void no_status_bit_means_no_list(void **state)
{
	clear();
	le16_store(config + PCI_STATUS, 0);
	config[0x34] = 0x40;
	cap(0x40, PCI_CAP_ID_PM, 0);
	pci_caps_walk(config, &list);
	expect(0, false);
}

static void low_two_bits_of_a_pointer_do_not_count(void **state)
{
	clear();
	config[0x34] = 0x43;
	cap(0x40, PCI_CAP_ID_PM, 0x51);
	cap(0x50, PCI_CAP_ID_MSIX, 0x02);
	pci_caps_walk(config, &list);
	expect(2, false);
	assert_int_equal(list.cap[1].offset, 0x50);
}

static void loop_ends_the_walk(void **state)
{
	clear();
	config[0x34] = 0x40;
	cap(0x40, PCI_CAP_ID_PM, 0x50);
	cap(0x50, PCI_CAP_ID_MSIX, 0x60);
	cap(0x60, PCI_CAP_ID_VNDR, 0x50);
	pci_caps_walk(config, &list);
	expect(3, true);
	cap(0x40, PCI_CAP_ID_PM, 0x40);
	pci_caps_walk(config, &list);
	expect(1, true);
}

static void overlap_ends_the_walk(void **state)
{
	clear();
	config[0x34] = 0x40;
	cap(0x40, PCI_CAP_ID_MSIX, 0x48); /* 12 bytes */
	cap(0x48, PCI_CAP_ID_VNDR, 0);
	pci_caps_walk(config, &list);
	expect(1, true);
	/* The same seen from below. */
	clear();
	config[0x34] = 0x48;
	cap(0x48, PCI_CAP_ID_VNDR, 0x40);
	cap(0x40, PCI_CAP_ID_MSIX, 0);
	pci_caps_walk(config, &list);
	expect(1, true);
}

static void pointer_into_the_header_ends_the_walk(void **state)
{
	clear();
	config[0x34] = 0x40;
	cap(0x40, PCI_CAP_ID_PM, 0x3c);
	pci_caps_walk(config, &list);
	expect(1, true);
	config[0x34] = 0x04;
	pci_caps_walk(config, &list);
	expect(0, true);
}

static void device_that_is_gone_has_no_list(void **state)
{
	memset(config, 0xff, sizeof(config));
	pci_caps_walk(config, &list);
	expect(0, true);
	pcie_ecaps_walk(config, &list);
	expect(0, false);
	/* Gone in the middle of being read. */
	clear();
	config[0x34] = 0x40;
	cap(0x40, PCI_CAP_ID_PM, 0x50);
	memset(config + 0x50, 0xff, 0xb0);
	pci_caps_walk(config, &list);
	expect(1, true);
	config[0x34] = 0xff;
	pci_caps_walk(config, &list);
	expect(0, true);
}

static void longest_list_is_walked_and_bounded(void **state)
{
	clear();
	config[0x34] = 0x40;
	for (unsigned at = 0x40; at < 0x100; at += 4)
		cap(at, PCI_CAP_ID_VNDR,
		    at + 4 < 0x100 ? (uint8_t)(at + 4) : 0);
	pci_caps_walk(config, &list);
	expect(48, false);
}

static void capability_at_the_very_end_is_measured(void **state)
{
	clear();
	config[0x34] = 0xfc;
	cap(0xfc, PCI_CAP_ID_MSI, 0);
	pci_caps_walk(config, &list);
	expect(1, false);
	assert_int_equal(list.cap[0].size, 4);
}

static void any_noise_ends_the_walk(void **state)
{
	uint32_t s = 3;

	for (unsigned i = 0; i < 3000; i++) {
		for (unsigned k = 0; k < PCIE_CONFIG_SIZE; k++)
			config[k] = (uint8_t)noise(&s);
		config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
		pci_caps_walk(config, &list);
		assert_true(list.n <= PCI_MAX_CAPS);
		pcie_ecaps_walk(config, &list);
		assert_true(list.n <= PCIE_MAX_ECAPS);
		for (unsigned k = 0; k < list.n; k++)
			assert_true(range_fits(0x100, 0xf00, list.cap[k].offset,
					       list.cap[k].size));
	}
}

/* -------- the extended list -------- */

static void extended_list_keeps_order_and_versions(void **state)
{
	clear();
	ecap(0x100, PCI_EXT_CAP_ID_ERR, 2, 0x200);
	ecap(0x200, PCI_EXT_CAP_ID_VNDR, 1, 0x150);
	ecap(0x150, PCI_EXT_CAP_ID_VNDR, 1, 0);
	pcie_ecaps_walk(config, &list);
	expect(3, false);
	assert_int_equal(list.cap[0].version, 2);
	assert_int_equal(list.cap[0].size, 0x50);
	assert_int_equal(list.cap[1].offset, 0x200);
	assert_int_equal(list.cap[1].size, 0xe00);
	assert_int_equal(list.cap[2].offset, 0x150);
	assert_int_equal(list.cap[2].size, 0xb0);
}

static void head_hidden_by_the_kernel_is_walked_through(void **state)
{
	clear();
	ecap(0x100, 0, 0, 0x150);
	ecap(0x150, PCI_EXT_CAP_ID_VNDR, 1, 0);
	pcie_ecaps_walk(config, &list);
	expect(1, false);
	assert_int_equal(list.cap[0].offset, 0x150);
}

static void zero_dword_is_no_extended_list(void **state)
{
	clear();
	pcie_ecaps_walk(config, &list);
	expect(0, false);
}

static void extended_loop_and_wild_pointers_end_the_walk(void **state)
{
	clear();
	ecap(0x100, PCI_EXT_CAP_ID_ERR, 1, 0x200);
	ecap(0x200, PCI_EXT_CAP_ID_DSN, 1, 0x100);
	pcie_ecaps_walk(config, &list);
	expect(2, true);
	ecap(0x200, PCI_EXT_CAP_ID_DSN, 1, 0x0fc);
	pcie_ecaps_walk(config, &list);
	expect(2, true);
	ecap(0x200, PCI_EXT_CAP_ID_DSN, 1, 0x300);
	memset(config + 0x300, 0xff, 4);
	pcie_ecaps_walk(config, &list);
	expect(2, true);
	/* Bits 1:0 of a pointer are reserved: 0x101 is 0x100. */
	le32_store(config + 0x100, PCI_EXT_CAP_ID_ERR | 1 << 16 | 0x101u << 20);
	pcie_ecaps_walk(config, &list);
	expect(1, true);
}

static void longest_extended_list_is_bounded(void **state)
{
	clear();
	for (unsigned at = 0x100; at < 0x1000; at += 4)
		ecap(at, PCI_EXT_CAP_ID_VNDR, 1, at + 4 < 0x1000 ? at + 4 : 0);
	pcie_ecaps_walk(config, &list);
	expect(PCIE_MAX_ECAPS, true);
	clear();
	for (unsigned at = 0x100; at < 0x1000; at += 8)
		ecap(at, PCI_EXT_CAP_ID_VNDR, 1, at + 8 < 0x1000 ? at + 8 : 0);
	pcie_ecaps_walk(config, &list);
	expect(PCIE_MAX_ECAPS, false);
}

/* -------- building -------- */

static void same_lists(const struct pci_cap_list *a,
		       const struct pci_cap_list *b)
{
	assert_int_equal(a->n, b->n);
	assert_null(a->broken);
	for (unsigned i = 0; i < a->n; i++) {
		assert_int_equal(a->cap[i].id, b->cap[i].id);
		assert_int_equal(a->cap[i].offset, b->cap[i].offset);
		assert_int_equal(a->cap[i].version, b->cap[i].version);
	}
}

static const struct pci_cap four[] = {
	{ .id = PCI_EXT_CAP_ID_ARI, .version = 1, .offset = 0x100 },
	{ .id = PCI_EXT_CAP_ID_ERR, .version = 2, .offset = 0x300 },
	{ .id = PCI_EXT_CAP_ID_VNDR, .version = 1, .offset = 0x140 },
	{ .id = PCI_EXT_CAP_ID_DVSEC, .version = 1, .offset = 0xffc },
};

/* Every choice of what is visible: first, middle, last, all hidden. */
static void every_selection_of_extended_capabilities_links(void **state)
{
	struct pci_device d;

	pci_device_init(&d, &(const struct pci_ops){ 0 }, "f");
	for (unsigned shown = 0; shown < 16; shown++) {
		struct pci_cap_list want = { 0 };

		memset(d.config + 0x100, 0, 0xf00);
		for (unsigned i = 0; i < 4; i++)
			if (shown & (1u << i))
				want.cap[want.n++] = four[i];
		pcie_ecaps_link(&d, &want);
		pcie_ecaps_walk(d.config, &list);
		same_lists(&list, &want);
		if (shown == 0)
			assert_int_equal(le32_load(d.config + 0x100), 0);
		else if (!(shown & 1))
			assert_int_equal(le32_load(d.config + 0x100),
					 (uint32_t)want.cap[0].offset << 20);
	}
	pci_device_fini(&d);
}

static void every_selection_of_standard_capabilities_links(void **state)
{
	static const struct pci_cap all[] = {
		{ .id = PCI_CAP_ID_EXP, .offset = 0x80 },
		{ .id = PCI_CAP_ID_PM, .offset = 0x40 },
		{ .id = PCI_CAP_ID_MSIX, .offset = 0xc0 },
	};
	struct pci_device d;

	pci_device_init(&d, &(const struct pci_ops){ 0 }, "f");
	pci_config_set(&d, PCI_VENDOR_ID, 2, 0x8086);
	for (unsigned shown = 0; shown < 8; shown++) {
		struct pci_cap_list want = { 0 };

		for (unsigned i = 0; i < 3; i++)
			if (shown & (1u << i))
				want.cap[want.n++] = all[i];
		pci_caps_link(&d, &want);
		assert_int_equal(!!(d.config[PCI_STATUS] & PCI_STATUS_CAP_LIST),
				 shown != 0);
		pci_caps_walk(d.config, &list);
		same_lists(&list, &want);
	}
	pci_device_fini(&d);
}

static void added_capability_comes_last(void **state)
{
	struct pci_device d;

	pci_device_init(&d, &(const struct pci_ops){ 0 }, "f");
	pci_cap_add(&d, PCI_CAP_ID_MSIX, 0x90);
	pci_cap_add(&d, PCI_CAP_ID_PM, 0x40);
	pci_caps_walk(d.config, &list);
	expect(2, false);
	assert_int_equal(list.cap[0].offset, 0x90);
	assert_int_equal(list.cap[1].id, PCI_CAP_ID_PM);
	pci_device_fini(&d);
}

static void names_are_those_of_the_specification(void **state)
{
	assert_string_equal(pci_cap_name(PCI_CAP_ID_MSIX), "MSI-X");
	assert_string_equal(pcie_ecap_name(PCI_EXT_CAP_ID_DVSEC), "DVSEC");
	assert_null(pci_cap_name(0));
	assert_null(pci_cap_name(0xff));
	assert_null(pcie_ecap_name(0x24));
	assert_null(pcie_ecap_name(0xffff));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(list_keeps_the_order_of_the_chain),
		FAKE_TEST(no_status_bit_means_no_list),
		FAKE_TEST(low_two_bits_of_a_pointer_do_not_count),
		FAKE_TEST(loop_ends_the_walk),
		FAKE_TEST(overlap_ends_the_walk),
		FAKE_TEST(pointer_into_the_header_ends_the_walk),
		FAKE_TEST(device_that_is_gone_has_no_list),
		FAKE_TEST(longest_list_is_walked_and_bounded),
		FAKE_TEST(capability_at_the_very_end_is_measured),
		FAKE_TEST(any_noise_ends_the_walk),
		FAKE_TEST(extended_list_keeps_order_and_versions),
		FAKE_TEST(head_hidden_by_the_kernel_is_walked_through),
		FAKE_TEST(zero_dword_is_no_extended_list),
		FAKE_TEST(extended_loop_and_wild_pointers_end_the_walk),
		FAKE_TEST(longest_extended_list_is_bounded),
		FAKE_TEST(every_selection_of_extended_capabilities_links),
		FAKE_TEST(every_selection_of_standard_capabilities_links),
		FAKE_TEST(added_capability_comes_last),
		FAKE_TEST(names_are_those_of_the_specification),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

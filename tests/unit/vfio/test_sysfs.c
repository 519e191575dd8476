/* What sysfs says about a function, and what we say when it says no. */
#include "tests/unit/vfio/bench.h"
#include "vfio/name.h"
#include "vfio/sysfs.h"

static struct err refused(const char *text)
{
	struct vfio_function f;
	struct err e = ERR_NONE;

	assert_true(vfio_function_find(text, &f, &e) < 0);
	assert_int_equal(e.code < 0, 1);
	return e;
}

/* VFIO-OPEN-01 */
static void addresses_are_read_in_every_spelling(void **state)
{
	static const struct {
		const char *in, *out; /* out NULL: refused */
	} rows[] = {
		{ "01:00.0", "0000:01:00.0" },
		{ "0000:01:00.0", "0000:01:00.0" },
		{ "1:2.3", "0000:01:02.3" },
		{ "10000:e1:00.0", "10000:e1:00.0" },
		{ "ABCD:EF:1F.7", "abcd:ef:1f.7" },
		{ "/sys/bus/pci/devices/0000:03:00.1", "0000:03:00.1" },
		{ "ffffffff:ff:1f.7", "ffffffff:ff:1f.7" },
		{ "", NULL },
		{ "nvme0", NULL },
		{ "01:00", NULL },
		{ "01:00.8", NULL },
		{ "01:20.0", NULL },
		{ "100:00.0", NULL },
		{ "0000:01:00.0 ", NULL },
		{ "0000:01:00.0x", NULL },
		{ "0000::00.0", NULL },
		{ "123456789:01:00.0", NULL },
		{ "0000:01:00.", NULL },
		{ "/", NULL },
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct err e = ERR_NONE;
		char bdf[24];
		int rc = vfio_bdf_parse(rows[i].in, bdf, &e);

		if (!rows[i].out && rc >= 0)
			fail_msg("'%s' was taken", rows[i].in);
		if (rows[i].out && (rc < 0 || strcmp(bdf, rows[i].out) != 0))
			fail_msg("'%s' is wrong", rows[i].in);
		if (rc < 0)
			assert_non_null(strstr(e.hint, "lspci"));
	}
}

static void a_function_is_described(void **state)
{
	struct vfio_function f;

	fake_pci_add(&plain_function);
	MUST(vfio_function_find("01:00.0", &f, &why));
	assert_string_equal(f.name, BDF);
	assert_string_equal(f.driver, "vfio-pci");
	assert_int_equal(f.group, 12);
	assert_int_equal(f.vendor, 0x1b36);
	assert_int_equal(f.device, 0x10);
	assert_int_equal(f.class_code, 0x010802);
	assert_int_equal(f.config_size, 4096);
	assert_int_equal(le16_load(f.config), 0x1b36);
}

/* VFIO-VF-01 */
static void a_virtual_function_is_known_by_sysfs(void **state)
{
	struct vfio_function f;

	fake_pci_add(&plain_function);
	memset(fake_pci_hw_config(BDF), 0xff, 4);
	fake_pci_changed(BDF);
	MUST(vfio_function_find(BDF, &f, &why));
	assert_int_equal(f.vendor, 0x1b36);
	assert_int_equal(f.device, 0x10);
	assert_int_equal(f.class_code, 0x010802);
}

static void a_missing_function_is_named(void **state)
{
	struct err e = refused("0000:7f:00.0");

	assert_string_equal(e.text,
			    "0000:7f:00.0: this host has no such PCI function");
	assert_non_null(strstr(e.hint, "lspci"));
}

static void a_bridge_is_refused(void **state)
{
	struct fake_pci p = plain_function;

	p.header_type = 1;
	p.class_code = 0x060400;
	fake_pci_add(&p);
	assert_string_equal(refused(BDF).text,
			    BDF ": is a bridge (class 060400, header type 1): "
				"only endpoints can be assigned");
}

static void a_function_in_no_group_is_refused(void **state)
{
	struct fake_pci p = plain_function;
	struct err e;

	p.group = -1;
	fake_pci_add(&p);
	e = refused(BDF);
	assert_string_equal(e.text, BDF ": is in no IOMMU group: nothing would "
					"confine its DMA");
	assert_non_null(strstr(e.hint, "intel_iommu=on"));
}

/* Not to know it is another matter. */
static void a_group_that_cannot_be_told_is_no_lack_of_an_iommu(void **state)
{
	struct err e;

	fake_pci_add(&plain_function);
	fake_fail_call("readlink /sys/bus/pci/devices/" BDF "/iommu_group", 0,
		       EACCES);
	e = refused(BDF);
	assert_string_equal(e.text, BDF
			    ": cannot tell its IOMMU group: Permission denied");
	assert_string_equal(e.hint, "");
}

static void a_function_on_its_host_driver_says_how_to_bind(void **state)
{
	struct fake_pci p = plain_function;
	struct err e;

	p.driver = "nvme";
	fake_pci_add(&p);
	e = refused(BDF);
	assert_string_equal(
		e.text,
		BDF ": is bound to nvme, it has to be bound to vfio-pci");
	assert_string_equal(e.hint,
			    "modprobe vfio-pci && echo vfio-pci > "
			    "/sys/bus/pci/devices/" BDF "/driver_override && "
			    "echo " BDF " > /sys/bus/pci/devices/" BDF
			    "/driver/unbind && "
			    "echo " BDF " > /sys/bus/pci/drivers_probe");
}

static void a_function_without_driver_says_how_to_bind(void **state)
{
	struct fake_pci p = plain_function;
	struct err e;

	p.driver = "";
	fake_pci_add(&p);
	e = refused(BDF);
	assert_string_equal(e.text, BDF ": is bound to no driver, it has to be "
					"bound to vfio-pci");
	assert_null(strstr(e.hint, "unbind"));
	assert_non_null(strstr(e.hint, "drivers_probe"));
}

static void variants_of_vfio_pci_are_vfio_drivers(void **state)
{
	assert_true(vfio_is_vfio_driver("vfio-pci"));
	assert_true(vfio_is_vfio_driver("mlx5_vfio_pci"));
	assert_true(vfio_is_vfio_driver("xe-vfio-pci"));
	assert_false(vfio_is_vfio_driver("nvme"));
	assert_false(vfio_is_vfio_driver("vfio-pci-not"));
	assert_false(vfio_is_vfio_driver(""));
}

static void a_foreign_driver_with_a_vfio_device_is_taken(void **state)
{
	struct fake_pci p = plain_function;
	struct vfio_function f;

	p.driver = "oddball";
	fake_pci_add(&p);
	fake_dir("/sys/bus/pci/devices/" BDF "/vfio-dev");
	MUST(vfio_function_find(BDF, &f, &why));
}

/* -------- viability -------- */

static void add_sibling(const char *bdf, const char *driver, uint32_t class)
{
	struct fake_pci p = plain_function;

	p.bdf = bdf;
	p.driver = driver;
	p.class_code = class;
	fake_pci_add(&p);
}

static void viability_names_only_who_blocks(void **state)
{
	struct err e = ERR_NONE;

	fake_pci_add(&plain_function);
	add_sibling("0000:00:01.0", "pcieport", 0x060400);
	add_sibling("0000:01:00.1", "e1000e", 0x020000);
	add_sibling("0000:01:00.2", "", 0x020000);
	add_sibling("0000:01:00.3", "pci-stub", 0x020000);
	assert_int_equal(vfio_explain_viability(12, BDF, &e), -EPERM);
	assert_string_equal(
		e.text,
		"group 12 is not viable: 0000:01:00.1 is bound to e1000e");
	assert_non_null(strstr(
		e.hint, "bind every function of group 12 to vfio-pci, or leave "
			"it unbound: echo vfio-pci > "
			"/sys/bus/pci/devices/0000:01:00.1/driver_override"));
	assert_non_null(strstr(e.hint, "drivers_probe"));
}

static void viability_lists_all_who_block(void **state)
{
	struct err e = ERR_NONE;

	fake_pci_add(&plain_function);
	add_sibling("0000:01:00.1", "e1000e", 0x020000);
	add_sibling("0000:01:00.2", "nvme", 0x010802);
	(void)vfio_explain_viability(12, BDF, &e);
	assert_string_equal(e.text, "group 12 is not viable: 0000:01:00.1 is "
				    "bound to e1000e, 0000:01:00.2 is bound to "
				    "nvme");
}

static void viability_without_a_culprit_says_so(void **state)
{
	struct err e = ERR_NONE;

	fake_pci_add(&plain_function);
	(void)vfio_explain_viability(12, BDF, &e);
	assert_string_equal(e.text, "group 12 is not viable: the kernel does "
				    "not say why");
	assert_true(e.hint[0] != '\0');
}

/* -------- options -------- */

static void options_are_read(void **state)
{
	struct vfio_options o;

	MUST(vfio_options_parse("01:00.0", &o, &why));
	assert_string_equal(o.host, "01:00.0");
	assert_false(o.allow_no_reset);
	MUST(vfio_options_parse(BDF ",allow-no-reset,cfg-gaps=block,"
				    "ecap=allow:e,ecap=deny:0x10",
				&o, &why));
	assert_true(o.allow_no_reset && o.block_gaps);
	assert_int_equal(o.n_ecaps, 2);
	assert_true(o.ecap[0].allow && o.ecap[0].id == 0xe);
	assert_true(!o.ecap[1].allow && o.ecap[1].id == 0x10);
	MUST(vfio_options_parse(BDF ",allow-no-reset=off", &o, &why));
	assert_false(o.allow_no_reset);
	assert_int_equal(o.rom, VFIO_ROM_ON);
	MUST(vfio_options_parse(BDF ",rom=off", &o, &why));
	assert_int_equal(o.rom, VFIO_ROM_OFF);
	MUST(vfio_options_parse(BDF ",rom=off,rom=on", &o, &why));
	assert_int_equal(o.rom, VFIO_ROM_ON);
	MUST(vfio_options_parse(BDF ",rom=./off", &o, &why));
	assert_int_equal(o.rom, VFIO_ROM_FILE);
	assert_string_equal(o.rom_file, "./off");
	assert_int_equal(o.msix_reloc, VFIO_RELOC_OFF);
	MUST(vfio_options_parse(BDF ",msix-reloc=bar5", &o, &why));
	assert_int_equal(o.msix_reloc, VFIO_RELOC_BAR);
	assert_int_equal(o.msix_reloc_bar, 5);
	MUST(vfio_options_parse(BDF ",msix-reloc=auto", &o, &why));
	assert_int_equal(o.msix_reloc, VFIO_RELOC_AUTO);
	MUST(vfio_options_parse(BDF ",msix-reloc=auto,msix-reloc=off", &o,
				&why));
	assert_int_equal(o.msix_reloc, VFIO_RELOC_OFF);
}

static void wrong_options_are_named(void **state)
{
	static const struct {
		const char *in, *says;
	} rows[] = {
		{ BDF ",foo=1", BDF ": unknown option 'foo'" },
		{ BDF ",", BDF ": unknown option ''" },
		{ BDF ",cfg-gaps=maybe",
		  BDF ": cfg-gaps: 'maybe' is neither pass nor block" },
		{ BDF ",allow-no-reset=2",
		  BDF ": allow-no-reset: '2' is neither on nor off" },
		{ BDF ",rom=", BDF ": rom: 'rom' needs a value" },
		{ BDF ",msix-reloc=bar6",
		  BDF ": msix-reloc: 'bar6' is neither" },
		{ BDF ",msix-reloc=bar12", "'bar12' is neither auto, off nor" },
		{ BDF ",msix-reloc=2", "'2' is neither auto, off nor bar0" },
		{ BDF ",ecap=10000", "allow:ID nor deny:ID" },
		{ BDF ",ecap=allow:", "allow:ID nor deny:ID" },
		{ BDF ",ecap=allow:12345", "allow:ID nor deny:ID" },
		{ "eth0,foo", "'eth0' is no PCI address" },
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct vfio_options o = { .n_ecaps = 77 };
		struct err e = ERR_NONE;

		if (vfio_options_parse(rows[i].in, &o, &e) >= 0)
			fail_msg("'%s' was taken", rows[i].in);
		if (!strstr(e.text, rows[i].says))
			fail_msg("'%s': %s", rows[i].in, e.text);
		assert_int_equal(o.n_ecaps, 77);
	}
}

static void overlong_options_are_refused(void **state)
{
	char text[1024];
	struct vfio_options o;
	struct err e = ERR_NONE;

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_true(vfio_options_parse(text, &o, &e) < 0);
	text[300] = '\0';
	assert_true(vfio_options_parse(text, &o, &e) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(addresses_are_read_in_every_spelling),
		FAKE_TEST(a_function_is_described),
		FAKE_TEST(a_virtual_function_is_known_by_sysfs),
		FAKE_TEST(a_missing_function_is_named),
		FAKE_TEST(a_bridge_is_refused),
		FAKE_TEST(a_function_in_no_group_is_refused),
		FAKE_TEST(a_group_that_cannot_be_told_is_no_lack_of_an_iommu),
		FAKE_TEST(a_function_on_its_host_driver_says_how_to_bind),
		FAKE_TEST(a_function_without_driver_says_how_to_bind),
		FAKE_TEST(variants_of_vfio_pci_are_vfio_drivers),
		FAKE_TEST(a_foreign_driver_with_a_vfio_device_is_taken),
		FAKE_TEST(viability_names_only_who_blocks),
		FAKE_TEST(viability_lists_all_who_block),
		FAKE_TEST(viability_without_a_culprit_says_so),
		FAKE_TEST(options_are_read),
		FAKE_TEST(wrong_options_are_named),
		FAKE_TEST(overlong_options_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

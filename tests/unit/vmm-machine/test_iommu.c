/* Which of the kernel's interfaces functions come through: --iommu. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/vmm-machine/assigned.h"

static struct host host;
static const char *card_options = "";

/* Give both functions to a VM. */
static int assign(enum config_iommu iommu, struct err *e)
{
	char card[64];
	const struct config c = {
		.function = { { CONFIG_VFIO, DISK }, { CONFIG_VFIO, card } },
		.n_functions = 2,
		.iommu = iommu,
	};

	snprintf(card, sizeof(card), CARD "%s", card_options);
	return host_open(&host, &c, e);
}

/* VFIO-DMA-02: before any function is opened */
static void what_the_host_reserves_is_known_before_ram_is_placed(void **state)
{
	const struct config c = {
		.function = { { CONFIG_VFIO, DISK }, { CONFIG_VFIO, CARD } },
		.n_functions = 2,
	};
	struct holes h = { 0 };
	struct err e = ERR_NONE;

	host_add(DISK, 12);
	host_add(CARD, 13);
	fake_group_reserve(12, 0xfee00000, 0xfeefffff, "msi");
	fake_group_reserve(12, 0, 0xffffff, "direct-relaxable");
	fake_group_reserve(13, 0xfd00000000, 0xffffffffff, "reserved");
	assert_int_equal(host_find(&host, &c, &e), 0);
	assignment_holes(&host.a, &h);
	assert_int_equal(h.n, 2);
	assert_int_equal(h.hole[0].base, 0xfee00000);
	assert_int_equal(h.hole[0].size, 0x100000);
	assert_int_equal(h.hole[1].base, 0xfd00000000);
	assert_int_equal(h.hole[1].size, 0x300000000);
	assert_int_equal(fake_trace_count("open /dev/vfio"), 0);
}

enum way { BY_GROUP, BY_IOMMUFD };

static void expect(enum config_iommu iommu, enum way way)
{
	struct err e = ERR_NONE;

	fake_trace_clear();
	if (assign(iommu, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(fake_trace_count("VFIO_DEVICE_BIND_IOMMUFD"),
			 way == BY_IOMMUFD ? 2 : 0);
	assert_int_equal(fake_trace_count("VFIO_GROUP_GET_DEVICE_FD"),
			 way == BY_GROUP ? 2 : 0);
	assert_true(fake_dma_mapped(0, 64 * MIB));
	host_close(&host);
}

static void two_functions(void)
{
	host_add(DISK, 12);
	host_add(CARD, 13);
}

/* A virtual function of the card, which can then have a token. */
static void add_child(void)
{
	const struct fake_pci p = {
		.bdf = "0000:02:10.0",
		.group = 14,
		.class_code = 0x010802,
		.bar = { { .size = 0x4000, .mem64 = true } },
		.is_virtual = true,
		.pf = CARD,
	};

	fake_pci_add(&p);
}

/* VFIO-OPEN-11, and all that follow */
static void auto_takes_iommufd_where_it_is(void **state)
{
	two_functions();
	expect(CONFIG_IOMMU_AUTO, BY_GROUP);
	fake_iommufd();
	expect(CONFIG_IOMMU_AUTO, BY_IOMMUFD);
}

static void auto_takes_groups_where_iommufd_may_not_be_opened(void **state)
{
	two_functions();
	fake_iommufd();
	fake_fail_call("open /dev/iommu", 0, EACCES);
	expect(CONFIG_IOMMU_AUTO, BY_GROUP);
	fake_fail_none();
	fake_fail_call("open /dev/vfio/devices/vfio1", 0, EACCES);
	expect(CONFIG_IOMMU_AUTO, BY_GROUP);
}

static void one_function_without_node_decides_for_all(void **state)
{
	two_functions();
	fake_iommufd();
	fake_remove("/sys/bus/pci/devices/" CARD "/vfio-dev");
	expect(CONFIG_IOMMU_AUTO, BY_GROUP);
}

/* VFIO-DMA-13: BARs are mapped by type 1 only */
static void p2p_makes_auto_take_groups_where_they_are(void **state)
{
	two_functions();
	fake_iommufd();
	card_options = ",p2p";
	expect(CONFIG_IOMMU_AUTO, BY_GROUP);
	expect(CONFIG_IOMMU_FD, BY_IOMMUFD);
	card_options = ",p2p=off";
	expect(CONFIG_IOMMU_AUTO, BY_IOMMUFD);
	card_options = ",p2p=on";
	fake_remove("/dev/vfio/vfio");
	expect(CONFIG_IOMMU_AUTO, BY_IOMMUFD);
	card_options = "";
}

static void p2p_takes_no_groups_that_may_not_be_opened(void **state)
{
	two_functions();
	fake_iommufd();
	card_options = ",p2p";
	fake_fail_call("open /dev/vfio/13", 0, EACCES);
	expect(CONFIG_IOMMU_AUTO, BY_IOMMUFD);
	fake_fail_none();
	fake_fail_call("open /dev/vfio/vfio", 0, EACCES);
	expect(CONFIG_IOMMU_AUTO, BY_IOMMUFD);
	fake_fail_none();
	expect(CONFIG_IOMMU_AUTO, BY_GROUP);
	card_options = "";
}

/* The sentence is then that of the group: who else has it. */
static void p2p_takes_groups_that_are_in_use(void **state)
{
	struct err e = ERR_NONE;

	two_functions();
	fake_iommufd();
	card_options = ",p2p";
	fake_fail_call("open /dev/vfio/13", 0, EBUSY);
	assert_int_equal(assign(CONFIG_IOMMU_AUTO, &e), -EBUSY);
	assert_non_null(strstr(e.text, "another process holds the group"));
	host_close(&host);
	card_options = "";
}

/* VFIO-OPEN-15: most kernels take VF tokens with groups only */
static void a_vf_token_makes_auto_take_groups_where_they_are(void **state)
{
	two_functions();
	fake_iommufd();
	card_options = ",vf-token=2ab74924-c335-45f4-9b16-8569e5b08258";
	add_child();
	expect(CONFIG_IOMMU_AUTO, BY_GROUP);
	card_options = "";
	fake_remove("/dev/vfio/vfio");
	expect(CONFIG_IOMMU_AUTO, BY_IOMMUFD);
}

static void what_is_asked_for_is_taken(void **state)
{
	two_functions();
	fake_iommufd();
	expect(CONFIG_IOMMU_GROUP, BY_GROUP);
	expect(CONFIG_IOMMU_FD, BY_IOMMUFD);
}

static void what_is_asked_for_and_not_there_is_an_error(void **state)
{
	struct err e = ERR_NONE;

	two_functions();
	assert_int_equal(assign(CONFIG_IOMMU_FD, &e), -ENOENT);
	assert_string_equal(e.text, "vfio: cannot open /dev/iommu: this kernel "
				    "has no iommufd");
	fake_iommufd();
	fake_remove("/dev/vfio/vfio");
	e = ERR_NONE;
	assert_int_equal(assign(CONFIG_IOMMU_GROUP, &e), -ENOENT);
	assert_string_equal(e.text, "vfio: cannot open /dev/vfio/vfio: VFIO is "
				    "not loaded");
	/* a kernel without containers */
	expect(CONFIG_IOMMU_AUTO, BY_IOMMUFD);
}

static int sweep_assign(void *arg, struct err *e)
{
	return assign(CONFIG_IOMMU_FD, e);
}

static int sweep_auto(void *arg, struct err *e)
{
	return assign(CONFIG_IOMMU_AUTO, e);
}

static void no_failing_host_call_leaves_anything(void **state)
{
	two_functions();
	fake_iommufd();
	assert_true(fake_sweep(sweep_assign, host_close, &host, NULL) > 60);
	assert_true(fake_sweep(sweep_auto, host_close, &host, NULL) > 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(what_the_host_reserves_is_known_before_ram_is_placed),
		FAKE_TEST(auto_takes_iommufd_where_it_is),
		FAKE_TEST(auto_takes_groups_where_iommufd_may_not_be_opened),
		FAKE_TEST(one_function_without_node_decides_for_all),
		FAKE_TEST(p2p_makes_auto_take_groups_where_they_are),
		FAKE_TEST(p2p_takes_no_groups_that_may_not_be_opened),
		FAKE_TEST(p2p_takes_groups_that_are_in_use),
		FAKE_TEST(a_vf_token_makes_auto_take_groups_where_they_are),
		FAKE_TEST(what_is_asked_for_is_taken),
		FAKE_TEST(what_is_asked_for_and_not_there_is_an_error),
		FAKE_TEST(no_failing_host_call_leaves_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

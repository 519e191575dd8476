/* Hot reset: which functions it hits, whose they are, and the proof of that. */
#include "tests/unit/vfio/bench.h"

#define SIBLING "0000:01:00.1"

struct scene {
	struct bench b;
	struct vfio_dev *dev, *sibling;
	struct vfio_hot_set set;
};

/* The function, with a sibling of @group on @driver; both on VFIO's side
 * only. */
static void scene_open(struct scene *s, int group, const char *driver,
		       bool attach_both)
{
	struct fake_pci p = plain_function;

	memset(s, 0, sizeof(*s));
	fake_pci_add(&p);
	p.bdf = SIBLING;
	p.group = group;
	p.driver = driver;
	fake_pci_add(&p);
	bench_vm(&s->b);
	MUST(s->b.iommu->ops->attach(s->b.iommu, WANT(BDF), &s->dev, &why));
	if (attach_both)
		MUST(s->b.iommu->ops->attach(s->b.iommu, WANT(SIBLING),
					     &s->sibling, &why));
}

static void scene_close(struct scene *s)
{
	if (s->sibling)
		s->sibling->ops->close(s->sibling);
	s->dev->ops->close(s->dev);
	bench_close(&s->b);
}

static bool is_ours(const struct scene *s, const char *bdf)
{
	for (unsigned i = 0; i < s->set.n; i++) {
		if (strcmp(s->set.hit[i].bdf, bdf) == 0)
			return s->set.hit[i].ours;
	}
	fail_msg("%s is not in the set", bdf);
	return false;
}

static void ask(struct scene *s)
{
	MUST(s->dev->ops->hot_set(s->dev, &s->set, &why));
}

/* The kernel's answer has 16 bits for it (VMD). */
static void a_wide_domain_is_completed(void **state)
{
	struct fake_pci p = plain_function;
	struct scene s;

	memset(&s, 0, sizeof(s));
	p.bdf = "10000:01:00.0";
	fake_pci_add(&p);
	p.bdf = "10000:01:00.1";
	fake_pci_add(&p);
	bench_vm(&s.b);
	MUST(s.b.iommu->ops->attach(s.b.iommu, WANT("10000:01:00.0"), &s.dev,
				    &why));
	ask(&s);
	assert_int_equal(s.set.n, 2);
	assert_true(is_ours(&s, "10000:01:00.0"));
	assert_int_equal(is_ours(&s, "10000:01:00.1"), true);
	scene_close(&s);
}

/* VFIO-RST-08: group IDs or device IDs, as the kernel says */
static void the_set_is_all_of_the_bus(void **state)
{
	struct scene s;

	scene_open(&s, 13, NULL, true);
	ask(&s);
	assert_int_equal(s.set.n, 2);
	assert_true(is_ours(&s, BDF));
	assert_true(is_ours(&s, SIBLING));
	scene_close(&s);
}

/* VFIO-RST-08 */
static void a_list_that_grows_is_asked_for_again(void **state)
{
	struct err e = ERR_NONE;
	struct scene s;

	scene_open(&s, 13, NULL, true);
	fake_hot_set_grows(3);
	fake_trace_clear();
	ask(&s);
	assert_int_equal(s.set.n, 2);
	assert_int_equal(fake_trace_count("VFIO_DEVICE_GET_PCI_HOT_RESET_INFO"),
			 4);
	fake_fail_ioctl("VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", 1, EAGAIN);
	ask(&s);
	fake_hot_set_grows(1000);
	assert_true(s.dev->ops->hot_set(s.dev, &s.set, &e) < 0);
	assert_true(fake_trace_count("VFIO_DEVICE_GET_PCI_HOT_RESET_INFO") <
		    40);
	scene_close(&s);
}

/* VFIO-RST-08: more of them than are asked for at first */
static void a_whole_bus_fits(void **state)
{
	struct fake_pci p = plain_function;
	char bdf[24];
	struct scene s;

	for (unsigned i = 2; i < 40; i++) {
		snprintf(bdf, sizeof(bdf), "0000:01:%02x.%u", i / 8, i % 8);
		p.bdf = bdf;
		p.group = 100 + (int)i;
		fake_pci_add(&p);
	}
	scene_open(&s, 13, NULL, false);
	ask(&s);
	assert_int_equal(s.set.n, 40);
	assert_true(is_ours(&s, BDF));
	assert_false(is_ours(&s, "0000:01:04.7"));
	scene_close(&s);
}

static void a_bus_without_reset_has_no_set(void **state)
{
	struct fake_pci p = plain_function;
	struct err e = ERR_NONE;
	struct vfio_hot_set set;
	struct vfio_dev *dev;
	struct bench b;

	p.no_bus_reset = true;
	fake_pci_add(&p);
	bench_vm(&b);
	MUST(b.iommu->ops->attach(b.iommu, WANT(BDF), &dev, &why));
	assert_int_equal(dev->ops->hot_set(dev, &set, &e), -ENODEV);
	dev->ops->close(dev);
	bench_close(&b);
}

/* -------- whose they are: VFIO-RST-09 -------- */

static void resets_both(struct scene *s, bool works)
{
	unsigned resets[] = { fake_pci_resets(BDF), fake_pci_resets(SIBLING) };
	struct err e = ERR_NONE;
	int rc = s->dev->ops->hot_reset(s->dev, &e);

	if (works != (rc == 0))
		fail_msg("rc %d: %s", rc, e.text);
	assert_int_equal(fake_pci_resets(BDF), resets[0] + works);
	assert_int_equal(fake_pci_resets(SIBLING), resets[1] + works);
}

/* Decode and DMA off, which the fake kernel insists on. */
static void calm(void)
{
	fake_pci_hw_config(BDF)[4] = fake_pci_hw_config(SIBLING)[4] = 0;
}

static void a_set_of_ours_can_be_reset(void **state)
{
	for (int group = 12; group <= 13; group++) {
		struct scene s;

		print_message("group %d\n", group);
		fake_reset();
		scene_open(&s, group, NULL, true);
		calm();
		ask(&s);
		assert_true(is_ours(&s, SIBLING));
		resets_both(&s, true);
		scene_close(&s);
	}
}

/* The group is ours, so nobody else can have it. */
static void a_sibling_in_our_group_need_not_be_opened(void **state)
{
	struct scene s;

	scene_open(&s, 12, NULL, false);
	calm();
	ask(&s);
	assert_true(is_ours(&s, SIBLING));
	resets_both(&s, true);
	scene_close(&s);
}

static void what_is_not_ours_is_said(void **state)
{
	static const struct {
		const char *label, *driver;
		int group;
	} cases[] = {
		{ "a host driver, another group", "nvme", 13 },
		{ "no driver, another group", "", 13 },
		{ "no driver, our group: viable all the same", "", 12 },
		{ "pci-stub, our group", "pci-stub", 12 },
		{ "vfio-pci, but another's group", "vfio-pci", 13 },
	};

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		struct scene s;

		print_message("%s\n", cases[i].label);
		fake_reset();
		scene_open(&s, cases[i].group, cases[i].driver, false);
		calm();
		ask(&s);
		assert_true(is_ours(&s, BDF));
		assert_false(is_ours(&s, SIBLING));
		resets_both(&s, false);
		scene_close(&s);
	}
}

static const struct CMUnitTest tests[] = {
	FAKE_TEST(the_set_is_all_of_the_bus),
	FAKE_TEST(a_wide_domain_is_completed),
	FAKE_TEST(a_list_that_grows_is_asked_for_again),
	FAKE_TEST(a_whole_bus_fits),
	FAKE_TEST(a_bus_without_reset_has_no_set),
	FAKE_TEST(a_set_of_ours_can_be_reset),
	FAKE_TEST(a_sibling_in_our_group_need_not_be_opened),
	FAKE_TEST(what_is_not_ours_is_said),
};

int main(void)
{
	int rc = cmocka_run_group_tests_name("group", tests, NULL, NULL);

	bench_iommufd = true;
	return rc + cmocka_run_group_tests_name("iommufd", tests, NULL, NULL);
}

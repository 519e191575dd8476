/* Descriptors that a launcher opened: group=N and container=N. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <linux/vfio.h>

#include "tests/unit/vmm-machine/assigned.h"
#include "vmm/base/sys.h"

#define TWIN "0000:01:00.1"

static struct host host;

/* DISK and TWIN are group 12, CARD is group 13. */
static void three_functions(void)
{
	fake_iommufd(); /* which the descriptors overrule */
	host_add(DISK, 12);
	host_add(TWIN, 12);
	host_add(CARD, 13);
}

static int give(const char *path)
{
	int fd = sys_open(path, O_RDWR);

	if (fd < 0)
		fail_msg("%s: %d", path, fd);
	return fd;
}

struct given {
	int container, group;
};

static struct given give_both(void)
{
	return (struct given){ give("/dev/vfio/vfio"), give("/dev/vfio/12") };
}

/* @keys, NULL: not given, follow @name. */
struct wanted {
	const char *name, *keys;
};

static int assign(enum config_iommu iommu, const struct wanted *w, unsigned n,
		  struct err *e)
{
	static char text[3][160];
	struct config c = { .n_functions = n, .iommu = iommu };

	for (unsigned i = 0; i < n; i++) {
		snprintf(text[i], sizeof(text[i]), "%s%s", w[i].name,
			 w[i].keys);
		c.function[i] =
			(struct config_function){ CONFIG_VFIO, text[i] };
	}
	*e = ERR_NONE;
	return host_open(&host, &c, e);
}

static void works(const struct wanted *w, unsigned n)
{
	struct err e;

	if (assign(CONFIG_IOMMU_AUTO, w, n, &e) < 0)
		fail_msg("%s", e.text);
}

static void fails(enum config_iommu iommu, const struct wanted *w, unsigned n,
		  const char *says)
{
	struct err e;

	assert_true(assign(iommu, w, n, &e) < 0);
	if (!strstr(e.text, says))
		fail_msg("%s", e.text);
}

static void disk_fails(const char *keys, const char *says)
{
	const struct wanted w = { DISK, keys };

	fails(CONFIG_IOMMU_AUTO, &w, 1, says);
}

static const char *key(const char *name, int fd)
{
	static char text[4][32];
	static unsigned next;
	char *t = text[next++ % 4];

	snprintf(t, sizeof(text[0]), ",%s=%d", name, fd);
	return t;
}

static const char *both(struct given g)
{
	static char text[64];

	snprintf(text, sizeof(text), ",group=%d,container=%d", g.group,
		 g.container);
	return text;
}

static void give_disk(struct given g)
{
	const struct wanted w = { DISK, both(g) };

	works(&w, 1);
	assert_true(fake_pci_is_open(DISK));
	assert_true(fake_dma_mapped(0, 64 * MIB));
}

/* -------- what works -------- */

static void without_a_node_of_its_own_minivmm_opens_none(void **state)
{
	struct given g;

	three_functions();
	g = give_both();
	fake_trace_clear();
	/* what an unprivileged user meets */
	fake_fail_call("open /dev/vfio/", 0, EACCES);
	fake_fail_call("open /dev/iommu", 0, EACCES);
	give_disk(g);
	assert_int_equal(fake_trace_count("open /dev/vfio/"), 0);
	assert_int_equal(fake_trace_count("open /dev/iommu"), 0);
	host_close(&host);
	assert_false(fake_pci_is_open(DISK));
}

static void they_are_taken_over_before_anything_is_opened(void **state)
{
	struct given g;

	three_functions();
	g = give_both();
	fake_trace_clear();
	give_disk(g);
	assert_true(fake_trace_has_in_order("adopt container", "adopt group 12",
					    "open /dev/kvm"));
	host_close(&host);
	assert_int_equal(fake_trace_count("close group 12"), 1);
	assert_int_equal(fake_trace_count("close container"), 1);
}

/* The node opens once. */
static void one_group_is_for_all_its_functions(void **state)
{
	struct given g;
	char same[64];

	three_functions();
	g = give_both();
	snprintf(same, sizeof(same), "%s", both(g));
	works((struct wanted[]){ { DISK, same }, { TWIN, same } }, 2);
	assert_int_equal(fake_trace_count("VFIO_GROUP_SET_CONTAINER"), 1);
	host_close(&host);
	assert_int_equal(fake_trace_count("close group 12"), 1);
}

static void a_function_may_leave_the_group_to_a_later_one(void **state)
{
	struct given g;

	three_functions();
	g = give_both();
	works((struct wanted[]){ { DISK, "" }, { TWIN, both(g) } }, 2);
	assert_int_equal(fake_trace_count("VFIO_GROUP_SET_CONTAINER"), 1);
	host_close(&host);
}

static void other_groups_are_opened_into_the_same_container(void **state)
{
	struct given g;

	three_functions();
	g = give_both();
	fake_trace_clear();
	works((struct wanted[]){ { DISK, both(g) }, { CARD, "" } }, 2);
	assert_int_equal(fake_trace_count("open /dev/vfio/13"), 1);
	assert_int_equal(fake_trace_count("open /dev/vfio/vfio"), 0);
	host_close(&host);
}

/* Who may open the rest does. */
static void one_of_the_two_will_do(void **state)
{
	struct wanted w = { DISK, NULL };

	three_functions();
	w.keys = key("group", give("/dev/vfio/12"));
	works(&w, 1);
	host_close(&host);
	w.keys = key("container", give("/dev/vfio/vfio"));
	fake_trace_clear();
	works(&w, 1);
	assert_int_equal(fake_trace_count("open /dev/vfio/vfio"), 0);
	assert_int_equal(fake_trace_count("open /dev/iommu"), 0);
	host_close(&host);
}

static void join(struct given g, bool type)
{
	assert_int_equal(
		sys_ioctl(g.group, VFIO_GROUP_SET_CONTAINER, &g.container), 0);
	if (type)
		assert_int_equal(sys_ioctl_num(g.container, VFIO_SET_IOMMU,
					       VFIO_TYPE1v2_IOMMU),
				 0);
}

static void a_group_in_a_container_leaves_it_first(void **state)
{
	struct given g;

	three_functions();
	g = give_both();
	join(g, false);
	fake_trace_clear();
	give_disk(g);
	assert_true(fake_trace_has_in_order("VFIO_GROUP_UNSET_CONTAINER",
					    "VFIO_GROUP_SET_CONTAINER",
					    "VFIO_SET_IOMMU"));
	host_close(&host);
}

static void a_container_is_blank_once_its_group_has_left(void **state)
{
	struct given g;

	three_functions();
	g = give_both();
	join(g, true);
	give_disk(g);
	assert_int_equal(fake_dma_maps(), 1);
	host_close(&host);
}

/* Closed functions have let go of the group, and the launcher's duplicate
 * holds no container. */
static void a_group_is_out_of_its_container_at_the_end(void **state)
{
	struct vfio_group_status st = { .argsz = sizeof(st) };
	struct given g;
	int own;

	three_functions();
	g = give_both();
	own = sys_dup(g.group);
	give_disk(g);
	host_close(&host);
	assert_int_equal(sys_ioctl(own, VFIO_GROUP_GET_STATUS, &st), 0);
	assert_int_equal(st.flags, VFIO_GROUP_FLAGS_VIABLE);
	sys_close(&own);
}

/* -------- what is refused -------- */

static void the_wrong_descriptor_is_named(void **state)
{
	three_functions();
	disk_fails(",group=77",
		   "vfio: " DISK ": there is no descriptor 77: Bad file");
	disk_fails(",container=77",
		   "vfio: " DISK ": there is no descriptor 77: Bad file");
	disk_fails(key("group", give("/dev/vfio/13")), "is not /dev/vfio/12");
	disk_fails(key("group", give("/dev/vfio/vfio")), "is not /dev/vfio/12");
	disk_fails(key("container", give("/dev/vfio/12")),
		   "is not /dev/vfio/vfio");
	fake_remove("/sys/class/vfio/12/dev");
	disk_fails(key("group", give("/dev/vfio/12")),
		   "cannot tell what /dev/vfio/12 is: No such file");
	fake_file("/sys/class/vfio/12/dev", "twelve\n");
	disk_fails(key("group", give("/dev/vfio/12")),
		   "cannot tell what /dev/vfio/12 is: Invalid");
}

static void a_step_that_fails_is_named(void **state)
{
	static const struct {
		const char *call;
		int err;
		const char *says;
	} step[] = {
		{ "fstat group 12", EIO, "cannot look at descriptor" },
		{ "ioctl VFIO_GROUP_GET_STATUS", EIO,
		  "cannot ask for the status of group 12" },
		{ "ioctl VFIO_GROUP_UNSET_CONTAINER", EIO,
		  "group 12 does not leave its container" },
	};

	three_functions();
	for (unsigned i = 0; i < sizeof(step) / sizeof(step[0]); i++) {
		struct given g = give_both();

		print_message("%s\n", step[i].call);
		join(g, false);
		fake_fail_call(step[i].call, 1, step[i].err);
		disk_fails(both(g), step[i].says);
		fake_fail_none();
	}
}

static void contradictions_are_named(void **state)
{
	struct given g;
	char same[64];
	int other;

	three_functions();
	g = give_both();
	other = give("/dev/vfio/13");
	fails(CONFIG_IOMMU_AUTO,
	      (struct wanted[]){ { DISK, both(g) },
				 { TWIN, key("group", other) } },
	      2, "the functions of group 12 share one");
	g = give_both();
	fails(CONFIG_IOMMU_AUTO,
	      (struct wanted[]){ { DISK, both(g) },
				 { CARD, key("container", other) } },
	      2, ": all functions share one");
	g = give_both();
	snprintf(same, sizeof(same), "%s", both(g));
	fails(CONFIG_IOMMU_AUTO,
	      (struct wanted[]){ { DISK, same }, { CARD, same } }, 2,
	      "is " DISK " already");
	g = (struct given){ other, other };
	disk_fails(both(g), "is /dev/vfio/vfio already");
	g = give_both();
	sys_close(&g.container);
	fails(CONFIG_IOMMU_AUTO,
	      (struct wanted[]){ { DISK, key("group", g.group) },
				 { CARD, key("container", g.group) } },
	      2, "is " DISK " already");
	disk_fails(",group=2", "group: '2' is no descriptor from 3 to 32767");
	disk_fails(",container=x", "container: 'x' is no descriptor");
}

static void the_interfaces_do_not_mix(void **state)
{
	const struct wanted group = { DISK, ",group=9" };
	const struct wanted space = { DISK, ",container=9" };
	int fd;

	three_functions();
	fails(CONFIG_IOMMU_FD, &group, 1,
	      "group and container are no descriptors for --iommu=iommufd");
	fails(CONFIG_IOMMU_FD, &space, 1,
	      "group and container are no descriptors for --iommu=iommufd");
	disk_fails(",group=9,fd=8", "a VM uses one");
	disk_fails(",container=9,iommufd=8", "a VM uses one");
	fd = give("/dev/vfio/12");
	fails(CONFIG_IOMMU_AUTO,
	      (struct wanted[]){ { DISK, key("group", fd) },
				 { CARD, ",fd=99" } },
	      2, "vfio: " CARD ": fd and iommufd are of one interface");
}

static void a_function_that_is_open_already_is_named(void **state)
{
	struct given g;
	int fd, own;

	three_functions();
	g = give_both();
	join(g, true);
	fd = sys_ioctl_num(g.group, VFIO_GROUP_GET_DEVICE_FD, (uintptr_t)TWIN);
	assert_true(fd >= 0);
	/* else closing the group, with a function open, would be our misuse */
	own = sys_dup(g.group);
	disk_fails(both(g), "a function of group 12 was opened through");
	sys_close(&fd);
	sys_close(&own);
}

static void a_container_in_use_is_named(void **state)
{
	struct given g;
	int other;

	three_functions();
	g = give_both();
	other = give("/dev/vfio/13");
	join((struct given){ g.container, other }, true);
	disk_fails(both(g), ") is in use already");
	sys_close(&other);
}

static void a_group_that_is_not_viable_is_explained(void **state)
{
	const struct fake_pci p = {
		.bdf = "0000:01:00.2",
		.group = 12,
		.driver = "snd_hda_intel",
		.class_code = 0x040300,
	};
	struct given g;

	three_functions();
	fake_pci_add(&p);
	g = give_both();
	disk_fails(both(g), "snd_hda_intel");
}

/* What has that number may as well be ours. */
static void a_descriptor_is_left_alone_until_it_is_taken_over(void **state)
{
	struct given g;

	three_functions();
	g = give_both();
	fake_trace_clear();
	fails(CONFIG_IOMMU_AUTO,
	      (struct wanted[]){ { DISK, both(g) }, { CARD, ",colour=red" } },
	      2, "colour");
	assert_int_equal(fake_trace_count("close group 12"), 0);
	assert_int_equal(fake_trace_count("close container"), 0);
	sys_close(&g.group);
	sys_close(&g.container);
}

/* Until they are taken over they are the launcher's. */
static void take_back(const char *adopted, int fd)
{
	if (fake_trace_count(adopted) == 0)
		sys_close(&fd);
}

static int sweep_assign(void *arg, struct err *e)
{
	struct given g = { .group = -1 };
	char same[64];
	int rc;

	fake_trace_clear();
	g.container = sys_open("/dev/vfio/vfio", O_RDWR);
	if (g.container >= 0)
		g.group = sys_open("/dev/vfio/12", O_RDWR);
	if (g.group < 0) {
		rc = err_set(e, -EIO, "the launcher failed");
	} else {
		snprintf(same, sizeof(same), "%s", both(g));
		rc = assign(CONFIG_IOMMU_AUTO,
			    (struct wanted[]){ { DISK, same }, { TWIN, same } },
			    2, e);
	}
	if (rc < 0) {
		take_back("adopt container\n", g.container);
		take_back("adopt group 12\n", g.group);
	}
	return rc;
}

static void no_failing_host_call_leaves_anything(void **state)
{
	three_functions();
	assert_true(fake_sweep(sweep_assign, host_close, &host, NULL) > 40);
}

/* VFIO-OPEN-21 */
int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(without_a_node_of_its_own_minivmm_opens_none),
		FAKE_TEST(they_are_taken_over_before_anything_is_opened),
		FAKE_TEST(one_group_is_for_all_its_functions),
		FAKE_TEST(a_function_may_leave_the_group_to_a_later_one),
		FAKE_TEST(other_groups_are_opened_into_the_same_container),
		FAKE_TEST(one_of_the_two_will_do),
		FAKE_TEST(a_group_in_a_container_leaves_it_first),
		FAKE_TEST(a_container_is_blank_once_its_group_has_left),
		FAKE_TEST(a_group_is_out_of_its_container_at_the_end),
		FAKE_TEST(the_wrong_descriptor_is_named),
		FAKE_TEST(a_step_that_fails_is_named),
		FAKE_TEST(contradictions_are_named),
		FAKE_TEST(the_interfaces_do_not_mix),
		FAKE_TEST(a_function_that_is_open_already_is_named),
		FAKE_TEST(a_container_in_use_is_named),
		FAKE_TEST(a_group_that_is_not_viable_is_explained),
		FAKE_TEST(a_descriptor_is_left_alone_until_it_is_taken_over),
		FAKE_TEST(no_failing_host_call_leaves_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Descriptors that a launcher opened: fd=N and iommufd=N. */
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

static struct host host;

static void two_functions(void)
{
	fake_iommufd();
	host_add(DISK, 12); /* vfio0 */
	host_add(CARD, 13); /* vfio1 */
}

static int give(const char *path)
{
	int fd = sys_open(path, O_RDWR);

	if (fd < 0)
		fail_msg("%s: %d", path, fd);
	return fd;
}

/* @disk and @card: what follows the addresses; NULL: not given. */
static int assign(enum config_iommu iommu, const char *disk, const char *card,
		  struct err *e)
{
	static char text[2][160];
	const struct config c = {
		.function = { { CONFIG_VFIO, text[0] },
			      { CONFIG_VFIO, text[1] } },
		.n_functions = card ? 2 : 1,
		.iommu = iommu,
	};

	snprintf(text[0], sizeof(text[0]), DISK "%s", disk);
	snprintf(text[1], sizeof(text[1]), CARD "%s", card ? card : "");
	*e = ERR_NONE;
	return host_open(&host, &c, e);
}

static const char *with(const char *format, int fd)
{
	static char text[4][64];
	static unsigned next;
	char *t = text[next++ % 4];

	snprintf(t, sizeof(text[0]), "%s=%d", format, fd);
	return t;
}

static const char *both(int fd, int iommufd)
{
	static char text[96];

	snprintf(text, sizeof(text), ",fd=%d,iommufd=%d", fd, iommufd);
	return text;
}

static void refused(enum config_iommu iommu, const char *disk, const char *card,
		    const char *says)
{
	struct err e;

	assert_true(assign(iommu, disk, card, &e) < 0);
	if (!strstr(e.text, says))
		fail_msg("%s", e.text);
}

static void without_a_node_of_its_own_minivmm_opens_none(void **state)
{
	int iommufd, fd;
	struct err e;

	two_functions();
	iommufd = give("/dev/iommu");
	fd = give("/dev/vfio/devices/vfio0");
	fake_trace_clear();
	/* what an unprivileged user meets */
	fake_fail_call("open /dev/iommu", 0, EACCES);
	fake_fail_call("open /dev/vfio/", 0, EACCES);
	if (assign(CONFIG_IOMMU_AUTO, both(fd, iommufd), NULL, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(fake_trace_count("open /dev/vfio/"), 0);
	assert_int_equal(fake_trace_count("open /dev/iommu"), 0);
	assert_true(fake_pci_is_open(DISK));
	assert_true(fake_dma_mapped(0, 64 * MIB));
	host_close(&host);
	assert_false(fake_pci_is_open(DISK));
	assert_int_equal(fake_iommufd_spaces(), 0);
}

static void they_are_taken_over_before_anything_is_opened(void **state)
{
	int iommufd, fd;
	struct err e;

	two_functions();
	iommufd = give("/dev/iommu");
	fd = give("/dev/vfio/devices/vfio0");
	fake_trace_clear();
	if (assign(CONFIG_IOMMU_AUTO, both(fd, iommufd), NULL, &e) < 0)
		fail_msg("%s", e.text);
	assert_true(fake_trace_has_in_order(
		"adopt iommufd", "adopt device " DISK, "open /dev/kvm"));
	host_close(&host);
}

static void one_iommufd_is_for_all_functions(void **state)
{
	int iommufd, disk, card;
	struct err e;

	two_functions();
	iommufd = give("/dev/iommu");
	disk = give("/dev/vfio/devices/vfio0");
	card = give("/dev/vfio/devices/vfio1");
	if (assign(CONFIG_IOMMU_FD, with(",fd", disk), both(card, iommufd),
		   &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(fake_trace_count("IOMMU_IOAS_ALLOC"), 1);
	host_close(&host);
}

/* Who may open the rest does. */
static void one_of_the_two_will_do(void **state)
{
	struct err e;

	two_functions();
	fake_trace_clear();
	if (assign(CONFIG_IOMMU_AUTO,
		   with(",fd", give("/dev/vfio/devices/vfio0")), "", &e) < 0)
		fail_msg("%s", e.text);
	host_close(&host);
	if (assign(CONFIG_IOMMU_AUTO, with(",iommufd", give("/dev/iommu")), "",
		   &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(fake_trace_count("open /dev/vfio/12"), 0);
	host_close(&host);
}

static void the_wrong_descriptor_is_named(void **state)
{
	int fd;

	two_functions();
	refused(CONFIG_IOMMU_AUTO, ",fd=77", NULL,
		"vfio: " DISK ": there is no descriptor 77: Bad file");
	refused(CONFIG_IOMMU_AUTO, ",iommufd=77", NULL,
		"vfio: " DISK ": there is no descriptor 77: Bad file");
	fd = give("/dev/vfio/devices/vfio1");
	refused(CONFIG_IOMMU_AUTO, with(",fd", fd), NULL,
		"is not /dev/vfio/devices/vfio0");
	fd = give("/dev/iommu");
	refused(CONFIG_IOMMU_AUTO, with(",fd", fd), NULL,
		"is not /dev/vfio/devices/vfio0");
	fd = give("/dev/vfio/devices/vfio0");
	refused(CONFIG_IOMMU_AUTO, with(",iommufd", fd), NULL,
		"is not /dev/iommu");
	fake_remove("/sys/class/misc/iommu/dev");
	refused(CONFIG_IOMMU_AUTO, with(",iommufd", give("/dev/iommu")), NULL,
		"cannot tell what /dev/iommu is: this kernel has no iommufd");
}

static void contradictions_are_named(void **state)
{
	char one[32], two[32];
	int a, b;

	two_functions();
	a = give("/dev/iommu");
	b = give("/dev/iommu");
	snprintf(one, sizeof(one), ",iommufd=%d", a);
	snprintf(two, sizeof(two), ",iommufd=%d", b);
	refused(CONFIG_IOMMU_AUTO, one, two, "all functions share one");
	sys_close(&b); /* it was never taken over */
	a = give("/dev/vfio/devices/vfio0");
	snprintf(one, sizeof(one), ",fd=%d", a);
	refused(CONFIG_IOMMU_AUTO, one, one, "is " DISK " already");
	a = give("/dev/iommu");
	refused(CONFIG_IOMMU_AUTO, both(a, a), NULL, "is /dev/iommu already");
	refused(CONFIG_IOMMU_GROUP, ",fd=9", NULL,
		"fd and iommufd are no descriptors for --iommu=group");
	refused(CONFIG_IOMMU_AUTO, ",fd=2", NULL,
		"fd: '2' is no descriptor from 3 to 32767");
	refused(CONFIG_IOMMU_AUTO, ",fd=-1", NULL, "'-1' is no descriptor");
	refused(CONFIG_IOMMU_AUTO, ",iommufd=9x", NULL, "'9x' is no descr");
}

/* What has that number may as well be ours. */
static void a_descriptor_is_left_alone_until_it_is_taken_over(void **state)
{
	int fd;

	two_functions();
	fd = give("/dev/vfio/devices/vfio0");
	fake_trace_clear();
	refused(CONFIG_IOMMU_AUTO, with(",fd", fd), ",colour=red", "colour");
	assert_int_equal(fake_trace_count("close device " DISK), 0);
	sys_close(&fd);
	assert_int_equal(fake_trace_count("close device " DISK), 1);
}

static void a_node_that_is_bound_already_is_named(void **state)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind) };
	int fd;

	two_functions();
	fd = give("/dev/vfio/devices/vfio0");
	bind.iommufd = give("/dev/iommu");
	assert_int_equal(sys_ioctl(fd, VFIO_DEVICE_BIND_IOMMUFD, &bind), 0);
	refused(CONFIG_IOMMU_AUTO, both(fd, bind.iommufd), NULL,
		"is bound to an iommufd already");
}

static void a_star_and_a_server_take_no_descriptor(void **state)
{
	struct vfio_options o;
	struct err e = ERR_NONE;

	assert_int_equal(vfio_options_parse("01:00.*,fd=9", &o, &e), -EINVAL);
	assert_string_equal(e.text, "0000:01:00.*: fd=9 is one descriptor for "
				    "several functions");
	e = ERR_NONE;
	assert_int_equal(vfio_user_options_parse("/s,fd=9", &o, &e), -EINVAL);
	e = ERR_NONE;
	assert_int_equal(vfio_user_options_parse("/s,iommufd=9", &o, &e),
			 -EINVAL);
	e = ERR_NONE;
	assert_int_equal(vfio_user_options_parse("/s,group=9", &o, &e),
			 -EINVAL);
	e = ERR_NONE;
	assert_int_equal(vfio_user_options_parse("/s,container=9", &o, &e),
			 -EINVAL);
}

/* Until they are taken over they are the launcher's. */
static void take_back(const char *adopted, int fd)
{
	if (fake_trace_count(adopted) == 0)
		sys_close(&fd);
}

static int sweep_assign(void *arg, struct err *e)
{
	int iommufd = -1, fd = -1, rc;

	fake_trace_clear();
	iommufd = sys_open("/dev/iommu", O_RDWR);
	if (iommufd >= 0)
		fd = sys_open("/dev/vfio/devices/vfio0", O_RDWR);
	if (fd < 0)
		rc = err_set(e, -EIO, "the launcher failed");
	else
		rc = assign(CONFIG_IOMMU_AUTO, both(fd, iommufd), NULL, e);
	if (rc < 0) {
		take_back("adopt iommufd\n", iommufd);
		take_back("adopt device " DISK "\n", fd);
	}
	return rc;
}

static void no_failing_host_call_leaves_anything(void **state)
{
	two_functions();
	assert_true(fake_sweep(sweep_assign, host_close, &host, NULL) > 40);
}

/* VFIO-OPEN-21 */
int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(without_a_node_of_its_own_minivmm_opens_none),
		FAKE_TEST(they_are_taken_over_before_anything_is_opened),
		FAKE_TEST(one_iommufd_is_for_all_functions),
		FAKE_TEST(one_of_the_two_will_do),
		FAKE_TEST(the_wrong_descriptor_is_named),
		FAKE_TEST(contradictions_are_named),
		FAKE_TEST(a_descriptor_is_left_alone_until_it_is_taken_over),
		FAKE_TEST(a_node_that_is_bound_already_is_named),
		FAKE_TEST(a_star_and_a_server_take_no_descriptor),
		FAKE_TEST(no_failing_host_call_leaves_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

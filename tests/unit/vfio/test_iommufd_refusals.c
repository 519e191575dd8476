/* iommufd: what is said when the host refuses, and whether it is all there. */
#include "tests/unit/vfio/iommufd.h"
#include "vfio/cdev.h"

#define NODE "/dev/vfio/devices/vfio0"
#define VFIO_DEV "/sys/bus/pci/devices/" BDF "/vfio-dev"

/* Attaching fails with @rc and the sentence @text. */
static void refused(struct bench *b, int rc, const char *text)
{
	struct err e;

	assert_int_equal(fd_try(b, &e), rc);
	assert_string_equal(e.text, text);
	assert_int_equal(fake_iommufd_spaces(), 0);
}

/* -------- steps -------- */

/* VFIO-OPEN-05, -08: one sentence per step and errno */
static const struct row {
	const char *call;
	int err;
	const char *says, *hint;
} rows[] = {
	{ "open " NODE, ENOENT,
	  "cannot open " NODE ": the kernel has it, but /dev has not",
	  "devtmpfs" },
	{ "open " NODE, EACCES,
	  "cannot open " NODE ": permission denied (owner 0:0, mode 0600)",
	  "chown USER" },
	{ "open " NODE, EPERM,
	  "cannot open " NODE ": a device cgroup or a security module forbids "
	  "it",
	  "DeviceAllow=" },
	{ "open " NODE, ENODEV,
	  "cannot open " NODE ": its driver is just being unbound",
	  "try again" },
	{ "open " NODE, EMFILE, "cannot open " NODE ": Too many open files",
	  NULL },
	{ "fstat device", EIO, "cannot look at " NODE ": Input/output error",
	  NULL },
	{ "ioctl KVM_CREATE_DEVICE", EMFILE, "cannot create KVM's VFIO device",
	  NULL },
	{ "ioctl KVM_SET_DEVICE_ATTR", EIO, "KVM does not take it", NULL },
	{ "ioctl VFIO_DEVICE_BIND_IOMMUFD", EPERM,
	  "cannot open the function: the host cannot keep the function from "
	  "forging interrupts: no interrupt remapping",
	  "iommufd.allow_unsafe_interrupts=1" },
	{ "ioctl VFIO_DEVICE_BIND_IOMMUFD", EINVAL,
	  "cannot open the function: another process has it open, or its DMA "
	  "bypasses the caches",
	  "--iommu=group" },
	{ "ioctl VFIO_DEVICE_BIND_IOMMUFD", EAGAIN,
	  "cannot open the function: the function is being reset or "
	  "configured by something else",
	  "try again" },
	{ "ioctl VFIO_DEVICE_BIND_IOMMUFD", ENODEV,
	  "cannot open the function: the function is not bound to a vfio "
	  "driver",
	  "driver_override" },
	{ "ioctl VFIO_DEVICE_BIND_IOMMUFD", EACCES,
	  "cannot open the function: VFIO owns its physical function",
	  "vf-token=UUID" },
	{ "ioctl VFIO_DEVICE_BIND_IOMMUFD", EIO,
	  "cannot open the function: the function does not answer",
	  "disable_idle_d3" },
	{ "ioctl VFIO_DEVICE_BIND_IOMMUFD", EBUSY,
	  "another process holds the function, another one of group 12, or "
	  "/dev/vfio/12",
	  "fuser" },
	{ "ioctl VFIO_DEVICE_BIND_IOMMUFD", EPROTO,
	  "cannot open the function: Protocol error", NULL },
	{ "ioctl IOMMU_IOAS_ALLOC", ENOMEM,
	  "cannot make an I/O address space: Cannot allocate memory", NULL },
	{ "ioctl VFIO_DEVICE_ATTACH_IOMMUFD_PT", EINVAL,
	  "cannot join an I/O address space: the IOMMU refuses", "dmesg" },
	{ "ioctl VFIO_DEVICE_ATTACH_IOMMUFD_PT", EADDRINUSE,
	  "cannot join an I/O address space: guest RAM is mapped where the "
	  "platform reserves addresses",
	  "reserved_regions" },
	{ "ioctl VFIO_DEVICE_ATTACH_IOMMUFD_PT", ENOMEM,
	  "cannot join an I/O address space: the host is out of memory, or "
	  "the limit for locked memory",
	  "ulimit -l" },
	{ "dup device", EMFILE,
	  "no further descriptor of the function: Too many open files", NULL },
	{ "ioctl VFIO_DEVICE_GET_INFO", EIO,
	  "cannot ask what the device is: Input/output error", NULL },
};

static void try_row(const struct row *r)
{
	struct err e;
	struct bench b;

	fake_reset();
	fd_bench(&b);
	fake_fail_call(r->call, 0, r->err);
	if (fd_try(&b, &e) != -r->err)
		fail_msg("%s, %d: code %d", r->call, r->err, e.code);
	if (strncmp(e.text, r->says, strlen(r->says)) != 0)
		fail_msg("%s, %d: %s", r->call, r->err, e.text);
	if (r->hint && !strstr(e.hint, r->hint))
		fail_msg("%s, %d: hint: %s", r->call, r->err, e.hint);
	fake_fail_none();
	bench_close(&b);
	if (fake_leaks())
		fail_msg("%s, %d: %s", r->call, r->err, fake_leaks());
}

static void every_refusal_has_its_sentence(void **state)
{
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		try_row(&rows[i]);
}

static void no_iommufd_is_explained(void **state)
{
	static const struct {
		int err;
		const char *says, *hint;
	} opens[] = {
		{ ENOENT, "cannot open /dev/iommu: this kernel has no iommufd",
		  "CONFIG_IOMMUFD" },
		{ ENODEV, "cannot open /dev/iommu: iommufd is not loaded",
		  "modprobe iommufd" },
		{ EACCES,
		  "cannot open /dev/iommu: permission denied (owner 0:0, mode "
		  "0600)",
		  "--iommu=group" },
		{ EPERM,
		  "cannot open /dev/iommu: a device cgroup or a security "
		  "module forbids it",
		  "--device" },
		{ EMFILE, "cannot open /dev/iommu: Too many open files", "" },
	};

	for (unsigned i = 0; i < ARRAY_LEN(opens); i++) {
		struct vfio_iommu *iommu;
		struct err e = ERR_NONE;

		fake_reset();
		fake_iommufd();
		fake_fail_call("open /dev/iommu", 1, opens[i].err);
		assert_int_equal(vfio_iommufd_iommu_open(-1, 0, &iommu, &e),
				 -opens[i].err);
		assert_string_equal(e.text, opens[i].says);
		assert_non_null(strstr(e.hint, opens[i].hint));
	}
}

/* -------- nodes -------- */

static void a_kernel_without_nodes_for_functions_is_explained(void **state)
{
	struct err e;
	struct bench b;

	fd_bench(&b);
	fake_remove(VFIO_DEV "/vfio0/dev");
	refused(&b, -ENOENT,
		"has no node in /dev/vfio/devices: No such file or directory");
	assert_int_equal(fd_try(&b, &e), -ENOENT);
	assert_non_null(strstr(e.hint, "CONFIG_VFIO_DEVICE_CDEV"));
	fake_remove(VFIO_DEV "/vfio0");
	assert_int_equal(fd_try(&b, &e), -ENOENT);
	fake_remove(VFIO_DEV);
	assert_int_equal(fd_try(&b, &e), -ENOENT);
	bench_close(&b);
}

static void a_number_that_is_none_is_refused(void **state)
{
	static const char *const texts[] = { "", "511", "vfio0", ":0" };
	struct err e;
	struct bench b;

	fd_bench(&b);
	for (unsigned i = 0; i < ARRAY_LEN(texts); i++) {
		fake_file(VFIO_DEV "/vfio0/dev", texts[i]);
		if (fd_try(&b, &e) != -EINVAL)
			fail_msg("'%s': %d, %s", texts[i], e.code, e.text);
	}
	bench_close(&b);
}

/* VFIO-OPEN-10 */
static void a_stale_node_is_refused(void **state)
{
	struct bench b;

	fd_bench(&b);
	fake_file(VFIO_DEV "/vfio0/dev", "511:7\n");
	refused(&b, -ENODEV,
		NODE " is device 511:0, but the function is device 511:7");
	assert_int_equal(fake_trace_count("BIND_IOMMUFD"), 0);
	bench_close(&b);
}

/* The nodes are numbered as functions were bound, not by address. */
static void the_node_is_found_whatever_its_number(void **state)
{
	struct vfio_dev *d;
	struct bench b;

	fake_iommufd();
	fd_add("0000:02:00.0", 13);
	fd_bench(&b);
	d = fd_attach(&b, BDF);
	assert_int_equal(fake_trace_count("open /dev/vfio/devices/vfio1"), 1);
	assert_true(fake_pci_is_open(BDF));
	assert_false(fake_pci_is_open("0000:02:00.0"));
	d->ops->close(d);
	bench_close(&b);
}

/* -------- neighbours and other users -------- */

static void a_function_given_twice_is_refused(void **state)
{
	struct vfio_dev *d;
	struct err e;
	struct bench b;

	fd_bench(&b);
	d = fd_attach(&b, BDF);
	assert_int_equal(fd_try(&b, &e), -EEXIST);
	assert_string_equal(e.text, "is given twice");
	d->ops->close(d);
	bench_close(&b);
}

static void a_function_without_group_is_refused(void **state)
{
	struct err e;
	struct bench b;

	fd_bench(&b);
	fake_remove("/sys/bus/pci/devices/" BDF "/iommu_group");
	assert_int_equal(fd_try(&b, &e), -ENODEV);
	assert_non_null(strstr(e.text, "is in no IOMMU group"));
	bench_close(&b);
}

/* VFIO-OPEN-04 */
static void a_neighbour_on_a_host_driver_is_named(void **state)
{
	struct fake_pci p = plain_function;
	struct err e;
	struct bench b;

	fd_bench(&b);
	p.bdf = "0000:01:00.1";
	p.driver = "e1000e";
	fake_pci_add(&p);
	refused(&b, -EPERM,
		"group 12 is not viable: 0000:01:00.1 is bound to e1000e");
	assert_int_equal(fd_try(&b, &e), -EPERM);
	assert_non_null(strstr(e.hint, "0000:01:00.1/driver/unbind"));
	bench_close(&b);
}

/* Another VM, as another process would have it. */
static void other_vm(struct bench *b, bool through_iommufd)
{
	bench_iommufd = through_iommufd;
	bench_vm(b);
	bench_iommufd = true;
}

/* VFIO-OPEN-11, both directions */
static void a_group_in_use_blocks_its_functions_and_they_block_it(void **state)
{
	struct bench b, other;
	struct vfio_dev *d;
	struct err e;

	fd_bench(&b);
	fd_add("0000:01:00.1", 12);
	other_vm(&other, false);
	d = fd_attach(&other, "0000:01:00.1");
	refused(&b, -EBUSY,
		"another process holds the function, another one of group 12, "
		"or /dev/vfio/12");
	d->ops->close(d);
	d = fd_attach(&b, "0000:01:00.1");
	assert_int_equal(fd_try(&other, &e), -EBUSY);
	assert_string_equal(e.text,
			    "cannot open /dev/vfio/12: another process holds "
			    "the group, or a function of it through "
			    "/dev/vfio/devices");
	d->ops->close(d);
	bench_close(&other);
	bench_close(&b);
}

static void another_user_of_a_neighbour_blocks_too(void **state)
{
	struct bench b, other;
	struct vfio_dev *d;
	struct err e;

	fd_bench(&b);
	fd_add("0000:01:00.1", 12);
	other_vm(&other, true);
	d = fd_attach(&other, "0000:01:00.1");
	assert_int_equal(fd_try(&b, &e), -EPERM);
	assert_string_equal(e.text,
			    "another process holds another function of group "
			    "12, or the host has no interrupt remapping");
	assert_non_null(strstr(e.hint, "fuser"));
	d->ops->close(d);
	d = fd_attach(&b, BDF);
	d->ops->close(d);
	bench_close(&other);
	bench_close(&b);
}

/* VFIO-OPEN-09 */
static void firmware_that_ties_the_group_to_memory_is_named(void **state)
{
	static const char *const steps[] = { "VFIO_DEVICE_BIND_IOMMUFD",
					     "VFIO_DEVICE_ATTACH_IOMMUFD_PT" };
	struct bench b;

	fd_bench(&b);
	fake_group_reserve(12, 0x7f000000, 0x7fffffff, "direct");
	for (unsigned i = 0; i < ARRAY_LEN(steps); i++) {
		fake_fail_ioctl(steps[i], 0, EINVAL);
		refused(&b, -EINVAL,
			"group 12: platform firmware (RMRR or IVMD) ties it "
			"to memory; it cannot be assigned");
		fake_fail_none();
	}
	bench_close(&b);
}

/* -------- memory -------- */

static int map_ram(struct bench *b, struct err *e)
{
	*e = ERR_NONE;
	return b->iommu->ops->map(b->iommu, 0, &b->vm.mem.ram[0], e);
}

static void every_refused_map_has_its_sentence(void **state)
{
	static const struct {
		int err;
		const char *says;
	} maps[] = {
		{ ENOMEM, "the limit for locked memory is reached" },
		{ EINVAL, "part of the range is reserved" },
		{ EEXIST, "something is mapped there already" },
		{ EFAULT, "its pages cannot be pinned for long" },
		{ EIO, "Input/output error" },
	};
	struct vfio_dev *d;
	struct bench b;
	struct err e;

	fd_bench(&b);
	d = fd_attach(&b, BDF);
	for (unsigned i = 0; i < ARRAY_LEN(maps); i++) {
		fake_fail_ioctl("IOMMU_IOAS_MAP", 1, maps[i].err);
		assert_int_equal(map_ram(&b, &e), -maps[i].err);
		if (!strstr(e.text, "cannot map guest RAM 0 to 0x3ffffff for "
				    "DMA: ") ||
		    !strstr(e.text, maps[i].says))
			fail_msg("%d: %s", maps[i].err, e.text);
	}
	d->ops->close(d);
	bench_close(&b);
}

/* VFIO-OPEN-16: a second VM of the same user */
static void what_the_user_has_locked_elsewhere_counts(void **state)
{
	struct vfio_dev *d, *mine;
	struct bench b, other;
	struct err e;

	fake_memlock(96 * MIB, 96 * MIB, false);
	fd_bench(&b);
	fd_add("0000:02:00.0", 13);
	other_vm(&other, true);
	d = fd_attach(&other, "0000:02:00.0");
	fd_map_ram(&other);
	mine = fd_attach(&b, BDF);
	assert_int_equal(map_ram(&b, &e), -ENOMEM);
	assert_non_null(strstr(e.hint, "other processes of the same user"));
	d->ops->close(d);
	fd_map_ram(&b);
	mine->ops->close(mine);
	bench_close(&other);
	bench_close(&b);
}

/* What is mapped already may lie where a later function cannot go; a space of
 * its own does not help it. */
static void ram_where_a_later_function_may_not_go_is_refused(void **state)
{
	struct vfio_dev *one, *two = NULL;
	struct err e = ERR_NONE;
	struct bench b;

	fd_bench(&b);
	fd_add("0000:02:00.0", 13);
	one = fd_attach(&b, BDF);
	fd_map_ram(&b);
	fake_group_reserve(13, MIB, 2 * MIB - 1, "reserved");
	assert_int_equal(
		b.iommu->ops->attach(b.iommu, WANT("0000:02:00.0"), &two, &e),
		-EADDRINUSE);
	assert_non_null(strstr(e.text, "guest RAM is mapped where the platform "
				       "reserves"));
	fake_group_incompatible(13);
	assert_int_equal(
		b.iommu->ops->attach(b.iommu, WANT("0000:02:00.0"), &two, &e),
		-EINVAL);
	assert_non_null(strstr(e.text, "cannot map guest RAM 0 to 0x3ffffff"));
	assert_int_equal(fake_iommufd_spaces(), 1);
	one->ops->close(one);
	bench_close(&b);
}

/* -------- is it there? -------- */

static void it_is_offered_where_all_of_it_can_be_opened(void **state)
{
	static const char *const needed[] = { "open /dev/iommu", "open " NODE };

	fake_pci_add(&plain_function);
	assert_false(vfio_cdev_offered(BDF));
	fake_iommufd();
	assert_true(vfio_cdev_offered(BDF));
	for (unsigned i = 0; i < ARRAY_LEN(needed); i++) {
		fake_fail_call(needed[i], 1, EACCES);
		assert_false(vfio_cdev_offered(BDF));
	}
	fake_remove(VFIO_DEV "/vfio0/dev");
	assert_false(vfio_cdev_offered(BDF));
	assert_int_equal(fake_trace_count("ioctl"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(every_refusal_has_its_sentence),
		FAKE_TEST(no_iommufd_is_explained),
		FAKE_TEST(a_kernel_without_nodes_for_functions_is_explained),
		FAKE_TEST(a_number_that_is_none_is_refused),
		FAKE_TEST(a_stale_node_is_refused),
		FAKE_TEST(the_node_is_found_whatever_its_number),
		FAKE_TEST(a_function_given_twice_is_refused),
		FAKE_TEST(a_function_without_group_is_refused),
		FAKE_TEST(a_neighbour_on_a_host_driver_is_named),
		FAKE_TEST(
			a_group_in_use_blocks_its_functions_and_they_block_it),
		FAKE_TEST(another_user_of_a_neighbour_blocks_too),
		FAKE_TEST(firmware_that_ties_the_group_to_memory_is_named),
		FAKE_TEST(every_refused_map_has_its_sentence),
		FAKE_TEST(what_the_user_has_locked_elsewhere_counts),
		FAKE_TEST(ram_where_a_later_function_may_not_go_is_refused),
		FAKE_TEST(it_is_offered_where_all_of_it_can_be_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The fake kernel: files, failures on request, leaks, the sweep. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "tests/fakes/kernel.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"

static const struct fake_pci nvme = {
	.bdf = "0000:01:00.0",
	.group = 12,
	.class_code = 0x010802,
};

static int add_name(const char *name, void *arg)
{
	strcat(strcat(arg, name), " ");
	return 0;
}

static void sysfs_is_what_the_test_filled_in(void **state)
{
	char text[256] = "";

	fake_pci_add(&nvme);
	assert_int_equal(
		sys_read_text("/sys/bus/pci/devices/0000:01:00.0/class", text,
			      sizeof(text)),
		8);
	assert_string_equal(text, "0x010802");
	assert_true(sys_readlink("/sys/bus/pci/devices/0000:01:00.0/driver",
				 text, sizeof(text)) > 0);
	assert_string_equal(text, "../../../bus/pci/drivers/vfio-pci");
	text[0] = '\0';
	assert_int_equal(sys_list("/sys/bus/pci/devices/0000:01:00.0/"
				  "iommu_group/devices",
				  add_name, text),
			 0);
	assert_string_equal(text, "0000:01:00.0 ");
	assert_int_equal(sys_read_text("/sys/nothing", text, sizeof(text)),
			 -ENOENT);
}

static void created_file_can_be_read_back(void **state)
{
	int fd = sys_create("/var/log/x", O_WRONLY);
	char text[8] = "";

	assert_int_equal(sys_write(fd, "hello", 5), 5);
	sys_close(&fd);
	assert_int_equal(fd, -1);
	assert_int_equal(fake_file_read("/var/log/x", text, 7), 5);
	assert_string_equal(text, "hello");
}

static void calls_fail_on_request(void **state)
{
	fake_fail_at(2, EIO);
	fake_fail_ioctl("KVM_CREATE_VM", 1, ENOMEM);
	int kvm = sys_open("/dev/kvm", O_RDWR);

	assert_true(kvm >= 0);
	assert_int_equal(sys_eventfd(), -EIO);
	assert_int_equal(sys_ioctl_num(kvm, KVM_CREATE_VM, 0), -ENOMEM);
	assert_true(fake_trace_has_in_order("open /dev/kvm", "eventfd = -EIO",
					    "ioctl KVM_CREATE_VM kvm"));
	assert_int_equal(fake_trace_count("KVM_CREATE_VM"), 1);
	sys_close(&kvm);
}

static void leaks_are_named(void **state)
{
	int fd = sys_eventfd();
	void *p;

	assert_int_equal(sys_mmap(0x3000, PROT_READ,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &p),
			 0);
	sys_munmap((char *)p + 0x1000, 0x1000);
	assert_non_null(strstr(fake_leaks(), "eventfd"));
	assert_non_null(strstr(fake_leaks(), "0x1000 bytes"));
	sys_munmap(p, 0x1000);
	sys_munmap((char *)p + 0x2000, 0x1000);
	sys_close(&fd);
	assert_null(fake_leaks());
}

static void double_close_is_noticed(void **state)
{
	int fd = sys_eventfd(), copy = fd;

	sys_close(&fd);
	sys_close(&copy);
	assert_non_null(strstr(fake_leaks(), "not open"));
	fake_reset();
}

/* -------- the sweep -------- */

struct pair {
	int a, b;
	bool careless;
};

static int pair_open(void *arg, struct err *e)
{
	struct pair *p = arg;

	p->a = p->b = -1;
	p->a = sys_eventfd();
	if (p->a < 0)
		return err_sys(e, p->a, "pair: first");
	p->b = sys_eventfd();
	if (p->b < 0) {
		int rc = p->b;

		if (!p->careless)
			sys_close(&p->a);
		return err_sys(e, rc, "pair: second");
	}
	return 0;
}

static void pair_close(void *arg)
{
	struct pair *p = arg;

	sys_close(&p->a);
	sys_close(&p->b);
}

static void sweep_passes_a_careful_constructor(void **state)
{
	struct pair p = { 0 };

	assert_int_equal(fake_sweep(pair_open, pair_close, &p, "pair"), 2);
}

static void sweep_notices_what_a_careless_one_leaves(void **state)
{
	struct pair p = { .careless = true };
	char text[1024];

	assert_int_equal(fake_sweep_try(pair_open, pair_close, &p, "pair", text,
					sizeof(text)),
			 -1);
	assert_non_null(strstr(text, "host call 2 failed"));
	assert_non_null(strstr(text, "still open: eventfd"));
	pair_close(&p);
}

static void sweep_wants_a_message_that_names_the_subject(void **state)
{
	struct pair p = { 0 };
	char text[1024];

	assert_int_equal(fake_sweep_try(pair_open, pair_close, &p, "0000:01",
					text, sizeof(text)),
			 -1);
	assert_non_null(strstr(text, "does not name '0000:01'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(sysfs_is_what_the_test_filled_in),
		FAKE_TEST(created_file_can_be_read_back),
		FAKE_TEST(calls_fail_on_request),
		FAKE_TEST(leaks_are_named),
		FAKE_TEST(double_close_is_noticed),
		FAKE_TEST(sweep_passes_a_careful_constructor),
		FAKE_TEST(sweep_notices_what_a_careless_one_leaves),
		FAKE_TEST(sweep_wants_a_message_that_names_the_subject),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* KVM's own statistics: a file that describes itself, believed as far as it
 * fits together. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <linux/kvm.h>

#include "tests/fakes/kernel.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/kvm_stats.h"
#include "vmm/vm.h"

enum { NAME = 16, STATS = 3 };

/* As the kernel lays it out: the descriptors' names are flexible arrays. */
struct desc {
	struct kvm_stats_desc d;
	char name[NAME];
};

struct file {
	struct kvm_stats_header h;
	struct desc desc[STATS];
	uint64_t data[8];
};

static struct file sample(void)
{
	struct file f = {
		.h = {
			.name_size = NAME,
			.num_desc = STATS,
			.desc_offset = offsetof(struct file, desc),
			.data_offset = offsetof(struct file, data),
		},
		.desc = {
			{ { .size = 1, .offset = 8 }, "exits" },
			{ { .size = 4, .flags = KVM_STATS_TYPE_LOG_HIST },
			  "halt_hist" },
			{ { .size = 1,
			    .offset = 0,
			    .flags = KVM_STATS_TYPE_INSTANT },
			  "pages" },
		},
		.data = { 11, 22 },
	};

	return f;
}

struct found {
	unsigned n;
	char name[STATS][NAME];
	uint64_t value[STATS];
};

static void remember(const char *name, uint64_t value, void *arg)
{
	struct found *f = arg;

	assert_true(f->n < STATS && strlen(name) < NAME);
	strcpy(f->name[f->n], name);
	f->value[f->n++] = value;
}

static int read_file(const struct file *f, size_t n, struct found *out)
{
	struct vm vm;
	struct err e = ERR_NONE;
	int fd, rc;

	*out = (struct found){ 0 };
	fake_kvm_stats(f, n);
	assert_int_equal(vm_open(&vm, &e), 0);
	fd = kvm_stats_open(vm.fd);
	assert_true(fd >= 0);
	rc = kvm_stats_each(fd, remember, out);
	sys_close(&fd);
	vm_close(&vm);
	return rc;
}

static void numbers_are_found_by_name_and_histograms_left_out(void **state)
{
	struct file f = sample();
	struct found found;

	assert_int_equal(read_file(&f, sizeof(f), &found), 0);
	assert_int_equal(found.n, 2);
	assert_string_equal(found.name[0], "exits");
	assert_int_equal(found.value[0], 22);
	assert_string_equal(found.name[1], "pages");
	assert_int_equal(found.value[1], 11);
}

static void name_that_does_not_end_is_ended(void **state)
{
	struct file f = sample();
	struct found found;

	memset(f.desc[0].name, 'x', NAME);
	assert_int_equal(read_file(&f, sizeof(f), &found), 0);
	assert_string_equal(found.name[0], "xxxxxxxxxxxxxxx");
}

static void file_that_contradicts_itself_is_refused(void **state)
{
	static const struct {
		const char *what;
		uint32_t name_size, num_desc, desc_offset, data_offset;
	} bad[] = {
		{ "no names", 0, 3, 24, 24 },
		{ "endless names", 1u << 31, 3, 24, 24 },
		{ "too many", NAME, UINT32_MAX, 24, 24 },
		{ "descriptors past the end", NAME, 3, UINT32_MAX, 24 },
		{ "data past the end", NAME, 3, 24, UINT32_MAX },
	};
	struct found found;

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		struct file f = sample();

		f.h.name_size = bad[i].name_size;
		f.h.num_desc = bad[i].num_desc;
		f.h.desc_offset = bad[i].desc_offset;
		f.h.data_offset = bad[i].data_offset;
		if (read_file(&f, sizeof(f), &found) != -EPROTO)
			fail_msg("%s", bad[i].what);
	}
}

static void header_cut_short_is_refused(void **state)
{
	struct file f = sample();
	struct found found;

	assert_int_equal(read_file(&f, 10, &found), -EPROTO);
	fake_fail_call("pread", 1, EIO);
	assert_int_equal(read_file(&f, sizeof(f), &found), -EIO);
}

static void files_are_opened_before_vcpus_run_if_somebody_counts(void **state)
{
	struct file f = sample();
	struct err e = ERR_NONE;
	struct vm vm;

	fake_kvm_stats(&f, sizeof(f));
	assert_int_equal(vm_open(&vm, &e), 0);
	assert_int_equal(vm_create_cpus(&vm, 2, &e), 0);
	assert_int_equal(fake_trace_count("KVM_GET_STATS_FD"), 0);
	vm_close(&vm);
	assert_int_equal(vm_open(&vm, &e), 0);
	vm.counting = true;
	assert_int_equal(vm_create_cpus(&vm, 2, &e), 0);
	assert_int_equal(fake_trace_count("KVM_GET_STATS_FD"), 3);
	assert_true(vm.stats_fd >= 0 && vm.vcpus[1].stats_fd >= 0);
	vm_close(&vm);
}

static void kernel_without_statistics_is_no_worse_for_it(void **state)
{
	struct err e = ERR_NONE;
	struct vm vm;

	assert_int_equal(vm_open(&vm, &e), 0);
	vm.counting = true;
	assert_int_equal(vm_create_cpus(&vm, 1, &e), 0);
	assert_true(vm.stats_fd < 0 && vm.vcpus[0].stats_fd < 0);
	vm_close(&vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(numbers_are_found_by_name_and_histograms_left_out),
		FAKE_TEST(name_that_does_not_end_is_ended),
		FAKE_TEST(file_that_contradicts_itself_is_refused),
		FAKE_TEST(header_cut_short_is_refused),
		FAKE_TEST(files_are_opened_before_vcpus_run_if_somebody_counts),
		FAKE_TEST(kernel_without_statistics_is_no_worse_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

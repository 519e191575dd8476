/* What a vfio-user server passes for a region's memory is a file of its choice:
 * such as cannot be mapped like memory. VFIO-VU-08, -13. */
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>

#include "tests/unit/vfio/script.h"
#include "vfio/user_dev.h"

enum { REGION = (4 << 20) + 0x1000, HUGE_PAGE = 2 << 20 };

static struct user_bench b;
static int file; /* what comes with the description of a region */

static bool describe(struct script *s, struct message *m)
{
	struct user_header h = m->h;
	struct vfio_region_info i = {
		.argsz = sizeof(i),
		.index = 0,
		.size = REGION,
		.flags = VFIO_REGION_INFO_FLAG_READ |
			 VFIO_REGION_INFO_FLAG_WRITE |
			 VFIO_REGION_INFO_FLAG_MMAP,
	};

	if (le16_get(h.command) != USER_DEVICE_GET_REGION_INFO)
		return false;
	h.flags = le32_of(USER_TYPE_REPLY);
	script_post(s, &h, &i, sizeof(i), file);
	return true;
}

static void open_with(int fd)
{
	memset(&b, 0, sizeof(b));
	file = fd;
	OUGHT(user_bench_open(&b, &why));
	b.s.intercept = describe;
}

static struct vfio_region ask(void)
{
	struct vfio_region r = { 0 };

	OUGHT(b.dev->ops->region(b.dev, 0, &r, &why));
	return r;
}

static void close_all(void)
{
	user_bench_close(&b);
	(void)close(file);
}

static void open_with_huge_pages(void)
{
	int fd = memfd_create("huge", MFD_HUGETLB | MFD_HUGE_2MB);

	if (fd < 0)
		skip();
	assert_int_equal(ftruncate(fd, 6 << 20), 0);
	open_with(fd);
	assert_int_equal(ask().n_areas, 1);
}

/* The kernel rounds such a map up, over whatever comes after it. */
static void a_file_of_huge_pages_is_mapped_in_whole_ones_only(void **state)
{
	struct err e = ERR_NONE;
	void *p;

	open_with_huge_pages();
	assert_int_equal(
		b.dev->ops->map(b.dev, 0, 0, REGION, PROT_READ, &p, &e),
		-EINVAL);
	assert_string_equal(e.text, "region 0 is in huge pages of 0x200000 "
				    "bytes: 0x401000 bytes at 0 are no whole "
				    "ones");
	assert_int_equal(
		b.dev->ops->map(b.dev, 0, 0x1000, HUGE_PAGE, PROT_READ, &p, &e),
		-EINVAL);
	assert_int_equal(fake_trace_count("mmap received"), 0);
	close_all();
}

static void whole_huge_pages_are_tried(void **state)
{
	struct err e = ERR_NONE;
	void *p;

	open_with_huge_pages();
	/* the host may have none: that is no matter here */
	if (b.dev->ops->map(b.dev, 0, HUGE_PAGE, HUGE_PAGE, PROT_READ, &p,
			    &e) >= 0)
		sys_munmap(p, HUGE_PAGE);
	assert_int_equal(fake_trace_count("mmap received"), 1);
	close_all();
}

/* VFIO-VU-08, VFIO-VU-13 */
static void what_is_no_memory_traps(void **state)
{
	static const char *const paths[] = { "/dev/zero", "/dev/null",
					     "/proc/self/maps", "/" };
	int ends[2];

	for (unsigned i = 0; i <= ARRAY_LEN(paths); i++) {
		struct err e = ERR_NONE;
		void *p;

		fake_reset();
		if (i < ARRAY_LEN(paths)) {
			print_message("%s\n", paths[i]);
			open_with(open(paths[i], O_RDONLY | O_CLOEXEC));
		} else {
			print_message("pipe\n");
			assert_int_equal(pipe(ends), 0);
			(void)close(ends[1]);
			open_with(ends[0]);
		}
		if (ask().n_areas != 0)
			assert_true(b.dev->ops->map(b.dev, 0, 0, 0x1000, 1, &p,
						    &e) < 0);
		close_all();
		if (fake_leaks())
			fail_msg("%u: %s", i, fake_leaks());
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		FAKE_TEST(a_file_of_huge_pages_is_mapped_in_whole_ones_only),
		FAKE_TEST(whole_huge_pages_are_tried),
		FAKE_TEST(what_is_no_memory_traps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

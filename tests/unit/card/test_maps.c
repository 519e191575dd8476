/* The client's DMA maps: what is refused, what is found, what goes. */
#include "tests/unit/card/bench.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static int add(struct maps *m, uint64_t iova, uint64_t size)
{
	return maps_add(
		m, &(struct map){ .iova = iova, .size = size, .ways = 3 }, -1);
}

static int add_file(struct maps *m, int fd, uint64_t iova, uint64_t size,
		    uint64_t off, unsigned ways)
{
	return maps_add(
		m,
		&(struct map){
			.iova = iova, .size = size, .off = off, .ways = ways },
		fd);
}

static int ram_of(uint64_t size)
{
	int fd = memfd_create("ram", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static void maps_do_not_overlap(void **state)
{
	struct maps m = MAPS_EMPTY;

	assert_int_equal(add(&m, 0x4000, 0x2000), 0);
	assert_int_equal(add(&m, 0x5fff, 1), -EEXIST);
	assert_int_equal(add(&m, 0x4000, 1), -EEXIST);
	assert_int_equal(add(&m, 0x3fff, 2), -EEXIST);
	assert_int_equal(add(&m, 0, UINT64_MAX), -EEXIST);
	assert_int_equal(add(&m, 0x3fff, 1), 0);
	assert_int_equal(add(&m, 0x6000, 1), 0);
	assert_int_equal(m.n, 3);
	maps_close(&m);
}

static void impossible_maps_are_refused(void **state)
{
	struct maps m = MAPS_EMPTY;
	int fd = ram_of(4096);

	assert_int_equal(add(&m, 0, 0), -EINVAL);
	assert_int_equal(add(&m, 0x1000, UINT64_MAX), -EINVAL);
	assert_int_equal(add_file(&m, -1, 0, 4096, 0, 0), -EINVAL);
	assert_int_equal(add_file(&m, -1, 0, 4096, 0, 4), -EINVAL);
	assert_int_equal(add_file(&m, fd, 0, 4096, UINT64_MAX - 4095, 3),
			 -EINVAL);
	assert_int_equal(add_file(&m, fd, 0, 8192, UINT64_MAX - 4095, 3),
			 -EINVAL);
	assert_int_equal(add_file(&m, fd, 0, 4097, 0, 3), -EINVAL);
	assert_int_equal(add_file(&m, fd, 0, 1, 4096, 3), -EINVAL);
	assert_int_equal(add_file(&m, 12345, 0, 1, 0, 3), -EBADF);
	assert_int_equal(m.n, 0);
	close(fd);
	maps_close(&m);
}

static void the_last_byte_of_the_bus_can_be_mapped(void **state)
{
	struct maps m = MAPS_EMPTY;
	struct span s;

	assert_int_equal(add(&m, UINT64_MAX - 0xfff, 0x1000), 0);
	assert_int_equal(maps_find(&m, UINT64_MAX, BUS_READ, &s), 0);
	assert_int_equal(s.n, 1);
	assert_int_equal(maps_remove(&m, UINT64_MAX - 0xfff, 0x1000), 1);
	maps_close(&m);
}

/* As type1 does; QEMU with an IOMMU unmaps whole ranges. */
static void unmapping_takes_all_maps_inside_the_range(void **state)
{
	struct maps m = MAPS_EMPTY;

	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(add(&m, i * 0x2000, 0x1000), 0);
	assert_int_equal(maps_remove(&m, 0x1000, 0x1000), 0);
	assert_int_equal(maps_remove(&m, 0x4000, 0x8000), 4);
	assert_int_equal(m.n, 96);
	assert_int_equal(m.map[2].iova, 0xc000);
	assert_int_equal(maps_remove(&m, 0, UINT64_MAX), 96);
	assert_int_equal(maps_remove(&m, 0, UINT64_MAX), 0);
	maps_close(&m);
}

static void no_map_is_split(void **state)
{
	struct maps m = MAPS_EMPTY;

	assert_int_equal(add(&m, 0x4000, 0x4000), 0);
	assert_int_equal(maps_remove(&m, 0x5000, 0x1000), -EINVAL);
	assert_int_equal(maps_remove(&m, 0x5000, 0x8000), -EINVAL);
	assert_int_equal(maps_remove(&m, 0x1000, 0x4000), -EINVAL);
	assert_int_equal(maps_remove(&m, 0x4000, 0x3fff), -EINVAL);
	assert_int_equal(maps_remove(&m, 0, 0), -EINVAL);
	assert_int_equal(maps_remove(&m, 2, UINT64_MAX), -EINVAL);
	assert_int_equal(m.n, 1);
	maps_close(&m);
}

static void nothing_answers_outside_or_without_permission(void **state)
{
	struct maps m = MAPS_EMPTY;
	struct span s;

	assert_int_equal(maps_find(&m, 0, BUS_READ, &s), -EFAULT);
	assert_int_equal(add_file(&m, -1, 0x1000, 0x1000, 0, BUS_READ), 0);
	assert_int_equal(maps_find(&m, 0xfff, BUS_READ, &s), -EFAULT);
	assert_int_equal(maps_find(&m, 0x2000, BUS_READ, &s), -EFAULT);
	assert_int_equal(maps_find(&m, 0x1000, BUS_WRITE, &s), -EFAULT);
	assert_int_equal(maps_find(&m, 0x1800, BUS_READ, &s), 0);
	assert_int_equal(s.n, 0x800);
	assert_null(s.bytes);
	maps_close(&m);
}

static void bytes_come_from_the_file_at_its_offset(void **state)
{
	struct maps m = MAPS_EMPTY;
	int fd = ram_of(0x10000);
	struct span s;
	char text[6] = "", loud[] = "HELLO";

	assert_int_equal(pwrite(fd, "hello", 5, 0x3004), 5);
	assert_int_equal(add_file(&m, fd, 0x100000, 0x1000, 0x3000, 3), 0);
	assert_int_equal(maps_find(&m, 0x100004, BUS_READ, &s), 0);
	assert_int_equal(maps_copy(&s, BUS_READ, text, 5), 0);
	assert_string_equal(text, "hello");
	assert_int_equal(maps_copy(&s, BUS_WRITE, loud, 5), 0);
	assert_int_equal(pread(fd, text, 5, 0x3004), 5);
	assert_string_equal(text, "HELLO");
	close(fd);
	maps_close(&m);
}

/* A page each, all of one file, as behind an IOMMU. */
static void many_maps_share_one_mapping(void **state)
{
	struct maps m = MAPS_EMPTY;
	int fd = ram_of(0x1000);

	for (uint64_t i = 0; i < MAPS_MOST; i++)
		assert_int_equal(add_file(&m, fd, i << 12, 0x1000, 0, 3), 0);
	assert_int_equal(m.file[0].users, MAPS_MOST);
	assert_int_equal(m.file[1].users, 0);
	assert_int_equal(add(&m, UINT64_C(1) << 40, 1), -ENOSPC);
	assert_int_equal(maps_remove_all(&m), MAPS_MOST);
	assert_int_equal(m.file[0].users, 0);
	close(fd);
	maps_close(&m);
}

static void a_file_that_grew_is_mapped_anew(void **state)
{
	struct maps m = MAPS_EMPTY;
	int fd = ram_of(0x1000);

	assert_int_equal(add_file(&m, fd, 0, 0x1000, 0, 3), 0);
	assert_int_equal(ftruncate(fd, 0x2000), 0);
	assert_int_equal(add_file(&m, fd, 0x1000, 0x1000, 0x1000, 3), 0);
	assert_int_equal(m.file[1].size, 0x2000);
	close(fd);
	maps_close(&m);
}

/* It would be a SIGBUS. */
static void a_file_that_shrank_is_a_bus_error(void **state)
{
	struct maps m = MAPS_EMPTY;
	int fd = ram_of(0x2000);
	struct span s;
	char byte;

	assert_int_equal(add_file(&m, fd, 0, 0x2000, 0, 3), 0);
	assert_int_equal(ftruncate(fd, 0x1000), 0);
	assert_int_equal(maps_find(&m, 0x1000, BUS_READ, &s), 0);
	assert_int_equal(maps_copy(&s, BUS_READ, &byte, 1), -EFAULT);
	assert_int_equal(maps_copy(&s, BUS_WRITE, &byte, 1), -EFAULT);
	close(fd);
	maps_close(&m);
}

static void a_file_for_reading_only_is_not_written(void **state)
{
	char path[] = "/tmp/card-ro-XXXXXX";
	struct maps m = MAPS_EMPTY;
	struct span s;
	char byte = 1;
	int fd = mkstemp(path), ro = open(path, O_RDONLY | O_CLOEXEC);

	unlink(path);
	assert_true(fd >= 0 && ro >= 0);
	assert_int_equal(ftruncate(fd, 0x1000), 0);
	assert_int_equal(add_file(&m, ro, 0, 0x1000, 0, 3), 0);
	assert_int_equal(maps_find(&m, 0, BUS_WRITE, &s), 0);
	assert_int_equal(maps_copy(&s, BUS_WRITE, &byte, 1), -EFAULT);
	assert_int_equal(maps_copy(&s, BUS_READ, &byte, 1), 0);
	close(ro);
	close(fd);
	maps_close(&m);
}

static void what_is_no_memory_is_refused(void **state)
{
	struct maps m = MAPS_EMPTY;
	int pipes[2];

	assert_int_equal(pipe(pipes), 0);
	assert_true(add_file(&m, pipes[0], 0, 1, 0, 3) < 0);
	close(pipes[0]);
	close(pipes[1]);
	assert_int_equal(m.n, 0);
	maps_close(&m);
}

static void files_have_a_limit(void **state)
{
	struct maps m = MAPS_EMPTY;
	int fd[MAPS_FILES + 1];

	for (unsigned i = 0; i <= MAPS_FILES; i++) {
		fd[i] = ram_of(0x1000);
		assert_int_equal(add_file(&m, fd[i], i * 0x1000, 0x1000, 0, 3),
				 i < MAPS_FILES ? 0 : -ENFILE);
	}
	assert_int_equal(maps_remove(&m, 0, 0x1000), 1);
	assert_int_equal(add_file(&m, fd[MAPS_FILES], 0, 0x1000, 0, 3), 0);
	for (unsigned i = 0; i <= MAPS_FILES; i++)
		close(fd[i]);
	maps_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_do_not_overlap),
		cmocka_unit_test(impossible_maps_are_refused),
		cmocka_unit_test(the_last_byte_of_the_bus_can_be_mapped),
		cmocka_unit_test(unmapping_takes_all_maps_inside_the_range),
		cmocka_unit_test(no_map_is_split),
		cmocka_unit_test(nothing_answers_outside_or_without_permission),
		cmocka_unit_test(bytes_come_from_the_file_at_its_offset),
		cmocka_unit_test(many_maps_share_one_mapping),
		cmocka_unit_test(a_file_that_grew_is_mapped_anew),
		cmocka_unit_test(a_file_that_shrank_is_a_bus_error),
		cmocka_unit_test(a_file_for_reading_only_is_not_written),
		cmocka_unit_test(what_is_no_memory_is_refused),
		cmocka_unit_test(files_have_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a PVH kernel finds at EBX. VFIO-KVM-13. */
#include "tests/unit/firmware/elf_file.h"

struct info {
	struct linux_image k;
	struct platform p;
	uint8_t area[LINUX_INFO_SIZE];
};

static void make_info(struct info *n)
{
	struct elf f;

	make_elf(&f);
	expect_parsed(&f, &n->k);
	make_pc(&n->p);
	n->p.rsdp = 0x123456789;
	memset(n->area, 0xee, sizeof(n->area));
}

static int write_info(struct info *n)
{
	struct err e = ERR_NONE;

	return linux_info(&n->k, &n->p, n->area, sizeof(n->area), 0x20000, &e);
}

/* What the guest finds at @gpa. */
static const uint8_t *at(const struct info *n, uint64_t gpa, uint64_t len)
{
	assert_true(range_fits(0x20000, LINUX_INFO_SIZE, gpa, len));
	return n->area + (gpa - 0x20000);
}

static void start_info_points_at_everything(void **state)
{
	const uint8_t *map, *initrd;
	struct info n;

	make_info(&n);
	assert_int_equal(write_info(&n), 0);
	assert_true(le32_load(n.area) == 0x336ec578);
	assert_int_equal(le32_load(n.area + 4), 1); /* version */
	assert_int_equal(le32_load(n.area + 8), 0);
	assert_int_equal(le32_load(n.area + 12), 1); /* modules */
	initrd = at(&n, le64_load(n.area + 16), 32);
	assert_true(le64_load(initrd) == n.p.initrd.base);
	assert_true(le64_load(initrd + 8) == n.p.initrd.size);
	assert_string_equal((const char *)at(&n, le64_load(n.area + 24), 64),
			    n.p.cmdline);
	assert_true(le64_load(n.area + 32) == 0x123456789);
	assert_int_equal(le32_load(n.area + 48), n.p.n_map);
	map = at(&n, le64_load(n.area + 40), 24 * n.p.n_map);
	for (unsigned i = 0; i < n.p.n_map; i++, map += 24) {
		assert_true(le64_load(map) == n.p.map[i].range.base);
		assert_true(le64_load(map + 8) == n.p.map[i].range.size);
		assert_int_equal(le32_load(map + 16), n.p.map[i].kind);
	}
}

static void no_initrd_is_no_module(void **state)
{
	struct info n;

	make_info(&n);
	n.p.initrd.size = 0;
	assert_int_equal(write_info(&n), 0);
	assert_int_equal(le32_load(n.area + 12), 0);
	assert_int_equal(le64_load(n.area + 16), 0);
}

static void a_full_map_fits(void **state)
{
	struct info n;

	make_info(&n);
	while (n.p.n_map < PLATFORM_MAX_RANGES)
		platform_add(&n.p, 0x10000000000 + n.p.n_map * GIB, GIB,
			     PLATFORM_RAM);
	assert_int_equal(write_info(&n), 0);
	assert_int_equal(le32_load(n.area + 48), PLATFORM_MAX_RANGES);
	assert_string_equal((const char *)at(&n, le64_load(n.area + 24), 64),
			    n.p.cmdline);
}

static void a_command_line_that_linux_would_cut_is_refused(void **state)
{
	char line[2100];
	struct info n;

	make_info(&n);
	n.p.cmdline = line;
	memset(line, 'x', sizeof(line));
	line[2048] = '\0';
	assert_int_equal(write_info(&n), -ENOSPC);
	line[2047] = '\0';
	assert_int_equal(write_info(&n), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(start_info_points_at_everything),
		cmocka_unit_test(no_initrd_is_no_module),
		cmocka_unit_test(a_full_map_fits),
		cmocka_unit_test(
			a_command_line_that_linux_would_cut_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

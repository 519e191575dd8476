/* bzImages, and files that are no kernel. VFIO-KVM-12. */
#include "tests/unit/firmware/machines.h"

#include "firmware/linux.h"

enum { SETUP_SECTS = 3, SETUP = (SETUP_SECTS + 1) * 512, BODY = 0x1000 };

/* A file as a build of Linux 6.x leaves it, with room to be damaged. */
struct file {
	uint8_t b[SETUP + BODY];
	size_t size;
};

static void make_file(struct file *f)
{
	memset(f, 0, sizeof(*f));
	f->size = sizeof(f->b);
	f->b[0x1f1] = SETUP_SECTS;
	le32_store(f->b + 0x1f4, BODY / 16); /* syssize */
	le16_store(f->b + 0x1fe, 0xaa55);
	f->b[0x200] = 0xeb;
	f->b[0x201] = 0x6a; /* the header ends at 0x26c */
	memcpy(f->b + 0x202, "HdrS", 4);
	le16_store(f->b + 0x206, 0x020f);
	f->b[0x211] = 0x81;		      /* LOADED_HIGH, CAN_USE_HEAP */
	le32_store(f->b + 0x22c, 0x7fffffff); /* initrd_addr_max */
	le32_store(f->b + 0x230, 0x200000);   /* kernel_alignment */
	f->b[0x234] = 1;		      /* relocatable */
	le16_store(f->b + 0x236, 0x3f);	      /* xloadflags */
	le32_store(f->b + 0x238, 2047);	      /* cmdline_size */
	le64_store(f->b + 0x258, 0x1000000);  /* pref_address */
	le32_store(f->b + 0x260, 0x3000000);  /* init_size */
	memset(f->b + 0x26c, 0xcc, 0x290 - 0x26c); /* code, not header */
}

/* The image in memory of its own, so that ASan sees a read past its end. */
static int parse(const struct file *f, struct linux_image *k, struct err *e)
{
	uint8_t *copy = malloc(f->size ? f->size : 1);
	int rc;

	*e = ERR_NONE;
	memcpy(copy, f->b, f->size);
	rc = linux_parse(copy, f->size, k, e);
	free(copy);
	return rc;
}

static void expect_refusal(const struct file *f, const char *part)
{
	struct linux_image k, before;
	struct err e;

	memset(&k, 0x77, sizeof(k));
	before = k;
	assert_int_equal(parse(f, &k, &e), -ENOEXEC);
	assert_memory_equal(&k, &before, sizeof(k));
	if (!strstr(e.text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, e.text);
	assert_true(e.hint[0] != '\0');
}

static void expect_parsed(const struct file *f, struct linux_image *k)
{
	struct err e;
	int rc = parse(f, k, &e);

	if (rc < 0)
		fail_msg("%s", e.text);
}

static void a_good_one_goes_where_it_prefers(void **state)
{
	struct linux_image k;
	struct file f;

	make_file(&f);
	expect_parsed(&f, &k);
	assert_int_equal(k.kind, LINUX_BZIMAGE);
	assert_int_equal(k.n_loads, 1);
	assert_int_equal(k.load[0].gpa, 0x1000000);
	assert_int_equal(k.load[0].offset, SETUP);
	assert_int_equal(k.load[0].size, BODY);
	assert_int_equal(k.load[0].zero, 0);
	assert_int_equal(k.entry, 0x1000200);
	assert_int_equal(k.needed.base, 0x1000000);
	assert_int_equal(k.needed.size, 0x3000000);
	assert_int_equal(k.cmdline_max, 2047);
	assert_int_equal(k.setup_size, 0x26c - 0x1f1);
}

static void setup_sects_0_means_4(void **state)
{
	struct linux_image k;
	struct file f;

	make_file(&f);
	f.b[0x1f1] = 0;
	le32_store(f.b + 0x1f4, 0);
	expect_parsed(&f, &k);
	assert_int_equal(k.load[0].offset, 5 * 512);
	assert_int_equal(k.load[0].size, sizeof(f.b) - 5 * 512);
}

static void initrd_limit_follows_the_kernel(void **state)
{
	struct linux_image k;
	struct file f;

	make_file(&f);
	expect_parsed(&f, &k);
	assert_true(k.initrd_max == UINT64_MAX);
	le16_store(f.b + 0x236, 1); /* not above 4 GiB */
	expect_parsed(&f, &k);
	assert_true(k.initrd_max == 0x80000000);
	le32_store(f.b + 0x22c, 0xffffffff);
	expect_parsed(&f, &k);
	assert_true(k.initrd_max == 0x100000000);
}

/* It first moves up to a multiple of its alignment, if it can. */
static void room_includes_the_way_to_alignment(void **state)
{
	struct linux_image k;
	struct file f;

	make_file(&f);
	le64_store(f.b + 0x258, 0x1100000);
	expect_parsed(&f, &k);
	assert_int_equal(k.needed.base, 0x1100000);
	assert_int_equal(k.needed.size, 0x100000 + 0x3000000);
	f.b[0x234] = 0; /* not relocatable: stays */
	expect_parsed(&f, &k);
	assert_int_equal(k.needed.size, 0x3000000);
}

static void room_is_at_least_the_file(void **state)
{
	struct linux_image k;
	struct file f;

	make_file(&f);
	le32_store(f.b + 0x260, 16);
	expect_parsed(&f, &k);
	assert_int_equal(k.needed.size, BODY);
}

static void no_preference_is_1_mib(void **state)
{
	struct linux_image k;
	struct file f;

	make_file(&f);
	le64_store(f.b + 0x258, 0);
	f.b[0x234] = 0;
	expect_parsed(&f, &k);
	assert_int_equal(k.load[0].gpa, 0x100000);
}

static void no_cmdline_size_is_255(void **state)
{
	struct linux_image k;
	struct file f;

	make_file(&f);
	le32_store(f.b + 0x238, 0);
	expect_parsed(&f, &k);
	assert_int_equal(k.cmdline_max, 255);
}

static void bytes_behind_the_header_are_not_header(void **state)
{
	struct linux_image k;
	struct file f;

	make_file(&f);
	expect_parsed(&f, &k);
	for (unsigned i = k.setup_size; i < sizeof(k.setup_header); i++)
		assert_int_equal(k.setup_header[i], 0);
}

static void a_longer_header_is_cut_to_the_zero_page(void **state)
{
	struct linux_image k;
	struct file f;

	make_file(&f);
	f.b[0x201] = 0xff;
	expect_parsed(&f, &k);
	assert_int_equal(k.setup_size, 0x290 - 0x1f1);
}

static void each_damage_has_its_sentence(void **state)
{
	struct file f;

	make_file(&f);
	f.b[0x1fe] = 0;
	expect_refusal(&f, "0xaa55");
	make_file(&f);
	le16_store(f.b + 0x206, 0x020b);
	expect_refusal(&f, "boot protocol 2.11 is older than 2.12");
	make_file(&f);
	f.b[0x201] = 0x60;
	expect_refusal(&f, "boot header ends at 0x262");
	make_file(&f);
	f.b[0x211] = 0;
	expect_refusal(&f, "zImage");
	make_file(&f);
	le16_store(f.b + 0x236, 0x3e);
	expect_refusal(&f, "no 64-bit entry point");
	make_file(&f);
	f.b[0x1f1] = 200;
	expect_refusal(&f, "truncated");
	make_file(&f);
	f.b[0x1f1] = 255;
	expect_refusal(&f, "truncated");
	make_file(&f);
	le32_store(f.b + 0x230, 0x300000);
	expect_refusal(&f, "no power of two");
	make_file(&f);
	le32_store(f.b + 0x230, 0);
	expect_refusal(&f, "no power of two");
}

static void wild_addresses_are_refused(void **state)
{
	static const uint64_t wild[] = {
		1,	   0xfffff, 0x100000000, 0xffffffff, 0xfffffffffffffff0,
		0xfe000000
	};
	struct file f;

	for (size_t i = 0; i < ARRAY_LEN(wild); i++) {
		print_message("%#lx\n", (unsigned long)wild[i]);
		make_file(&f);
		le64_store(f.b + 0x258, wild[i]);
		expect_refusal(&f, "its header asks");
	}
	make_file(&f);
	le32_store(f.b + 0x230, 0x80000000);
	le64_store(f.b + 0x258, 0x80000001);
	expect_refusal(&f, "beyond 4 GiB");
	make_file(&f);
	le32_store(f.b + 0x260, 0xffffffff);
	expect_refusal(&f, "beyond 4 GiB");
}

/* Whatever its header promises, the entry point must be in the file. */
static void a_kernel_shorter_than_its_entry_is_refused(void **state)
{
	struct linux_image k;
	struct file f;

	make_file(&f);
	le32_store(f.b + 0x1f4, 0);
	f.size = SETUP + 0x200;
	expect_refusal(&f, "truncated: it ends before its kernel");
	f.size++;
	expect_parsed(&f, &k);
}

/* A file may lack the padding of its last 16 bytes, and no more. */
static void truncation_is_noticed_wherever_it_is(void **state)
{
	struct linux_image k;
	struct file f;
	struct err e;

	make_file(&f);
	for (; f.size > 0x206; f.size -= f.size > 0x300 ? 13 : 1) {
		if (f.size > sizeof(f.b) - 16)
			assert_int_equal(parse(&f, &k, &e), 0);
		else
			expect_refusal(&f, "truncated");
	}
	for (; f.size > 0; f.size--)
		assert_int_equal(parse(&f, &k, &e), -ENOEXEC);
	expect_refusal(&f, "not a Linux kernel");
}

static void other_files_are_named(void **state)
{
	static const struct {
		unsigned at;
		const char *bytes;
		unsigned n;
		const char *sentence;
	} cases[] = {
		{ 0, "\x1f\x8b\x08", 3, "gzip" },
		{ 0,
		  "\xfd"
		  "7zXZ\0",
		  6, "xz" },
		{ 0, "\x28\xb5\x2f\xfd", 4, "zstd" },
		{ 0, "BZh9", 4, "bzip2" },
		{ 0, "070701", 6, "cpio" },
		{ 0, "MZ", 2, "EFI-only" },
		{ 0x38, "ARM\x64", 4, "arm64" },
		{ 0, "#!/bin/sh", 9, "script" },
		{ 0, "hello", 5, "no HdrS at 0x202" },
	};
	struct file f;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("%s\n", cases[i].sentence);
		memset(&f, 0, sizeof(f));
		f.size = 0x400;
		memcpy(f.b + cases[i].at, cases[i].bytes, cases[i].n);
		expect_refusal(&f, cases[i].sentence);
		f.size = cases[i].at + cases[i].n;
		expect_refusal(&f, cases[i].sentence);
	}
}

/* -------- the zero page -------- */

struct info {
	struct linux_image k;
	struct platform p;
	uint8_t area[LINUX_INFO_SIZE];
};

static void make_info(struct info *n)
{
	struct file f;

	make_file(&f);
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

static void zero_page_says_where_everything_is(void **state)
{
	struct info n;

	make_info(&n);
	n.p.initrd = (struct range){ 0x1c0000000, 0x2000000f0 };
	assert_int_equal(write_info(&n), 0);
	assert_memory_equal(n.area + 0x202, "HdrS", 4);
	assert_true(le64_load(n.area + 0x70) == 0x123456789);
	assert_int_equal(n.area[0x210], 0xff);
	assert_int_equal(n.area[0x211], 1); /* no heap is offered */
	assert_true(le32_load(n.area + 0x218) == 0xc0000000);
	assert_int_equal(le32_load(n.area + 0xc0), 1);
	assert_int_equal(le32_load(n.area + 0x21c), 0xf0);
	assert_int_equal(le32_load(n.area + 0xc4), 2);
	assert_int_equal(le32_load(n.area + 0x228), 0x21000);
	assert_int_equal(le32_load(n.area + 0xc8), 0);
	assert_string_equal((char *)n.area + 0x1000, n.p.cmdline);
}

static void zero_page_is_zero_elsewhere(void **state)
{
	struct info n;

	make_info(&n);
	assert_int_equal(write_info(&n), 0);
	for (unsigned i = 0; i < 0x70; i++) /* screen_info and more */
		assert_int_equal(n.area[i], 0);
	assert_int_equal(n.area[0x1ef], 0);	     /* sentinel */
	assert_true(le64_load(n.area + 0x250) == 0); /* setup_data */
	for (unsigned i = 0x26c; i < 0x2d0; i++)
		assert_int_equal(n.area[i], 0);
}

static void a_setup_data_list_from_the_file_is_dropped(void **state)
{
	struct info n;

	make_info(&n);
	le64_store(n.k.setup_header + (0x250 - 0x1f1), 0xdeadbeef);
	assert_int_equal(write_info(&n), 0);
	assert_true(le64_load(n.area + 0x250) == 0);
}

static void e820_is_the_platforms_map(void **state)
{
	struct info n;

	make_info(&n);
	assert_int_equal(write_info(&n), 0);
	assert_int_equal(n.area[0x1e8], n.p.n_map);
	for (unsigned i = 0; i < n.p.n_map; i++) {
		const uint8_t *entry = n.area + 0x2d0 + 20 * i;

		assert_true(le64_load(entry) == n.p.map[i].range.base);
		assert_true(le64_load(entry + 8) == n.p.map[i].range.size);
		assert_int_equal(le32_load(entry + 16), n.p.map[i].kind);
	}
	assert_int_equal(le64_load(n.area + 0x2d0 + 20 * n.p.n_map + 8), 0);
}

static void the_command_line_may_fill_what_the_kernel_takes(void **state)
{
	char line[2100];
	struct info n;

	make_info(&n);
	n.p.cmdline = line;
	memset(line, 'x', sizeof(line));
	line[2047] = '\0';
	assert_int_equal(write_info(&n), 0);
	assert_string_equal((char *)n.area + 0x1000, line);
	line[2047] = 'x';
	line[2048] = '\0';
	assert_int_equal(write_info(&n), -ENOSPC);
}

static void the_command_line_never_leaves_the_area(void **state)
{
	static char line[LINUX_INFO_SIZE];
	struct info n;

	make_info(&n);
	n.k.cmdline_max = UINT32_MAX;
	n.p.cmdline = line;
	memset(line, 'x', sizeof(line) - 1);
	assert_int_equal(write_info(&n), -ENOSPC);
	line[LINUX_INFO_SIZE - 0x1000] = '\0';
	assert_int_equal(write_info(&n), -ENOSPC);
	line[LINUX_INFO_SIZE - 0x1000 - 1] = '\0';
	assert_int_equal(write_info(&n), 0);
	assert_string_equal((char *)n.area + 0x1000, line);
}

static void no_command_line_is_an_empty_one(void **state)
{
	struct info n;

	make_info(&n);
	n.p.cmdline = NULL;
	assert_int_equal(write_info(&n), 0);
	assert_int_equal(n.area[0x1000], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_one_goes_where_it_prefers),
		cmocka_unit_test(setup_sects_0_means_4),
		cmocka_unit_test(initrd_limit_follows_the_kernel),
		cmocka_unit_test(room_includes_the_way_to_alignment),
		cmocka_unit_test(room_is_at_least_the_file),
		cmocka_unit_test(no_preference_is_1_mib),
		cmocka_unit_test(no_cmdline_size_is_255),
		cmocka_unit_test(bytes_behind_the_header_are_not_header),
		cmocka_unit_test(a_longer_header_is_cut_to_the_zero_page),
		cmocka_unit_test(each_damage_has_its_sentence),
		cmocka_unit_test(wild_addresses_are_refused),
		cmocka_unit_test(a_kernel_shorter_than_its_entry_is_refused),
		cmocka_unit_test(truncation_is_noticed_wherever_it_is),
		cmocka_unit_test(other_files_are_named),
		cmocka_unit_test(zero_page_says_where_everything_is),
		cmocka_unit_test(zero_page_is_zero_elsewhere),
		cmocka_unit_test(a_setup_data_list_from_the_file_is_dropped),
		cmocka_unit_test(e820_is_the_platforms_map),
		cmocka_unit_test(
			the_command_line_may_fill_what_the_kernel_takes),
		cmocka_unit_test(the_command_line_never_leaves_the_area),
		cmocka_unit_test(no_command_line_is_an_empty_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

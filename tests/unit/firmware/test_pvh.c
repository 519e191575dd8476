/* ELF kernels with a PVH entry. VFIO-KVM-13. */
#include "tests/unit/firmware/elf_file.h"

static void check_good(const struct linux_image *k)
{
	assert_int_equal(k->kind, LINUX_PVH);
	assert_int_equal(k->entry, ENTRY);
	assert_int_equal(k->n_loads, 2);
	assert_int_equal(k->load[0].gpa, 0x1000000);
	assert_int_equal(k->load[0].offset, TEXT_AT);
	assert_int_equal(k->load[0].size, TEXT_SIZE);
	assert_int_equal(k->load[0].zero, 0);
	assert_int_equal(k->load[1].gpa, 0x1200000);
	assert_int_equal(k->load[1].size, DATA_SIZE);
	assert_int_equal(k->load[1].zero, 0x10000 - DATA_SIZE);
	assert_int_equal(k->needed.base, 0x1000000);
	assert_int_equal(k->needed.size, 0x210000);
	assert_true(k->initrd_max == 4 * GIB); /* Linux keeps 32 bits */
	assert_int_equal(k->cmdline_max, 2047);
}

static void a_good_one_goes_to_its_physical_addresses(void **state)
{
	struct linux_image k;
	struct elf f;

	make_elf(&f);
	expect_parsed(&f, &k);
	check_good(&k);
}

static void a_32_bit_kernel_is_as_good(void **state)
{
	struct linux_image k;
	struct elf f;

	make_elf(&f);
	f.is32 = true;
	f.h.e_machine = EM_386;
	expect_parsed(&f, &k);
	check_good(&k);
}

static void segments_may_come_in_any_order(void **state)
{
	struct linux_image k;
	Elf64_Phdr text;
	struct elf f;

	make_elf(&f);
	text = f.ph[TEXT];
	f.ph[TEXT] = f.ph[NOTE];
	f.ph[NOTE] = text;
	expect_parsed(&f, &k);
	assert_int_equal(k.needed.base, 0x1000000);
	assert_int_equal(k.needed.size, 0x210000);
}

static void empty_segments_are_no_loads(void **state)
{
	struct linux_image k;
	struct elf f;

	make_elf(&f);
	f.ph[3] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_offset = UINT64_MAX };
	f.ph[4] = (Elf64_Phdr){ .p_type = PT_GNU_STACK };
	f.h.e_phnum = 5;
	expect_parsed(&f, &k);
	assert_int_equal(k.n_loads, 2);
}

static void a_32_bit_note_is_an_entry_too(void **state)
{
	struct linux_image k;
	struct elf f;

	make_elf(&f);
	memset(f.notes, 0, sizeof(f.notes));
	f.ph[NOTE].p_filesz =
		put_note(&f, 0, "Xen", 18, 0xdeadbeef00000000 | ENTRY, 4);
	expect_parsed(&f, &k);
	assert_int_equal(k.entry, ENTRY);
}

/* A last note may end without padding. */
static void notes_are_found_in_either_alignment(void **state)
{
	struct linux_image k;
	struct elf f;

	make_elf(&f);
	memset(f.notes, 0, sizeof(f.notes));
	/* at 0: header, "GNU\0", 1 byte and 7 of padding; at 24: ours */
	put_note(&f, 0, "GNU", 5, 1, 1);
	put_note(&f, 24, "Xen", 18, ENTRY, 8);
	f.ph[NOTE].p_align = 8;
	f.ph[NOTE].p_filesz = 24 + 12 + 4 + 8;
	expect_parsed(&f, &k);
	f.ph[NOTE].p_align = 4;
	expect_refusal(&f, "without a PVH entry");
}

static void other_notes_are_no_entry(void **state)
{
	struct elf f;

	make_elf(&f);
	memset(f.notes, 0, sizeof(f.notes));
	f.ph[NOTE].p_filesz = put_note(&f, 0, "Xen", 17, ENTRY, 8);
	expect_refusal(&f, "without a PVH entry");
	make_elf(&f);
	memset(f.notes, 0, sizeof(f.notes));
	f.ph[NOTE].p_filesz = put_note(&f, 0, "Xem", 18, ENTRY, 8);
	expect_refusal(&f, "without a PVH entry");
	make_elf(&f);
	memset(f.notes, 0, sizeof(f.notes));
	f.ph[NOTE].p_filesz = put_note(&f, 0, "Xen", 18, ENTRY, 2);
	expect_refusal(&f, "without a PVH entry");
	make_elf(&f);
	f.ph[NOTE].p_type = PT_NULL;
	expect_refusal(&f, "without a PVH entry");
}

/* Sizes in notes that lead out of them, or round and round. */
static void hostile_notes_end_the_search(void **state)
{
	static const uint32_t wild[] = { 0xffffffff, 0xfffffffc, 0x80000000,
					 0x7ffffff0, 0xd0 };
	struct elf f;

	for (size_t i = 0; i < ARRAY_LEN(wild); i++) {
		print_message("%#x\n", wild[i]);
		make_elf(&f);
		le32_store(f.notes, wild[i]);
		expect_refusal(&f, "without a PVH entry");
		make_elf(&f);
		le32_store(f.notes + 4, wild[i]);
		expect_refusal(&f, "without a PVH entry");
	}
	make_elf(&f);
	f.ph[NOTE].p_filesz -= 4; /* half of the entry is missing */
	expect_refusal(&f, "without a PVH entry");
	make_elf(&f);
	f.ph[NOTE].p_offset = FILE_SIZE - 8;
	expect_refusal(&f, "notes lie outside");
	make_elf(&f);
	f.ph[NOTE].p_offset = UINT64_MAX - 3;
	expect_refusal(&f, "notes lie outside");
}

static void other_machines_are_refused(void **state)
{
	struct elf f;

	make_elf(&f);
	f.h.e_machine = EM_AARCH64;
	expect_refusal(&f, "not for x86");
	make_elf(&f);
	f.h.e_ident[EI_DATA] = ELFDATA2MSB;
	expect_refusal(&f, "not for x86");
	make_elf(&f);
	f.h.e_ident[EI_CLASS] = 3;
	expect_refusal(&f, "not for x86");
	make_elf(&f);
	f.is32 = true; /* x32: 32-bit class, 64-bit machine */
	expect_refusal(&f, "not for x86");
}

static void program_headers_must_be_in_the_file(void **state)
{
	struct elf f;

	make_elf(&f);
	f.h.e_phoff = FILE_SIZE - 3 * sizeof(Elf64_Phdr) + 1;
	expect_refusal(&f, "outside the file");
	make_elf(&f);
	f.h.e_phoff = UINT64_MAX - 10;
	expect_refusal(&f, "outside the file");
	make_elf(&f);
	f.h.e_phnum = 0xffff;
	expect_refusal(&f, "outside the file");
	make_elf(&f);
	f.h.e_phnum = 0;
	expect_refusal(&f, "without program headers");
	make_elf(&f);
	f.h.e_phentsize = 0;
	expect_refusal(&f, "0 bytes each instead of 56");
}

static void segments_must_be_in_the_file(void **state)
{
	struct elf f;

	make_elf(&f);
	f.ph[DATA].p_offset = FILE_SIZE - DATA_SIZE + 1;
	expect_refusal(&f, "ELF segment 1 lies outside");
	make_elf(&f);
	f.ph[DATA].p_offset = UINT64_MAX - 1;
	expect_refusal(&f, "ELF segment 1 lies outside");
	make_elf(&f);
	f.ph[DATA].p_filesz = UINT64_MAX;
	f.ph[DATA].p_memsz = UINT64_MAX;
	expect_refusal(&f, "ELF segment 1 lies outside");
	make_elf(&f);
	f.ph[DATA].p_memsz = DATA_SIZE - 1;
	expect_refusal(&f, "ELF segment 1 has 1024 bytes in the file");
}

static void segments_must_have_a_place(void **state)
{
	static const struct range wild[] = {
		{ 0, 0x10000 },		  { 0xff000, 0x1000 },
		{ 0xfffff000, 0x1001 },	  { 0x100000000, 0x1000 },
		{ UINT64_MAX - 1, 1024 }, { 0x2000000, UINT64_MAX },
	};
	struct elf f;

	for (size_t i = 0; i < ARRAY_LEN(wild); i++) {
		print_message("%#lx\n", (unsigned long)wild[i].base);
		make_elf(&f);
		f.ph[DATA].p_paddr = wild[i].base;
		f.ph[DATA].p_memsz = wild[i].size;
		expect_refusal(&f, "outside 1 MiB to 4 GiB");
	}
}

static void segments_must_not_overlap(void **state)
{
	struct linux_image k;
	struct elf f;

	make_elf(&f);
	f.ph[DATA].p_paddr = 0x1000000 + TEXT_SIZE - 1;
	expect_refusal(&f, "overlaps the one at 0x1000000");
	f.ph[DATA].p_paddr++;
	expect_parsed(&f, &k);
	f.ph[DATA].p_paddr = 0x1000000 - 0xffff;
	expect_refusal(&f, "overlaps");
}

static void sixteen_segments_are_the_limit(void **state)
{
	struct linux_image k;
	struct elf f;

	make_elf(&f);
	for (unsigned i = 3; i < SEGMENTS; i++)
		f.ph[i] = (Elf64_Phdr){ .p_type = PT_LOAD,
					.p_paddr = 0x2000000 + i * 0x1000,
					.p_memsz = 0x1000 };
	f.h.e_phnum = 3 + LINUX_MAX_LOADS - 2;
	expect_parsed(&f, &k);
	assert_int_equal(k.n_loads, LINUX_MAX_LOADS);
	f.h.e_phnum++;
	expect_refusal(&f, "more than 16");
}

static void the_entry_must_be_loaded(void **state)
{
	static const uint64_t wild[] = { 0, 0x1000000 + TEXT_SIZE,
					 0x1200000 + DATA_SIZE, /* zeros */
					 0x100000000 | ENTRY };
	struct elf f;

	for (size_t i = 0; i < ARRAY_LEN(wild); i++) {
		print_message("%#lx\n", (unsigned long)wild[i]);
		make_elf(&f);
		memset(f.notes, 0, sizeof(f.notes));
		f.ph[NOTE].p_filesz = put_note(&f, 0, "Xen", 18, wild[i], 8);
		expect_refusal(&f, "is in no ELF segment");
	}
}

static void truncation_is_noticed_wherever_it_is(void **state)
{
	struct linux_image k;
	struct elf f;
	struct err e;

	make_elf(&f);
	for (unsigned is32 = 0; is32 < 2; is32++) {
		f.is32 = is32 != 0;
		f.h.e_machine = is32 ? EM_386 : EM_X86_64;
		for (f.size = NOTE_AT + f.ph[NOTE].p_filesz - 1; f.size > 0;
		     f.size--) {
			assert_int_equal(parse(&f, &k, &e), -ENOEXEC);
			assert_true(e.hint[0] != '\0');
		}
		f.size = NOTE_AT + f.ph[NOTE].p_filesz;
		expect_parsed(&f, &k);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_one_goes_to_its_physical_addresses),
		cmocka_unit_test(a_32_bit_kernel_is_as_good),
		cmocka_unit_test(segments_may_come_in_any_order),
		cmocka_unit_test(empty_segments_are_no_loads),
		cmocka_unit_test(a_32_bit_note_is_an_entry_too),
		cmocka_unit_test(notes_are_found_in_either_alignment),
		cmocka_unit_test(other_notes_are_no_entry),
		cmocka_unit_test(hostile_notes_end_the_search),
		cmocka_unit_test(other_machines_are_refused),
		cmocka_unit_test(program_headers_must_be_in_the_file),
		cmocka_unit_test(segments_must_be_in_the_file),
		cmocka_unit_test(segments_must_have_a_place),
		cmocka_unit_test(segments_must_not_overlap),
		cmocka_unit_test(sixteen_segments_are_the_limit),
		cmocka_unit_test(the_entry_must_be_loaded),
		cmocka_unit_test(truncation_is_noticed_wherever_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

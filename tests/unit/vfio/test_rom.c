/* The expansion ROM: its register, its bytes, and those that cannot be read. */
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/vfio/bench.h"
#include "vmm/base/sys_calls.h"

enum { ROM = VFIO_PCI_ROM_REGION_INDEX };

#define ROM_FILE "/home/me/card.rom"

static struct fake_pci with_rom(uint64_t size)
{
	struct fake_pci p = plain_function;

	p.rom_size = size;
	return p;
}

/* Bytes that differ from page to page, in the device's ROM. */
static void burn(void)
{
	uint8_t *rom = fake_pci_bar(BDF, ROM);

	for (unsigned i = 0; i < 0x4000; i++)
		rom[i] = (uint8_t)(i ^ i >> 8);
	le16_store(rom, 0xaa55);
}

static uint64_t rom_at(struct bench *b)
{
	return pci_bar_address(b->pci, PCI_ROM_BAR);
}

static void rom_on(struct bench *b)
{
	decode_on(b);
	cfg_write(b, PCI_ROM_ADDRESS, 4,
		  (uint32_t)rom_at(b) | PCI_ROM_ADDRESS_ENABLE);
}

static void rom_off(struct bench *b)
{
	cfg_write(b, PCI_ROM_ADDRESS, 4, (uint32_t)rom_at(b));
}

static uint64_t get(struct bench *b, uint64_t off, unsigned len)
{
	return bus_read(&b->vm.mmio, rom_at(b) + off, len);
}

static unsigned reads(void)
{
	char line[32];

	snprintf(line, sizeof(line), "region=%u off", ROM);
	return fake_trace_count(line);
}

/* -------- the register -------- */

static void its_size_is_found_by_writing_ones(void **state)
{
	struct fake_pci p = with_rom(0x4000);
	struct bench b;
	uint32_t at;

	bench_open(&b, &p);
	at = cfg_read(&b, PCI_ROM_ADDRESS, 4);
	assert_true(at != 0 && at % 0x4000 == 0); /* firmware placed it, off */
	cfg_write(&b, PCI_ROM_ADDRESS, 4, (uint32_t)PCI_ROM_ADDRESS_MASK);
	assert_int_equal(cfg_read(&b, PCI_ROM_ADDRESS, 4), 0xffffc000);
	cfg_write(&b, PCI_ROM_ADDRESS, 4, UINT32_MAX);
	assert_int_equal(cfg_read(&b, PCI_ROM_ADDRESS, 4), 0xffffc001);
	/* in bytes, from the top */
	for (unsigned i = 4; i-- > 0;)
		cfg_write(&b, PCI_ROM_ADDRESS + i, 1, at >> (8 * i) & 0xff);
	assert_int_equal(cfg_read(&b, PCI_ROM_ADDRESS, 4), at);
	bench_close(&b);
}

static void without_a_rom_the_register_is_zero(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	cfg_write(&b, PCI_ROM_ADDRESS, 4, UINT32_MAX);
	assert_int_equal(cfg_read(&b, PCI_ROM_ADDRESS, 4), 0);
	bench_close(&b);
}

static void it_decodes_with_its_own_bit_and_memory_decode(void **state)
{
	struct fake_pci p = with_rom(0x4000);
	struct bench b;

	bench_open(&b, &p);
	burn();
	decode_on(&b);
	assert_true(get(&b, 4, 4) == 0xffffffff);
	cfg_write(&b, PCI_COMMAND, 2, 0);
	rom_on(&b);
	assert_true(get(&b, 4, 4) == 0x07060504);
	cfg_write(&b, PCI_COMMAND, 2, PCI_COMMAND_IO);
	assert_true(get(&b, 4, 4) == 0xffffffff);
	cfg_write(&b, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_true(get(&b, 4, 4) == 0x07060504);
	rom_off(&b);
	assert_true(get(&b, 4, 4) == 0xffffffff);
	assert_null(fake_kvm_slot_at(rom_at(&b)));
	bench_close(&b);
}

static void it_moves_with_its_register(void **state)
{
	struct fake_pci p = with_rom(0x4000);
	struct bench b;
	uint64_t old;

	bench_open(&b, &p);
	burn();
	rom_on(&b);
	assert_true(get(&b, 4, 4) == 0x07060504);
	old = rom_at(&b);
	cfg_write(&b, PCI_ROM_ADDRESS, 4,
		  (uint32_t)(old + 0x4000) | PCI_ROM_ADDRESS_ENABLE);
	assert_null(fake_kvm_slot_at(old));
	assert_non_null(fake_kvm_slot_at(old + 0x4000));
	assert_true(bus_read(&b.vm.mmio, old + 4, 4) == 0xffffffff);
	assert_true(get(&b, 4, 4) == 0x07060504);
	bench_close(&b);
}

/* A guest that points its ROM at RAM or at a BAR keeps both as they are. */
static void it_never_covers_anything_else(void **state)
{
	struct fake_pci p = with_rom(0x4000);
	const struct fake_slot *s;
	struct bench b;
	uint64_t at;

	bench_open(&b, &p);
	burn();
	rom_on(&b);
	(void)get(&b, 0, 4);
	cfg_write(&b, PCI_ROM_ADDRESS, 4, 0x100000 | PCI_ROM_ADDRESS_ENABLE);
	s = fake_kvm_slot_at(0x100000);
	assert_non_null(s);
	assert_int_equal(s->flags, 0);
	at = bar_at(&b, 0);
	cfg_write(&b, PCI_ROM_ADDRESS, 4,
		  (uint32_t)at | PCI_ROM_ADDRESS_ENABLE);
	le32_store((uint8_t *)fake_pci_bar(BDF, 0) + 0x2f00, 77);
	assert_true(bus_read(&b.vm.mmio, at + 0x2f00, 4) == 77);
	s = fake_kvm_slot_at(at);
	assert_non_null(s);
	assert_int_equal(s->flags, 0);
	bench_close(&b);
}

/* -------- the bytes -------- */

static void the_guest_reads_what_the_device_holds(void **state)
{
	struct fake_pci p = with_rom(0x4000);
	struct bench b;
	uint8_t *rom;

	bench_open(&b, &p);
	burn();
	rom_on(&b);
	rom = fake_pci_bar(BDF, ROM);
	for (unsigned len = 1; len <= 8; len *= 2)
		for (unsigned off = 0; off < 0x4000; off += 0x410)
			assert_true(get(&b, off, len) ==
				    le_load(rom + off, len));
	assert_true(get(&b, 0x3ffc, 4) == le_load(rom + 0x3ffc, 4));
	bench_close(&b);
}

/* Its region is asked for then: the filter of a machine at work is there. */
static void a_machine_at_work_may_ask_for_it(void **state)
{
	const struct sys_command *c = sys_commands;

	while (strcmp(c->name, "VFIO_DEVICE_GET_REGION_INFO") != 0)
		c++;
	assert_int_equal(c->when, SYS_RUN);
}

static void the_device_is_read_once_and_not_before_the_guest_does(void **state)
{
	struct fake_pci p = with_rom(0x4000);
	const struct fake_slot *s;
	struct bench b;

	bench_open(&b, &p);
	burn();
	rom_on(&b);
	assert_int_equal(reads(), 0);
	assert_null(fake_kvm_slot_at(rom_at(&b)));
	assert_true(get(&b, 0, 2) == 0xaa55);
	assert_true(reads() > 0);
	fake_trace_clear();
	assert_true(get(&b, 4, 4) == 0x07060504);
	rom_off(&b);
	rom_on(&b);
	assert_true(get(&b, 4, 4) == 0x07060504);
	assert_int_equal(reads(), 0);
	/* and from now on KVM has it */
	s = fake_kvm_slot_at(rom_at(&b));
	assert_non_null(s);
	assert_int_equal(s->flags, KVM_MEM_READONLY);
	assert_true(s->size == 0x4000);
	assert_memory_equal((const void *)(uintptr_t)s->hva,
			    fake_pci_bar(BDF, ROM), 0x4000);
	bench_close(&b);
}

/* The kernel switches decode and ROM on to answer: only when it must. */
static void opening_does_not_ask_for_the_rom(void **state)
{
	struct fake_pci p = with_rom(0x4000);
	struct bench b;

	bench_open(&b, &p);
	assert_int_equal(
		fake_trace_count("VFIO_DEVICE_GET_REGION_INFO device " BDF
				 " index=6"),
		0);
	assert_int_equal(fake_trace_count("VFIO_DEVICE_GET_REGION_INFO") > 0,
			 1);
	bench_close(&b);
}

static void writes_go_nowhere(void **state)
{
	struct fake_pci p = with_rom(0x4000);
	struct bench b;

	bench_open(&b, &p);
	burn();
	rom_on(&b);
	fake_trace_clear();
	bus_write(&b.vm.mmio, rom_at(&b) + 4, 4, 0);
	assert_int_equal(fake_trace_count("pwrite"), 0);
	assert_true(get(&b, 4, 4) == 0x07060504);
	bus_write(&b.vm.mmio, rom_at(&b) + 4, 4, 0);
	assert_true(get(&b, 4, 4) == 0x07060504);
	bench_close(&b);
}

static void behind_a_short_image_are_ones(void **state)
{
	struct fake_pci p = with_rom(0x4000);
	struct bench b;

	p.rom_image = 0x600;
	bench_open(&b, &p);
	burn();
	rom_on(&b);
	assert_true(get(&b, 0x5fc, 4) != 0xffffffff);
	assert_true(get(&b, 0x600, 4) == 0xffffffff);
	bench_close(&b);
}

/* Neighbours in its page are not its own. */
static void a_rom_smaller_than_a_page_traps(void **state)
{
	struct fake_pci p = with_rom(2048);
	struct bench b;

	bench_open(&b, &p);
	le32_store((uint8_t *)fake_pci_bar(BDF, ROM) + 2044, 0x12345678);
	rom_on(&b);
	assert_true(get(&b, 2044, 4) == 0x12345678);
	assert_null(fake_kvm_slot_at(rom_at(&b)));
	assert_true(get(&b, 2044, 4) == 0x12345678);
	bench_close(&b);
}

static void without_a_slot_it_traps(void **state)
{
	struct fake_pci p = with_rom(0x4000);
	struct bench b;

	bench_open(&b, &p);
	burn();
	rom_on(&b);
	fake_fail_ioctl("KVM_SET_USER_MEMORY_REGION", 0, ENOSPC);
	for (unsigned i = 0; i < 3; i++)
		assert_true(get(&b, 4, 4) == 0x07060504);
	fake_fail_none();
	bench_close(&b);
}

static void after_a_reset_the_device_is_asked_anew(void **state)
{
	struct fake_pci p = with_rom(0x4000);
	struct bench b;
	uint64_t at;

	bench_open(&b, &p);
	burn();
	rom_on(&b);
	at = rom_at(&b);
	assert_true(get(&b, 4, 4) == 0x07060504);
	/* the guest wrote another image into the card */
	le32_store((uint8_t *)fake_pci_bar(BDF, ROM) + 4, 0x11223344);
	cfg_write(&b, plain_function.express_at + PCI_EXP_DEVCTL, 2,
		  PCI_EXP_DEVCTL_BCR_FLR);
	assert_int_equal(cfg_read(&b, PCI_ROM_ADDRESS, 4), 0);
	assert_null(fake_kvm_slot_at(at));
	cfg_write(&b, PCI_ROM_ADDRESS, 4, (uint32_t)at);
	rom_on(&b);
	assert_true(get(&b, 4, 4) == 0x11223344);
	bench_close(&b);
}

/* -------- ROMs that cannot be read -------- */

static void a_rom_without_a_valid_image_reads_ones(void **state)
{
	struct fake_pci p = with_rom(0x4000);
	struct bench b;

	p.rom_invalid = true;
	bench_open(&b, &p);
	rom_on(&b);
	assert_true(get(&b, 0, 4) == 0xffffffff);
	fake_trace_clear();
	assert_true(get(&b, 0x1000, 8) == UINT64_MAX);
	assert_int_equal(fake_trace_count("VFIO_DEVICE_GET_REGION_INFO"), 0);
	assert_int_equal(b.dev->access_limit.used, 1);
	assert_int_equal(b.dev->health, VFIO_OK);
	bench_close(&b);
}

static void what_was_read_before_an_error_stays(void **state)
{
	struct fake_pci p = with_rom(0x40000);
	struct bench b;

	bench_open(&b, &p);
	memset(fake_pci_bar(BDF, ROM), 0x42, 0x40000);
	rom_on(&b);
	fake_trace_clear();
	fake_fail_call("pread device", bench_user ? 17 : 2, EIO);
	assert_true(get(&b, 0xfffc, 4) == 0x42424242);
	fake_fail_none();
	assert_true(get(&b, 0x10000, 4) == 0xffffffff);
	assert_true(get(&b, 0x3fffc, 4) == 0xffffffff);
	assert_int_equal(b.dev->access_limit.used, 1);
	bench_close(&b);
}

static void asking_may_fail(void **state)
{
	struct fake_pci p = with_rom(0x4000);
	struct bench b;

	bench_open(&b, &p);
	burn();
	rom_on(&b);
	fake_fail_ioctl("VFIO_DEVICE_GET_REGION_INFO", 0, EIO);
	assert_true(get(&b, 0, 4) == 0xffffffff);
	fake_fail_none();
	assert_true(get(&b, 0, 4) == 0xffffffff);
	bench_close(&b);
}

static void a_lost_function_has_no_rom(void **state)
{
	struct fake_pci p = with_rom(0x4000);
	struct bench b;

	bench_open(&b, &p);
	burn();
	rom_on(&b);
	b.dev->health = VFIO_LOST;
	fake_trace_clear();
	assert_true(get(&b, 0, 4) == 0xffffffff);
	assert_int_equal(reads(), 0);
	bench_close(&b);
}

/* The host hangs at a read: QEMU refuses it, too. */
static void a_rom_known_to_hang_is_not_shown(void **state)
{
	struct fake_pci p = with_rom(0x4000);
	struct bench b;

	p.vendor = 0x14e4;
	p.device = 0x168e;
	bench_open(&b, &p);
	assert_int_equal(cfg_read(&b, PCI_ROM_ADDRESS, 4), 0);
	cfg_write(&b, PCI_ROM_ADDRESS, 4, UINT32_MAX);
	assert_int_equal(cfg_read(&b, PCI_ROM_ADDRESS, 4), 0);
	bench_close(&b);
}

static void a_size_that_no_rom_has_shows_none(void **state)
{
	struct fake_pci p = with_rom(UINT64_C(32) << 20);
	struct bench b;

	bench_open(&b, &p);
	assert_int_equal(cfg_read(&b, PCI_ROM_ADDRESS, 4), 0);
	bench_close(&b);
}

/* -------- rom=off, rom=FILE -------- */

static void switched_off_none_is_shown(void **state)
{
	struct fake_pci p = with_rom(0x4000);
	struct bench b;

	fake_pci_add(&p);
	bench_vm(&b);
	b.o.rom = VFIO_ROM_OFF;
	MUST(bench_attach(&b, &why));
	MUST(bench_place(&b, &why));
	cfg_write(&b, PCI_ROM_ADDRESS, 4, UINT32_MAX);
	assert_int_equal(cfg_read(&b, PCI_ROM_ADDRESS, 4), 0);
	bench_close(&b);
}

static void open_with_file(struct bench *b, uint64_t rom_size)
{
	struct fake_pci p = with_rom(rom_size);

	fake_pci_add(&p);
	bench_vm(b);
	b->o.rom = VFIO_ROM_FILE;
	snprintf(b->o.rom_file, sizeof(b->o.rom_file), ROM_FILE);
}

static void a_file_stands_in_for_the_rom(void **state)
{
	uint8_t image[5000];
	struct bench b;
	uint32_t at;

	memset(image, 0x24, sizeof(image));
	fake_blob(ROM_FILE, image, sizeof(image));
	open_with_file(&b, 0); /* the device has none at all */
	MUST(bench_attach(&b, &why));
	MUST(bench_place(&b, &why));
	at = cfg_read(&b, PCI_ROM_ADDRESS, 4);
	cfg_write(&b, PCI_ROM_ADDRESS, 4, (uint32_t)PCI_ROM_ADDRESS_MASK);
	assert_int_equal(cfg_read(&b, PCI_ROM_ADDRESS, 4), 0xffffe000);
	cfg_write(&b, PCI_ROM_ADDRESS, 4, at);
	rom_on(&b);
	assert_true(get(&b, 4996, 4) == 0x24242424);
	assert_true(get(&b, 5000, 4) == 0xffffffff);
	assert_int_equal(reads(), 0);
	/* a reset changes nothing about it */
	cfg_write(&b, plain_function.express_at + PCI_EXP_DEVCTL, 2,
		  PCI_EXP_DEVCTL_BCR_FLR);
	cfg_write(&b, PCI_ROM_ADDRESS, 4, at);
	rom_on(&b);
	assert_true(get(&b, 4996, 4) == 0x24242424);
	bench_close(&b);
}

static void files_that_are_no_rom_are_refused(void **state)
{
	static const struct {
		long size; /* -1: not there */
		bool fails;
		const char *says;
	} rows[] = {
		{ -1, false, ": rom: cannot open " ROM_FILE },
		{ 0, false, ": rom: " ROM_FILE " is no ROM: it has 0 bytes" },
		{ (16 << 20) + 1, false, ": rom: " ROM_FILE " is no ROM" },
		{ 2048, true, ": rom: cannot read " ROM_FILE },
	};
	void *zeroes = calloc(1, (16 << 20) + 1);

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct err e = ERR_NONE;
		struct bench b;

		fake_reset();
		if (rows[i].size >= 0)
			fake_blob(ROM_FILE, zeroes, (size_t)rows[i].size);
		open_with_file(&b, 0x4000);
		if (rows[i].fails)
			fake_fail_call("pread " ROM_FILE, 0, EIO);
		if (bench_attach(&b, &e) >= 0)
			fail_msg("row %u was taken", i);
		if (!bench_says(&e, rows[i].says))
			fail_msg("row %u: %s", i, e.text);
		fake_fail_none();
		bench_close(&b);
	}
	free(zeroes);
}

/* Opening it must not wait for a writer. */
static void fifo_as_rom_is_refused_at_once(void **state)
{
	char folder[] = "/tmp/minivmm-test-XXXXXX";
	struct err e = ERR_NONE;
	struct bench b;

	assert_non_null(mkdtemp(folder));
	fake_real(folder);
	open_with_file(&b, 0x4000);
	snprintf(b.o.rom_file, sizeof(b.o.rom_file), "%s/fifo", folder);
	assert_int_equal(mkfifo(b.o.rom_file, 0600), 0);
	alarm(10);
	assert_int_equal(bench_attach(&b, &e), -EINVAL);
	alarm(0);
	assert_non_null(strstr(e.text, "/fifo is no ROM: it has 0 bytes"));
	assert_int_equal(unlink(b.o.rom_file), 0);
	assert_int_equal(rmdir(folder), 0);
	bench_close(&b);
}

static void opening_with_a_file_unwinds_from_everywhere(void **state)
{
	uint8_t image[3000] = { 0x55, 0xaa };
	struct bench b;

	fake_blob(ROM_FILE, image, sizeof(image));
	open_with_file(&b, 0x4000);
	MUST(bench_sweep_open(&b, &why)); /* KVM's VFIO device stays */
	bench_sweep_close(&b);
	fake_mark();
	assert_true(fake_sweep(bench_sweep_open, bench_sweep_close, &b,
			       bench_name()) > 4);
	bench_close(&b);
}

static const struct CMUnitTest both[] = {
	FAKE_TEST(its_size_is_found_by_writing_ones),
	FAKE_TEST(without_a_rom_the_register_is_zero),
	FAKE_TEST(it_decodes_with_its_own_bit_and_memory_decode),
	FAKE_TEST(it_moves_with_its_register),
	FAKE_TEST(it_never_covers_anything_else),
	FAKE_TEST(the_guest_reads_what_the_device_holds),
	FAKE_TEST(a_machine_at_work_may_ask_for_it),
	FAKE_TEST(the_device_is_read_once_and_not_before_the_guest_does),
	FAKE_TEST(writes_go_nowhere),
	FAKE_TEST(behind_a_short_image_are_ones),
	FAKE_TEST(a_rom_smaller_than_a_page_traps),
	FAKE_TEST(without_a_slot_it_traps),
	FAKE_TEST(after_a_reset_the_device_is_asked_anew),
	FAKE_TEST(what_was_read_before_an_error_stays),
	FAKE_TEST(asking_may_fail),
	FAKE_TEST(a_lost_function_has_no_rom),
	FAKE_TEST(a_rom_known_to_hang_is_not_shown),
	FAKE_TEST(a_size_that_no_rom_has_shows_none),
	FAKE_TEST(switched_off_none_is_shown),
	FAKE_TEST(a_file_stands_in_for_the_rom),
	FAKE_TEST(files_that_are_no_rom_are_refused),
	FAKE_TEST(fifo_as_rom_is_refused_at_once),
	FAKE_TEST(opening_with_a_file_unwinds_from_everywhere),
};

static const struct CMUnitTest kernel_only[] = {
	FAKE_TEST(opening_does_not_ask_for_the_rom),
	FAKE_TEST(a_rom_without_a_valid_image_reads_ones),
};

/* VFIO-CFG-11 */
BENCH_MAIN(both, kernel_only)

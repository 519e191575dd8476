/* The DSDT, as an operating system's interpreter reads it. VFIO-KVM-15,
 * VFIO-KVM-16, VFIO-KVM-17. */
#include "tests/unit/firmware/aml.h"

#define PCI_CRS "\\_SB.PCI0._CRS"
#define PCI_PRT "\\_SB.PCI0._PRT"
#define BOARD_CRS "\\_SB.MBRD._CRS"
#define BOARD_HID "\\_SB.MBRD._HID"
#define UART_CRS "\\_SB.COM1._CRS"
#define RTC_CRS "\\_SB.RTC_._CRS"
#define PANIC_CRS "\\_SB.PVPN._CRS"
#define UART_STA "\\_SB.COM1._STA"
#define RTC_STA "\\_SB.RTC_._STA"
#define PANIC_STA "\\_SB.PVPN._STA"
#define S5 "\\_S5"

static const char *const questions[] = {
	PCI_CRS,
	PCI_PRT,
	BOARD_CRS,
	BOARD_HID,
	UART_CRS,
	RTC_CRS,
	PANIC_CRS,
	UART_STA,
	RTC_STA,
	PANIC_STA,
	S5,
	"\\_SB.PCI0._HID",
	"\\_SB.PCI0._CID",
	"\\_SB.PCI0._SEG",
	"\\_SB.PCI0._BBN",
	"\\_SB.PCI0._UID",
	NULL,
};

#define UUID_PCI "(5B 4D DB 33 F7 1F 1C 40 96 57 74 41 C0 3D D7 66)"
#define UUID_ELSE "(5B 4D DB 33 F7 1F 1C 40 96 57 74 41 C0 3D D7 67)"
#define OSC(uuid, arguments) "\\_SB.PCI0._OSC " uuid " " arguments

/* clang-format off */
#define OSC_QUERY OSC(UUID_PCI, "1 3 (01 00 00 00 1F 01 00 00 FF 01 00 00)")
#define OSC_PCIE  OSC(UUID_PCI, "1 3 (00 00 00 00 1F 01 00 00 10 00 00 00)")
/* native hot-plug, SHPC, PME, AER, LTR, DPC */
#define OSC_OTHER OSC(UUID_PCI, "1 3 (00 00 00 00 1F 01 00 00 AF 00 00 00)")
#define OSC_UUID  OSC(UUID_ELSE, "1 3 (00 00 00 00 1F 01 00 00 FF 00 00 00)")
#define OSC_REV   OSC(UUID_PCI, "2 3 (00 00 00 00 1F 01 00 00 FF 00 00 00)")
#define OSC_SHORT OSC(UUID_PCI, "1 2 (00 00 00 00 1F 01 00 00)")
/* clang-format on */

static const char *const osc_questions[] = {
	OSC_QUERY, OSC_PCIE, OSC_OTHER, OSC_UUID, OSC_REV, OSC_SHORT, NULL,
};

static void make_one_bus(struct platform *p)
{
	make_bare(p);
	p->n_buses = 1;
	p->ecam.size = MIB;
	p->mem32 = (struct range){ 0xc0000000, 0x40000000 };
}

enum { PC, BARE, SHORT, ONE_BUS, SCENES };
static struct tables tables[SCENES];
static struct aml said[SCENES], osc_said;

static int ask_everything(void **state)
{
	static void (*const make[SCENES])(struct platform * p) = {
		make_pc, make_bare, make_short, make_one_bus
	};
	struct platform p;

	for (unsigned i = 0; i < SCENES; i++) {
		make[i](&p);
		tables_build(&tables[i], &p);
		aml_start(&said[i], &tables[i], questions);
	}
	aml_start(&osc_said, &tables[PC], osc_questions);
	for (unsigned i = 0; i < SCENES; i++)
		aml_finish(&said[i]);
	aml_finish(&osc_said);
	return 0;
}

enum { PRODUCER_FIXED = 0x0c, CONSUMER_FIXED = 0x0d, PREFETCHABLE = 3 << 1 };

static void expect(const struct resource *r, enum resource_kind kind,
		   uint64_t base, uint64_t size, uint8_t flags)
{
	assert_int_equal(r->kind, kind);
	assert_true(r->min == base && r->len == size);
	assert_int_equal(r->flags, flags);
}

/* VFIO-KVM-15 */
static void bridge_produces_its_windows(void **state)
{
	struct resources c;

	aml_resources(&said[PC], PCI_CRS, &c);
	assert_int_equal(c.n, 5);
	expect(&c.r[0], RES_BUS, 0, 256, PRODUCER_FIXED);
	expect(&c.r[1], RES_IO, 0xcf8, 8, 0); /* its own registers */
	assert_int_equal(c.r[1].width, 0);
	expect(&c.r[2], RES_IO, 0x1000, 0xf000, PRODUCER_FIXED);
	expect(&c.r[3], RES_MEMORY, 0x80000000, 0x60000000, PRODUCER_FIXED);
	expect(&c.r[4], RES_MEMORY, 0x200000000, 0x140000000, PRODUCER_FIXED);
	assert_int_equal(c.r[3].type_flags & PREFETCHABLE, 0);
	assert_int_equal(c.r[4].type_flags & PREFETCHABLE, PREFETCHABLE);
}

static void without_64_bit_window_none_is_described(void **state)
{
	struct resources c;

	aml_resources(&said[BARE], PCI_CRS, &c);
	assert_int_equal(c.n, 4);
	expect(&c.r[0], RES_BUS, 0, 16, PRODUCER_FIXED);
	expect(&c.r[2], RES_IO, 0x2000, 0x800, PRODUCER_FIXED);
	expect(&c.r[3], RES_MEMORY, 0xc0000000, 0x20000000, PRODUCER_FIXED);
}

static void one_bus_and_a_window_to_4_gib(void **state)
{
	struct resources c;

	aml_resources(&said[ONE_BUS], PCI_CRS, &c);
	expect(&c.r[0], RES_BUS, 0, 1, PRODUCER_FIXED);
	expect(&c.r[3], RES_MEMORY, 0xc0000000, 0x40000000, PRODUCER_FIXED);
}

/* VFIO-KVM-16 */
static void ecam_and_power_are_motherboard_resources(void **state)
{
	struct resources c;

	assert_true(aml_number(&said[PC], "\\_SB.MBRD._HID") == 0x020cd041);
	aml_resources(&said[PC], BOARD_CRS, &c);
	assert_int_equal(c.n, 2);
	expect(&c.r[0], RES_MEMORY, 0xe0000000, 256 * MIB, CONSUMER_FIXED);
	expect(&c.r[1], RES_IO, 0x600, 3, 0);
	aml_resources(&said[BARE], BOARD_CRS, &c);
	expect(&c.r[0], RES_MEMORY, 0x1000000000, 16 * MIB, CONSUMER_FIXED);
	expect(&c.r[1], RES_IO, 0xb000, 3, 0);
	aml_resources(&said[SHORT], BOARD_CRS, &c);
	expect(&c.r[0], RES_MEMORY, 0xe0000000, 256 * MIB, CONSUMER_FIXED);
}

/* ttyS0's interrupt: edge triggered, active high. */
static void uart_has_ports_and_its_gsi(void **state)
{
	struct resources c;

	aml_resources(&said[PC], UART_CRS, &c);
	assert_int_equal(c.n, 2);
	expect(&c.r[0], RES_IO, 0x3f8, 8, 0);
	expect(&c.r[1], RES_IRQ, 4, 0, 0x03);
}

static void rtc_and_pvpanic_have_ports_and_no_interrupt(void **state)
{
	struct resources c;

	aml_resources(&said[PC], RTC_CRS, &c);
	assert_int_equal(c.n, 1);
	expect(&c.r[0], RES_IO, 0x70, 2, 0);
	aml_resources(&said[PC], PANIC_CRS, &c);
	assert_int_equal(c.n, 1);
	expect(&c.r[0], RES_IO, 0x505, 1, 0);
}

static void absent_devices_are_not_present(void **state)
{
	static const char *const devices[] = { UART_STA, RTC_STA, PANIC_STA };

	for (size_t i = 0; i < ARRAY_LEN(devices); i++) {
		print_message("%s\n", devices[i]);
		assert_int_equal(aml_number(&said[PC], devices[i]), 0x0f);
		assert_int_equal(aml_number(&said[BARE], devices[i]), 0);
	}
}

static void s5_is_the_boards_sleep_type(void **state)
{
	const struct answer *a = aml_answer(&said[BARE], S5);

	assert_int_equal(a->n_numbers, 2);
	assert_int_equal(a->number[0], 2);
	assert_int_equal(aml_answer(&said[PC], S5)->number[0], 5);
}

static void bridge_is_segment_0_bus_0(void **state)
{
	assert_true(aml_number(&said[PC], "\\_SB.PCI0._HID") == 0x080ad041);
	assert_true(aml_number(&said[PC], "\\_SB.PCI0._CID") == 0x030ad041);
	assert_int_equal(aml_number(&said[PC], "\\_SB.PCI0._SEG"), 0);
	assert_int_equal(aml_number(&said[PC], "\\_SB.PCI0._BBN"), 0);
	assert_int_equal(aml_number(&said[PC], "\\_SB.PCI0._UID"), 0);
}

static void check_routing(unsigned scene)
{
	const struct answer *a = aml_answer(&said[scene], PCI_PRT);
	const struct platform *p = &tables[scene].p;

	assert_int_equal(a->n_numbers, 32 * 4 * 4);
	for (unsigned i = 0; i < 32 * 4; i++) {
		const uint64_t *entry = a->number + 4 * i;
		unsigned device = i / 4, pin = i % 4;

		assert_int_equal(entry[0], device << 16 | 0xffff);
		assert_int_equal(entry[1], pin);
		assert_int_equal(entry[2], 0); /* no link device */
		assert_int_equal(entry[3],
				 p->intx_gsi_base +
					 (device + pin) % p->intx_gsis);
	}
}

/* VFIO-KVM-17 */
static void every_pin_of_the_root_bus_is_routed(void **state)
{
	check_routing(PC);
	check_routing(BARE); /* three GSIs for four pins */
}

/* _OSC's dwords, @n of them. */
static const uint8_t *osc(const char *question, unsigned n)
{
	const struct answer *a = aml_answer(&osc_said, question);

	assert_int_equal(a->n_bytes, 4 * n);
	return a->byte;
}

enum { QUERY = 1, BAD_UUID = 4, BAD_REVISION = 8, MASKED = 0x10 };

static void a_query_learns_what_a_request_would_get(void **state)
{
	const uint8_t *r = osc(OSC_QUERY, 3);

	assert_int_equal(le32_load(r), QUERY | MASKED);
	assert_int_equal(le32_load(r + 4), 0x11f);
	assert_int_equal(le32_load(r + 8), 0x10);
}

static void the_pcie_capability_is_granted(void **state)
{
	const uint8_t *r = osc(OSC_PCIE, 3);

	assert_int_equal(le32_load(r), 0);
	assert_int_equal(le32_load(r + 8), 0x10);
}

/* VFIO-KVM-15 */
static void what_ports_lack_is_never_granted(void **state)
{
	const uint8_t *r = osc(OSC_OTHER, 3);

	assert_int_equal(le32_load(r), MASKED);
	assert_int_equal(le32_load(r + 8), 0);
}

static void another_uuid_or_revision_is_an_error(void **state)
{
	const uint8_t *r = osc(OSC_UUID, 3);

	assert_int_equal(le32_load(r), BAD_UUID);
	assert_int_equal(le32_load(r + 8), 0xff); /* untouched */
	r = osc(OSC_REV, 3);
	assert_int_equal(le32_load(r), BAD_REVISION);
	assert_int_equal(le32_load(r + 8), 0xff);
}

static void too_few_dwords_are_an_error(void **state)
{
	assert_int_equal(le32_load(osc(OSC_SHORT, 2)), 2);
}

/* VFIO-KVM-14: iasl takes the table apart and puts it together again. */
static void iasl_reads_the_patched_table(void **state)
{
	const uint8_t *dsdt;
	char dir[] = "/tmp/minivmm-iasl-XXXXXX", command[512];
	FILE *f;

	dsdt = dsdt_of(&tables[PC]);
	assert_non_null(mkdtemp(dir));
	snprintf(command, sizeof(command), "%s/dsdt.dat", dir);
	f = fopen(command, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(dsdt, 1, le32_load(dsdt + 4), f),
			 le32_load(dsdt + 4));
	fclose(f);
	snprintf(command, sizeof(command),
		 "cd %s && iasl -d dsdt.dat >log 2>&1 && "
		 "iasl -we dsdt.dsl >>log 2>&1; rc=$?; "
		 "[ $rc = 0 ] || cat log; rm -r %s; exit $rc",
		 dir, dir);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bridge_produces_its_windows),
		cmocka_unit_test(without_64_bit_window_none_is_described),
		cmocka_unit_test(one_bus_and_a_window_to_4_gib),
		cmocka_unit_test(ecam_and_power_are_motherboard_resources),
		cmocka_unit_test(uart_has_ports_and_its_gsi),
		cmocka_unit_test(rtc_and_pvpanic_have_ports_and_no_interrupt),
		cmocka_unit_test(absent_devices_are_not_present),
		cmocka_unit_test(s5_is_the_boards_sleep_type),
		cmocka_unit_test(bridge_is_segment_0_bus_0),
		cmocka_unit_test(every_pin_of_the_root_bus_is_routed),
		cmocka_unit_test(a_query_learns_what_a_request_would_get),
		cmocka_unit_test(the_pcie_capability_is_granted),
		cmocka_unit_test(what_ports_lack_is_never_granted),
		cmocka_unit_test(another_uuid_or_revision_is_an_error),
		cmocka_unit_test(too_few_dwords_are_an_error),
		cmocka_unit_test(iasl_reads_the_patched_table),
	};

	return cmocka_run_group_tests(tests, ask_everything, NULL);
}

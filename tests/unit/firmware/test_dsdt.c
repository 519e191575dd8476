/* The DSDT, as an operating system's interpreter reads it. VFIO-KVM-15,
 * VFIO-KVM-16, VFIO-KVM-17. */
#include "tests/unit/firmware/aml.h"

static struct tables t;

static void build(void (*make)(struct platform *p))
{
	struct platform p;

	make(&p);
	tables_build(&t, &p);
}

enum { PRODUCER_FIXED = 0x0c, CONSUMER_FIXED = 0x0d, PREFETCHABLE = 3 << 1 };

static void expect(const struct resource *r, enum resource_kind kind,
		   uint64_t base, uint64_t size, uint8_t flags)
{
	assert_int_equal(r->kind, kind);
	assert_true(r->min == base && r->len == size);
	assert_int_equal(r->flags, flags);
}

static void bridge_produces_its_windows(void **state)
{
	struct resources c;

	build(make_pc);
	aml_resources(&t, "PCI0", &c);
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

	build(make_bare);
	aml_resources(&t, "PCI0", &c);
	assert_int_equal(c.n, 4);
	expect(&c.r[0], RES_BUS, 0, 16, PRODUCER_FIXED);
	expect(&c.r[2], RES_IO, 0x2000, 0x800, PRODUCER_FIXED);
	expect(&c.r[3], RES_MEMORY, 0xc0000000, 0x20000000, PRODUCER_FIXED);
}

static void one_bus_and_a_window_to_4_gib(void **state)
{
	struct resources c;
	struct platform p;

	make_bare(&p);
	p.n_buses = 1;
	p.ecam.size = MIB;
	p.mem32 = (struct range){ 0xc0000000, 0x40000000 };
	tables_build(&t, &p);
	aml_resources(&t, "PCI0", &c);
	expect(&c.r[0], RES_BUS, 0, 1, PRODUCER_FIXED);
	expect(&c.r[3], RES_MEMORY, 0xc0000000, 0x40000000, PRODUCER_FIXED);
}

static void ecam_and_power_are_motherboard_resources(void **state)
{
	struct resources c;

	build(make_pc);
	assert_true(aml_number(&t, "\\_SB.MBRD._HID") == 0x020cd041);
	aml_resources(&t, "MBRD", &c);
	assert_int_equal(c.n, 2);
	expect(&c.r[0], RES_MEMORY, 0xe0000000, 256 * MIB, CONSUMER_FIXED);
	expect(&c.r[1], RES_IO, 0x600, 3, 0);
	build(make_bare);
	aml_resources(&t, "MBRD", &c);
	expect(&c.r[0], RES_MEMORY, 0x1000000000, 16 * MIB, CONSUMER_FIXED);
	expect(&c.r[1], RES_IO, 0xb000, 3, 0);
	build(make_short); /* the whole of it, however many buses */
	aml_resources(&t, "MBRD", &c);
	expect(&c.r[0], RES_MEMORY, 0xe0000000, 256 * MIB, CONSUMER_FIXED);
}

/* ttyS0's interrupt: edge triggered, active high. */
static void uart_has_ports_and_its_gsi(void **state)
{
	struct resources c;

	build(make_pc);
	aml_resources(&t, "COM1", &c);
	assert_int_equal(c.n, 2);
	expect(&c.r[0], RES_IO, 0x3f8, 8, 0);
	expect(&c.r[1], RES_IRQ, 4, 0, 0x03);
}

static void rtc_and_pvpanic_have_ports_and_no_interrupt(void **state)
{
	struct resources c;

	build(make_pc);
	aml_resources(&t, "RTC_", &c);
	assert_int_equal(c.n, 1);
	expect(&c.r[0], RES_IO, 0x70, 2, 0);
	aml_resources(&t, "PVPN", &c);
	assert_int_equal(c.n, 1);
	expect(&c.r[0], RES_IO, 0x505, 1, 0);
}

static void absent_devices_are_not_present(void **state)
{
	static const char *const devices[] = { "COM1", "RTC_", "PVPN" };
	char what[32];

	for (size_t i = 0; i < ARRAY_LEN(devices); i++) {
		print_message("%s\n", devices[i]);
		snprintf(what, sizeof(what), "\\_SB.%s._STA", devices[i]);
		build(make_pc);
		assert_int_equal(aml_number(&t, what), 0x0f);
		build(make_bare);
		assert_int_equal(aml_number(&t, what), 0);
	}
}

static void s5_is_the_boards_sleep_type(void **state)
{
	struct answer a;

	build(make_bare);
	aml_evaluate(&t, "\\_S5", &a);
	assert_int_equal(a.n_numbers, 2);
	assert_int_equal(a.number[0], 2);
}

static void bridge_is_segment_0_bus_0(void **state)
{
	build(make_pc);
	assert_true(aml_number(&t, "\\_SB.PCI0._HID") == 0x080ad041);
	assert_true(aml_number(&t, "\\_SB.PCI0._CID") == 0x030ad041);
	assert_int_equal(aml_number(&t, "\\_SB.PCI0._SEG"), 0);
	assert_int_equal(aml_number(&t, "\\_SB.PCI0._BBN"), 0);
	assert_int_equal(aml_number(&t, "\\_SB.PCI0._UID"), 0);
}

static void check_routing(void)
{
	struct answer a;

	aml_evaluate(&t, "\\_SB.PCI0._PRT", &a);
	assert_int_equal(a.n_numbers, 32 * 4 * 4);
	for (unsigned i = 0; i < 32 * 4; i++) {
		const uint64_t *entry = a.number + 4 * i;
		unsigned device = i / 4, pin = i % 4;

		assert_int_equal(entry[0], device << 16 | 0xffff);
		assert_int_equal(entry[1], pin);
		assert_int_equal(entry[2], 0); /* no link device */
		assert_int_equal(entry[3],
				 t.p.intx_gsi_base +
					 (device + pin) % t.p.intx_gsis);
	}
}

static void every_pin_of_the_root_bus_is_routed(void **state)
{
	build(make_pc);
	check_routing();
	build(make_bare); /* three GSIs for four pins */
	check_routing();
}

#define UUID_PCI "(5B 4D DB 33 F7 1F 1C 40 96 57 74 41 C0 3D D7 66)"
#define UUID_ELSE "(5B 4D DB 33 F7 1F 1C 40 96 57 74 41 C0 3D D7 67)"

/* _OSC's three dwords. */
static const uint8_t *osc(const char *arguments)
{
	static struct answer a;
	char what[256];

	build(make_pc);
	snprintf(what, sizeof(what), "\\_SB.PCI0._OSC %s", arguments);
	aml_evaluate(&t, what, &a);
	assert_int_equal(a.n_bytes, 12);
	return a.byte;
}

enum { QUERY = 1, BAD_UUID = 4, BAD_REVISION = 8, MASKED = 0x10 };

static void a_query_learns_what_a_request_would_get(void **state)
{
	const uint8_t *r = osc(UUID_PCI " 1 3 (01 00 00 00 1F 01 00 00 "
					"FF 01 00 00)");

	assert_int_equal(le32_load(r), QUERY | MASKED);
	assert_int_equal(le32_load(r + 4), 0x11f);
	assert_int_equal(le32_load(r + 8), 0x10);
}

static void the_pcie_capability_is_granted(void **state)
{
	const uint8_t *r = osc(UUID_PCI " 1 3 (00 00 00 00 1F 01 00 00 "
					"10 00 00 00)");

	assert_int_equal(le32_load(r), 0);
	assert_int_equal(le32_load(r + 8), 0x10);
}

static void what_ports_lack_is_never_granted(void **state)
{
	/* native hot-plug, SHPC, PME, AER, LTR, DPC */
	const uint8_t *r = osc(UUID_PCI " 1 3 (00 00 00 00 1F 01 00 00 "
					"AF 00 00 00)");

	assert_int_equal(le32_load(r), MASKED);
	assert_int_equal(le32_load(r + 8), 0);
}

static void another_uuid_or_revision_is_an_error(void **state)
{
	const uint8_t *r = osc(UUID_ELSE " 1 3 (00 00 00 00 1F 01 00 00 "
					 "FF 00 00 00)");

	assert_int_equal(le32_load(r), BAD_UUID);
	assert_int_equal(le32_load(r + 8), 0xff); /* untouched */
	r = osc(UUID_PCI " 2 3 (00 00 00 00 1F 01 00 00 FF 00 00 00)");
	assert_int_equal(le32_load(r), BAD_REVISION);
	assert_int_equal(le32_load(r + 8), 0xff);
}

static void too_few_dwords_are_an_error(void **state)
{
	struct answer a;

	build(make_pc);
	aml_evaluate(&t,
		     "\\_SB.PCI0._OSC " UUID_PCI
		     " 1 2 (00 00 00 00 1F 01 00 00)",
		     &a);
	assert_int_equal(a.n_bytes, 8);
	assert_int_equal(le32_load(a.byte), 2);
}

/* VFIO-KVM-14: iasl takes the table apart and puts it together again. */
static void iasl_reads_the_patched_table(void **state)
{
	const uint8_t *dsdt;
	char dir[] = "/tmp/minivmm-iasl-XXXXXX", command[512];
	FILE *f;

	build(make_pc);
	dsdt = dsdt_of(&t);
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

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The fixed tables. VFIO-KVM-14, VFIO-KVM-16. */
#include "tests/unit/firmware/machines.h"

static struct tables t;

static void build(void (*make)(struct platform *p))
{
	struct platform p;

	make(&p);
	tables_build(&t, &p);
}

static void rsdp_is_revision_2_with_both_checksums(void **state)
{
	const uint8_t *r;

	build(make_pc);
	r = at_gpa(&t, t.rsdp, 36);
	assert_memory_equal(r, "RSD PTR ", 8);
	assert_int_equal(r[15], 2);
	assert_int_equal(le32_load(r + 20), 36);
	assert_int_equal(sum_of(r, 20), 0);
	assert_int_equal(sum_of(r, 36), 0);
	assert_int_equal(le32_load(r + 16), 0); /* no RSDT */
}

static void every_table_is_found_through_the_xsdt(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(machines); i++) {
		print_message("%s\n", machines[i].name);
		build(machines[i].make);
		table_named(&t, "FACP");
		table_named(&t, "APIC");
		table_named(&t, "MCFG");
		dsdt_of(&t);
	}
}

static void nothing_is_written_beyond_what_is_used(void **state)
{
	build(make_pc);
	for (size_t i = (size_t)t.used; i < sizeof(t.area); i++)
		assert_int_equal(t.area[i], 0xee);
}

static void tables_move_with_their_address(void **state)
{
	struct err e = ERR_NONE;
	struct platform p;

	make_pc(&p);
	tables_build(&t, &p);
	t.gpa = 0x123456789000;
	t.used = acpi_build(&p, t.area, sizeof(t.area), t.gpa, &t.rsdp, &e);
	assert_true(t.rsdp == t.gpa);
	table_named(&t, "MCFG");
	dsdt_of(&t);
}

/* Whatever table does not fit, there is a sentence and no *rsdp. */
static void an_area_too_small_is_refused(void **state)
{
	uint8_t *area;
	struct platform p;
	uint64_t rsdp = 77;
	unsigned refusals = 0;

	make_wide(&p);
	tables_build(&t, &p);
	for (size_t size = 0; size <= (size_t)t.used; size += 4) {
		struct err e = ERR_NONE;
		int rc;

		area = malloc(size + 1); /* so that ASan sees an overrun */
		rc = acpi_build(&p, area, size, 0xe0000, &rsdp, &e);
		free(area);
		if (rc >= 0)
			break;
		refusals++;
		assert_int_equal(rc, -ENOSPC);
		assert_true(rsdp == 77);
		assert_non_null(strstr(e.text, "does not fit"));
	}
	assert_int_equal(refusals, ((unsigned)t.used + 3) / 4);
	assert_true(rsdp == 0xe0000);
}

static void fadt_says_hardware_reduced_with_sleep_and_reset(void **state)
{
	const uint8_t *f;

	build(make_pc);
	f = table_named(&t, "FACP");
	assert_int_equal(f[8], 6);
	assert_int_equal(f[131], 5);
	assert_int_equal(le32_load(f + 4), 276);
	assert_true(le32_load(f + 112) & 1 << 20); /* HW_REDUCED_ACPI */
	assert_true(le32_load(f + 112) & 1 << 10); /* RESET_REG_SUP */
	/* Control-method buttons: that is, none that are fixed. */
	assert_true((le32_load(f + 112) & 0x30) == 0x30);
	assert_int_equal(f[116], 1); /* reset: I/O space, one byte */
	assert_int_equal(f[117], 8);
	assert_int_equal(f[119], 1);
	assert_int_equal(le64_load(f + 120), 0x602);
	assert_int_equal(f[128], 0x5a);
	assert_int_equal(f[244], 1); /* sleep control */
	assert_int_equal(le64_load(f + 248), 0x600);
	assert_int_equal(f[256], 1); /* sleep status */
	assert_int_equal(le64_load(f + 260), 0x601);
	assert_memory_equal(f + 268, "MINIVMM", 8);
	/* No PM1, PM timer, GPE: all blocks are zero. */
	for (unsigned i = 56; i < 96; i++)
		assert_int_equal(f[i], 0);
	for (unsigned i = 148; i < 244; i++)
		assert_int_equal(f[i], 0);
}

enum { LEGACY = 1 << 0, NO_VGA = 1 << 2, NO_ASPM = 1 << 4, NO_RTC = 1 << 5 };

static void boot_flags_are_truthful(void **state)
{
	build(make_pc);
	assert_int_equal(le16_load(table_named(&t, "FACP") + 109),
			 LEGACY | NO_VGA | NO_ASPM);
	build(make_bare);
	assert_int_equal(le16_load(table_named(&t, "FACP") + 109),
			 NO_VGA | NO_ASPM | NO_RTC);
}

static void fadt_names_the_century_byte_of_the_rtc(void **state)
{
	build(make_pc);
	assert_int_equal(table_named(&t, "FACP")[108], 0x32);
	build(make_bare);
	assert_int_equal(table_named(&t, "FACP")[108], 0);
}

static void mcfg_covers_the_buses_there_are(void **state)
{
	const uint8_t *m;

	build(make_pc);
	m = table_named(&t, "MCFG");
	assert_int_equal(le32_load(m + 4), 60);
	assert_true(le64_load(m + 44) == 0xe0000000);
	assert_int_equal(le16_load(m + 52), 0);
	assert_int_equal(m[54], 0);
	assert_int_equal(m[55], 255);
	build(make_bare);
	m = table_named(&t, "MCFG");
	assert_true(le64_load(m + 44) == 0x1000000000);
	assert_int_equal(m[55], 15);
	build(make_short);
	assert_int_equal(table_named(&t, "MCFG")[55], 8);
}

/* The @n-th MADT entry of @type, or NULL. */
static const uint8_t *madt_entry(unsigned type, unsigned n)
{
	const uint8_t *m = table_named(&t, "APIC");
	uint32_t len = le32_load(m + 4), at = 44;

	while (at < len) {
		assert_true(m[at + 1] >= 6 && at + m[at + 1] <= len);
		if (m[at] == type && n-- == 0)
			return m + at;
		at += m[at + 1];
	}
	assert_int_equal(at, len);
	return NULL;
}

static void madt_of_a_pc(void **state)
{
	const uint8_t *entry;

	build(make_pc);
	assert_true(le32_load(table_named(&t, "APIC") + 36) == 0xfee00000);
	/* No PCAT_COMPAT: there are no 8259s. */
	assert_int_equal(le32_load(table_named(&t, "APIC") + 40), 0);
	for (unsigned i = 0; i < 2; i++) {
		entry = madt_entry(0, i);
		assert_non_null(entry);
		assert_int_equal(entry[2], i);
		assert_int_equal(entry[3], i);
		assert_int_equal(le32_load(entry + 4), 1);
	}
	assert_null(madt_entry(0, 2));
	entry = madt_entry(1, 0);
	assert_non_null(entry);
	assert_int_equal(entry[2], 0); /* as KVM's IOAPIC reads */
	assert_true(le32_load(entry + 4) == 0xfec00000);
	assert_int_equal(le32_load(entry + 8), 0);
	entry = madt_entry(4, 0);
	assert_non_null(entry);
	assert_int_equal(entry[2], 0xff);
	assert_int_equal(entry[5], 1); /* LINT1 */
	assert_null(madt_entry(2, 0)); /* no overrides */
	assert_null(madt_entry(9, 0));
	assert_null(madt_entry(10, 0));
}

static void apic_ids_from_255_are_x2apic_entries(void **state)
{
	unsigned xapic = 0, x2apic = 0;
	const uint8_t *entry;

	build(make_wide);
	while ((entry = madt_entry(0, xapic)) != NULL) {
		assert_int_equal(entry[3], 2 * xapic);
		xapic++;
	}
	while ((entry = madt_entry(9, x2apic)) != NULL) {
		unsigned uid = le32_load(entry + 12);

		assert_int_equal(entry[1], 16);
		assert_int_equal(uid, xapic + x2apic);
		assert_int_equal(le32_load(entry + 4), 2 * uid);
		assert_int_equal(le32_load(entry + 8), 1);
		x2apic++;
	}
	assert_int_equal(xapic, 128); /* ids 0 to 254 */
	assert_int_equal(xapic + x2apic, 255);
	entry = madt_entry(10, 0);
	assert_non_null(entry);
	assert_true(le32_load(entry + 4) == UINT32_MAX);
	assert_int_equal(entry[8], 1);
}

static void id_255_is_not_an_xapic_id(void **state)
{
	struct platform p;

	make_pc(&p);
	p.cpu_id[0] = 254;
	p.cpu_id[1] = 255;
	tables_build(&t, &p);
	assert_int_equal(madt_entry(0, 0)[3], 254);
	assert_null(madt_entry(0, 1));
	assert_int_equal(le32_load(madt_entry(9, 0) + 4), 255);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rsdp_is_revision_2_with_both_checksums),
		cmocka_unit_test(every_table_is_found_through_the_xsdt),
		cmocka_unit_test(nothing_is_written_beyond_what_is_used),
		cmocka_unit_test(tables_move_with_their_address),
		cmocka_unit_test(an_area_too_small_is_refused),
		cmocka_unit_test(
			fadt_says_hardware_reduced_with_sleep_and_reset),
		cmocka_unit_test(boot_flags_are_truthful),
		cmocka_unit_test(fadt_names_the_century_byte_of_the_rtc),
		cmocka_unit_test(mcfg_covers_the_buses_there_are),
		cmocka_unit_test(madt_of_a_pc),
		cmocka_unit_test(apic_ids_from_255_are_x2apic_entries),
		cmocka_unit_test(id_255_is_not_an_xapic_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

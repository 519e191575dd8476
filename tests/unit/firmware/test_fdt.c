/* The device tree, and that it tells what the ACPI tables tell. */
#include <libfdt.h>

#include "firmware/fdt.h"
#include "firmware/linux.h"
#include "tests/unit/firmware/aml.h"

static uint8_t tree[65536];
static struct tables t;	       /* ACPI's side */
static const struct aml *said; /* what its DSDT answers */

static void build_tree(const struct platform *p)
{
	struct err e = ERR_NONE;
	int rc;

	memset(tree, 0xee, sizeof(tree));
	rc = fdt_build(p, tree, sizeof(tree), &e);
	assert_true(rc > 0);
	assert_int_equal(fdt_totalsize(tree), rc);
	assert_int_equal(fdt_check_full(tree, (size_t)rc), 0);
}

/* Both descriptions of one machine. */
static void build(void (*make)(struct platform *p))
{
	struct platform p;

	make(&p);
	tables_build(&t, &p);
	build_tree(&p);
}

/* -------- reading the tree -------- */

static int node_of(const char *compatible)
{
	int node = fdt_node_offset_by_compatible(tree, -1, compatible);

	if (node < 0)
		fail_msg("no %s", compatible);
	return node;
}

static bool has(const char *compatible)
{
	return fdt_node_offset_by_compatible(tree, -1, compatible) >= 0;
}

/* @count cells from cell @at of a property, as one number. */
static uint64_t cell(int node, const char *name, unsigned at, unsigned count)
{
	uint64_t v = 0;
	const fdt32_t *c;
	int len;

	c = fdt_getprop(tree, node, name, &len);
	if (!c || (at + count) * 4 > (unsigned)len)
		fail_msg("no cell %u of %s", at, name);
	for (unsigned i = 0; i < count; i++)
		v = v << 32 | fdt32_to_cpu(c[at + i]);
	return v;
}

static unsigned cells_of(int node, const char *name)
{
	int len;

	assert_non_null(fdt_getprop(tree, node, name, &len));
	return (unsigned)len / 4;
}

static const char *text_of(const char *path, const char *name)
{
	return fdt_getprop(tree, fdt_path_offset(tree, path), name, NULL);
}

/* -------- agreement -------- */

static void ecam_and_buses_agree(void)
{
	int pci = node_of("pci-host-ecam-generic");
	const uint8_t *mcfg = table_named(&t, "MCFG");

	assert_true(cell(pci, "reg", 0, 2) == le64_load(mcfg + 44));
	assert_int_equal(cell(pci, "bus-range", 0, 1), mcfg[54]);
	assert_int_equal(cell(pci, "bus-range", 1, 1), mcfg[55]);
	assert_int_equal(cell(pci, "linux,pci-domain", 0, 1),
			 le16_load(mcfg + 52));
}

static void ecam_and_its_reservation_agree(void)
{
	int pci = node_of("pci-host-ecam-generic");
	struct resources c;

	aml_resources(said, "\\_SB.MBRD._CRS", &c);
	assert_true(cell(pci, "reg", 0, 2) == c.r[0].min);
	assert_true(cell(pci, "reg", 2, 2) <= c.r[0].len);
	assert_true(cell(pci, "reg", 2, 2) ==
		    (cell(pci, "bus-range", 1, 1) + 1) * MIB);
}

/* ranges beside the windows that _CRS produces: from the third on. */
static void windows_agree(void)
{
	int pci = node_of("pci-host-ecam-generic");
	unsigned n = cells_of(pci, "ranges") / 7;
	struct resources c;

	aml_resources(said, "\\_SB.PCI0._CRS", &c);
	assert_int_equal(n, c.n - 2);
	for (unsigned i = 0; i < n; i++) {
		uint64_t space = cell(pci, "ranges", 7 * i, 1);
		const struct resource *r = &c.r[i + 2];

		assert_true(cell(pci, "ranges", 7 * i + 1, 2) == r->min);
		assert_true(cell(pci, "ranges", 7 * i + 3, 2) == r->min);
		assert_true(cell(pci, "ranges", 7 * i + 5, 2) == r->len);
		assert_int_equal(space == 0x01000000, r->kind == RES_IO);
		assert_int_equal(space == 0x43000000, r->width == 8);
		assert_int_equal((space >> 30) & 1, (r->type_flags >> 1) == 3);
	}
	assert_int_equal(cell(pci, "bus-range", 1, 1), c.r[0].max);
}

static void pins_agree(void)
{
	int pci = node_of("pci-host-ecam-generic");
	unsigned n = cells_of(pci, "interrupt-map") / 7;
	uint32_t ioapic = fdt_get_phandle(tree, node_of("intel,ce4100-ioapic"));
	const struct answer *a = aml_answer(said, "\\_SB.PCI0._PRT");

	assert_int_equal(n * 4, a->n_numbers);
	assert_int_equal(cell(pci, "interrupt-map-mask", 0, 1), 0xf800);
	assert_int_equal(cell(pci, "interrupt-map-mask", 3, 1), 7);
	for (unsigned i = 0; i < n; i++) {
		const uint64_t *prt = a->number + 4 * i;

		assert_int_equal(cell(pci, "interrupt-map", 7 * i, 1) >> 11,
				 prt[0] >> 16);
		assert_int_equal(cell(pci, "interrupt-map", 7 * i + 3, 1),
				 prt[1] + 1);
		assert_int_equal(cell(pci, "interrupt-map", 7 * i + 4, 1),
				 ioapic);
		assert_int_equal(cell(pci, "interrupt-map", 7 * i + 5, 1),
				 prt[3]);
	}
}

static void interrupt_controllers_agree(void)
{
	const uint8_t *m = table_named(&t, "APIC");
	int lapic = node_of("intel,ce4100-lapic"),
	    ioapic = node_of("intel,ce4100-ioapic");

	assert_true(cell(lapic, "reg", 0, 2) == le32_load(m + 36));
	for (unsigned at = 44; at < le32_load(m + 4); at += m[at + 1])
		if (m[at] == 1)
			assert_true(cell(ioapic, "reg", 0, 2) ==
				    le32_load(m + at + 4));
}

static void cpus_agree(void)
{
	const uint8_t *m = table_named(&t, "APIC");
	int cpu = fdt_first_subnode(tree, fdt_path_offset(tree, "/cpus"));

	for (unsigned at = 44; at < le32_load(m + 4); at += m[at + 1]) {
		if (m[at] != 0 && m[at] != 9)
			continue;
		assert_true(cpu >= 0);
		assert_int_equal(cell(cpu, "reg", 0, 1),
				 m[at] == 0 ? m[at + 3]
					    : le32_load(m + at + 4));
		cpu = fdt_next_subnode(tree, cpu);
	}
	assert_int_equal(cpu, -FDT_ERR_NOTFOUND);
}

/* A device at I/O ports: there in both or in neither, at the same ports. */
static void ports_agree(const char *compatible, const char *sta,
			const char *crs)
{
	struct resources c;
	int node;

	if (aml_number(said, sta) == 0) {
		assert_false(has(compatible));
		return;
	}
	node = node_of(compatible);
	aml_resources(said, crs, &c);
	assert_int_equal(cell(node, "reg", 0, 1), 1);
	assert_int_equal(cell(node, "reg", 1, 1), c.r[0].min);
	assert_int_equal(cell(node, "reg", 2, 1), c.r[0].len);
	if (c.n > 1)
		assert_int_equal(cell(node, "interrupts", 0, 1), c.r[1].min);
}

static void power_agrees(void)
{
	const uint8_t *fadt = table_named(&t, "FACP");
	int power = node_of("minivmm,power");

	assert_int_equal(cell(power, "reg", 1, 1), le64_load(fadt + 248));
	assert_int_equal(cell(power, "minivmm,reset-value", 0, 1), fadt[128]);
	assert_int_equal(cell(power, "minivmm,s5-type", 0, 1),
			 aml_answer(said, "\\_S5")->number[0]);
}

static const char *const questions[] = {
	"\\_SB.MBRD._CRS",
	"\\_SB.PCI0._CRS",
	"\\_SB.PCI0._PRT",
	"\\_SB.COM1._STA",
	"\\_SB.COM1._CRS",
	"\\_SB.RTC_._STA",
	"\\_SB.RTC_._CRS",
	"\\_SB.PVPN._STA",
	"\\_SB.PVPN._CRS",
	"\\_S5",
	NULL,
};

static void acpi_and_fdt_describe_the_same_machine(void **state)
{
	static struct aml answers[ARRAY_LEN(machines)];

	for (size_t i = 0; i < ARRAY_LEN(machines); i++) {
		build(machines[i].make);
		aml_start(&answers[i], &t, questions);
	}
	for (size_t i = 0; i < ARRAY_LEN(machines); i++)
		aml_finish(&answers[i]);
	for (size_t i = 0; i < ARRAY_LEN(machines); i++) {
		print_message("%s\n", machines[i].name);
		build(machines[i].make);
		said = &answers[i];
		ecam_and_buses_agree();
		ecam_and_its_reservation_agree();
		windows_agree();
		pins_agree();
		interrupt_controllers_agree();
		cpus_agree();
		ports_agree("ns16550a", questions[3], questions[4]);
		ports_agree("motorola,mc146818", questions[5], questions[6]);
		ports_agree("qemu,pvpanic-mmio", questions[7], questions[8]);
		power_agrees();
	}
}

/* Each e820 entry handed to Linux is a memory node, a reservation, or ECAM. */
static void memory_and_e820_agree(void **state)
{
	static uint8_t info[LINUX_INFO_SIZE];
	struct linux_image k = { .kind = LINUX_BZIMAGE, .cmdline_max = 255 };
	struct err e = ERR_NONE;
	unsigned nodes = 0;
	char path[64];
	int node;

	build(make_pc);
	assert_int_equal(linux_info(&k, &t.p, info, sizeof(info), 0x20000, &e),
			 0);
	for (unsigned i = 0; i < info[0x1e8]; i++) {
		const uint8_t *entry = info + 0x2d0 + 20 * i;
		unsigned kind = le32_load(entry + 16);

		if (le64_load(entry) == t.p.ecam.base)
			continue;
		snprintf(path, sizeof(path), "%s@%lx",
			 kind == 1   ? "/memory"
			 : kind == 3 ? "/reserved-memory/acpi"
				     : "/reserved-memory/reserved",
			 (unsigned long)le64_load(entry));
		node = fdt_path_offset(tree, path);
		if (node < 0)
			fail_msg("no %s", path);
		assert_true(cell(node, "reg", 0, 2) == le64_load(entry));
		assert_true(cell(node, "reg", 2, 2) == le64_load(entry + 8));
		nodes++;
	}
	assert_int_equal(nodes, 5);
	/* ECAM is the host bridge's, not memory that is kept back. */
	fdt_for_each_subnode(node, tree,
			     fdt_path_offset(tree, "/reserved-memory"))
		assert_true(cell(node, "reg", 0, 2) != t.p.ecam.base);
}

/* -------- the tree alone -------- */

static void chosen_has_command_line_initrd_and_console(void **state)
{
	int chosen;

	build(make_pc);
	chosen = fdt_path_offset(tree, "/chosen");
	assert_string_equal(text_of("/chosen", "bootargs"),
			    "console=ttyS0 quiet");
	assert_true(cell(chosen, "linux,initrd-start", 0, 2) == 0x7f000000);
	assert_true(cell(chosen, "linux,initrd-end", 0, 2) == 0x7f123456);
	assert_true(fdt_path_offset(tree, text_of("/chosen", "stdout-path")) ==
		    node_of("ns16550a"));
}

static void what_is_not_given_is_not_chosen(void **state)
{
	build(make_bare);
	assert_null(text_of("/chosen", "bootargs"));
	assert_null(text_of("/chosen", "linux,initrd-start"));
	assert_null(text_of("/chosen", "stdout-path"));
}

static void a_buffer_too_small_is_refused(void **state)
{
	struct platform p;
	uint8_t *small;
	size_t used;

	make_pc(&p);
	build_tree(&p);
	used = fdt_totalsize(tree);
	for (size_t size = 0; size < used; size += 7) {
		struct err e = ERR_NONE;
		int rc;

		small = malloc(size + 1);
		rc = fdt_build(&p, small, size, &e);
		free(small);
		assert_int_equal(rc, -ENOSPC);
		assert_non_null(strstr(e.text, "does not fit"));
	}
}

static void dtc_has_no_complaint(void **state)
{
	char path[] = "/tmp/minivmm-dtb-XXXXXX", line[512];
	int fd, n = 0;
	FILE *f;

	if (system("command -v dtc >/dev/null") != 0)
		skip();
	for (size_t i = 0; i < ARRAY_LEN(machines); i++) {
		print_message("%s\n", machines[i].name);
		build(machines[i].make);
		strcpy(path, "/tmp/minivmm-dtb-XXXXXX");
		fd = mkstemp(path);
		assert_true(fd >= 0);
		assert_int_equal(write(fd, tree, fdt_totalsize(tree)),
				 fdt_totalsize(tree));
		close(fd);
		snprintf(line, sizeof(line),
			 "dtc -I dtb -O dts -o /dev/null %s 2>&1", path);
		f = popen(line, "r");
		assert_non_null(f);
		for (; fgets(line, sizeof(line), f); n++)
			print_message("%s", line);
		assert_int_equal(pclose(f), 0);
		unlink(path);
	}
	assert_int_equal(n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acpi_and_fdt_describe_the_same_machine),
		cmocka_unit_test(memory_and_e820_agree),
		cmocka_unit_test(chosen_has_command_line_initrd_and_console),
		cmocka_unit_test(what_is_not_given_is_not_chosen),
		cmocka_unit_test(a_buffer_too_small_is_refused),
		cmocka_unit_test(dtc_has_no_complaint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

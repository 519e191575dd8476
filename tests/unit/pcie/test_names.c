/* Names and trace lines: what a reader of --trace=pci,msi sees. */
#include <stdio.h>

#include "pcie/names.h"
#include "tests/unit/pcie/board.h"
#include "vmm/base/trace.h"

static const char *name_of(const struct pci_device *d, unsigned off)
{
	static char buf[PCI_NAME_SIZE];

	return pci_register_name(d, off, buf);
}

static void registers_have_the_names_of_the_specification(void **state)
{
	struct toy t;

	toy_init(&t, "toy");
	assert_string_equal(name_of(&t.dev, PCI_COMMAND), "command");
	assert_string_equal(name_of(&t.dev, PCI_COMMAND + 1), "command+1");
	assert_string_equal(name_of(&t.dev, PCI_BASE_ADDRESS_5), "BAR5");
	assert_string_equal(name_of(&t.dev, PCI_ROM_ADDRESS), "ROM");
	assert_string_equal(name_of(&t.dev, 0x36), "header");
	assert_string_equal(name_of(&t.dev, 0x80), "-");
	pci_device_fini(&t.dev);
}

static void bridge_registers_have_their_own_names(void **state)
{
	struct pci_port p;

	pci_port_init(&p, 1);
	assert_string_equal(name_of(&p.dev, PCI_SECONDARY_BUS),
			    "secondary bus");
	assert_string_equal(name_of(&p.dev, PCI_PREF_BASE_UPPER32),
			    "prefetch base upper");
	assert_string_equal(name_of(&p.dev, PCI_BRIDGE_CONTROL),
			    "bridge control");
	assert_string_equal(name_of(&p.dev, PCI_BASE_ADDRESS_0), "BAR0");
	assert_string_equal(name_of(&p.dev, 0x40 + PCI_EXP_LNKCTL),
			    "PCIe+0x10");
	pci_port_fini(&p);
}

static void capabilities_are_named_with_the_offset_inside(void **state)
{
	struct pci_cap_list l = {
		.n = 2,
		.cap = { { .id = PCI_EXT_CAP_ID_ERR, .offset = 0x100 },
			 { .id = 0x7777, .offset = 0x200 } },
	};
	struct toy t;

	toy_init(&t, "toy");
	pci_cap_add(&t.dev, PCI_CAP_ID_MSIX, 0x60);
	pcie_ecaps_link(&t.dev, &l);
	assert_string_equal(name_of(&t.dev, 0x60), "MSI-X+0x0");
	assert_string_equal(name_of(&t.dev, 0x62), "MSI-X+0x2");
	assert_string_equal(name_of(&t.dev, 0x108), "AER+0x8");
	assert_string_equal(name_of(&t.dev, 0x204), "capability+0x4");
	pci_device_fini(&t.dev);
}

static void functions_have_the_name_that_the_guest_uses(void **state)
{
	struct board b;
	struct pci_port p;
	struct toy t;
	struct err e = ERR_NONE;
	char buf[PCI_NAME_SIZE];

	board_open(&b);
	toy_init(&t, "toy");
	pci_port_init(&p, 1);
	pci_port_plug(&p, &t.dev);
	assert_int_equal(pci_host_add_port(&b.host, &p, PCI_DEVFN(5, 2), &e),
			 0);
	assert_int_equal(pci_host_assign(&b.host, &e), 0);
	assert_string_equal(pci_bdf(&p.dev, buf), "00:05.2");
	assert_string_equal(pci_bdf(&t.dev, buf), "01:00.0");
	cfg_write(&b, 0, PCI_DEVFN(5, 2), PCI_SECONDARY_BUS, 2, 0xa2a2);
	assert_string_equal(pci_bdf(&t.dev, buf), "a2:00.0");
	pci_device_fini(&t.dev);
	pci_port_fini(&p);
	board_close(&b);
}

/* The lines of house-style.md section 10, from a real file. */
static void trace_shows_accesses_by_name(void **state)
{
	const char *path = "trace-of-names.tmp";
	char spec[64], text[4096];
	struct board b;
	struct toy t;
	struct err e = ERR_NONE;
	long n;

	board_open(&b);
	toy_init(&t, "toy");
	pci_bar_init(&t.dev, 0, PCI_BAR_MEM32, false, 0x1000);
	assert_int_equal(pci_host_add(&b.host, &t.dev, 0x28, &e), 0);
	snprintf(spec, sizeof(spec), "pci:%s", path);
	assert_int_equal(trace_start(spec, &e), 0);
	cfg_write(&b, 0, 0x28, PCI_BASE_ADDRESS_0, 4, 0xc0000000);
	cfg_write(&b, 0, 0x28, PCI_COMMAND, 2, 2);
	(void)cfg_read(&b, 0, 0x28, PCI_HEADER_TYPE, 1);
	trace_stop();
	n = fake_file_read(path, text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, "00:05.0 write 0x010/4 BAR0 = "
				     "0xc0000000\n"));
	assert_non_null(strstr(text, "00:05.0 BAR0 decodes at 0xc0000000 size "
				     "0x1000\n"));
	assert_non_null(strstr(text, "00:05.0 read  0x00e/1 header type = 0"));
	pci_device_fini(&t.dev);
	board_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(registers_have_the_names_of_the_specification),
		FAKE_TEST(bridge_registers_have_their_own_names),
		FAKE_TEST(capabilities_are_named_with_the_offset_inside),
		FAKE_TEST(functions_have_the_name_that_the_guest_uses),
		FAKE_TEST(trace_shows_accesses_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The two doors to config space and the root bus. VFIO-KVM-16, VFIO-CFG-04. */
#include "pcie/intx.h"
#include "tests/unit/pcie/board.h"

enum { LPC = PCI_DEVFN(0x1f, 0), BRIDGE = 0, PCIEXBAR = 0x60 };

static uint64_t port_in(struct board *b, unsigned port, unsigned len)
{
	return bus_read(&b->vm.pio, port, len);
}

static void port_out(struct board *b, unsigned port, unsigned len, uint64_t v)
{
	bus_write(&b->vm.pio, port, len, v);
}

static void bridges_are_where_guests_look(void **state)
{
	struct board b;

	board_open(&b);
	assert_int_equal(cfg_read(&b, 0, BRIDGE, 0, 4), 0x29c08086);
	assert_int_equal(cfg_read(&b, 0, BRIDGE, PCI_CLASS_DEVICE, 2), 0x0600);
	assert_int_equal(cfg_read(&b, 0, LPC, 0, 4), 0x29188086);
	assert_int_equal(cfg_read(&b, 0, LPC, PCI_CLASS_DEVICE, 2), 0x0601);
	assert_int_equal(cfg_read(&b, 0, LPC, PCI_HEADER_TYPE, 1), 0);
	/* PMBASE, GPIOBASE, generic decode: nothing there, nothing settable. */
	for (unsigned reg = 0x40; reg < 0x100; reg += 4) {
		cfg_write(&b, 0, LPC, reg, 4, UINT32_MAX);
		assert_int_equal(cfg_read(&b, 0, LPC, reg, 4), 0);
	}
	assert_int_equal(cfg_read(&b, 0, LPC, 0x100, 4), UINT32_MAX);
	board_close(&b);
}

/* VFIO-CFG-04, VFIO-KVM-16 */
static void absent_functions_read_ones(void **state)
{
	struct board b;

	board_open(&b);
	for (unsigned bus = 0; bus < 256; bus += 51)
		for (unsigned devfn = 1; devfn < 256; devfn += 50)
			for (unsigned len = 1; len <= 8; len *= 2)
				assert_int_equal(
					cfg_read(&b, bus, devfn, 0x40, len),
					all_ones(len));
	cfg_write(&b, 5, 0, 4, 4, 7);
	board_close(&b);
}

static void ecam_ends_after_256_buses(void **state)
{
	struct board b;

	board_open(&b);
	assert_int_equal(b.host.ecam.size, 256 * MIB);
	assert_true(bus_is_free(&b.vm.mmio, ECAM_BASE + 256 * MIB, 4096));
	assert_int_equal(bus_read(&b.vm.mmio, ECAM_BASE + 256 * MIB - 4, 4),
			 UINT32_MAX);
	board_close(&b);
}

/* VFIO-CFG-02, VFIO-KVM-16 */
static void ecam_accesses_of_any_width_and_place_are_little_endian(void **state)
{
	struct board b;
	struct toy t;
	struct err e = ERR_NONE;

	board_open(&b);
	toy_init(&t, "toy");
	for (unsigned i = 0; i < PCIE_CONFIG_SIZE; i++) {
		t.dev.config[i] = (uint8_t)(i * 7 + 3);
		t.dev.writable[i] = i >= 0x40 ? 0xff : 0;
	}
	assert_int_equal(pci_host_add(&b.host, &t.dev, 8, &e), 0);
	for (unsigned len = 1; len <= 8; len++) {
		for (unsigned reg = 0; reg + len <= PCIE_CONFIG_SIZE; reg++) {
			uint64_t v = le_load(t.dev.config + reg, len);

			assert_int_equal(cfg_read(&b, 0, 8, reg, len), v);
			if (reg < 0x40)
				continue;
			v = (v * 5 + 1) & all_ones(len);
			cfg_write(&b, 0, 8, reg, len, v);
			assert_int_equal(le_load(t.dev.config + reg, len), v);
		}
	}
	/* From one function into the next, which is not there. */
	assert_int_equal(cfg_read(&b, 0, 8, 0xffc, 8),
			 0xffffffff00000000 | le32_load(t.dev.config + 0xffc));
	pci_device_fini(&t.dev);
	board_close(&b);
}

/* VFIO-CFG-04 */
static void both_doors_show_one_state(void **state)
{
	struct board b;
	struct toy t;
	struct err e = ERR_NONE;
	uint32_t s = 5;

	board_open(&b);
	toy_init(&t, "toy");
	memset(t.dev.writable, 0xff, sizeof(t.dev.writable));
	assert_int_equal(pci_host_add(&b.host, &t.dev, 0x19, &e), 0);
	for (unsigned i = 0; i < 5000; i++) {
		unsigned len = 1u << noise(&s) % 3;
		unsigned reg = (0x40 + noise(&s) % 0xc0) & ~(len - 1);
		uint64_t v = noise(&s) & all_ones(len);
		uint32_t select = 0x80001900 | (reg & 0xfc);

		port_out(&b, 0xcf8, 4, select);
		assert_int_equal(port_in(&b, 0xcf8, 4), select);
		if (noise(&s) % 2)
			port_out(&b, 0xcfc + reg % 4, len, v);
		else
			cfg_write(&b, 0, 0x19, reg, len, v);
		assert_int_equal(port_in(&b, 0xcfc + reg % 4, len), v);
		assert_int_equal(cfg_read(&b, 0, 0x19, reg, len), v);
	}
	pci_device_fini(&t.dev);
	board_close(&b);
}

static void crooked_data_port_accesses_are_split(void **state)
{
	struct board b;

	board_open(&b);
	port_out(&b, 0xcf8, 4, 0x80000000);
	assert_int_equal(port_in(&b, 0xcfd, 2), 0xc080);
	assert_int_equal(port_in(&b, 0xcfe, 2), 0x29c0);
	assert_int_equal(port_in(&b, 0xcff, 1), 0x29);
	/* Past the end of the door: nobody. */
	assert_int_equal(port_in(&b, 0xcfe, 4), 0xffff29c0);
	board_close(&b);
}

/* VFIO-CFG-04 */
static void data_port_is_dead_without_the_enable_bit(void **state)
{
	struct board b;

	board_open(&b);
	port_out(&b, 0xcf8, 4, 0x00000000);
	assert_int_equal(port_in(&b, 0xcfc, 4), UINT32_MAX);
	port_out(&b, 0xcf8, 4, 0x80000004);
	port_out(&b, 0xcfc, 2, 0x2);
	port_out(&b, 0xcf8, 4, 0x00000004);
	port_out(&b, 0xcfc, 2, 0x5);
	assert_int_equal(cfg_read(&b, 0, BRIDGE, PCI_COMMAND, 2), 2);
	board_close(&b);
}

/* VFIO-CFG-04 */
static void latch_takes_only_dwords(void **state)
{
	struct board b;

	board_open(&b);
	port_out(&b, 0xcf8, 4, 0x80000008);
	port_out(&b, 0xcf8, 1, 0x55);
	port_out(&b, 0xcf8, 2, 0x5555);
	port_out(&b, 0xcfa, 2, 0x5555);
	port_out(&b, 0xcfb, 1, 0x55);
	assert_int_equal(port_in(&b, 0xcf8, 4), 0x80000008);
	assert_int_equal(port_in(&b, 0xcf8, 2), 0xffff);
	board_close(&b);
}

static unsigned resets;

static void count_reset(struct pci_host *h)
{
	resets++;
}

static void reset_port_resets_on_its_bit_two(void **state)
{
	struct board b;

	board_open(&b);
	resets = 0;
	port_out(&b, 0xcf9, 1, 0x06); /* nobody listens yet */
	b.host.reset = count_reset;
	port_out(&b, 0xcf9, 1, 0x02);
	assert_int_equal(resets, 0);
	assert_int_equal(port_in(&b, 0xcf9, 1), 0x02);
	port_out(&b, 0xcf9, 1, 0x06);
	assert_int_equal(resets, 1);
	port_out(&b, 0xcf9, 1, 0x0e);
	assert_int_equal(resets, 2);
	port_out(&b, 0xcf9, 2, 0x0606);
	port_out(&b, 0xcf8, 4, 0x00000600);
	assert_int_equal(resets, 2);
	board_close(&b);
}

/* -------- PCIEXBAR -------- */

static bool ecam_answers(struct board *b, uint64_t at)
{
	return bus_read(&b->vm.mmio, at, 4) == 0x29c08086;
}

static void door_two_write(struct board *b, unsigned reg, uint32_t v)
{
	port_out(b, 0xcf8, 4, 0x80000000 | reg);
	port_out(b, 0xcfc, 4, v);
}

static void guest_moves_resizes_and_closes_ecam(void **state)
{
	struct board b;

	board_open(&b);
	assert_int_equal(cfg_read(&b, 0, BRIDGE, PCIEXBAR, 8), ECAM_BASE | 1u);
	cfg_write(&b, 0, BRIDGE, PCIEXBAR, 4, 0xb0000001);
	assert_true(ecam_answers(&b, 0xb0000000));
	assert_false(ecam_answers(&b, ECAM_BASE));
	/* 64 MiB, where 256 MiB would not be aligned. */
	bus_write(&b.vm.mmio, 0xb0000060, 4, 0xb4000005);
	assert_true(ecam_answers(&b, 0xb4000000));
	assert_int_equal(b.host.ecam.size, 64 * MIB);
	door_two_write(&b, PCIEXBAR, 0xb4000003);
	assert_int_equal(b.host.ecam.base, 0xb0000000);
	assert_int_equal(b.host.ecam.size, 128 * MIB);
	door_two_write(&b, PCIEXBAR, 0xb0000000);
	assert_false(ecam_answers(&b, 0xb0000000));
	assert_false(b.host.ecam.listed);
	door_two_write(&b, PCIEXBAR, 0xb0000007); /* reserved length */
	assert_false(b.host.ecam.listed);
	door_two_write(&b, PCIEXBAR + 4, 0x20);
	door_two_write(&b, PCIEXBAR, 0x00000001);
	assert_true(ecam_answers(&b, 0x2000000000));
	board_close(&b);
}

static void ecam_over_ram_is_gone_until_it_moves(void **state)
{
	struct board b;

	board_open(&b);
	door_two_write(&b, PCIEXBAR, 0x00000001);
	assert_false(ecam_answers(&b, 0));
	assert_false(ecam_answers(&b, ECAM_BASE));
	door_two_write(&b, PCIEXBAR, ECAM_BASE | 1u);
	assert_true(ecam_answers(&b, ECAM_BASE));
	assert_int_equal(b.host.waiting, 0);
	board_close(&b);
}

static void ecam_takes_its_place_when_a_bar_leaves(void **state)
{
	struct board b;
	struct toy t;
	struct err e = ERR_NONE;

	board_open(&b);
	toy_init(&t, "toy");
	pci_bar_init(&t.dev, 0, PCI_BAR_MEM32, false, MIB);
	assert_int_equal(pci_host_add(&b.host, &t.dev, 8, &e), 0);
	cfg_write(&b, 0, 8, PCI_BASE_ADDRESS_0, 4, 0xc0000000);
	cfg_write(&b, 0, 8, PCI_COMMAND, 2, 2);
	door_two_write(&b, PCIEXBAR, 0xc0000001);
	assert_false(b.host.ecam.listed);
	port_out(&b, 0xcf8, 4, 0x80000804);
	port_out(&b, 0xcfc, 2, 0);
	assert_true(ecam_answers(&b, 0xc0000000));
	/* And now the BAR waits for the ECAM. */
	port_out(&b, 0xcfc, 2, 2);
	assert_int_equal(t.mapped_at[0], 0);
	door_two_write(&b, PCIEXBAR, ECAM_BASE | 1u);
	assert_int_equal(t.mapped_at[0], 0xc0000000);
	pci_device_fini(&t.dev);
	board_close(&b);
}

/* -------- the root bus -------- */

static void two_functions_cannot_share_a_place(void **state)
{
	struct board b;
	struct toy t;
	struct err e = ERR_NONE;

	board_open(&b);
	toy_init(&t, "toy");
	assert_int_equal(pci_host_add(&b.host, &t.dev, LPC, &e), -EEXIST);
	assert_non_null(strstr(e.text, "LPC bridge"));
	assert_non_null(strstr(e.text, "toy"));
	assert_non_null(strstr(e.text, "00:1f.0"));
	pci_device_fini(&t.dev);
	board_close(&b);
}

static void multifunction_bit_tells_the_truth(void **state)
{
	struct board b;
	struct toy t, u;
	struct err e = ERR_NONE;

	board_open(&b);
	toy_init(&t, "f0");
	toy_init(&u, "f3");
	pci_config_set(&t.dev, PCI_HEADER_TYPE, 1, 0x80);
	assert_int_equal(pci_host_add(&b.host, &t.dev, 0x18, &e), 0);
	assert_int_equal(cfg_read(&b, 0, 0x18, PCI_HEADER_TYPE, 1), 0);
	assert_int_equal(pci_host_add(&b.host, &u.dev, 0x1b, &e), 0);
	assert_int_equal(cfg_read(&b, 0, 0x18, PCI_HEADER_TYPE, 1), 0x80);
	assert_int_equal(cfg_read(&b, 0, 0x1b, PCI_HEADER_TYPE, 1), 0x80);
	assert_int_equal(cfg_read(&b, 0, LPC, PCI_HEADER_TYPE, 1), 0);
	pci_device_fini(&t.dev);
	pci_device_fini(&u.dev);
	board_close(&b);
}

/* VFIO-KVM-17 */
static void pins_are_wired_as_the_tables_say(void **state)
{
	struct pci_port p;
	struct pci_device d = { .devfn = PCI_DEVFN(2, 0) };

	assert_int_equal(intx_gsi(&d, 1), 18);
	assert_int_equal(intx_gsi(&d, 4), 21);
	d.devfn = PCI_DEVFN(31, 1);
	assert_int_equal(intx_gsi(&d, 1), 23);
	assert_int_equal(intx_gsi(&d, 2), 16);
	/* Behind a port at device 5: the child is device 0, no turn. */
	p.dev.devfn = PCI_DEVFN(5, 0);
	p.dev.port = NULL;
	d.port = &p;
	d.devfn = 0;
	assert_int_equal(intx_gsi(&d, 1), 21);
	assert_int_equal(intx_gsi(&d, 4), 16);
	assert_int_equal(intx_swizzle(3, 2), 1);
}

static void open_names_what_is_in_the_way(void **state)
{
	struct region there = { .name = "flash",
				.base = ECAM_BASE + MIB,
				.size = 4096 };
	struct region ports = { .name = "gadget", .base = 0xcfe, .size = 1 };
	struct board b;
	struct err e = ERR_NONE;

	board_open_vm(&b);
	assert_int_equal(bus_add(&b.vm.mmio, &there, &e), 0);
	assert_int_equal(pci_host_open(&b.host, &b.vm, &board_apertures, &e),
			 -EEXIST);
	assert_non_null(strstr(e.text, "flash"));
	assert_non_null(strstr(e.text, "ECAM"));
	bus_remove(&b.vm.mmio, &there);
	assert_int_equal(bus_add(&b.vm.pio, &ports, &e), 0);
	assert_int_equal(pci_host_open(&b.host, &b.vm, &board_apertures, &e),
			 -EEXIST);
	assert_non_null(strstr(e.text, "gadget"));
	assert_true(bus_is_free(&b.vm.mmio, ECAM_BASE, 256 * MIB));
	pci_host_close(&b.host);
	bus_remove(&b.vm.pio, &ports);
	assert_int_equal(pci_host_open(&b.host, &b.vm, &board_apertures, &e),
			 0);
	board_close(&b);
}

static void functions_may_be_closed_before_or_after_the_host(void **state)
{
	for (unsigned order = 0; order < 6; order++) {
		struct board b;
		struct toy t, c;
		struct pci_port p;
		struct err e = ERR_NONE;

		board_open(&b);
		toy_init(&t, "root");
		toy_init(&c, "child");
		pci_bar_init(&t.dev, 0, PCI_BAR_MEM32, false, MIB);
		pci_bar_init(&c.dev, 0, PCI_BAR_MEM32, false, MIB);
		pci_port_init(&p, 1);
		pci_port_plug(&p, &c.dev);
		assert_int_equal(pci_host_add(&b.host, &t.dev, 0x10, &e), 0);
		assert_int_equal(pci_host_add_port(&b.host, &p, 8, &e), 0);
		assert_int_equal(pci_host_assign(&b.host, &e), 0);
		cfg_write(&b, 0, 0x10, PCI_COMMAND, 2, 2);
		cfg_write(&b, 1, 0, PCI_COMMAND, 2, 2);
		assert_int_not_equal(t.mapped_at[0], 0);
		assert_int_not_equal(c.mapped_at[0], 0);
		if (order % 2)
			pci_host_close(&b.host);
		if (order / 2 == 0)
			pci_port_fini(&p);
		pci_device_fini(&c.dev);
		if (order / 2 == 1)
			pci_host_close(&b.host);
		pci_port_fini(&p);
		pci_port_fini(&p);
		pci_device_fini(&t.dev);
		assert_int_equal(t.mapped_at[0] | c.mapped_at[0], 0);
		assert_true(bus_is_free(&b.vm.mmio, 0xc0000000, 512 * MIB));
		board_close(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(bridges_are_where_guests_look),
		FAKE_TEST(absent_functions_read_ones),
		FAKE_TEST(ecam_ends_after_256_buses),
		FAKE_TEST(
			ecam_accesses_of_any_width_and_place_are_little_endian),
		FAKE_TEST(both_doors_show_one_state),
		FAKE_TEST(crooked_data_port_accesses_are_split),
		FAKE_TEST(data_port_is_dead_without_the_enable_bit),
		FAKE_TEST(latch_takes_only_dwords),
		FAKE_TEST(reset_port_resets_on_its_bit_two),
		FAKE_TEST(guest_moves_resizes_and_closes_ecam),
		FAKE_TEST(ecam_over_ram_is_gone_until_it_moves),
		FAKE_TEST(ecam_takes_its_place_when_a_bar_leaves),
		FAKE_TEST(two_functions_cannot_share_a_place),
		FAKE_TEST(multifunction_bit_tells_the_truth),
		FAKE_TEST(pins_are_wired_as_the_tables_say),
		FAKE_TEST(open_names_what_is_in_the_way),
		FAKE_TEST(functions_may_be_closed_before_or_after_the_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

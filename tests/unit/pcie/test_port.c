/* Root ports. VFIO-CFG-15, VFIO-RST-11, VFIO-BAR-04. */
#include "tests/unit/pcie/board.h"

enum { PORT = PCI_DEVFN(1, 0), PORT2 = PCI_DEVFN(2, 0), EXP = 0x40 };

struct scene {
	struct board b;
	struct pci_port p, q;
	struct toy c, d;
};

static void give_express(struct toy *t, uint32_t lnkcap, uint16_t lnksta)
{
	pci_cap_add(&t->dev, PCI_CAP_ID_EXP, 0x70);
	pci_config_set(&t->dev, 0x70 + PCI_EXP_LNKCAP, 4, lnkcap);
	pci_config_set(&t->dev, 0x70 + PCI_EXP_LNKSTA, 2, lnksta);
	pci_config_set(&t->dev, 0x70 + PCI_EXP_DEVCAP, 4, 3);
}

static void open_scene(struct scene *s)
{
	struct err e = ERR_NONE;

	board_open(&s->b);
	toy_init(&s->c, "child");
	toy_init(&s->d, "second");
	give_express(&s->c, 0x43, 0x1042); /* x4 8 GT/s, now x4 5 GT/s */
	pci_bar_init(&s->c.dev, 0, PCI_BAR_MEM32, false, 0x10000);
	pci_bar_init(&s->c.dev, 1, PCI_BAR_IO, false, 32);
	pci_bar_init(&s->c.dev, 2, PCI_BAR_MEM64, true, GIB);
	pci_bar_init(&s->d.dev, 0, PCI_BAR_MEM32, false, 0x10000);
	pci_port_init(&s->p, 1);
	pci_port_init(&s->q, 2);
	assert_int_equal(pci_host_add_port(&s->b.host, &s->p, PORT, &e), 0);
	assert_int_equal(pci_host_add_port(&s->b.host, &s->q, PORT2, &e), 0);
	pci_port_plug(&s->p, &s->c.dev);
	pci_port_plug(&s->q, &s->d.dev);
	assert_int_equal(pci_host_assign(&s->b.host, &e), 0);
	cfg_write(&s->b, 1, 0, PCI_COMMAND, 2, 7);
	cfg_write(&s->b, 2, 0, PCI_COMMAND, 2, 7);
}

static void close_scene(struct scene *s)
{
	pci_device_fini(&s->c.dev);
	pci_device_fini(&s->d.dev);
	pci_port_fini(&s->p);
	pci_port_fini(&s->q);
	assert_int_equal(s->b.host.waiting, 0);
	board_close(&s->b);
}

static void put(struct scene *s, unsigned reg, unsigned len, uint64_t v)
{
	cfg_write(&s->b, 0, PORT, reg, len, v);
}

static uint64_t get(struct scene *s, unsigned reg, unsigned len)
{
	return cfg_read(&s->b, 0, PORT, reg, len);
}

static void header_is_a_bridge_that_linux_knows(void **state)
{
	struct scene s;

	open_scene(&s);
	assert_int_equal(get(&s, 0, 4), 0x000c1b36);
	assert_int_equal(get(&s, PCI_CLASS_DEVICE, 2), 0x0604);
	assert_int_equal(get(&s, PCI_HEADER_TYPE, 1), 1);
	assert_int_equal(get(&s, PCI_INTERRUPT_PIN, 1), 0);
	assert_int_equal(get(&s, 0x100, 4), 0);
	assert_int_equal(get(&s, PCI_PREF_MEMORY_BASE, 2) & 0xf, 1);
	assert_int_equal(get(&s, PCI_IO_BASE, 1) & 0xf, 0);
	close_scene(&s);
}

/* VFIO-CFG-15, VFIO-PM-06 */
static void express_capability_is_a_root_port_with_a_card(void **state)
{
	struct scene s;
	uint64_t linkcap;

	open_scene(&s);
	assert_int_equal(get(&s, PCI_CAPABILITY_LIST, 1), EXP);
	assert_int_equal(get(&s, EXP, 4), 0x01420010);
	linkcap = get(&s, EXP + PCI_EXP_LNKCAP, 4);
	assert_int_equal(linkcap & 0x3ff, 0x43);
	assert_true(linkcap & PCI_EXP_LNKCAP_DLLLARC);
	assert_int_equal(get(&s, EXP + PCI_EXP_LNKSTA, 2), 0x2042);
	assert_int_equal(get(&s, EXP + PCI_EXP_LNKCAP2, 4), 0xe);
	assert_int_equal(get(&s, EXP + PCI_EXP_SLTCAP, 4), 1u << 19);
	assert_int_equal(get(&s, EXP + PCI_EXP_SLTSTA, 2), PCI_EXP_SLTSTA_PDS);
	/* The child can 1024 bytes of payload, so can the port. */
	assert_int_equal(get(&s, EXP + PCI_EXP_DEVCAP, 4) & 7, 3);
	close_scene(&s);
}

/* VFIO-CFG-15 */
static void child_without_express_gets_the_slowest_link(void **state)
{
	struct scene s;

	open_scene(&s);
	assert_int_equal(cfg_read(&s.b, 0, PORT2, EXP + PCI_EXP_LNKSTA, 2),
			 0x2011);
	assert_int_equal(cfg_read(&s.b, 0, PORT2, EXP + PCI_EXP_LNKCAP, 4) &
				 0x3ff,
			 0x11);
	assert_int_equal(cfg_read(&s.b, 0, PORT2, EXP + PCI_EXP_DEVCAP, 4) & 7,
			 2);
	close_scene(&s);
}

static void empty_port_has_no_card_and_no_link(void **state)
{
	struct board b;
	struct pci_port p;
	struct err e = ERR_NONE;

	board_open(&b);
	pci_port_init(&p, 9);
	assert_int_equal(pci_host_add_port(&b.host, &p, PORT, &e), 0);
	assert_int_equal(pci_host_assign(&b.host, &e), 0);
	assert_int_equal(cfg_read(&b, 0, PORT, EXP + PCI_EXP_SLTSTA, 2), 0);
	assert_int_equal(cfg_read(&b, 0, PORT, EXP + PCI_EXP_LNKSTA, 2) &
				 PCI_EXP_LNKSTA_DLLLA,
			 0);
	assert_int_equal(cfg_read(&b, 1, 0, 0, 4), UINT32_MAX);
	cfg_write(&b, 0, PORT, PCI_BRIDGE_CONTROL, 2, 0x40);
	cfg_write(&b, 0, PORT, PCI_BRIDGE_CONTROL, 2, 0);
	pci_port_fini(&p);
	board_close(&b);
}

static void only_the_documented_bits_are_writable(void **state)
{
	static const struct {
		unsigned reg, len;
		uint32_t reads;
	} want[] = {
		{ PCI_VENDOR_ID, 4, 0x000c1b36 },
		{ PCI_BASE_ADDRESS_0, 4, 0 },
		{ PCI_BASE_ADDRESS_1, 4, 0 },
		{ PCI_PRIMARY_BUS, 4, 0x00ffffff },
		{ PCI_IO_BASE, 2, 0xf0f0 },
		{ PCI_MEMORY_BASE, 4, 0xfff0fff0 },
		{ PCI_PREF_MEMORY_BASE, 4, 0xfff1fff1 },
		{ PCI_PREF_BASE_UPPER32, 4, 0xffffffff },
		{ PCI_PREF_LIMIT_UPPER32, 4, 0xffffffff },
		{ PCI_IO_BASE_UPPER16, 4, 0 },
		{ PCI_ROM_ADDRESS1, 4, 0 },
		{ PCI_BRIDGE_CONTROL, 2, 0x0043 },
		{ EXP + PCI_EXP_DEVCTL, 2, 0x71ef },
		{ EXP + PCI_EXP_LNKCTL, 2, 0x00d0 },
		{ EXP + PCI_EXP_SLTCTL, 2, 0 },
		{ EXP + PCI_EXP_RTCTL, 2, 0x000f },
		{ EXP + PCI_EXP_DEVCTL2, 2, 0x0010 },
	};
	struct scene s;

	open_scene(&s);
	for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
		put(&s, want[i].reg, want[i].len, UINT32_MAX);
		assert_int_equal(get(&s, want[i].reg, want[i].len),
				 want[i].reads);
	}
	close_scene(&s);
}

static void windows_gate_the_child(void **state)
{
	struct scene s;
	uint64_t at;

	open_scene(&s);
	at = s.c.mapped_at[0];
	assert_int_not_equal(at, 0);
	/* Shut: base above limit. */
	put(&s, PCI_MEMORY_BASE, 4, 0x0000fff0);
	assert_int_equal(s.c.mapped_at[0], 0);
	assert_int_not_equal(s.c.mapped_at[2], 0);
	/* Open again, a megabyte below and above. */
	put(&s, PCI_MEMORY_LIMIT, 2, (at >> 16) + 0x10);
	put(&s, PCI_MEMORY_BASE, 2, (at >> 16) - 0x10);
	assert_int_equal(s.c.mapped_at[0], at);
	/* Somewhere else. */
	put(&s, PCI_MEMORY_BASE, 4, 0xd010d010);
	assert_int_equal(s.c.mapped_at[0], 0);
	/* The prefetchable window forwards whatever its address. */
	put(&s, PCI_PREF_BASE_UPPER32, 8, 0);
	put(&s, PCI_PREF_MEMORY_BASE, 2, at >> 16);
	put(&s, PCI_PREF_MEMORY_LIMIT, 2, at >> 16);
	assert_int_equal(s.c.mapped_at[0], at);
	assert_int_equal(s.c.mapped_at[2], 0);
	close_scene(&s);
}

static void io_window_gates_the_child(void **state)
{
	struct scene s;
	uint64_t at;

	open_scene(&s);
	at = s.c.mapped_at[1];
	assert_int_not_equal(at, 0);
	put(&s, PCI_IO_BASE, 2, 0x00f0);
	assert_int_equal(s.c.mapped_at[1], 0);
	put(&s, PCI_IO_BASE, 2, at >> 8 | at);
	assert_int_equal(s.c.mapped_at[1], at);
	close_scene(&s);
}

/* VFIO-BAR-04 */
static void command_of_the_port_gates_the_child(void **state)
{
	struct scene s;

	open_scene(&s);
	put(&s, PCI_COMMAND, 1, PCI_COMMAND_MEMORY);
	assert_int_equal(s.c.mapped_at[1], 0);
	assert_int_not_equal(s.c.mapped_at[0], 0);
	assert_false(s.c.dev.upstream.master_on);
	put(&s, PCI_COMMAND, 1, PCI_COMMAND_IO | PCI_COMMAND_MASTER);
	assert_int_not_equal(s.c.mapped_at[1], 0);
	assert_int_equal(s.c.mapped_at[0] | s.c.mapped_at[2], 0);
	assert_true(s.c.dev.upstream.master_on);
	close_scene(&s);
}

static void window_over_ram_shows_nothing_there(void **state)
{
	struct scene s;

	open_scene(&s);
	put(&s, PCI_MEMORY_BASE, 4, 0xfff00000); /* all of 4 GiB */
	cfg_write(&s.b, 1, 0, PCI_BASE_ADDRESS_0, 4, 0x00100000);
	assert_int_equal(s.c.mapped_at[0], 0);
	cfg_write(&s.b, 1, 0, PCI_BASE_ADDRESS_0, 4, 0xfee00000);
	assert_int_equal(s.c.mapped_at[0], 0);
	close_scene(&s);
}

static void buses_are_renumbered_at_once(void **state)
{
	struct scene s;

	open_scene(&s);
	assert_int_equal(cfg_read(&s.b, 1, 0, 0, 4), 0x56781234);
	put(&s, PCI_PRIMARY_BUS, 4, 0x00403000);
	assert_int_equal(cfg_read(&s.b, 1, 0, 0, 4), UINT32_MAX);
	assert_int_equal(cfg_read(&s.b, 0x30, 0, 0, 4), 0x56781234);
	assert_int_equal(cfg_read(&s.b, 0x31, 0, 0, 4), UINT32_MAX);
	assert_int_equal(pci_port_secondary(&s.p), 0x30);
	assert_int_equal(pci_port_subordinate(&s.p), 0x40);
	/* Subordinate below secondary forwards nothing. */
	put(&s, PCI_SUBORDINATE_BUS, 1, 0x2f);
	assert_int_equal(cfg_read(&s.b, 0x30, 0, 0, 4), UINT32_MAX);
	/* Bus 0 stays the root bus. */
	put(&s, PCI_PRIMARY_BUS, 4, 0x00ff0000);
	assert_int_equal(cfg_read(&s.b, 0, 0, 0, 4), 0x29c08086);
	close_scene(&s);
}

static void only_device_zero_exists_below(void **state)
{
	struct scene s;

	open_scene(&s);
	for (unsigned devfn = 1; devfn < 256; devfn++)
		assert_int_equal(cfg_read(&s.b, 1, devfn, 0, 4), UINT32_MAX);
	close_scene(&s);
}

static void same_number_twice_goes_to_the_first(void **state)
{
	struct scene s;

	open_scene(&s);
	pci_config_set(&s.d.dev, PCI_DEVICE_ID, 2, 0x9999);
	cfg_write(&s.b, 0, PORT2, PCI_PRIMARY_BUS, 4, 0x00010100);
	assert_int_equal(cfg_read(&s.b, 1, 0, 0, 4), 0x56781234);
	assert_int_equal(cfg_read(&s.b, 2, 0, 0, 4), UINT32_MAX);
	put(&s, PCI_SECONDARY_BUS, 2, 0x0505);
	assert_int_equal(cfg_read(&s.b, 1, 0, 0, 4), 0x99991234);
	close_scene(&s);
}

/* VFIO-RST-11 */
static void secondary_bus_reset_resets_the_child_once(void **state)
{
	struct scene s;

	open_scene(&s);
	put(&s, PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_CTL_BUS_RESET);
	assert_int_equal(s.c.resets, 1);
	assert_int_equal(s.d.resets, 0);
	assert_int_equal(s.c.mapped_at[0] | s.c.mapped_at[1], 0);
	assert_int_equal(cfg_read(&s.b, 1, 0, 0, 4), UINT32_MAX);
	cfg_write(&s.b, 1, 0, PCI_COMMAND, 2, 7);
	/* Still in reset: other bits of the register do not start another. */
	put(&s, PCI_BRIDGE_CONTROL, 1, 0x41);
	put(&s, PCI_COMMAND, 2, 7);
	assert_int_equal(s.c.resets, 1);
	put(&s, PCI_BRIDGE_CONTROL, 2, 0);
	assert_int_equal(s.c.resets, 1);
	assert_int_equal(cfg_read(&s.b, 1, 0, 0, 4), 0x56781234);
	assert_int_equal(cfg_read(&s.b, 1, 0, PCI_COMMAND, 2), 0);
	assert_int_equal(cfg_read(&s.b, 1, 0, PCI_BASE_ADDRESS_0, 4), 0);
	put(&s, PCI_BRIDGE_CONTROL, 1, 0x40);
	assert_int_equal(s.c.resets, 2);
	close_scene(&s);
}

static void disabled_link_hides_but_does_not_reset(void **state)
{
	struct scene s;
	uint64_t at;

	open_scene(&s);
	at = s.c.mapped_at[0];
	put(&s, EXP + PCI_EXP_LNKCTL, 2, PCI_EXP_LNKCTL_LD);
	assert_int_equal(cfg_read(&s.b, 1, 0, 0, 4), UINT32_MAX);
	assert_int_equal(s.c.mapped_at[0], 0);
	assert_int_equal(
		get(&s, EXP + PCI_EXP_LNKSTA, 2) & PCI_EXP_LNKSTA_DLLLA, 0);
	put(&s, EXP + PCI_EXP_LNKCTL, 2, 0);
	assert_int_equal(s.c.mapped_at[0], at);
	assert_int_equal(s.c.resets, 0);
	assert_true(get(&s, EXP + PCI_EXP_LNKSTA, 2) & PCI_EXP_LNKSTA_DLLLA);
	close_scene(&s);
}

static void retraining_is_done_when_looked_at(void **state)
{
	struct scene s;

	open_scene(&s);
	put(&s, EXP + PCI_EXP_LNKCTL, 2, PCI_EXP_LNKCTL_RL);
	assert_int_equal(get(&s, EXP + PCI_EXP_LNKCTL, 2), 0);
	assert_int_equal(get(&s, EXP + PCI_EXP_LNKSTA, 2) & PCI_EXP_LNKSTA_LT,
			 0);
	close_scene(&s);
}

/* pci_read_bridge_windows: what Linux does to every bridge at boot. */
static void linux_probe_of_io_window_leaves_it_as_it_was(void **state)
{
	struct scene s;
	uint64_t was, at;

	open_scene(&s);
	was = get(&s, PCI_IO_BASE, 2);
	at = s.c.mapped_at[1];
	put(&s, PCI_IO_BASE, 2, 0xe0f0);
	assert_int_equal(get(&s, PCI_IO_BASE, 2), 0xe0f0);
	assert_int_equal(s.c.mapped_at[1], 0);
	put(&s, PCI_IO_BASE, 2, was);
	assert_int_equal(s.c.mapped_at[1], at);
	close_scene(&s);
}

/* VFIO-ERR-06 */
static void garbage_in_every_register_leaves_a_port_that_recovers(void **state)
{
	struct scene s;
	struct err e = ERR_NONE;
	uint32_t seed = 4;

	open_scene(&s);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned len = 1u << noise(&seed) % 4;
		unsigned reg = noise(&seed) % 0x80 & ~(len - 1);

		cfg_write(&s.b, 0, i % 2 ? PORT : PORT2, reg, len,
			  (uint64_t)noise(&seed) << 32 | noise(&seed));
		cfg_write(&s.b, noise(&seed) % 4, 0,
			  noise(&seed) % 0x34 & ~(len - 1), len, noise(&seed));
	}
	/* As the guest's firmware would: links up, resets over, numbers. */
	cfg_write(&s.b, 0, 0, 0x60, 8, ECAM_BASE | 1u);
	for (unsigned i = 0; i < 2; i++) {
		cfg_write(&s.b, 0, i ? PORT : PORT2, PCI_BRIDGE_CONTROL, 2, 0);
		cfg_write(&s.b, 0, i ? PORT : PORT2, EXP + PCI_EXP_LNKCTL, 2,
			  0);
	}
	assert_int_equal(pci_host_assign(&s.b.host, &e), 0);
	cfg_write(&s.b, 1, 0, PCI_COMMAND, 2, 3);
	cfg_write(&s.b, 2, 0, PCI_COMMAND, 2, 3);
	assert_int_not_equal(s.c.mapped_at[0], 0);
	assert_int_not_equal(s.c.mapped_at[1], 0);
	assert_int_not_equal(s.c.mapped_at[2], 0);
	assert_int_not_equal(s.d.mapped_at[0], 0);
	close_scene(&s);
}

static void thirty_ports_are_enough(void **state)
{
	static struct pci_port ports[PCI_MAX_PORTS + 1];
	struct board b;
	struct err e = ERR_NONE;

	board_open(&b);
	for (unsigned i = 0; i <= PCI_MAX_PORTS; i++)
		pci_port_init(&ports[i], i + 1);
	for (unsigned i = 0; i < PCI_MAX_PORTS; i++)
		assert_int_equal(pci_host_add_port(&b.host, &ports[i],
						   (uint8_t)PCI_DEVFN(i + 1, 0),
						   &e),
				 0);
	assert_int_equal(
		pci_host_add_port(&b.host, &ports[PCI_MAX_PORTS], 1, &e),
		-ENOSPC);
	for (unsigned i = 0; i <= PCI_MAX_PORTS; i++)
		pci_port_fini(&ports[i]);
	assert_int_equal(b.host.n_ports, 0);
	board_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(header_is_a_bridge_that_linux_knows),
		FAKE_TEST(express_capability_is_a_root_port_with_a_card),
		FAKE_TEST(child_without_express_gets_the_slowest_link),
		FAKE_TEST(empty_port_has_no_card_and_no_link),
		FAKE_TEST(only_the_documented_bits_are_writable),
		FAKE_TEST(windows_gate_the_child),
		FAKE_TEST(io_window_gates_the_child),
		FAKE_TEST(command_of_the_port_gates_the_child),
		FAKE_TEST(window_over_ram_shows_nothing_there),
		FAKE_TEST(buses_are_renumbered_at_once),
		FAKE_TEST(only_device_zero_exists_below),
		FAKE_TEST(same_number_twice_goes_to_the_first),
		FAKE_TEST(secondary_bus_reset_resets_the_child_once),
		FAKE_TEST(disabled_link_hides_but_does_not_reset),
		FAKE_TEST(retraining_is_done_when_looked_at),
		FAKE_TEST(linux_probe_of_io_window_leaves_it_as_it_was),
		FAKE_TEST(
			garbage_in_every_register_leaves_a_port_that_recovers),
		FAKE_TEST(thirty_ports_are_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

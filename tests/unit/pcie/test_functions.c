/* Several functions in the slot of one root port. VFIO-CFG-08, VFIO-RST-11. */
#include <stdio.h>

#include "pcie/intx.h"
#include "tests/unit/pcie/board.h"

enum { PORT = PCI_DEVFN(3, 0), SLOT = 3, EXP = 0x40, FUNCTIONS = 3 };

/* Where they are: with a gap, as on a card whose function 1 stays behind. */
static const unsigned number[FUNCTIONS] = { 0, 2, 7 };

struct scene {
	struct board b;
	struct pci_port p;
	struct toy t[FUNCTIONS];
	bool reachable; /* one still decoded when another was reset */
};

static struct scene *scene_now;

static void reset_and_look(struct pci_device *d)
{
	toy_of(d)->resets++;
	for (unsigned i = 0; i < FUNCTIONS; i++)
		for (unsigned k = 0; k < PCI_BARS; k++)
			if (scene_now->t[i].mapped_at[k] != 0)
				scene_now->reachable = true;
}

static struct pci_ops looking_ops;

static void give_express(struct toy *t, uint32_t lnkcap, uint16_t lnksta,
			 uint32_t devcap)
{
	pci_cap_add(&t->dev, PCI_CAP_ID_EXP, 0x70);
	pci_config_set(&t->dev, 0x70 + PCI_EXP_LNKCAP, 4, lnkcap);
	pci_config_set(&t->dev, 0x70 + PCI_EXP_LNKSTA, 2, lnksta);
	pci_config_set(&t->dev, 0x70 + PCI_EXP_DEVCAP, 4, devcap);
}

static void open_scene(struct scene *s)
{
	struct err e = ERR_NONE;

	memset(s, 0, sizeof(*s));
	scene_now = s;
	looking_ops = toy_ops;
	looking_ops.reset = reset_and_look;
	board_open(&s->b);
	pci_port_init(&s->p, SLOT);
	for (unsigned i = 0; i < FUNCTIONS; i++) {
		struct toy *t = &s->t[i];
		char name[32];

		snprintf(name, sizeof(name), "function %u", number[i]);
		toy_init(t, name);
		t->dev.ops = &looking_ops;
		pci_config_set(&t->dev, PCI_DEVICE_ID, 2, 0x1000 + number[i]);
		pci_config_set(&t->dev, PCI_INTERRUPT_PIN, 1, 1 + i);
		pci_bar_init(&t->dev, 0, PCI_BAR_MEM32, false, 0x10000);
		pci_bar_init(&t->dev, 1, PCI_BAR_IO, false, 32);
		pci_bar_init(&t->dev, 2, PCI_BAR_MEM64, true, GIB);
	}
	give_express(&s->t[1], 0x43, 0x1042, 1);
	give_express(&s->t[2], 0x11, 0x1011, 4);
	/* the order of plugging does not matter */
	for (unsigned i = FUNCTIONS; i-- > 0;)
		pci_port_plug_function(&s->p, &s->t[i].dev, number[i]);
	assert_int_equal(pci_host_add_port(&s->b.host, &s->p, PORT, &e), 0);
	assert_int_equal(pci_host_assign(&s->b.host, &e), 0);
}

static void decode(struct scene *s)
{
	for (unsigned i = 0; i < FUNCTIONS; i++)
		cfg_write(&s->b, SLOT, number[i], PCI_COMMAND, 2, 7);
}

static void close_scene(struct scene *s)
{
	for (unsigned i = 0; i < FUNCTIONS; i++)
		pci_device_fini(&s->t[i].dev);
	assert_false(pci_port_occupied(&s->p));
	pci_port_fini(&s->p);
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

/* How many of their BARs of index @bar are shown. */
static unsigned shown(const struct scene *s, unsigned bar)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FUNCTIONS; i++)
		n += s->t[i].mapped_at[bar] != 0;
	return n;
}

static void bus_below_has_the_slots_number(void **state)
{
	struct scene s;

	open_scene(&s);
	assert_int_equal(get(&s, PCI_PRIMARY_BUS, 4) & 0xffffff, 0x030300);
	assert_int_equal(get(&s, EXP + PCI_EXP_SLTCAP, 4), 3u << 19);
	close_scene(&s);
}

static void each_answers_at_its_number_and_nobody_elsewhere(void **state)
{
	struct scene s;

	open_scene(&s);
	for (unsigned devfn = 0; devfn < 256; devfn++) {
		uint64_t want = UINT32_MAX;

		for (unsigned i = 0; i < FUNCTIONS; i++)
			if (number[i] == devfn)
				want = 0x10001234 | devfn << 16;
		assert_int_equal(cfg_read(&s.b, SLOT, devfn, 0, 4), want);
		cfg_write(&s.b, SLOT, devfn, PCI_INTERRUPT_LINE, 1, devfn);
	}
	for (unsigned i = 0; i < FUNCTIONS; i++)
		assert_int_equal(
			cfg_read(&s.b, SLOT, number[i], PCI_INTERRUPT_LINE, 1),
			number[i]);
	close_scene(&s);
}

static void by_cf8_they_are_found_too(void **state)
{
	struct scene s;

	open_scene(&s);
	bus_write(&s.b.vm.pio, 0xcf8, 4, 0x80000000 | SLOT << 16 | 2 << 8);
	assert_int_equal(bus_read(&s.b.vm.pio, 0xcfc, 4), 0x10021234);
	bus_write(&s.b.vm.pio, 0xcf8, 4, 0x80000000 | SLOT << 16 | 3 << 8);
	assert_int_equal(bus_read(&s.b.vm.pio, 0xcfc, 4), UINT32_MAX);
	close_scene(&s);
}

/* VFIO-CFG-08 */
static void headers_say_whether_there_are_several(void **state)
{
	struct pci_port p;
	struct toy t, u;

	pci_port_init(&p, 1);
	toy_init(&t, "f0");
	toy_init(&u, "f1");
	/* what the host's device says of its own functions does not count */
	pci_config_set(&t.dev, PCI_HEADER_TYPE, 1, 0x80);
	pci_port_plug(&p, &t.dev);
	assert_int_equal(t.dev.config[PCI_HEADER_TYPE], 0);
	pci_port_plug_function(&p, &u.dev, 1);
	assert_int_equal(t.dev.config[PCI_HEADER_TYPE], 0x80);
	assert_int_equal(u.dev.config[PCI_HEADER_TYPE], 0x80);
	assert_int_equal(p.dev.config[PCI_HEADER_TYPE], 1);
	pci_port_fini(&p);
	pci_device_fini(&t.dev);
	pci_device_fini(&u.dev);
}

/* PCIe 6.2 7.5.3: one link; the lowest function that tells of it is believed,
 * and no payload that one of them takes is held up. VFIO-CFG-15 */
static void link_is_the_first_ones_and_payload_the_largest(void **state)
{
	struct scene s;

	open_scene(&s);
	assert_int_equal(get(&s, EXP + PCI_EXP_LNKCAP, 4) & 0x3ff, 0x43);
	assert_int_equal(get(&s, EXP + PCI_EXP_LNKSTA, 2), 0x2042);
	assert_int_equal(get(&s, EXP + PCI_EXP_DEVCAP, 4) & 7, 4);
	assert_int_equal(get(&s, EXP + PCI_EXP_SLTSTA, 2), PCI_EXP_SLTSTA_PDS);
	close_scene(&s);
}

static void each_keeps_its_pin(void **state)
{
	struct scene s;

	open_scene(&s);
	/* port at device 3: INTA is GSI 19, INTB 20, INTC 21 */
	for (unsigned i = 0; i < FUNCTIONS; i++) {
		assert_int_equal(intx_gsi(&s.t[i].dev, 1 + i), 19 + i);
		assert_int_equal(
			cfg_read(&s.b, SLOT, number[i], PCI_INTERRUPT_LINE, 1),
			19 + i);
	}
	close_scene(&s);
}

static void windows_cover_all_of_them(void **state)
{
	struct scene s;

	open_scene(&s);
	decode(&s);
	for (unsigned bar = 0; bar < 3; bar++)
		assert_int_equal(shown(&s, bar), FUNCTIONS);
	for (unsigned i = 0; i < FUNCTIONS; i++) {
		const struct pci_windows *w = &s.t[i].dev.upstream;

		assert_int_equal(w->mem.size, MIB);
		assert_int_equal(w->pref.size, 3 * GIB);
		assert_int_equal(w->io.size, 0x1000);
		for (unsigned k = 0; k < i; k++) {
			assert_int_not_equal(s.t[i].mapped_at[0],
					     s.t[k].mapped_at[0]);
			assert_int_not_equal(s.t[i].mapped_at[1],
					     s.t[k].mapped_at[1]);
			assert_int_not_equal(s.t[i].mapped_at[2],
					     s.t[k].mapped_at[2]);
		}
	}
	close_scene(&s);
}

static void port_gates_all_of_them(void **state)
{
	struct scene s;

	open_scene(&s);
	decode(&s);
	put(&s, PCI_COMMAND, 2, PCI_COMMAND_IO);
	assert_int_equal(shown(&s, 0) + shown(&s, 2), 0);
	assert_int_equal(shown(&s, 1), FUNCTIONS);
	put(&s, PCI_COMMAND, 2, 7);
	assert_int_equal(shown(&s, 0), FUNCTIONS);
	put(&s, PCI_MEMORY_BASE, 4, 0x0000fff0);
	assert_int_equal(shown(&s, 0), 0);
	assert_int_equal(shown(&s, 2), FUNCTIONS);
	put(&s, EXP + PCI_EXP_LNKCTL, 2, PCI_EXP_LNKCTL_LD);
	assert_int_equal(shown(&s, 1) + shown(&s, 2), 0);
	for (unsigned i = 0; i < FUNCTIONS; i++) {
		assert_int_equal(cfg_read(&s.b, SLOT, number[i], 0, 4),
				 UINT32_MAX);
		assert_int_equal(s.t[i].resets, 0);
	}
	put(&s, EXP + PCI_EXP_LNKCTL, 2, 0);
	assert_int_equal(shown(&s, 2), FUNCTIONS);
	close_scene(&s);
}

static void bus_reset_resets_each_once_when_none_is_in_reach(void **state)
{
	struct scene s;

	open_scene(&s);
	decode(&s);
	put(&s, PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_CTL_BUS_RESET);
	put(&s, PCI_COMMAND, 2, 7);
	for (unsigned i = 0; i < FUNCTIONS; i++) {
		assert_int_equal(s.t[i].resets, 1);
		assert_int_equal(cfg_read(&s.b, SLOT, number[i], 0, 4),
				 UINT32_MAX);
	}
	assert_false(s.reachable);
	put(&s, PCI_BRIDGE_CONTROL, 2, 0);
	for (unsigned i = 0; i < FUNCTIONS; i++) {
		assert_int_equal(
			cfg_read(&s.b, SLOT, number[i], PCI_COMMAND, 2), 0);
		assert_int_equal(
			cfg_read(&s.b, SLOT, number[i], PCI_BASE_ADDRESS_0, 4),
			0);
		assert_int_equal(
			cfg_read(&s.b, SLOT, number[i], PCI_HEADER_TYPE, 1),
			0x80);
		assert_int_equal(s.t[i].resets, 1);
	}
	close_scene(&s);
}

static void renumbered_bus_takes_all_of_them_along(void **state)
{
	struct scene s;

	open_scene(&s);
	put(&s, PCI_SECONDARY_BUS, 2, 0x4040);
	for (unsigned i = 0; i < FUNCTIONS; i++) {
		assert_int_equal(cfg_read(&s.b, SLOT, number[i], 0, 4),
				 UINT32_MAX);
		assert_int_equal(cfg_read(&s.b, 0x40, number[i], 0, 4),
				 0x10001234 | number[i] << 16);
	}
	close_scene(&s);
}

/* VFIO-BAR-07: whoever waits gets its place when it is free, function 7 too. */
static void siblings_may_be_at_one_address_for_a_while(void **state)
{
	struct scene s;
	uint64_t at, old;

	open_scene(&s);
	decode(&s);
	at = s.t[0].mapped_at[0];
	old = s.t[2].mapped_at[0];
	cfg_write(&s.b, SLOT, 7, PCI_BASE_ADDRESS_0, 4, at);
	assert_int_equal(s.t[0].mapped_at[0], at);
	assert_int_equal(s.t[2].mapped_at[0], 0);
	cfg_write(&s.b, SLOT, 0, PCI_BASE_ADDRESS_0, 4, old);
	assert_int_equal(s.t[0].mapped_at[0], old);
	assert_int_equal(s.t[2].mapped_at[0], at);
	close_scene(&s);
}

static void largest_bar_is_named_when_they_do_not_fit(void **state)
{
	struct pci_apertures ap = board_apertures;
	struct pci_demand q = { 0 };
	struct board b;
	struct pci_port p;
	struct toy t[2];
	struct err e = ERR_NONE;

	ap.mem64.size = 4 * GIB;
	board_open_at(&b, &ap);
	pci_port_init(&p, 1);
	for (unsigned i = 0; i < 2; i++) {
		toy_init(&t[i], i ? "large" : "small");
		pci_bar_init(&t[i].dev, 0, PCI_BAR_MEM64, true,
			     i ? 4 * GIB : GIB);
		pci_bar_init(&t[i].dev, 2, PCI_BAR_IO, false, 4);
		pci_port_plug_function(&p, &t[i].dev, i);
	}
	pci_demand_add(&q, &p);
	assert_int_equal(q.align64, 4 * GIB);
	assert_int_equal(q.mem64, 8 * GIB);
	assert_int_equal(pci_host_add_port(&b.host, &p, PCI_DEVFN(1, 0), &e),
			 0);
	assert_int_equal(pci_host_assign(&b.host, &e), -ENOSPC);
	assert_string_equal(e.text, "large: BAR0 of 4 GiB does not fit into "
				    "64-bit memory space");
	/* without I/O space they go on, all of them without */
	b.host.ap.mem64.size = 16 * GIB;
	b.host.ap.io.size = 0;
	assert_int_equal(pci_host_assign(&b.host, &e), 0);
	assert_int_equal(pci_bar_address(&t[0].dev, 2), 0);
	assert_int_equal(pci_bar_address(&t[1].dev, 2), 0);
	assert_int_not_equal(pci_bar_address(&t[0].dev, 0), 0);
	pci_port_fini(&p);
	for (unsigned i = 0; i < 2; i++)
		pci_device_fini(&t[i].dev);
	board_close(&b);
}

/* What firmware's assignment gives to a port is enough for any mix. */
static void give_noise(struct toy *t, uint32_t *seed)
{
	for (unsigned i = 0; i < PCI_BARS; i++) {
		unsigned kind = noise(seed) % 4;
		bool pref = noise(seed) % 2;

		if (kind == PCI_BAR_IO)
			pci_bar_init(&t->dev, i, PCI_BAR_IO, false,
				     4ull << noise(seed) % 7);
		else if (kind == PCI_BAR_MEM32)
			pci_bar_init(&t->dev, i, PCI_BAR_MEM32, pref,
				     1ull << (4 + noise(seed) % 17));
		else if (kind == PCI_BAR_MEM64 && i < PCI_BARS - 1)
			pci_bar_init(
				&t->dev, i++, PCI_BAR_MEM64, pref,
				1ull << (4 + noise(seed) % (pref ? 34 : 17)));
	}
}

static void any_eight_fit_into_what_they_demanded(void **state)
{
	static struct toy t[PCI_FUNCTIONS];
	uint32_t seed = 77;

	for (unsigned round = 0; round < 100; round++) {
		struct pci_apertures ap = board_apertures;
		struct pci_demand q = { 0 };
		struct err e = ERR_NONE;
		struct pci_port p;
		struct board b;

		pci_port_init(&p, 1);
		for (unsigned f = 0; f < PCI_FUNCTIONS; f++) {
			toy_init(&t[f], "noise");
			give_noise(&t[f], &seed);
			pci_port_plug_function(&p, &t[f].dev, f);
		}
		pci_demand_add(&q, &p);
		ap.mem64 = (struct range){ 1ull << 45, q.mem64 };
		ap.mem32.size = q.mem32;
		board_open_at(&b, &ap);
		assert_int_equal(
			pci_host_add_port(&b.host, &p, PCI_DEVFN(1, 0), &e), 0);
		assert_int_equal(pci_host_assign(&b.host, &e), 0);
		for (unsigned f = 0; f < PCI_FUNCTIONS; f++)
			cfg_write(&b, 1, f, PCI_COMMAND, 2, 3);
		assert_int_equal(b.host.waiting, 0);
		for (unsigned f = 0; f < PCI_FUNCTIONS; f++)
			for (unsigned i = 0; i < PCI_BARS; i++)
				assert_int_equal(t[f].mapped_at[i] == 0,
						 t[f].dev.bars[i].kind ==
							 PCI_BAR_NONE);
		for (unsigned f = 0; f < PCI_FUNCTIONS; f++)
			pci_device_fini(&t[f].dev);
		pci_port_fini(&p);
		board_close(&b);
	}
}

static void garbage_leaves_functions_that_recover(void **state)
{
	struct scene s;
	struct err e = ERR_NONE;
	uint32_t seed = 9;

	open_scene(&s);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned len = 1u << noise(&seed) % 4;
		unsigned reg = noise(&seed) % 0x80 & ~(len - 1);

		if (i % 4 == 0)
			put(&s, reg, len,
			    (uint64_t)noise(&seed) << 32 | noise(&seed));
		cfg_write(&s.b, noise(&seed) % 8, noise(&seed) % 16,
			  noise(&seed) % 0x34 & ~(len - 1), len, noise(&seed));
	}
	cfg_write(&s.b, 0, 0, 0x60, 8, ECAM_BASE | 1u);
	put(&s, PCI_BRIDGE_CONTROL, 2, 0);
	put(&s, EXP + PCI_EXP_LNKCTL, 2, 0);
	assert_int_equal(pci_host_assign(&s.b.host, &e), 0);
	decode(&s);
	for (unsigned bar = 0; bar < 3; bar++)
		assert_int_equal(shown(&s, bar), FUNCTIONS);
	close_scene(&s);
}

static void port_may_go_before_or_after_its_functions(void **state)
{
	for (unsigned order = 0; order < 4; order++) {
		struct scene s;

		open_scene(&s);
		decode(&s);
		if (order == 0)
			pci_port_fini(&s.p);
		if (order == 1)
			pci_device_fini(&s.t[1].dev);
		if (order == 2)
			pci_host_close(&s.b.host);
		if (order == 3)
			pci_host_remove(&s.p.dev);
		for (unsigned i = 0; i < FUNCTIONS; i++)
			pci_device_fini(&s.t[i].dev);
		pci_port_fini(&s.p);
		pci_port_fini(&s.p);
		for (unsigned bar = 0; bar < 3; bar++)
			assert_int_equal(shown(&s, bar), 0);
		assert_true(bus_is_free(&s.b.vm.mmio, 0xc0000000, 512 * MIB));
		board_close(&s.b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(bus_below_has_the_slots_number),
		FAKE_TEST(each_answers_at_its_number_and_nobody_elsewhere),
		FAKE_TEST(by_cf8_they_are_found_too),
		FAKE_TEST(headers_say_whether_there_are_several),
		FAKE_TEST(link_is_the_first_ones_and_payload_the_largest),
		FAKE_TEST(each_keeps_its_pin),
		FAKE_TEST(windows_cover_all_of_them),
		FAKE_TEST(port_gates_all_of_them),
		FAKE_TEST(bus_reset_resets_each_once_when_none_is_in_reach),
		FAKE_TEST(renumbered_bus_takes_all_of_them_along),
		FAKE_TEST(siblings_may_be_at_one_address_for_a_while),
		FAKE_TEST(largest_bar_is_named_when_they_do_not_fit),
		FAKE_TEST(any_eight_fit_into_what_they_demanded),
		FAKE_TEST(garbage_leaves_functions_that_recover),
		FAKE_TEST(port_may_go_before_or_after_its_functions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

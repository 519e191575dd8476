/* Firmware's assignment. VFIO-KVM-18, VFIO-BAR-12, VFIO-BAR-17. */
#include <stdio.h>

#include "tests/unit/pcie/board.h"

enum { TIB_SHIFT = 40 };

#define TIB (1ull << TIB_SHIFT)

struct spec {
	enum pci_bar_kind kind;
	bool pref;
	uint64_t size;
};

static void give_bars(struct toy *t, const struct spec *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (s[i].kind != PCI_BAR_NONE)
			pci_bar_init(&t->dev, i, s[i].kind, s[i].pref,
				     s[i].size);
}

static struct range bar_range(const struct toy *t, unsigned i)
{
	return (struct range){ pci_bar_address(&t->dev, i),
			       t->dev.bars[i].size };
}

static bool within(const struct range *outer, const struct range *inner)
{
	return range_fits(outer->base, outer->size, inner->base, inner->size);
}

/* What must hold after every assignment that succeeded. */
static void check_child(const struct board *b, const struct toy *t)
{
	const struct pci_windows *w = &t->dev.upstream;

	for (unsigned i = 0; i <= PCI_ROM_BAR; i++) {
		const struct pci_bar *bar = &t->dev.bars[i];
		struct range r = bar_range(t, i);

		if (bar->kind == PCI_BAR_NONE)
			continue;
		if (bar->kind == PCI_BAR_IO && r.base == 0)
			continue;
		assert_int_not_equal(r.base, 0);
		assert_int_equal(r.base % bar->size, 0);
		if (bar->kind == PCI_BAR_IO) {
			assert_true(within(&w->io, &r));
			assert_true(within(&b->host.ap.io, &r));
			continue;
		}
		assert_int_equal(r.base % 4096, 0);
		if (bar->kind == PCI_BAR_MEM64 && bar->prefetchable &&
		    b->host.ap.mem64.size != 0) {
			assert_true(within(&w->pref, &r));
			assert_true(within(&b->host.ap.mem64, &r));
		} else {
			assert_true(within(&w->mem, &r));
			assert_true(within(&b->host.ap.mem32, &r));
		}
	}
}

static void check_apart(const struct toy *a, const struct toy *b)
{
	for (unsigned i = 0; i <= PCI_ROM_BAR; i++) {
		for (unsigned k = 0; k <= PCI_ROM_BAR; k++) {
			struct range x = bar_range(a, i), y = bar_range(b, k);
			bool same_bus = (a->dev.bars[i].kind == PCI_BAR_IO) ==
					(b->dev.bars[k].kind == PCI_BAR_IO);

			if (a->dev.bars[i].kind == PCI_BAR_NONE ||
			    b->dev.bars[k].kind == PCI_BAR_NONE || !same_bus ||
			    (a == b && i == k) || x.base == 0 || y.base == 0)
				continue;
			assert_false(
				range_overlaps(x.base, x.size, y.base, y.size));
		}
	}
}

struct fleet {
	struct board b;
	struct pci_port ports[PCI_MAX_PORTS];
	struct toy toys[PCI_MAX_PORTS];
	unsigned n;
};

static void fleet_add(struct fleet *f, const struct spec *s, unsigned n_bars)
{
	unsigned i = f->n++;
	char name[32];

	snprintf(name, sizeof(name), "0000:%02x:00.0", i + 0x10);
	toy_init(&f->toys[i], name);
	give_bars(&f->toys[i], s, n_bars);
	pci_port_init(&f->ports[i], i + 1);
	pci_port_plug(&f->ports[i], &f->toys[i].dev);
}

static void fleet_open(struct fleet *f, const struct pci_apertures *ap)
{
	struct err e = ERR_NONE;

	board_open_at(&f->b, ap);
	for (unsigned i = 0; i < f->n; i++)
		assert_int_equal(pci_host_add_port(&f->b.host, &f->ports[i],
						   (uint8_t)PCI_DEVFN(i + 1, 0),
						   &e),
				 0);
}

static void fleet_check(struct fleet *f)
{
	for (unsigned i = 0; i < f->n; i++) {
		struct pci_port *p = &f->ports[i];

		check_child(&f->b, &f->toys[i]);
		assert_int_equal(pci_port_secondary(p), i + 1);
		assert_int_equal(pci_port_subordinate(p), i + 1);
		assert_int_equal(pci_config_load(&p->dev, PCI_COMMAND, 2), 7);
		assert_int_equal(
			pci_config_load(&f->toys[i].dev, PCI_COMMAND, 2), 0);
		for (unsigned k = 0; k <= i; k++)
			check_apart(&f->toys[i], &f->toys[k]);
	}
}

static void fleet_close(struct fleet *f)
{
	for (unsigned i = 0; i < f->n; i++) {
		pci_device_fini(&f->toys[i].dev);
		pci_port_fini(&f->ports[i]);
	}
	board_close(&f->b);
	f->n = 0;
}

static struct fleet fleet;

static const struct spec gpu[] = {
	{ PCI_BAR_MEM32, false, 16 * MIB },
	{ PCI_BAR_MEM64, true, 256 * GIB },
	{ PCI_BAR_NONE, false, 0 },
	{ PCI_BAR_MEM64, true, 32 * MIB },
};

/* VFIO-BAR-17 */
static void eight_functions_with_256_gib_fit_into_46_bits(void **state)
{
	struct pci_apertures ap = board_apertures;
	struct pci_demand q = { 0 };
	struct err e = ERR_NONE;

	for (unsigned i = 0; i < 8; i++) {
		fleet_add(&fleet, gpu, ARRAY_LEN(gpu));
		pci_demand_add(&q, &fleet.ports[i]);
	}
	assert_int_equal(q.align64, 256 * GIB);
	assert_int_equal(q.mem64, 8 * 512 * GIB);
	assert_int_equal(q.mem32, 8 * 16 * MIB);
	assert_int_equal(q.align32, 16 * MIB);
	ap.mem64 = (struct range){ 32 * TIB, q.mem64 };
	fleet_open(&fleet, &ap);
	assert_int_equal(pci_host_assign(&fleet.b.host, &e), 0);
	fleet_check(&fleet);
	assert_true(fleet.ports[0].child[0]->upstream.pref.size ==
		    256 * GIB + 32 * MIB);
	fleet_close(&fleet);
}

/* VFIO-KVM-18 */
static void windows_cover_the_child_exactly(void **state)
{
	static const struct spec s[] = {
		{ PCI_BAR_MEM32, false, 0x4000 }, { PCI_BAR_MEM32, true, MIB },
		{ PCI_BAR_MEM64, false, 0x1000 }, { PCI_BAR_NONE, false, 0 },
		{ PCI_BAR_IO, false, 64 },
	};
	struct err e = ERR_NONE;
	const struct pci_windows *w;

	fleet_add(&fleet, s, ARRAY_LEN(s));
	fleet_open(&fleet, &board_apertures);
	assert_int_equal(pci_host_assign(&fleet.b.host, &e), 0);
	fleet_check(&fleet);
	w = &fleet.toys[0].dev.upstream;
	assert_int_equal(w->mem.size, 2 * MIB);
	assert_int_equal(w->io.size, 0x1000);
	assert_int_equal(w->pref.size, 0);
	fleet_close(&fleet);
}

/* VFIO-BAR-12 */
static void small_bars_never_share_a_page(void **state)
{
	static const struct spec s[] = {
		{ PCI_BAR_MEM32, false, 16 }, { PCI_BAR_MEM32, false, 256 },
		{ PCI_BAR_MEM64, false, 16 }, { PCI_BAR_NONE, false, 0 },
		{ PCI_BAR_MEM64, true, 64 },
	};
	struct err e = ERR_NONE;

	fleet_add(&fleet, s, ARRAY_LEN(s));
	fleet_open(&fleet, &board_apertures);
	assert_int_equal(pci_host_assign(&fleet.b.host, &e), 0);
	fleet_check(&fleet);
	assert_int_not_equal(bar_range(&fleet.toys[0], 0).base,
			     bar_range(&fleet.toys[0], 1).base);
	fleet_close(&fleet);
}

static void without_64_bit_space_all_goes_below_4_gib(void **state)
{
	static const struct spec s[] = {
		{ PCI_BAR_MEM64, true, 64 * MIB },
		{ PCI_BAR_NONE, false, 0 },
		{ PCI_BAR_MEM64, false, 0x4000 },
	};
	struct pci_apertures ap = board_apertures;
	struct err e = ERR_NONE;

	ap.mem64 = (struct range){ 0 };
	fleet_add(&fleet, s, ARRAY_LEN(s));
	fleet_open(&fleet, &ap);
	assert_int_equal(pci_host_assign(&fleet.b.host, &e), 0);
	fleet_check(&fleet);
	assert_int_equal(fleet.toys[0].dev.upstream.pref.size, 0);
	fleet_close(&fleet);
}

static void what_does_not_fit_is_named(void **state)
{
	static const struct spec wide[] = { { PCI_BAR_MEM64, false, 4 * GIB } };
	struct err e = ERR_NONE;

	fleet_add(&fleet, gpu, ARRAY_LEN(gpu));
	fleet_open(&fleet, &board_apertures);
	assert_int_equal(pci_host_assign(&fleet.b.host, &e), -ENOSPC);
	assert_string_equal(e.text, "0000:10:00.0: BAR1 of 256 GiB does not "
				    "fit into 64-bit memory space");
	assert_string_not_equal(e.hint, "");
	fleet_close(&fleet);

	fleet_add(&fleet, wide, ARRAY_LEN(wide));
	fleet_open(&fleet, &board_apertures);
	assert_int_equal(pci_host_assign(&fleet.b.host, &e), -ENOSPC);
	assert_string_equal(e.text, "0000:10:00.0: BAR0 of 4 GiB does not fit "
				    "into 32-bit memory space");
	assert_non_null(strstr(e.hint, "prefetchable"));
	fleet_close(&fleet);
}

static void sizes_beyond_2_to_the_64_are_refused_not_wrapped(void **state)
{
	static const struct spec huge[] = {
		{ PCI_BAR_MEM64, true, 1ull << 63 },
		{ PCI_BAR_NONE, false, 0 },
		{ PCI_BAR_MEM64, true, 1ull << 63 },
	};
	struct pci_demand q = { 0 };
	struct err e = ERR_NONE;

	fleet_add(&fleet, huge, ARRAY_LEN(huge));
	pci_demand_add(&q, &fleet.ports[0]);
	assert_int_equal(q.mem64, UINT64_MAX);
	fleet_open(&fleet, &board_apertures);
	assert_int_equal(pci_host_assign(&fleet.b.host, &e), -ENOSPC);
	fleet_close(&fleet);
}

/* VFIO-BAR-14 */
static void function_that_finds_no_io_space_goes_without(void **state)
{
	static const struct spec s[] = { { PCI_BAR_IO, false, 32 },
					 { PCI_BAR_MEM32, false, 0x1000 } };
	struct err e = ERR_NONE;
	unsigned with = 0;

	for (unsigned i = 0; i < 20; i++)
		fleet_add(&fleet, s, ARRAY_LEN(s));
	fleet_open(&fleet, &board_apertures);
	assert_int_equal(pci_host_assign(&fleet.b.host, &e), 0);
	fleet_check(&fleet);
	for (unsigned i = 0; i < 20; i++)
		with += bar_range(&fleet.toys[i], 0).base != 0;
	assert_int_equal(with, 15); /* 60 KiB of 4 KiB windows */
	fleet_close(&fleet);
}

static void child_without_io_gets_no_io_window(void **state)
{
	struct err e = ERR_NONE;

	fleet_add(&fleet, gpu, 1);
	fleet_open(&fleet, &board_apertures);
	assert_int_equal(pci_host_assign(&fleet.b.host, &e), 0);
	assert_int_equal(fleet.toys[0].dev.upstream.io.size, 0);
	assert_true(pci_config_load(&fleet.ports[0].dev, PCI_IO_BASE, 1) >
		    pci_config_load(&fleet.ports[0].dev, PCI_IO_LIMIT, 1));
	fleet_close(&fleet);
}

static void functions_on_the_root_bus_are_placed_too(void **state)
{
	static const struct spec s[] = { { PCI_BAR_IO, false, 32 },
					 { PCI_BAR_MEM32, false, 0x1000 },
					 { PCI_BAR_MEM64, true, GIB } };
	struct toy t;
	struct err e = ERR_NONE;

	toy_init(&t, "root");
	give_bars(&t, s, ARRAY_LEN(s));
	pci_bar_init(&t.dev, PCI_ROM_BAR, PCI_BAR_MEM32, false, 2048);
	pci_config_set(&t.dev, PCI_INTERRUPT_PIN, 1, 2);
	fleet_add(&fleet, gpu, 1);
	pci_config_set(&fleet.toys[0].dev, PCI_INTERRUPT_PIN, 1, 1);
	fleet_open(&fleet, &board_apertures);
	assert_int_equal(
		pci_host_add(&fleet.b.host, &t.dev, PCI_DEVFN(9, 0), &e), 0);
	assert_int_equal(pci_host_assign(&fleet.b.host, &e), 0);
	fleet_check(&fleet);
	check_child(&fleet.b, &t);
	check_apart(&t, &t);
	check_apart(&t, &fleet.toys[0]);
	/* Device 9, INTB; and device 0 behind the port at device 1, INTA. */
	assert_int_equal(t.dev.config[PCI_INTERRUPT_LINE], 18);
	assert_int_equal(fleet.toys[0].dev.config[PCI_INTERRUPT_LINE], 17);
	assert_int_equal(t.dev.config[PCI_CACHE_LINE_SIZE], 16);
	/* The ROM has an address and stays off. */
	assert_int_equal(t.dev.config[PCI_ROM_ADDRESS] & 1, 0);
	pci_device_fini(&t.dev);
	fleet_close(&fleet);
}

static void io_aperture_from_zero_skips_port_zero(void **state)
{
	static const struct spec s[] = { { PCI_BAR_IO, false, 32 } };
	struct pci_apertures ap = board_apertures;
	struct err e = ERR_NONE;

	ap.io = (struct range){ 0, 0x10000 };
	fleet_add(&fleet, s, 1);
	fleet_open(&fleet, &ap);
	assert_int_equal(pci_host_assign(&fleet.b.host, &e), 0);
	assert_int_equal(bar_range(&fleet.toys[0], 0).base, 0x1000);
	fleet_close(&fleet);
}

static void assigning_twice_is_the_same_as_once(void **state)
{
	static uint8_t before[PCIE_CONFIG_SIZE];
	struct pci_apertures ap = board_apertures;
	struct err e = ERR_NONE;

	ap.mem64 = (struct range){ TIB, TIB };
	fleet_add(&fleet, gpu, ARRAY_LEN(gpu));
	fleet_open(&fleet, &ap);
	assert_int_equal(pci_host_assign(&fleet.b.host, &e), 0);
	memcpy(before, fleet.toys[0].dev.config, sizeof(before));
	cfg_write(&fleet.b, 1, 0, PCI_COMMAND, 2, 7);
	assert_int_equal(pci_host_assign(&fleet.b.host, &e), 0);
	assert_memory_equal(before, fleet.toys[0].dev.config, sizeof(before));
	assert_int_equal(fleet.toys[0].mapped_at[0], 0);
	fleet_close(&fleet);
}

/* Any mix: an aperture of the size that pci_demand_add asked for, aligned as
 * it asked, takes everything. */
static void random_function(struct fleet *f, uint32_t *seed)
{
	struct spec s[PCI_BARS] = { 0 };

	for (unsigned i = 0; i < PCI_BARS; i++) {
		s[i].kind = (enum pci_bar_kind)(noise(seed) % 4);
		s[i].pref = noise(seed) % 2;
		s[i].size = 1ull << (4 + noise(seed) % 18);
		if (s[i].kind == PCI_BAR_IO)
			s[i].size = 4ull << noise(seed) % 7;
		if (s[i].kind != PCI_BAR_MEM64)
			continue;
		if (i == PCI_BARS - 1) {
			s[i].kind = PCI_BAR_NONE;
			continue;
		}
		if (s[i].pref)
			s[i].size = 1ull << (4 + noise(seed) % 36);
		i++;
	}
	fleet_add(f, s, PCI_BARS);
}

/* VFIO-KVM-18 */
static void any_fleet_fits_into_what_it_demanded(void **state)
{
	uint32_t seed = 1234;

	for (unsigned round = 0; round < 150; round++) {
		struct pci_apertures ap = board_apertures;
		struct pci_demand q = { 0 };
		struct err e = ERR_NONE;
		unsigned n = 1 + noise(&seed) % 12;

		for (unsigned i = 0; i < n; i++) {
			random_function(&fleet, &seed);
			pci_demand_add(&q, &fleet.ports[i]);
		}
		ap.mem64 = (struct range){ 64 * TIB, q.mem64 };
		ap.mem32.size = q.mem32;
		assert_true(q.mem32 <= 512 * MIB);
		fleet_open(&fleet, &ap);
		assert_int_equal(pci_host_assign(&fleet.b.host, &e), 0);
		fleet_check(&fleet);
		for (unsigned i = 0; i < n; i++)
			cfg_write(&fleet.b, i + 1, 0, PCI_COMMAND, 2, 3);
		assert_int_equal(fleet.b.host.waiting, 0);
		fleet_close(&fleet);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(eight_functions_with_256_gib_fit_into_46_bits),
		FAKE_TEST(windows_cover_the_child_exactly),
		FAKE_TEST(small_bars_never_share_a_page),
		FAKE_TEST(without_64_bit_space_all_goes_below_4_gib),
		FAKE_TEST(what_does_not_fit_is_named),
		FAKE_TEST(sizes_beyond_2_to_the_64_are_refused_not_wrapped),
		FAKE_TEST(function_that_finds_no_io_space_goes_without),
		FAKE_TEST(child_without_io_gets_no_io_window),
		FAKE_TEST(functions_on_the_root_bus_are_placed_too),
		FAKE_TEST(io_aperture_from_zero_skips_port_zero),
		FAKE_TEST(assigning_twice_is_the_same_as_once),
		FAKE_TEST(any_fleet_fits_into_what_it_demanded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* tests/fuzz/fuzz_backdoor.c - a guest that tries the back doors of a card
 *
 * VFIO-BAR-21, VFIO-BAR-15: with any sequence of accesses to the registers that
 * lead to config space or the MSI-X table, some repeated until they go without
 * us, the RTL8168's hardware is never told to show its table, a place that has
 * to be watched gets no shortcut, and a reset leaves none.
 */
#include <stdlib.h>

#include "tests/unit/vfio/hostile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { COPY = 0x88000, DATA = 0x70, ADDRESS = 0x74, OWN = 0x704 };

static const unsigned copies[] = { 0x1800, COPY, 0x92000 };

static void add_graphics(void)
{
	struct fake_pci p = plain_function;

	p.vendor = 0x10de;
	p.class_code = 0x030000;
	p.bar[0] = (struct fake_bar){ .size = MIB };
	p.bar[2] = (struct fake_bar){ .size = 0x10000, .mem64 = true };
	p.msix.table_bar = p.msix.pba_bar = 2;
	fake_pci_add(&p);
}

static void add_nic(void)
{
	struct fake_pci p = plain_function;

	p.vendor = 0x10ec;
	p.device = 0x8168;
	p.bar[2] = (struct fake_bar){ .size = 0x1000, .mem64 = true };
	fake_pci_add(&p);
}

static void show_copies(unsigned which)
{
	uint8_t *regs = fake_pci_bar(BDF, 0);

	for (unsigned i = 0; i < ARRAY_LEN(copies); i++)
		le32_store(regs + copies[i],
			   which >> i & 1 ? 0x001010de : 0xbadf0000);
}

/* Most are where something happens. */
static uint64_t offset(struct hostile *h, bool nic)
{
	unsigned pick = hostile_take(h, 1), at = hostile_take(h, 1);

	if (nic)
		return pick % 8 ? DATA + at % 8 : at;
	if (pick % 16 == 0)
		return copies[pick / 16 % 3] + OWN + at;
	return copies[pick % 3] + hostile_offset(h, 1);
}

static void guest_writes(struct bench *b, uint64_t at, unsigned len, uint64_t v)
{
	if (!fake_kvm_ioeventfd(false, at, len, v & all_ones(len)))
		bus_write(&b->vm.mmio, at, len, v);
}

static void access_it(struct bench *b, struct hostile *h, bool nic)
{
	unsigned how = hostile_take(h, 1), len = 1u << how % 4;
	uint64_t at = bar_at(b, nic ? 2 : 0) + offset(h, nic);
	uint64_t v = hostile_take(h, 4);

	v |= nic && how & 0x80 ? 0x10000 : 0;
	if (how & 0x10) {
		(void)bus_read(&b->vm.mmio, at, len);
		return;
	}
	for (unsigned i = 0; i < (how & 0x20 ? 20 : 1); i++)
		guest_writes(b, at, len, v | v << 32);
}

static void step(struct bench *b, struct hostile *h, bool nic)
{
	unsigned what = hostile_take(h, 1);

	if (what % 4 != 0)
		access_it(b, h, nic);
	else if (what % 8 == 0 && !nic)
		show_copies(what / 16);
	else if (what % 32 == 4)
		decode_on(b);
	else
		hostile_step(b, h);
}

static void check(bool yes, const char *what)
{
	if (yes)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static void check_nic(struct bench *b)
{
	const uint8_t *regs = fake_pci_bar(BDF, 2);

	check((le32_load(regs + ADDRESS) & 0x7fff0000) != 0x10000,
	      "the hardware shows its table");
	for (unsigned i = 0; i < b->dev->shortcuts.n; i++) {
		const struct vfio_write *w = &b->dev->shortcuts.made[i].write;

		check(w->bar != 2 || !range_overlaps(w->off, w->len, DATA, 8),
		      "the window is not watched");
	}
}

static void check_graphics(struct bench *b)
{
	for (unsigned i = 0; i < b->dev->shortcuts.n; i++) {
		const struct vfio_write *w = &b->dev->shortcuts.made[i].write;

		check(w->bar != 0 ||
			      !range_overlaps(w->off, w->len, COPY, 0x40),
		      "the header of a copy is not watched");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct hostile h = { data, data + n };
	bool nic = n != 0 && data[n - 1] & 1;
	struct bench b;

	fake_reset();
	if (nic)
		add_nic();
	else
		add_graphics();
	bench_open(&b, NULL);
	decode_on(&b);
	while (h.at < h.end) {
		step(&b, &h, nic);
		(nic ? check_nic : check_graphics)(&b);
		check(b.dev->shortcuts.n == fake_pci_writes_by(BDF),
		      "VFIO knows other shortcuts");
	}
	hostile_check(&b);
	check(fake_kvm_ioeventfds() == 0, "a shortcut is left");
	bench_close(&b);
	if (fake_leaks()) {
		fputs(fake_leaks(), stderr);
		abort();
	}
	return 0;
}

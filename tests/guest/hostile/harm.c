/* tests/guest/hostile/harm.c - what is done to the functions
 *
 * One operation at a time, drawn from the table at the end. Half of the values
 * are meant to mean something, so that the operations get far.
 */
#include <linux/pci_regs.h>

#include "tests/guest/hostile/hostile.h"

enum { CONFIG_ADDRESS = 0xcf8, CONFIG_DATA = 0xcfc };

/* xorshift64 */
static uint64_t rnd(struct cpu *c)
{
	c->random ^= c->random << 13;
	c->random ^= c->random >> 7;
	c->random ^= c->random << 17;
	return c->random;
}

static unsigned below(struct cpu *c, unsigned n)
{
	return (unsigned)((rnd(c) >> 32) % n);
}

static uint64_t value(struct cpu *c)
{
	switch (below(c, 6)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX;
	case 2:
		return UINT64_C(1) << below(c, 64);
	case 3:
		return below(c, 256);
	default:
		return rnd(c);
	}
}

static const struct function *any(struct cpu *c)
{
	return &functions[below(c, n_functions)];
}

static const struct function *any_port(struct cpu *c)
{
	const struct function *f = any(c);

	for (unsigned i = 0; i < 8 && !f->bridge; i++)
		f = any(c);
	return f;
}

static const struct function *any_endpoint(struct cpu *c)
{
	const struct function *f = any(c);

	for (unsigned i = 0; i < 8 && f->bus == 0; i++)
		f = any(c);
	return f;
}

static void put(const struct function *f, unsigned off, unsigned len,
		uint64_t v)
{
	store(ecam(f->bus, f->devfn, off), len, v);
}

/* -------- config space -------- */

/* Extended config space is large and mostly empty: not too often. */
static unsigned offset(struct cpu *c)
{
	switch (below(c, 4)) {
	case 0:
		return below(c, 0x1000);
	case 1:
		return below(c, 0x100);
	default:
		return below(c, 0x40);
	}
}

static void ecam_write(struct cpu *c)
{
	const struct function *f = any(c);

	put(f, offset(c), 1u << below(c, 4), value(c));
}

static void ecam_read(struct cpu *c)
{
	const struct function *f = any(c);

	(void)load(ecam(f->bus, f->devfn, offset(c)), 1u << below(c, 4));
}

/* Where nobody is, as a rule. */
static void ecam_anywhere(struct cpu *c)
{
	uint64_t at = ECAM + (rnd(c) & 0xfffffff);
	unsigned len = 1u << below(c, 4);

	if (below(c, 2))
		store(at, len, value(c));
	else
		(void)load(at, len);
}

static void ports(struct cpu *c)
{
	const struct function *f = any(c);
	uint32_t address = 1u << 31 | (uint32_t)f->bus << 16 |
			   (uint32_t)f->devfn << 8 | (offset(c) & 0xfc);
	uint16_t data = (uint16_t)(CONFIG_DATA + below(c, 4));

	if (below(c, 8) == 0)
		address = (uint32_t)value(c);
	out32(CONFIG_ADDRESS, address);
	switch (below(c, 4)) {
	case 0:
		out8(data, (uint8_t)value(c));
		break;
	case 1:
		out16((uint16_t)(data & ~1), (uint16_t)value(c));
		break;
	case 2:
		out32(CONFIG_DATA, (uint32_t)value(c));
		break;
	default:
		(void)in32(CONFIG_DATA);
		break;
	}
}

/* -------- what has a meaning -------- */

static void decode(struct cpu *c)
{
	put(any(c), PCI_COMMAND, 2, below(c, 8));
}

/* Over RAM, over the APICs, over config space, past the end of addresses. */
static void move_bar(struct cpu *c)
{
	static const uint64_t odd[] = {
		0,	    0x100000,	0xe0000000,
		0xfec00000, 0xfee00000, 0xfffff000,
		0x80000000, 0xa0000000, UINT64_C(0x100000000),
		UINT64_MAX,
	};
	const struct function *f = any_endpoint(c);
	unsigned i = below(c, BARS);
	uint64_t at = odd[below(c, sizeof(odd) / sizeof(odd[0]))];

	if (below(c, 4) == 0)
		at = value(c);
	put(f, PCI_BASE_ADDRESS_0 + 4 * i, 4, at);
	if (below(c, 2) && i + 1 < BARS)
		put(f, PCI_BASE_ADDRESS_0 + 4 * i + 4, 4, at >> 32);
}

static void msix_control(struct cpu *c)
{
	const struct function *f = any_endpoint(c);

	if (f->msix)
		put(f, f->msix + PCI_MSIX_FLAGS, 2, below(c, 4) << 14);
}

static void msi_control(struct cpu *c)
{
	const struct function *f = any_endpoint(c);

	if (!f->msi)
		return;
	put(f, f->msi + PCI_MSI_ADDRESS_LO, 4, 0xfee00000 | rnd(c) % 0x100000);
	put(f, f->msi + PCI_MSI_FLAGS, 2, below(c, 128));
	put(f, f->msi + 8 + below(c, 16), 1u << below(c, 3), value(c));
}

static void sleep_or_wake(struct cpu *c)
{
	const struct function *f = any(c);

	if (f->pm)
		put(f, f->pm + PCI_PM_CTRL, 2, below(c, 4));
}

static void windows(struct cpu *c)
{
	const struct function *f = any_port(c);

	put(f, PCI_IO_BASE + below(c, 0x18), 1u << below(c, 3), value(c));
}

static void bus_numbers(struct cpu *c)
{
	put(any_port(c), PCI_PRIMARY_BUS + below(c, 3), 1, below(c, 256));
}

static void flr(struct cpu *c)
{
	const struct function *f = any_endpoint(c);

	if (f->express)
		put(f, f->express + PCI_EXP_DEVCTL, 2,
		    PCI_EXP_DEVCTL_BCR_FLR | below(c, 16));
}

static void bus_reset(struct cpu *c)
{
	const struct function *f = any_port(c);

	put(f, PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_CTL_BUS_RESET);
	put(f, PCI_BRIDGE_CONTROL, 2, 0);
}

static void sane(struct cpu *c)
{
	scene_restore();
}

/* -------- BARs -------- */

static void bar_io(struct cpu *c, uint16_t port, unsigned len)
{
	switch (len) {
	case 1:
		out8(port, (uint8_t)value(c));
		break;
	case 2:
		out16(port, (uint16_t)value(c));
		break;
	default:
		(void)in32(port);
		break;
	}
}

/* Only where a BAR has its place: anything may be elsewhere. */
static void bar(struct cpu *c)
{
	const struct function *f = any_endpoint(c);
	unsigned i = below(c, BARS), len = 1u << below(c, 4);
	uint64_t off;

	if (!f->size[i])
		return;
	off = rnd(c) % f->size[i];
	if (below(c, 2))
		off %= 0x4000;
	if (f->home[i] < 0x10000)
		bar_io(c, (uint16_t)(f->home[i] + off), len);
	else if (below(c, 3))
		store(f->home[i] + off, len, value(c));
	else
		(void)load(f->home[i] + off, len);
}

/* The table's place is in the capability; entries of 16 bytes. */
static void msix_table(struct cpu *c)
{
	const struct function *f = any_endpoint(c);
	uint32_t where;
	uint64_t entry;

	if (!f->msix)
		return;
	where = (uint32_t)load(ecam(f->bus, f->devfn, f->msix + PCI_MSIX_TABLE),
			       4);
	if ((where & 7) >= BARS || !f->size[where & 7] ||
	    (where & ~7u) >= f->size[where & 7])
		return;
	entry = f->home[where & 7] + (where & ~7u) + 16 * below(c, 64);
	store(entry, 8, 0xfee00000 | (rnd(c) & 0xff000));
	store(entry + 8, 4, 0x40 + below(c, 0xa0));
	store(entry + 12, 4, below(c, 2));
	if (below(c, 8) == 0)
		store(entry + below(c, 16), 1u << below(c, 4), value(c));
}

/* -------- the lot -------- */

/* The slow ones are rare. */
static const struct {
	unsigned weight;
	void (*run)(struct cpu *c);
} lot[] = {
	{ 200, ecam_write },  { 60, ecam_read },   { 40, ecam_anywhere },
	{ 120, ports },	      { 60, decode },	   { 80, move_bar },
	{ 60, msix_control }, { 40, msi_control }, { 40, sleep_or_wake },
	{ 40, windows },      { 20, bus_numbers }, { 2, flr },
	{ 2, bus_reset },     { 10, sane },	   { 150, bar },
	{ 150, msix_table },
};

void harm(struct cpu *c)
{
	unsigned total = 0, at;

	for (unsigned i = 0; i < sizeof(lot) / sizeof(lot[0]); i++)
		total += lot[i].weight;
	at = below(c, total);
	for (unsigned i = 0; i < sizeof(lot) / sizeof(lot[0]); i++) {
		if (at < lot[i].weight) {
			lot[i].run(c);
			return;
		}
		at -= lot[i].weight;
	}
}

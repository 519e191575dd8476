/* tests/guest/hostile/scene.c - which functions there are, and their sane state
 *
 * Found as the VMM left them before the guest began. Everything that fits gets
 * a place below 4 GiB, where our page tables reach: 64 MiB for each port, and
 * 64 MiB for what may be prefetched.
 */
#include <linux/pci_regs.h>

#include "tests/guest/hostile/hostile.h"

#define WINDOW UINT64_C(0x4000000)
#define MEMORY UINT64_C(0x80000000)
#define PREFETCH UINT64_C(0xa0000000)
enum { IO = 0x1000, MAX_SLOTS = 8 };

struct function functions[MAX_FUNCTIONS];
unsigned n_functions;

uint64_t ecam(unsigned bus, unsigned devfn, unsigned off)
{
	return ECAM + (bus << 20 | devfn << 12 | off);
}

static uint32_t get(const struct function *f, unsigned off, unsigned len)
{
	return (uint32_t)load(ecam(f->bus, f->devfn, off), len);
}

static void put(const struct function *f, unsigned off, unsigned len,
		uint32_t v)
{
	store(ecam(f->bus, f->devfn, off), len, v);
}

/* -------- finding -------- */

static void find_caps(struct function *f)
{
	unsigned at = get(f, PCI_CAPABILITY_LIST, 1);

	for (unsigned n = 0; n < 48 && at >= 0x40; n++) {
		uint32_t head = get(f, at & 0xfc, 2);

		switch (head & 0xff) {
		case PCI_CAP_ID_PM:
			f->pm = (uint8_t)at;
			break;
		case PCI_CAP_ID_MSI:
			f->msi = (uint8_t)at;
			break;
		case PCI_CAP_ID_MSIX:
			f->msix = (uint8_t)at;
			break;
		case PCI_CAP_ID_EXP:
			f->express = (uint8_t)at;
			break;
		}
		at = head >> 8;
	}
}

/* What is taken of each window of a port. */
struct taken {
	uint64_t memory, prefetch, io;
};

static uint64_t take(uint64_t *used, uint64_t base, uint64_t room,
		     uint64_t size)
{
	uint64_t at = (*used + size - 1) & ~(size - 1);

	if (at + size > room)
		return 0;
	*used = at + size;
	return base + at;
}

static void place_bar(struct function *f, unsigned i, uint32_t old,
		      uint64_t size, struct taken *t)
{
	unsigned k = f->slot;
	uint64_t at;

	if (old & PCI_BASE_ADDRESS_SPACE_IO)
		at = take(&t->io, IO * (k + 1u), IO, size);
	else if (old & PCI_BASE_ADDRESS_MEM_PREFETCH)
		at = take(&t->prefetch, PREFETCH + k * WINDOW, WINDOW, size);
	else
		at = take(&t->memory, MEMORY + k * WINDOW, WINDOW, size);
	if (at == 0)
		return;
	f->size[i] = size;
	f->home[i] = (uint32_t)at;
}

static void find_bars(struct function *f, struct taken *t)
{
	for (unsigned i = 0; i < BARS; i++) {
		unsigned reg = PCI_BASE_ADDRESS_0 + 4 * i;
		uint32_t old = get(f, reg, 4), low;
		uint64_t mask = 0xffffffff00000000;
		bool io = old & PCI_BASE_ADDRESS_SPACE_IO;
		bool wide = !io && (old & PCI_BASE_ADDRESS_MEM_TYPE_64);

		put(f, reg, 4, 0xffffffff);
		low = get(f, reg, 4) & (io ? 0xfffffffcu : 0xfffffff0u);
		if (wide) {
			put(f, reg + 4, 4, 0xffffffff);
			mask = (uint64_t)get(f, reg + 4, 4) << 32;
			put(f, reg + 4, 4, 0);
		}
		put(f, reg, 4, 0);
		if (low != 0)
			place_bar(f, i, old, -(mask | low), t);
		i += wide;
	}
}

static struct function *add(unsigned bus, unsigned devfn, unsigned slot)
{
	struct function *f = &functions[n_functions];

	if (n_functions == MAX_FUNCTIONS ||
	    (uint16_t)load(ecam(bus, devfn, 0), 2) == 0xffff)
		return NULL;
	*f = (struct function){ .bus = (uint8_t)bus,
				.devfn = (uint8_t)devfn,
				.slot = (uint8_t)slot };
	n_functions++;
	find_caps(f);
	return f;
}

static void find_below(unsigned bus, unsigned slot)
{
	struct taken t = { 0 };

	for (unsigned fn = 0; fn < 8; fn++) {
		struct function *f = add(bus, fn, slot);

		if (f)
			find_bars(f, &t);
	}
}

void scene_find(void)
{
	unsigned slots = 0;

	for (unsigned dev = 0; dev < 32; dev++) {
		struct function *f = add(0, dev << 3, slots);

		if (!f || (get(f, PCI_HEADER_TYPE, 1) & 0x7f) !=
				  PCI_HEADER_TYPE_BRIDGE)
			continue;
		f->bridge = true;
		if (slots < MAX_SLOTS)
			find_below(get(f, PCI_SECONDARY_BUS, 1), slots++);
	}
	/* ports are numbered as found, so is what is below them */
	scene_restore();
}

/* -------- sane again -------- */

static unsigned bus_below(const struct function *port)
{
	for (unsigned i = 0; i < n_functions; i++)
		if (!functions[i].bridge && functions[i].bus != 0 &&
		    functions[i].slot == port->slot)
			return functions[i].bus;
	return 0xff;
}

static void restore_port(const struct function *f)
{
	unsigned bus = bus_below(f), k = f->slot;
	uint32_t memory = (uint32_t)(MEMORY + k * WINDOW) >> 16;
	uint32_t prefetch = (uint32_t)(PREFETCH + k * WINDOW) >> 16;
	uint32_t last = (uint32_t)(WINDOW - 1) >> 16;

	put(f, PCI_BRIDGE_CONTROL, 2, 0);
	put(f, PCI_PRIMARY_BUS, 4, bus << 16 | bus << 8);
	put(f, PCI_IO_BASE, 2, (k + 1) << 4 | (k + 1) << 12);
	put(f, PCI_IO_BASE_UPPER16, 4, 0);
	put(f, PCI_MEMORY_BASE, 4, memory | (memory + last) << 16);
	put(f, PCI_PREF_MEMORY_BASE, 4, prefetch | (prefetch + last) << 16);
	put(f, PCI_PREF_BASE_UPPER32, 4, 0);
	put(f, PCI_PREF_LIMIT_UPPER32, 4, 0);
	put(f, PCI_COMMAND, 2,
	    PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void restore_function(const struct function *f)
{
	if (f->pm)
		put(f, f->pm + PCI_PM_CTRL, 2, 0);
	for (unsigned i = 0; i < BARS; i++)
		if (f->size[i]) {
			put(f, PCI_BASE_ADDRESS_0 + 4 * i, 4, f->home[i]);
			if (i + 1 < BARS && !f->size[i + 1])
				put(f, PCI_BASE_ADDRESS_0 + 4 * i + 4, 4, 0);
		}
	put(f, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
}

void scene_restore(void)
{
	for (unsigned i = 0; i < n_functions; i++)
		if (functions[i].bridge)
			restore_port(&functions[i]);
	for (unsigned i = 0; i < n_functions; i++)
		if (functions[i].bus != 0)
			restore_function(&functions[i]);
}

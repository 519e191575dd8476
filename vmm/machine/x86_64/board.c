/* machine/x86_64/board.c - see board.h for the map this file makes */
#include "vmm/machine/x86_64/board.h"

#include <inttypes.h>
#include <string.h>

#include "pcie/intx.h"

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define TIB (UINT64_C(1) << 40)

/* Linux drivers/iommu/amd: HT_RANGE_START to HT_RANGE_END. */
static const struct range ht_range = { 0xfd00000000, 0x300000000 };

static const struct range window32 = { 0x80000000, 0x60000000 };
static const struct range ecam = { 0xe0000000, 0x10000000 };
/* Ports below 0x1000 belong to the board's own devices. */
static const struct range window_io = { 0x1000, 0xf000 };

enum { LEGACY_HOLE = 0xa0000 };

/* RAM comes in huge pages. */
#define PIECE (2 * MIB)
/* What begins at 0 is at least this, or all RAM. */
#define BOARD_FIRST (32 * MIB)

/* 64-bit space left for BARs beyond those that are there, for the guest to
 * move them about. */
#define WINDOW64_SPARE (4 * GIB)

static int does_not_fit(const char *what, uint64_t size, unsigned phys_bits,
			struct err *e)
{
	err_set(e, -ENOSPC,
		"%s (%" PRIu64 " MiB) does not fit the guest's %u-bit physical "
		"address space",
		what, size / MIB, phys_bits);
	err_hint(e, "the width is the host CPU's; use less memory or fewer "
		    "devices with huge BARs");
	return -ENOSPC;
}

void board_holes(struct holes *h, bool ht_hole)
{
	*h = (struct holes){ 0 };
	if (ht_hole)
		holes_add(h, ht_range);
}

/* -------- RAM -------- */

/* One more piece of RAM, of at most @size bytes, from @from on and below @end;
 * returns how many bytes, 0: no room. The last piece takes all or nothing. */
static uint64_t place_piece(struct board *b, const struct holes *h,
			    uint64_t from, uint64_t end, uint64_t size)
{
	bool last = b->n_ram + 1 == BOARD_MAX_RAM;
	uint64_t at, room;

	if (b->n_ram == BOARD_MAX_RAM ||
	    !holes_find(h, from, last ? size : PIECE, PIECE, &at) || at >= end)
		return 0;
	room = holes_next(h, at);
	room = align_down((room < end ? room : end) - at, PIECE);
	if (size > room)
		size = room;
	if (size != 0)
		b->ram[b->n_ram++] = (struct range){ at, size };
	return size;
}

/* As much of @size bytes as has room in [base, end); what is left over. */
static uint64_t fill(struct board *b, const struct holes *h, uint64_t base,
		     uint64_t end, uint64_t size)
{
	uint64_t from = base, n;

	while (size != 0) {
		n = place_piece(b, h, from, end, size);
		if (n == 0)
			break;
		size -= n;
		from = board_ram_end(b);
	}
	return size;
}

/* Where a PC begins there has to be RAM: tables, the kernel, its entry. */
static int no_beginning(const struct holes *h, struct err *e)
{
	return err_set(e, -ERANGE,
		       "no RAM at address 0: the host reserves I/O address "
		       "%#" PRIx64 " of an assigned function",
		       holes_next(h, 0));
}

int board_place_ram(struct board *b, uint64_t ram, unsigned phys_bits,
		    const struct holes *h, struct err *e)
{
	uint64_t least = ram < BOARD_FIRST ? ram : BOARD_FIRST;
	uint64_t left;

	memset(b, 0, sizeof(*b));
	b->holes = *h;
	left = fill(b, h, 0, window32.base, ram);
	if (b->n_ram == 0 || b->ram[0].base != 0 || b->ram[0].size < least)
		return no_beginning(h, e);
	left = fill(b, h, 4 * GIB, UINT64_C(1) << phys_bits, left);
	return left != 0 ? does_not_fit("guest memory", ram, phys_bits, e) : 0;
}

uint64_t board_ram_end(const struct board *b)
{
	const struct range *r = &b->ram[b->n_ram - 1];

	return r->base + r->size;
}

/* -------- PCI -------- */

int board_place_pci(struct board *b, const struct pci_demand *q,
		    unsigned phys_bits, struct err *e)
{
	uint64_t align = q->align64 > GIB ? q->align64 : GIB;
	uint64_t top = board_ram_end(b);
	struct range *w = &b->pci.mem64;

	b->pci.ecam = ecam;
	b->pci.mem32 = window32;
	b->pci.io = window_io;
	w->size = align_up(q->mem64, GIB) + WINDOW64_SPARE;
	if (holes_find(&b->holes, top > 4 * GIB ? top : 4 * GIB, w->size, align,
		       &w->base) &&
	    range_fits(0, UINT64_C(1) << phys_bits, w->base, w->size))
		return 0;
	if (q->mem64 != 0)
		return does_not_fit("the assigned functions' 64-bit BARs",
				    q->mem64, phys_bits, e);
	*w = (struct range){ 0 }; /* nobody needs it */
	return 0;
}

/* -------- the description -------- */

/* Holes that RAM goes around; between the 32-bit window and 4 GiB a PC has no
 * RAM anyway. */
static void describe_holes(const struct board *b, struct platform *p)
{
	for (unsigned i = 0; i < b->holes.n; i++) {
		struct range h = b->holes.hole[i];

		if ((h.base >= window32.base && h.base < 4 * GIB) ||
		    h.base >= board_ram_end(b))
			continue;
		if (range_overlaps(h.base, h.size, window32.base,
				   window32.size))
			h.size = window32.base - h.base;
		platform_add(p, h.base, h.size, PLATFORM_RESERVED);
	}
}

static void describe_memory(const struct board *b, struct platform *p)
{
	platform_add(p, 0, LEGACY_HOLE, PLATFORM_RAM);
	platform_add(p, LEGACY_HOLE, BOARD_ACPI - LEGACY_HOLE,
		     PLATFORM_RESERVED);
	platform_add(p, BOARD_ACPI, 64 * KIB, PLATFORM_ACPI);
	platform_add(p, BOARD_ACPI + 64 * KIB, MIB - BOARD_ACPI - 64 * KIB,
		     PLATFORM_RESERVED);
	platform_add(p, MIB, b->ram[0].size - MIB, PLATFORM_RAM);
	platform_add(p, ecam.base, ecam.size, PLATFORM_RESERVED);
	platform_add(p, BOARD_KVM_PAGES, BOARD_KVM_PAGES_SIZE,
		     PLATFORM_RESERVED);
	for (unsigned i = 1; i < b->n_ram; i++)
		platform_add(p, b->ram[i].base, b->ram[i].size, PLATFORM_RAM);
	describe_holes(b, p);
}

void board_describe(const struct board *b, struct platform *p)
{
	describe_memory(b, p);
	p->lapic = BOARD_LAPIC;
	p->ioapic = BOARD_IOAPIC;
	p->n_gsi = IRQ_PINS;
	p->ecam = b->pci.ecam;
	p->n_buses = 256;
	p->mem32 = b->pci.mem32;
	p->mem64 = b->pci.mem64;
	p->io = b->pci.io;
	p->intx_gsi_base = INTX_GSI_BASE;
	p->intx_gsis = INTX_GSIS;
	p->uart_port = BOARD_UART_PORT;
	p->uart_gsi = BOARD_UART_GSI;
	p->rtc_port = BOARD_RTC_PORT;
	p->i8042_port = BOARD_I8042_PORT;
	p->pvpanic_port = BOARD_PVPANIC_PORT;
	p->power_port = BOARD_POWER_PORT;
	p->reset_value = BOARD_RESET_VALUE;
	p->s5_type = BOARD_S5_TYPE;
}

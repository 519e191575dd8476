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
/* KVM_SET_IDENTITY_MAP_ADDR and KVM_SET_TSS_ADDR, vmm/x86_64. */
static const struct range kvm_pages = { 0xfffbc000, 0x4000 };

enum { LEGACY_HOLE = 0xa0000 };

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

int board_place_ram(struct board *b, uint64_t ram, unsigned phys_bits,
		    bool ht_hole, struct err *e)
{
	memset(b, 0, sizeof(*b));
	b->low.size = ram < window32.base ? ram : window32.base;
	b->high.size = ram - b->low.size;
	if (b->high.size == 0)
		return 0;
	b->high.base = 4 * GIB;
	if (ht_hole && range_overlaps(b->high.base, b->high.size, ht_range.base,
				      ht_range.size))
		b->high.base = TIB;
	if (!range_fits(0, UINT64_C(1) << phys_bits, b->high.base,
			b->high.size))
		return does_not_fit("guest memory", ram, phys_bits, e);
	return 0;
}

int board_place_pci(struct board *b, const struct pci_demand *q,
		    unsigned phys_bits, bool ht_hole, struct err *e)
{
	uint64_t align = q->align64 > GIB ? q->align64 : GIB;
	uint64_t top = b->high.size ? b->high.base + b->high.size : 4 * GIB;
	struct range *w = &b->pci.mem64;

	b->pci.ecam = ecam;
	b->pci.mem32 = window32;
	b->pci.io = window_io;
	w->base = align_up(top, align);
	w->size = align_up(q->mem64, GIB) + WINDOW64_SPARE;
	if (ht_hole &&
	    range_overlaps(w->base, w->size, ht_range.base, ht_range.size))
		w->base = align_up(TIB, align);
	if (range_fits(0, UINT64_C(1) << phys_bits, w->base, w->size))
		return 0;
	if (q->mem64 != 0)
		return does_not_fit("the assigned functions' 64-bit BARs",
				    q->mem64, phys_bits, e);
	*w = (struct range){ 0 }; /* nobody needs it */
	return 0;
}

static void describe_memory(const struct board *b, struct platform *p)
{
	platform_add(p, 0, LEGACY_HOLE, PLATFORM_RAM);
	platform_add(p, LEGACY_HOLE, BOARD_ACPI - LEGACY_HOLE,
		     PLATFORM_RESERVED);
	platform_add(p, BOARD_ACPI, 64 * KIB, PLATFORM_ACPI);
	platform_add(p, BOARD_ACPI + 64 * KIB, MIB - BOARD_ACPI - 64 * KIB,
		     PLATFORM_RESERVED);
	platform_add(p, MIB, b->low.size - MIB, PLATFORM_RAM);
	platform_add(p, ecam.base, ecam.size, PLATFORM_RESERVED);
	platform_add(p, kvm_pages.base, kvm_pages.size, PLATFORM_RESERVED);
	if (b->high.size)
		platform_add(p, b->high.base, b->high.size, PLATFORM_RAM);
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

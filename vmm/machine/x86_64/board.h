/* machine/x86_64/board.h - the address map of the PC that guests see
 *
 *     0             guest RAM, up to 2 GiB
 *       0x10000       page and descriptor tables of the entry
 *       0x20000       boot information and command line
 *       0xa0000       legacy hole: reserved
 *       0xe0000       ACPI tables
 *     0x80000000    32-bit PCI window
 *     0xe0000000    ECAM, 256 buses
 *     0xfec00000    IOAPIC
 *     0xfee00000    local APICs; writes by devices are messages
 *     0xfffbc000    four pages KVM needs on old Intel CPUs
 *     4 GiB         the rest of guest RAM
 *     above RAM     64-bit PCI window
 *
 * IOVA equals guest physical address. So RAM and the 64-bit window go around
 * what the host reserves of the I/O addresses of assigned functions, and on AMD
 * hosts always around the HyperTransport range below 1 TiB: holes.h. RAM is in
 * more than two pieces then, and what lies between them is reserved.
 */
#ifndef MACHINE_BOARD_H
#define MACHINE_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/platform.h"
#include "pcie/host.h"
#include "vmm/base/err.h"
#include "vmm/base/range.h"
#include "vmm/machine/holes.h"
#include "vmm/mem.h"

enum {
	BOARD_MAX_RAM = MEM_MAX_RAM,
	BOARD_SCRATCH = 0x10000,
	BOARD_INFO = 0x20000,
	BOARD_ACPI = 0xe0000,
	BOARD_UART_PORT = 0x3f8,
	BOARD_UART_GSI = 4,
	BOARD_RTC_PORT = 0x70,
	BOARD_I8042_PORT = 0x60,
	BOARD_PVPANIC_PORT = 0x505,
	BOARD_POWER_PORT = 0x600,
	BOARD_RESET_VALUE = 1,
	BOARD_S5_TYPE = 5,
};

/* Ranges that something in KVM answers; claimed on the MMIO bus. */
#define BOARD_IOAPIC UINT64_C(0xfec00000)
#define BOARD_LAPIC UINT64_C(0xfee00000)
/* KVM_SET_IDENTITY_MAP_ADDR and KVM_SET_TSS_ADDR, vmm/x86_64/irqchip.c. */
#define BOARD_KVM_PAGES UINT64_C(0xfffbc000)
enum { BOARD_KVM_PAGES_SIZE = 0x4000 };

struct board {
	struct range ram[BOARD_MAX_RAM]; /* sorted; the first begins at 0 */
	unsigned n_ram;
	struct holes holes;
	struct pci_apertures pci;
};

/* The holes of every board; @ht_hole: on an AMD host. */
void board_holes(struct holes *h, bool ht_hole);
/* Where RAM goes, around the holes. @phys_bits is the guest's address width.
 * -ENOSPC: it does not fit, -ERANGE: not where a PC has to have RAM. */
int board_place_ram(struct board *b, uint64_t ram, unsigned phys_bits,
		    const struct holes *h, struct err *e);
/* The first address above all RAM. */
uint64_t board_ram_end(const struct board *b);
/* Where PCI goes, once the functions' BARs are known; after board_place_ram. */
int board_place_pci(struct board *b, const struct pci_demand *q,
		    unsigned phys_bits, struct err *e);
/* Describe the machine; CPUs, ports, command line and initrd are the
 * caller's. */
void board_describe(const struct board *b, struct platform *p);

#endif

/* firmware/platform.h - a machine, described as plain data
 *
 * The board fills it once; ACPI tables, the memory map handed to Linux and the
 * device tree are all made from it, so they cannot disagree. No pointers into
 * the VMM, no behaviour.
 */
#ifndef FIRMWARE_PLATFORM_H
#define FIRMWARE_PLATFORM_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/range.h"

enum {
	PLATFORM_MAX_CPUS = 255,
	PLATFORM_MAX_RANGES = 32,
	PLATFORM_MAX_PORTS = 30
};

enum platform_memory { /* values are e820's */
		       PLATFORM_RAM = 1,
		       PLATFORM_RESERVED = 2,
		       PLATFORM_ACPI = 3,
};

struct platform_range {
	struct range range;
	enum platform_memory kind;
};

struct platform {
	unsigned n_cpus;
	uint32_t cpu_id[PLATFORM_MAX_CPUS]; /* APIC ids */

	struct platform_range map[PLATFORM_MAX_RANGES]; /* sorted by base */
	unsigned n_map;

	uint64_t lapic, ioapic;
	unsigned n_gsi; /* IOAPIC pins */

	struct range ecam; /* from bus 0; reserved whole */
	/* Buses told of, from 0, which ECAM has room for. Linux looks for peer
	 * bridges on each that it did not find by itself, by 32 config reads
	 * (arch/x86/pci/legacy.c). */
	unsigned n_buses;
	struct range mem32, mem64, io; /* PCI windows; mem64.size 0: none */
	unsigned intx_gsi_base,
		intx_gsis; /* root dev D pin P (0..3): base + (D+P)%n */
	uint8_t port_devfn[PLATFORM_MAX_PORTS]; /* root ports */
	unsigned n_ports;

	uint16_t uart_port, uart_gsi; /* 0: none */
	uint16_t rtc_port;	      /* 0x70; 0: none */
	uint16_t i8042_port;	      /* 0x60; 0: none */
	uint16_t pvpanic_port;	      /* 0: none */
	/* Sleep control, sleep status, reset: three ports from here (ACPI 6.5
	 * 4.8.3.7, hardware-reduced). */
	uint16_t power_port;
	uint8_t reset_value; /* what written to power_port + 2 resets */
	uint8_t s5_type;     /* SLP_TYP of S5 */

	const char *cmdline; /* borrowed */
	struct range initrd; /* gpa; size 0: none */
	uint64_t rsdp;	     /* gpa of the RSDP once placed */
};

/* Add a range, keeping the order. The board sizes the array and lets nothing
 * overlap: assertions. */
void platform_add(struct platform *p, uint64_t base, uint64_t size,
		  enum platform_memory kind);

/* Assert that a complete description does not contradict itself. Memory map,
 * command line, initrd and RSDP may still be missing. */
void platform_check(const struct platform *p);

#endif

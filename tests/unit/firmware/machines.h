/* tests/unit/firmware/machines.h - machines to describe, and their tables */
#ifndef TESTS_FIRMWARE_MACHINES_H
#define TESTS_FIRMWARE_MACHINES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/acpi.h"
#include "firmware/platform.h"
#include "vmm/base/bytes.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* Two CPUs, 4 GiB, all devices. */
static inline void make_pc(struct platform *p)
{
	*p = (struct platform){
		.n_cpus = 2,
		.cpu_id = { 0, 1 },
		.lapic = 0xfee00000,
		.ioapic = 0xfec00000,
		.n_gsi = 24,
		.ecam = { 0xe0000000, 256 * MIB },
		.n_buses = 256,
		.mem32 = { 0x80000000, 0x60000000 },
		.mem64 = { 0x200000000, 0x140000000 },
		.io = { 0x1000, 0xf000 },
		.intx_gsi_base = 16,
		.intx_gsis = 8,
		.uart_port = 0x3f8,
		.uart_gsi = 4,
		.rtc_port = 0x70,
		.i8042_port = 0x60,
		.pvpanic_port = 0x505,
		.power_port = 0x600,
		.reset_value = 0x5a,
		.s5_type = 5,
		.cmdline = "console=ttyS0 quiet",
		.initrd = { 0x7f000000, 0x123456 },
	};
	platform_add(p, 0, 0xa0000, PLATFORM_RAM);
	platform_add(p, 0xa0000, 0x40000, PLATFORM_RESERVED);
	platform_add(p, 0xe0000, 0x10000, PLATFORM_ACPI);
	platform_add(p, MIB, 2 * GIB - MIB, PLATFORM_RAM);
	platform_add(p, 0xe0000000, 256 * MIB, PLATFORM_RESERVED);
	platform_add(p, 4 * GIB, 2 * GIB, PLATFORM_RAM);
}

/* What the board may leave out, and other numbers everywhere. */
static inline void make_bare(struct platform *p)
{
	*p = (struct platform){
		.n_cpus = 1,
		.cpu_id = { 7 },
		.lapic = 0xfee00000,
		.ioapic = 0xfec00000,
		.n_gsi = 24,
		.ecam = { 0x1000000000, 16 * MIB },
		.n_buses = 16,
		.mem32 = { 0xc0000000, 0x20000000 },
		.io = { 0x2000, 0x800 },
		.intx_gsi_base = 5,
		.intx_gsis = 3,
		.power_port = 0xb000,
		.s5_type = 2,
	};
	platform_add(p, 0, 64 * MIB, PLATFORM_RAM);
}

/* Fewer buses than ECAM has room for. */
static inline void make_short(struct platform *p)
{
	make_pc(p);
	p->n_buses = 9;
}

/* As many CPUs as there can be, half of them beyond the xAPIC's ids. */
static inline void make_wide(struct platform *p)
{
	make_pc(p);
	p->n_cpus = PLATFORM_MAX_CPUS;
	for (unsigned i = 0; i < p->n_cpus; i++)
		p->cpu_id[i] = 2 * i;
}

struct machine {
	const char *name;
	void (*make)(struct platform *p);
};

static const struct machine machines[] = {
	{ "pc", make_pc },
	{ "bare", make_bare },
	{ "short", make_short },
	{ "wide", make_wide },
};

/* -------- tables, found the way an OS finds them -------- */

struct tables {
	struct platform p;
	uint8_t area[ACPI_AREA_SIZE];
	uint64_t gpa, rsdp;
	int used;
};

static inline void tables_build(struct tables *t, const struct platform *p)
{
	struct err e = ERR_NONE;

	memset(t, 0xee, sizeof(*t));
	t->p = *p;
	t->gpa = 0xe0000;
	t->used = acpi_build(p, t->area, sizeof(t->area), t->gpa, &t->rsdp, &e);
	assert_true(t->used > 0);
}

static inline const uint8_t *at_gpa(const struct tables *t, uint64_t gpa,
				    uint64_t len)
{
	assert_true(range_fits(t->gpa, (uint64_t)t->used, gpa, len));
	return t->area + (gpa - t->gpa);
}

static inline uint8_t sum_of(const uint8_t *b, size_t n)
{
	uint8_t sum = 0;

	while (n-- > 0)
		sum = (uint8_t)(sum + *b++);
	return sum;
}

/* The table at @gpa, whole and with a right checksum. */
static inline const uint8_t *table_at(const struct tables *t, uint64_t gpa,
				      const char *signature)
{
	uint32_t len = le32_load(at_gpa(t, gpa, 36) + 4);
	const uint8_t *b = at_gpa(t, gpa, len);

	assert_true(gpa % 8 == 0);
	assert_memory_equal(b, signature, 4);
	assert_int_equal(sum_of(b, len), 0);
	return b;
}

/* From the RSDP through the XSDT. */
static inline const uint8_t *table_named(const struct tables *t,
					 const char *signature)
{
	const uint8_t *rsdp = at_gpa(t, t->rsdp, 36);
	const uint8_t *xsdt = table_at(t, le64_load(rsdp + 24), "XSDT");

	for (unsigned at = 36; at < le32_load(xsdt + 4); at += 8) {
		uint64_t gpa = le64_load(xsdt + at);

		if (memcmp(at_gpa(t, gpa, 4), signature, 4) == 0)
			return table_at(t, gpa, signature);
	}
	fail_msg("no %s", signature);
	abort();
}

static inline const uint8_t *dsdt_of(const struct tables *t)
{
	return table_at(t, le64_load(table_named(t, "FACP") + 140), "DSDT");
}

#endif

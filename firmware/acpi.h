/* firmware/acpi.h - ACPI tables for a platform
 *
 * RSDP, XSDT, FADT (hardware-reduced: no PIT, PIC or SCI; time is kvmclock and
 * the TSC), MADT, MCFG, and a DSDT compiled from dsdt.asl at build time whose
 * variable values are patched at the offsets iasl names.
 */
#ifndef FIRMWARE_ACPI_H
#define FIRMWARE_ACPI_H

#include <stddef.h>
#include <stdint.h>

#include "firmware/platform.h"
#include "vmm/base/err.h"

enum { ACPI_AREA_SIZE = 65536 };

/* Write all tables into @area (@size bytes, which will be at @gpa, 64-byte
 * aligned); returns the bytes used, or -ENOSPC. *rsdp is the RSDP's gpa. */
int acpi_build(const struct platform *p, uint8_t *area, size_t size,
	       uint64_t gpa, uint64_t *rsdp, struct err *e);

#endif

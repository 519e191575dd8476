/* firmware/trace.h - what is worth watching in what the guest finds at boot */
#ifndef FIRMWARE_TRACE_H
#define FIRMWARE_TRACE_H

#include <inttypes.h>

#include "vmm/base/trace.h"

TRACE_POINT(BOOT, acpi_table,
	    (const char *signature, uint64_t gpa, uint32_t size),
	    "acpi %.4s at %#" PRIx64 ", %" PRIu32 " bytes", signature, gpa,
	    size)
TRACE_POINT(BOOT, acpi_value, (const char *name, uint64_t value),
	    "acpi %s = %#" PRIx64, name, value)
TRACE_POINT(BOOT, linux_image,
	    (const char *kind, uint64_t entry, uint64_t base, uint64_t size),
	    "kernel %s, entry %#" PRIx64 ", needs %#" PRIx64 " size %#" PRIx64,
	    kind, entry, base, size)
TRACE_POINT(BOOT, linux_load,
	    (uint64_t gpa, uint64_t offset, uint64_t size, uint64_t zero),
	    "kernel at %#" PRIx64 ": file offset %#" PRIx64 " size %#" PRIx64
	    ", then %#" PRIx64 " zeros",
	    gpa, offset, size, zero)
TRACE_POINT(BOOT, linux_memory, (uint64_t base, uint64_t size, unsigned kind),
	    "memory %#" PRIx64 " size %#" PRIx64 " e820 type %u", base, size,
	    kind)
TRACE_POINT(BOOT, fdt, (int size), "device tree: %d bytes", size)

#endif

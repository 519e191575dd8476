/* firmware/reset_vector.h - what stands at F000:FFF0
 *
 * A guest that restarts "through the BIOS" jumps, in real mode, to the reset
 * vector. Linux does so when ACPI is hardware-reduced and there is no EFI
 * (arch/x86/kernel/reboot.c: it prefers EFI to ACPI's reset register then, and
 * falls back to the BIOS). Our whole BIOS writes the reset register.
 */
#ifndef FIRMWARE_RESET_VECTOR_H
#define FIRMWARE_RESET_VECTOR_H

#include <stdint.h>

#include "firmware/platform.h"

#define RESET_VECTOR_GPA UINT64_C(0xffff0)
enum { RESET_VECTOR_SIZE = 16 };

/* Write the code to @at, RESET_VECTOR_SIZE bytes. Uses p->power_port and
 * p->reset_value. */
void reset_vector_write(const struct platform *p, uint8_t *at);

#endif

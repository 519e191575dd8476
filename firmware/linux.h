/* firmware/linux.h - bzImage and PVH ELF: which bytes go where
 *
 * Pure functions on a kernel image that the caller has in memory. A kernel
 * file is input like any other: every offset in it is checked. Facts:
 * Documentation/arch/x86/boot.rst, xen/interface/hvm/start_info.h, ELF.
 */
#ifndef FIRMWARE_LINUX_H
#define FIRMWARE_LINUX_H

#include <stddef.h>
#include <stdint.h>

#include "firmware/platform.h"
#include "vmm/base/err.h"

enum linux_kind { LINUX_BZIMAGE, LINUX_PVH };

enum { LINUX_MAX_LOADS = 16 };

struct linux_load {
	uint64_t gpa;
	uint64_t offset, size; /* in the image */
	uint64_t zero;	       /* bytes of zeros that follow */
};

struct linux_image {
	enum linux_kind kind;
	struct linux_load load[LINUX_MAX_LOADS];
	unsigned n_loads;
	uint64_t entry;	      /* gpa of the first instruction */
	struct range needed;  /* gpa range the kernel needs free to start */
	uint64_t initrd_max;  /* highest gpa + 1 an initrd may touch */
	uint32_t cmdline_max; /* bytes without the final NUL */
	uint8_t setup_header[0x290 - 0x1f1]; /* bzImage's, to copy */
	unsigned setup_size;
};

/* Understand @image; -ENOEXEC with a sentence if it is no kernel we can boot
 * (each reason its own). */
int linux_parse(const uint8_t *image, size_t size, struct linux_image *out,
		struct err *e);

/* Write what the kernel finds at its info pointer into @area (at least
 * LINUX_INFO_SIZE bytes, which will be at @gpa): boot_params with e820, or the
 * PVH start info with its memory map, and the command line. Uses p->map,
 * p->cmdline, p->initrd, p->rsdp. -ENOSPC: the command line is too long. */
enum { LINUX_INFO_SIZE = 16384 };
int linux_info(const struct linux_image *k, const struct platform *p,
	       uint8_t *area, size_t size, uint64_t gpa, struct err *e);

#endif

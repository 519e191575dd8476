/* firmware/linux_formats.h - the two formats of a kernel, for linux.c alone
 *
 * Every function checks each offset it takes from the image against @size.
 */
#ifndef FIRMWARE_LINUX_FORMATS_H
#define FIRMWARE_LINUX_FORMATS_H

#include <stdbool.h>

#include "firmware/linux.h"

/* bzImage, 64-bit boot protocol: Documentation/arch/x86/boot.rst. */
bool bzimage_is(const uint8_t *image, size_t size);
int bzimage_parse(const uint8_t *image, size_t size, struct linux_image *out,
		  struct err *e);
int bzimage_info(const struct linux_image *k, const struct platform *p,
		 uint8_t *area, size_t size, uint64_t gpa, struct err *e);

/* ELF with a PVH entry: include/xen/interface/hvm/start_info.h. */
bool pvh_is_elf(const uint8_t *image, size_t size);
int pvh_parse(const uint8_t *image, size_t size, struct linux_image *out,
	      struct err *e);
int pvh_info(const struct linux_image *k, const struct platform *p,
	     uint8_t *area, size_t size, uint64_t gpa, struct err *e);

/* Copy the command line to area + @at, with its NUL; -ENOSPC: too long. */
int linux_put_cmdline(const struct linux_image *k, const char *cmdline,
		      uint8_t *area, size_t size, unsigned at, struct err *e);

#endif

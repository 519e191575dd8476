/* firmware/image.h - the two kinds of kernel image, inside the room
 *
 * Each kind parses a file into a struct linux_image and writes its own
 * structure for the kernel; linux.c chooses, and writes the command line.
 */
#ifndef FIRMWARE_IMAGE_H
#define FIRMWARE_IMAGE_H

#include "firmware/linux.h"

/* linux_info's area: the kind's structure, then the command line. */
enum { INFO_STRUCT_SIZE = 4096, INFO_CMDLINE = INFO_STRUCT_SIZE };

/* Below 1 MiB lie our tables; beyond 4 GiB neither kind can be entered. */
enum { IMAGE_FLOOR = 0x100000 };
#define IMAGE_CEILING (UINT64_C(1) << 32)

/* Does the file say it is of this kind? */
bool bzimage_claims(const uint8_t *image, size_t size);
bool pvh_claims(const uint8_t *image, size_t size);

int bzimage_parse(const uint8_t *image, size_t size, struct linux_image *out,
		  struct err *e);
int pvh_parse(const uint8_t *image, size_t size, struct linux_image *out,
	      struct err *e);

/* @area is INFO_STRUCT_SIZE zeroed bytes, which will be at @gpa. */
void bzimage_info(const struct linux_image *k, const struct platform *p,
		  uint8_t *area, uint64_t gpa);
void pvh_info(const struct platform *p, uint8_t *area, uint64_t gpa);

#endif

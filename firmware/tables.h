/* firmware/tables.h - ACPI tables and the area they are written into
 *
 * Inside the room. Each x_add writes one table at the next free place of the
 * area, with its checksum, and gives its address. Layouts are those of ACPI
 * 6.5 chapter 5.2.
 */
#ifndef FIRMWARE_TABLES_H
#define FIRMWARE_TABLES_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/platform.h"
#include "vmm/base/bytes.h"
#include "vmm/base/err.h"

struct acpi_area {
	uint8_t *bytes;
	size_t size, used;
	uint64_t gpa; /* of bytes[0] */
};

/* The header of every table but the RSDP. */
struct acpi_header {
	char signature[4];
	le32 length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	le32 oem_revision;
	char creator_id[4];
	le32 creator_revision;
};
static_assert(sizeof(struct acpi_header) == 36, "ACPI 6.5 table 5.4");

/* Take @len zeroed bytes, 16-byte aligned; -ENOSPC names @what. */
int acpi_take(struct acpi_area *a, const char *what, size_t len, void **out,
	      struct err *e);
uint64_t acpi_gpa(const struct acpi_area *a, const void *at);
/* The value that makes @len bytes add up to 0, the byte itself being 0. */
uint8_t acpi_checksum(const void *at, size_t len);
/* Fill the header of a table that is otherwise complete. */
void acpi_seal(const struct acpi_area *a, struct acpi_header *h,
	       const char *signature, uint8_t revision, uint32_t length);

int dsdt_add(struct acpi_area *a, const struct platform *p, uint64_t *out,
	     struct err *e);
int fadt_add(struct acpi_area *a, const struct platform *p, uint64_t dsdt,
	     uint64_t *out, struct err *e);
int madt_add(struct acpi_area *a, const struct platform *p, uint64_t *out,
	     struct err *e);

#endif

/* firmware/dsdt.c - the DSDT: compiled from dsdt.asl, its numbers filled in
 *
 * The build turns dsdt.asl into dsdt.h: the table's bytes and iasl's list of
 * named objects with the offset of each one's data. A number of the machine is
 * a 64-bit constant there; writing over it is all there is to do.
 */
#include <string.h>

#include "firmware/dsdt.h"
#include "firmware/tables.h"
#include "firmware/trace.h"

enum { AML_QWORD_PREFIX = 0x0e }; /* ACPI 6.5 20.2.3 */

/* The data of the object @name in @table. */
static uint8_t *constant_of(uint8_t *table, const char *name)
{
	const AML_OFFSET_TABLE_ENTRY *entry = DSDT_MINIVMM_OffsetTable;

	while (entry->Pathname && strcmp(entry->Pathname, name) != 0)
		entry++;
	assert(entry->Pathname && entry->Opcode == AML_QWORD_PREFIX);
	return table + entry->Offset;
}

static void fill(uint8_t *table, const struct platform *p)
{
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{ "S5TY", p->s5_type },
		{ "_SB_.ECAB", p->ecam.base },
		{ "_SB_.ECAS", p->ecam.size },
		{ "_SB_.BUSN", p->n_buses },
		{ "_SB_.IOWB", p->io.base },
		{ "_SB_.IOWS", p->io.size },
		{ "_SB_.M32B", p->mem32.base },
		{ "_SB_.M32S", p->mem32.size },
		{ "_SB_.M64B", p->mem64.base },
		{ "_SB_.M64S", p->mem64.size },
		{ "_SB_.INTB", p->intx_gsi_base },
		{ "_SB_.INTN", p->intx_gsis },
		{ "_SB_.PWRP", p->power_port },
		{ "_SB_.UARP", p->uart_port },
		{ "_SB_.UARG", p->uart_gsi },
		{ "_SB_.RTCP", p->rtc_port },
		{ "_SB_.PANP", p->pvpanic_port },
	};

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		le64_store(constant_of(table, numbers[i].name),
			   numbers[i].value);
		trace_acpi_value(numbers[i].name, numbers[i].value);
	}
}

int dsdt_add(struct acpi_area *a, const struct platform *p, uint64_t *out,
	     struct err *e)
{
	struct acpi_header *h;
	void *at;
	int rc;

	rc = acpi_take(a, "DSDT", sizeof(dsdt_aml_code), &at, e);
	if (rc < 0)
		return rc;
	memcpy(at, dsdt_aml_code, sizeof(dsdt_aml_code));
	fill(at, p);
	h = at;
	acpi_seal(a, h, "DSDT", h->revision, sizeof(dsdt_aml_code));
	*out = acpi_gpa(a, h);
	return 0;
}

/* firmware/acpi.c - the tables' frame: RSDP, XSDT, MCFG
 *
 * The RSDP comes first and points at the XSDT, which lists the others: the
 * FADT (fadt.c, which points at the DSDT, dsdt.c), the MADT (madt.c) and the
 * MCFG, short enough to live here.
 */
#include "firmware/acpi.h"

#include <string.h>

#include "firmware/tables.h"
#include "firmware/trace.h"

struct rsdp {
	char signature[8];
	uint8_t checksum; /* of the first 20 bytes, ACPI 1.0's */
	char oem_id[6];
	uint8_t revision;
	le32 rsdt;
	le32 length;
	le64 xsdt;
	uint8_t extended_checksum;
	uint8_t reserved[3];
};
static_assert(sizeof(struct rsdp) == 36, "ACPI 6.5 5.2.5.3");
static_assert(offsetof(struct rsdp, xsdt) == 24, "ACPI 6.5 5.2.5.3");

enum { RSDP_V1_SIZE = 20, XSDT_TABLES = 3 };

struct xsdt {
	struct acpi_header header;
	le64 table[XSDT_TABLES];
};

/* PCI Firmware 3.3 4.1.2 */
struct mcfg {
	struct acpi_header header;
	uint8_t reserved[8];
	le64 base;
	le16 segment;
	uint8_t first_bus, last_bus;
	uint8_t reserved2[4];
};
static_assert(sizeof(struct mcfg) == 60, "PCI Firmware 3.3 4.1.2");

static const char oem_id[6] = "MINVMM";
static const char oem_table_id[8] = "MINIVMM";
static const char creator_id[4] = "MVMM";

int acpi_take(struct acpi_area *a, const char *what, size_t len, void **out,
	      struct err *e)
{
	size_t at = align_up(a->used, 16);

	if (!range_fits(0, a->size, at, len))
		return err_set(e, -ENOSPC,
			       "the %s (%zu bytes) does not fit the %zu bytes "
			       "for ACPI tables",
			       what, len, a->size);
	memset(a->bytes + a->used, 0, at + len - a->used);
	a->used = at + len;
	*out = a->bytes + at;
	return 0;
}

uint64_t acpi_gpa(const struct acpi_area *a, const void *at)
{
	return a->gpa + (uint64_t)((const uint8_t *)at - a->bytes);
}

uint8_t acpi_checksum(const void *at, size_t len)
{
	const uint8_t *b = at;
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + b[i]);
	return (uint8_t)-sum;
}

void acpi_seal(const struct acpi_area *a, struct acpi_header *h,
	       const char *signature, uint8_t revision, uint32_t length)
{
	memcpy(h->signature, signature, sizeof(h->signature));
	h->length = le32_of(length);
	h->revision = revision;
	memcpy(h->oem_id, oem_id, sizeof(h->oem_id));
	memcpy(h->oem_table_id, oem_table_id, sizeof(h->oem_table_id));
	h->oem_revision = le32_of(1);
	memcpy(h->creator_id, creator_id, sizeof(h->creator_id));
	h->creator_revision = le32_of(1);
	h->checksum = 0;
	h->checksum = acpi_checksum(h, length);
	trace_acpi_table(signature, acpi_gpa(a, h), length);
}

static int mcfg_add(struct acpi_area *a, const struct platform *p,
		    uint64_t *out, struct err *e)
{
	struct mcfg *m;
	void *at;
	int rc;

	rc = acpi_take(a, "MCFG", sizeof(*m), &at, e);
	if (rc < 0)
		return rc;
	m = at;
	m->base = le64_of(p->ecam.base);
	m->last_bus = (uint8_t)(p->n_buses - 1);
	acpi_seal(a, &m->header, "MCFG", 1, sizeof(*m));
	*out = acpi_gpa(a, m);
	return 0;
}

static int xsdt_add(struct acpi_area *a, const uint64_t *tables, uint64_t *out,
		    struct err *e)
{
	struct xsdt *x;
	void *at;
	int rc;

	rc = acpi_take(a, "XSDT", sizeof(*x), &at, e);
	if (rc < 0)
		return rc;
	x = at;
	for (unsigned i = 0; i < XSDT_TABLES; i++)
		x->table[i] = le64_of(tables[i]);
	acpi_seal(a, &x->header, "XSDT", 1, sizeof(*x));
	*out = acpi_gpa(a, x);
	return 0;
}

static void rsdp_fill(struct rsdp *r, uint64_t xsdt)
{
	memcpy(r->signature, "RSD PTR ", sizeof(r->signature));
	memcpy(r->oem_id, oem_id, sizeof(r->oem_id));
	r->revision = 2;
	r->length = le32_of(sizeof(*r));
	r->xsdt = le64_of(xsdt);
	r->checksum = acpi_checksum(r, RSDP_V1_SIZE);
	r->extended_checksum = acpi_checksum(r, sizeof(*r));
}

static int tables_add(struct acpi_area *a, const struct platform *p,
		      uint64_t *out_xsdt, struct err *e)
{
	uint64_t dsdt, tables[XSDT_TABLES];
	int rc;

	rc = dsdt_add(a, p, &dsdt, e);
	if (rc < 0)
		return rc;
	rc = fadt_add(a, p, dsdt, &tables[0], e);
	if (rc < 0)
		return rc;
	rc = madt_add(a, p, &tables[1], e);
	if (rc < 0)
		return rc;
	rc = mcfg_add(a, p, &tables[2], e);
	if (rc < 0)
		return rc;
	return xsdt_add(a, tables, out_xsdt, e);
}

int acpi_build(const struct platform *p, uint8_t *area, size_t size,
	       uint64_t gpa, uint64_t *rsdp, struct err *e)
{
	struct acpi_area a = { .bytes = area, .size = size, .gpa = gpa };
	uint64_t xsdt;
	void *at;
	int rc;

	platform_check(p);
	assert(gpa % 64 == 0);
	rc = acpi_take(&a, "RSDP", sizeof(struct rsdp), &at, e);
	if (rc < 0)
		return rc;
	rc = tables_add(&a, p, &xsdt, e);
	if (rc < 0)
		return rc;
	rsdp_fill(at, xsdt);
	*rsdp = acpi_gpa(&a, at);
	return (int)a.used;
}

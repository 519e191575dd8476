/* firmware/madt.c - the interrupt controllers: local APICs and one IOAPIC
 *
 * The machine is hardware-reduced, so there are no 8259s (PCAT_COMPAT clear)
 * and no ISA interrupts to override: devices name their GSIs in the DSDT.
 */
#include <string.h>

#include "firmware/tables.h"

struct madt {
	struct acpi_header header;
	le32 lapic_address;
	le32 flags;
};
static_assert(sizeof(struct madt) == 44, "ACPI 6.5 table 5.19");

enum {
	MADT_LAPIC = 0,
	MADT_IOAPIC = 1,
	MADT_LAPIC_NMI = 4,
	MADT_X2APIC = 9,
	MADT_X2APIC_NMI = 10,
};

struct madt_lapic {
	uint8_t type, length;
	uint8_t uid, apic_id;
	le32 flags;
};
static_assert(sizeof(struct madt_lapic) == 8, "ACPI 6.5 table 5.21");

struct madt_ioapic {
	uint8_t type, length;
	uint8_t id, reserved;
	le32 address;
	le32 gsi_base;
};
static_assert(sizeof(struct madt_ioapic) == 12, "ACPI 6.5 table 5.23");

struct madt_lapic_nmi {
	uint8_t type, length;
	uint8_t uid;
	le16 flags;
	uint8_t lint;
};
static_assert(sizeof(struct madt_lapic_nmi) == 6, "ACPI 6.5 table 5.28");

struct madt_x2apic {
	uint8_t type, length;
	uint8_t reserved[2];
	le32 apic_id;
	le32 flags;
	le32 uid;
};
static_assert(sizeof(struct madt_x2apic) == 16, "ACPI 6.5 table 5.34");

struct madt_x2apic_nmi {
	uint8_t type, length;
	le16 flags;
	le32 uid;
	uint8_t lint;
	uint8_t reserved[3];
};
static_assert(sizeof(struct madt_x2apic_nmi) == 12, "ACPI 6.5 table 5.35");

enum {
	LAPIC_ENABLED = 1,
	LAPIC_ALL_UIDS = 0xff,
	X2APIC_FIRST_ID = 255, /* 255 is the broadcast id of an xAPIC */
	NMI_LINT = 1,	       /* LINT1, as the vCPUs are reset */
};
#define X2APIC_ALL_UIDS UINT32_MAX

/* What can come after the header, at most. */
enum {
	MADT_MAX = sizeof(struct madt) +
		   PLATFORM_MAX_CPUS * sizeof(struct madt_x2apic) +
		   sizeof(struct madt_ioapic) + sizeof(struct madt_lapic_nmi) +
		   sizeof(struct madt_x2apic_nmi)
};

static bool is_x2apic(uint32_t id)
{
	return id >= X2APIC_FIRST_ID;
}

static size_t put_cpu(uint8_t *at, uint32_t id, unsigned uid)
{
	if (is_x2apic(id)) {
		*(struct madt_x2apic *)at = (struct madt_x2apic){
			.type = MADT_X2APIC,
			.length = sizeof(struct madt_x2apic),
			.apic_id = le32_of(id),
			.flags = le32_of(LAPIC_ENABLED),
			.uid = le32_of(uid),
		};
		return sizeof(struct madt_x2apic);
	}
	*(struct madt_lapic *)at = (struct madt_lapic){
		.type = MADT_LAPIC,
		.length = sizeof(struct madt_lapic),
		.uid = (uint8_t)uid,
		.apic_id = (uint8_t)id,
		.flags = le32_of(LAPIC_ENABLED),
	};
	return sizeof(struct madt_lapic);
}

/* KVM's IOAPIC resets with id 0, and Linux compares. */
static size_t put_ioapic(uint8_t *at, uint64_t address)
{
	*(struct madt_ioapic *)at = (struct madt_ioapic){
		.type = MADT_IOAPIC,
		.length = sizeof(struct madt_ioapic),
		.address = le32_of((uint32_t)address),
	};
	return sizeof(struct madt_ioapic);
}

static size_t put_nmi(uint8_t *at)
{
	*(struct madt_lapic_nmi *)at = (struct madt_lapic_nmi){
		.type = MADT_LAPIC_NMI,
		.length = sizeof(struct madt_lapic_nmi),
		.uid = LAPIC_ALL_UIDS,
		.lint = NMI_LINT,
	};
	return sizeof(struct madt_lapic_nmi);
}

static size_t put_x2apic_nmi(uint8_t *at)
{
	*(struct madt_x2apic_nmi *)at = (struct madt_x2apic_nmi){
		.type = MADT_X2APIC_NMI,
		.length = sizeof(struct madt_x2apic_nmi),
		.uid = le32_of(X2APIC_ALL_UIDS),
		.lint = NMI_LINT,
	};
	return sizeof(struct madt_x2apic_nmi);
}

static size_t fill(uint8_t *table, const struct platform *p)
{
	struct madt *m = (struct madt *)table;
	size_t at = sizeof(*m);
	bool any_x2apic = false;

	m->lapic_address = le32_of((uint32_t)p->lapic);
	for (unsigned i = 0; i < p->n_cpus; i++) {
		at += put_cpu(table + at, p->cpu_id[i], i);
		any_x2apic |= is_x2apic(p->cpu_id[i]);
	}
	at += put_ioapic(table + at, p->ioapic);
	at += put_nmi(table + at);
	if (any_x2apic)
		at += put_x2apic_nmi(table + at);
	return at;
}

int madt_add(struct acpi_area *a, const struct platform *p, uint64_t *out,
	     struct err *e)
{
	uint8_t table[MADT_MAX] = { 0 };
	size_t size = fill(table, p);
	struct acpi_header *h;
	void *at;
	int rc;

	rc = acpi_take(a, "MADT", size, &at, e);
	if (rc < 0)
		return rc;
	memcpy(at, table, size);
	h = at;
	acpi_seal(a, h, "APIC", 6, (uint32_t)size);
	*out = acpi_gpa(a, h);
	return 0;
}

/* firmware/fadt.c - the fixed description: a hardware-reduced machine
 *
 * Hardware-reduced ACPI (ACPI 6.5 4.1) means: no PM timer, no SCI, no PM1
 * registers; three ports sleep and reset. Linux then sets up neither PIC nor
 * PIT (arch/x86/kernel/acpi/boot.c, acpi_generic_reduced_hw_init): its time is
 * kvmclock and the TSC deadline timer.
 */
#include <string.h>

#include "firmware/tables.h"

/* Generic address structure, ACPI 6.5 5.2.3.2 */
struct gas {
	uint8_t space, bits, bit_offset, access_size;
	le64 address;
};
static_assert(sizeof(struct gas) == 12, "ACPI 6.5 table 5.1");

enum { GAS_SYSTEM_IO = 1, GAS_BYTE_ACCESS = 1 };

struct fadt {
	struct acpi_header header;
	le32 firmware_ctrl, dsdt;
	uint8_t reserved, preferred_pm_profile;
	le16 sci_int;
	le32 smi_cmd;
	uint8_t acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
	le32 fixed_blocks[8];	  /* PM1a_EVT_BLK to GPE1_BLK */
	uint8_t fixed_lengths[8]; /* PM1_EVT_LEN to CST_CNT */
	le16 p_lvl2_lat, p_lvl3_lat;
	le16 flush_size, flush_stride;
	uint8_t duty_offset, duty_width;
	uint8_t day_alrm, mon_alrm, century;
	le16 iapc_boot_arch;
	uint8_t reserved2;
	le32 flags;
	struct gas reset_reg;
	uint8_t reset_value;
	le16 arm_boot_arch;
	uint8_t minor_version;
	le64 x_firmware_ctrl, x_dsdt;
	struct gas x_fixed_blocks[8]; /* X_PM1a_EVT_BLK to X_GPE1_BLK */
	struct gas sleep_control_reg, sleep_status_reg;
	char hypervisor_vendor[8];
};
static_assert(sizeof(struct fadt) == 276, "ACPI 6.5 table 5.9");
static_assert(offsetof(struct fadt, p_lvl2_lat) == 96, "ACPI 6.5 table 5.9");
static_assert(offsetof(struct fadt, iapc_boot_arch) == 109,
	      "ACPI 6.5 table 5.9");
static_assert(offsetof(struct fadt, reset_reg) == 116, "ACPI 6.5 table 5.9");
static_assert(offsetof(struct fadt, x_dsdt) == 140, "ACPI 6.5 table 5.9");
static_assert(offsetof(struct fadt, sleep_control_reg) == 244,
	      "ACPI 6.5 table 5.9");

enum { FADT_MAJOR = 6, FADT_MINOR = 5 };

/* ACPI 6.5 table 5.10 */
enum {
	FADT_WBINVD = 1 << 0,
	FADT_PROC_C1 = 1 << 2,
	FADT_PWR_BUTTON = 1 << 4, /* no fixed power button */
	FADT_SLP_BUTTON = 1 << 5, /* no fixed sleep button */
	FADT_FIX_RTC = 1 << 6,	  /* no fixed RTC wake event */
	FADT_RESET_REG_SUP = 1 << 10,
	FADT_HEADLESS = 1 << 12,
	FADT_HW_REDUCED_ACPI = 1 << 20,
};

/* ACPI 6.5 table 5.11 */
enum {
	IAPC_LEGACY_DEVICES = 1 << 0,
	IAPC_VGA_NOT_PRESENT = 1 << 2,
	IAPC_NO_ASPM = 1 << 4,
	IAPC_NO_CMOS_RTC = 1 << 5,
};

enum { RTC_CENTURY = 0x32 }; /* of CMOS RAM, where devices/rtc.c keeps it */

/* Beyond these latencies C2 and C3 do not exist (ACPI 6.5 table 5.9). */
enum { NO_C2 = 101, NO_C3 = 1001 };

static struct gas port(uint16_t number)
{
	return (struct gas){
		.space = GAS_SYSTEM_IO,
		.bits = 8,
		.access_size = GAS_BYTE_ACCESS,
		.address = le64_of(number),
	};
}

/* 8042 is never claimed: what answers at i8042_port is the reset command
 * alone, and Linux, told of a controller that no PNP0303 device describes,
 * would probe it and wait for a keyboard (i8042-acpipnpio.h). MSI stays
 * supported (bit 3 clear). ASPM is the host's business: a guest's writes to
 * link control do not reach the link. */
static uint16_t boot_arch(const struct platform *p)
{
	uint16_t v = IAPC_VGA_NOT_PRESENT | IAPC_NO_ASPM;

	if (p->uart_port != 0)
		v |= IAPC_LEGACY_DEVICES;
	if (p->rtc_port == 0)
		v |= IAPC_NO_CMOS_RTC;
	return v;
}

static void fill(struct fadt *f, const struct platform *p, uint64_t dsdt)
{
	f->p_lvl2_lat = le16_of(NO_C2);
	f->p_lvl3_lat = le16_of(NO_C3);
	f->century = p->rtc_port != 0 ? RTC_CENTURY : 0;
	f->iapc_boot_arch = le16_of(boot_arch(p));
	f->flags = le32_of(FADT_WBINVD | FADT_PROC_C1 | FADT_PWR_BUTTON |
			   FADT_SLP_BUTTON | FADT_FIX_RTC | FADT_RESET_REG_SUP |
			   FADT_HEADLESS | FADT_HW_REDUCED_ACPI);
	f->sleep_control_reg = port(p->power_port);
	f->sleep_status_reg = port((uint16_t)(p->power_port + 1));
	f->reset_reg = port((uint16_t)(p->power_port + 2));
	f->reset_value = p->reset_value;
	f->minor_version = FADT_MINOR;
	f->x_dsdt = le64_of(dsdt);
	memcpy(f->hypervisor_vendor, "MINIVMM", sizeof(f->hypervisor_vendor));
}

int fadt_add(struct acpi_area *a, const struct platform *p, uint64_t dsdt,
	     uint64_t *out, struct err *e)
{
	struct fadt *f;
	void *at;
	int rc;

	rc = acpi_take(a, "FADT", sizeof(*f), &at, e);
	if (rc < 0)
		return rc;
	f = at;
	fill(f, p, dsdt);
	acpi_seal(a, &f->header, "FACP", FADT_MAJOR, sizeof(*f));
	*out = acpi_gpa(a, f);
	return 0;
}

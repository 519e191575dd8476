/* firmware/bzimage.c - the 64-bit boot protocol of a bzImage
 *
 * A bzImage is a setup part of 512-byte sectors, which nobody runs any more,
 * and the kernel proper. The header at 0x1f1 of the setup part says how to
 * load it; it is handed back inside a struct boot_params, the "zero page".
 * Facts: Documentation/arch/x86/boot.rst, zero-page.rst; offsets as in
 * arch/x86/include/uapi/asm/bootparam.h.
 */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "firmware/linux_formats.h"
#include "vmm/base/bytes.h"

/* In the image and in boot_params alike. */
enum {
	SETUP_SECTS = 0x1f1,
	BOOT_FLAG = 0x1fe,
	HEADER_LENGTH = 0x201, /* the jump over the header */
	HEADER_MAGIC = 0x202,
	VERSION = 0x206,
	TYPE_OF_LOADER = 0x210,
	RAMDISK_IMAGE = 0x218,
	RAMDISK_SIZE = 0x21c,
	CMD_LINE_PTR = 0x228,
	INITRD_ADDR_MAX = 0x22c,
	XLOADFLAGS = 0x236,
	CMDLINE_SIZE = 0x238,
	PREF_ADDRESS = 0x258,
	INIT_SIZE = 0x260,
	HEADER_END = 0x264, /* of protocol 2.12 */
};

/* In boot_params alone. */
enum {
	ACPI_RSDP_ADDR = 0x70,
	EXT_RAMDISK_IMAGE = 0xc0,
	EXT_RAMDISK_SIZE = 0xc4,
	EXT_CMD_LINE_PTR = 0xc8,
	E820_ENTRIES = 0x1e8,
	E820_TABLE = 0x2d0,
	E820_ENTRY = 20,
	E820_MAX = 128,
	BOOT_PARAMS_SIZE = 4096,
};

enum {
	SECTOR = 512,
	PROTOCOL_2_12 = 0x020c, /* the first with xloadflags */
	XLF_KERNEL_64 = 1 << 0,
	XLF_CAN_BE_LOADED_ABOVE_4G = 1 << 1,
	ENTRY_64 = 0x200, /* from the load address */
	LOADER_UNKNOWN = 0xff,
	MIB = 1 << 20,
};

static_assert((int)PLATFORM_MAX_RANGES <= (int)E820_MAX, "e820 table");

bool bzimage_is(const uint8_t *image, size_t size)
{
	return size >= HEADER_MAGIC + 4 &&
	       memcmp(image + HEADER_MAGIC, "HdrS", 4) == 0;
}

static int check_header(const uint8_t *image, size_t size, struct err *e)
{
	unsigned version;

	if (size < HEADER_END)
		return err_set(e, -ENOEXEC,
			       "is cut off inside its setup header");
	if (le16_load(image + BOOT_FLAG) != 0xaa55)
		return err_set(e, -ENOEXEC,
			       "is a damaged bzImage: no 0xaa55 at 0x1fe");
	version = le16_load(image + VERSION);
	if (version < PROTOCOL_2_12) {
		err_set(e, -ENOEXEC,
			"speaks boot protocol %u.%02u, minivmm needs 2.12",
			version >> 8, version & 0xff);
		err_hint(e, "use Linux 3.8 or newer");
		return -ENOEXEC;
	}
	if (!(le16_load(image + XLOADFLAGS) & XLF_KERNEL_64)) {
		err_set(e, -ENOEXEC, "has no 64-bit entry point");
		err_hint(e, "use an x86-64 kernel");
		return -ENOEXEC;
	}
	return 0;
}

static int place(const uint8_t *image, size_t size, struct linux_image *out,
		 struct err *e)
{
	uint64_t sectors = image[SETUP_SECTS] ? image[SETUP_SECTS] : 4;
	uint64_t setup = (sectors + 1) * SECTOR;
	uint64_t at = le64_load(image + PREF_ADDRESS);
	uint64_t needs = le32_load(image + INIT_SIZE);

	if (setup >= size)
		return err_set(e, -ENOEXEC,
			       "is cut off: its setup part of %" PRIu64
			       " bytes is all there is",
			       setup);
	if (needs < size - setup)
		needs = size - setup;
	if (at < MIB || range_wraps(at, needs))
		return err_set(e, -ENOEXEC,
			       "wants to be loaded at %#" PRIx64
			       ", where no kernel can be",
			       at);
	out->load[0] = (struct linux_load){
		.gpa = at,
		.offset = setup,
		.size = size - setup,
	};
	out->n_loads = 1;
	out->entry = at + ENTRY_64;
	out->needed = (struct range){ at, needs };
	return 0;
}

int bzimage_parse(const uint8_t *image, size_t size, struct linux_image *out,
		  struct err *e)
{
	unsigned end = HEADER_MAGIC;
	int rc;

	rc = check_header(image, size, e);
	if (rc < 0)
		return rc;
	rc = place(image, size, out, e);
	if (rc < 0)
		return rc;
	out->kind = LINUX_BZIMAGE;
	out->initrd_max =
		le16_load(image + XLOADFLAGS) & XLF_CAN_BE_LOADED_ABOVE_4G
			? UINT64_MAX
			: (uint64_t)le32_load(image + INITRD_ADDR_MAX) + 1;
	out->cmdline_max = le32_load(image + CMDLINE_SIZE);
	/* The header is as long as its own jump says, and no longer than what
	 * boot_params has room for. */
	end += image[HEADER_LENGTH];
	if (end > SETUP_SECTS + sizeof(out->setup_header))
		end = SETUP_SECTS + sizeof(out->setup_header);
	if (end > size || end < HEADER_END)
		return err_set(e, -ENOEXEC,
			       "is a damaged bzImage: its setup header ends "
			       "at %#x",
			       end);
	out->setup_size = end - SETUP_SECTS;
	memcpy(out->setup_header, image + SETUP_SECTS, out->setup_size);
	return 0;
}

static void put_e820(const struct platform *p, uint8_t *area)
{
	for (unsigned i = 0; i < p->n_map; i++) {
		uint8_t *entry = area + E820_TABLE + E820_ENTRY * i;

		le64_store(entry, p->map[i].range.base);
		le64_store(entry + 8, p->map[i].range.size);
		le32_store(entry + 16, p->map[i].kind);
	}
	area[E820_ENTRIES] = (uint8_t)p->n_map;
}

/* A 64-bit value whose upper half has a place of its own. */
static void put_split(uint8_t *area, unsigned low, unsigned high, uint64_t v)
{
	le32_store(area + low, (uint32_t)v);
	le32_store(area + high, (uint32_t)(v >> 32));
}

int bzimage_info(const struct linux_image *k, const struct platform *p,
		 uint8_t *area, size_t size, uint64_t gpa, struct err *e)
{
	memcpy(area + SETUP_SECTS, k->setup_header, k->setup_size);
	area[TYPE_OF_LOADER] = LOADER_UNKNOWN;
	le64_store(area + ACPI_RSDP_ADDR, p->rsdp);
	put_split(area, RAMDISK_IMAGE, EXT_RAMDISK_IMAGE, p->initrd.base);
	put_split(area, RAMDISK_SIZE, EXT_RAMDISK_SIZE, p->initrd.size);
	put_split(area, CMD_LINE_PTR, EXT_CMD_LINE_PTR, gpa + BOOT_PARAMS_SIZE);
	put_e820(p, area);
	return linux_put_cmdline(k, p->cmdline, area, size, BOOT_PARAMS_SIZE,
				 e);
}

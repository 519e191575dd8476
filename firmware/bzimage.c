/* firmware/bzimage.c - the x86 boot protocol, entered in 64-bit mode
 *
 * Documentation/arch/x86/boot.rst. A bzImage is a boot sector, some setup
 * sectors (real-mode code we never run, but for its header), and the kernel
 * that unpacks itself:
 *
 *     0        0x1f1       0x202+      512 * (1 + setup_sects)      end
 *     | ...    | header .. |   ...     | goes to pref_address       |
 *
 * The kernel is entered 0x200 bytes into that, with RSI at the zero page: a
 * page with a copy of the header, what we fill in, and the memory map.
 */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "firmware/image.h"
#include "vmm/base/bytes.h"

struct setup_header { /* as of protocol 2.15 */
	uint8_t setup_sects;
	le16 root_flags;
	le32 syssize;
	le16 ram_size, vid_mode, root_dev;
	le16 boot_flag;
	uint8_t jump[2]; /* jump[1]: the header ends that far after 0x202 */
	char header[4];
	le16 version;
	le32 realmode_swtch;
	le16 start_sys_seg, kernel_version;
	uint8_t type_of_loader, loadflags;
	le16 setup_move_size;
	le32 code32_start, ramdisk_image, ramdisk_size, bootsect_kludge;
	le16 heap_end_ptr;
	uint8_t ext_loader_ver, ext_loader_type;
	le32 cmd_line_ptr, initrd_addr_max, kernel_alignment;
	uint8_t relocatable_kernel, min_alignment;
	le16 xloadflags;
	le32 cmdline_size, hardware_subarch;
	le64 hardware_subarch_data;
	le32 payload_offset, payload_length;
	le64 setup_data, pref_address;
	le32 init_size, handover_offset, kernel_info_offset;
	uint8_t padding[0x290 - 0x26c];
};

enum {
	HEADER_AT = 0x1f1,
	HEADER_MAGIC_AT = 0x202,
	HEADER_LIMIT = 0x290,	 /* in the zero page */
	HEADER_2_12_END = 0x268, /* through handover_offset */
};
#define HEADER_OFFSET(field) (HEADER_AT + offsetof(struct setup_header, field))
static_assert(sizeof(struct setup_header) == HEADER_LIMIT - HEADER_AT, "");
static_assert(HEADER_OFFSET(header) == HEADER_MAGIC_AT, "boot.rst");
static_assert(HEADER_OFFSET(cmd_line_ptr) == 0x228, "boot.rst");
static_assert(HEADER_OFFSET(xloadflags) == 0x236, "boot.rst");
static_assert(HEADER_OFFSET(setup_data) == 0x250, "boot.rst");
static_assert(HEADER_OFFSET(init_size) == 0x260, "boot.rst");
static_assert(sizeof(struct setup_header) ==
		      sizeof(((struct linux_image *)0)->setup_header),
	      "linux.h");

enum {
	BOOT_FLAG = 0xaa55,
	VERSION_MIN = 0x020c, /* 2.12: xloadflags */
	SECTOR = 512,
	SETUP_SECTS_DEFAULT = 4,
	ENTRY_64 = 0x200,
	CMDLINE_SIZE_DEFAULT = 255,
	LOADER_UNDEFINED = 0xff,
	LOADED_HIGH = 1 << 0, /* loadflags */
	CAN_USE_HEAP = 1 << 7,
	XLF_KERNEL_64 = 1 << 0,
	XLF_CAN_BE_LOADED_ABOVE_4G = 1 << 1,
	LOAD_DEFAULT = 0x100000,
};

struct e820_entry {
	le64 base, size;
	le32 kind;
};
static_assert(sizeof(struct e820_entry) == 20, "boot.rst");

enum { E820_MAX = 128 };
static_assert((int)PLATFORM_MAX_RANGES <= (int)E820_MAX,
	      "the zero page holds them all");

/* Documentation/arch/x86/zero-page.rst; what lies between is zero. */
struct zero_page {
	uint8_t screen_info[0x40];
	uint8_t zero1[0x70 - 0x40];
	le64 acpi_rsdp_addr;
	uint8_t zero2[0xc0 - 0x78];
	le32 ext_ramdisk_image, ext_ramdisk_size, ext_cmd_line_ptr;
	uint8_t zero3[0x1e8 - 0xcc];
	uint8_t e820_entries;
	uint8_t zero4[0x1f1 - 0x1e9];
	struct setup_header header;
	uint8_t zero5[0x2d0 - 0x290];
	struct e820_entry e820[E820_MAX];
	uint8_t zero6[0x1000 - 0x2d0 - E820_MAX * sizeof(struct e820_entry)];
};
static_assert(sizeof(struct zero_page) == INFO_STRUCT_SIZE, "zero-page.rst");
static_assert(offsetof(struct zero_page, acpi_rsdp_addr) == 0x70, "");
static_assert(offsetof(struct zero_page, e820_entries) == 0x1e8, "");
static_assert(offsetof(struct zero_page, header) == HEADER_AT, "");
static_assert(offsetof(struct zero_page, e820) == 0x2d0, "");

bool bzimage_claims(const uint8_t *image, size_t size)
{
	return range_fits(0, size, HEADER_MAGIC_AT, 4) &&
	       memcmp(image + HEADER_MAGIC_AT, "HdrS", 4) == 0;
}

/* The header as long as the file says it is, the rest zero. */
static int read_header(const uint8_t *image, size_t size,
		       struct setup_header *h, unsigned *length, struct err *e)
{
	/* The jump over the header ends where the header does. */
	unsigned end = HEADER_MAGIC_AT + image[HEADER_MAGIC_AT - 1];

	if (end < HEADER_2_12_END)
		return err_set(e, -ENOEXEC,
			       "its boot header ends at %#x, before the fields "
			       "of protocol 2.12",
			       end);
	if (end > HEADER_LIMIT)
		end = HEADER_LIMIT;
	if (size < end)
		return err_set(e, -ENOEXEC,
			       "the file is truncated inside its boot header");
	*length = end - HEADER_AT;
	memset(h, 0, sizeof(*h));
	memcpy(h, image + HEADER_AT, *length);
	return 0;
}

static int check_version(const uint8_t *image, size_t size, struct err *e)
{
	uint16_t version;

	if (le16_load(image + HEADER_OFFSET(boot_flag)) != BOOT_FLAG)
		return err_set(e, -ENOEXEC,
			       "it has HdrS at 0x202, but no boot signature "
			       "0xaa55 at 0x1fe");
	if (!range_fits(0, size, HEADER_OFFSET(version), 2))
		return err_set(e, -ENOEXEC,
			       "the file is truncated inside its boot header");
	version = le16_load(image + HEADER_OFFSET(version));
	if (version >= VERSION_MIN)
		return 0;
	err_set(e, -ENOEXEC, "its boot protocol %u.%02u is older than 2.12",
		version >> 8, version & 0xff);
	err_hint(e, "use a kernel of Linux 3.8 or later");
	return -ENOEXEC;
}

static int check_flags(const struct setup_header *h, struct err *e)
{
	if (!(h->loadflags & LOADED_HIGH))
		return err_set(e, -ENOEXEC,
			       "it is a zImage, loaded below 1 MiB");
	if (le16_get(h->xloadflags) & XLF_KERNEL_64)
		return 0;
	err_set(e, -ENOEXEC, "it has no 64-bit entry point");
	err_hint(e, "this is a 32-bit kernel; use one for x86-64 (amd64)");
	return -ENOEXEC;
}

/* The protected-mode part of the file. */
static int find_payload(const struct setup_header *h, size_t size,
			struct linux_load *l, struct err *e)
{
	unsigned sects = h->setup_sects ? h->setup_sects : SETUP_SECTS_DEFAULT;
	uint64_t offset = (uint64_t)(sects + 1) * SECTOR;
	/* In 16-byte paragraphs, the last of which need not be full. */
	uint64_t promised = (uint64_t)le32_get(h->syssize) * 16;

	if (size <= offset + ENTRY_64)
		return err_set(e, -ENOEXEC,
			       "the file is truncated: it ends before its "
			       "kernel, which is at %#" PRIx64,
			       offset);
	l->offset = offset;
	l->size = size - offset;
	if (l->size + 15 < promised)
		return err_set(e, -ENOEXEC,
			       "the file is truncated: %" PRIu64 " bytes of "
			       "kernel are there, its header promises %" PRIu64,
			       l->size, promised);
	return 0;
}

/* Where it goes and how much room it takes to unpack itself there. A kernel
 * that is not at a multiple of its alignment moves up to one first. */
static int place(const struct setup_header *h, struct linux_image *out,
		 struct err *e)
{
	uint64_t at = le64_get(h->pref_address), start;
	uint64_t align = le32_get(h->kernel_alignment);
	uint64_t room = le32_get(h->init_size);

	if (at == 0)
		at = LOAD_DEFAULT;
	if (!is_power_of_two(align))
		return err_set(e, -ENOEXEC,
			       "its header asks for the alignment %#" PRIx64
			       ", which is no power of two",
			       align);
	if (at < IMAGE_FLOOR || at >= IMAGE_CEILING)
		return err_set(e, -ENOEXEC,
			       "its header asks to be loaded at %#" PRIx64
			       ", outside 1 MiB to 4 GiB",
			       at);
	start = h->relocatable_kernel ? align_up(at, align) : at;
	if (room < out->load[0].size)
		room = out->load[0].size;
	if (start + room > IMAGE_CEILING)
		return err_set(e, -ENOEXEC,
			       "its header asks for %#" PRIx64
			       " bytes at %#" PRIx64 ", beyond 4 GiB",
			       room, start);
	out->load[0].gpa = at;
	out->needed = (struct range){ at, start - at + room };
	out->entry = at + ENTRY_64;
	return 0;
}

static void find_limits(const struct setup_header *h, struct linux_image *out)
{
	bool above_4g = le16_get(h->xloadflags) & XLF_CAN_BE_LOADED_ABOVE_4G;

	out->initrd_max = above_4g ? UINT64_MAX
				   : le32_get(h->initrd_addr_max) + UINT64_C(1);
	out->cmdline_max = le32_get(h->cmdline_size);
	if (out->cmdline_max == 0)
		out->cmdline_max = CMDLINE_SIZE_DEFAULT;
}

int bzimage_parse(const uint8_t *image, size_t size, struct linux_image *out,
		  struct err *e)
{
	struct setup_header h;
	int rc;

	rc = check_version(image, size, e);
	if (rc < 0)
		return rc;
	rc = read_header(image, size, &h, &out->setup_size, e);
	if (rc < 0)
		return rc;
	rc = check_flags(&h, e);
	if (rc < 0)
		return rc;
	rc = find_payload(&h, size, &out->load[0], e);
	if (rc < 0)
		return rc;
	rc = place(&h, out, e);
	if (rc < 0)
		return rc;
	out->kind = LINUX_BZIMAGE;
	out->n_loads = 1;
	find_limits(&h, out);
	memcpy(out->setup_header, &h, out->setup_size);
	return 0;
}

static void put_map(struct zero_page *z, const struct platform *p)
{
	for (unsigned i = 0; i < p->n_map; i++)
		z->e820[i] = (struct e820_entry){
			.base = le64_of(p->map[i].range.base),
			.size = le64_of(p->map[i].range.size),
			.kind = le32_of(p->map[i].kind),
		};
	z->e820_entries = (uint8_t)p->n_map;
}

static le32 high(uint64_t v)
{
	return le32_of((uint32_t)(v >> 32));
}

static le32 low(uint64_t v)
{
	return le32_of((uint32_t)v);
}

/* The header's fields of kind "write" and "modify" in boot.rst. */
void bzimage_info(const struct linux_image *k, const struct platform *p,
		  uint8_t *area, uint64_t gpa)
{
	struct zero_page z = { 0 };
	uint64_t cmdline = gpa + INFO_CMDLINE;

	memcpy(&z.header, k->setup_header, k->setup_size);
	z.header.type_of_loader = LOADER_UNDEFINED;
	z.header.ext_loader_ver = 0;
	z.header.ext_loader_type = 0;
	z.header.loadflags &= (uint8_t)~CAN_USE_HEAP;
	z.header.code32_start = low(k->load[0].gpa);
	z.header.setup_data = le64_of(0);
	z.header.cmd_line_ptr = low(cmdline);
	z.ext_cmd_line_ptr = high(cmdline);
	z.header.ramdisk_image = low(p->initrd.base);
	z.ext_ramdisk_image = high(p->initrd.base);
	z.header.ramdisk_size = low(p->initrd.size);
	z.ext_ramdisk_size = high(p->initrd.size);
	z.acpi_rsdp_addr = le64_of(p->rsdp);
	put_map(&z, p);
	memcpy(area, &z, sizeof(z));
}

/* firmware/pvh.c - an ELF kernel with a PVH entry
 *
 * A vmlinux is loaded by its program headers; a note of the name "Xen" gives
 * the 32-bit entry point. The kernel finds a start info structure: memory map,
 * command line, modules (the initrd), RSDP. Facts:
 * include/xen/interface/hvm/start_info.h and elfnote.h of Linux, elf.h.
 */
#include <assert.h>
#include <elf.h>
#include <inttypes.h>
#include <string.h>

#include "firmware/linux_formats.h"
#include "vmm/base/bytes.h"

enum {
	NOTE_PHYS32_ENTRY = 18, /* XEN_ELFNOTE_PHYS32_ENTRY */
	NOTE_HEADER = 12,
	CMDLINE_MAX = 2047, /* Linux COMMAND_LINE_SIZE on x86, less the NUL */
	LOWEST = 0x100000,  /* below it stand our own tables */
};

/* struct hvm_start_info, version 1, and what it points to. */
enum {
	START_MAGIC_AT = 0,
	START_VERSION = 4,
	START_NR_MODULES = 12,
	START_MODLIST = 16,
	START_CMDLINE = 24,
	START_RSDP = 32,
	START_MEMMAP = 40,
	START_MEMMAP_ENTRIES = 48,
	MODULE_AT = 64, /* ours: behind it */
	MEMMAP_AT = 128,
	MEMMAP_ENTRY = 24,
	CMDLINE_AT = 4096,
};
#define START_MAGIC 0x336ec578u

static_assert(MEMMAP_AT + MEMMAP_ENTRY * (int)PLATFORM_MAX_RANGES <= CMDLINE_AT,
	      "start info");

bool pvh_is_elf(const uint8_t *image, size_t size)
{
	return size >= EI_NIDENT && memcmp(image, ELFMAG, SELFMAG) == 0;
}

static int check_header(const uint8_t *image, size_t size, Elf64_Ehdr *h,
			struct err *e)
{
	if (image[EI_CLASS] != ELFCLASS64 || image[EI_DATA] != ELFDATA2LSB) {
		err_set(e, -ENOEXEC,
			"is an ELF file, but not of 64 bits, little-endian");
		err_hint(e, "use an x86-64 vmlinux");
		return -ENOEXEC;
	}
	if (size < sizeof(*h))
		return err_set(e, -ENOEXEC, "is cut off inside its ELF header");
	memcpy(h, image, sizeof(*h));
	if (h->e_machine != EM_X86_64)
		return err_set(e, -ENOEXEC,
			       "is an ELF file for another machine (%u)",
			       h->e_machine);
	if (h->e_phentsize != sizeof(Elf64_Phdr) ||
	    !range_fits(0, size, h->e_phoff,
			(uint64_t)h->e_phnum * sizeof(Elf64_Phdr)))
		return err_set(e, -ENOEXEC,
			       "has its ELF program headers outside the file");
	return 0;
}

static int add_load(const Elf64_Phdr *ph, size_t size, struct linux_image *out,
		    struct err *e)
{
	uint64_t low = out->needed.base, top = low + out->needed.size;

	if (ph->p_memsz == 0)
		return 0;
	if (!range_fits(0, size, ph->p_offset, ph->p_filesz) ||
	    ph->p_filesz > ph->p_memsz || range_wraps(ph->p_paddr, ph->p_memsz))
		return err_set(e, -ENOEXEC,
			       "has a damaged ELF segment at %#" PRIx64,
			       ph->p_paddr);
	if (ph->p_paddr < LOWEST)
		return err_set(e, -ENOEXEC,
			       "wants to be loaded at %#" PRIx64
			       ", below 1 MiB",
			       ph->p_paddr);
	if (out->n_loads == LINUX_MAX_LOADS)
		return err_set(e, -ENOEXEC, "has more than %d ELF segments",
			       LINUX_MAX_LOADS);
	out->load[out->n_loads++] = (struct linux_load){
		.gpa = ph->p_paddr,
		.offset = ph->p_offset,
		.size = ph->p_filesz,
		.zero = ph->p_memsz - ph->p_filesz,
	};
	if (out->n_loads == 1 || ph->p_paddr < low)
		low = ph->p_paddr;
	if (ph->p_paddr + ph->p_memsz > top)
		top = ph->p_paddr + ph->p_memsz;
	out->needed = (struct range){ low, top - low };
	return 0;
}

/* One note at @at of @left bytes: its whole length, 0 if it does not fit.
 * *entry is set if it is the one. */
static uint64_t read_note(const uint8_t *at, uint64_t left, uint64_t *entry)
{
	uint64_t name, desc, whole;
	const uint8_t *d;

	if (left < NOTE_HEADER)
		return 0;
	name = align_up(le32_load(at), 4);
	desc = le32_load(at + 4);
	whole = NOTE_HEADER + name + align_up(desc, 4);
	if (NOTE_HEADER + name + desc > left)
		return 0;
	d = at + NOTE_HEADER + name;
	if (le32_load(at) == 4 && !memcmp(at + NOTE_HEADER, "Xen", 4) &&
	    le32_load(at + 8) == NOTE_PHYS32_ENTRY && desc >= 4)
		*entry = desc >= 8 ? le64_load(d) : le32_load(d);
	return whole;
}

static void find_entry(const uint8_t *image, size_t size, const Elf64_Phdr *ph,
		       uint64_t *entry)
{
	uint64_t done = 0, n;

	if (!range_fits(0, size, ph->p_offset, ph->p_filesz))
		return;
	while (done < ph->p_filesz) {
		n = read_note(image + ph->p_offset + done, ph->p_filesz - done,
			      entry);
		if (n == 0)
			return;
		done += n;
	}
}

static int check_entry(const struct linux_image *k, struct err *e)
{
	if (k->n_loads == 0)
		return err_set(e, -ENOEXEC, "has no ELF segment to load");
	if (k->entry == 0) {
		err_set(e, -ENOEXEC, "is an ELF file without a PVH entry");
		err_hint(e, "a vmlinux has one with CONFIG_PVH=y; or use the "
			    "bzImage of the same kernel");
		return -ENOEXEC;
	}
	if (!range_has(k->needed.base, k->needed.size, k->entry) ||
	    k->entry > UINT32_MAX)
		return err_set(e, -ENOEXEC,
			       "has its PVH entry at %#" PRIx64
			       ", outside what is loaded",
			       k->entry);
	return 0;
}

int pvh_parse(const uint8_t *image, size_t size, struct linux_image *out,
	      struct err *e)
{
	Elf64_Ehdr h;
	Elf64_Phdr ph;
	int rc;

	rc = check_header(image, size, &h, e);
	if (rc < 0)
		return rc;
	out->kind = LINUX_PVH;
	out->initrd_max = UINT64_C(1) << 32;
	out->cmdline_max = CMDLINE_MAX;
	for (unsigned i = 0; i < h.e_phnum; i++) {
		memcpy(&ph, image + h.e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_type == PT_LOAD)
			rc = add_load(&ph, size, out, e);
		else if (ph.p_type == PT_NOTE)
			find_entry(image, size, &ph, &out->entry);
		if (rc < 0)
			return rc;
	}
	return check_entry(out, e);
}

int pvh_info(const struct linux_image *k, const struct platform *p,
	     uint8_t *area, size_t size, uint64_t gpa, struct err *e)
{
	le32_store(area + START_MAGIC_AT, START_MAGIC);
	le32_store(area + START_VERSION, 1);
	le64_store(area + START_CMDLINE, gpa + CMDLINE_AT);
	le64_store(area + START_RSDP, p->rsdp);
	le64_store(area + START_MEMMAP, gpa + MEMMAP_AT);
	le32_store(area + START_MEMMAP_ENTRIES, p->n_map);
	if (p->initrd.size != 0) {
		le32_store(area + START_NR_MODULES, 1);
		le64_store(area + START_MODLIST, gpa + MODULE_AT);
		le64_store(area + MODULE_AT, p->initrd.base);
		le64_store(area + MODULE_AT + 8, p->initrd.size);
	}
	for (unsigned i = 0; i < p->n_map; i++) {
		uint8_t *entry = area + MEMMAP_AT + MEMMAP_ENTRY * i;

		le64_store(entry, p->map[i].range.base);
		le64_store(entry + 8, p->map[i].range.size);
		le32_store(entry + 16, p->map[i].kind);
	}
	return linux_put_cmdline(k, p->cmdline, area, size, CMDLINE_AT, e);
}

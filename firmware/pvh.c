/* firmware/pvh.c - an ELF vmlinux, entered by the PVH protocol
 *
 * An uncompressed kernel that says in a note of its own where it wants to be
 * entered in 32-bit mode (Xen's XEN_ELFNOTE_PHYS32_ENTRY), with EBX at a start
 * info (xen/interface/hvm/start_info.h). Segments go to their p_paddr.
 */
#include <assert.h>
#include <elf.h>
#include <inttypes.h>
#include <string.h>

#include "firmware/image.h"
#include "vmm/base/bytes.h"

/* -------- ELF (System V ABI, chapters 4 and 5) -------- */

struct elf_header64 {
	uint8_t ident[EI_NIDENT];
	le16 type, machine;
	le32 version;
	le64 entry, phoff, shoff;
	le32 flags;
	le16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
static_assert(sizeof(struct elf_header64) == sizeof(Elf64_Ehdr), "ELF");

struct elf_header32 {
	uint8_t ident[EI_NIDENT];
	le16 type, machine;
	le32 version;
	le32 entry, phoff, shoff;
	le32 flags;
	le16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
static_assert(sizeof(struct elf_header32) == sizeof(Elf32_Ehdr), "ELF");

struct elf_segment64 {
	le32 type, flags;
	le64 offset, vaddr, paddr, filesz, memsz, align;
};
static_assert(sizeof(struct elf_segment64) == sizeof(Elf64_Phdr), "ELF");

struct elf_segment32 {
	le32 type, offset, vaddr, paddr, filesz, memsz, flags, align;
};
static_assert(sizeof(struct elf_segment32) == sizeof(Elf32_Phdr), "ELF");

struct elf_note {
	le32 namesz, descsz, type;
};

enum { XEN_ELFNOTE_PHYS32_ENTRY = 18 };

/* A file and its program headers, whatever their class. */
struct elf {
	const uint8_t *image;
	size_t size;
	bool is64;
	uint64_t phoff;
	unsigned phnum;
};

struct segment {
	uint32_t type;
	uint64_t offset, paddr, filesz, memsz, align;
};

/* -------- the start info -------- */

enum { START_INFO_MAGIC = 0x336ec578 };

struct start_info {
	le32 magic, version, flags, nr_modules;
	le64 modlist, cmdline, rsdp, memmap;
	le32 memmap_entries, reserved;
};
static_assert(sizeof(struct start_info) == 56, "start_info.h");

struct start_module {
	le64 base, size, cmdline, reserved;
};
static_assert(sizeof(struct start_module) == 32, "start_info.h");

struct start_memory {
	le64 base, size;
	le32 kind, reserved;
};
static_assert(sizeof(struct start_memory) == 24, "start_info.h");

struct pvh_area {
	struct start_info info;
	uint8_t pad[8];
	struct start_module initrd;
	struct start_memory map[PLATFORM_MAX_RANGES];
};
static_assert(sizeof(struct pvh_area) <= INFO_STRUCT_SIZE, "linux_info");

/* Linux keeps COMMAND_LINE_SIZE bytes and takes the initrd's address as 32
 * bits (arch/x86/platform/pvh/enlighten.c). */
enum { PVH_CMDLINE_MAX = 2047 };

/* -------- reading -------- */

bool pvh_claims(const uint8_t *image, size_t size)
{
	return size >= SELFMAG && memcmp(image, ELFMAG, SELFMAG) == 0;
}

static int truncated(struct err *e)
{
	return err_set(e, -ENOEXEC,
		       "the file is truncated: it ends inside its ELF headers");
}

static int check_ident(const uint8_t *image, size_t size, struct err *e)
{
	uint16_t machine;

	if (size < sizeof(struct elf_header32))
		return truncated(e);
	machine = le16_load(image + offsetof(struct elf_header32, machine));
	if (image[EI_DATA] == ELFDATA2LSB &&
	    ((image[EI_CLASS] == ELFCLASS64 && machine == EM_X86_64) ||
	     (image[EI_CLASS] == ELFCLASS32 && machine == EM_386)))
		return 0;
	err_set(e, -ENOEXEC,
		"an ELF file, but not for x86 (class %u, byte order %u, "
		"machine %u)",
		image[EI_CLASS], image[EI_DATA], machine);
	err_hint(e, "minivmm runs guests of the host's architecture, x86-64");
	return -ENOEXEC;
}

static unsigned segment_size(const struct elf *f)
{
	return f->is64 ? sizeof(struct elf_segment64)
		       : sizeof(struct elf_segment32);
}

static void read_header64(struct elf *f, unsigned *entry_size)
{
	struct elf_header64 h;

	memcpy(&h, f->image, sizeof(h));
	f->phoff = le64_get(h.phoff);
	f->phnum = le16_get(h.phnum);
	*entry_size = le16_get(h.phentsize);
}

static void read_header32(struct elf *f, unsigned *entry_size)
{
	struct elf_header32 h;

	memcpy(&h, f->image, sizeof(h));
	f->phoff = le32_get(h.phoff);
	f->phnum = le16_get(h.phnum);
	*entry_size = le16_get(h.phentsize);
}

static int elf_open(struct elf *f, const uint8_t *image, size_t size,
		    struct err *e)
{
	unsigned entry_size = 0;
	int rc;

	rc = check_ident(image, size, e);
	if (rc < 0)
		return rc;
	*f = (struct elf){ .image = image, .size = size };
	f->is64 = image[EI_CLASS] == ELFCLASS64;
	if (f->is64 && size < sizeof(struct elf_header64))
		return truncated(e);
	if (f->is64)
		read_header64(f, &entry_size);
	else
		read_header32(f, &entry_size);
	if (f->phnum == 0)
		return err_set(e, -ENOEXEC,
			       "an ELF file without program headers: an object "
			       "file or a module, not a kernel");
	if (entry_size != segment_size(f))
		return err_set(e, -ENOEXEC,
			       "its ELF program headers have %u bytes each "
			       "instead of %u",
			       entry_size, segment_size(f));
	if (!range_fits(0, size, f->phoff, (uint64_t)f->phnum * entry_size))
		return err_set(e, -ENOEXEC,
			       "its ELF program headers lie outside the file");
	return 0;
}

static struct segment segment_at(const struct elf *f, unsigned i)
{
	const uint8_t *at = f->image + f->phoff + (size_t)i * segment_size(f);
	struct elf_segment64 s64;
	struct elf_segment32 s32;

	if (f->is64) {
		memcpy(&s64, at, sizeof(s64));
		return (struct segment){
			.type = le32_get(s64.type),
			.offset = le64_get(s64.offset),
			.paddr = le64_get(s64.paddr),
			.filesz = le64_get(s64.filesz),
			.memsz = le64_get(s64.memsz),
			.align = le64_get(s64.align),
		};
	}
	memcpy(&s32, at, sizeof(s32));
	return (struct segment){
		.type = le32_get(s32.type),
		.offset = le32_get(s32.offset),
		.paddr = le32_get(s32.paddr),
		.filesz = le32_get(s32.filesz),
		.memsz = le32_get(s32.memsz),
		.align = le32_get(s32.align),
	};
}

/* Is the note at @at, with its name of @name_room bytes, the entry point? */
static bool is_entry_note(const struct elf_note *n, const uint8_t *name)
{
	return le32_get(n->type) == XEN_ELFNOTE_PHYS32_ENTRY &&
	       le32_get(n->namesz) == sizeof("Xen") &&
	       memcmp(name, "Xen", sizeof("Xen")) == 0 &&
	       (le32_get(n->descsz) == 4 || le32_get(n->descsz) == 8);
}

/* Look through the notes in @size bytes at @notes. Sizes in a note are 32-bit,
 * so sums of them fit 64. */
static bool find_entry_note(const uint8_t *notes, uint64_t size, uint64_t align,
			    uint64_t *entry)
{
	struct elf_note n;
	uint64_t at = 0, name, desc;

	while (range_fits(0, size, at, sizeof(n))) {
		memcpy(&n, notes + at, sizeof(n));
		name = at + sizeof(n);
		desc = align_up(name + le32_get(n.namesz), align);
		if (!range_fits(0, size, desc, le32_get(n.descsz)))
			return false;
		if (is_entry_note(&n, notes + name)) {
			*entry = le_load(notes + desc, le32_get(n.descsz));
			return true;
		}
		at = align_up(desc + le32_get(n.descsz), align);
	}
	return false;
}

static int find_entry(const struct elf *f, uint64_t *entry, struct err *e)
{
	for (unsigned i = 0; i < f->phnum; i++) {
		struct segment s = segment_at(f, i);

		if (s.type != PT_NOTE)
			continue;
		if (!range_fits(0, f->size, s.offset, s.filesz))
			return err_set(e, -ENOEXEC,
				       "its ELF notes lie outside the file");
		if (find_entry_note(f->image + s.offset, s.filesz,
				    s.align == 8 ? 8 : 4, entry))
			return 0;
	}
	err_set(e, -ENOEXEC,
		"an ELF file without a PVH entry point (Xen note 18)");
	err_hint(e, "if it is a kernel, build it with CONFIG_PVH or give its "
		    "bzImage (vmlinuz)");
	return -ENOEXEC;
}

static int check_segment(const struct elf *f, unsigned i,
			 const struct segment *s, struct err *e)
{
	if (s->filesz > s->memsz)
		return err_set(e, -ENOEXEC,
			       "ELF segment %u has %" PRIu64
			       " bytes in the file and %" PRIu64 " in memory",
			       i, s->filesz, s->memsz);
	if (!range_fits(0, f->size, s->offset, s->filesz))
		return err_set(e, -ENOEXEC,
			       "the file is truncated: ELF segment %u lies "
			       "outside it",
			       i);
	if (!range_fits(IMAGE_FLOOR, IMAGE_CEILING - IMAGE_FLOOR, s->paddr,
			s->memsz))
		return err_set(e, -ENOEXEC,
			       "ELF segment %u asks for %#" PRIx64
			       " bytes at %#" PRIx64 ", outside 1 MiB to 4 GiB",
			       i, s->memsz, s->paddr);
	return 0;
}

static int check_apart(const struct linux_image *k, unsigned i,
		       const struct segment *s, struct err *e)
{
	for (unsigned n = 0; n < k->n_loads; n++) {
		const struct linux_load *l = &k->load[n];

		if (range_overlaps(l->gpa, l->size + l->zero, s->paddr,
				   s->memsz))
			return err_set(e, -ENOEXEC,
				       "ELF segment %u at %#" PRIx64
				       " overlaps the one at %#" PRIx64,
				       i, s->paddr, l->gpa);
	}
	if (k->n_loads == LINUX_MAX_LOADS)
		return err_set(e, -ENOEXEC,
			       "it has more than %d ELF segments to load",
			       LINUX_MAX_LOADS);
	return 0;
}

static int load_segment(const struct elf *f, unsigned i, struct linux_image *k,
			struct err *e)
{
	struct segment s = segment_at(f, i);
	int rc;

	if (s.type != PT_LOAD || s.memsz == 0)
		return 0;
	rc = check_segment(f, i, &s, e);
	if (rc < 0)
		return rc;
	rc = check_apart(k, i, &s, e);
	if (rc < 0)
		return rc;
	k->load[k->n_loads++] = (struct linux_load){
		.gpa = s.paddr,
		.offset = s.offset,
		.size = s.filesz,
		.zero = s.memsz - s.filesz,
	};
	return 0;
}

/* From the first byte of the lowest segment to the last of the highest. */
static struct range extent(const struct linux_image *k)
{
	uint64_t base = UINT64_MAX, end = 0;

	for (unsigned i = 0; i < k->n_loads; i++) {
		const struct linux_load *l = &k->load[i];

		if (l->gpa < base)
			base = l->gpa;
		if (l->gpa + l->size + l->zero > end)
			end = l->gpa + l->size + l->zero;
	}
	return (struct range){ base, end - base };
}

static bool entry_is_loaded(const struct linux_image *k)
{
	for (unsigned i = 0; i < k->n_loads; i++)
		if (range_has(k->load[i].gpa, k->load[i].size, k->entry))
			return true;
	return false;
}

int pvh_parse(const uint8_t *image, size_t size, struct linux_image *out,
	      struct err *e)
{
	struct elf f;
	int rc;

	rc = elf_open(&f, image, size, e);
	if (rc < 0)
		return rc;
	rc = find_entry(&f, &out->entry, e);
	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < f.phnum; i++) {
		rc = load_segment(&f, i, out, e);
		if (rc < 0)
			return rc;
	}
	if (!entry_is_loaded(out))
		return err_set(e, -ENOEXEC,
			       "its PVH entry point %#" PRIx64
			       " is in no ELF segment",
			       out->entry);
	out->kind = LINUX_PVH;
	out->needed = extent(out);
	out->initrd_max = IMAGE_CEILING;
	out->cmdline_max = PVH_CMDLINE_MAX;
	return 0;
}

/* -------- writing -------- */

void pvh_info(const struct platform *p, uint8_t *area, uint64_t gpa)
{
	struct pvh_area a = { 0 };

	a.info.magic = le32_of(START_INFO_MAGIC);
	a.info.version = le32_of(1);
	a.info.cmdline = le64_of(gpa + INFO_CMDLINE);
	a.info.rsdp = le64_of(p->rsdp);
	a.info.memmap = le64_of(gpa + offsetof(struct pvh_area, map));
	a.info.memmap_entries = le32_of(p->n_map);
	if (p->initrd.size != 0) {
		a.info.nr_modules = le32_of(1);
		a.info.modlist =
			le64_of(gpa + offsetof(struct pvh_area, initrd));
		a.initrd.base = le64_of(p->initrd.base);
		a.initrd.size = le64_of(p->initrd.size);
	}
	for (unsigned i = 0; i < p->n_map; i++)
		a.map[i] = (struct start_memory){
			.base = le64_of(p->map[i].range.base),
			.size = le64_of(p->map[i].range.size),
			.kind = le32_of(p->map[i].kind),
		};
	memcpy(area, &a, sizeof(a));
}

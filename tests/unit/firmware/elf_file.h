/* tests/unit/firmware/elf_file.h - an ELF kernel as data, to be damaged */
#ifndef TESTS_FIRMWARE_ELF_FILE_H
#define TESTS_FIRMWARE_ELF_FILE_H

#include <elf.h>

#include "firmware/linux.h"
#include "tests/unit/firmware/machines.h"

enum {
	TEXT_AT = 0x1000,
	TEXT_SIZE = 0x800,
	DATA_AT = 0x1800,
	DATA_SIZE = 0x400,
	NOTE_AT = 0x1c00,
	FILE_SIZE = 0x2000,
	ENTRY = 0x1000040,
};

enum { TEXT, DATA, NOTE, SEGMENTS = 20 };

/* An ELF file as data, to be changed and then written out. */
struct elf {
	bool is32;
	Elf64_Ehdr h;
	Elf64_Phdr ph[SEGMENTS];
	uint8_t notes[256];
	uint8_t file[FILE_SIZE];
	size_t size;
};

/* Append a note; returns the offset behind it. */
static inline unsigned put_note(struct elf *f, unsigned at, const char *name,
				uint32_t type, uint64_t desc,
				uint32_t desc_size)
{
	uint32_t name_size = (uint32_t)strlen(name) + 1;

	le32_store(f->notes + at, name_size);
	le32_store(f->notes + at + 4, desc_size);
	le32_store(f->notes + at + 8, type);
	memcpy(f->notes + at + 12, name, name_size);
	at += 12 + (uint32_t)align_up(name_size, 4);
	le64_store(f->notes + at, desc);
	return at + (uint32_t)align_up(desc_size, 4);
}

static inline void make_elf(struct elf *f)
{
	unsigned end;

	memset(f, 0, sizeof(*f));
	memcpy(f->h.e_ident, ELFMAG, SELFMAG);
	f->h.e_ident[EI_CLASS] = ELFCLASS64;
	f->h.e_ident[EI_DATA] = ELFDATA2LSB;
	f->h.e_type = ET_EXEC;
	f->h.e_machine = EM_X86_64;
	f->h.e_phoff = sizeof(Elf64_Ehdr);
	f->h.e_phentsize = sizeof(Elf64_Phdr);
	f->h.e_phnum = 3;
	f->ph[TEXT] = (Elf64_Phdr){ .p_type = PT_LOAD,
				    .p_offset = TEXT_AT,
				    .p_paddr = 0x1000000,
				    .p_vaddr = 0xffffffff81000000,
				    .p_filesz = TEXT_SIZE,
				    .p_memsz = TEXT_SIZE };
	f->ph[DATA] = (Elf64_Phdr){ .p_type = PT_LOAD,
				    .p_offset = DATA_AT,
				    .p_paddr = 0x1200000,
				    .p_filesz = DATA_SIZE,
				    .p_memsz = 0x10000 };
	end = put_note(f, 0, "Linux", 257, 1, 4);
	end = put_note(f, end, "Xen", 6, 0x1234, 8);
	end = put_note(f, end, "Xen", 18, ENTRY, 8);
	f->ph[NOTE] = (Elf64_Phdr){ .p_type = PT_NOTE,
				    .p_offset = NOTE_AT,
				    .p_filesz = end,
				    .p_memsz = end,
				    .p_align = 4 };
	f->size = FILE_SIZE;
}

static inline void write32(struct elf *f)
{
	Elf32_Ehdr h = { .e_type = ET_EXEC, .e_machine = f->h.e_machine };

	memcpy(h.e_ident, f->h.e_ident, sizeof(h.e_ident));
	h.e_ident[EI_CLASS] = ELFCLASS32;
	h.e_phoff = sizeof(h);
	h.e_phentsize = sizeof(Elf32_Phdr);
	h.e_phnum = f->h.e_phnum;
	memcpy(f->file, &h, sizeof(h));
	for (unsigned i = 0; i < f->h.e_phnum; i++) {
		Elf32_Phdr ph = {
			.p_type = f->ph[i].p_type,
			.p_offset = (uint32_t)f->ph[i].p_offset,
			.p_paddr = (uint32_t)f->ph[i].p_paddr,
			.p_filesz = (uint32_t)f->ph[i].p_filesz,
			.p_memsz = (uint32_t)f->ph[i].p_memsz,
			.p_align = (uint32_t)f->ph[i].p_align,
		};

		memcpy(f->file + sizeof(h) + i * sizeof(ph), &ph, sizeof(ph));
	}
}

static inline int parse(struct elf *f, struct linux_image *k, struct err *e)
{
	uint8_t *copy = malloc(f->size ? f->size : 1);
	int rc;

	memset(f->file, 0, sizeof(f->file));
	memcpy(f->file + NOTE_AT, f->notes, sizeof(f->notes));
	if (f->is32) {
		write32(f);
	} else {
		memcpy(f->file, &f->h, sizeof(f->h));
		memcpy(f->file + sizeof(f->h), f->ph, sizeof(f->ph));
	}
	*e = ERR_NONE;
	memcpy(copy, f->file, f->size);
	rc = linux_parse(copy, f->size, k, e);
	free(copy);
	return rc;
}

static inline void expect_parsed(struct elf *f, struct linux_image *k)
{
	struct err e;

	if (parse(f, k, &e) < 0)
		fail_msg("%s", e.text);
}

static inline void expect_refusal(struct elf *f, const char *part)
{
	struct linux_image k, before;
	struct err e;

	memset(&k, 0x77, sizeof(k));
	before = k;
	assert_int_equal(parse(f, &k, &e), -ENOEXEC);
	assert_memory_equal(&k, &before, sizeof(k));
	if (!strstr(e.text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, e.text);
	assert_true(e.hint[0] != '\0');
}

#endif

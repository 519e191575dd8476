/* vmm/x86_64/boot.c - registers and tables with which vCPU 0 enters the guest
 *
 * A processor starts in real mode; firmware brings it to where a boot protocol
 * wants it. We write that state directly. In arch_boot.scratch:
 *
 *     0x0000  GDT: null, unused, code (selector 0x10, Linux's __BOOT_CS), data
 *             (0x18, __BOOT_DS), task state
 *     0x1000  PML4, 0x2000 PDPT, 0x3000 to 0x6fff four page directories:
 *             the first 4 GiB one to one, in 2 MiB pages (LINUX64 only)
 *
 * Linux 64-bit: Documentation/arch/x86/boot.rst, "64-bit boot protocol". PVH:
 * Xen's docs/misc/pvh.pandoc.
 */
#include <inttypes.h>
#include <linux/kvm.h>
#include <string.h>

#include "vmm/arch.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"

enum {
	/* Selectors, which are offsets into the descriptor table too. */
	CODE = 0x10,
	DATA = 0x18,
	TASK = 0x20,
	GDT_SIZE = 0x28,

	PML4 = 0x1000,
	PDPT = 0x2000,
	PAGE_DIRS = 0x3000,
	PAGE_DIR_ENTRIES = 4 * 512,
	SCRATCH_USED = 0x7000,
};
static_assert(SCRATCH_USED <= (int)ARCH_BOOT_SCRATCH, "fits the caller's room");

#define CR0_PE (1u << 0)
#define CR0_ET (1u << 4)
#define CR0_PG (1u << 31)
#define CR4_PAE (1u << 5)
#define EFER_LME (1u << 8)
#define EFER_LMA (1u << 10)

#define PAGE_PRESENT (1u << 0)
#define PAGE_WRITE (1u << 1)
#define PAGE_LARGE (1u << 7)

#define RFLAGS_ONE (1u << 1) /* always set */

/* Segment types, Intel SDM volume 3, 3.4.5.1 and 3.5. */
enum { TYPE_TSS_BUSY = 11, TYPE_CODE = 11, TYPE_DATA = 3 };

static struct kvm_segment flat(uint16_t selector, uint8_t type)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1,
		.g = 1,
	};
}

/* The descriptor of @s in memory, should the guest reload it. */
static uint64_t descriptor(const struct kvm_segment *s)
{
	uint64_t limit = s->g ? s->limit >> 12 : s->limit;
	uint64_t flags = s->type | s->s << 4 | s->dpl << 5 | s->present << 7 |
			 s->avl << 12 | s->l << 13 | s->db << 14 | s->g << 15;

	return (limit & 0xffff) | (s->base & 0xffffff) << 16 | flags << 40 |
	       (limit >> 16 & 0xf) << 48 | (s->base >> 24 & 0xff) << 56;
}

static void set_segments(struct kvm_sregs *s, bool long_mode, gpa_t gdt,
			 uint8_t *table)
{
	struct kvm_segment code = flat(CODE, TYPE_CODE);
	struct kvm_segment data = flat(DATA, TYPE_DATA);

	code.l = long_mode;
	code.db = !long_mode;
	data.db = 1;
	s->cs = code;
	s->ds = s->es = s->fs = s->gs = s->ss = data;
	/* VMX wants a busy task state segment; PVH one with limit 0x67. */
	s->tr = (struct kvm_segment){ .limit = 0x67,
				      .selector = TASK,
				      .type = TYPE_TSS_BUSY,
				      .present = 1 };
	memset(table, 0, GDT_SIZE);
	le64_store(table + CODE, descriptor(&code));
	le64_store(table + DATA, descriptor(&data));
	le64_store(table + TASK, descriptor(&s->tr));
	s->gdt.base = gdt;
	s->gdt.limit = GDT_SIZE - 1;
	/* An exception before the guest has its own table is a triple fault,
	 * which we report. */
	s->idt.base = 0;
	s->idt.limit = 0;
}

static void set_paging(struct kvm_sregs *s, gpa_t at, uint8_t *scratch)
{
	const uint64_t table = PAGE_PRESENT | PAGE_WRITE;

	le64_store(scratch + PML4, (at + PDPT) | table);
	for (uint64_t i = 0; i < 4; i++)
		le64_store(scratch + PDPT + 8 * i,
			   (at + PAGE_DIRS + 0x1000 * i) | table);
	for (uint64_t i = 0; i < PAGE_DIR_ENTRIES; i++)
		le64_store(scratch + PAGE_DIRS + 8 * i,
			   i << 21 | PAGE_LARGE | table);
	s->cr3 = at + PML4;
	s->cr4 = CR4_PAE;
	s->efer = EFER_LME | EFER_LMA;
	s->cr0 = CR0_PE | CR0_ET | CR0_PG;
}

/* -------- the three ways in -------- */

static int enter_linux64(struct vcpu *c, const struct arch_boot *b,
			 struct kvm_sregs *s, struct kvm_regs *r, struct err *e)
{
	uint8_t *scratch = mem_at(&c->vm->mem, b->scratch, ARCH_BOOT_SCRATCH);

	if (!scratch)
		return err_set(e, -EINVAL,
			       "no RAM at %#" PRIx64
			       " for the first page tables",
			       b->scratch);
	set_segments(s, true, b->scratch, scratch);
	set_paging(s, b->scratch, scratch);
	r->rip = b->pc;
	r->rsi = b->info;
	return 0;
}

static int enter_pvh(struct vcpu *c, const struct arch_boot *b,
		     struct kvm_sregs *s, struct kvm_regs *r, struct err *e)
{
	uint8_t *scratch = mem_at(&c->vm->mem, b->scratch, ARCH_BOOT_SCRATCH);

	if (!scratch)
		return err_set(e, -EINVAL,
			       "no RAM at %#" PRIx64
			       " for the first descriptor table",
			       b->scratch);
	set_segments(s, false, b->scratch, scratch);
	s->cr0 = CR0_PE | CR0_ET;
	s->cr4 = 0;
	s->efer = 0;
	r->rip = b->pc;
	r->rbx = b->info;
	return 0;
}

/* Code segment on the 64 KiB that holds the entry, all others at 0. */
static int enter_real(struct vcpu *c, const struct arch_boot *b,
		      struct kvm_sregs *s, struct kvm_regs *r, struct err *e)
{
	if (b->pc >= 0x100000)
		return err_set(e, -EINVAL,
			       "%#" PRIx64 " is out of reach of real mode",
			       b->pc);
	s->cs.base = b->pc & 0xf0000;
	s->cs.selector = (uint16_t)(s->cs.base >> 4);
	r->rip = b->pc & 0xffff;
	r->rsi = b->info;
	return 0;
}

static int (*const enter[])(struct vcpu *c, const struct arch_boot *b,
			    struct kvm_sregs *s, struct kvm_regs *r,
			    struct err *e) = {
	[ARCH_ENTRY_LINUX64] = enter_linux64,
	[ARCH_ENTRY_PVH] = enter_pvh,
	[ARCH_ENTRY_REAL] = enter_real,
};

int arch_vcpu_boot(struct vcpu *c, const struct arch_boot *b, struct err *e)
{
	struct kvm_regs r = { .rflags = RFLAGS_ONE };
	struct kvm_sregs s;
	int rc;

	rc = sys_ioctl(c->fd, KVM_GET_SREGS, &s);
	if (rc < 0)
		return err_sys(e, rc, "vCPU %u: KVM_GET_SREGS", c->index);
	rc = enter[b->entry](c, b, &s, &r, e);
	if (rc < 0)
		return err_in(e, rc, "vCPU %u", c->index);
	rc = sys_ioctl(c->fd, KVM_SET_SREGS, &s);
	if (rc < 0)
		return err_sys(e, rc, "vCPU %u: KVM_SET_SREGS", c->index);
	rc = sys_ioctl(c->fd, KVM_SET_REGS, &r);
	return rc < 0 ? err_sys(e, rc, "vCPU %u: KVM_SET_REGS", c->index) : 0;
}

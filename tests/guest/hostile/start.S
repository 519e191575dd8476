# Into long mode, for a guest that only wants to do harm (hostile.c).
#
# The first CPU comes by PVH: 32 bits, no paging, EBX points to hvm_start_info.
# The others come by SIPI at TRAMPOLINE in real mode. All of them map the first
# 4 GiB as they are, and go to hostile() with their APIC's number.
#
# What can hit a CPU whose devices are told to write anywhere: any vector, NMI
# and SMI. Every vector leads to again(), which starts over and never returns;
# an NMI without IRET keeps further ones away. An SMI finds an RSM.
.set TRAMPOLINE, 0x8000
.set SMI_HANDLER, 0x38000	# SMBASE 0x30000 at power-on

.section .note.Xen, "a", @note
	.long 4, 4, 18		# XEN_ELFNOTE_PHYS32_ENTRY
	.asciz "Xen"
	.long _start

.section .start, "ax"
.code32
.globl _start
_start:
	mov %ebx, start_info
	mov $trampoline, %esi
	mov $TRAMPOLINE, %edi
	mov $trampoline_end - trampoline, %ecx
	cld
	rep movsb
	movb $0x0f, SMI_HANDLER
	movb $0xaa, SMI_HANDLER + 1
	# Page tables: one PML4, one PDPT, four directories of 2 MiB pages.
	movl $pdpt + 7, pml4
	mov $directories + 7, %eax
	mov $pdpt, %edi
	mov $4, %ecx
1:	mov %eax, (%edi)
	add $4096, %eax
	add $8, %edi
	loop 1b
	mov $0x87, %eax
	mov $directories, %edi
	mov $2048, %ecx
2:	mov %eax, (%edi)
	add $0x200000, %eax
	add $8, %edi
	loop 2b
	lgdt gdt_pointer
	ljmp $0x08, $to_long

to_long:
	mov $0x18, %ax
	mov %ax, %ds
	mov %ax, %es
	mov %ax, %ss
	mov %cr4, %eax
	or $0x20, %eax		# PAE
	mov %eax, %cr4
	mov $pml4, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx	# EFER.LME
	rdmsr
	or $0x100, %eax
	wrmsr
	mov %cr0, %eax
	or $0x80000001, %eax
	mov %eax, %cr0
	ljmp $0x10, $long_mode

.code64
long_mode:
	mov $1, %eax
	cpuid
	shr $24, %ebx
	mov %rbx, %rdi
	inc %ebx
	shl $12, %ebx
	lea stacks(%rbx), %rsp
	lidt idt_pointer
	call hostile
3:	hlt
	jmp 3b

.globl again
again:
	lock incl caught
	jmp long_mode

.code16
trampoline:
	cli
	lgdtl %cs:gdt_pointer_16 - trampoline
	mov $1, %eax
	mov %eax, %cr0
	ljmpl $0x08, $to_long
gdt_pointer_16:
	.word gdt_end - gdt - 1
	.long gdt
trampoline_end:

.align 8
gdt:	.quad 0
	.quad 0x00cf9b000000ffff	# code, 32 bits
	.quad 0x00af9b000000ffff	# code, 64 bits
	.quad 0x00cf93000000ffff	# data
gdt_end:
gdt_pointer:
	.word gdt_end - gdt - 1
	.long gdt
.globl idt_pointer
idt_pointer:
	.word 0xfff
	.quad idt

.bss
.globl idt, caught, start_info
.align 4096
pml4:	.skip 4096
pdpt:	.skip 4096
directories: .skip 4 * 4096
idt:	.skip 4096
stacks:	.skip 4 * 4096
caught:	.skip 4
start_info: .skip 4

# Says what it finds, changes all of it, starts the second CPU, which does the
# same, and reboots through the port REBOOT. Each run is to find the same.
.include "tests/guest/code/guest.inc"
.set AP, 0x2000
.set REBOOT, 0xf5
.set APIC, 0xfee00000
.set IOAPIC, 0xfec00000
.set AP_DONE, RESULTS + 8	# in RAM that nobody loads
.set RUNS, RESULTS

.macro report_msr msr
	mov $\msr, %ecx
	rdmsr
	report32
	mov %edx, %eax
	report32
.endm

.macro report_apic reg
	mov $APIC + \reg, %edi
	mov (%rdi), %eax
	report32
.endm

.macro ioapic_read reg
	mov $IOAPIC, %edi
	movl $\reg, (%rdi)
	mov 0x10(%rdi), %eax
.endm

.code64
	# general registers: all that are not part of the entry are 0
	mov %rbx, %rax
	or %rcx, %rax
	or %rbp, %rax
	or %r8, %rax
	or %r15, %rax
	report32
	mov %cr4, %rax
	report32
	mov %cr2, %rax
	report32
	mov %cr8, %rax
	report32
	mov %dr0, %rax
	report32
	mov %dr7, %rax
	report32
	report_msr MSR_APIC_BASE
	report_msr 0x2ff	# MTRR default type
	report_msr 0x277	# PAT
	report_msr 0xc0000081	# STAR
	report_msr 0xc0000082	# LSTAR
	report_msr 0xc0000102	# kernel GS base
	report_msr 0x174	# SYSENTER_CS
	report_msr 0x4b564d01	# kvmclock
	report_msr 0x3b		# TSC_ADJUST
	report_apic 0x20	# ID
	report_apic 0x80	# TPR
	report_apic 0xf0	# SVR
	report_apic 0x320	# LVT timer
	report_apic 0x350	# LVT LINT0
	report_apic 0x380	# timer's initial count
	report_apic 0x220	# IRR, vectors 0x40 to 0x5f
	ioapic_read 0x30	# redirection 16, low half
	report32
	mov dirt, %eax		# of the image, which is loaded anew
	report32

	movl $0x12345678, dirt
	movl $0, AP_DONE
	incl RUNS
	mov %cr4, %rax
	or $0x600, %rax
	mov %rax, %cr4
	mov $0x1000, %eax
	mov %rax, %cr2
	mov %rax, %dr0
	mov $IOAPIC, %edi
	movl $0x30, (%rdi)
	movl $0x8040, 0x10(%rdi)	# level, vector 0x40, not masked
	wrmsr64 0x2ff, 0x800
	wrmsr64 0x277, 0x06060606, 0x06060606
	wrmsr64 0xc0000081, 0, 0x00230010
	wrmsr64 0xc0000082, 0x1234
	wrmsr64 0xc0000102, 0x5678
	wrmsr64 0x174, 0x10
	wrmsr64 0x4b564d01, RESULTS + 0x101
	wrmsr64 0x3b, 0x1000
	apic_on
	mov $3, %eax
	mov %rax, %cr8
	mov $0x40, %eax		# timer: vector 0x40 in about no time
	mov $0x832, %ecx
	xor %edx, %edx
	wrmsr
	wrmsr64 0x838, 100
	wrmsr64 MSR_X2APIC_ICR, 0xc4500		# INIT to all but this one
	wrmsr64 MSR_X2APIC_ICR, 0xc4600 + (AP >> 12)
1:	cmpl $0, AP_DONE
	je 1b
	mov $-1, %rbx
	mov %rbx, %rbp
	mov %rbx, %r8
	mov %rbx, %r15
	# one more, which may still be on its way at the reboot
	wrmsr64 MSR_X2APIC_ICR, 0xc4500
	wrmsr64 MSR_X2APIC_ICR, 0xc4600 + (AP >> 12)
	mov $REBOOT, %dx
	out %al, %dx
2:	hlt
	jmp 2b
dirt:	.long 0

.org AP - 0x1000
.code16
	xor %ax, %ax
	mov %ax, %ds
	cmpl $0, AP_DONE
	jne 4f			# the last start: says nothing
	mov $MSR_APIC_BASE, %ecx
	rdmsr
	report32
	mov $0xc0000082, %ecx
	rdmsr
	report32
	mov $MSR_APIC_BASE, %ecx
	rdmsr
	or $0xc00, %eax
	wrmsr
	wrmsr64 MSR_X2APIC_SVR, 0x1ff
	wrmsr64 0xc0000082, 0x4321
	movl $1, AP_DONE
4:	hlt
	jmp 4b

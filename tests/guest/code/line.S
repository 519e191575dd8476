# IOAPIC pin 16, level-triggered, to vector 0x50 of APIC 0.
.include "tests/guest/code/guest.inc"
.code64
	apic_on
	gate 0x50, came
	load_idt
	mov $0xfec00000, %ebx
	movl $0x10 + 2 * 16 + 1, (%rbx)
	movl $0, 0x10(%rbx)
	movl $0x10 + 2 * 16, (%rbx)
	movl $0x8050, 0x10(%rbx)
	ready
wait:	mov $STACK, %esp	# nobody returns: forget the frame
	sti
	hlt
	jmp wait
came:	mov $0x50, %eax
	report32
	wrmsr64 MSR_X2APIC_EOI, 0
	ready
	jmp wait
idt_data

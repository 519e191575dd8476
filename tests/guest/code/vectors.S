# Vectors 0x40 and 0x41: each reports itself, ends its interrupt and waits for
# the next inside the handler, which never returns.
.include "tests/guest/code/guest.inc"
.code64
	apic_on
	gate 0x40, came_40
	gate 0x41, came_41
	load_idt
	ready
wait:	mov $STACK, %esp	# nobody returns: forget the frame
	sti
	hlt
	jmp wait
came_40:
	mov $0x40, %eax
	jmp came
came_41:
	mov $0x41, %eax
came:	report32
	wrmsr64 MSR_X2APIC_EOI, 0
	jmp wait
idt_data

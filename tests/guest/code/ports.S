# Every width of OUT and IN, in real mode; values read go to RESULTS.
.include "tests/guest/code/guest.inc"
.code16
	mov $DEVICE, %dx
	mov $0x11, %al
	out %al, %dx
	mov $0x2222, %ax
	out %ax, %dx
	mov $0x33333333, %eax
	out %eax, %dx
	in %dx, %al
	mov %al, RESULTS
	in %dx, %ax
	mov %ax, RESULTS + 4
	in %dx, %eax
	mov %eax, RESULTS + 8
	done

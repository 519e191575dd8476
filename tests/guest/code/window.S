# Reads MMIO for ever and reports what it read.
.include "tests/guest/code/guest.inc"
.code64
	mov $MMIO, %ebx
1:	mov (%rbx), %eax
	report32
	jmp 1b

# No interrupt table and an invalid instruction: a triple fault.
.include "tests/guest/code/guest.inc"
.code64
	mov $0xc0ffee, %eax
	ud2

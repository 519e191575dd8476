# Never exits by itself.
.include "tests/guest/code/guest.inc"
.code64
	ready
1:	jmp 1b

# Sizes BAR 0 of 00:05.0, gives it an address, moves it while it decodes, puts
# it on top of ECAM and moves it away again; each step reports what it reads.
.include "tests/guest/code/guest.inc"
.set ECAM, 0xe0000000
.set FUNCTION, ECAM + (5 << 15)
.set COMMAND, FUNCTION + 4
.set BAR0, FUNCTION + 0x10
.macro store32 at, value
	mov $\at, %ebx
	movl $\value, (%rbx)
.endm
.macro report_at at
	mov $\at, %ebx
	mov (%rbx), %eax
	report32
.endm
.code64
	store32 BAR0, 0xffffffff
	report_at BAR0
	store32 BAR0, 0x90000000
	report_at 0x90000000	# no decode yet
	mov $COMMAND, %ebx
	movw $2, (%rbx)
	report_at 0x90000000
	store32 BAR0, 0xa0000000
	report_at 0xa0000000
	report_at 0x90000000
	store32 BAR0, ECAM
	report_at ECAM
	report_at 0xa0000000
	store32 BAR0, 0xb0000000
	report_at 0xb0000ffc
	done

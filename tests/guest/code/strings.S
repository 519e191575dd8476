# REP OUTSB, OUTSW, OUTSL and REP INSB: several values in one exit.
.include "tests/guest/code/guest.inc"
.code16
	cld
	mov $DEVICE, %dx
	mov $bytes, %si
	mov $5, %cx
	rep outsb
	mov $words, %si
	mov $3, %cx
	rep outsw
	mov $dwords, %si
	mov $2, %cx
	rep outsl
	mov $RESULTS, %di
	mov $4, %cx
	rep insb
	done
bytes:	.byte 1, 2, 3, 4, 5
words:	.word 0x0102, 0x0304, 0x0506
dwords:	.long 0x01020304, 0x05060708

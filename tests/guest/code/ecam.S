# Function 0 of every device of every bus through ECAM: what answers is
# reported as where and what. Then the last dword of the one behind the port.
.include "tests/guest/code/guest.inc"
.set ECAM, 0xe0000000
.code64
	xor %ebp, %ebp		# bus << 5 | device
1:	mov %ebp, %ebx
	shl $15, %ebx
	add $ECAM, %ebx
	mov (%rbx), %ecx
	cmp $0xffffffff, %ecx
	je 2f
	mov %ebp, %eax
	report32
	mov %ecx, %eax
	report32
2:	inc %ebp
	cmp $0x2000, %ebp
	jb 1b
	mov $ECAM + (1 << 20) + 0xffc, %ebx
	mov (%rbx), %eax
	report32
	done

# 32-bit protected mode without paging: who called, and with what.
.include "tests/guest/code/guest.inc"
.code32
	mov %ebx, %eax
	report32
	mov %cr0, %eax
	and $0x80000001, %eax
	report32
	mov $0x18, %ax		# reload from the descriptor table
	mov %ax, %ds
	mov $0x12345678, %eax
	mov %eax, RESULTS
	mov RESULTS, %eax
	report32
	done

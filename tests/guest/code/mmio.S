# Every width of load and store on MMIO, in long mode, and one across the end
# of the region.
.include "tests/guest/code/guest.inc"
.code64
	mov $MMIO, %ebx
	movb $0x11, (%rbx)
	movw $0x2222, 2(%rbx)
	movl $0x33333333, 4(%rbx)
	mov $0x4444444444444444, %rax
	mov %rax, 8(%rbx)
	mov (%rbx), %al
	mov %al, RESULTS
	mov 2(%rbx), %ax
	mov %ax, RESULTS + 8
	mov 4(%rbx), %eax
	mov %eax, RESULTS + 16
	mov 8(%rbx), %rax
	mov %rax, RESULTS + 24
	mov 0xffe(%rbx), %eax
	mov %eax, RESULTS + 32
	done

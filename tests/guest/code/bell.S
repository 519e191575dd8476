# Three writes to a doorbell, then one to a port.
.include "tests/guest/code/guest.inc"
.code64
	mov $MMIO, %ebx
	movl $1, (%rbx)
	movl $2, (%rbx)
	movl $3, (%rbx)
	done

# CPUID leaves 1 and 0x40000000 and two MSRs, as the guest sees them.
.include "tests/guest/code/guest.inc"
.code64
	mov $1, %eax
	cpuid
	mov %ecx, RESULTS
	mov %edx, RESULTS + 4
	mov $0x40000000, %eax
	cpuid
	mov %ebx, RESULTS + 8
	mov %ecx, RESULTS + 12
	mov %edx, RESULTS + 16
	mov $0x2ff, %ecx
	rdmsr
	mov %eax, RESULTS + 20
	mov $0x1a0, %ecx
	rdmsr
	mov %eax, RESULTS + 24
	done

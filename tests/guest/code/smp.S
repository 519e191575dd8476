# The first CPU starts all others, which come up at AP in real mode; each says
# its APIC id as CPUID leaf 0xb has it and as its APIC has it.
.include "tests/guest/code/guest.inc"
.set AP, 0x2000
.code64
	apic_on
	wrmsr64 MSR_X2APIC_ICR, 0xc4500	# INIT to all but this one
	wrmsr64 MSR_X2APIC_ICR, 0xc4600 + (AP >> 12)
1:	hlt
	jmp 1b
.org AP - 0x1000
.code16
	mov $0xb, %eax
	mov $2, %ecx		# the subleaf after the last one has it too
	cpuid
	mov %edx, %ebx
	mov $MSR_APIC_BASE, %ecx
	rdmsr
	or $0xc00, %eax
	wrmsr
	mov $MSR_X2APIC_ID, %ecx
	rdmsr
	shl $16, %eax
	or %ebx, %eax
	report32
2:	hlt
	jmp 2b

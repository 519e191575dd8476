/* tests/guest/hostile/hostile.h - what the parts of the hostile guest share
 *
 * A guest without an operating system that does to its PCI functions whatever a
 * guest can: two CPUs write to config space by both doors, to BARs, MSI-X
 * tables, bridge windows, power states and resets, at random. It shows that
 * the VMM and the host survive it; there is nothing that it tries to compute.
 *
 *     start.S     into long mode, on every CPU
 *     hostile.c   CPUs, command line, the end
 *     scene.c     which functions there are, and their sane state
 *     harm.c      what is done to them
 *
 * Command line: seed=N ops=N, where ops are those of each CPU; 0 ends at once.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CPUS = 2, MAX_FUNCTIONS = 16, BARS = 6 };

#define ECAM UINT64_C(0xe0000000)

struct function {
	uint8_t bus, devfn;
	bool bridge;
	uint8_t slot; /* of the port: which windows are its own */
	uint8_t pm, msi, msix, express; /* capabilities; 0: none */
	uint64_t size[BARS];		/* 0: none, or too large for us */
	uint32_t home[BARS];		/* register values where all is well */
	uint32_t home_high[BARS]; /* the second half, where there is one */
};

struct cpu {
	uint64_t random;
	uint64_t done; /* operations */
};

/* scene.c */
extern struct function functions[MAX_FUNCTIONS];
extern unsigned n_functions;
void scene_find(void);
/* Bus numbers and windows of the ports, BARs, decode, D0. */
void scene_restore(void);
uint64_t ecam(unsigned bus, unsigned devfn, unsigned off);

/* harm.c */
void harm(struct cpu *c);

/* -------- the machine's own words -------- */

static inline void out8(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static inline void out16(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port));
}

static inline void out32(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}

static inline uint32_t in32(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

/* Plain MOVs: KVM may have to interpret them. */
static inline uint64_t load(uint64_t at, unsigned len)
{
	uint64_t v = 0;

	switch (len) {
	case 1:
		__asm__ volatile("movb (%1), %b0" : "+r"(v) : "r"(at));
		break;
	case 2:
		__asm__ volatile("movw (%1), %w0" : "+r"(v) : "r"(at));
		break;
	case 4:
		__asm__ volatile("movl (%1), %k0" : "=r"(v) : "r"(at));
		break;
	default:
		__asm__ volatile("movq (%1), %0" : "=r"(v) : "r"(at));
		break;
	}
	return v;
}

static inline void store(uint64_t at, unsigned len, uint64_t v)
{
	switch (len) {
	case 1:
		__asm__ volatile("movb %b0, (%1)" : : "q"(v), "r"(at));
		break;
	case 2:
		__asm__ volatile("movw %w0, (%1)" : : "r"(v), "r"(at));
		break;
	case 4:
		__asm__ volatile("movl %k0, (%1)" : : "r"(v), "r"(at));
		break;
	default:
		__asm__ volatile("movq %0, (%1)" : : "r"(v), "r"(at));
		break;
	}
}

#endif

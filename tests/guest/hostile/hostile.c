/* tests/guest/hostile/hostile.c - CPUs, command line, the end */
#include "tests/guest/hostile/hostile.h"

enum { TRAMPOLINE = 0x8000, DEBUG_EXIT = 0xf4, UART = 0x3f8, STATUS = 42 };
enum { RESTORE_EVERY = 200, WAKE_EVERY = 2000, PATIENCE = 20 * 1000 * 1000 };

/* Local APIC, xAPIC mode. */
#define APIC UINT64_C(0xfee00000)
enum { APIC_SVR = 0xf0, APIC_ICR = 0x300, APIC_ICR_HIGH = 0x310 };
enum { INIT_OTHERS = 0xc4500, SIPI_OTHERS = 0xc4600 | TRAMPOLINE >> 12 };

/* In start.S. */
extern uint32_t start_info;
extern uint32_t caught;
extern struct gate {
	uint16_t low, selector, kind, middle;
	uint32_t high, zero;
} idt[256];
void again(void);
void hostile(uint64_t cpu);

static struct cpu cpus[CPUS];
static uint64_t seed = 1, ops;
static volatile bool ready;

/* -------- words -------- */

static void say(const char *s)
{
	while (*s != '\0')
		out8(UART, (uint8_t)*s++);
}

static void say_number(uint64_t v)
{
	char digits[21];
	unsigned n = 20;

	digits[n] = '\0';
	do {
		digits[--n] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	say(digits + n);
}

static bool begins(const char *s, const char *with)
{
	while (*with != '\0')
		if (*s++ != *with++)
			return false;
	return true;
}

static void read_option(const char *s, const char *name, uint64_t *out)
{
	for (; *s != '\0'; s++) {
		const char *d = s;

		if (!begins(s, name))
			continue;
		while (*d++ != '=')
			;
		*out = 0;
		while (*d >= '0' && *d <= '9')
			*out = *out * 10 + (uint64_t)(*d++ - '0');
		return;
	}
}

/* hvm_start_info: cmdline_paddr is at 24 (Xen's start_info.h). */
static void read_command_line(void)
{
	const char *line = (const char *)(uintptr_t) *
			   (uint64_t *)(uintptr_t)(start_info + 24);

	read_option(line, "seed=", &seed);
	read_option(line, "ops=", &ops);
}

/* -------- CPUs -------- */

static void fill_idt(void)
{
	uint64_t to = (uint64_t)(uintptr_t)again;

	for (unsigned i = 0; i < 256; i++)
		idt[i] = (struct gate){ .low = (uint16_t)to,
					.selector = 0x10,
					.kind = 0x8e00,
					.middle = (uint16_t)(to >> 16) };
}

/* One that a message has stopped by INIT starts over; one that runs does not
 * hear it. */
static void wake_others(void)
{
	store(APIC + APIC_ICR_HIGH, 4, 0);
	store(APIC + APIC_ICR, 4, SIPI_OTHERS);
}

static void begin(void)
{
	read_command_line();
	fill_idt();
	store(APIC + APIC_SVR, 4, 0x1ff);
	if (ops == 0)
		return;
	scene_find();
	for (unsigned i = 0; i < CPUS; i++)
		cpus[i].random = (seed + 1) * 0x9e3779b97f4a7c15 + i;
	ready = true;
	store(APIC + APIC_ICR, 4, INIT_OTHERS);
	wake_others();
}

static void finish(void)
{
	for (unsigned i = 0; i < PATIENCE && cpus[1].done < ops; i++) {
		if (i % 100000 == 0)
			wake_others();
		__asm__ volatile("pause");
	}
	say("hostile: seed ");
	say_number(seed);
	for (unsigned i = 0; i < CPUS; i++) {
		say(", ");
		say_number(cpus[i].done);
	}
	say(" operations, caught ");
	say_number(caught);
	say("\n");
	for (;;)
		out8(DEBUG_EXIT, STATUS);
}

/* Every CPU, from the beginning or after again(). */
void hostile(uint64_t number)
{
	struct cpu *c = &cpus[number];

	if (number >= CPUS)
		return;
	if (number == 0 && !ready)
		begin();
	while (c->done < ops) {
		c->done++;
		harm(c);
		if (number == 0 && c->done % RESTORE_EVERY == 0)
			scene_restore();
		if (number == 0 && c->done % WAKE_EVERY == 0)
			wake_others();
	}
	if (number == 0)
		finish();
}

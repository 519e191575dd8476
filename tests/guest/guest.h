/* tests/guest/guest.h - run a small guest on /dev/kvm and watch it
 *
 * A guest is one file of code/, a flat binary that is loaded at GUEST_ENTRY.
 * It talks through ports (code/guest.inc); what it said is in the log here.
 */
#ifndef GUEST_H
#define GUEST_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/arch.h"
#include "vmm/bus.h"
#include "vmm/vm.h"

enum {
	GUEST_ENTRY = 0x1000,
	GUEST_RESULTS = 0x8000,
	GUEST_SCRATCH = 0x20000,
	GUEST_RAM = 2 << 20,
	GUEST_MMIO_SIZE = 0x1000,
	GUEST_LOG = 4096,
};
#define GUEST_MMIO UINT64_C(0xd0000000)

struct guest_access {
	uint64_t off, value;
	unsigned len;
	bool write;
};

struct guest {
	struct vm vm;
	struct region report, ready, done, device, mmio;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned n_reports, n_ready, n_accesses;
	uint32_t reports[GUEST_LOG];
	struct guest_access accesses[GUEST_LOG]; /* to device and mmio */
};

/* The folder with the flat binaries. */
extern const char *guest_folder;

/* Fails the case with what went wrong. */
void guest_open(struct guest *g, unsigned cpus);
/* RAM, ports, code, and the state of CPU 0; more may be added before
 * guest_start. @info is what the entry protocol hands over. */
void guest_load(struct guest *g, const char *name, enum arch_entry entry,
		uint64_t info);
/* The MMIO region that remembers accesses. */
void guest_add_mmio(struct guest *g);
void guest_start(struct guest *g);
/* Wait until that many READY or reports came. False after five seconds, or
 * when the guest stopped. */
bool guest_wait_ready(struct guest *g, unsigned n);
bool guest_wait_reports(struct guest *g, unsigned n);
/* Does the number of reports stay at @n for a while? */
bool guest_stays_at(struct guest *g, unsigned n);
/* Wait until the guest ends itself (at most five seconds), or end it; then
 * join. Returns how it ended. */
enum vm_end guest_finish(struct guest *g);
enum vm_end guest_quit(struct guest *g);
void guest_close(struct guest *g);
/* What the guest stored at GUEST_RESULTS + @off. */
uint64_t guest_result(struct guest *g, unsigned off, unsigned len);

/* -------- cases -------- */

struct guest_case {
	const char *name;
	void (*run)(struct guest *g);
};

/* End the case as failed, naming the place. */
#define check(condition) \
	guest_check((condition), #condition, __FILE__, __LINE__)
void guest_check(bool ok, const char *what, const char *file, int line);

extern const struct guest_case exit_cases[], interrupt_cases[], memory_cases[],
	pci_cases[], reboot_cases[];

#endif

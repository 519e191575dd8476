/* tests/guest/reboots.c - a guest that reboots finds what it found at first */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/guest/guest.h"
#include "vmm/base/bytes.h"
#include "vmm/restart.h"

enum { REBOOT_PORT = 0xf5, RUNS = 20, N_REPORTS = 35 };

static struct region reboot_port;
static struct vm *rebooted;

static void reboot_write(struct region *r, uint64_t off, unsigned len,
			 uint64_t v)
{
	vm_stop(rebooted, VM_REBOOTED, 0, NULL);
}

static const struct region_ops reboot_ops = { .write = reboot_write };

static void open_with_reboot(struct guest *g, unsigned cpus)
{
	struct err e = ERR_NONE;

	guest_open(g, cpus);
	rebooted = &g->vm;
	reboot_port = (struct region){ .name = "reboot",
				       .ops = &reboot_ops,
				       .base = REBOOT_PORT,
				       .size = 1 };
	check(bus_add(&g->vm.pio, &reboot_port, &e) == 0);
	if (vm_keep_power_on(&g->vm, &e) < 0)
		guest_check(false, e.text, __FILE__, __LINE__);
}

static void wait_for_reboot(struct guest *g)
{
	for (unsigned i = 0; !vm_stopping(&g->vm) && i < 5000; i++)
		usleep(1000);
	check(vm_stopping(&g->vm));
	vm_join(&g->vm);
	if (g->vm.stop.end != VM_REBOOTED)
		printf("  %s\n", g->vm.stop.err.text);
}

static void restart(struct guest *g)
{
	struct err e = ERR_NONE;
	int rc;

	check(vm_again(&g->vm));
	rc = vm_recall_irqchip(&g->vm, &e);
	if (rc == 0)
		rc = vm_recall_cpus(&g->vm, &e);
	guest_check(rc == 0, e.text, __FILE__, __LINE__);
}

/* VFIO-RST-05 */
static void every_run_finds_the_same(struct guest *g)
{
	uint32_t first[N_REPORTS];
	unsigned n = 0;

	open_with_reboot(g, 2);
	for (unsigned run = 1; run <= RUNS; run++) {
		guest_load(g, "reboot", ARCH_ENTRY_LINUX64, 0x1234);
		guest_start(g);
		wait_for_reboot(g);
		if (run == 1) {
			n = g->n_reports;
			check(n == N_REPORTS);
			memcpy(first, g->reports, n * sizeof(first[0]));
		}
		check(g->n_reports == n);
		for (unsigned i = 0; i < n; i++) {
			if (g->reports[i] == first[i])
				continue;
			printf("  run %u: report %u is %#x, was %#x\n", run, i,
			       g->reports[i], first[i]);
			check(g->reports[i] == first[i]);
		}
		g->n_reports = 0;
		check(guest_result(g, 0, 4) == run);
		restart(g);
	}
	/* what the first run found is what a processor has */
	check(first[0] == 0 && first[6] == 0xfee00900);
	check(first[32] == 0); /* the image */
}

const struct guest_case reboot_cases[] = {
	{ "every run finds the same", every_run_finds_the_same },
	{ 0 },
};

/* tests/guest/exits.c - each kind of exit, from real guest code */
#include <linux/kvm.h>
#include <string.h>

#include "tests/guest/guest.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/kvm_stats.h"

static void start(struct guest *g, const char *code, enum arch_entry entry)
{
	guest_open(g, 1);
	guest_load(g, code, entry, 0x1234);
	guest_add_mmio(g);
	guest_start(g);
}

static bool access_is(const struct guest *g, unsigned i, bool write,
		      uint64_t off, unsigned len, uint64_t value)
{
	const struct guest_access *a = &g->accesses[i];

	return i < g->n_accesses && a->write == write && a->off == off &&
	       a->len == len && a->value == value;
}

static void ports_of_every_width(struct guest *g)
{
	start(g, "ports", ARCH_ENTRY_REAL);
	check(guest_finish(g) == VM_DEBUG_EXIT);
	check(g->vm.stop.code == 1);
	check(g->n_accesses == 6);
	check(access_is(g, 0, true, 0, 1, 0x11));
	check(access_is(g, 1, true, 0, 2, 0x2222));
	check(access_is(g, 2, true, 0, 4, 0x33333333));
	check(guest_result(g, 0, 4) == 0x11);
	check(guest_result(g, 4, 4) == 0x2211);
	check(guest_result(g, 8, 4) == 0x44332211);
}

/* -------- counting -------- */

static uint64_t exits_of(const struct vcpu *c)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < VCPU_EXIT_REASONS; i++)
		sum += counter_get(&c->exits[i]);
	return sum;
}

static void find_exits(const char *name, uint64_t value, void *arg)
{
	if (strcmp(name, "exits") == 0)
		*(uint64_t *)arg = value;
}

/* Three OUTs, three INs, and the one that ends it. KVM counts those that end
 * with it too. */
static void exits_are_counted_exactly(struct guest *g)
{
	const struct vcpu *c;
	uint64_t by_kvm = 0;
	int fd;

	start(g, "ports", ARCH_ENTRY_REAL);
	c = &g->vm.vcpus[0];
	check(guest_finish(g) == VM_DEBUG_EXIT);
	check(counter_get(&c->exits[KVM_EXIT_IO]) == 7);
	check(exits_of(c) == 7);
	check(counter_get(&g->device.reads) == 3);
	check(counter_get(&g->device.writes) == 3);
	check(counter_get(&g->done.writes) == 1);
	check(counter_get(&g->vm.pio.nobody_reads) == 0);
	check(counter_get(&g->vm.first_run_ns) != 0);
	fd = kvm_stats_open(c->fd);
	if (fd < 0)
		return; /* before Linux 5.14 */
	check(kvm_stats_each(fd, find_exits, &by_kvm) == 0);
	sys_close(&fd);
	check(by_kvm >= 7);
}

/* Four stores, four loads; the last load is across the end of a page, which
 * KVM hands over in two. */
static void mmio_exits_are_counted_exactly(struct guest *g)
{
	const struct vcpu *c;

	start(g, "mmio", ARCH_ENTRY_LINUX64);
	c = &g->vm.vcpus[0];
	check(guest_finish(g) == VM_DEBUG_EXIT);
	check(counter_get(&c->exits[KVM_EXIT_MMIO]) == 10);
	check(counter_get(&c->exits[KVM_EXIT_IO]) == 1);
	check(exits_of(c) == 11);
	check(counter_get(&g->mmio.writes) == 4);
	check(counter_get(&g->mmio.reads) == 5);
	check(counter_get(&g->vm.mmio.nobody_reads) == 1);
}

static void strings_are_single_accesses(struct guest *g)
{
	start(g, "strings", ARCH_ENTRY_REAL);
	check(guest_finish(g) == VM_DEBUG_EXIT);
	check(g->n_accesses == 5 + 3 + 2 + 4);
	for (unsigned i = 0; i < 5; i++)
		check(access_is(g, i, true, 0, 1, i + 1));
	check(access_is(g, 5, true, 0, 2, 0x0102));
	check(access_is(g, 7, true, 0, 2, 0x0506));
	check(access_is(g, 8, true, 0, 4, 0x01020304));
	check(access_is(g, 9, true, 0, 4, 0x05060708));
	check(guest_result(g, 0, 4) == 0x11111111);
}

static void mmio_of_every_width(struct guest *g)
{
	start(g, "mmio", ARCH_ENTRY_LINUX64);
	check(guest_finish(g) == VM_DEBUG_EXIT);
	check(access_is(g, 0, true, 0, 1, 0x11));
	check(access_is(g, 1, true, 2, 2, 0x2222));
	check(access_is(g, 2, true, 4, 4, 0x33333333));
	check(access_is(g, 3, true, 8, 8, 0x4444444444444444));
	check(guest_result(g, 0, 8) == 0x11);
	check(guest_result(g, 8, 8) == 0x2211);
	check(guest_result(g, 16, 8) == 0x44332211);
	check(guest_result(g, 24, 8) == 0x8877665544332211);
	/* Two bytes of the region, two where nobody answers. */
	check(guest_result(g, 32, 8) == 0xffff2211);
}

static void pvh_enters_protected_mode(struct guest *g)
{
	start(g, "pvh", ARCH_ENTRY_PVH);
	check(guest_finish(g) == VM_DEBUG_EXIT);
	check(g->n_reports == 3);
	check(g->reports[0] == 0x1234); /* EBX */
	check(g->reports[1] == 1);	/* protected, no paging */
	check(g->reports[2] == 0x12345678);
}

static void triple_fault_is_a_crash_with_registers(struct guest *g)
{
	start(g, "crash", ARCH_ENTRY_LINUX64);
	check(guest_finish(g) == VM_CRASHED);
	check(strstr(g->vm.stop.err.text, "vCPU 0: triple fault") != NULL);
	check(strstr(g->vm.stop.err.text, "rax=c0ffee") != NULL);
	check(strstr(g->vm.stop.err.text, "code 0f 0b") != NULL);
}

static void spinning_guest_can_be_stopped(struct guest *g)
{
	uint64_t before;

	start(g, "spin", ARCH_ENTRY_LINUX64);
	check(guest_wait_ready(g, 1));
	before = sys_now_ns();
	check(guest_quit(g) == VM_QUIT);
	check(sys_now_ns() - before < 1000000000);
}

static void guest_sees_cpuid_and_msrs(struct guest *g)
{
	start(g, "cpuid", ARCH_ENTRY_LINUX64);
	check(guest_finish(g) == VM_DEBUG_EXIT);
	check(guest_result(g, 0, 4) >> 31 == 1);       /* hypervisor */
	check((guest_result(g, 0, 4) >> 21 & 1) == 1); /* x2APIC */
	check((guest_result(g, 4, 4) >> 12 & 1) == 1); /* MTRR */
	check((guest_result(g, 4, 4) >> 16 & 1) == 1); /* PAT */
	check(!memcmp(mem_at(&g->vm.mem, GUEST_RESULTS + 8, 12),
		      "KVMKVMKVM\0\0\0", 12));
	check(guest_result(g, 20, 4) == 0x806);
	check((guest_result(g, 24, 4) & 1) == 1); /* fast strings */
}

static void all_cpus_start_with_their_ids(struct guest *g)
{
	uint64_t seen = 0;

	guest_open(g, 5);
	guest_load(g, "smp", ARCH_ENTRY_LINUX64, 0);
	guest_start(g);
	check(guest_wait_reports(g, 4));
	guest_quit(g);
	for (unsigned i = 0; i < 4; i++) {
		check((g->reports[i] >> 16) == (g->reports[i] & 0xffff));
		seen |= UINT64_C(1) << (g->reports[i] & 0x3f);
	}
	check(seen == 0x1e);
}

static void sixty_four_cpus_start_and_stop(struct guest *g)
{
	guest_open(g, 64);
	guest_load(g, "smp", ARCH_ENTRY_LINUX64, 0);
	guest_start(g);
	check(guest_wait_reports(g, 63));
	check(guest_quit(g) == VM_QUIT);
}

const struct guest_case exit_cases[] = {
	{ "ports of every width", ports_of_every_width },
	{ "string i/o is single accesses", strings_are_single_accesses },
	{ "mmio of every width", mmio_of_every_width },
	{ "exits are counted exactly", exits_are_counted_exactly },
	{ "mmio exits are counted exactly", mmio_exits_are_counted_exactly },
	{ "pvh enters protected mode", pvh_enters_protected_mode },
	{ "triple fault is a crash with registers",
	  triple_fault_is_a_crash_with_registers },
	{ "spinning guest can be stopped", spinning_guest_can_be_stopped },
	{ "guest sees cpuid and msrs", guest_sees_cpuid_and_msrs },
	{ "all CPUs start with their ids", all_cpus_start_with_their_ids },
	{ "64 CPUs start and stop", sixty_four_cpus_start_and_stop },
	{ 0 },
};

/* machine/machine.c - see machine.h: build order and teardown order */
#include "vmm/machine/machine.h"

#include <inttypes.h>
#include <linux/pci.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "pcie/bar.h"
#include "vmm/arch.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/base/trace.h"
#include "vmm/machine/reboot.h"
#include "vmm/restart.h"

/* -------- guest memory -------- */

static int add_ram(struct machine *m, struct err *e)
{
	unsigned flags =
		(m->config->hugepages ? MEM_HUGEPAGES : MEM_PLAIN) |
		(assignment_shares_ram(&m->assignment) ? MEM_SHARED : 0);
	struct board *b = &m->board;
	struct holes holes;
	int rc;

	board_holes(&holes, arch_has_ht_hole(&m->vm));
	assignment_holes(&m->assignment, &holes);
	rc = board_place_ram(b, m->config->mem, arch_phys_bits(&m->vm), &holes,
			     e);
	for (unsigned i = 0; rc == 0 && i < b->n_ram; i++)
		rc = mem_add_ram(&m->vm.mem, b->ram[i].base, b->ram[i].size,
				 flags, e);
	return rc;
}

/* Ranges that never trap stand on the MMIO bus all the same, so that the bus
 * is the one map that BARs are checked against. */
static int claim(struct machine *m, const char *name, struct range r,
		 struct err *e)
{
	struct region *claim = &m->claims[m->n_claims];

	*claim =
		(struct region){ .name = name, .base = r.base, .size = r.size };
	m->n_claims++;
	return bus_add(&m->vm.mmio, claim, e);
}

static int claim_all(struct machine *m, struct err *e)
{
	const struct {
		const char *name;
		struct range range;
	} fixed[] = {
		{ "IOAPIC", { BOARD_IOAPIC, 0x1000 } },
		{ "local APIC", { BOARD_LAPIC, 0x100000 } },
		{ "KVM's own pages",
		  { BOARD_KVM_PAGES, BOARD_KVM_PAGES_SIZE } },
	};
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < m->board.n_ram; i++)
		rc = claim(m, "RAM", m->board.ram[i], e);
	for (unsigned i = 0; rc == 0 && i < ARRAY_LEN(fixed); i++)
		rc = claim(m, fixed[i].name, fixed[i].range, e);
	return rc;
}

static bool withdraw(struct vm *vm, gpa_t gpa, void *arg)
{
	struct machine *m = arg;

	return assignment_withdraw(&m->assignment, gpa);
}

/* -------- PCI -------- */

static void reset_by_cf9(struct pci_host *h)
{
	vm_stop(h->vm, VM_REBOOTED, 0, NULL);
}

/* The port of slot N is device N of the root bus: 1 to 30, as 0 is the host
 * bridge and 31 the LPC bridge. */
static uint8_t port_devfn(unsigned slot)
{
	return (uint8_t)PCI_DEVFN(slot, 0);
}

static int build_pci(struct machine *m, struct err *e)
{
	struct assignment *a = &m->assignment;
	struct pci_demand demand = { 0 };
	int rc;

	assignment_plug(a);
	for (unsigned i = 0; i < PCI_MAX_PORTS; i++)
		if (a->port_made[i])
			pci_demand_add(&demand, &a->port[i]);
	rc = board_place_pci(&m->board, &demand, arch_phys_bits(&m->vm), e);
	if (rc < 0)
		return rc;
	rc = pci_host_open(&m->host, &m->vm, &m->board.pci, e);
	if (rc < 0)
		return rc;
	m->host.reset = reset_by_cf9;
	for (unsigned i = 0; rc == 0 && i < PCI_MAX_PORTS; i++)
		if (a->port_made[i])
			rc = pci_host_add_port(&m->host, &a->port[i],
					       port_devfn(i + 1), e);
	if (rc == 0)
		rc = pci_host_assign(&m->host, e);
	return rc < 0 ? err_in(e, rc, "pci") : 0;
}

/* -------- the board's own devices -------- */

static void quit_by_keys(struct console *c)
{
	struct machine *m = container_of(c, struct machine, console);

	vm_stop(&m->vm, VM_QUIT, 0, NULL);
}

static int build_devices(struct machine *m, struct err *e)
{
	const struct legacy_config legacy = {
		.power_port = BOARD_POWER_PORT,
		.s5_type = BOARD_S5_TYPE,
		.reset_value = BOARD_RESET_VALUE,
		.pvpanic_port = BOARD_PVPANIC_PORT,
		.debug_exit_port = m->config->debug_exit,
	};
	int rc;

	rc = console_open(&m->console, m->config->console, &m->vm.loop, e);
	if (rc < 0)
		return err_in(e, rc, "console");
	m->console.quit = quit_by_keys;
	rc = uart16550_open(&m->uart, &m->vm, &m->console, BOARD_UART_PORT,
			    BOARD_UART_GSI, e);
	if (rc == 0)
		rc = rtc_open(&m->rtc, &m->vm, e);
	if (rc == 0)
		rc = legacy_open(&m->legacy, &m->vm, &legacy, e);
	return rc;
}

/* -------- the end -------- */

static void signal_came(struct loop_fd *f, uint32_t events)
{
	struct machine *m = container_of(f, struct machine, signals);
	int number = sys_signalfd_read(m->signal_fd);
	struct err e = ERR_NONE;

	if (number < 0)
		return;
	err_set(&e, -EINTR, "ended by signal %s", sigabbrev_np(number));
	vm_stop(&m->vm, VM_FAILED, 0, &e);
}

static int watch_signals(struct machine *m, struct err *e)
{
	static const int ends[] = { SIGHUP, SIGINT, SIGTERM, SIGQUIT, 0 };

	/* waited for, it would come although it is ignored: nohup(1) */
	m->signal_fd = sys_signalfd(ends + sys_is_ignored(SIGHUP));
	if (m->signal_fd < 0)
		return err_sys(e, m->signal_fd, "cannot watch signals");
	m->signals.fd = m->signal_fd;
	m->signals.handler = signal_came;
	return loop_add(&m->vm.loop, &m->signals, EPOLLIN, e);
}

/* -------- build, run, tear down -------- */

static void describe(struct machine *m)
{
	struct platform *p = &m->platform;

	board_describe(&m->board, p);
	p->n_cpus = m->vm.n_vcpus;
	for (unsigned i = 0; i < p->n_cpus; i++)
		p->cpu_id[i] = arch_cpu_id(&m->vm, i);
	for (unsigned i = 0; i < PCI_MAX_PORTS; i++)
		if (m->assignment.port_made[i])
			p->port_devfn[p->n_ports++] = port_devfn(i + 1);
	p->cmdline = m->config->append;
}

static int build_hardware(struct machine *m, struct err *e)
{
	int rc;

	rc = add_ram(m, e);
	if (rc < 0)
		return rc;
	rc = assignment_open(&m->assignment, &m->vm, e);
	if (rc < 0)
		return rc;
	rc = vm_create_cpus(&m->vm, m->config->cpus, e);
	if (rc < 0)
		return rc;
	phase_ended(&m->phases, "vCPUs made", "");
	rc = claim_all(m, e);
	if (rc < 0)
		return rc;
	rc = build_pci(m, e);
	if (rc < 0)
		return rc;
	rc = assignment_wire(&m->assignment, e);
	if (rc < 0)
		return rc;
	/* Until here, where populating RAM and opening functions may take
	 * minutes, a signal ends the program at once, and the kernel tidies
	 * up. Next is the terminal, which it would not restore. */
	rc = watch_signals(m, e);
	return rc < 0 ? rc : build_devices(m, e);
}

int machine_load(struct machine *m, struct err *e)
{
	struct arch_boot entry;
	int rc;

	rc = boot_load(&m->boot, &m->vm.mem, &m->platform, &entry, e);
	if (rc < 0)
		return rc;
	return arch_vcpu_boot(&m->vm.vcpus[0], &entry, e);
}

static int load_first(struct machine *m, struct err *e)
{
	bool again = m->config->on_reboot == CONFIG_REBOOT_RESET;
	int rc = 0;

	if (again)
		rc = vm_keep_power_on(&m->vm, e);
	if (rc == 0)
		rc = machine_load(m, e);
	if (!again)
		boot_close(&m->boot); /* guest RAM has all we need */
	if (rc == 0)
		phase_ended(&m->phases, "kernel loaded", "");
	return rc;
}

static int machine_build(struct machine *m, struct err *e)
{
	const struct config *c = m->config;
	int rc = 0;

	if (c->kernel)
		rc = boot_open(&m->boot, c->kernel, c->initrd, e);
	if (rc < 0)
		return rc;
	rc = assignment_find(&m->assignment, c, e);
	if (rc < 0)
		return rc;
	rc = vm_open(&m->vm, e);
	if (rc < 0)
		return rc;
	m->vm.counting = c->stats != NULL;
	m->vm.withdraw = withdraw;
	m->vm.withdraw_arg = m;
	phase_ended(&m->phases, "VM made", "");
	rc = build_hardware(m, e);
	if (rc < 0)
		return rc;
	describe(m);
	return c->kernel ? load_first(m, e) : 0;
}

int machine_open(struct machine *m, const struct config *c, struct err *e)
{
	int rc;

	memset(m, 0, sizeof(*m));
	m->config = c;
	m->assignment.phases = &m->phases;
	m->vm = VM_EMPTY;
	m->boot = BOOT_EMPTY;
	m->console = CONSOLE_EMPTY;
	m->signal_fd = -1;
	rc = machine_build(m, e);
	if (rc < 0)
		machine_close(m);
	return rc;
}

static int run_once(struct machine *m, struct err *e)
{
	int rc;

	m->runs.began_ns = sys_now_ns();
	rc = vm_start(&m->vm, e);
	if (rc == 0)
		rc = loop_run(&m->vm.loop, e);
	if (rc < 0)
		vm_stop(&m->vm, VM_FAILED, 0, e);
	vm_join(&m->vm);
	return rc;
}

static int restart(struct machine *m, struct err *e)
{
	int rc = reboot_machine(m, e);

	if (rc < 0)
		vm_stop(&m->vm, VM_FAILED, 0, e);
	return rc;
}

int machine_run(struct machine *m, struct err *e)
{
	int rc = run_once(m, e);

	while (rc == 0 && vm_again(&m->vm)) {
		rc = restart(m, e);
		if (rc == 0 && !vm_stopping(&m->vm))
			rc = run_once(m, e);
	}
	vm_log_counters(&m->vm);
	return rc;
}

void machine_close(struct machine *m)
{
	vm_join(&m->vm);
	legacy_close(&m->legacy);
	rtc_close(&m->rtc, &m->vm);
	uart16550_close(&m->uart);
	console_close(&m->console);
	/* Functions and ports before the root bus. */
	assignment_close_functions(&m->assignment);
	pci_host_close(&m->host);
	for (unsigned i = m->n_claims; i-- > 0;)
		bus_remove(&m->vm.mmio, &m->claims[i]);
	m->n_claims = 0;
	assignment_close_spaces(&m->assignment);
	if (m->signals.listed)
		loop_remove(&m->vm.loop, &m->signals);
	sys_close(&m->signal_fd);
	vm_close(&m->vm);
	boot_close(&m->boot);
}

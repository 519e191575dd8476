/* tests/guest/pci.c - config space and BARs, from real guest code */
#include "pcie/bar.h"
#include "pcie/host.h"
#include "tests/guest/guest.h"
#include "vmm/base/bytes.h"

enum { CARD_ID = 0x12348086, CARD_DEVFN = 5 << 3 };

static const struct pci_apertures apertures = {
	.ecam = { 0xe0000000, 0x10000000 },
	.mem32 = { 0x80000000, 0x60000000 },
	.mem64 = { UINT64_C(1) << 32, UINT64_C(1) << 32 },
	.io = { 0x1000, 0xf000 },
};

static uint64_t card_read(struct pci_device *d, unsigned bar, uint64_t off,
			  unsigned len)
{
	return (0xbead0000 | off) & all_ones(len);
}

static const struct pci_ops card_ops = { .bar_read = card_read };

static void card_init(struct pci_device *d)
{
	pci_device_init(d, &card_ops, "card");
	pci_config_set(d, 0, 4, CARD_ID);
	pci_config_set(d, 0xffc, 4, 0x600df00d);
	pci_bar_init(d, 0, PCI_BAR_MEM32, false, 0x1000);
}

static void run_with(struct guest *g, struct pci_host *h, const char *code)
{
	struct err e = ERR_NONE;

	check(pci_host_assign(h, &e) == 0);
	guest_load(g, code, ARCH_ENTRY_LINUX64, 0);
	guest_start(g);
	check(guest_finish(g) == VM_DEBUG_EXIT);
}

static void ecam_sweep_finds_what_is_there(struct guest *g)
{
	static struct pci_host h;
	static struct pci_port port;
	static struct pci_device card;
	struct err e = ERR_NONE;

	guest_open(g, 1);
	check(pci_host_open(&h, &g->vm, &apertures, &e) == 0);
	pci_port_init(&port, 1);
	check(pci_host_add_port(&h, &port, 1 << 3, &e) == 0);
	card_init(&card);
	pci_port_plug(&port, &card);
	run_with(g, &h, "ecam");
	check(g->n_reports == 2 * 4 + 1);
	check(g->reports[0] == 0 && g->reports[1] == 0x29c08086);
	check(g->reports[2] == 1);
	check(g->reports[4] == 0x1f);
	check(g->reports[6] == 1 << 5 && g->reports[7] == CARD_ID);
	check(g->reports[8] == 0x600df00d);
	pci_device_fini(&card);
	pci_port_fini(&port);
	pci_host_close(&h);
}

static void bar_follows_the_guest(struct guest *g)
{
	static struct pci_host h;
	static struct pci_device card;
	struct err e = ERR_NONE;

	guest_open(g, 1);
	check(pci_host_open(&h, &g->vm, &apertures, &e) == 0);
	card_init(&card);
	check(pci_host_add(&h, &card, CARD_DEVFN, &e) == 0);
	run_with(g, &h, "barmove");
	check(g->n_reports == 8);
	check(g->reports[0] == 0xfffff000); /* 4 KiB */
	check(g->reports[1] == 0xffffffff);
	check(g->reports[2] == 0xbead0000);
	check(g->reports[3] == 0xbead0000);
	check(g->reports[4] == 0xffffffff);
	check(g->reports[5] == 0x29c08086); /* ECAM was there first */
	check(g->reports[6] == 0xffffffff);
	check(g->reports[7] == 0xbead0ffc);
	pci_device_fini(&card);
	pci_host_close(&h);
}

const struct guest_case pci_cases[] = {
	{ "ecam sweep finds what is there", ecam_sweep_finds_what_is_there },
	{ "bar follows the guest", bar_follows_the_guest },
	{ 0 },
};

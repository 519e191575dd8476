/* p2p=on, where the VM has functions of the kernel and of vfio-user servers. */
#include <linux/pci_regs.h>

#include "pcie/host.h"
#include "tests/unit/vmm-machine/assigned.h"

#define SOCKET "/run/card.sock"

static const struct pci_apertures apertures = {
	.mem32 = { 0xc0000000, UINT64_C(0x1000000) },
	.mem64 = { UINT64_C(1) << 40, UINT64_C(1) << 36 },
	.io = { 0x1000, 0xf000 },
};

static struct host host;
static struct pci_host bus;

/* The BARs get addresses, and do not decode yet. */
static void plug(void)
{
	struct err e = ERR_NONE;

	assignment_plug(&host.a);
	assert_int_equal(pci_host_open(&bus, &host.vm, &apertures, &e), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pci_host_add_port(&bus, &host.a.port[i],
						   (i + 1) << 3, &e),
				 0);
	assert_int_equal(pci_host_assign(&bus, &e), 0);
}

static void decode(unsigned port)
{
	struct pci_device *d = host.a.port[port].child[0];

	pci_config_write(d, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
}

/* VFIO-DMA-13: as best effort; vfio/peer.c says why it is no more */
static void functions_of_two_kinds_do_not_reach_each_other(void **state)
{
	const struct config c = {
		.function = { { CONFIG_VFIO, DISK ",p2p=on" },
			      { CONFIG_VFIO_USER, SOCKET ",p2p=on" } },
		.n_functions = 2,
	};
	const struct fake_user u = { .path = SOCKET, .bdf = CARD };
	unsigned kernel, server;
	struct err e = ERR_NONE;

	host_add(DISK, 20);
	host_add(CARD, 21);
	fake_user_add(&u);
	if (host_open(&host, &c, &e) < 0)
		fail_msg("%s", e.text);
	plug();
	kernel = fake_dma_maps();
	server = fake_user_maps(CARD);
	decode(0);
	assert_int_equal(fake_dma_maps(), kernel + 1);
	assert_int_equal(fake_user_maps(CARD), server);
	decode(1);
	assert_int_equal(fake_dma_maps(), kernel + 1);
	assert_int_equal(fake_user_maps(CARD), server + 1);
	assignment_close_functions(&host.a);
	pci_host_close(&bus);
	host_close(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(functions_of_two_kinds_do_not_reach_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Several vCPUs at one device: no lock taken twice, none in the wrong order,
 * nothing torn (build with SAN=tsan). VFIO-IRQ-06. */
#include <pthread.h>

#include "pcie/msix.h"
#include "tests/unit/pcie/board.h"

enum { ROUNDS = 1500, MSIX_AT = 0x60, PORT = PCI_DEVFN(1, 0) };

struct scene {
	struct board b;
	struct pci_port p;
	struct toy c, r;
	struct msix x;
};

static struct scene s;

static int source_start(struct msix *x, struct err *e)
{
	return 0;
}

static int source_vectors(struct msix *x, unsigned first, unsigned n,
			  const int *fds, struct err *e)
{
	return 0;
}

static void source_stop(struct msix *x)
{
}

static const struct msix_ops source_ops = {
	.start = source_start,
	.vectors = source_vectors,
	.stop = source_stop,
};

static void open_scene(void)
{
	struct err e = ERR_NONE;
	struct pci_device *d = &s.c.dev;

	memset(&s, 0, sizeof(s));
	board_open(&s.b);
	toy_init(&s.c, "child");
	toy_init(&s.r, "root");
	pci_bar_init(d, 0, PCI_BAR_MEM32, false, 0x2000);
	pci_bar_init(&s.r.dev, 0, PCI_BAR_MEM32, false, MIB);
	pci_cap_add(d, PCI_CAP_ID_MSIX, MSIX_AT);
	pci_config_set(d, MSIX_AT + 2, 2, 7);
	pci_config_set(d, MSIX_AT + PCI_MSIX_PBA, 4, 0x1000);
	assert_int_equal(
		msix_init(&s.x, d, &s.b.vm.irq, MSIX_AT, &source_ops, &e), 0);
	pci_port_init(&s.p, 1);
	pci_port_plug(&s.p, d);
	assert_int_equal(pci_host_add_port(&s.b.host, &s.p, PORT, &e), 0);
	assert_int_equal(pci_host_add(&s.b.host, &s.r.dev, 0x20, &e), 0);
	assert_int_equal(pci_host_assign(&s.b.host, &e), 0);
}

/* Each thread is a vCPU that does one kind of thing. */
static void *moves_bars(void *arg)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		cfg_write(&s.b, 1, 0, PCI_BASE_ADDRESS_0, 4,
			  0xc0000000 + 0x2000 * (i % 4));
		cfg_write(&s.b, 1, 0, PCI_COMMAND, 1, i % 3 ? 6 : 0);
		/* Into the way of the function on the root bus. */
		cfg_write(&s.b, 0, 0x20, PCI_COMMAND, 1, 2);
		cfg_write(&s.b, 0, 0x20, PCI_BASE_ADDRESS_0, 4,
			  0xc0000000 + MIB * (i % 2));
	}
	return NULL;
}

static void *reads_and_writes_the_bar(void *arg)
{
	for (unsigned i = 0; i < 2 * ROUNDS; i++) {
		uint64_t at = 0xc0000000 + 0x2000 * (i % 4);

		bus_write(&s.b.vm.mmio, at + i % 128, 4, 0xfee00000);
		bus_write(&s.b.vm.mmio, at + 12 + i % 8 * 16, 4, i % 2);
		(void)bus_read(&s.b.vm.mmio, at + 0x1000, 8);
	}
	return NULL;
}

static void *turns_the_port(void *arg)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		cfg_write(&s.b, 0, PORT, PCI_PRIMARY_BUS, 4,
			  i % 5 ? 0x00010100 : 0x00020200);
		cfg_write(&s.b, 0, PORT, PCI_MEMORY_BASE, 4, 0xc010c000);
		cfg_write(&s.b, 0, PORT, PCI_BRIDGE_CONTROL, 2,
			  i % 16 ? 0 : PCI_BRIDGE_CTL_BUS_RESET);
	}
	return NULL;
}

static void *toggles_msix_through_cf8(void *arg)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		bus_write(&s.b.vm.pio, 0xcf8, 4, 0x80010000 | MSIX_AT);
		bus_write(&s.b.vm.pio, 0xcfe, 2, i << 14);
		(void)bus_read(&s.b.vm.pio, 0xcfc, 4);
		bus_write(&s.b.vm.mmio, ecam_at(0, 0, 0x60), 4,
			  i % 7 ? ECAM_BASE | 1u : ECAM_BASE | 5u);
	}
	return NULL;
}

static void vcpus_at_one_device_neither_race_nor_deadlock(void **state)
{
	static void *(*const work[])(void *) = {
		moves_bars,
		reads_and_writes_the_bar,
		turns_the_port,
		toggles_msix_through_cf8,
	};
	pthread_t t[ARRAY_LEN(work)];
	struct err e = ERR_NONE;

	open_scene();
	for (unsigned i = 0; i < ARRAY_LEN(work); i++)
		assert_int_equal(pthread_create(&t[i], NULL, work[i], NULL), 0);
	for (unsigned i = 0; i < ARRAY_LEN(work); i++)
		pthread_join(t[i], NULL);
	/* And then it still works. */
	cfg_write(&s.b, 0, PORT, PCI_BRIDGE_CONTROL, 2, 0);
	assert_int_equal(pci_host_assign(&s.b.host, &e), 0);
	cfg_write(&s.b, 1, 0, PCI_COMMAND, 2, 2);
	assert_int_not_equal(s.c.mapped_at[0], 0);
	msix_fini(&s.x);
	pci_device_fini(&s.c.dev);
	pci_device_fini(&s.r.dev);
	pci_port_fini(&s.p);
	assert_int_equal(s.b.host.waiting, 0);
	board_close(&s.b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(vcpus_at_one_device_neither_race_nor_deadlock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

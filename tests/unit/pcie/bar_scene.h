/* tests/unit/pcie/bar_scene.h - two functions with BARs of every kind */
#ifndef TESTS_PCIE_BAR_SCENE_H
#define TESTS_PCIE_BAR_SCENE_H

#include "tests/unit/pcie/board.h"

enum { DEVFN = PCI_DEVFN(3, 0), OTHER = PCI_DEVFN(4, 0) };

#define BAR(i) (PCI_BASE_ADDRESS_0 + 4 * (i))

struct scene {
	struct board b;
	struct toy t, u;
};

/* BAR0 32-bit 64 KiB, BAR1 I/O 32, BAR2/3 64-bit prefetchable 8 GiB, BAR4/5
 * 64-bit 16 KiB, ROM 2 KiB; and a second function with the same BAR0. */
static inline void open_scene(struct scene *s)
{
	struct err e = ERR_NONE;

	board_open(&s->b);
	toy_init(&s->t, "toy");
	toy_init(&s->u, "other");
	pci_bar_init(&s->t.dev, 0, PCI_BAR_MEM32, false, 0x10000);
	pci_bar_init(&s->t.dev, 1, PCI_BAR_IO, false, 32);
	pci_bar_init(&s->t.dev, 2, PCI_BAR_MEM64, true, 8 * GIB);
	pci_bar_init(&s->t.dev, 4, PCI_BAR_MEM64, false, 0x4000);
	pci_bar_init(&s->t.dev, PCI_ROM_BAR, PCI_BAR_MEM32, false, 2048);
	pci_bar_init(&s->u.dev, 0, PCI_BAR_MEM32, false, 0x10000);
	assert_int_equal(pci_host_add(&s->b.host, &s->t.dev, DEVFN, &e), 0);
	assert_int_equal(pci_host_add(&s->b.host, &s->u.dev, OTHER, &e), 0);
}

static inline void close_scene(struct scene *s)
{
	pci_device_fini(&s->t.dev);
	pci_device_fini(&s->u.dev);
	assert_int_equal(s->b.host.waiting, 0);
	board_close(&s->b);
}

#endif

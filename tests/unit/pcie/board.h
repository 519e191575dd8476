/* tests/unit/pcie/board.h - a VM of buses, interrupts and a host bridge
 *
 * What the tests of this room stand on: real buses and a real routing table on
 * the fake kernel, and a function that remembers what was done to it.
 */
#ifndef TESTS_PCIE_BOARD_H
#define TESTS_PCIE_BOARD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/pci.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "pcie/bar.h"
#include "pcie/caps.h"
#include "pcie/host.h"
#include "pcie/port.h"
#include "tests/fakes/kernel.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

enum { ECAM_BASE = 0xe0000000u };

static const struct pci_apertures board_apertures = {
	.ecam = { ECAM_BASE, 256 * MIB },
	.mem32 = { 0xc0000000, 512 * MIB },
	.mem64 = { 64 * GIB, 64 * GIB },
	.io = { 0x1000, 0xf000 },
};

struct board {
	struct vm vm;
	struct pci_host host;
	struct region ram; /* claims [0, 1 GiB) */
};

static inline void board_open_vm(struct board *b)
{
	struct err e = ERR_NONE;

	memset(b, 0, sizeof(*b));
	b->vm = VM_EMPTY;
	b->vm.kvm_fd = sys_open("/dev/kvm", O_RDWR);
	assert_true(b->vm.kvm_fd >= 0);
	b->vm.fd = sys_ioctl_num(b->vm.kvm_fd, KVM_CREATE_VM, 0);
	assert_true(b->vm.fd >= 0);
	assert_int_equal(sys_ioctl_num(b->vm.fd, KVM_CREATE_IRQCHIP, 0), 0);
	assert_int_equal(loop_open(&b->vm.loop, &e), 0);
	assert_int_equal(bus_open(&b->vm.pio, "pio", 0x10000, &e), 0);
	assert_int_equal(bus_open(&b->vm.mmio, "mmio", 0, &e), 0);
	assert_int_equal(irq_open(&b->vm.irq, b->vm.fd, &b->vm.loop, 4096, &e),
			 0);
	b->ram = (struct region){ .name = "RAM", .base = 0, .size = GIB };
	assert_int_equal(bus_add(&b->vm.mmio, &b->ram, &e), 0);
}

static inline void board_open_at(struct board *b,
				 const struct pci_apertures *ap)
{
	struct err e = ERR_NONE;

	board_open_vm(b);
	assert_int_equal(pci_host_open(&b->host, &b->vm, ap, &e), 0);
}

static inline void board_open(struct board *b)
{
	board_open_at(b, &board_apertures);
}

static inline void board_close(struct board *b)
{
	pci_host_close(&b->host);
	irq_close(&b->vm.irq);
	bus_close(&b->vm.mmio);
	bus_close(&b->vm.pio);
	loop_close(&b->vm.loop);
	sys_close(&b->vm.fd);
	sys_close(&b->vm.kvm_fd);
}

static inline uint64_t ecam_at(unsigned bus, unsigned devfn, unsigned reg)
{
	return ECAM_BASE + (bus << 20) + (devfn << 12) + reg;
}

static inline uint64_t cfg_read(struct board *b, unsigned bus, unsigned devfn,
				unsigned reg, unsigned len)
{
	return bus_read(&b->vm.mmio, ecam_at(bus, devfn, reg), len);
}

static inline void cfg_write(struct board *b, unsigned bus, unsigned devfn,
			     unsigned reg, unsigned len, uint64_t v)
{
	bus_write(&b->vm.mmio, ecam_at(bus, devfn, reg), len, v);
}

/* -------- a function that remembers -------- */

struct toy {
	struct pci_device dev;
	unsigned maps[PCI_BARS + 1], unmaps[PCI_BARS + 1], resets;
	uint64_t mapped_at[PCI_BARS + 1]; /* 0: not shown */
	uint8_t mem[4096];		  /* what every BAR shows */
	unsigned widths;		  /* of accesses, ORed */
	bool crooked;			  /* one was not aligned */
};

static inline struct toy *toy_of(struct pci_device *d)
{
	return container_of(d, struct toy, dev);
}

static void toy_map(struct pci_device *d, unsigned bar, gpa_t at)
{
	assert_int_equal(toy_of(d)->mapped_at[bar], 0);
	toy_of(d)->maps[bar]++;
	toy_of(d)->mapped_at[bar] = at;
}

static void toy_unmap(struct pci_device *d, unsigned bar)
{
	assert_int_not_equal(toy_of(d)->mapped_at[bar], 0);
	toy_of(d)->unmaps[bar]++;
	toy_of(d)->mapped_at[bar] = 0;
}

static void toy_access(struct toy *t, unsigned bar, uint64_t off, unsigned len)
{
	assert_true(range_fits(0, t->dev.bars[bar].size, off, len));
	t->widths |= len;
	t->crooked |= off % len != 0;
}

static uint64_t toy_read(struct pci_device *d, unsigned bar, uint64_t off,
			 unsigned len)
{
	toy_access(toy_of(d), bar, off, len);
	return le_load(toy_of(d)->mem + off % 4096, len);
}

static void toy_write(struct pci_device *d, unsigned bar, uint64_t off,
		      unsigned len, uint64_t v)
{
	toy_access(toy_of(d), bar, off, len);
	le_store(toy_of(d)->mem + off % 4096, len, v);
}

static void toy_reset(struct pci_device *d)
{
	toy_of(d)->resets++;
}

static const struct pci_ops toy_ops = {
	.bar_map = toy_map,
	.bar_unmap = toy_unmap,
	.bar_read = toy_read,
	.bar_write = toy_write,
	.reset = toy_reset,
};

static inline void toy_init(struct toy *t, const char *name)
{
	memset(t, 0, sizeof(*t));
	pci_device_init(&t->dev, &toy_ops, name);
	pci_config_set(&t->dev, PCI_VENDOR_ID, 2, 0x1234);
	pci_config_set(&t->dev, PCI_DEVICE_ID, 2, 0x5678);
}

/* Deterministic noise: xorshift. */
static inline uint32_t noise(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

#endif

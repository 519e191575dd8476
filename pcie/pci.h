/* pcie/pci.h - a PCI Express function as the guest sees it
 *
 * A function is 4096 bytes of configuration space, six BARs and a ROM, and
 * ways to interrupt. Every byte of config space has a write mask (which bits a
 * guest may change) and a write-one-to-clear mask; ops step in where a plain
 * byte with masks is not enough.
 *
 * The life of a config write by the guest:
 *
 *     host.c finds the function        (no lock: see port.h)
 *       device lock
 *         ops->config_write, or pci_config_write_default:
 *           pci_config_store           bytes through masks
 *           pci_config_changed         decode (BARs), MSI, MSI-X, bridge
 *       device lock released
 *     host.c settles                   BARs that waited for room get it
 *
 * Locks: each function has one, d->lock, around config accesses, accesses to
 * its BARs, loop callbacks and interrupt changes. Order: a port's lock before
 * its child's; then the leaf locks of bus, mem and irq.
 */
#ifndef PCIE_PCI_H
#define PCIE_PCI_H

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "pcie/traps.h"
#include "vmm/base/counter.h"
#include "vmm/base/err.h"
#include "vmm/base/range.h"
#include "vmm/base/trace.h"
#include "vmm/bus.h"
#include "vmm/mem.h"
#include "vmm/vm.h"

enum {
	PCI_CONFIG_SIZE = 256,
	PCIE_CONFIG_SIZE = 4096,
	PCI_BARS = 6,
	PCI_ROM_BAR = 6,   /* index of the expansion ROM in bars[] */
	PCI_FUNCTIONS = 8, /* of one device */
};

struct pci_device;
struct pci_host;
struct pci_port;
struct msi;
struct msix;

struct pci_ops {
	/* Config accesses, naturally aligned, inside config_size, @len 1, 2 or
	 * 4; on a vCPU thread, d->lock held. NULL: the bytes and masks decide
	 * (pci_config_read_default, pci_config_write_default). */
	uint32_t (*config_read)(struct pci_device *d, unsigned off,
				unsigned len);
	void (*config_write)(struct pci_device *d, unsigned off, unsigned len,
			     uint32_t v);
	/* BAR @bar now decodes at @at; its region is on the bus already, so
	 * every access traps. An assigned function shows its pages here.
	 * d->lock held. Failure is not fatal: trapping goes on. NULL: nothing
	 * to do. */
	void (*bar_map)(struct pci_device *d, unsigned bar, gpa_t at);
	/* Called before the region leaves the bus. */
	void (*bar_unmap)(struct pci_device *d, unsigned bar);
	/* Accesses to a BAR that trap; offsets inside the BAR, naturally
	 * aligned, d->lock held. MSI-X table and PBA have been taken out
	 * already. NULL: ones, dropped. */
	uint64_t (*bar_read)(struct pci_device *d, unsigned bar, uint64_t off,
			     unsigned len);
	void (*bar_write)(struct pci_device *d, unsigned bar, uint64_t off,
			  unsigned len, uint64_t v);
	/* The last step of pci_device_reset: the device's own part. d->lock
	 * held. NULL: there is none. */
	void (*reset)(struct pci_device *d);
};

enum pci_bar_kind { PCI_BAR_NONE, PCI_BAR_IO, PCI_BAR_MEM32, PCI_BAR_MEM64 };

struct pci_bar {
	/* Set by pci_bar_init. */
	enum pci_bar_kind kind;
	bool prefetchable;
	uint64_t size; /* power of two */
	uint8_t index;
	struct pci_device *dev;
	/* Kept by bar.c. */
	struct region region; /* whole BAR on the bus while it decodes */
	bool mapped;
	bool waiting; /* wants to decode at @want, which is not free */
	uint64_t want;
	char label[128]; /* the region's name */
	struct traps traps;
};

/* What the bridge above lets through; a copy kept in each child so that no
 * lock of the bridge is needed. On the root bus: the host's apertures. A
 * memory BAR decodes inside either of mem and pref, as a bridge forwards by
 * address and knows nothing of BARs. */
struct pci_windows {
	struct range io, mem, pref; /* size 0: closed */
	bool io_on, mem_on, master_on;
};

struct pci_device {
	const struct pci_ops *ops;
	char name[112]; /* host name of an assigned function, else the role */
	struct pci_host *host;
	struct pci_port *port; /* the port above; NULL on the root bus */
	uint8_t devfn;	       /* on its bus: device << 3 | function */
	pthread_mutex_t lock;  /* recursive: no */

	uint8_t config[PCIE_CONFIG_SIZE];
	uint8_t writable[PCIE_CONFIG_SIZE];
	uint8_t w1c[PCIE_CONFIG_SIZE];
	uint8_t power_on[PCIE_CONFIG_SIZE]; /* pci_config_keep's */
	unsigned config_size; /* 256 or 4096: beyond it all ones */

	struct pci_bar bars[PCI_BARS + 1];
	struct pci_windows upstream;
	bool powered; /* in D0: BARs decode only then; default true */

	struct msi *msi;   /* NULL: none */
	struct msix *msix; /* NULL: none */
	struct log_limit limit;
	counter config_reads, config_writes; /* of the guest */
};

/* Make an empty function: masks of a type 0 header (command, cache line,
 * interrupt line), no BARs, 4096 bytes of config space, in D0. @ops borrowed,
 * not NULL. The lock is made here. */
void pci_device_init(struct pci_device *d, const struct pci_ops *ops,
		     const char *name);
/* Unmap everything, leave host and port, destroy the lock; after vCPUs were
 * joined. Safe on a zeroed one, and twice. */
void pci_device_fini(struct pci_device *d);
/* Say in the header of each function of a device, by number and NULL where
 * there is none, whether it has several. Before the guest runs. VFIO-CFG-08. */
void pci_functions_mark(struct pci_device *const function[PCI_FUNCTIONS]);
/* A reset from outside the function (secondary bus reset): interrupts off,
 * BARs away, command and BARs 0, D0; then ops->reset. d->lock held. */
void pci_device_reset(struct pci_device *d);

/* -------- config space -------- */

/* Plain bytes, no side effects; @len 1, 2 or 4. */
uint32_t pci_config_load(const struct pci_device *d, unsigned off,
			 unsigned len);
/* Through the masks: what a guest's write changes. */
void pci_config_store(struct pci_device *d, unsigned off, unsigned len,
		      uint32_t v);
/* Our own write, ignoring masks. */
void pci_config_set(struct pci_device *d, unsigned off, unsigned len,
		    uint32_t v);
void pci_config_set_writable(struct pci_device *d, unsigned off, unsigned len,
			     uint32_t mask);
/* For functions on the root bus, which are all ours: remember the bytes, and
 * bring them back. */
void pci_config_keep(struct pci_device *d);
void pci_config_recall(struct pci_device *d);
/* React to bytes that changed: BAR registers and command (pci_bars_update),
 * MSI and MSI-X control. */
void pci_config_changed(struct pci_device *d, unsigned off, unsigned len);
uint32_t pci_config_read_default(struct pci_device *d, unsigned off,
				 unsigned len);
void pci_config_write_default(struct pci_device *d, unsigned off, unsigned len,
			      uint32_t v);

/* Entry of host.c: takes d->lock, checks size, calls the ops, traces. @len 1,
 * 2 or 4, naturally aligned. */
uint32_t pci_config_read(struct pci_device *d, unsigned off, unsigned len);
void pci_config_write(struct pci_device *d, unsigned off, unsigned len,
		      uint32_t v);
/* The same for who holds d->lock: a function whose BAR leads there too. */
uint32_t pci_config_read_held(struct pci_device *d, unsigned off, unsigned len);
void pci_config_write_held(struct pci_device *d, unsigned off, unsigned len,
			   uint32_t v);

/* The longest naturally aligned access that starts at @at: at most @left and
 * @most bytes. What is wider or crooked is done in such pieces. */
static inline unsigned pci_piece(uint64_t at, unsigned left, unsigned most)
{
	unsigned n = most;

	assert(left > 0);
	while (n > left || (at & (n - 1)) != 0)
		n >>= 1;
	return n;
}

/* Does [off, off + len) touch [reg, reg + size)? */
static inline bool pci_touches(unsigned off, unsigned len, unsigned reg,
			       unsigned size)
{
	return off < reg + size && reg < off + len;
}

#endif

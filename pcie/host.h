/* pcie/host.h - the host bridge: two doors to config space, and the root bus
 *
 * A Q35-style host bridge 8086:29c0 at 00:00.0 whose PCIEXBAR places the ECAM
 * window (256 buses, 1 MiB each), an ICH9-style LPC bridge at 00:1f.0 with
 * nothing behind it, and root ports. CF8/CFC is the second door to the same
 * state. minivmm plays firmware: pci_host_assign gives bus numbers, windows
 * and BARs before the guest runs; every reassignment by the guest works.
 *
 * Locks: host->lock (reader-writer) protects who has which bus number; it is
 * held to find a function and let go before the function is called.
 */
#ifndef PCIE_HOST_H
#define PCIE_HOST_H

#include <pthread.h>

#include "pcie/pci.h"
#include "pcie/port.h"
#include "vmm/vm.h"

enum { PCI_MAX_PORTS = 30 };

/* The address ranges that the board gives to PCI. */
struct pci_apertures {
	struct range ecam; /* base 256 MiB aligned; 256 MiB */
	struct range mem32, mem64;
	struct range io;
};

struct pci_host {
	struct vm *vm;
	struct pci_apertures ap;
	pthread_rwlock_t lock;
	struct pci_device *root[256]; /* by devfn; borrowed */
	struct pci_port *ports[PCI_MAX_PORTS];
	unsigned n_ports;
	struct pci_device bridge, lpc;
	struct region ecam, cf8;
	uint32_t cf8_latch;
	pthread_mutex_t cf8_lock;
	void (*reset)(struct pci_host *h); /* CF9 wrote a reset; may be NULL */
};

/* Put the bridge, the LPC and both doors on the VM's buses. @vm borrowed. */
int pci_host_open(struct pci_host *h, struct vm *vm,
		  const struct pci_apertures *ap, struct err *e);
void pci_host_close(struct pci_host *h); /* safe half-built */

/* Put @d on the root bus at @devfn; -EEXIST if taken. */
int pci_host_add(struct pci_host *h, struct pci_device *d, uint8_t devfn,
		 struct err *e);
int pci_host_add_port(struct pci_host *h, struct pci_port *p, uint8_t devfn,
		      struct err *e);

/* What 64-bit and 32-bit space the functions below need, with alignment, so
 * that the board can size the apertures before it opens the host. */
struct pci_demand {
	uint64_t mem32, mem64; /* bytes, packed as pci_host_assign packs */
	uint64_t align64;      /* the largest alignment */
};
void pci_demand_add(struct pci_demand *q, const struct pci_device *d);

/* Firmware's work: bus numbers, windows, BARs (largest first, 64-bit
 * prefetchable above 4 GiB, everything else below), interrupt lines. Decode
 * stays off in functions, on in ports. -ENOSPC names the function and BAR that
 * does not fit. VFIO-KVM-18, VFIO-BAR-17. */
int pci_host_assign(struct pci_host *h, struct err *e);

/* The function that answers to bus:devfn now, or NULL. */
struct pci_device *pci_host_find(struct pci_host *h, uint8_t bus,
				 uint8_t devfn);
/* After a config write, no lock held: BARs that wait for room try again. */
void pci_host_settle(struct pci_host *h);

#endif

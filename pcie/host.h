/* pcie/host.h - the host bridge: two doors to config space, and the root bus
 *
 * A Q35-style host bridge 8086:29c0 at 00:00.0 whose PCIEXBAR places the ECAM
 * window (256 buses, 1 MiB each), an ICH9-style LPC bridge at 00:1f.0 with
 * nothing behind it, and root ports. CF8/CFC is the second door to the same
 * state. minivmm plays firmware: pci_host_assign gives bus numbers, windows
 * and BARs before the guest runs; every reassignment by the guest works.
 *
 * The root bus is fixed before the guest runs, and each port publishes its
 * secondary bus number as one atomic word (port.h): a function is found
 * without a lock, and called with its own only.
 *
 * Not modelled: switches.
 */
#ifndef PCIE_HOST_H
#define PCIE_HOST_H

#include <pthread.h>
#include <stdatomic.h>

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
	struct pci_device *root[256]; /* by devfn, ports too; borrowed */
	struct pci_port *ports[PCI_MAX_PORTS];
	unsigned n_ports;
	struct pci_device bridge, lpc;
	struct region ecam, cf8;
	bool ecam_waiting;   /* PCIEXBAR points at something; bridge.lock */
	atomic_uint waiting; /* BARs, and the ECAM, that wait for room */
	uint32_t cf8_latch;
	uint8_t reset_control;	  /* CF9 */
	pthread_mutex_t cf8_lock; /* of the two above; a leaf */
	/* CF9 wrote a reset: vCPU thread, no lock held. May be NULL. */
	void (*reset)(struct pci_host *h);
};

/* Put the bridge, the LPC and both doors on the VM's buses. @vm borrowed. */
int pci_host_open(struct pci_host *h, struct vm *vm,
		  const struct pci_apertures *ap, struct err *e);
/* Safe half-built, zeroed, twice. Functions may be closed before or after. */
void pci_host_close(struct pci_host *h);

/* Put @d on the root bus at @devfn; -EEXIST if taken. */
int pci_host_add(struct pci_host *h, struct pci_device *d, uint8_t devfn,
		 struct err *e);
int pci_host_add_port(struct pci_host *h, struct pci_port *p, uint8_t devfn,
		      struct err *e);
/* Take @d out, wherever it is; pci_device_fini does. */
void pci_host_remove(struct pci_device *d);

/* What 64-bit and 32-bit space the ports need for the functions below them,
 * with alignment, so that the board can size the apertures before it opens the
 * host. */
struct pci_demand {
	uint64_t mem32, mem64;	   /* bytes, packed as pci_host_assign packs */
	uint64_t align32, align64; /* the largest alignment */
};
void pci_demand_add(struct pci_demand *q, const struct pci_port *p);

/* Firmware's work: bus numbers (below each port its slot number), windows, BARs
 * (largest first, 64-bit prefetchable above 4 GiB, everything else below),
 * interrupt lines. Decode
 * stays off in functions, on in ports. -ENOSPC names the function and BAR that
 * does not fit. VFIO-KVM-18, VFIO-BAR-17. */
int pci_host_assign(struct pci_host *h, struct err *e);

/* Reset of the machine, no vCPU runs: ports and bridges as they were before
 * pci_host_assign, which is to follow. What is below ports was reset by those
 * whose it is, since that can fail and take long; no BAR decodes. */
void pci_host_reset(struct pci_host *h);

/* The function that answers to bus:devfn now, or NULL. */
struct pci_device *pci_host_find(struct pci_host *h, uint8_t bus,
				 uint8_t devfn);
/* After a config write, no lock held: BARs that wait for room try again. */
void pci_host_settle(struct pci_host *h);
/* Set *flag, counting who waits so that settling is free when nobody does. */
void pci_host_wait(struct pci_host *h, bool *flag, bool waits);

#endif

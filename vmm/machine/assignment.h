/* machine/assignment.h - the functions that the command line gives to the guest
 *
 * Each function comes from a backend: the host's kernel (--vfio) or a vfio-user
 * server (--vfio-user). A backend has one I/O address space for all functions
 * of its kind, made when the first is attached; guest RAM is mapped into each.
 * The kernel has two interfaces for that; one VM uses one of them, because a
 * group has a single user and may hold several of its functions.
 */
#ifndef MACHINE_ASSIGNMENT_H
#define MACHINE_ASSIGNMENT_H

#include "pcie/port.h"
#include "vfio/device.h"
#include "vfio/dma.h"
#include "vfio/vfio.h"
#include "vmm/machine/config.h"
#include "vmm/machine/holes.h"
#include "vmm/machine/phases.h"
#include "vmm/vm.h"

struct assigned {
	enum config_backend backend;
	struct vfio_options options;
	struct vfio_function function;
	struct vfio_device *device; /* NULL: not open */
	unsigned card;		    /* 0, or the ordinal of a "0000:01:00.*" */
};

struct assignment {
	struct phases *phases; /* borrowed; set by the caller */
	struct vfio_iommu *iommu[CONFIG_BACKENDS]; /* NULL: none */
	enum config_iommu kernel; /* the kernel's interface, as asked for */
	/* a launcher's /dev/iommu and /dev/vfio/vfio, not yet used; 0: none */
	int iommufd, container;
	struct vfio_dma dma[CONFIG_BACKENDS];
	struct assigned function[CONFIG_MAX_FUNCTIONS];
	uint64_t maps_left; /* that closed address spaces still had */
	unsigned n;	    /* named on the command line */
	unsigned n_open;    /* of these, the first so many are open */
	/* Slot 1's is the first; those with a function in it are made. */
	struct pci_port port[PCI_MAX_PORTS];
	bool port_made[PCI_MAX_PORTS];
};

/* Read the options, look for the functions and decide where the guest finds
 * each, before KVM is touched. *a is zeroed by the caller, but for phases. */
int assignment_find(struct assignment *a, const struct config *c,
		    struct err *e);
/* Add the I/O addresses that the host keeps from the functions. */
void assignment_holes(const struct assignment *a, struct holes *h);
/* Must guest RAM be mappable by another process? */
bool assignment_shares_ram(const struct assignment *a);
/* Open every function and map guest RAM for DMA; RAM is there already, the
 * vCPUs are not. Populates RAM meanwhile. */
int assignment_open(struct assignment *a, struct vm *vm, struct err *e);
/* Make the root ports and put the open functions into their slots; the ports
 * are on no bus yet. */
void assignment_plug(struct assignment *a);
/* INTx, which depends on the place that a function got. */
int assignment_wire(struct assignment *a, struct err *e);
/* As struct vm's withdraw. */
bool assignment_withdraw(struct assignment *a, gpa_t gpa);
/* What a platform reset does to every function, in two steps that wait for
 * nobody if none is being reset: vfio_reset_all_begin. @begun: what the first
 * one returned, with the same @e. The ports and the addresses of BARs are left
 * to the caller. Main thread, no vCPU runs. */
int assignment_reset_begin(struct assignment *a, struct err *e);
int assignment_reset_end(struct assignment *a, int begun, struct err *e);
bool assignment_is_resetting(struct assignment *a);
/* Functions first, the ports they hang from next; RAM stays mapped for DMA
 * until every function is closed, that is, reset (VFIO-DMA-11), and goes with
 * the address spaces at the end. Safe half-built and twice. */
void assignment_close_functions(struct assignment *a);
void assignment_close_spaces(struct assignment *a);

#endif

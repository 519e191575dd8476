/* vfio/device.h - an assigned function as a PCI function of the guest
 *
 * Config space is an overlay: each bit is either ours (emulated) or the
 * device's (passed); BARs are shown by mapping, except the pages of the MSI-X
 * table; interrupts go from VFIO to KVM through eventfds that we only set up.
 */
#ifndef VFIO_DEVICE_H
#define VFIO_DEVICE_H

#include "pcie/host.h"
#include "vfio/sysfs.h"
#include "vfio/token.h"
#include "vfio/vfio.h"
#include "vmm/vm.h"

struct vfio_device;

enum { VFIO_MAX_ECAP_RULES = 16 };

/* The operator overrules the default for an extended capability. */
struct vfio_ecap_rule {
	uint16_t id;
	bool allow;
};

/* What happens when the function fails. */
enum vfio_on_error {
	/* lost: report; an uncorrectable error that it reports: stop */
	VFIO_ON_ERROR_DEFAULT,
	VFIO_ON_ERROR_STOP,   /* the VM ends with status 125 */
	VFIO_ON_ERROR_REPORT, /* one line, the guest goes on */
	VFIO_ON_ERROR_RESET,  /* reset it; if that does not help: report */
};

/* What happens when the host wants the function back. */
enum vfio_on_request {
	VFIO_ON_REQUEST_STOP,	/* the VM ends with status 128 */
	VFIO_ON_REQUEST_REPORT, /* a line, the guest goes on, the host waits */
};

/* Where the guest shall find a function: in which slot (1 to PCI_MAX_PORTS; its
 * bus has the same number), and as which function there. */
enum { VFIO_ANY_SLOT = 0, VFIO_ANY_FUNCTION = 0xff };

struct vfio_place {
	uint8_t slot, function;
};

/* Where the bytes of the expansion ROM come from. */
enum vfio_rom_choice {
	VFIO_ROM_ON,  /* the device */
	VFIO_ROM_OFF, /* no ROM is shown */
	VFIO_ROM_FILE,
};

/* Where the guest finds the MSI-X table. */
enum vfio_msix_reloc {
	VFIO_RELOC_OFF,	 /* where the hardware has it */
	VFIO_RELOC_AUTO, /* where it costs least address space */
	VFIO_RELOC_BAR,
};

struct vfio_options {
	/* BDF, sysfs path, "0000:01:00.*" or a socket's path, as given */
	char host[256];
	enum vfio_on_error on_error;
	enum vfio_on_request on_request;
	bool allow_no_reset; /* VFIO-RST-01: go on without any reset method */
	bool block_gaps;     /* VFIO-CFG-21: bytes of no capability read 0 */
	bool pass_gaps;	     /* even if hidden capabilities may be in them */
	unsigned n_ecaps;
	struct vfio_ecap_rule ecap[VFIO_MAX_ECAP_RULES];
	struct vfio_place place;
	char vf_token[VFIO_TOKEN_SIZE]; /* VFIO-OPEN-15; empty: none */
	/* VFIO-OPEN-21: descriptors that a launcher opened; 0: none */
	int fd, iommufd;      /* the function's node, and /dev/iommu; or */
	int group, container; /* its group's node, and /dev/vfio/vfio */
	bool p2p; /* VFIO-DMA-13: the other functions' DMA reaches its BARs */
	bool p2p_said;	/* on or off, by the operator */
	bool low_power; /* VFIO-PM-04: in D3hot the host may cut its power */
	enum vfio_rom_choice rom;
	char rom_file[256];
	enum vfio_msix_reloc msix_reloc;
	uint8_t msix_reloc_bar;
};

/* "0000:01:00.0,key=value…": spelling only. Unknown keys are named. Keys:
 * allow-no-reset, low-power, p2p (each also with =on or =off); at=BB:00.F or
 * slot=N or N.F; cfg-gaps=pass or block; ecap=allow:ID or deny:ID with a
 * hexadecimal ID, up to VFIO_MAX_ECAP_RULES times; fd=N and iommufd=N, or
 * group=N and container=N; msix-reloc=auto, off or barN; on-error=report, stop
 * or reset; on-request=stop or report; rom=on, off or a file; vf-token=UUID. */
int vfio_options_parse(const char *text, struct vfio_options *out,
		       struct err *e);
/* What @f needs though nobody asked for it: p2p for chips whose programs reach
 * their own BARs by DMA. Before the backend is chosen. */
void vfio_quirk_options(const struct vfio_function *f, struct vfio_options *o);
/* "/run/card.sock,key=value…", the same keys but those of the kernel. A comma
 * ends the path. */
int vfio_user_options_parse(const char *text, struct vfio_options *out,
			    struct err *e);

/* Attach and open the function, taking over @o->fd on success and on failure,
 * and make its PCI function ready, interrupts and decode off. @vm, @iommu and
 * @o->group are borrowed and outlive it. */
int vfio_device_open(struct vm *vm, struct vfio_iommu *iommu,
		     const struct vfio_function *f,
		     const struct vfio_options *o, struct vfio_device **out,
		     struct err *e);
/* After vCPUs were joined: interrupts off, maps gone, fd closed. NULL is ok. */
void vfio_device_close(struct vfio_device *d);

/* Once all functions of @i are open: say how each can be reset, refuse one that
 * cannot, and reset those that opening did not (VFIO-RST-01). */
int vfio_resets_check(struct vfio_iommu *i, struct err *e);

struct pci_device *vfio_device_pci(struct vfio_device *d);
/* Wire INTx, once the function has its place (port, devfn): before the guest
 * runs. */
int vfio_device_wire(struct vfio_device *d, struct err *e);
/* If @gpa is in a page that this function shows, withdraw that BAR's pages to
 * trapping and return true (VFIO-BAR-19). VM_GPA_UNKNOWN means all BARs that
 * decode. vCPU thread, no lock held. */
bool vfio_device_withdraw(struct vfio_device *d, gpa_t gpa);

/* What a platform reset does to every function of @i: interrupts, pages and
 * decode off, a reset that is not left out even if the function seems
 * untouched, and all its registers as they were at open, BARs at 0. All are
 * tried; a sentence is about the first that could not be reset, which is quiet
 * all the same. Main thread; no vCPU runs. Each step waits for the resets that
 * go on when it is called: let them end first. */
int vfio_reset_all_begin(struct vfio_iommu *i, struct err *e);
int vfio_reset_all_end(struct vfio_iommu *i, struct err *e);
/* Is any function being reset? */
bool vfio_resets_last(struct vfio_iommu *i);

#endif

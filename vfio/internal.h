/* vfio/internal.h - an assigned function, for the files of this room only
 *
 *     device.c   opens and closes, and is the pci_ops table
 *     policy.c   which capabilities the guest sees; capability.c: how
 *     overlay.c  config accesses, merged from our bytes and the device's
 *     quirks.c   exceptions for functions that are wrong about themselves
 *     bars.c     regions, their maps, accesses that trap
 *     rom.c      the expansion ROM
 *     relocate.c the MSI-X table at another place than the hardware's
 *     backdoor.c registers in a BAR that lead to what we emulate
 *     shortcut.c a write that the guest repeats goes without us
 *     peer.c     BARs for the DMA of the other functions
 *     irqs.c     INTx, MSI and MSI-X between VFIO and KVM
 *     throttle.c what a guest gets only so often
 *     power.c    D-states
 *     ladder.c   which resets the function has, and which comes first
 *     reset.c    the steps of bringing it back to power-on values
 *     reset_job.c  who asks for that, and who waits
 *     counts.c   what is counted, for who asks
 *     health.c   a function that stops answering; ERR and REQ
 *
 * Everything here runs with pci.lock held, or before the guest runs and after
 * its vCPUs were joined.
 */
#ifndef VFIO_INTERNAL_H
#define VFIO_INTERNAL_H

#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "pcie/bar.h"
#include "pcie/caps.h"
#include "pcie/msi.h"
#include "pcie/msix.h"
#include "vfio/backdoor.h"
#include "vfio/counts.h"
#include "vfio/device.h"
#include "vfio/shortcut.h"
#include "vmm/base/bytes.h"

/* What a guest's access to a byte of config space does. Bits set in emu[] are
 * read from our own copy in any case. */
enum vfio_class {
	VFIO_PASS,    /* reads and writes go to the device */
	VFIO_PASS_RO, /* reads go to the device, writes are dropped */
	VFIO_EMU,     /* ours: pci.config with its write masks */
	VFIO_BLOCK,   /* reads 0, writes are dropped */
};

/* What is carved out (MSI-X table, PBA, back doors) can each split one area. */
enum { VFIO_MAX_VIEWS = VFIO_MAX_AREAS + 2 + VFIO_MAX_BACKDOORS };

/* Pages of a BAR that the guest may reach without exits. */
struct vfio_view {
	struct range area; /* in the BAR; of whole pages */
	void *hva;	   /* NULL: could not be mapped */
	struct mem_window window;
	struct vfio_peer peer; /* size 0: the other functions' DMA cannot */
	bool peer_refused;     /* until it is hidden */
};

struct vfio_bar {
	struct vfio_region region;
	unsigned n_views;
	struct vfio_view view[VFIO_MAX_VIEWS];
	bool mapped; /* decodes, at: */
	gpa_t at;
	bool withdrawn;	      /* traps until it is mapped anew */
	unsigned withdrawals; /* at VFIO_MAX_WITHDRAWALS it traps for good */
	bool warned, peer_warned;
};

enum { VFIO_MAX_WITHDRAWALS = 16 };

/* The six base address registers. */
#define VFIO_BAR_BYTES ((size_t)4 * PCI_BARS)

/* The expansion ROM, as a copy. */
struct vfio_rom {
	uint64_t size; /* of its BAR */
	void *image;   /* whole pages; NULL: no ROM is shown */
	bool filled;   /* holds what the device's holds, as far as readable */
	bool mapped;   /* decodes, at: */
	gpa_t at;
	struct mem_window window;
};

/* Which of the function's interrupts the kernel has switched on. One at a
 * time: it refuses a second. */
enum vfio_irq_mode {
	VFIO_IRQ_NONE,
	VFIO_IRQ_INTX,
	VFIO_IRQ_MSI,
	VFIO_IRQ_MSIX
};

/* OK: answers. SUSPECT: an access failed or read all ones; looked at again
 * 100 ms later at the earliest. LOST: did not answer then either; nothing of
 * it is touched any more, it reads all ones. There is no way back, but
 * on-error=reset tries to reset it first. */
enum vfio_health { VFIO_OK, VFIO_SUSPECT, VFIO_LOST };

/* Who asks for a reset. */
enum vfio_reset_why {
	VFIO_RESET_FUNCTION,  /* the guest, by FLR */
	VFIO_RESET_BUS_ABOVE, /* the guest, at the port */
	VFIO_RESET_ERROR,     /* on-error=reset */
	VFIO_RESET_PLATFORM,  /* start, and reset of the whole machine */
};
enum { VFIO_RESET_CAUSES = VFIO_RESET_PLATFORM + 1 };

/* A write by the guest that sets "initiate FLR". */
struct vfio_flr {
	unsigned off, len;
	uint32_t v;
};

/* See reset_job.c. What is not said to be otherwise is under pci.lock. */
struct vfio_reset {
	/* Being reset: only its worker touches its registers, and the guest
	 * reads all ones. */
	bool busy;
	enum vfio_reset_why why;  /* fixed while busy, as is flr */
	struct vfio_device *lead; /* whose worker does it; NULL: none yet */
	bool along;		  /* it did not ask, but shares the bus */
	bool asked;		  /* along, and then it did ask */
	struct vfio_flr flr;
	bool keep_bars; /* afterwards they are again: */
	uint8_t bars[VFIO_BAR_BYTES];
	bool live, joinable; /* its worker */
	pthread_t worker;
	pthread_cond_t over; /* no longer busy */
	int rc;		     /* of the last one */
	struct err err;
	uint64_t done_ns; /* when that was over; 0: never */
};

/* Where the hardware has its MSI-X table and pending bits. */
struct vfio_msix_place {
	unsigned n; /* vectors; 0: the guest sees no MSI-X */
	uint8_t table_bar, pba_bar;
	uint64_t table_off, pba_off;
	bool moved; /* the guest's are elsewhere */
};

struct vfio_throttle {
	unsigned used;
	uint64_t since; /* sys_now_ns */
};

struct vfio_irqs {
	enum vfio_irq_mode mode;
	unsigned n_msi, n_msix; /* what VFIO offers; 0: none */
	bool has_intx;		/* and it could be switched on */
	bool msix_fixed;	/* NORESIZE: vectors are allocated at once */
	unsigned msix_room;	/* vectors that the kernel has allocated */
	int msix_fd[MSIX_MAX];	/* installed in the kernel; -1: none */
	struct vfio_msix_place place;
	struct irq_line line;
	struct loop_fd ended; /* listed: its driver needs us to unmask it */
	counter ends;	      /* how often we did; pci.lock */
	struct msi msi;
	struct msix msix;
	bool has_msi, has_msix; /* msi_init, msix_init done */
	struct host_irqs host;
	struct log_limit limit;
};

struct vfio_device {
	struct pci_device pci;
	struct vm *vm;		  /* borrowed */
	struct vfio_iommu *iommu; /* borrowed */
	struct vfio_dev *dev;	  /* ours; NULL: not attached */
	struct vfio_device *next; /* in iommu->devices */
	struct vfio_function host;
	struct vfio_options opt;

	uint8_t emu[PCIE_CONFIG_SIZE];	    /* bits that are read from us */
	uint8_t klass[PCIE_CONFIG_SIZE];    /* enum vfio_class */
	bool gap[PCIE_CONFIG_SIZE];	    /* no capability owns it */
	uint8_t seen[PCIE_CONFIG_SIZE];	    /* what VFIO showed at open */
	uint8_t power_on[PCIE_CONFIG_SIZE]; /* pci.config after a reset */
	/* offsets of capabilities that we take part in; 0: absent */
	uint8_t pm, pcie, af, msi_at, msix_at;

	struct vfio_bar bar[PCI_BARS];
	struct vfio_rom rom;
	struct vfio_irqs irqs;
	struct vfio_rtl8168 rtl8168;
	struct vfio_shortcuts shortcuts;

	struct vfio_reset reset;
	struct vfio_throttle throttle, messages;
	struct vfio_dev_listener listener; /* health.c */
	/* The host may have cut its power (power.c): config space as it was
	 * then. */
	bool asleep;
	uint8_t slept[PCIE_CONFIG_SIZE];
	bool touched; /* something changed the device since its last reset */
	enum vfio_health health;
	uint64_t suspect_since; /* sys_now_ns */
	struct loop_fd err_watch, req_watch;
	int err_fd, req_fd;
	unsigned recoveries; /* by on-error=reset, since: */
	uint64_t recovering_since;
	struct loop_fd look_timer; /* on-error=stop and reset */
	bool error_waits;	   /* reported, and its lock was taken */
	int look_fd;
	struct log_limit access_limit, req_limit, reset_limit, error_limit;
	struct log_limit peer_limit, power_limit;
	struct vfio_reset_count resets[VFIO_RESET_CAUSES];
};

static inline struct vfio_device *vfio_of(struct pci_device *p)
{
	return container_of(p, struct vfio_device, pci);
}

static inline const char *vfio_name(const struct vfio_device *d)
{
	return d->host.name;
}

/* -------- policy.c -------- */

/* Read config space through VFIO and decide about every byte. BARs are known
 * already. */
int vfio_policy_apply(struct vfio_device *d, struct err *e);
/* Are these bytes the device's, of no capability, and the guest's to use? */
bool vfio_policy_is_gap(const struct vfio_device *d, unsigned off,
			unsigned len);

/* -------- quirks.c -------- */

/* Correct the MSI-X capability at @cap of functions known to have it wrong. */
void vfio_quirk_msix(const struct vfio_device *d, uint8_t *cap);

/* Must the ROM of this function stay alone? */
bool vfio_quirk_rom(const struct vfio_device *d);

/* -------- overlay.c -------- */

uint32_t vfio_overlay_read(struct pci_device *p, unsigned off, unsigned len);
void vfio_overlay_write(struct pci_device *p, unsigned off, unsigned len,
			uint32_t v);
/* The device's own register, past overlay and policy: negative errno and a
 * look at its health if that fails. */
int vfio_config_get(struct vfio_device *d, unsigned off, unsigned len,
		    uint32_t *out);
int vfio_config_put(struct vfio_device *d, unsigned off, unsigned len,
		    uint32_t v);
/* Write to the device those bytes that pass. */
int vfio_config_forward(struct vfio_device *d, unsigned off, unsigned len,
			uint32_t v);
/* The same by way of @put. */
int vfio_config_forward_by(int (*put)(struct vfio_device *d, unsigned off,
				      unsigned len, uint32_t v),
			   struct vfio_device *d, unsigned off, unsigned len,
			   uint32_t v);

/* -------- bars.c -------- */

/* Ask VFIO for the regions and give the PCI function its BARs. Config space
 * was read into seen[]. */
int vfio_bars_open(struct vfio_device *d, struct err *e);
/* Map what may be mapped: after the place of the MSI-X table is known. */
void vfio_bars_mmap(struct vfio_device *d);
void vfio_bars_close(struct vfio_device *d); /* safe half-built */
void vfio_bar_map(struct pci_device *p, unsigned bar, gpa_t at);
void vfio_bar_unmap(struct pci_device *p, unsigned bar);
uint64_t vfio_bar_read(struct pci_device *p, unsigned bar, uint64_t off,
		       unsigned len);
void vfio_bar_write(struct pci_device *p, unsigned bar, uint64_t off,
		    unsigned len, uint64_t v);

/* -------- rom.c -------- */

/* Is there one? Then give the PCI function a ROM BAR. */
int vfio_rom_open(struct vfio_device *d, struct err *e);
void vfio_rom_close(struct vfio_device *d); /* safe half-built */
void vfio_rom_map(struct vfio_device *d, gpa_t at);
void vfio_rom_unmap(struct vfio_device *d);
/* The first one reads all of it from the device, which can take a second; only
 * this function waits. */
uint64_t vfio_rom_read(struct vfio_device *d, uint64_t off, unsigned len);
/* After a reset: the next read asks the device anew. */
void vfio_rom_forget(struct vfio_device *d);

/* -------- relocate.c -------- */

/* Remember where @cap, the hardware's MSI-X capability, has the table. */
void vfio_msix_note(struct vfio_device *d, const uint8_t *cap);
/* If asked to, have the guest's somewhere else: changes @cap and a BAR. */
int vfio_msix_relocate(struct vfio_device *d, uint8_t *cap, struct err *e);
/* Is [off, off + len) of BAR @bar in a table that the guest does not use? */
bool vfio_msix_is_hardware_table(const struct vfio_device *d, unsigned bar,
				 uint64_t off, unsigned len);

/* -------- peer.c -------- */

/* Which BARs p2p=on is about, or why it is about none; once they are mapped. */
void vfio_peer_check(struct vfio_device *d);
/* Let the other functions' DMA reach @v of BAR @bar where that decodes; does
 * nothing if they do already, or without p2p=on. */
void vfio_peer_map(struct vfio_device *d, unsigned bar, struct vfio_view *v);
/* The end of that. Safe if it was not mapped. */
void vfio_peer_unmap(struct vfio_device *d, struct vfio_view *v);

/* -------- irqs.c -------- */

const char *vfio_irq_mode_name(enum vfio_irq_mode mode);

/* What does VFIO offer? */
int vfio_irqs_probe(struct vfio_device *d, struct err *e);
/* Models of MSI and MSI-X over the capabilities that policy.c found. */
int vfio_irqs_open(struct vfio_device *d, struct err *e);
/* Place is known: INTx on. */
int vfio_irqs_wire(struct vfio_device *d, struct err *e);
/* Everything off at VFIO, models back to power-on values. */
void vfio_irqs_quiesce(struct vfio_device *d);
/* If the guest ended an interrupt and only we can tell the driver: now, and
 * not when the loop comes to it. Lock held. */
void vfio_irqs_unmask_ended(struct vfio_device *d);
/* INTx on again after a reset. */
void vfio_irqs_rearm(struct vfio_device *d);
void vfio_irqs_close(struct vfio_device *d); /* safe half-built */

/* -------- throttle.c -------- */

/* The guest wants something that costs the host much: may take 10 ms. Lock
 * held. */
void vfio_costly(struct vfio_device *d);
/* It gives KVM another message: may take a millisecond. Lock held. */
void vfio_message_changes(struct vfio_device *d);

/* -------- power.c -------- */

/* What low-power=on is worth here. */
void vfio_power_check(struct vfio_device *d);
/* If it is asleep: no longer, and in D3hot, as the guest left it. */
void vfio_power_wake(struct vfio_device *d);

/* The guest wrote to a dword that holds PMCSR. */
void vfio_power_write(struct vfio_device *d, unsigned off, unsigned len,
		      uint32_t v);

/* -------- ladder.c -------- */

bool vfio_has_pcie_flr(const struct vfio_device *d);
bool vfio_has_af_flr(const struct vfio_device *d);
/* No kernel or server offers a reset, but the registers are ours to use. */
bool vfio_needs_flr(const struct vfio_device *d);
/* What a reset of its bus would hit; false, and none: it has no such reset. */
bool vfio_hot_set_of(const struct vfio_device *d, struct vfio_hot_set *out);
bool vfio_hot_set_is_ours(const struct vfio_hot_set *s);
bool vfio_hot_set_has(const struct vfio_hot_set *s,
		      const struct vfio_device *d);
/* Is the bus reset rather than the function? */
bool vfio_bus_comes_first(const struct vfio_device *d,
			  const struct vfio_hot_set *s,
			  enum vfio_reset_why why);

/* -------- reset.c -------- */

/* Where opening did not reset it: by the server, if it does that. */
int vfio_reset_at_open(struct vfio_device *d, struct err *e);
/* Secondary bus reset above. */
void vfio_device_reset(struct pci_device *p);
/* Would this write start a function level reset? */
bool vfio_is_flr(const struct vfio_device *d, unsigned off, unsigned len,
		 uint32_t v);
/* Ask for that, or where the kernel cannot, let that write do it. */
void vfio_flr(struct vfio_device *d, unsigned off, unsigned len, uint32_t v);
/* The steps, see there. Lock held: */
void vfio_reset_quiet(struct vfio_device *d);
void vfio_reset_like_new(struct vfio_device *d);
/* No lock, but busy: */
void vfio_reset_wake(struct vfio_device *d);
int vfio_reset_function(struct vfio_device *d, enum vfio_reset_why why,
			struct err *e);
int vfio_reset_bus(struct vfio_device *d, struct err *e);
/* Does it answer within a second, as what it was? */
int vfio_reset_verify(struct vfio_device *d, struct err *e);

/* -------- reset_job.c -------- */

/* Have it reset by a worker; nothing if that is going on. Lock held. */
void vfio_reset_ask(struct vfio_device *d, enum vfio_reset_why why);
/* Only quiet and busy: for a worker that takes it along. Lock held. */
void vfio_reset_begin(struct vfio_device *d, enum vfio_reset_why why);
/* Wait until it is over; 0, or how that went wrong (@e may be NULL). No lock
 * held, and not a vCPU thread. */
int vfio_reset_await(struct vfio_device *d, struct err *e);
/* Wait for all of them and their threads. */
void vfio_resets_end(struct vfio_iommu *i);

/* -------- counts.c -------- */

/* A reset ended with @rc. */
void vfio_count_reset(struct vfio_device *d, enum vfio_reset_why why, int rc);

/* -------- health.c -------- */

/* It does not answer, or should not be used any more: gone for good. Lock
 * held. */
void vfio_lose(struct vfio_device *d, const char *why);
/* It was reset and answers. Lock held. */
void vfio_is_well(struct vfio_device *d);
/* An access failed (@rc < 0) or read all ones where that cannot be. */
void vfio_suspect(struct vfio_device *d);
/* Does it answer @get, which reads a register? *@id: its IDs, if it does. */
bool vfio_answers_by(int (*get)(struct vfio_device *d, unsigned off,
				unsigned len, uint32_t *out),
		     struct vfio_device *d, uint32_t *id);
/* If it is suspect for long enough, look again. False: it is lost, or being
 * reset, and not to be touched. */
bool vfio_alive(struct vfio_device *d);
/* Error and release requests from the host (VFIO-IRQ-05), and its word that
 * the function is gone. */
int vfio_health_open(struct vfio_device *d, struct err *e);
void vfio_health_close(struct vfio_device *d); /* safe half-built */

#endif

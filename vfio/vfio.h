/* vfio/vfio.h - the two tables between device assignment and how it is had
 *
 * struct vfio_iommu is an I/O address space: devices are attached to it and
 * guest RAM is mapped into it. struct vfio_dev is one function: regions,
 * interrupts, reset. Three backends fill them: the kernel's containers and
 * groups (group.c, kernel.c), its iommufd (iommufd.c, kernel.c), and servers
 * behind sockets (user.c, user_dev.c). device.c, which is all the PCI model
 * knows, sees only these.
 */
#ifndef VFIO_VFIO_H
#define VFIO_VFIO_H

#include <stdbool.h>
#include <stdint.h>

#include "vfio/maplog.h"
#include "vmm/base/err.h"
#include "vmm/base/range.h"
#include "vmm/mem.h"

typedef uint64_t iova_t; /* what the device emits */

struct vfio_iommu;
struct vfio_dev;
struct vfio_device;

/* What messages call a function: its PCI address, its UUID if it is a mediated
 * device (name.h), or the path of the socket where a vfio-user server offers it
 * (at most 107 bytes, unix(7)). */
enum { VFIO_NAME_SIZE = 112, VFIO_SOCKET_PATH_MAX = 107 };

/* Which function, and what the kernel wants to see before it hands it out. */
struct vfio_wanted {
	const char *name;     /* canonical; see struct vfio_dev */
	const char *vf_token; /* a UUID in letters, or NULL */
	/* its node, opened by who started us: taken over, on success and on
	 * failure; 0: there is none */
	int fd;
	/* its group's node, likewise, but borrowed, as several functions may
	 * name it: open until the vfio_iommu is closed; 0: there is none */
	int group;
};

/* What mapping RAM into an I/O address space costs and allows. */
struct vfio_iommu_facts {
	uint64_t page_sizes; /* bitmap; 0: the kernel does not say */
	unsigned spaces;     /* how many times RAM is pinned: containers */
	uint32_t maps_left;  /* further maps; UINT32_MAX: unknown */
};

/* Pages of a BAR, for the DMA of the other functions. */
struct vfio_peer {
	iova_t at; /* where the guest sees them */
	uint64_t size;
	void *hva; /* where they are mapped here */
	int fd;	   /* what is mapped there: -1, or a file, and where in it */
	uint64_t fd_off;
	/* Whose they are, and where in which of its regions. */
	struct vfio_dev *dev;
	unsigned index;
	uint64_t off;
};

struct vfio_iommu_ops {
	/* Attach the function @w and open it. Main thread or a start-up
	 * worker; serialised by the caller. */
	int (*attach)(struct vfio_iommu *i, const struct vfio_wanted *w,
		      struct vfio_dev **out, struct err *e);
	/* Map guest RAM at @at; for every device, present and future. */
	int (*map)(struct vfio_iommu *i, iova_t at, const struct ram *r,
		   struct err *e);
	/* Unmap exactly what was mapped. */
	int (*unmap)(struct vfio_iommu *i, iova_t at, uint64_t size,
		     struct err *e);
	/* IOVA ranges that every attached device can use; fills at most @max,
	 * returns how many there are, 0 if the kernel does not say. */
	int (*ranges)(struct vfio_iommu *i, struct range *out, unsigned max,
		      struct err *e);
	int (*facts)(struct vfio_iommu *i, struct vfio_iommu_facts *out,
		     struct err *e);
	/* The IOMMU group that reserves a byte of @r, or -1: for messages. */
	int (*blame)(struct vfio_iommu *i, const struct range *r);
	/* Let the DMA of every attached device reach @p, which overlaps
	 * neither RAM nor another @p; failure is no disaster. A vCPU thread or
	 * main, with the lock of the function whose pages they are: several may
	 * be in here at once, for several functions. They need no lock of their
	 * own, as what is attached changes only while no vCPU runs; and the
	 * call may take seconds. */
	int (*peer_map)(struct vfio_iommu *i, const struct vfio_peer *p,
			struct err *e);
	/* Unmap exactly what was mapped. */
	int (*peer_unmap)(struct vfio_iommu *i, const struct vfio_peer *p,
			  struct err *e);
	/* 0, or why peer_map could never map pages of @d. NULL: it could. */
	int (*peer_check)(struct vfio_iommu *i, struct vfio_dev *d,
			  struct err *e);
	/* Safe half-built; all devices have been closed. */
	void (*close)(struct vfio_iommu *i);
};

struct vfio_iommu {
	const struct vfio_iommu_ops *ops;
	/* Functions that are open, the latest first; device.c's. It changes
	 * only while no vCPU runs. */
	struct vfio_device *devices;
	struct maplog log; /* of dma.c and peer.c */
};

/* The groups that this VM has open, as proof of what is its own. Embedded in
 * who opened them. */
struct vfio_groups {
	/* The descriptor of group @number, which stays its owner's; -1: it is
	 * not ours. Any thread; the answer changes only while functions are
	 * attached or closed. */
	int (*fd_of)(const struct vfio_groups *g, int number);
};

/* What a reset of a bus or slot hits: at most all of a bus. */
enum { VFIO_MAX_HIT = 256 };

struct vfio_hit {
	char bdf[24];
	bool ours; /* the kernel will take it that we may reset it */
};

struct vfio_hot_set {
	unsigned n;
	struct vfio_hit hit[VFIO_MAX_HIT];
};

enum { VFIO_MAX_AREAS = 32, VFIO_MAX_VECTORS = 2048 };

/* One region: a BAR, the ROM, config space. */
struct vfio_region {
	uint64_t size;	/* 0: absent */
	uint32_t flags; /* VFIO_REGION_INFO_FLAG_READ, WRITE, MMAP */
	bool msix_mappable;
	unsigned n_areas; /* parts that may be mapped, page aligned, sorted */
	struct range area[VFIO_MAX_AREAS];
};

struct vfio_irq_facts {
	unsigned count;
	uint32_t flags; /* VFIO_IRQ_INFO_* */
};

enum vfio_low_power {
	VFIO_LOW_POWER_OFFERED, /* nothing is done */
	VFIO_LOW_POWER_ENTER,
	VFIO_LOW_POWER_LEAVE,
};

struct vfio_dev_ops {
	int (*region)(struct vfio_dev *d, unsigned index,
		      struct vfio_region *out, struct err *e);
	/* Access region @index, for which region() was called before; @n 1, 2,
	 * 4 or 8, naturally aligned, or any run of config space or of the ROM,
	 * which is only read. Any thread with the device's lock. Returns 0,
	 * -EIO (the function does not decode), -ENODATA (a short transfer),
	 * other negative errno. @e may be NULL. */
	int (*read)(struct vfio_dev *d, unsigned index, uint64_t off, void *buf,
		    unsigned n, struct err *e);
	int (*write)(struct vfio_dev *d, unsigned index, uint64_t off,
		     const void *buf, unsigned n, struct err *e);
	/* Have @v written, as write() would, whenever the eventfd @fd is
	 * signalled; -1: no longer. A memory BAR, outside of the MSI-X table.
	 * NULL: cannot be. */
	int (*write_by)(struct vfio_dev *d, unsigned index, uint64_t off,
			unsigned n, uint64_t v, int fd, struct err *e);
	/* Map part of a region; the caller unmaps with sys_munmap. The address
	 * is aligned for huge pages as far as @n allows. */
	int (*map)(struct vfio_dev *d, unsigned index, uint64_t off, uint64_t n,
		   int prot, void **out, struct err *e);
	/* The file that map() maps, and where in it @off of region @index is;
	 * -1: there is none that another process could map. NULL: never. The
	 * file stays the device's. */
	int (*view_file)(struct vfio_dev *d, unsigned index, uint64_t off,
			 uint64_t *out);
	/* A new file for the DMA of others: the @n bytes from @off on of region
	 * @index, while it decodes; the caller closes it. @n 0: none, only
	 * whether there could be one. NULL: never, see peer_check. */
	int (*dma_file)(struct vfio_dev *d, unsigned index, uint64_t off,
			uint64_t n, struct err *e);
	int (*irq_info)(struct vfio_dev *d, unsigned index,
			struct vfio_irq_facts *out, struct err *e);
	/* Trigger eventfds [start, start + n) of interrupt @index; -1 in @fds
	 * removes one. @fds NULL: the whole index off. A positive value is how
	 * many vectors exist, when fewer than asked. */
	int (*irqs)(struct vfio_dev *d, unsigned index, unsigned start,
		    unsigned n, const int *fds, struct err *e);
	/* Mask or unmask INTx now, or (fd not -1) whenever fd is signalled. */
	int (*intx_mask)(struct vfio_dev *d, struct err *e);
	int (*intx_unmask)(struct vfio_dev *d, int fd, struct err *e);
	/* Sleeps, for up to a minute. Any thread; nothing else is asked of the
	 * function meanwhile. -EAGAIN: not right now. */
	int (*reset)(struct vfio_dev *d, struct err *e);
	/* What a reset of its bus or slot would hit, itself too; -ENODEV: there
	 * is none. NULL, both: never is. */
	int (*hot_set)(struct vfio_dev *d, struct vfio_hot_set *out,
		       struct err *e);
	/* As reset(), for all of them; all are ours. -EBUSY: not right now. */
	int (*hot_reset)(struct vfio_dev *d, struct err *e);
	/* Let the host put the function to sleep for as long as nobody needs
	 * it, or no longer; no page of it is shown meanwhile. NULL: cannot
	 * be. */
	int (*low_power)(struct vfio_dev *d, enum vfio_low_power what,
			 struct err *e);
	/* Frees @d; it must be closed before its vfio_iommu. */
	void (*close)(struct vfio_dev *d);
};

/* Embedded in who opened the function. */
struct vfio_dev_listener {
	/* It will never answer again, for the reason @why. Main thread, no
	 * lock held, at most once; accesses fail at once from then on. */
	void (*gone)(struct vfio_dev_listener *l, const char *why);
};

struct vfio_dev {
	const struct vfio_dev_ops *ops;
	char name[VFIO_NAME_SIZE];
	bool can_reset; /* VFIO_DEVICE_FLAGS_RESET */
	/* A driver of the host models it: opening does not reset it, and sysfs
	 * shows nothing of it. */
	bool mediated;
	/* Config space is the device's own: no kernel virtualises BARs, keeps
	 * registers from us, or switches messages on (VFIO-VU-01). */
	bool raw;
	unsigned n_regions, n_irqs;
	struct vfio_dev_listener *listener; /* the opener's; NULL: nobody */
};

#endif

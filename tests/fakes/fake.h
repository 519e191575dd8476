/* tests/fakes/fake.h - what the parts of the fake kernel share
 *
 *     core.c    lock, trace, failures on request, fds, leaks
 *     calls.c   the functions of sys.h that work on fds and paths
 *     events.c  eventfds (with listeners), epoll, timers, time, limits
 *     memory.c  mappings
 *     files.c   the table of paths
 *     sockets.c servers behind sockets    user_server.c vfio-user
 *     kvm.c     /dev/kvm, VMs, slots      kvm_vcpu.c vCPUs
 *     kvm_irq.c routes, irqfds, lines     cpuid.c    what CPUs can do
 *     vfio.c    containers and groups     vfio_dma.c type1 maps
 *     iommufd.c /dev/iommu and nodes of single functions
 *     vf_token.c who may open virtual functions and their parent
 *     device.c  VFIO devices: regions, info
 *     resets.c  ... of a function, and of a bus
 *     ioeventfds.c ... written to when an eventfd says so
 *     features.c VFIO_DEVICE_FEATURE, dma-bufs
 *     irqs.c    VFIO_DEVICE_SET_IRQS      config.c   config space as vfio-pci
 *     pci.c     building a function       sweep.c    the sweep
 *
 * All state is under one lock, taken by call_begin and given back by call_end;
 * the functions named fake_* in kernel.h take it themselves.
 */
#ifndef FAKES_FAKE_H
#define FAKES_FAKE_H

#include <linux/kvm.h>
#include <linux/vfio.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "tests/fakes/kernel.h"
#include "vmm/base/bytes.h"
#include "vmm/base/range.h"
#include "vmm/base/sys.h"

enum { FAKE_PAGE = 4096, FAKE_MAX_FDS = 16384 };

/* -------- core.c -------- */

void fake_lock(void);
void fake_unlock(void);

struct call {
	char line[512];
};

/* Take the lock and note the call. Returns 0, or the negative errno that the
 * test asked for; either way call_end follows. */
long call_begin(struct call *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The same for a call that cannot fail. */
void call_begin_void(struct call *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Add the line to the trace, give the lock back; returns @rc. */
long call_end(struct call *c, long rc);

/* The program did what is always a mistake: the test will fail. */
void misuse(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

enum kind {
	KIND_FILE, /* contents are a real memfd's */
	KIND_EVENTFD,
	KIND_OTHER, /* a real fd of another sort */
	KIND_KVM,
	KIND_VM,
	KIND_VCPU,
	KIND_KVM_DEVICE,
	KIND_CONTAINER,
	KIND_GROUP,
	KIND_DEVICE,
	KIND_IOMMUFD,
	KIND_DMABUF,
};

/* What an fd stands for; embedded in what it is. */
struct obj {
	enum kind kind;
	unsigned refs; /* fds, and objects of the kernel that hold it */
	char name[64]; /* "group 12" */
	int fd;	       /* the (last) number it has, -1 once closed */
	/* the last fd was closed; the others may still hold it */
	void (*closed)(struct obj *o);
	/* the last reference is gone */
	void (*gone)(struct obj *o);
};

/* Give @o, which has no fd yet, a number; a real fd stands behind it. On
 * failure (no number left) @o is released. */
int fd_new(struct obj *o);
/* The same for a real fd that the caller opened. */
int fd_adopt(struct obj *o, int fd);
/* An object of KIND_FILE or KIND_OTHER for the real fd @fd. */
int fd_plain(int fd, enum kind kind, const char *name);
struct obj *fd_obj(int fd); /* NULL: not one of ours */
struct obj *fd_obj_of(int fd, enum kind kind);
void fd_close(int fd);
void obj_hold(struct obj *o);
void obj_release(struct obj *o);
const char *fd_name(int fd);

uint64_t next_serial(void);
void leak_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
uint64_t leak_mark(void);

void *xalloc(size_t n); /* zeroed; aborts when there is none */

/* -------- files.c -------- */

enum node_type {
	NODE_FILE,
	NODE_LINK,
	NODE_DIR,
	NODE_KVM,
	NODE_CONTAINER,
	NODE_GROUP,
	NODE_IOMMUFD,
	NODE_CDEV
};

struct node {
	char *path;
	enum node_type type;
	char *target; /* NODE_LINK */
	int memfd;    /* NODE_FILE */
	int number;   /* NODE_GROUP; NODE_CDEV: minor */
	struct node *next;
};

void files_reset(void);
/* The node that @path leads to, following links; NULL: none. */
struct node *node_find(const char *path, bool follow_last);
void node_add(const char *path, enum node_type type, int number);
bool path_is_real(const char *path);

/* -------- memory.c -------- */

void memory_reset(void);
void memory_leaks(void);
/* Is [at, at + size) mapped by the program? */
bool memory_covers(uint64_t at, uint64_t size);
/* The same, and the kernel can enter its pages into an IOMMU for reads and
 * writes; pages of a device only by type 1, and if it decodes. */
bool memory_can_be_pinned(uint64_t at, uint64_t size, bool device_too);
/* Does a KVM slot or an IOMMU show a page that maps @device (an object)? */
bool memory_shows_device(const struct obj *device);
/* Make the program's maps of @device unusable, or usable again. */
void memory_protect_device(const struct obj *device, bool usable);

/* -------- events.c -------- */

void events_reset(void);
bool host_has_memlock_cap(void);
uint64_t host_memlock(void);
uint64_t host_hugepages(void);

/* Somebody in the kernel who waits for an eventfd and takes its count. */
struct listener {
	struct obj *eventfd;
	void (*fired)(struct listener *l);
	struct listener *next;
};
void listener_add(struct listener *l, struct obj *eventfd);
void listener_remove(struct listener *l);
bool eventfd_has_listener(const struct obj *eventfd,
			  void (*fired)(struct listener *l));
void eventfd_signal(struct obj *o);
uint64_t eventfd_take(struct obj *o);
bool eventfd_is_ready(const struct obj *o);

/* -------- sockets.c -------- */

/* The object behind the next descriptor that the program sent to the server's
 * end @fd; the caller gives it back with obj_release. NULL: none was sent. */
struct obj *socket_sent(int fd);
/* The program closed @fd; if it was a connection, wait for its server. */
void socket_closed(int fd);

/* -------- kvm.c, kvm_vcpu.c, kvm_irq.c, cpuid.c -------- */

enum {
	KVM_PINS = 24,
	MAX_GSI = 4096,
	MAX_FAKE_VCPUS = 512,
	VCPU_RUN_SIZE = 3 * FAKE_PAGE
};

struct slot {
	struct fake_slot s;
	struct slot *next;
};

struct vcpu_state {
	unsigned long cmd;
	void *data;
	struct vcpu_state *next;
};

struct vcpu_obj {
	struct obj o;
	struct vm_obj *vm;
	unsigned index;
	int memfd;
	struct kvm_run *run;
	struct vcpu_state *states;
};

struct irqfd;
struct ioeventfd;

struct vm_obj {
	struct obj o;
	bool irqchip, x2apic_format, has_vfio_device;
	struct kvm_irqchip chip[3]; /* by id */
	struct vcpu_obj *vcpus[MAX_FAKE_VCPUS];
	unsigned n_vcpus;
	struct slot *slots;
	struct kvm_irq_routing_entry *routes;
	unsigned n_routes;
	struct irqfd *irqfds;
	struct ioeventfd *ioeventfds;
	uint8_t level[KVM_PINS];
	unsigned injected[MAX_GSI];
	unsigned signalled; /* KVM_SIGNAL_MSI */
};

void kvm_reset(void);
int kvm_open(void);
int kvm_cap(unsigned cap);
long kvm_stats_fd(void);
struct vm_obj *kvm_vm(void); /* the latest that lives, or NULL */
long kvm_ioctl(struct obj *o, unsigned long cmd, unsigned long arg);
long kvm_run(struct obj *o); /* called without the lock */
void vcpu_reset(void);
long vcpu_create(struct vm_obj *vm, unsigned long id);
long vcpu_ioctl(struct vcpu_obj *c, unsigned long cmd, unsigned long arg);
int vcpu_memfd(struct obj *o, size_t *size);
/* What a KVM ioctl's trace line says of its argument. */
void kvm_describe(unsigned long cmd, unsigned long arg, char *buf, size_t n);

void vm_irq_release(struct vm_obj *vm);
void vm_default_routes(struct vm_obj *vm);
long vm_set_routes(struct vm_obj *vm, const struct kvm_irq_routing *r);
long vm_irqfd(struct vm_obj *vm, const struct kvm_irqfd *a);
long vm_ioeventfd(struct vm_obj *vm, const struct kvm_ioeventfd *a);
long vm_irq_line(struct vm_obj *vm, const struct kvm_irq_level *l);
long vm_signal_msi(struct vm_obj *vm, const struct kvm_msi *m);

void cpuid_reset(void);
long cpuid_supported(struct kvm_cpuid2 *c);

/* -------- vfio.c, vfio_dma.c, device.c, irqs.c, config.c, pci.c -------- */

struct dma {
	uint64_t iova, size, vaddr;
	struct obj *file; /* KIND_DMABUF instead of vaddr; NULL: none */
	struct dma *next;
};

struct container {
	struct obj o;
	unsigned iommu; /* VFIO_TYPE1v2_IOMMU ..., 0: none */
	unsigned n_groups;
	struct dma *maps;
	unsigned n_maps;
	uint64_t pinned;
	struct container *next;
};

struct reserve {
	uint64_t start, last;
	bool direct_relaxable;
	struct reserve *next;
};

struct group {
	struct obj o;
	int number;
	bool open, incompatible;
	struct container *container;
	unsigned n_open_devices;
	unsigned n_bound; /* through their own nodes */
	bool in_kvm;
	struct reserve *reserves;
	struct group *next;
};

struct region {
	uint64_t size;
	bool mappable;
	int memfd; /* -1: none */
	void *hw;
};

enum { N_REGIONS = 9, N_IRQS = 5, OFFSET_SHIFT = 44 };

struct trigger {
	struct obj *eventfd;
};

struct device {
	struct obj o;
	struct fake_pci pci;
	char bdf[40], driver[32];
	struct group *group;
	bool open;
	/* iommufd.c: its node, and what it is bound and attached to */
	bool has_cdev, through_cdev, in_kvm;
	int minor;
	struct iommufd *iommufd;
	uint32_t devid;
	struct ioas *ioas;
	char pf[24];	/* vf_token.c: of a virtual function; empty: not told */
	char token[37]; /* of a physical function; empty: a secret */
	struct region region[N_REGIONS];
	uint64_t sparse[16][2];
	unsigned n_sparse;
	/* config space: hardware, what the kernel holds itself, and for each
	 * bit whether it is virtual, writable, write-one-to-clear */
	uint8_t hw[4096], vcfg[4096], virt[4096], writable[4096], w1c[4096];
	uint8_t reset_hw[4096];
	unsigned config_size, msi_at, express_at;
	/* interrupts */
	int irq_type;	    /* -1: none, else the index in use */
	unsigned n_vectors; /* allocated by the host */
	unsigned host_vectors;
	struct trigger *vector; /* of irq_type, as many as the index has */
	struct trigger err, req;
	struct listener unmask;
	struct write_by *writes_by; /* ioeventfds.c */
	bool low_power;		    /* the host may suspend it */
	bool raw; /* no kernel: config space is the hardware's (vfio-user) */
	bool intx_masked, intx_pending;
	unsigned resets;
	struct {
		uint32_t silent; /* accesses that find all ones */
		uint16_t device; /* its ID, 0: as before */
	} after;
	enum fake_gone gone;
	struct device *next;
};

void vfio_reset(void);
int container_open(void);
int group_open(int number);
/* What its node is, and where sysfs says so. */
dev_t group_device(int number);
void group_put_class(int number);
struct group *group_get(int number); /* makes it when it is new */
struct container *container_list(void);
long container_ioctl(struct container *c, unsigned long cmd, unsigned long arg);
long group_ioctl(struct group *g, unsigned long cmd, unsigned long arg);
long kvm_vfio_file(int32_t fd, bool add);
bool group_is_viable(const struct group *g);

long dma_info(struct container *c, struct vfio_iommu_type1_info *info);
long dma_map(struct container *c, const struct vfio_iommu_type1_dma_map *m);
long dma_unmap(struct container *c, struct vfio_iommu_type1_dma_unmap *u);
void dma_drop(struct container *c);
bool dma_uses(uint64_t at, uint64_t size);
/* What all functions for which @in says yes can use; returns how many. */
enum { DMA_MAX_RANGES = 64 };
typedef bool dma_member(const struct device *d, const void *space);
unsigned dma_usable(dma_member *in, const void *space,
		    struct vfio_iova_range out[DMA_MAX_RANGES]);

struct device *device_list(void);
struct device *device_find(const char *bdf);
struct device *device_in(struct group *g, const char *bdf);
void device_free_all(void);
int device_open(struct device *d);
int device_open_cdev(struct device *d);
long device_ioctl(struct device *d, unsigned long cmd, unsigned long arg);
ssize_t device_rw(struct device *d, void *buf, const void *data, size_t n,
		  uint64_t off);
/* The real fd and offset behind a map of the device fd; negative errno. */
long device_mmap(struct device *d, uint64_t off, uint64_t size, int *fd,
		 uint64_t *at);
unsigned device_region_of(uint64_t off, uint64_t *in);
uint64_t device_offset(unsigned region);
/* Has it a driver that hands it to userspace? */
bool device_is_vfio(const struct device *d);
/* @file of its directory in sysfs. */
void device_sysfs(const struct device *d, const char *file, char path[128]);
uint32_t bar_flags(const struct fake_bar *b); /* of its register */

/* -------- resets.c -------- */

void resets_reset(void);
void device_do_reset(struct device *d);
void reset_wake(struct device *d);
long reset_function(struct device *d);
long reset_bus_info(const struct device *d, struct vfio_pci_hot_reset_info *i);
long reset_bus(struct device *d, const struct vfio_pci_hot_reset *h);

/* -------- iommufd.c -------- */

void iommufd_reset(void);
int iommufd_open(void);
long iommufd_ioctl(struct obj *o, unsigned long cmd, unsigned long arg);
void iommufd_describe(unsigned long cmd, unsigned long arg, char *buf,
		      size_t n);
/* vf_token.c: may whoever names @token (NULL: nobody) open @d? */
long vf_token_check(struct device *d, const char *token);
dev_t iommufd_number(void);
unsigned iommufd_maps(void);
unsigned iommufd_spaces(void);
unsigned iommufd_spaces_with(uint64_t iova, uint64_t size);
/* Is a dma-buf of @d mapped? */
bool iommufd_maps_device(const struct device *d);
bool iommufd_uses(uint64_t at, uint64_t size);
void cdev_add(struct device *d);
int cdev_open(int minor);
dev_t cdev_number(const struct device *d);
long cdev_ioctl(struct device *d, unsigned long cmd, unsigned long arg);
void cdev_closed(struct device *d);

/* -------- irqs.c, config.c -------- */

unsigned irq_count(const struct device *d, unsigned index);
uint32_t irq_flags(const struct device *d, unsigned index);
long irq_set(struct device *d, const struct vfio_irq_set *s);
void irq_release(struct device *d);
void irq_intx_gate(struct device *d, bool disabled);

long write_by_set(struct device *d, const struct vfio_device_ioeventfd *a);
void write_by_release(struct device *d);

void config_init(struct device *d);
uint8_t config_read(const struct device *d, unsigned at);
void config_write(struct device *d, unsigned at, const uint8_t *v, unsigned n);
bool config_memory_on(const struct device *d);
bool config_io_on(const struct device *d);

/* -------- features.c -------- */

void features_reset(void);
long device_feature(struct device *d, void *arg);
/* Can the first @size bytes of @file be mapped now? 0 or negative errno. */
long dmabuf_map_check(const struct obj *file, uint64_t start, uint64_t size);
bool dmabuf_is_of(const struct obj *file, const struct device *d);

#endif

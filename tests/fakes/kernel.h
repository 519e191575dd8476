/* tests/fakes/kernel.h - a small host kernel in memory
 *
 * It defines every function of vmm/base/sys.h, so a test program that links
 * it runs without KVM, VFIO or privileges. It keeps the state that the real
 * kernel keeps, refuses what the real one refuses (with the same errno), and
 * answers sysfs from a table that the test fills. Eventfds, epoll, timers and
 * memory are the real thing, only accounted for.
 *
 *     int main(void)
 *     {
 *             const struct CMUnitTest tests[] = {
 *                     FAKE_TEST(group_without_driver_is_refused),
 *             };
 *             return cmocka_run_group_tests(tests, NULL, NULL);
 *     }
 *
 * FAKE_TEST gives each test a fresh kernel and fails it if an fd or a mapping
 * is left at its end. Everything may be called from any thread.
 */
#ifndef FAKES_KERNEL_H
#define FAKES_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/err.h"

struct kvm_irq_routing_entry;
struct kvm_run;

/* -------- the kernel as a whole -------- */

/* Forget everything: a host with /dev/kvm and /dev/vfio/vfio, no PCI functions,
 * plenty of everything. Left-over fds and mappings are closed. */
void fake_reset(void);

/* For cmocka: fake_reset, and "nothing may be left". */
int fake_setup(void **state);
int fake_teardown(void **state);
#define FAKE_TEST(f) \
	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

/* NULL, or a list of the fds and mappings that are there now and were not at
 * the last fake_mark (or fake_reset). */
const char *fake_leaks(void);
void fake_mark(void);

/* -------- the trace -------- */

/* One line a call, with what it was made on and what matters of its argument,
 * and " = -EIO" where it failed:
 *
 *     open /dev/vfio/12
 *     ioctl KVM_SET_USER_MEMORY_REGION vm slot=0 gpa=0 size=0x200000 flags=0
 *     ioctl VFIO_GROUP_SET_CONTAINER group 12
 *     ioctl VFIO_IOMMU_MAP_DMA container iova=0 size=0x200000 flags=3
 *     ioctl VFIO_DEVICE_SET_IRQS device 0000:01:00.0 index=2 start=0 count=1
 *                                   trigger eventfd            (one line)
 *     ioctl KVM_IRQFD vm gsi=24 assign
 *     pwrite device 0000:01:00.0 region=7 off=0x4 len=2 value=0x6
 *     mmap device 0000:01:00.0 region=0 off=0x2000 size=0x2000
 *     signal eventfd, drain eventfd, close group 12
 */

/* Is there, for each text in this order, a later line that contains it? */
#define fake_trace_has_in_order(...) \
	fake_trace_has_((const char *const[]){ __VA_ARGS__, NULL })
bool fake_trace_has_(const char *const *texts);
/* How many lines contain @text? */
unsigned fake_trace_count(const char *text);
/* The whole trace; valid until the next host call. */
const char *fake_trace(void);
void fake_trace_clear(void);

/* How many calls that can fail were made since fake_reset. */
unsigned fake_calls(void);

/* -------- failures on request -------- */

/* All count from now on, and 1 is the next; @err is positive (EIO). Several
 * may be pending at once. fake_fail_none forgets them. */

/* The @nth call that can fail, whatever it is. */
void fake_fail_at(unsigned nth, int err);
/* The @nth ioctl called @name ("VFIO_IOMMU_MAP_DMA"); 0: every one. */
void fake_fail_ioctl(const char *name, unsigned nth, int err);
/* The @nth call whose trace line begins with @start ("open /dev/vfio/12",
 * "mmap device", "eventfd"); 0: every one. */
void fake_fail_call(const char *start, unsigned nth, int err);
void fake_fail_none(void);

/* The sweep: let call 1 fail, then call 2, ... until @open succeeds without a
 * call having failed. Each time nothing may be left over, the message must not
 * be empty and must contain @needle (may be NULL), and @close after the failure
 * must make no host call; so must the second @close after a success. An open
 * that succeeds in spite of the failure is closed and must leave nothing.
 * Asserts by cmocka; returns how many calls were tried. */
unsigned fake_sweep(int (*open)(void *arg, struct err *e),
		    void (*close)(void *arg), void *arg, const char *needle);
/* The same without asserting: -1 and a complaint in the @room bytes. */
int fake_sweep_try(int (*open)(void *arg, struct err *e),
		   void (*close)(void *arg), void *arg, const char *needle,
		   char *complaint, size_t room);

/* -------- files -------- */

/* Make a file, with its parent directories; replaces an older one. Directories
 * that are links are followed. */
void fake_file(const char *path, const char *text);
void fake_blob(const char *path, const void *data, size_t n);
void fake_link(const char *path, const char *target);
void fake_dir(const char *path);
/* Remove a file, link, node or directory with all that is in it. */
void fake_remove(const char *path);
/* Paths that begin with @prefix are the real host's: for files that a test
 * made in a temporary folder. */
void fake_real(const char *prefix);
/* What a file contains now; returns the number of bytes, or -1. */
long fake_file_read(const char *path, void *buf, size_t n);

/* -------- other processes behind sockets -------- */

/* Whoever connects to @path is served by @fn, in a thread of its own, with the
 * other end of the socket in blocking mode; it is closed when @fn returns.
 * fake_reset ends the connection and waits for @fn. @fn uses the real kernel's
 * calls. */
typedef void fake_server_fn(int fd, void *arg);
void fake_server(const char *path, fake_server_fn *fn, void *arg);
/* End all connections and wait for their @fn; no new ones are accepted. */
void fake_servers_stop(void);
/* sys_poll waits @ms at most, then the clock jumps by the rest; default: no
 * jump. For tests of time limits. */
void fake_impatient(unsigned ms);

/* Offer the function @bdf of fake_pci_add at a socket, by vfio-user, instead of
 * through the kernel: config space is then the hardware's own. Its calls appear
 * in the trace, and can be made to fail, under the names that they have in the
 * kernel's interface. Zeroes mean what is said. */
struct fake_user {
	const char *path, *bdf;
	unsigned max_fds;  /* 0: not announced, so 1 */
	unsigned max_data; /* 0: not announced, so 1 MiB */
	bool dribbles;	   /* every byte is a send of its own */
	bool no_masks;	   /* INTx takes no mask and no unmask */
	bool no_unmask_fd; /* ... no eventfd for unmask */
	bool no_events;	   /* neither ERR nor REQ */
	bool no_fd;	   /* regions come without a descriptor */
};
void fake_user_add(const struct fake_user *u);
/* Ranges of guest RAM that the server of @bdf has now. */
unsigned fake_user_maps(const char *bdf);

/* -------- host facts -------- */

void fake_memory_total(uint64_t bytes); /* default 64 GiB */
void fake_cpus_online(unsigned n);	/* default 2 */
void fake_hugepages(uint64_t bytes);	/* hugetlb pool; default 0 */
/* RLIMIT_MEMLOCK and whether CAP_IPC_LOCK makes it moot; default unlimited,
 * no capability. */
void fake_memlock(uint64_t soft, uint64_t hard, bool cap_ipc_lock);
/* sys_sleep_ms sleeps a millisecond at most, it advances sys_now_ns; so does
 * this. */
void fake_advance_ns(uint64_t ns);
/* How long sys_sleep_ms was asked to sleep, all in all. */
uint64_t fake_slept_ns(void);

/* -------- KVM -------- */

/* Another answer of KVM_CHECK_EXTENSION. KVM_CAP_NR_MEMSLOTS and
 * KVM_CAP_IRQ_ROUTING are enforced too. */
void fake_kvm_cap(int cap, int value);
/* Another leaf of KVM_GET_SUPPORTED_CPUID; default: a small Intel, 46 bits of
 * physical addresses. */
void fake_kvm_cpuid(uint32_t leaf, uint32_t index, uint32_t eax, uint32_t ebx,
		    uint32_t ecx, uint32_t edx);

/* What vCPU @index does next: fill @run (exit_reason ...) and return 0, or
 * return a negative errno for KVM_RUN, or FAKE_RUN_HALT to sleep until
 * kvm_run.immediate_exit is set (which gives -EINTR). Called on the vCPU's
 * thread, also to complete the previous exit: @run->mmio.data holds what a
 * read was answered with. Default: always FAKE_RUN_HALT. */
enum { FAKE_RUN_HALT = 1 };
typedef int fake_run_fn(struct kvm_run *run, unsigned index, void *arg);
void fake_kvm_on_run(fake_run_fn *fn, void *arg);
/* The access that is under way has @n more parts, the same exit each, before
 * immediate_exit gives -EINTR. Of one vCPU. */
void fake_kvm_parts(unsigned n);

/* What KVM_GET_STATS_FD of the VM and of each vCPU gives to read; default: a
 * kernel that has no statistics. */
void fake_kvm_stats(const void *data, size_t n);

struct fake_slot {
	uint32_t slot, flags;
	uint64_t gpa, size, hva;
};
unsigned fake_kvm_slots(void);
/* The memory slot that contains @gpa, or NULL. */
const struct fake_slot *fake_kvm_slot_at(uint64_t gpa);

/* The routing entry of @gsi that is not a PIC pin, or NULL. */
const struct kvm_irq_routing_entry *fake_kvm_route(uint32_t gsi);
unsigned fake_kvm_routes(void);
/* Is an irqfd tied to @gsi? */
bool fake_kvm_has_irqfd(uint32_t gsi);
unsigned fake_kvm_irqfds(void);
/* How often was @gsi injected: by irqfd, KVM_IRQ_LINE (rising), and, for the
 * message, KVM_SIGNAL_MSI (counted under FAKE_SIGNAL_MSI). */
enum { FAKE_SIGNAL_MSI = 0xffffffff };
unsigned fake_kvm_injected(uint32_t gsi);
int fake_kvm_line(uint32_t gsi); /* level of a pin */
/* The guest ends the interrupt of @gsi: the pin falls, resample eventfds are
 * signalled. */
void fake_kvm_eoi(uint32_t gsi);
/* The guest writes to an address with an ioeventfd: true if one was hit. */
bool fake_kvm_ioeventfd(bool pio, uint64_t at, unsigned len, uint64_t value);
unsigned fake_kvm_ioeventfds(void);
/* The argument that vCPU @index got last with KVM_SET_REGS, KVM_SET_SREGS,
 * KVM_SET_CPUID2, KVM_SET_MSRS ... (ioctl number @cmd), or NULL. */
const void *fake_kvm_vcpu_state(unsigned index, unsigned long cmd);
/* The value of an MSR that KVM_SET_MSRS set; -1 if it was not. */
int64_t fake_kvm_msr(unsigned index, uint32_t msr);
/* KVM_SET_MSRS stops at this one from now on; KVM_GET_MSRS at that one. */
void fake_kvm_msr_refuse(uint32_t msr);
void fake_kvm_msr_absent(uint32_t msr);

/* -------- PCI functions and VFIO -------- */

struct fake_bar {
	uint64_t size; /* a power of two; 0: no BAR */
	bool io, mem64, prefetch, no_mmap;
	bool no_read, no_write; /* VFIO lacks the flag */
};

struct fake_cap {
	uint16_t id;
	uint16_t at;	  /* below 0x100: standard, else extended */
	uint8_t version;  /* extended only */
	const void *body; /* what follows the header (2 or 4 bytes) */
	unsigned body_size;
};

/* A function, described. Zeroes mean "none", or what is said. */
struct fake_pci {
	const char *bdf;    /* "0000:01:00.0" */
	int group;	    /* IOMMU group; -1: in none */
	const char *driver; /* NULL: "vfio-pci"; "": none */
	uint16_t vendor, device, subvendor, subdevice;
	uint32_t class_code; /* 24 bits */
	uint8_t revision, pin, header_type;
	struct fake_bar bar[6];
	uint64_t rom_size;
	uint64_t rom_image;   /* so many bytes of it; 0: all */
	bool rom_invalid;     /* a BAR, but no image that the host believes */
	unsigned config_size; /* 0: 4096 */
	uint8_t express_at;   /* a PCIe capability (endpoint, FLR) */
	uint8_t pm_at;	      /* power management, version 3, NoSoftRst */
	struct {
		uint8_t at;
		uint16_t vectors;
		uint8_t table_bar, pba_bar;
		uint32_t table, pba;
		bool dynamic; /* else VFIO_IRQ_INFO_NORESIZE */
	} msix;
	struct {
		uint8_t at;
		uint8_t log2_vectors;
		bool addr64, maskbits;
	} msi;
	const struct fake_cap *caps; /* further ones, any order */
	unsigned n_caps;
	/* a mediated device, as samples/vfio-mdev/mtty.c makes them: bdf is its
	 * UUID, driver by default "mtty", 255 bytes of config space, a reset
	 * that it does not tell of, no eventfd that unmasks INTx, an error for
	 * interrupt indices other than INTx and MSI. Not modelled: that its
	 * group has no IOVA ranges, and that maps pin nothing for it */
	bool mediated;
	bool no_pci;	   /* VFIO_DEVICE_FLAGS_PCI is clear, _CCW set */
	bool no_reset;	   /* VFIO_DEVICE_FLAGS_RESET is clear */
	bool no_bus_reset; /* neither its bus nor its slot can be reset */
	/* an SR-IOV virtual function: no IDs, BARs and memory enable in
	 * hardware; the kernel shows all three */
	bool is_virtual;
	const char *pf; /* ... of this physical function, if it matters */
	bool no_msix_mappable; /* a kernel before 4.16 */
	/* BAR 0's sparse mmap list: pairs of offset and size, ended by size 0
	 */
	const uint64_t *sparse;
};

/* Put the function into sysfs and its group, make /dev/vfio/<group> if the
 * driver is a vfio driver. The kernel virtualises its config space as vfio-pci
 * of 6.12 does: BARs sized by us, MSI enable gated, MSI-X read-only, unknown
 * extended capabilities hidden, the rest raw. */
void fake_pci_add(const struct fake_pci *p);

/* From now on the host has /dev/iommu, and each function on vfio-pci, those
 * added before too, a node /dev/vfio/devices/vfioN. */
void fake_iommufd(void);
/* vfio-pci makes dma-bufs of BARs, as Linux 6.19 does. */
void fake_dmabufs(void);
/* vfio-pci lets functions sleep, as Linux 6.1 does. */
void fake_low_power(void);
/* May the host suspend @bdf now? */
bool fake_pci_sleeps(const char *bdf);
/* I/O address spaces that /dev/iommu has now. */
unsigned fake_iommufd_spaces(void);

/* Let the members of @group reserve [start, last] in their IOVA space, as the
 * sysfs file says and MAP_DMA enforces; @type "msi", "reserved", "direct". */
void fake_group_reserve(int group, uint64_t start, uint64_t last,
			const char *type);
/* SET_CONTAINER of a second container-sharing group fails with EINVAL; so does
 * attaching a function of it to an IOAS that has others. */
void fake_group_incompatible(int group);
/* The IOVA aperture's width in bits, default 48. */
void fake_iommu_width(unsigned bits);
/* How many DMA maps a container takes, default 65535. */
void fake_iommu_entries(unsigned n);
/* Which VFIO_CHECK_EXTENSION are answered with 1; default TYPE1v2, TYPE1,
 * UNMAP_ALL, DMA_CC. */
void fake_vfio_extension(unsigned ext, int answer);
/* All maps of all containers and IOAS together. */
unsigned fake_dma_maps(void);
/* In every container, and in every IOAS. */
bool fake_dma_mapped(uint64_t iova, uint64_t size);

/* The hardware's side of @bdf. */
uint8_t *fake_pci_hw_config(const char *bdf); /* 4096 bytes, raw */
/* The test wrote there before the function is opened: the kernel looks anew,
 * and sysfs shows it. */
void fake_pci_changed(const char *bdf);
/* As VFIO shows it now. */
void fake_pci_vfio_config(const char *bdf, uint8_t out[4096]);
void *fake_pci_bar(const char *bdf, unsigned bar); /* its registers */
/* The function raises @vector of VFIO interrupt @index. False if no eventfd
 * is set there (or, INTx, it is masked). */
bool fake_pci_interrupt(const char *bdf, unsigned index, unsigned vector);
/* How many writes it makes when an eventfd is signalled. */
unsigned fake_pci_writes_by(const char *bdf);
/* How many eventfds are set for @index; 0 also when it is off. */
unsigned fake_pci_vectors(const char *bdf, unsigned index);
bool fake_pci_intx_masked(const char *bdf);
unsigned fake_pci_resets(const char *bdf);
/* What follows its next resets: @silent accesses that find all ones
 * (UINT32_MAX: it is gone), and another device ID, 0: as before. */
void fake_pci_after_reset(const char *bdf, uint32_t silent, uint16_t device);
/* Resets of all functions wait, until it is over. */
void fake_resets_hold(bool on);
/* The next @n answers to VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: one more than
 * there is room for. */
void fake_hot_set_grows(unsigned n);
bool fake_pci_is_open(const char *bdf);
/* The host has only @n interrupt vectors left: SET_IRQS returns @n when asked
 * for more. */
void fake_pci_host_vectors(const char *bdf, unsigned n);

enum fake_gone {
	FAKE_PRESENT,
	FAKE_ALL_ONES, /* reads give ones, writes vanish */
	FAKE_EIO,      /* reads and writes of the device fd give EIO */
	FAKE_SHORT,    /* they transfer half of what was asked */
};
void fake_pci_gone(const char *bdf, enum fake_gone how);

#endif

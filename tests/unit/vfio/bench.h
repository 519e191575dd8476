/* tests/unit/vfio/bench.h - a VM with one assigned function, on fake kernels
 *
 * What machine/ does, in small: a VM with RAM, a root port, the function below
 * it with BARs assigned and INTx wired, decode still off.
 *
 * The function comes through the kernel, by group or, with bench_iommufd set,
 * by iommufd, or, with bench_user set, through a vfio-user server; the fake
 * device behind all is the same, so a test of what a guest meets runs over all
 * (VFIO-OPEN-11, VFIO-VU-01): BENCH_MAIN.
 */
#ifndef VFIO_BENCH_H
#define VFIO_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pcie/host.h"
#include "tests/fakes/kernel.h"
#include "vfio/dma.h"
#include "vfio/group.h"
#include "vfio/internal.h"
#include "vfio/iommufd.h"
#include "vfio/user.h"
#include "vmm/base/sys.h"
#include "vmm/vm.h"

#define BDF "0000:01:00.0"
#define SOCKET "/run/card.sock"
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* What attach() takes. */
#define WANT(n) (&(struct vfio_wanted){ .name = (n) })

/* NULL: through the kernel. */
static const struct fake_user *bench_user;
static bool bench_iommufd;
/* What the command line calls the function. */
static const char *bench_host = BDF;

/* What messages call the function. */
static inline const char *bench_name(void)
{
	return bench_user ? SOCKET : BDF;
}

struct bench {
	struct vm vm;
	struct vfio_iommu *iommu;
	struct vfio_function f;
	struct vfio_options o;
	struct vfio_device *dev;
	struct pci_host host;
	struct pci_port port;
	struct pci_device *pci;
};

/* @call reports to &why, and has to succeed. */
#define MUST(call)                                           \
	do {                                                 \
		struct err why = ERR_NONE;                   \
		int must_rc = (call);                        \
                                                             \
		if (must_rc < 0)                             \
			fail_msg("%s: %s", #call, why.text); \
	} while (0)

static const struct pci_apertures bench_apertures = {
	.ecam = { 0xe0000000, 0x10000000 },
	.mem32 = { 0x80000000, 0x60000000 },
	.mem64 = { 64 * GIB, 64 * GIB },
	.io = { 0x1000, 0xf000 },
};

static inline void bench_vm(struct bench *b)
{
	memset(b, 0, sizeof(*b));
	b->vm = VM_EMPTY;
	MUST(vm_open(&b->vm, &why));
	MUST(mem_add_ram(&b->vm.mem, 0, 64 * MIB,
			 bench_user ? MEM_SHARED : MEM_PLAIN, &why));
	MUST(vm_create_cpus(&b->vm, 1, &why));
	if (bench_user) {
		fake_user_add(bench_user);
		MUST(vfio_user_iommu_open(&b->vm.loop, &b->iommu, &why));
	} else if (bench_iommufd) {
		fake_iommufd();
		MUST(vfio_iommufd_iommu_open(b->vm.fd, 0, &b->iommu, &why));
	} else {
		MUST(vfio_group_iommu_open(b->vm.fd, 0, &b->iommu, &why));
	}
}

/* Open the function; its place in the machine comes later. */
static inline int bench_attach(struct bench *b, struct err *e)
{
	int rc = bench_user ? vfio_user_function(SOCKET, &b->f, e)
			    : vfio_function_find(bench_host, &b->f, e);

	if (rc >= 0)
		rc = vfio_device_open(&b->vm, b->iommu, &b->f, &b->o, &b->dev,
				      e);
	if (rc >= 0)
		b->pci = vfio_device_pci(b->dev);
	if (rc >= 0)
		rc = vfio_resets_check(b->iommu, e);
	return rc;
}

/* For fake_sweep: opening the function, and nothing else. */
static inline int bench_sweep_open(void *arg, struct err *e)
{
	struct bench *b = arg;

	b->dev = NULL;
	return bench_attach(b, e);
}

static inline void bench_sweep_close(void *arg)
{
	struct bench *b = arg;

	vfio_device_close(b->dev);
	b->dev = NULL;
}

static inline int bench_place(struct bench *b, struct err *e)
{
	int rc = pci_host_open(&b->host, &b->vm, &bench_apertures, e);

	if (rc < 0)
		return rc;
	pci_port_init(&b->port, 1);
	rc = pci_host_add_port(&b->host, &b->port, 1 << 3, e);
	if (rc < 0)
		return rc;
	pci_port_plug(&b->port, b->pci);
	rc = pci_host_assign(&b->host, e);
	if (rc < 0)
		return rc;
	return vfio_device_wire(b->dev, e);
}

/* All of it; @p may be NULL if the test added the function. */
static inline void bench_open(struct bench *b, const struct fake_pci *p)
{
	if (p)
		fake_pci_add(p);
	bench_vm(b);
	MUST(bench_attach(b, &why));
	MUST(bench_place(b, &why));
}

/* KVM and the IOMMU hold nothing of ours any more. */
static inline void bench_nothing_left(const struct vm *vm, uint64_t maps)
{
	assert_int_equal(counter_get(&vm->mem.slots), 0);
	assert_int_equal(counter_get(&vm->irq.gsis), 0);
	assert_int_equal(counter_get(&vm->irq.routes), 0);
	assert_int_equal(counter_get(&vm->irq.irqfds), 0);
	assert_int_equal(maps, 0);
}

static inline void bench_close(struct bench *b)
{
	uint64_t maps;

	vfio_device_close(b->dev);
	if (b->port.dev.ops)
		pci_port_fini(&b->port);
	pci_host_close(&b->host);
	maps = b->iommu ? maplog_live(&b->iommu->log) : 0;
	if (b->iommu)
		b->iommu->ops->close(b->iommu);
	vm_close(&b->vm);
	bench_nothing_left(&b->vm, maps);
}

/* A byte of config space as VFIO shows it. */
static inline uint8_t vfio_byte(unsigned off)
{
	uint8_t config[4096];

	fake_pci_vfio_config(BDF, config);
	return config[off];
}

/* Run the handlers of what is ready, until nothing is. */
static inline void bench_loop(struct bench *b)
{
	struct epoll_event ev;

	while (sys_epoll_wait(b->vm.loop.epfd, &ev, 1, 0) == 1) {
		struct loop_fd *f = (struct loop_fd *)(uintptr_t)ev.data.u64;

		f->handler(f, ev.events);
	}
}

static inline uint32_t cfg_read(struct bench *b, unsigned off, unsigned len)
{
	return pci_config_read(b->pci, off, len);
}

static inline void cfg_write(struct bench *b, unsigned off, unsigned len,
			     uint32_t v)
{
	pci_config_write(b->pci, off, len, v);
	pci_host_settle(&b->host);
	(void)vfio_reset_await(b->dev, NULL);
}

/* A reset from above, to its end. */
static inline void bench_reset(struct bench *b)
{
	pthread_mutex_lock(&b->pci->lock);
	vfio_device_reset(b->pci);
	pthread_mutex_unlock(&b->pci->lock);
	(void)vfio_reset_await(b->dev, NULL);
}

/* Of all of the machine, waited for. */
static inline int bench_reset_all(struct vfio_iommu *i, struct err *e)
{
	struct err scratch = ERR_NONE;
	int rc = vfio_reset_all_begin(i, e);
	int then = vfio_reset_all_end(i, rc < 0 ? &scratch : e);

	return rc < 0 ? rc : then;
}

static inline void bench_port_write(struct bench *b, uint32_t v)
{
	pci_config_write(&b->port.dev, PCI_BRIDGE_CONTROL, 2, v);
	pci_host_settle(&b->host);
	(void)vfio_reset_await(b->dev, NULL);
}

static inline void decode_on(struct bench *b)
{
	cfg_write(b, PCI_COMMAND, 2,
		  PCI_COMMAND_MEMORY | PCI_COMMAND_IO | PCI_COMMAND_MASTER);
}

static inline uint64_t bar_at(struct bench *b, unsigned bar)
{
	return pci_bar_address(b->pci, bar);
}

/* -------- functions that tests assign -------- */

/* One BAR of 16 KiB, table and PBA behind the registers; PCIe, PM, MSI, MSI-X
 * and INTx. */
static const struct fake_pci plain_function = {
	.bdf = BDF,
	.group = 12,
	.vendor = 0x1b36,
	.device = 0x0010,
	.class_code = 0x010802,
	.pin = 1,
	.bar = { { .size = 0x4000, .mem64 = true } },
	.pm_at = 0x40,
	.msi = { .at = 0x50,
		 .log2_vectors = 3,
		 .addr64 = true,
		 .maskbits = true },
	.express_at = 0x70,
	.msix = { .at = 0xb0,
		  .vectors = 16,
		  .table = 0x2000,
		  .pba = 0x3000,
		  .dynamic = true },
};

/* -------- both ways -------- */

static const struct fake_user bench_server = {
	.path = SOCKET, .bdf = BDF, .max_fds = 8, .max_data = 4096
};

/* Does the sentence begin with the function's name and go on with @text? */
static inline bool bench_says(const struct err *e, const char *text)
{
	size_t n = strlen(bench_name());

	return strncmp(e->text, bench_name(), n) == 0 &&
	       strncmp(e->text + n, text, strlen(text)) == 0;
}

/* Tests of what a guest meets, over the kernel's two interfaces and over
 * vfio-user; then those of the kernel only. */
#define BENCH_MAIN(both, kernel_only)                                          \
	int main(void)                                                         \
	{                                                                      \
		int rc = cmocka_run_group_tests_name("group", both, NULL,      \
						     NULL);                    \
                                                                               \
		rc += cmocka_run_group_tests_name("group only", kernel_only,   \
						  NULL, NULL);                 \
		bench_iommufd = true;                                          \
		rc += cmocka_run_group_tests_name("iommufd", both, NULL,       \
						  NULL);                       \
		rc += cmocka_run_group_tests_name("iommufd only", kernel_only, \
						  NULL, NULL);                 \
		bench_iommufd = false;                                         \
		bench_user = &bench_server;                                    \
		rc += cmocka_run_group_tests_name("vfio-user", both, NULL,     \
						  NULL);                       \
		return rc;                                                     \
	}

#endif

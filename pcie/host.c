/* pcie/host.c - the host bridge: the root bus, its bridges, where ECAM is
 *
 * Subsystem IDs of the bridges are 0: the PCI specification frees bridges from
 * them, and 1af4:1100 would tell drivers that this is QEMU, whose quirks they
 * know and we do not have.
 */
#include "pcie/host.h"

#include <assert.h>
#include <linux/pci.h>
#include <linux/pci_regs.h>

#include "pcie/bar.h"
#include "pcie/doors.h"
#include "pcie/trace.h"
#include "vmm/base/bytes.h"

enum {
	CLASS_BRIDGE_HOST = 0x0600, /* PCI Code and ID Assignment 1.7 */
	CLASS_BRIDGE_ISA = 0x0601,
	VENDOR_INTEL = 0x8086,
	DEVICE_Q35_HB = 0x29c0,
	DEVICE_ICH9_LPC = 0x2918,
	LPC_DEVFN = PCI_DEVFN(0x1f, 0),
	PCIEXBAR = 0x60, /* Intel 3 Series Express Chipset 5.1.16 */
	PCIEXBAR_ENABLE = 1,
	MIB = 1 << 20,
};

/* Bits 38:26; the two lowest count only while the window is smaller. */
#define PCIEXBAR_ADDRESS 0x7ffc000000ull

static const struct pci_ops bridge_ops;
static const struct pci_ops lpc_ops;

/* -------- who is where -------- */

struct pci_device *pci_host_find(struct pci_host *h, uint8_t bus, uint8_t devfn)
{
	if (bus == 0)
		return h->root[devfn];
	if (devfn >= PCI_FUNCTIONS)
		return NULL;
	for (unsigned i = 0; i < h->n_ports; i++)
		if (pci_port_answers(h->ports[i], bus))
			return h->ports[i]->child[devfn];
	return NULL;
}

int pci_host_add(struct pci_host *h, struct pci_device *d, uint8_t devfn,
		 struct err *e)
{
	if (h->root[devfn])
		return err_set(
			e, -EEXIST, "%s and %s cannot both be 00:%02x.%x",
			h->root[devfn]->name, d->name,
			(unsigned)PCI_SLOT(devfn), (unsigned)PCI_FUNC(devfn));
	assert(!d->host && !d->port);
	h->root[devfn] = d;
	d->host = h;
	d->devfn = devfn;
	d->upstream = (struct pci_windows){
		.io = h->ap.io,
		.mem = h->ap.mem32,
		.pref = h->ap.mem64,
		.io_on = true,
		.mem_on = true,
		.master_on = true,
	};
	pci_functions_mark(&h->root[PCI_DEVFN(PCI_SLOT(devfn), 0)]);
	return 0;
}

int pci_host_add_port(struct pci_host *h, struct pci_port *p, uint8_t devfn,
		      struct err *e)
{
	int rc;

	if (h->n_ports == PCI_MAX_PORTS)
		return err_set(e, -ENOSPC,
			       "there is room for %d root ports, no more",
			       PCI_MAX_PORTS);
	rc = pci_host_add(h, &p->dev, devfn, e);
	if (rc < 0)
		return rc;
	h->ports[h->n_ports++] = p;
	for (unsigned f = 0; f < PCI_FUNCTIONS; f++)
		if (p->child[f])
			p->child[f]->host = h;
	return 0;
}

static void strand(struct pci_port *p)
{
	for (unsigned f = 0; f < PCI_FUNCTIONS; f++) {
		struct pci_device *c = p->child[f];

		if (!c)
			continue;
		pci_bars_unmap(c);
		c->host = NULL;
	}
}

/* A port that leaves takes its functions along, which stay plugged in. */
static void forget_port(struct pci_host *h, const struct pci_device *d)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < h->n_ports; i++) {
		struct pci_port *p = h->ports[i];

		if (&p->dev != d)
			h->ports[kept++] = p;
		else
			strand(p);
	}
	h->n_ports = kept;
}

void pci_host_remove(struct pci_device *d)
{
	struct pci_host *h = d->host;

	pci_bars_unmap(d);
	if (d->port) {
		d->port->child[PCI_FUNC(d->devfn)] = NULL;
	} else if (h) {
		h->root[d->devfn] = NULL;
		forget_port(h, d);
	}
	d->port = NULL;
	d->host = NULL;
}

/* -------- who waits for room -------- */

void pci_host_wait(struct pci_host *h, bool *flag, bool waits)
{
	if (*flag == waits)
		return;
	*flag = waits;
	if (waits)
		atomic_fetch_add(&h->waiting, 1);
	else
		atomic_fetch_sub(&h->waiting, 1);
}

/* -------- PCIEXBAR -------- */

/* Where PCIEXBAR puts the window; size 0: nowhere. */
static struct range ecam_wanted(const struct pci_host *h)
{
	uint64_t v = le64_load(h->bridge.config + PCIEXBAR);
	unsigned length = (v >> 1) & 3;
	struct range r;

	if (!(v & PCIEXBAR_ENABLE) || length == 3)
		return (struct range){ 0 };
	r.size = (256ull * MIB) >> length;
	r.base = align_down(v & PCIEXBAR_ADDRESS, r.size);
	return r;
}

/* Bring the window to where PCIEXBAR says; unmapped while that is not free.
 * bridge.lock held, or nobody else there yet. */
static int ecam_move(struct pci_host *h, struct err *e)
{
	struct range want = ecam_wanted(h);
	struct bus *mmio = &h->vm->mmio;
	int rc;

	if (h->ecam.listed && h->ecam.base == want.base &&
	    h->ecam.size == want.size)
		return 0;
	bus_remove(mmio, &h->ecam);
	if (want.size == 0)
		return 0;
	h->ecam.base = want.base;
	h->ecam.size = want.size;
	rc = bus_add(mmio, &h->ecam, e);
	if (rc >= 0)
		trace_ecam(&want);
	return rc;
}

static void ecam_follow(struct pci_host *h)
{
	struct err e = ERR_NONE;
	bool stuck = ecam_move(h, &e) < 0;

	if (stuck)
		trace_ecam_waits(e.text);
	pci_host_wait(h, &h->ecam_waiting, stuck);
}

static void bridge_config_write(struct pci_device *d, unsigned off,
				unsigned len, uint32_t v)
{
	pci_config_write_default(d, off, len, v);
	if (pci_touches(off, len, PCIEXBAR, 8))
		ecam_follow(container_of(d, struct pci_host, bridge));
}

static void settle_one(struct pci_device *d)
{
	if (!d)
		return;
	pthread_mutex_lock(&d->lock);
	if (pci_bars_waiting(d))
		pci_bars_update(d);
	pthread_mutex_unlock(&d->lock);
}

void pci_host_settle(struct pci_host *h)
{
	/* Whoever made room calls this after it, so one look is enough. */
	if (atomic_load(&h->waiting) == 0)
		return;
	for (unsigned i = 0; i < ARRAY_LEN(h->root); i++)
		settle_one(h->root[i]);
	for (unsigned i = 0; i < h->n_ports; i++)
		for (unsigned f = 0; f < PCI_FUNCTIONS; f++)
			settle_one(h->ports[i]->child[f]);
	pthread_mutex_lock(&h->bridge.lock);
	if (h->ecam_waiting)
		ecam_follow(h);
	pthread_mutex_unlock(&h->bridge.lock);
}

/* -------- life -------- */

static void init_bridge(struct pci_host *h)
{
	struct pci_device *d = &h->bridge;
	uint64_t writable = PCIEXBAR_ADDRESS | 7;

	pci_device_init(d, &bridge_ops, "host bridge");
	d->config_size = PCI_CONFIG_SIZE;
	pci_config_set(d, PCI_VENDOR_ID, 2, VENDOR_INTEL);
	pci_config_set(d, PCI_DEVICE_ID, 2, DEVICE_Q35_HB);
	pci_config_set(d, PCI_CLASS_DEVICE, 2, CLASS_BRIDGE_HOST);
	le64_store(d->config + PCIEXBAR, h->ap.ecam.base | PCIEXBAR_ENABLE);
	le64_store(d->writable + PCIEXBAR, writable);
}

/* Guests look here for PMBASE (0x40), GPIOBASE (0x48) and generic decode
 * ranges (0x84, quirk_ich7_lpc); all are 0: disabled. One function only, so
 * not multi-function, unlike a real ICH9. */
static void init_lpc(struct pci_host *h)
{
	struct pci_device *d = &h->lpc;

	pci_device_init(d, &lpc_ops, "LPC bridge");
	d->config_size = PCI_CONFIG_SIZE;
	pci_config_set(d, PCI_VENDOR_ID, 2, VENDOR_INTEL);
	pci_config_set(d, PCI_DEVICE_ID, 2, DEVICE_ICH9_LPC);
	pci_config_set(d, PCI_CLASS_DEVICE, 2, CLASS_BRIDGE_ISA);
}

static int build(struct pci_host *h, struct err *e)
{
	int rc;

	rc = pci_host_add(h, &h->bridge, PCI_DEVFN(0, 0), e);
	if (rc < 0)
		return rc;
	rc = pci_host_add(h, &h->lpc, LPC_DEVFN, e);
	if (rc < 0)
		return rc;
	rc = ecam_move(h, e);
	if (rc < 0)
		return err_in(e, rc, "ECAM");
	rc = bus_add(&h->vm->pio, &h->cf8, e);
	if (rc < 0)
		return err_in(e, rc, "PCI configuration ports");
	return 0;
}

int pci_host_open(struct pci_host *h, struct vm *vm,
		  const struct pci_apertures *ap, struct err *e)
{
	int rc;

	assert(ap->ecam.base % (256ull * MIB) == 0 &&
	       (ap->ecam.base & ~PCIEXBAR_ADDRESS) == 0);
	*h = (struct pci_host){
		.vm = vm,
		.ap = *ap,
		.ecam = { .name = "ECAM", .ops = &pci_ecam_ops },
		.cf8 = { .name = "CF8/CFC",
			 .ops = &pci_cf8_ops,
			 .base = PCI_CF8_PORT,
			 .size = PCI_CF8_PORTS },
	};
	pthread_mutex_init(&h->cf8_lock, NULL);
	init_bridge(h);
	init_lpc(h);
	rc = build(h, e);
	if (rc < 0)
		pci_host_close(h);
	return rc;
}

void pci_host_close(struct pci_host *h)
{
	if (!h->vm)
		return;
	bus_remove(&h->vm->pio, &h->cf8);
	bus_remove(&h->vm->mmio, &h->ecam);
	for (unsigned i = 0; i < ARRAY_LEN(h->root); i++)
		if (h->root[i])
			pci_host_remove(h->root[i]);
	pci_device_fini(&h->bridge);
	pci_device_fini(&h->lpc);
	pthread_mutex_destroy(&h->cf8_lock);
	h->vm = NULL;
}

/* -------- reset of the machine -------- */

static void reset_doors(struct pci_host *h)
{
	pthread_mutex_lock(&h->cf8_lock);
	h->cf8_latch = 0;
	h->reset_control = 0;
	pthread_mutex_unlock(&h->cf8_lock);
}

static void reset_bridge(struct pci_host *h, struct pci_device *d)
{
	pthread_mutex_lock(&d->lock);
	pci_config_recall(d);
	if (d == &h->bridge)
		ecam_follow(h);
	pthread_mutex_unlock(&d->lock);
}

void pci_host_reset(struct pci_host *h)
{
	for (unsigned i = 0; i < h->n_ports; i++)
		pci_port_reset(h->ports[i]);
	reset_bridge(h, &h->bridge);
	reset_bridge(h, &h->lpc);
	reset_doors(h);
}

static const struct pci_ops bridge_ops = {
	.config_write = bridge_config_write,
};

static const struct pci_ops lpc_ops = {
	.config_read = NULL, /* bytes and masks are all there is */
};

/* pcie/port.c - a PCI Express root port: a bridge with one slot below it
 *
 * How it works. All registers are masked bytes. After a write that touches
 * what decides about forwarding, follow() reads the registers and tells the
 * children (windows) and the host bridge (bus number) what they now say; half
 * written windows are windows like others.
 */
#include "pcie/port.h"

#include <assert.h>
#include <linux/pci.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>

#include "pcie/bar.h"
#include "pcie/caps.h"
#include "pcie/host.h"
#include "pcie/trace.h"
#include "vmm/base/bytes.h"

enum {
	EXP = 0x40,	     /* the PCIe capability: all of the list */
	EXP_SIZE = 0x3c,     /* version 2 */
	IO_GRANULE = 0x1000, /* PCI-to-PCI Bridge 1.2 3.2.5.6 */
	MEM_GRANULE = 0x100000,
	CLASS_BRIDGE_PCI = 0x0604,
	VENDOR_REDHAT = 0x1b36,
	DEVICE_ROOT_PORT = 0x000c, /* generic PCIe root port */
};

#define SECONDARY_STATUS_W1C                                         \
	(PCI_STATUS_PARITY | PCI_STATUS_SIG_TARGET_ABORT |           \
	 PCI_STATUS_REC_TARGET_ABORT | PCI_STATUS_REC_MASTER_ABORT | \
	 PCI_STATUS_SIG_SYSTEM_ERROR | PCI_STATUS_DETECTED_PARITY)

/* What matters of a child's PCIe capability. */
struct express {
	uint32_t payload;     /* its code in DEVCAP */
	uint32_t cap, status; /* of the link */
};

static const struct pci_ops port_ops;

/* -------- what the registers say -------- */

uint8_t pci_port_secondary(const struct pci_port *p)
{
	return p->dev.config[PCI_SECONDARY_BUS];
}

uint8_t pci_port_subordinate(const struct pci_port *p)
{
	return p->dev.config[PCI_SUBORDINATE_BUS];
}

static bool in_reset(const struct pci_port *p)
{
	return pci_config_load(&p->dev, PCI_BRIDGE_CONTROL, 2) &
	       PCI_BRIDGE_CTL_BUS_RESET;
}

static bool link_disabled(const struct pci_port *p)
{
	return pci_config_load(&p->dev, EXP + PCI_EXP_LNKCTL, 2) &
	       PCI_EXP_LNKCTL_LD;
}

/* A base above its limit closes a window. */
static struct range window(uint64_t base, uint64_t limit)
{
	if (base > limit)
		return (struct range){ 0 };
	return (struct range){ base, limit - base + 1 };
}

static struct range io_window(const struct pci_device *d)
{
	uint32_t base = d->config[PCI_IO_BASE] & PCI_IO_RANGE_MASK;
	uint32_t limit = d->config[PCI_IO_LIMIT] & PCI_IO_RANGE_MASK;

	return window((base & 0xff) << 8,
		      (limit & 0xff) << 8 | (IO_GRANULE - 1));
}

static struct range mem_window(const struct pci_device *d)
{
	uint64_t base = pci_config_load(d, PCI_MEMORY_BASE, 2) & 0xfff0;
	uint64_t limit = pci_config_load(d, PCI_MEMORY_LIMIT, 2) & 0xfff0;

	return window(base << 16, limit << 16 | (MEM_GRANULE - 1));
}

static struct range pref_window(const struct pci_device *d)
{
	uint64_t base = pci_config_load(d, PCI_PREF_MEMORY_BASE, 2) & 0xfff0;
	uint64_t limit = pci_config_load(d, PCI_PREF_MEMORY_LIMIT, 2) & 0xfff0;
	uint64_t base_up = pci_config_load(d, PCI_PREF_BASE_UPPER32, 4);
	uint64_t limit_up = pci_config_load(d, PCI_PREF_LIMIT_UPPER32, 4);

	return window(base_up << 32 | base << 16,
		      limit_up << 32 | limit << 16 | (MEM_GRANULE - 1));
}

static struct pci_windows windows(const struct pci_port *p)
{
	const struct pci_device *d = &p->dev;
	uint32_t command = pci_config_load(d, PCI_COMMAND, 2);

	if (in_reset(p) || link_disabled(p))
		return (struct pci_windows){ 0 };
	return (struct pci_windows){
		.io = io_window(d),
		.mem = mem_window(d),
		.pref = pref_window(d),
		.io_on = command & PCI_COMMAND_IO,
		.mem_on = command & PCI_COMMAND_MEMORY,
		.master_on = command & PCI_COMMAND_MASTER,
	};
}

/* -------- telling the others -------- */

/* A bridge forwards bus numbers from secondary to subordinate; the children's
 * is the secondary one, and there are no buses further down. */
static void publish(struct pci_port *p)
{
	uint8_t secondary = pci_port_secondary(p);
	bool down = in_reset(p) || link_disabled(p) ||
		    pci_port_subordinate(p) < secondary;

	atomic_store(&p->route, secondary | (down ? PCI_PORT_DOWN : 0u));
}

bool pci_port_answers(struct pci_port *p, uint8_t bus)
{
	/* Bus 0 is the root bus, whatever a port says. */
	return bus != 0 && atomic_load(&p->route) == bus;
}

static void follow_link(struct pci_port *p)
{
	unsigned reg = EXP + PCI_EXP_LNKSTA;
	uint32_t status = pci_config_load(&p->dev, reg, 2) &
			  ~(uint32_t)PCI_EXP_LNKSTA_DLLLA;

	if (pci_port_occupied(p) && !link_disabled(p))
		status |= PCI_EXP_LNKSTA_DLLLA;
	pci_config_set(&p->dev, reg, 2, status);
}

static void forward(struct pci_device *c, const struct pci_windows *w)
{
	pthread_mutex_lock(&c->lock);
	c->upstream = *w;
	pci_bars_update(c);
	pthread_mutex_unlock(&c->lock);
}

static void reset_child(struct pci_device *c)
{
	pthread_mutex_lock(&c->lock);
	pci_device_reset(c);
	pci_bars_update(c);
	pthread_mutex_unlock(&c->lock);
}

static void follow(struct pci_port *p)
{
	struct pci_windows w = windows(p);
	bool reset = in_reset(p) && !p->in_reset;

	follow_link(p);
	publish(p);
	trace_windows(&p->dev, &w);
	p->in_reset = in_reset(p);
	for (unsigned f = 0; f < PCI_FUNCTIONS; f++)
		if (p->child[f])
			forward(p->child[f], &w);
	/* The rising edge resets, when all of them are out of reach already;
	 * nobody reaches them until the falling one. VFIO-RST-11. */
	for (unsigned f = 0; f < PCI_FUNCTIONS && reset; f++)
		if (p->child[f])
			reset_child(p->child[f]);
}

static bool decides(unsigned off, unsigned len)
{
	return pci_touches(off, len, PCI_COMMAND, 2) ||
	       pci_touches(off, len, PCI_PRIMARY_BUS, 4) ||
	       pci_touches(off, len, PCI_IO_BASE, 2) ||
	       pci_touches(off, len, PCI_MEMORY_BASE, 16) ||
	       pci_touches(off, len, PCI_BRIDGE_CONTROL, 2) ||
	       pci_touches(off, len, EXP + PCI_EXP_LNKCTL, 2);
}

static void port_config_write(struct pci_device *d, unsigned off, unsigned len,
			      uint32_t v)
{
	struct pci_port *p = container_of(d, struct pci_port, dev);

	pci_config_store(d, off, len, v);
	if (decides(off, len))
		follow(p);
}

/* -------- registers at power-on -------- */

static void init_header(struct pci_device *d)
{
	pci_config_set(d, PCI_VENDOR_ID, 2, VENDOR_REDHAT);
	pci_config_set(d, PCI_DEVICE_ID, 2, DEVICE_ROOT_PORT);
	pci_config_set(d, PCI_CLASS_DEVICE, 2, CLASS_BRIDGE_PCI);
	pci_config_set(d, PCI_HEADER_TYPE, 1, PCI_HEADER_TYPE_BRIDGE);
	pci_config_set_writable(d, PCI_PRIMARY_BUS, 1, 0xff);
	pci_config_set_writable(d, PCI_SECONDARY_BUS, 1, 0xff);
	pci_config_set_writable(d, PCI_SUBORDINATE_BUS, 1, 0xff);
	/* 16-bit I/O: an x86 machine has no more. */
	pci_config_set_writable(d, PCI_IO_BASE, 1, 0xf0);
	pci_config_set_writable(d, PCI_IO_LIMIT, 1, 0xf0);
	le16_store(d->w1c + PCI_SEC_STATUS, SECONDARY_STATUS_W1C);
	pci_config_set_writable(d, PCI_MEMORY_BASE, 2, 0xfff0);
	pci_config_set_writable(d, PCI_MEMORY_LIMIT, 2, 0xfff0);
	pci_config_set(d, PCI_PREF_MEMORY_BASE, 2, PCI_PREF_RANGE_TYPE_64);
	pci_config_set(d, PCI_PREF_MEMORY_LIMIT, 2, PCI_PREF_RANGE_TYPE_64);
	pci_config_set_writable(d, PCI_PREF_MEMORY_BASE, 2, 0xfff0);
	pci_config_set_writable(d, PCI_PREF_MEMORY_LIMIT, 2, 0xfff0);
	pci_config_set_writable(d, PCI_PREF_BASE_UPPER32, 4, UINT32_MAX);
	pci_config_set_writable(d, PCI_PREF_LIMIT_UPPER32, 4, UINT32_MAX);
	pci_config_set_writable(d, PCI_BRIDGE_CONTROL, 2,
				PCI_BRIDGE_CTL_PARITY | PCI_BRIDGE_CTL_SERR |
					PCI_BRIDGE_CTL_BUS_RESET);
}

/* PCIe 6.2 7.5.3; the offsets below are inside the capability. */
static void init_device_registers(struct pci_device *d)
{
	pci_config_set(d, EXP + PCI_EXP_FLAGS, 2,
		       2 | PCI_EXP_TYPE_ROOT_PORT << 4 | PCI_EXP_FLAGS_SLOT);
	pci_config_set(d, EXP + PCI_EXP_DEVCAP, 4,
		       PCI_EXP_DEVCAP_RBER | PCI_EXP_DEVCAP_EXT_TAG);
	pci_config_set_writable(
		d, EXP + PCI_EXP_DEVCTL, 2,
		PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE |
			PCI_EXP_DEVCTL_FERE | PCI_EXP_DEVCTL_URRE |
			PCI_EXP_DEVCTL_PAYLOAD | PCI_EXP_DEVCTL_EXT_TAG |
			PCI_EXP_DEVCTL_READRQ);
	pci_config_set(d, EXP + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_READRQ_512B);
	le16_store(d->w1c + EXP + PCI_EXP_DEVSTA,
		   PCI_EXP_DEVSTA_CED | PCI_EXP_DEVSTA_NFED |
			   PCI_EXP_DEVSTA_FED | PCI_EXP_DEVSTA_URD);
	pci_config_set(d, EXP + PCI_EXP_DEVCAP2, 4,
		       PCI_EXP_DEVCAP2_COMP_TMOUT_DIS);
	pci_config_set_writable(d, EXP + PCI_EXP_DEVCTL2, 2,
				PCI_EXP_DEVCTL2_COMP_TMOUT_DIS);
}

/* Retrain Link reads as 0 and is done at once: training is never seen. */
static void init_slot_and_root(struct pci_device *d, unsigned slot)
{
	pci_config_set_writable(d, EXP + PCI_EXP_LNKCTL, 2,
				PCI_EXP_LNKCTL_LD | PCI_EXP_LNKCTL_CCC |
					PCI_EXP_LNKCTL_ES);
	pci_config_set_writable(d, EXP + PCI_EXP_LNKCTL2, 2,
				PCI_EXP_LNKCTL2_TLS);
	pci_config_set(d, EXP + PCI_EXP_SLTCAP, 4, slot << 19);
	pci_config_set_writable(d, EXP + PCI_EXP_RTCTL, 2,
				PCI_EXP_RTCTL_SECEE | PCI_EXP_RTCTL_SENFEE |
					PCI_EXP_RTCTL_SEFEE |
					PCI_EXP_RTCTL_PMEIE);
}

/* What PCIe 6.2 7.5.3.6 wants to be there: at least 2.5 GT/s and one lane. */
static uint32_t link_fields(uint32_t v)
{
	uint32_t fields = v & (PCI_EXP_LNKCAP_SLS | PCI_EXP_LNKCAP_MLW);

	if ((fields & PCI_EXP_LNKCAP_SLS) == 0)
		fields |= PCI_EXP_LNKCAP_SLS_2_5GB;
	if ((fields & PCI_EXP_LNKCAP_MLW) == 0)
		fields |= PCI_EXP_LNKSTA_NLW_X1;
	return fields;
}

/* Speed and width are in the same bits of LNKCAP and LNKSTA. */
static void set_link(struct pci_device *d, uint32_t cap, uint32_t status)
{
	unsigned speed = cap & PCI_EXP_LNKCAP_SLS;
	unsigned number = PCI_SLOT(d->devfn) << 3 | PCI_FUNC(d->devfn);
	uint32_t speeds = 0;

	for (unsigned s = 1; s <= speed && s <= 6; s++)
		speeds |= 1u << s; /* PCI_EXP_LNKCAP2_SLS_... */
	pci_config_set(d, EXP + PCI_EXP_LNKCAP, 4,
		       cap | PCI_EXP_LNKCAP_DLLLARC | number << 24);
	pci_config_set(d, EXP + PCI_EXP_LNKSTA, 2, status);
	pci_config_set(d, EXP + PCI_EXP_LNKCAP2, 4, speeds);
	pci_config_set(d, EXP + PCI_EXP_LNKCTL2, 2, speed);
}

static void set_payload(struct pci_device *d, unsigned code)
{
	uint32_t cap = pci_config_load(d, EXP + PCI_EXP_DEVCAP, 4);

	/* 512 bytes at least, and what a child can. VFIO-CFG-17. */
	cap &= ~(uint32_t)PCI_EXP_DEVCAP_PAYLOAD;
	cap |= code > 2 ? code : 2;
	pci_config_set(d, EXP + PCI_EXP_DEVCAP, 4, cap);
}

void pci_port_init(struct pci_port *p, unsigned slot)
{
	struct pci_device *d = &p->dev;
	char name[sizeof(d->name)];

	assert(slot >= 1 && slot <= UINT8_MAX);
	snprintf(name, sizeof(name), "root port %u", slot);
	pci_device_init(d, &port_ops, name);
	memset(p->child, 0, sizeof(p->child));
	p->slot = slot;
	p->in_reset = false;
	init_header(d);
	pci_cap_add(d, PCI_CAP_ID_EXP, EXP);
	init_device_registers(d);
	init_slot_and_root(d, slot);
	set_payload(d, 0);
	set_link(d, link_fields(0), link_fields(0));
	atomic_init(&p->route, 0);
}

static void unplug(struct pci_device *c)
{
	pthread_mutex_lock(&c->lock);
	pci_bars_unmap(c);
	c->port = NULL;
	c->host = NULL;
	pthread_mutex_unlock(&c->lock);
}

void pci_port_fini(struct pci_port *p)
{
	for (unsigned f = 0; f < PCI_FUNCTIONS; f++) {
		if (p->child[f])
			unplug(p->child[f]);
		p->child[f] = NULL;
	}
	pci_device_fini(&p->dev);
}

/* -------- what is in the slot -------- */

bool pci_port_occupied(const struct pci_port *p)
{
	for (unsigned f = 0; f < PCI_FUNCTIONS; f++)
		if (p->child[f])
			return true;
	return false;
}

/* The registers of @c's PCIe capability; false if it has none with a link. */
static bool express_of(const struct pci_device *c, struct express *out)
{
	struct pci_cap_list l;
	const struct pci_cap *exp;

	pci_caps_walk(c->config, &l);
	exp = pci_cap_find(&l, PCI_CAP_ID_EXP);
	if (!exp || exp->size < PCI_EXP_LNKSTA + 2)
		return false;
	out->payload = pci_config_load(c, exp->offset + PCI_EXP_DEVCAP, 4) &
		       PCI_EXP_DEVCAP_PAYLOAD;
	out->cap = pci_config_load(c, exp->offset + PCI_EXP_LNKCAP, 4);
	out->status = pci_config_load(c, exp->offset + PCI_EXP_LNKSTA, 2);
	return true;
}

/* One link for all functions (PCIe 6.2 7.5.3.6): the lowest one's. They may
 * come from several host devices, so what each says may differ. */
static void learn_link(struct pci_port *p)
{
	struct express link = { 0 }, x;

	for (unsigned f = PCI_FUNCTIONS; f-- > 0;) {
		unsigned payload = link.payload;

		if (!p->child[f] || !express_of(p->child[f], &x))
			continue;
		link = x;
		if (payload > link.payload)
			link.payload = payload;
	}
	set_payload(&p->dev, link.payload);
	set_link(&p->dev, link_fields(link.cap), link_fields(link.status));
}

void pci_port_plug_function(struct pci_port *p, struct pci_device *child,
			    unsigned function)
{
	assert(function < PCI_FUNCTIONS && !p->child[function]);
	assert(!child->port && !child->host);
	pthread_mutex_lock(&p->dev.lock);
	p->child[function] = child;
	child->devfn = (uint8_t)PCI_DEVFN(0, function);
	child->port = p;
	child->host = p->dev.host;
	pci_functions_mark(p->child);
	learn_link(p);
	pci_config_set(&p->dev, EXP + PCI_EXP_SLTSTA, 2, PCI_EXP_SLTSTA_PDS);
	follow(p);
	pthread_mutex_unlock(&p->dev.lock);
}

/* -------- firmware's assignment -------- */

static void set_window(struct pci_device *d, unsigned reg,
		       const struct range *r)
{
	uint64_t base = r->base >> 16, limit = (r->base + r->size - 1) >> 16;

	if (r->size == 0) {
		base = 0xfff0;
		limit = 0;
	}
	pci_config_store(d, reg, 2, (uint32_t)base & 0xfff0);
	pci_config_store(d, reg + 2, 2, (uint32_t)limit & 0xfff0);
}

static void set_pref_window(struct pci_device *d, const struct range *r)
{
	uint64_t limit = r->size == 0 ? 0 : r->base + r->size - 1;

	set_window(d, PCI_PREF_MEMORY_BASE, r);
	pci_config_set(d, PCI_PREF_BASE_UPPER32, 4,
		       r->size == 0 ? 0 : (uint32_t)(r->base >> 32));
	pci_config_set(d, PCI_PREF_LIMIT_UPPER32, 4, (uint32_t)(limit >> 32));
}

static void set_io_window(struct pci_device *d, const struct range *r)
{
	uint64_t base = r->base >> 8, limit = (r->base + r->size - 1) >> 8;

	if (r->size == 0) {
		base = 0xf0;
		limit = 0;
	}
	pci_config_store(d, PCI_IO_BASE, 1, (uint32_t)base & 0xf0);
	pci_config_store(d, PCI_IO_LIMIT, 1, (uint32_t)limit & 0xf0);
}

void pci_port_assign(struct pci_port *p, const struct pci_windows *w)
{
	struct pci_device *d = &p->dev;

	assert(w->mem.base + w->mem.size <= 1ull << 32);
	pthread_mutex_lock(&d->lock);
	pci_config_set(d, PCI_PRIMARY_BUS, 1, 0);
	pci_config_set(d, PCI_SECONDARY_BUS, 1, p->slot);
	pci_config_set(d, PCI_SUBORDINATE_BUS, 1, p->slot);
	set_io_window(d, &w->io);
	set_window(d, PCI_MEMORY_BASE, &w->mem);
	set_pref_window(d, &w->pref);
	pci_config_set(d, PCI_COMMAND, 2,
		       PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
			       PCI_COMMAND_MASTER);
	follow(p);
	pthread_mutex_unlock(&d->lock);
}

/* -------- reset of the machine -------- */

void pci_port_reset(struct pci_port *p)
{
	struct pci_device *d = &p->dev;

	pthread_mutex_lock(&d->lock);
	pci_config_recall(d);
	p->in_reset = in_reset(p);
	follow(p);
	pthread_mutex_unlock(&d->lock);
}

static const struct pci_ops port_ops = {
	.config_write = port_config_write,
};

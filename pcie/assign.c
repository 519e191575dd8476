/* pcie/assign.c - firmware's work: bus numbers, windows, BARs
 *
 * How it works. Everything to place has a size that is a power of two times
 * the granule, or is a window of them, and an alignment. Placing the largest
 * alignments first into a space that is taken from its start leaves no gap
 * below a BAR larger than the BAR:
 *
 *     aperture   |port 1: BAR2      BAR0 |port 2: BAR0   |BAR1 of 00:03.0|  ...
 *                 1 MiB granules, the largest alignment first
 *
 * A bridge forwards two ranges of memory, one for 32-bit addresses and one,
 * said to be prefetchable, for 64-bit ones; Linux refuses a BAR that is not
 * prefetchable in the latter (pci_find_parent_resource). So 64-bit space is
 * for 64-bit prefetchable BARs only. VFIO-KVM-18, VFIO-BAR-17.
 */
#include <assert.h>
#include <inttypes.h>
#include <linux/pci.h>
#include <linux/pci_regs.h>
#include <stdio.h>

#include "pcie/bar.h"
#include "pcie/host.h"
#include "pcie/intx.h"
#include "pcie/trace.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"

enum space { SPACE_IO, SPACE_MEM32, SPACE_MEM64, SPACES };

enum { CACHE_LINE_DWORDS = 64 / 4, PORT_IO_NULL = 0x1000 };

/* Granules of a port's windows: PCI-to-PCI Bridge 1.2 3.2.5. */
static const uint64_t granule[SPACES] = {
	[SPACE_IO] = 0x1000,
	[SPACE_MEM32] = 0x100000,
	[SPACE_MEM64] = 0x100000,
};

static const char *const space_name[SPACES] = {
	[SPACE_IO] = "I/O",
	[SPACE_MEM32] = "32-bit memory",
	[SPACE_MEM64] = "64-bit memory",
};

/* What stands where, while it is decided. */
struct plan {
	struct pci_host *host;
	bool has_mem64;
	enum space space;  /* the one that is being filled */
	struct range free; /* of it */
	struct pci_windows windows[PCI_MAX_PORTS];
};

struct need {
	uint64_t size;	/* UINT64_MAX: more than there can be */
	uint64_t align; /* 0: nothing is needed */
};

/* -------- what is needed -------- */

static enum space space_of(const struct pci_bar *b, bool has_mem64)
{
	if (b->kind == PCI_BAR_IO)
		return SPACE_IO;
	if (b->kind == PCI_BAR_MEM64 && b->prefetchable && has_mem64)
		return SPACE_MEM64;
	return SPACE_MEM32;
}

/* No two memory BARs in a page, or neither could be shown without exits:
 * VFIO-BAR-12. */
static uint64_t room_of(const struct pci_bar *b)
{
	uint64_t page = sys_page_size();

	return b->kind == PCI_BAR_IO || b->size > page ? b->size : page;
}

static uint64_t add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t round_up(uint64_t v, uint64_t align)
{
	return v > UINT64_MAX - align ? UINT64_MAX : align_up(v, align);
}

static void need_add(struct need *n, const struct pci_device *d, enum space s,
		     bool has_mem64)
{
	for (unsigned i = 0; i < ARRAY_LEN(d->bars); i++) {
		const struct pci_bar *b = &d->bars[i];

		if (b->kind == PCI_BAR_NONE || space_of(b, has_mem64) != s)
			continue;
		n->size = add(n->size, room_of(b));
		if (room_of(b) > n->align)
			n->align = room_of(b);
	}
}

/* The window of a port around what its children need. */
static struct need window_of(const struct pci_port *p, enum space s,
			     bool has_mem64)
{
	struct need n = { 0 };

	for (unsigned f = 0; f < PCI_FUNCTIONS; f++)
		if (p->child[f])
			need_add(&n, p->child[f], s, has_mem64);
	if (n.align == 0)
		return n;
	n.size = round_up(n.size, granule[s]);
	if (n.align < granule[s])
		n.align = granule[s];
	return n;
}

static void demand(uint64_t *size, uint64_t *align, const struct need *n)
{
	if (n->align == 0)
		return;
	/* Rounded to its alignment, so that the order does not matter. */
	*size = add(*size, round_up(n->size, n->align));
	if (n->align > *align)
		*align = n->align;
}

void pci_demand_add(struct pci_demand *q, const struct pci_port *p)
{
	struct need low = window_of(p, SPACE_MEM32, true);
	struct need high = window_of(p, SPACE_MEM64, true);

	demand(&q->mem32, &q->align32, &low);
	demand(&q->mem64, &q->align64, &high);
}

/* -------- placing -------- */

static bool take(struct range *free, uint64_t size, uint64_t align,
		 uint64_t *out)
{
	uint64_t at = round_up(free->base, align);

	if (!range_fits(free->base, free->size, at, size))
		return false;
	*out = at;
	free->size -= at + size - free->base;
	free->base = at + size;
	return true;
}

static const char *size_text(uint64_t v, char *buf, size_t n)
{
	static const char *const unit[] = { "bytes", "KiB", "MiB", "GiB",
					    "TiB",   "PiB", "EiB" };
	unsigned u = 0;

	while (v >= 1024 && v % 1024 == 0) {
		v /= 1024;
		u++;
	}
	snprintf(buf, n, "%" PRIu64 " %s", v, unit[u]);
	return buf;
}

static const struct pci_bar *largest(const struct plan *p,
				     const struct pci_device *d)
{
	const struct pci_bar *found = NULL;

	for (unsigned i = 0; i < ARRAY_LEN(d->bars); i++) {
		const struct pci_bar *b = &d->bars[i];

		if (b->kind != PCI_BAR_NONE &&
		    space_of(b, p->has_mem64) == p->space &&
		    (!found || b->size > found->size))
			found = b;
	}
	return found;
}

/* BARs stay at 0, not programmed, where I/O space runs out: functions can do
 * without it, VFIO-BAR-14. Memory is needed. */
static int no_space(const struct plan *p, const struct pci_device *d,
		    struct err *e)
{
	const struct pci_bar *b = largest(p, d);
	char size[32];
	int rc;

	size_text(b->size, size, sizeof(size));
	if (p->space == SPACE_IO) {
		log_warn("%s: no I/O space left for its %s of %s", d->name,
			 pci_bar_name(b->index, PCI_NAME), size);
		return 0;
	}
	rc = err_set(e, -ENOSPC, "%s: %s of %s does not fit into %s space",
		     d->name, pci_bar_name(b->index, PCI_NAME), size,
		     space_name[p->space]);
	if (p->space == SPACE_MEM32)
		err_hint(e, "all BARs that are not both 64-bit and "
			    "prefetchable share the space below 4 GiB; assign "
			    "fewer such functions");
	else
		err_hint(e, "assign fewer functions, or use a CPU with more "
			    "physical address bits");
	return rc;
}

/* Place the BARs of @d that need @room bytes. False: no space. */
static bool place_bars(const struct plan *p, struct pci_device *d,
		       struct range *free, uint64_t room)
{
	uint64_t at;

	for (unsigned i = 0; i < ARRAY_LEN(d->bars); i++) {
		struct pci_bar *b = &d->bars[i];

		if (b->kind == PCI_BAR_NONE || room_of(b) != room ||
		    space_of(b, p->has_mem64) != p->space)
			continue;
		if (!take(free, room, room, &at))
			return false;
		trace_assign_bar(b, at);
		pci_bar_assign(d, i, at);
	}
	return true;
}

static struct range *plan_window(struct plan *p, unsigned port)
{
	struct pci_windows *w = &p->windows[port];

	if (p->space == SPACE_IO)
		return &w->io;
	return p->space == SPACE_MEM32 ? &w->mem : &w->pref;
}

/* The window of @q does not fit. Who goes without I/O is told each; who wants
 * most of the memory is named. */
static int no_window(const struct plan *p, const struct pci_port *q,
		     struct err *e)
{
	const struct pci_bar *most = NULL;

	for (unsigned f = 0; f < PCI_FUNCTIONS; f++) {
		const struct pci_device *c = q->child[f];
		const struct pci_bar *b = c ? largest(p, c) : NULL;

		if (b && p->space == SPACE_IO)
			(void)no_space(p, c, e);
		if (b && (!most || b->size > most->size))
			most = b;
	}
	assert(most);
	return p->space == SPACE_IO ? 0 : no_space(p, most->dev, e);
}

/* Place the BARs of all functions below @q that need @room bytes. */
static bool place_children(const struct plan *p, const struct pci_port *q,
			   struct range *free, uint64_t room)
{
	for (unsigned f = 0; f < PCI_FUNCTIONS; f++)
		if (q->child[f] && !place_bars(p, q->child[f], free, room))
			return false;
	return true;
}

/* Place the window of port @i, and in it the BARs of its children, if it needs
 * @align. */
static int place_port(struct plan *p, unsigned i, uint64_t align, struct err *e)
{
	const struct pci_port *q = p->host->ports[i];
	struct need n = window_of(q, p->space, p->has_mem64);
	struct range *w = plan_window(p, i);
	struct range inside;

	if (n.align != align)
		return 0;
	if (!take(&p->free, n.size, n.align, &w->base))
		return no_window(p, q, e);
	w->size = n.size;
	inside = *w;
	for (uint64_t room = 1ull << 63; room != 0; room >>= 1)
		if (!place_children(p, q, &inside, room))
			return no_window(p, q, e);
	return 0;
}

static int place_align(struct plan *p, uint64_t align, struct err *e)
{
	struct pci_host *h = p->host;
	int rc = 0;

	for (unsigned i = 0; rc >= 0 && i < ARRAY_LEN(h->root); i++)
		if (h->root[i] && !place_bars(p, h->root[i], &p->free, align))
			rc = no_space(p, h->root[i], e);
	for (unsigned i = 0; rc >= 0 && i < h->n_ports; i++)
		rc = place_port(p, i, align, e);
	return rc;
}

static int place_space(struct plan *p, enum space s, const struct range *all,
		       struct err *e)
{
	int rc = 0;

	p->space = s;
	p->free = *all;
	/* A BAR at 0 is not programmed. */
	if (p->free.base == 0 && p->free.size >= PORT_IO_NULL) {
		p->free.base = PORT_IO_NULL;
		p->free.size -= PORT_IO_NULL;
	}
	for (uint64_t a = 1ull << 63; rc >= 0 && a != 0; a >>= 1)
		rc = place_align(p, a, e);
	return rc;
}

/* -------- the rest -------- */

static void finish_function(struct pci_device *d)
{
	unsigned pin = pci_config_load(d, PCI_INTERRUPT_PIN, 1);
	uint32_t command = pci_config_load(d, PCI_COMMAND, 2);

	command &= ~(uint32_t)(PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
			       PCI_COMMAND_MASTER);
	pci_config_set(d, PCI_COMMAND, 2, command);
	pci_config_set(d, PCI_CACHE_LINE_SIZE, 1, CACHE_LINE_DWORDS);
	pci_config_set(d, PCI_INTERRUPT_LINE, 1,
		       pin >= 1 && pin <= 4 ? intx_gsi(d, pin) : 0);
}

static void forget_bars(struct pci_device *d)
{
	finish_function(d);
	for (unsigned i = 0; i < ARRAY_LEN(d->bars); i++)
		if (d->bars[i].kind != PCI_BAR_NONE)
			pci_bar_assign(d, i, 0);
	pci_bars_update(d);
}

/* From a clean slate, so that assigning twice is the same as once. Firmware is
 * the first to touch anything: what is there now is there at power-on. */
static void begin(struct pci_host *h)
{
	for (unsigned i = 0; i < ARRAY_LEN(h->root); i++) {
		if (!h->root[i])
			continue;
		pci_config_keep(h->root[i]);
		forget_bars(h->root[i]);
	}
	for (unsigned i = 0; i < h->n_ports; i++)
		for (unsigned f = 0; f < PCI_FUNCTIONS; f++)
			if (h->ports[i]->child[f])
				forget_bars(h->ports[i]->child[f]);
}

int pci_host_assign(struct pci_host *h, struct err *e)
{
	struct plan p = { .host = h, .has_mem64 = h->ap.mem64.size != 0 };
	const struct range *spaces[SPACES] = {
		[SPACE_IO] = &h->ap.io,
		[SPACE_MEM32] = &h->ap.mem32,
		[SPACE_MEM64] = &h->ap.mem64,
	};
	int rc;

	begin(h);
	for (unsigned s = 0; s < SPACES; s++) {
		rc = place_space(&p, (enum space)s, spaces[s], e);
		if (rc < 0)
			return rc;
	}
	for (unsigned i = 0; i < h->n_ports; i++)
		pci_port_assign(h->ports[i], &p.windows[i]);
	return 0;
}

/* vfio/bars.c - regions, their maps, accesses that trap
 *
 * VFIO offers each BAR as a stretch of the device fd: pread and pwrite always,
 * mmap mostly. What may be mapped is mapped once, at open; when the guest
 * switches decode on, those pages become memory slots (mem_window) and the
 * guest reaches the hardware without us. Everything else traps:
 *
 *     BAR   |registers| MSI-X table |registers| PBA |registers|
 *     guest |  shown  |   our model            model|  shown  |
 *                     ^ rounded out to pages: registers that share
 *                       such a page go through pread and pwrite
 *
 * The table stays hidden even where VFIO would let us map it: the kernel has
 * its own messages in there, and a guest's would be wrong on this machine. So
 * do other ways to it, and to config space: backdoor.c.
 */
#include <inttypes.h>
#include <sys/mman.h>

#include "vfio/internal.h"
#include "vfio/trace.h"
#include "vmm/base/sys.h"

/* -------- discovery -------- */

static enum pci_bar_kind kind_of(uint32_t reg)
{
	if ((reg & PCI_BASE_ADDRESS_SPACE) == PCI_BASE_ADDRESS_SPACE_IO)
		return PCI_BAR_IO;
	return (reg & PCI_BASE_ADDRESS_MEM_TYPE_MASK) ==
			       PCI_BASE_ADDRESS_MEM_TYPE_64
		       ? PCI_BAR_MEM64
		       : PCI_BAR_MEM32;
}

/* What no BAR register can express. */
static bool shape_is_wrong(unsigned i, enum pci_bar_kind kind, uint64_t size)
{
	const uint64_t least = kind == PCI_BAR_IO ? 4 : 16;
	const uint64_t most = 1ull << (kind == PCI_BAR_MEM64 ? 62 : 31);

	return !is_power_of_two(size) || size < least || size > most ||
	       (kind == PCI_BAR_MEM64 && i == PCI_BARS - 1);
}

/* Returns how many BAR registers it takes. */
static int bar_open(struct vfio_device *d, unsigned i, struct err *e)
{
	struct vfio_bar *b = &d->bar[i];
	uint32_t reg = le32_load(d->seen + PCI_BASE_ADDRESS_0 + (size_t)4 * i);
	enum pci_bar_kind kind = kind_of(reg);
	int rc = d->dev->ops->region(d->dev, i, &b->region, e);

	if (rc < 0)
		return rc;
	if (b->region.size == 0)
		return 1;
	if (shape_is_wrong(i, kind, b->region.size))
		return err_set(e, -EINVAL,
			       "BAR %u has %" PRIu64 " bytes and the register "
			       "%#x: no such BAR can be",
			       i, b->region.size, reg);
	pci_bar_init(&d->pci, i, kind,
		     kind != PCI_BAR_IO && reg & PCI_BASE_ADDRESS_MEM_PREFETCH,
		     b->region.size);
	return kind == PCI_BAR_MEM64 ? 2 : 1;
}

int vfio_bars_open(struct vfio_device *d, struct err *e)
{
	for (unsigned i = 0; i < PCI_BARS;) {
		int rc = bar_open(d, i, e);

		if (rc < 0)
			return rc;
		i += (unsigned)rc;
	}
	return 0;
}

/* -------- which pages may be shown -------- */

/* Take [lo, hi) out of the sorted views. */
static void carve(struct vfio_bar *b, uint64_t lo, uint64_t hi)
{
	struct vfio_view old[VFIO_MAX_VIEWS];
	unsigned n = b->n_views;

	for (unsigned i = 0; i < n; i++)
		old[i] = b->view[i];
	b->n_views = 0;
	for (unsigned i = 0; i < n; i++) {
		uint64_t from = old[i].area.base;
		uint64_t to = from + old[i].area.size;
		uint64_t left = lo < to ? lo : to;
		uint64_t right = hi > from ? hi : from;

		if (from < left)
			b->view[b->n_views++].area =
				(struct range){ from, left - from };
		if (right < to)
			b->view[b->n_views++].area =
				(struct range){ right, to - right };
	}
}

static void carve_pages(struct vfio_device *d, unsigned bar, uint64_t off,
			uint64_t size, const char *what)
{
	uint64_t page = sys_page_size();
	uint64_t lo = align_down(off, page), hi = align_up(off + size, page);

	if (d->bar[bar].n_views == 0)
		return;
	carve(&d->bar[bar], lo, hi);
	log_info("vfio: %s: BAR %u: accesses to %#" PRIx64 " to %#" PRIx64
		 " trap: %s at %#" PRIx64 "%s",
		 vfio_name(d), bar, lo, hi - 1, what, off,
		 hi - lo == size ? "" : " shares its pages with registers");
}

/* The guest's table is elsewhere. What the hardware's shares with registers is
 * shown if the kernel lets it be mapped, see relocate.c. */
static void carve_moved(struct vfio_device *d)
{
	const struct vfio_msix_place *p = &d->irqs.place;
	uint64_t size = (uint64_t)p->n * MSIX_ENTRY, page = sys_page_size();
	uint64_t lo = align_up(p->table_off, page);
	uint64_t hi = align_down(p->table_off + size, page);

	if (!d->bar[p->table_bar].region.msix_mappable)
		carve_pages(d, p->table_bar, p->table_off, size, "MSI-X table");
	else if (lo < hi)
		carve(&d->bar[p->table_bar], lo, hi);
}

static void carve_msix(struct vfio_device *d)
{
	const struct vfio_msix_place *p = &d->irqs.place;

	if (p->moved) {
		carve_moved(d);
		return;
	}
	carve_pages(d, p->table_bar, p->table_off, (uint64_t)p->n * MSIX_ENTRY,
		    "MSI-X table");
	carve_pages(d, p->pba_bar, p->pba_off, msix_pba_size(p->n),
		    "MSI-X pending bits");
}

static void carve_backdoors(struct vfio_device *d, unsigned bar)
{
	const struct vfio_backdoor *b = NULL;

	while ((b = vfio_backdoor_next(d, bar, b)))
		carve_pages(d, bar, b->at, b->size, b->what);
}

static void choose_views(struct vfio_device *d)
{
	for (unsigned i = 0; i < PCI_BARS; i++) {
		struct vfio_bar *b = &d->bar[i];

		b->n_views = 0;
		if (d->pci.bars[i].kind == PCI_BAR_NONE ||
		    d->pci.bars[i].kind == PCI_BAR_IO ||
		    !(b->region.flags & VFIO_REGION_INFO_FLAG_READ))
			continue;
		for (unsigned k = 0; k < b->region.n_areas; k++)
			b->view[b->n_views++].area = b->region.area[k];
	}
	if (d->irqs.has_msix)
		carve_msix(d);
	for (unsigned i = 0; i < PCI_BARS; i++)
		carve_backdoors(d, i);
}

static void map_views(struct vfio_device *d, unsigned i)
{
	struct vfio_bar *b = &d->bar[i];
	int prot = PROT_READ;

	if (b->region.flags & VFIO_REGION_INFO_FLAG_WRITE)
		prot |= PROT_WRITE;
	for (unsigned k = 0; k < b->n_views; k++) {
		struct vfio_view *v = &b->view[k];
		struct err e = ERR_NONE;
		int rc = d->dev->ops->map(d->dev, i, v->area.base, v->area.size,
					  prot, &v->hva, &e);

		if (rc >= 0)
			continue;
		v->hva = NULL;
		if (!b->warned)
			log_warn("vfio: %s: BAR %u is slow, its accesses trap: "
				 "%s%s",
				 vfio_name(d), i, e.text,
				 rc == -EBUSY
					 ? " (held by a framebuffer or another "
					   "driver of the host?)"
					 : "");
		b->warned = true;
	}
}

void vfio_bars_mmap(struct vfio_device *d)
{
	choose_views(d);
	for (unsigned i = 0; i < PCI_BARS; i++)
		map_views(d, i);
}

/* -------- showing and hiding -------- */

/* A BAR smaller than a page: the kernel keeps the rest of the host's page
 * free; the guest's page has to be free too, or accesses that belong to a
 * neighbour would end here. */
static bool has_page_alone(struct vfio_device *d, const struct vfio_bar *b)
{
	uint64_t page = sys_page_size();

	if (d->pci.bars[b - d->bar].size >= page)
		return true;
	return b->at % page == 0 &&
	       bus_is_free(&d->vm->mmio, b->at + b->region.size,
			   page - b->region.size);
}

static void show(struct vfio_device *d, unsigned i, struct vfio_view *v)
{
	struct vfio_bar *b = &d->bar[i];
	gpa_t at = b->at + v->area.base;
	struct err e = ERR_NONE;
	int rc;

	vfio_peer_map(d, i, v);
	if (!v->hva || v->window.live)
		return;
	vfio_costly(d);
	vfio_shortcuts_end(d, i); /* it was too small to be shown, until now */
	rc = mem_window_show(&d->vm->mem, &v->window, at, v->hva, v->area.size,
			     !(b->region.flags & VFIO_REGION_INFO_FLAG_WRITE),
			     &e);
	if (rc >= 0) {
		trace_vfio_show(vfio_name(d), i, v->area.base, v->area.size,
				at);
		return;
	}
	if (!b->warned)
		log_warn("vfio: %s: BAR %u is slow, its accesses trap: %s",
			 vfio_name(d), i, e.text);
	b->warned = true;
}

static void hide(struct vfio_device *d, unsigned i, struct vfio_view *v)
{
	vfio_peer_unmap(d, v);
	if (!v->window.live)
		return;
	mem_window_hide(&d->vm->mem, &v->window);
	trace_vfio_hide(vfio_name(d), i, v->area.base);
}

static bool is_shown(struct vfio_device *d, const struct vfio_bar *b)
{
	return b->mapped && !b->withdrawn && has_page_alone(d, b);
}

/* Bring the windows of all BARs to where they should be: whether a small BAR
 * is shown depends on its neighbours. First what goes, then what comes. */
static void settle(struct vfio_device *d)
{
	for (unsigned i = 0; i < PCI_BARS; i++) {
		struct vfio_bar *b = &d->bar[i];

		for (unsigned k = 0; k < b->n_views && !is_shown(d, b); k++)
			hide(d, i, &b->view[k]);
	}
	for (unsigned i = 0; i < PCI_BARS; i++) {
		struct vfio_bar *b = &d->bar[i];

		for (unsigned k = 0; k < b->n_views && is_shown(d, b); k++)
			show(d, i, &b->view[k]);
	}
}

void vfio_bar_map(struct pci_device *p, unsigned bar, gpa_t at)
{
	struct vfio_device *d = vfio_of(p);
	struct vfio_bar *b;

	if (bar == PCI_ROM_BAR) {
		vfio_rom_map(d, at);
		settle(d);
		return;
	}
	b = &d->bar[bar];
	b->mapped = true;
	b->at = at;
	b->withdrawn = b->withdrawals >= VFIO_MAX_WITHDRAWALS;
	settle(d);
}

void vfio_bar_unmap(struct pci_device *p, unsigned bar)
{
	struct vfio_device *d = vfio_of(p);

	if (bar == PCI_ROM_BAR)
		vfio_rom_unmap(d);
	else
		d->bar[bar].mapped = false;
	if (bar != PCI_ROM_BAR)
		vfio_shortcuts_end(d, bar);
	settle(d);
}

/* Does the guest's register place BAR @i over @gpa, decoding or not? */
static bool covers(const struct vfio_device *d, unsigned i, gpa_t gpa)
{
	const struct pci_bar *b = &d->pci.bars[i];

	if (b->kind == PCI_BAR_NONE || b->kind == PCI_BAR_IO)
		return false;
	if (gpa == VM_GPA_UNKNOWN)
		return d->bar[i].mapped;
	return range_has(pci_bar_address(&d->pci, i),
			 align_up(b->size, sys_page_size()), gpa);
}

bool vfio_device_withdraw(struct vfio_device *d, gpa_t gpa)
{
	bool found = false;

	pthread_mutex_lock(&d->pci.lock);
	for (unsigned i = 0; i < PCI_BARS; i++) {
		struct vfio_bar *b = &d->bar[i];

		if (!covers(d, i, gpa))
			continue;
		found = true;
		/* hidden already by another vCPU: just try again */
		if (!b->mapped || b->withdrawn)
			continue;
		b->withdrawn = true;
		b->withdrawals++;
		log_limited(&d->access_limit, LOG_WARN,
			    "vfio: %s: BAR %u cannot be reached at %#" PRIx64
			    "; its accesses trap until it is mapped anew",
			    vfio_name(d), i, gpa);
		settle(d);
	}
	pthread_mutex_unlock(&d->pci.lock);
	return found;
}

/* -------- accesses that trap: naturally aligned -------- */

/* The BAR that the guest sees may be larger than the device's, and contain
 * what it must not reach: relocate.c. */
static bool is_reachable(const struct vfio_device *d, unsigned bar,
			 uint64_t off, unsigned len, uint32_t flag)
{
	const struct vfio_region *r = &d->bar[bar].region;

	return (r->flags & flag) && range_fits(0, r->size, off, len) &&
	       !vfio_msix_is_hardware_table(d, bar, off, len);
}

/* A region says EIO while the function does not decode. Here it does, or we
 * would not be called. */
static void access_failed(struct vfio_device *d, unsigned bar, uint64_t off,
			  const char *what, const struct err *e)
{
	trace_vfio_guest(vfio_name(d), what, off);
	log_limited(&d->access_limit, LOG_WARN, "vfio: %s: BAR %u: %s",
		    vfio_name(d), bar, e->text);
	vfio_suspect(d);
}

uint64_t vfio_bar_read(struct pci_device *p, unsigned bar, uint64_t off,
		       unsigned len)
{
	struct vfio_device *d = vfio_of(p);
	struct err e = ERR_NONE;
	uint8_t buf[8];
	uint64_t v;

	if (bar == PCI_ROM_BAR)
		return vfio_rom_read(d, off, len);
	if (!vfio_alive(d) ||
	    !is_reachable(d, bar, off, len, VFIO_REGION_INFO_FLAG_READ))
		return all_ones(len);
	if (vfio_backdoor_read(d, bar, off, len, &v))
		return v;
	vfio_irqs_unmask_ended(d);
	if (d->dev->ops->read(d->dev, bar, off, buf, len, &e) < 0) {
		access_failed(d, bar, off, "failing read", &e);
		return all_ones(len);
	}
	v = le_load(buf, len);
	trace_vfio_bar_read(vfio_name(d), bar, off, len, v);
	return v;
}

void vfio_bar_write(struct pci_device *p, unsigned bar, uint64_t off,
		    unsigned len, uint64_t v)
{
	struct vfio_device *d = vfio_of(p);
	struct err e = ERR_NONE;
	uint8_t buf[8];

	if (bar == PCI_ROM_BAR || !vfio_alive(d) ||
	    !is_reachable(d, bar, off, len, VFIO_REGION_INFO_FLAG_WRITE) ||
	    vfio_backdoor_write(d, bar, off, len, v))
		return;
	d->touched = true;
	vfio_irqs_unmask_ended(d);
	le_store(buf, len, v);
	trace_vfio_bar_write(vfio_name(d), bar, off, len, v);
	if (d->dev->ops->write(d->dev, bar, off, buf, len, &e) < 0)
		access_failed(d, bar, off, "failing write", &e);
	else
		vfio_shortcut_note(d, bar, off, len, v);
}

void vfio_bars_close(struct vfio_device *d)
{
	for (unsigned i = 0; i < PCI_BARS; i++) {
		struct vfio_bar *b = &d->bar[i];

		b->mapped = false;
		for (unsigned k = 0; k < b->n_views; k++)
			hide(d, i, &b->view[k]);
		for (unsigned k = 0; k < b->n_views; k++) {
			if (b->view[k].hva)
				sys_munmap(b->view[k].hva,
					   b->view[k].area.size);
		}
		b->n_views = 0;
	}
}

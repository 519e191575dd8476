/* pcie/msix.c - the MSI-X capability, its table and its pending bits
 *
 * How it works. Table and Message Control are plain bytes. After each write,
 * reconcile() compares what a range of vectors should be with what it is, in
 * four passes, so that however many vectors change there is one routing
 * commit and one call to the source (VFIO-MSIX-05: KVM rebuilds its whole
 * table at each commit):
 *
 *     close those that must be masked
 *     set the routes of those that must be open        -> one irq_commit
 *     tie irqfds (KVM injects what was pending)
 *     show new eventfds to the source                  -> one ops->vectors
 *
 * A message that changes while its vector is unmasked takes effect at once,
 * half-written ones included, as hardware might do it.
 */
#include "pcie/msix.h"

#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#include "pcie/msi.h"
#include "pcie/trace.h"
#include "vmm/base/bytes.h"

/* -------- registers -------- */

static uint32_t flags(const struct msix *x)
{
	return pci_config_load(x->dev, x->offset + PCI_MSIX_FLAGS, 2);
}

bool msix_enabled(const struct msix *x)
{
	return flags(x) & PCI_MSIX_FLAGS_ENABLE;
}

static const uint8_t *entry(const struct msix *x, unsigned i)
{
	return x->table + (size_t)i * MSIX_ENTRY;
}

static struct msi_msg message(const struct msix *x, unsigned i)
{
	const uint8_t *t = entry(x, i);

	return (struct msi_msg){
		.address = le64_load(t + PCI_MSIX_ENTRY_LOWER_ADDR),
		.data = le32_load(t + PCI_MSIX_ENTRY_DATA),
	};
}

static bool wants_open(const struct msix *x, unsigned i)
{
	return x->on && !(flags(x) & PCI_MSIX_FLAGS_MASKALL) &&
	       !(entry(x, i)[PCI_MSIX_ENTRY_VECTOR_CTRL] &
		 PCI_MSIX_ENTRY_CTRL_MASKBIT);
}

static void table_reset(struct msix *x)
{
	memset(x->table, 0, (size_t)x->n * MSIX_ENTRY);
	for (unsigned i = 0; i < x->n; i++)
		x->table[i * MSIX_ENTRY + PCI_MSIX_ENTRY_VECTOR_CTRL] =
			PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

/* -------- from the table to routes -------- */

static void warn(struct msix *x, const char *what, const struct err *e)
{
	log_limited(&x->limit, LOG_WARN, "%s: %s: %s%s%s", x->dev->name, what,
		    e->text, e->hint[0] ? "; " : "", e->hint);
}

static void vector_mask(struct msix *x, unsigned i)
{
	struct msix_vector *v = &x->vectors[i];

	if (!v->open)
		return;
	msi_route_mask(&v->route);
	v->open = false;
	trace_vector_mask(x->dev, i);
}

/* Make the eventfd at first use. Returns false if that failed. */
static bool vector_use(struct msix *x, unsigned i)
{
	struct msix_vector *v = &x->vectors[i];
	struct err e = ERR_NONE;

	if (v->used)
		return true;
	if (msi_route_open(&v->route, x->irq, &e) < 0) {
		warn(x, "a vector stays masked", &e);
		return false;
	}
	v->used = true;
	v->fresh = true;
	return true;
}

/* Gather the message of a vector that should be open into the next commit. */
static void vector_route(struct msix *x, unsigned i)
{
	struct msix_vector *v = &x->vectors[i];
	struct msi_msg m = message(x, i);
	struct err e = ERR_NONE;

	if (!vector_use(x, i))
		return;
	v->refused = msi_route_set(&v->route, &m, &e) < 0;
	if (v->refused) {
		trace_message_refused(x->dev, i, &m);
		warn(x, "a message is refused, its vector stays masked", &e);
		vector_mask(x, i);
	}
}

static void vector_unmask(struct msix *x, unsigned i)
{
	struct msix_vector *v = &x->vectors[i];
	struct err e = ERR_NONE;

	if (!v->used || v->refused || v->open)
		return;
	if (msi_route_unmask(&v->route, &e) < 0) {
		warn(x, "a vector stays masked", &e);
		return;
	}
	v->open = true;
	trace_vector_open(x->dev, i, &v->route);
}

/* -------- the source's side -------- */

/* Give the source the eventfds of [first, first + n), without fresh ones if
 * @without_fresh. */
static int show(struct msix *x, unsigned first, unsigned n, bool without_fresh,
		struct err *e)
{
	int fds[MSIX_MAX];

	for (unsigned i = 0; i < n; i++) {
		const struct msix_vector *v = &x->vectors[first + i];
		bool there = v->used && !(v->fresh && without_fresh);

		fds[i] = there ? v->route.fd : -1;
	}
	return x->ops->vectors(x, first, n, fds, e);
}

static void vector_drop(struct msix *x, unsigned i)
{
	struct msix_vector *v = &x->vectors[i];

	vector_mask(x, i);
	msi_route_close(&v->route);
	v->used = false;
	v->fresh = false;
}

/* The host has not enough vectors. The kernel takes down all vectors of a call
 * that failed (vfio_msi_set_block), so those that worked are tied again; then
 * the new ones get what there is, one by one. VFIO-MSIX-06, VFIO-IRQ-04. */
static void show_what_fits(struct msix *x, unsigned first, unsigned n)
{
	struct err e = ERR_NONE;
	int rc = 0;

	if (show(x, first, n, true, &e) < 0)
		warn(x, "vectors that worked are lost", &e);
	for (unsigned i = first; i < first + n; i++) {
		if (!x->vectors[i].fresh)
			continue;
		if (rc >= 0 && n > 1)
			rc = show(x, i, 1, false, &e);
		if (rc < 0 || n == 1)
			vector_drop(x, i);
		x->vectors[i].fresh = false;
	}
	rc = irq_commit(x->irq, &e);
	if (rc < 0)
		warn(x, "MSI-X routes stay in KVM's table", &e);
}

static void show_fresh(struct msix *x, unsigned first, unsigned n)
{
	unsigned low = first + n, high = first;
	struct err e = ERR_NONE;

	for (unsigned i = first; i < first + n; i++) {
		if (!x->vectors[i].fresh)
			continue;
		low = i < low ? i : low;
		high = i + 1;
	}
	if (low >= high)
		return;
	if (show(x, low, high - low, false, &e) < 0) {
		warn(x, "vectors stay masked", &e);
		show_what_fits(x, low, high - low);
		return;
	}
	for (unsigned i = low; i < high; i++)
		x->vectors[i].fresh = false;
}

/* -------- one batch -------- */

static void reconcile(struct msix *x, unsigned first, unsigned n)
{
	unsigned end = first + n;
	struct err e = ERR_NONE;

	for (unsigned i = first; i < end; i++) {
		if (wants_open(x, i))
			vector_route(x, i);
		else
			vector_mask(x, i);
	}
	if (x->ops->changes && irq_is_dirty(x->irq))
		x->ops->changes(x);
	if (irq_commit(x->irq, &e) < 0)
		warn(x, "routes are not in KVM's table", &e);
	else
		for (unsigned i = first; i < end; i++)
			if (wants_open(x, i))
				vector_unmask(x, i);
	show_fresh(x, first, n);
}

static void start(struct msix *x)
{
	struct err e = ERR_NONE;

	/* The two exclude each other (PCIe 6.2 7.7.2.2); a guest that enables
	 * both gets what it enabled last. VFIO-MSIX-11. */
	if (x->dev->msi && x->dev->msi->n != 0) {
		log_limited(&x->limit, LOG_WARN,
			    "%s: the guest enables MSI-X while MSI is on",
			    x->dev->name);
		msi_suspend(x->dev->msi);
	}
	if (x->ops->start(x, &e) < 0) {
		warn(x, "MSI-X stays off", &e);
		return;
	}
	x->on = true;
	trace_msix_on(x->dev);
}

/* The source first, then the vectors, in one commit. */
static void stop(struct msix *x)
{
	struct err e = ERR_NONE;

	if (!x->on)
		return;
	x->ops->stop(x);
	x->on = false;
	for (unsigned i = 0; i < x->n; i++)
		if (x->vectors[i].used)
			vector_drop(x, i);
	if (irq_commit(x->irq, &e) < 0)
		warn(x, "MSI-X routes stay in KVM's table", &e);
	trace_msix_off(x->dev);
}

void msix_changed(struct msix *x, unsigned off, unsigned len)
{
	if (!pci_touches(off, len, x->offset + PCI_MSIX_FLAGS, 2))
		return;
	if (msix_enabled(x) != x->enabled) {
		x->enabled = msix_enabled(x);
		if (x->enabled)
			start(x);
		else
			stop(x);
	}
	if (x->on)
		reconcile(x, 0, x->n);
}

void msix_suspend(struct msix *x)
{
	stop(x);
}

void msix_reset(struct msix *x)
{
	stop(x);
	x->enabled = false;
	table_reset(x);
	pci_config_set(x->dev, x->offset + PCI_MSIX_FLAGS, 2,
		       flags(x) & PCI_MSIX_FLAGS_QSIZE);
}

/* -------- table and PBA as memory -------- */

static bool in_table(const struct msix *x, unsigned bar, uint64_t off,
		     unsigned len)
{
	return bar == x->table_bar &&
	       range_overlaps(x->table_off, (uint64_t)x->n * MSIX_ENTRY, off,
			      len);
}

static bool in_pba(const struct msix *x, unsigned bar, uint64_t off,
		   unsigned len)
{
	return bar == x->pba_bar &&
	       range_overlaps(x->pba_off, msix_pba_size(x->n), off, len);
}

bool msix_owns(const struct msix *x, unsigned bar, uint64_t off, unsigned len)
{
	return in_table(x, bar, off, len) || in_pba(x, bar, off, len);
}

/* Eight pending bits: masked, and something came. VFIO-MSIX-08. */
static uint8_t pending_byte(const struct msix *x, uint64_t at)
{
	uint8_t bits = 0;

	for (unsigned k = 0; k < 8; k++) {
		uint64_t i = at * 8 + k;
		const struct msix_vector *v;

		if (i >= x->n)
			break;
		v = &x->vectors[i];
		if (v->used && !v->open && msi_route_pending(&v->route))
			bits |= (uint8_t)(1u << k);
	}
	return bits;
}

uint64_t msix_read(struct msix *x, unsigned bar, uint64_t off, unsigned len)
{
	uint8_t bytes[8] = { 0 };

	for (unsigned i = 0; i < len && i < sizeof(bytes); i++) {
		if (in_table(x, bar, off + i, 1))
			bytes[i] = x->table[off + i - x->table_off];
		else if (in_pba(x, bar, off + i, 1))
			bytes[i] = pending_byte(x, off + i - x->pba_off);
	}
	return le64_load(bytes);
}

void msix_write(struct msix *x, unsigned bar, uint64_t off, unsigned len,
		uint64_t v)
{
	unsigned first = x->n, end = 0;

	for (unsigned i = 0; i < len && i < 8; i++) {
		uint64_t at = off + i - x->table_off;

		if (!in_table(x, bar, off + i, 1))
			continue;
		x->table[at] = (uint8_t)(v >> (8 * i));
		if (first == x->n)
			first = (unsigned)(at / MSIX_ENTRY);
		end = (unsigned)(at / MSIX_ENTRY) + 1;
	}
	if (first < end && x->on)
		reconcile(x, first, end - first);
}

/* -------- life -------- */

static unsigned table_entries(const uint8_t *config, unsigned offset)
{
	return (le16_load(config + offset + PCI_MSIX_FLAGS) &
		PCI_MSIX_FLAGS_QSIZE) +
	       1;
}

static int check_place(const char *what, uint32_t reg, uint64_t size,
		       const uint64_t *bar_size, struct err *e)
{
	unsigned bir = reg & PCI_MSIX_TABLE_BIR;
	uint32_t off = reg & PCI_MSIX_TABLE_OFFSET;

	if (bir >= PCI_BARS || bar_size[bir] == 0)
		return err_set(e, -EINVAL,
			       "the MSI-X %s is in BAR%u, which is no memory "
			       "BAR",
			       what, bir);
	if (!range_fits(0, bar_size[bir], off, size))
		return err_set(e, -EINVAL,
			       "the MSI-X %s (%#x, %llu bytes) is not inside "
			       "BAR%u (%llu bytes)",
			       what, off, (unsigned long long)size, bir,
			       (unsigned long long)bar_size[bir]);
	return 0;
}

int msix_geometry(const uint8_t *config, unsigned offset,
		  const uint64_t *bar_size, struct err *e)
{
	unsigned n = table_entries(config, offset);
	uint32_t table = le32_load(config + offset + PCI_MSIX_TABLE);
	uint32_t pba = le32_load(config + offset + PCI_MSIX_PBA);
	uint64_t table_size = (uint64_t)n * MSIX_ENTRY;
	int rc;

	rc = check_place("table", table, table_size, bar_size, e);
	if (rc < 0)
		return rc;
	rc = check_place("PBA", pba, msix_pba_size(n), bar_size, e);
	if (rc < 0)
		return rc;
	if ((table & PCI_MSIX_TABLE_BIR) == (pba & PCI_MSIX_PBA_BIR) &&
	    range_overlaps(table & PCI_MSIX_TABLE_OFFSET, table_size,
			   pba & PCI_MSIX_PBA_OFFSET, msix_pba_size(n)))
		return err_set(e, -EINVAL, "MSI-X table and PBA overlap");
	return 0;
}

int msix_init(struct msix *x, struct pci_device *d, struct irq *irq,
	      unsigned offset, const struct msix_ops *ops, struct err *e)
{
	uint32_t table = pci_config_load(d, offset + PCI_MSIX_TABLE, 4);
	uint32_t pba = pci_config_load(d, offset + PCI_MSIX_PBA, 4);

	*x = (struct msix){
		.dev = d,
		.irq = irq,
		.ops = ops,
		.offset = offset,
		.n = table_entries(d->config, offset),
		.table_bar = table & PCI_MSIX_TABLE_BIR,
		.pba_bar = pba & PCI_MSIX_PBA_BIR,
		.table_off = table & PCI_MSIX_TABLE_OFFSET,
		.pba_off = pba & PCI_MSIX_PBA_OFFSET,
	};
	x->table = calloc(x->n, MSIX_ENTRY);
	x->vectors = calloc(x->n, sizeof(*x->vectors));
	if (!x->table || !x->vectors) {
		msix_fini(x);
		return err_set(e, -ENOMEM, "no memory for an MSI-X table");
	}
	for (unsigned i = 0; i < x->n; i++)
		x->vectors[i].route = MSI_ROUTE_EMPTY;
	table_reset(x);
	pci_config_set(d, offset + PCI_MSIX_FLAGS, 2, x->n - 1);
	pci_config_set_writable(d, offset + PCI_MSIX_FLAGS, 2,
				PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	d->msix = x;
	return 0;
}

void msix_fini(struct msix *x)
{
	if (!x->dev)
		return;
	stop(x);
	free(x->table);
	free(x->vectors);
	x->table = NULL;
	x->vectors = NULL;
	if (x->dev->msix == x)
		x->dev->msix = NULL;
	x->dev = NULL;
}

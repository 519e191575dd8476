/* machine/stats_functions.c - assigned functions and DMA of a report */
#include <stdio.h>

#include "pcie/msi.h"
#include "pcie/msix.h"
#include "pcie/names.h"
#include "vfio/counts.h"
#include "vmm/base/bytes.h"
#include "vmm/machine/stats_json.h"

/* -------- BARs -------- */

static void add_page(json_t *list, const struct traps_page *p)
{
	uint64_t key = counter_get(&p->key);
	json_t *o;

	if (key == 0)
		return;
	o = json_object();
	stats_set_number(o, "offset", (key - 1) * TRAPS_PAGE_SIZE);
	stats_set_reads_writes(o, &p->reads, &p->writes);
	(void)json_array_append_new(list, o);
}

static json_t *bar_json(const struct pci_bar *b)
{
	const struct traps_page *other = &b->traps.other;
	json_t *o = json_object(), *list = json_array(), *rest;

	for (unsigned i = 0; i < TRAPS_PAGES; i++)
		add_page(list, &b->traps.page[i]);
	stats_set_text(o, "bar", pci_bar_name(b->index, PCI_NAME));
	stats_set_number(o, "size", b->size);
	stats_set(o, "pages", list);
	if (counter_get(&other->reads) == 0 && counter_get(&other->writes) == 0)
		return o;
	rest = json_object();
	stats_set_reads_writes(rest, &other->reads, &other->writes);
	stats_set(o, "other_pages", rest);
	return o;
}

static json_t *bars_json(const struct pci_device *d)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < ARRAY_LEN(d->bars); i++)
		if (d->bars[i].kind != PCI_BAR_NONE)
			(void)json_array_append_new(list,
						    bar_json(&d->bars[i]));
	return list;
}

/* -------- interrupts -------- */

static const char *delivery_of(const struct msi_route *r)
{
	if (r->fd < 0)
		return "off";
	if (!r->live)
		return "masked";
	return r->by_loop ? "loop" : "irqfd";
}

/* Nothing for a vector that was never used. */
static void add_vector(json_t *list, const char *kind, unsigned i,
		       const struct msi_route *r)
{
	const struct msi_counts *c = &r->counts;
	json_t *o;

	if (r->fd < 0 && counter_get(&c->irqfds) == 0 &&
	    counter_get(&c->by_loop) == 0)
		return;
	o = json_object();
	stats_set_text(o, "kind", kind);
	stats_set_number(o, "vector", i);
	stats_set_text(o, "delivery", delivery_of(r));
	stats_set_number(o, "irqfds", counter_get(&c->irqfds));
	stats_set_number(o, "by_loop", counter_get(&c->by_loop));
	stats_set_number(o, "held", counter_get(&c->held));
	stats_set_number(o, "dropped", counter_get(&c->dropped));
	(void)json_array_append_new(list, o);
}

static json_t *vectors_json(const struct pci_device *d)
{
	json_t *list = json_array();

	for (unsigned i = 0; d->msi && i < MSI_MAX; i++)
		add_vector(list, "MSI", i, &d->msi->route[i]);
	for (unsigned i = 0; d->msix && i < d->msix->n; i++)
		add_vector(list, "MSI-X", i, &d->msix->vectors[i].route);
	return list;
}

static json_t *intx_json(const struct irq_line *l, const counter *ends)
{
	json_t *o = json_object();

	stats_set_number(o, "gsi", l->gsi);
	stats_set_text(o, "delivery", l->live ? "irqfd, resample" : "off");
	stats_set_number(o, "irqfds", counter_get(&l->ties));
	stats_set_number(o, "ends_by_loop", counter_get(ends));
	return o;
}

/* What the host's handlers were called for: INTx, and vectors by number. */
static json_t *host_json(const struct host_irqs *h)
{
	json_t *o = json_object(), *vectors = json_object();
	char number[16];

	stats_set_number(o, "intx", counter_get(&h->intx));
	for (unsigned i = 0; i < h->n; i++) {
		if (counter_get(&h->vector[i]) == 0)
			continue;
		snprintf(number, sizeof(number), "%u", i);
		stats_set_number(vectors, number, counter_get(&h->vector[i]));
	}
	stats_set(o, "vectors", vectors);
	return o;
}

static json_t *interrupts_json(const struct pci_device *d,
			       const struct vfio_counts *c)
{
	json_t *o = json_object();

	stats_set_text(o, "mode", c->mode);
	if (c->line->irq)
		stats_set(o, "intx", intx_json(c->line, c->ends));
	stats_set(o, "vectors", vectors_json(d));
	if (c->host.vector)
		stats_set(o, "host", host_json(&c->host));
	return o;
}

/* -------- resets -------- */

static json_t *resets_json(const struct vfio_counts *c)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < c->n_resets; i++) {
		json_t *o;

		if (counter_get(&c->resets[i].done) == 0 &&
		    counter_get(&c->resets[i].failed) == 0)
			continue;
		o = json_object();
		stats_set_text(o, "why", vfio_reset_cause(i));
		stats_set_number(o, "done", counter_get(&c->resets[i].done));
		stats_set_number(o, "failed",
				 counter_get(&c->resets[i].failed));
		(void)json_array_append_new(list, o);
	}
	return list;
}

/* -------- a function -------- */

static json_t *function_json(const struct assigned *f)
{
	const struct pci_device *d = vfio_device_pci(f->device);
	const struct vfio_place *at = &f->options.place;
	json_t *o = json_object(), *config = json_object();
	struct vfio_counts c;
	char guest[16];

	vfio_device_counts(f->device, &c);
	snprintf(guest, sizeof(guest), "%02x:00.%u", at->slot, at->function);
	stats_set_reads_writes(config, &d->config_reads, &d->config_writes);
	stats_set_text(o, "name", f->function.name);
	stats_set_text(o, "guest", guest);
	stats_set(o, "config", config);
	stats_set(o, "bars", bars_json(d));
	stats_set(o, "interrupts", interrupts_json(d, &c));
	stats_set(o, "resets", resets_json(&c));
	host_irqs_fini(&c.host);
	return o;
}

json_t *stats_of_functions(const struct assignment *a)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < a->n_open; i++)
		(void)json_array_append_new(list,
					    function_json(&a->function[i]));
	return list;
}

/* -------- DMA -------- */

static void add_map(json_t *list, const struct maplog_entry *m)
{
	/* Pairs with the release of vfio/maplog.c. */
	uint64_t ns = atomic_load_explicit(&m->ns, memory_order_acquire);
	json_t *o;

	if (ns == 0)
		return;
	o = json_object();
	stats_set_text(o, "of", counter_get(&m->is_bar) ? "BAR" : "RAM");
	stats_set_number(o, "iova", counter_get(&m->at));
	stats_set_number(o, "size", counter_get(&m->size));
	stats_set_number(o, "took_ns", ns);
	(void)json_array_append_new(list, o);
}

static json_t *space_json(const char *kind, const struct maplog *l)
{
	json_t *o = json_object(), *list = json_array();

	for (unsigned i = 0; i < MAPLOG_MAX; i++)
		add_map(list, &l->entry[i]);
	stats_set_text(o, "through", kind);
	stats_set_number(o, "maps", counter_get(&l->maps));
	stats_set_number(o, "unmaps", counter_get(&l->unmaps));
	stats_set_number(o, "bytes", counter_get(&l->bytes));
	stats_set_number(o, "took_ns", counter_get(&l->ns));
	stats_set(o, "first", list);
	return o;
}

json_t *stats_of_dma(const struct assignment *a)
{
	static const char *const kinds[CONFIG_BACKENDS] = {
		[CONFIG_VFIO] = "vfio",
		[CONFIG_VFIO_USER] = "vfio-user",
	};
	json_t *list = json_array();

	for (unsigned b = 0; b < CONFIG_BACKENDS; b++)
		if (a->iommu[b])
			(void)json_array_append_new(
				list, space_json(kinds[b], &a->iommu[b]->log));
	return list;
}

/* vfio/host_irqs.c - see host_irqs.h */
#include "vfio/host_irqs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"

/* A number and a comma for each CPU that the host could have. */
enum { COUNT_TEXT = 8192 * 11 };

void host_irqs_init(struct host_irqs *h, unsigned n)
{
	*h = (struct host_irqs){ .n = n };
	h->vector = calloc(n > 0 ? n : 1, sizeof(*h->vector));
}

void host_irqs_fini(struct host_irqs *h)
{
	free(h->vector);
	h->vector = NULL;
}

void host_irqs_copy(struct host_irqs *out, const struct host_irqs *h)
{
	if (!out->vector || !h->vector)
		return;
	for (unsigned i = 0; i < out->n && i < h->n; i++)
		counter_add(&out->vector[i], counter_get(&h->vector[i]));
	counter_add(&out->intx, counter_get(&h->intx));
	counter_add(&out->intx_from, counter_get(&h->intx_from));
}

/* -------- one interrupt of the host -------- */

static uint64_t sum_of(const char *irq, char *text)
{
	char path[64], *at = text, *end;
	uint64_t sum = 0;

	snprintf(path, sizeof(path), "/sys/kernel/irq/%.16s/per_cpu_count",
		 irq);
	if (sys_read_text(path, text, COUNT_TEXT) < 0)
		return 0;
	do {
		sum += strtoull(at, &end, 10);
		at = end + 1;
	} while (*end == ',');
	return sum;
}

/* The vector that VFIO has on it, or -1. */
static int vector_of(const char *irq)
{
	char path[64], text[256];
	const char *at;

	snprintf(path, sizeof(path), "/sys/kernel/irq/%.16s/actions", irq);
	if (sys_read_text(path, text, sizeof(text)) < 0 ||
	    strncmp(text, "vfio-msi", 8) != 0)
		return -1;
	at = strchr(text, '[');
	return at ? (int)strtoul(at + 1, NULL, 10) : -1;
}

/* -------- those of a function -------- */

struct look {
	struct host_irqs *h;
	char *text;
};

static int add_message(const char *irq, void *arg)
{
	const struct look *l = arg;
	int vector = vector_of(irq);

	if (vector >= 0 && (unsigned)vector < l->h->n)
		counter_add(&l->h->vector[vector], sum_of(irq, l->text));
	return 0;
}

void host_irqs_keep_messages(struct host_irqs *h, const char *bdf)
{
	struct look l = { h, NULL };
	char path[64];

	if (!h->vector)
		return;
	l.text = malloc(COUNT_TEXT);
	if (!l.text)
		return;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.23s/msi_irqs",
		 bdf);
	(void)sys_list(path, add_message, &l); /* none: messages are off */
	free(l.text);
}

static uint64_t intx_count(const char *bdf)
{
	char path[64], irq[16], *text;
	uint64_t sum = 0;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.23s/irq", bdf);
	if (sys_read_text(path, irq, sizeof(irq)) < 0)
		return 0;
	text = malloc(COUNT_TEXT);
	if (text)
		sum = sum_of(irq, text);
	free(text);
	return sum;
}

void host_irqs_begin_intx(struct host_irqs *h, const char *bdf)
{
	if (h->vector)
		atomic_store_explicit(&h->intx_from, intx_count(bdf),
				      memory_order_relaxed);
}

void host_irqs_keep_intx(struct host_irqs *h, const char *bdf)
{
	uint64_t now, from = counter_get(&h->intx_from);

	if (!h->vector)
		return;
	now = intx_count(bdf);
	if (now > from)
		counter_add(&h->intx, now - from);
}

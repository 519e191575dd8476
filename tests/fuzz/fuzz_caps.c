/* tests/fuzz/fuzz_caps.c - capability lists of a hostile device
 *
 * The input is a config space. Both walks must end inside it, and what they
 * found, linked anew into an empty config space, must be found again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pcie/caps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check(const struct pci_cap_list *l, unsigned first, unsigned end,
		  unsigned most)
{
	must(l->n <= most);
	for (unsigned i = 0; i < l->n; i++) {
		const struct pci_cap *c = &l->cap[i];

		must(c->offset >= first && c->offset % 4 == 0 && c->size >= 1);
		must(c->offset + c->size <= end);
		must(pci_cap_find(l, c->id)->id == c->id);
		for (unsigned k = 0; k < i; k++)
			must(!range_overlaps(c->offset, c->size,
					     l->cap[k].offset, l->cap[k].size));
	}
}

static void same(const struct pci_cap_list *a, const struct pci_cap_list *b)
{
	must(a->n == b->n);
	for (unsigned i = 0; i < a->n; i++)
		must(a->cap[i].id == b->cap[i].id &&
		     a->cap[i].offset == b->cap[i].offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct pci_ops no_ops;
	static struct pci_device d;
	static uint8_t config[PCIE_CONFIG_SIZE];
	static struct pci_cap_list seen, again;

	memset(config, 0, sizeof(config));
	memcpy(config, data, size < sizeof(config) ? size : sizeof(config));

	pcie_ecaps_walk(config, &seen);
	check(&seen, PCI_CONFIG_SIZE, PCIE_CONFIG_SIZE, PCIE_MAX_ECAPS);
	pci_device_init(&d, &no_ops, "fuzzed");
	pcie_ecaps_link(&d, &seen);
	pcie_ecaps_walk(d.config, &again);
	must(!again.broken);
	same(&seen, &again);
	pci_device_fini(&d);

	pci_caps_walk(config, &seen);
	check(&seen, 0x40, PCI_CONFIG_SIZE, PCI_MAX_CAPS);
	pci_device_init(&d, &no_ops, "fuzzed");
	memcpy(d.config + 0x40, config + 0x40, PCI_CONFIG_SIZE - 0x40);
	pci_caps_link(&d, &seen);
	pci_caps_walk(d.config, &again);
	must(!again.broken);
	same(&seen, &again);
	pci_device_fini(&d);
	return 0;
}

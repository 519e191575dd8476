/* pcie/names.c - names of functions and registers, for traces; see names.h */
#include "pcie/names.h"

#include <linux/pci.h>
#include <linux/pci_regs.h>
#include <stdatomic.h>
#include <stdio.h>

#include "pcie/caps.h"
#include "pcie/port.h"
#include "vmm/base/bytes.h"

struct reg {
	uint8_t off, size;
	const char *name;
};

/* clang-format off */
static const struct reg common[] = {
	{ 0x00, 2, "vendor" },          { 0x02, 2, "device" },
	{ 0x04, 2, "command" },         { 0x06, 2, "status" },
	{ 0x08, 1, "revision" },        { 0x09, 3, "class" },
	{ 0x0c, 1, "cache line" },      { 0x0d, 1, "latency" },
	{ 0x0e, 1, "header type" },     { 0x0f, 1, "BIST" },
	{ 0x10, 4, "BAR0" },            { 0x14, 4, "BAR1" },
	{ 0x34, 1, "capabilities" },    { 0x3c, 1, "interrupt line" },
	{ 0x3d, 1, "interrupt pin" },
};

static const struct reg type0[] = {
	{ 0x18, 4, "BAR2" },            { 0x1c, 4, "BAR3" },
	{ 0x20, 4, "BAR4" },            { 0x24, 4, "BAR5" },
	{ 0x28, 4, "CardBus CIS" },     { 0x2c, 2, "subsystem vendor" },
	{ 0x2e, 2, "subsystem" },       { 0x30, 4, "ROM" },
	{ 0x3e, 1, "min grant" },       { 0x3f, 1, "max latency" },
};

static const struct reg type1[] = {
	{ 0x18, 1, "primary bus" },     { 0x19, 1, "secondary bus" },
	{ 0x1a, 1, "subordinate bus" }, { 0x1b, 1, "secondary latency" },
	{ 0x1c, 1, "I/O base" },        { 0x1d, 1, "I/O limit" },
	{ 0x1e, 2, "secondary status" },
	{ 0x20, 2, "memory base" },     { 0x22, 2, "memory limit" },
	{ 0x24, 2, "prefetch base" },   { 0x26, 2, "prefetch limit" },
	{ 0x28, 4, "prefetch base upper" },
	{ 0x2c, 4, "prefetch limit upper" },
	{ 0x30, 2, "I/O base upper" },  { 0x32, 2, "I/O limit upper" },
	{ 0x38, 4, "ROM" },             { 0x3e, 2, "bridge control" },
};
/* clang-format on */

const char *pci_bdf(const struct pci_device *d, char *buf)
{
	unsigned bus = d->port ? atomic_load(&d->port->route) & 0xff : 0;

	snprintf(buf, PCI_NAME_SIZE, "%02x:%02x.%x", bus,
		 (unsigned)PCI_SLOT(d->devfn), (unsigned)PCI_FUNC(d->devfn));
	return buf;
}

const char *pci_bar_name(unsigned index, char *buf)
{
	if (index == PCI_ROM_BAR)
		snprintf(buf, PCI_NAME_SIZE, "ROM");
	else
		snprintf(buf, PCI_NAME_SIZE, "BAR%u", index);
	return buf;
}

static const struct reg *lookup(const struct reg *t, unsigned n, unsigned off)
{
	for (unsigned i = 0; i < n; i++)
		if (off - t[i].off < t[i].size)
			return &t[i];
	return NULL;
}

static const char *header_name(const struct pci_device *d, unsigned off,
			       char *buf)
{
	bool bridge =
		(d->config[PCI_HEADER_TYPE] & 0x7f) == PCI_HEADER_TYPE_BRIDGE;
	const struct reg *r = lookup(common, ARRAY_LEN(common), off);

	if (!r)
		r = bridge ? lookup(type1, ARRAY_LEN(type1), off)
			   : lookup(type0, ARRAY_LEN(type0), off);
	if (!r)
		snprintf(buf, PCI_NAME_SIZE, "header");
	else if (off == r->off)
		snprintf(buf, PCI_NAME_SIZE, "%s", r->name);
	else
		snprintf(buf, PCI_NAME_SIZE, "%s+%u", r->name, off - r->off);
	return buf;
}

const char *pci_register_name(const struct pci_device *d, unsigned off,
			      char *buf)
{
	struct pci_cap_list l;
	bool extended = off >= PCI_CONFIG_SIZE;

	if (off < PCI_STD_HEADER_SIZEOF)
		return header_name(d, off, buf);
	if (extended)
		pcie_ecaps_walk(d->config, &l);
	else
		pci_caps_walk(d->config, &l);
	for (unsigned i = 0; i < l.n; i++) {
		const struct pci_cap *c = &l.cap[i];
		const char *name =
			extended ? pcie_ecap_name(c->id) : pci_cap_name(c->id);

		if (off < c->offset || off - c->offset >= c->size)
			continue;
		snprintf(buf, PCI_NAME_SIZE, "%s+0x%x",
			 name ? name : "capability", off - c->offset);
		return buf;
	}
	snprintf(buf, PCI_NAME_SIZE, "-");
	return buf;
}

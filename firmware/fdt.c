/* firmware/fdt.c - the machine as a device tree
 *
 *     /            memory, reserved-memory, cpus, chosen
 *     /apic@...    the local APICs;  /ioapic@...  where interrupts end
 *     /pcie@...    the host bridge, found at its ECAM
 *     /isa         what stands at I/O ports
 *
 * Bindings: Devicetree 0.4, pci-host-ecam-generic, ISA (IEEE 1275), and for
 * the interrupt controllers those of arch/x86/kernel/devicetree.c. An x86 has
 * I/O ports beside memory; where PCI's ranges want a CPU address for a port,
 * they give the port's number.
 *
 * Not modelled: the i8042 (a reset command, no keyboard controller) and root
 * ports, which the guest finds by itself.
 */
#include "firmware/fdt.h"

#include <assert.h>
#include <libfdt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "firmware/trace.h"
#include "vmm/base/bytes.h"

/* The tree being written. The first failure stays, so that the description
 * below reads without interruptions. */
struct tree {
	void *fdt;
	int failure; /* of libfdt, 0 or negative */
};

/* Values of a property, 32 bits each; the longest is the interrupt map. */
enum { PCI_DEVICES = 32, PCI_PINS = 4, MAP_CELLS = 7 };
struct cells {
	unsigned n;
	fdt32_t cell[PCI_DEVICES * PCI_PINS * MAP_CELLS];
};

enum { IOAPIC_HANDLE = 1 };

/* Senses of the intel,ce4100-ioapic binding. */
enum { IOAPIC_EDGE_RISING = 0, IOAPIC_LEVEL_LOW = 1 };

/* First cell of an address, PCI binding 2.2.1.1 and ISA binding 2.1.1. */
enum {
	PCI_SPACE_IO = 0x01000000,
	PCI_SPACE_MEM32 = 0x02000000,
	PCI_SPACE_MEM64_PREFETCH = 0x43000000,
	ISA_SPACE_IO = 1,
};

static void tree_note(struct tree *t, int rc)
{
	if (rc < 0 && t->failure == 0)
		t->failure = rc;
}

static void node(struct tree *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void node(struct tree *t, const char *fmt, ...)
{
	char name[64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	tree_note(t, fdt_begin_node(t->fdt, name));
}

static void node_end(struct tree *t)
{
	tree_note(t, fdt_end_node(t->fdt));
}

static void flag(struct tree *t, const char *name)
{
	tree_note(t, fdt_property(t->fdt, name, NULL, 0));
}

static void string(struct tree *t, const char *name, const char *value)
{
	tree_note(t, fdt_property_string(t->fdt, name, value));
}

static void number(struct tree *t, const char *name, uint32_t value)
{
	tree_note(t, fdt_property_u32(t->fdt, name, value));
}

static void number64(struct tree *t, const char *name, uint64_t value)
{
	tree_note(t, fdt_property_u64(t->fdt, name, value));
}

static void cells(struct tree *t, const char *name, const struct cells *c)
{
	tree_note(t, fdt_property(t->fdt, name, c->cell,
				  (int)(c->n * sizeof(c->cell[0]))));
}

static void put(struct cells *c, uint32_t v)
{
	assert(c->n < ARRAY_LEN(c->cell));
	c->cell[c->n++] = cpu_to_fdt32(v);
}

static void put64(struct cells *c, uint64_t v)
{
	put(c, (uint32_t)(v >> 32));
	put(c, (uint32_t)v);
}

/* reg = base and size in two cells each. */
static void reg64(struct tree *t, uint64_t base, uint64_t size)
{
	struct cells c = { 0 };

	put64(&c, base);
	put64(&c, size);
	cells(t, "reg", &c);
}

static void sizes(struct tree *t, uint32_t address, uint32_t size)
{
	number(t, "#address-cells", address);
	number(t, "#size-cells", size);
}

static void put_memory(struct tree *t, const struct platform *p)
{
	for (unsigned i = 0; i < p->n_map; i++) {
		const struct platform_range *m = &p->map[i];

		if (m->kind != PLATFORM_RAM)
			continue;
		node(t, "memory@%" PRIx64, m->range.base);
		string(t, "device_type", "memory");
		reg64(t, m->range.base, m->range.size);
		node_end(t);
	}
}

/* All that the memory map keeps from use but ECAM, which has its own node. */
static void put_reserved(struct tree *t, const struct platform *p)
{
	node(t, "reserved-memory");
	sizes(t, 2, 2);
	flag(t, "ranges");
	for (unsigned i = 0; i < p->n_map; i++) {
		const struct platform_range *m = &p->map[i];

		if (m->kind == PLATFORM_RAM || m->range.base == p->ecam.base)
			continue;
		node(t, "%s@%" PRIx64,
		     m->kind == PLATFORM_ACPI ? "acpi" : "reserved",
		     m->range.base);
		reg64(t, m->range.base, m->range.size);
		flag(t, "no-map");
		node_end(t);
	}
	node_end(t);
}

static void put_chosen(struct tree *t, const struct platform *p)
{
	char console[32];

	node(t, "chosen");
	if (p->cmdline)
		string(t, "bootargs", p->cmdline);
	if (p->initrd.size != 0) {
		number64(t, "linux,initrd-start", p->initrd.base);
		number64(t, "linux,initrd-end",
			 p->initrd.base + p->initrd.size);
	}
	if (p->uart_port != 0) {
		snprintf(console, sizeof(console), "/isa/serial@i%x",
			 p->uart_port);
		string(t, "stdout-path", console);
	}
	node_end(t);
}

static void put_cpus(struct tree *t, const struct platform *p)
{
	node(t, "cpus");
	sizes(t, 1, 0);
	for (unsigned i = 0; i < p->n_cpus; i++) {
		node(t, "cpu@%" PRIx32, p->cpu_id[i]);
		string(t, "device_type", "cpu");
		string(t, "compatible", "intel,x86");
		number(t, "reg", p->cpu_id[i]);
		node_end(t);
	}
	node_end(t);
}

enum { APIC_WINDOW = 0x1000 };

static void put_apics(struct tree *t, const struct platform *p)
{
	node(t, "apic@%" PRIx64, p->lapic);
	string(t, "compatible", "intel,ce4100-lapic");
	reg64(t, p->lapic, APIC_WINDOW);
	flag(t, "interrupt-controller");
	number(t, "#interrupt-cells", 2);
	number(t, "#address-cells", 0);
	node_end(t);
	node(t, "ioapic@%" PRIx64, p->ioapic);
	string(t, "compatible", "intel,ce4100-ioapic");
	reg64(t, p->ioapic, APIC_WINDOW);
	flag(t, "interrupt-controller");
	number(t, "#interrupt-cells", 2);
	number(t, "#address-cells", 0);
	number(t, "phandle", IOAPIC_HANDLE);
	node_end(t);
}

static void put_window(struct cells *c, uint32_t space, struct range r)
{
	put(c, space);
	put64(c, r.base);
	put64(c, r.base);
	put64(c, r.size);
}

static void put_windows(struct tree *t, const struct platform *p)
{
	struct cells c = { 0 };

	put_window(&c, PCI_SPACE_IO, p->io);
	put_window(&c, PCI_SPACE_MEM32, p->mem32);
	if (p->mem64.size != 0)
		put_window(&c, PCI_SPACE_MEM64_PREFETCH, p->mem64);
	cells(t, "ranges", &c);
}

/* Device D, pin P (here 1 to 4) of the root bus: as _PRT says. */
static void put_interrupt_map(struct tree *t, const struct platform *p)
{
	struct cells mask = { 0 }, map = { 0 };

	put(&mask, 0xf800);
	put(&mask, 0);
	put(&mask, 0);
	put(&mask, 7);
	for (unsigned i = 0; i < PCI_DEVICES * PCI_PINS; i++) {
		unsigned device = i / PCI_PINS, pin = i % PCI_PINS;

		put(&map, device << 11);
		put(&map, 0);
		put(&map, 0);
		put(&map, pin + 1);
		put(&map, IOAPIC_HANDLE);
		put(&map, p->intx_gsi_base + (device + pin) % p->intx_gsis);
		put(&map, IOAPIC_LEVEL_LOW);
	}
	number(t, "#interrupt-cells", 1);
	cells(t, "interrupt-map-mask", &mask);
	cells(t, "interrupt-map", &map);
}

static void put_pci(struct tree *t, const struct platform *p)
{
	struct cells buses = { 0 };

	node(t, "pcie@%" PRIx64, p->ecam.base);
	string(t, "device_type", "pci");
	string(t, "compatible", "pci-host-ecam-generic");
	reg64(t, p->ecam.base, (uint64_t)p->n_buses << 20);
	sizes(t, 3, 2);
	put(&buses, 0);
	put(&buses, p->n_buses - 1);
	cells(t, "bus-range", &buses);
	number(t, "linux,pci-domain", 0);
	flag(t, "dma-coherent");
	put_windows(t, p);
	put_interrupt_map(t, p);
	node_end(t);
}

/* Open a node for @n ports from @port. */
static void isa_node(struct tree *t, const char *name, const char *compatible,
		     uint16_t port, unsigned n)
{
	struct cells c = { 0 };

	node(t, "%s@i%x", name, port);
	string(t, "compatible", compatible);
	put(&c, ISA_SPACE_IO);
	put(&c, port);
	put(&c, n);
	cells(t, "reg", &c);
}

static void put_serial(struct tree *t, const struct platform *p)
{
	struct cells c = { 0 };

	isa_node(t, "serial", "ns16550a", p->uart_port, 8);
	number(t, "clock-frequency", 1843200);
	put(&c, p->uart_gsi);
	put(&c, IOAPIC_EDGE_RISING);
	number(t, "interrupt-parent", IOAPIC_HANDLE);
	cells(t, "interrupts", &c);
	node_end(t);
}

static void put_power(struct tree *t, const struct platform *p)
{
	isa_node(t, "power", "minivmm,power", p->power_port, 3);
	number(t, "minivmm,s5-type", p->s5_type);
	number(t, "minivmm,reset-value", p->reset_value);
	node_end(t);
}

/* Without ranges: ports are no memory addresses, so nothing translates. */
static void put_isa(struct tree *t, const struct platform *p)
{
	node(t, "isa");
	string(t, "device_type", "isa");
	string(t, "compatible", "isa");
	sizes(t, 2, 1);
	if (p->uart_port != 0)
		put_serial(t, p);
	if (p->rtc_port != 0) {
		isa_node(t, "rtc", "motorola,mc146818", p->rtc_port, 2);
		node_end(t);
	}
	if (p->pvpanic_port != 0) {
		isa_node(t, "pvpanic", "qemu,pvpanic-mmio", p->pvpanic_port, 1);
		node_end(t);
	}
	put_power(t, p);
	node_end(t);
}

static void put_root(struct tree *t, const struct platform *p)
{
	node(t, "%s", "");
	string(t, "model", "minivmm");
	string(t, "compatible", "minivmm,pc");
	sizes(t, 2, 2);
	put_chosen(t, p);
	put_memory(t, p);
	put_reserved(t, p);
	put_cpus(t, p);
	put_apics(t, p);
	put_pci(t, p);
	put_isa(t, p);
	node_end(t);
}

int fdt_build(const struct platform *p, void *buf, size_t size, struct err *e)
{
	struct tree t = { .fdt = buf };

	platform_check(p);
	tree_note(&t, fdt_create(buf, size > INT_MAX ? INT_MAX : (int)size));
	tree_note(&t, fdt_finish_reservemap(buf));
	put_root(&t, p);
	tree_note(&t, fdt_finish(buf));
	if (t.failure == -FDT_ERR_NOSPACE)
		return err_set(e, -ENOSPC,
			       "the device tree does not fit %zu bytes", size);
	if (t.failure < 0)
		return err_set(e, -EINVAL, "libfdt: %s",
			       fdt_strerror(t.failure));
	trace_fdt((int)fdt_totalsize(buf));
	return (int)fdt_totalsize(buf);
}

/* tests/fuzz/fuzz_pci_config.c - a guest that does anything to config space
 *
 * Two root ports with two functions and one, a function on the root bus, both
 * doors, BARs with MSI-X and MSI. The input is a list of accesses. After each
 * one, every BAR that is mapped is where its register says, inside an
 * aperture; at the end nothing is left.
 */
#include <stdlib.h>

#include "pcie/msi.h"
#include "pcie/msix.h"
#include "tests/unit/pcie/board.h"

enum { TOYS = 4, MSIX_AT = 0x60, MSI_AT = 0x80, ROOT = PCI_DEVFN(3, 0) };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct scene {
	struct board b;
	struct pci_port ports[2];
	struct toy toys[TOYS];
	struct msix x[TOYS];
	struct msi m[TOYS];
};

struct step {
	uint8_t what, len, bus, devfn;
	le32 at;
	le64 value;
};
static_assert(sizeof(struct step) == 16, "packed by nature");

static void must(bool ok)
{
	if (!ok)
		abort();
}

static int msix_source_start(struct msix *x, struct err *e)
{
	return 0;
}

static int msix_source_vectors(struct msix *x, unsigned first, unsigned n,
			       const int *fds, struct err *e)
{
	must(range_fits(0, x->n, first, n));
	return 0;
}

static void msix_source_stop(struct msix *x)
{
}

static const struct msix_ops msix_source = {
	.start = msix_source_start,
	.vectors = msix_source_vectors,
	.stop = msix_source_stop,
};

static int msi_source_start(struct msi *m, unsigned n, const int *fds,
			    struct err *e)
{
	must(n >= 1 && n <= MSI_MAX);
	return 0;
}

static void msi_source_stop(struct msi *m)
{
}

static const struct msi_ops msi_source = {
	.start = msi_source_start,
	.stop = msi_source_stop,
};

static void toy_open(struct scene *s, unsigned i)
{
	struct pci_device *d = &s->toys[i].dev;
	struct err e = ERR_NONE;

	toy_init(&s->toys[i], "fuzzed");
	pci_bar_init(d, 0, PCI_BAR_MEM32, false, 0x4000);
	pci_bar_init(d, 1, PCI_BAR_IO, false, 32);
	pci_bar_init(d, 2, PCI_BAR_MEM64, true, MIB);
	pci_bar_init(d, PCI_ROM_BAR, PCI_BAR_MEM32, false, 2048);
	pci_cap_add(d, PCI_CAP_ID_MSIX, MSIX_AT);
	pci_config_set(d, MSIX_AT + PCI_MSIX_FLAGS, 2, 3);
	pci_config_set(d, MSIX_AT + PCI_MSIX_PBA, 4, 0x1000);
	must(msix_init(&s->x[i], d, &s->b.vm.irq, MSIX_AT, &msix_source, &e) ==
	     0);
	pci_cap_add(d, PCI_CAP_ID_MSI, MSI_AT);
	pci_config_set(d, MSI_AT + PCI_MSI_FLAGS, 2,
		       PCI_MSI_FLAGS_64BIT | 3 << 1);
	msi_init(&s->m[i], d, &s->b.vm.irq, MSI_AT, &msi_source);
}

static void scene_open(struct scene *s)
{
	struct err e = ERR_NONE;

	memset(s, 0, sizeof(*s));
	board_open(&s->b);
	for (unsigned i = 0; i < TOYS; i++)
		toy_open(s, i);
	for (unsigned i = 0; i < 2; i++) {
		pci_port_init(&s->ports[i], i + 1);
		must(pci_host_add_port(&s->b.host, &s->ports[i],
				       (uint8_t)PCI_DEVFN(i + 1, 0), &e) == 0);
		pci_port_plug(&s->ports[i], &s->toys[i].dev);
	}
	pci_port_plug_function(&s->ports[0], &s->toys[3].dev, 5);
	must(pci_host_add(&s->b.host, &s->toys[2].dev, ROOT, &e) == 0);
	must(pci_host_assign(&s->b.host, &e) == 0);
	for (unsigned i = 0; i < 3; i++)
		cfg_write(&s->b, i, i ? 0 : ROOT, PCI_COMMAND, 2, 7);
	cfg_write(&s->b, 1, 5, PCI_COMMAND, 2, 7);
}

static void scene_close(struct scene *s)
{
	for (unsigned i = 0; i < TOYS; i++) {
		msix_fini(&s->x[i]);
		msi_fini(&s->m[i]);
		pci_device_fini(&s->toys[i].dev);
		for (unsigned k = 0; k <= PCI_ROM_BAR; k++)
			must(s->toys[i].mapped_at[k] == 0);
	}
	pci_port_fini(&s->ports[0]);
	pci_port_fini(&s->ports[1]);
	must(s->b.host.waiting == s->b.host.ecam_waiting);
	must(fake_kvm_irqfds() == 0);
	board_close(&s->b);
	must(!fake_leaks());
}

static void check_bar(const struct toy *t, unsigned i)
{
	const struct pci_bar *b = &t->dev.bars[i];
	const struct pci_apertures *ap = &board_apertures;
	uint64_t at = t->mapped_at[i];

	must(b->mapped == (at != 0) && b->mapped == b->region.listed);
	if (at == 0)
		return;
	must(!b->waiting && at == pci_bar_address(&t->dev, i));
	if (b->kind == PCI_BAR_IO)
		must(range_fits(ap->io.base, ap->io.size, at, b->size));
	else
		must(range_fits(ap->mem32.base, ap->mem32.size, at, b->size) ||
		     range_fits(ap->mem64.base, ap->mem64.size, at, b->size));
}

static void do_step(struct scene *s, const struct step *p)
{
	static const uint8_t places[] = { 0x00, 0x08, 0x10, ROOT, 0xf8 };
	struct bus *mmio = &s->b.vm.mmio, *pio = &s->b.vm.pio;
	unsigned len = 1 + p->len % 8, at = le32_get(p->at);
	unsigned bus = p->bus % 4, devfn = places[p->devfn % 5];
	uint64_t v = le64_get(p->value);

	if (bus != 0)
		devfn = p->devfn & 0x80 ? 5 : 0;
	switch (p->what % 8) {
	case 0:
	case 1:
		cfg_write(&s->b, bus, devfn, at % 0x100, len, v);
		break;
	case 2:
		(void)cfg_read(&s->b, p->bus, p->devfn, at % 0x1000, len);
		break;
	case 3:
		bus_write(pio, 0xcf8, 4,
			  1u << 31 | bus << 16 | devfn << 8 | (at & 0xfc));
		bus_write(pio, 0xcfc + at % 4, 1u << len % 3, v);
		break;
	case 4:
		(void)bus_read(pio, 0xcf8 + at % 8, 1u << len % 3);
		break;
	case 5:
		bus_write(mmio, 0xc0000000 + at % (64 * MIB), len, v);
		break;
	case 6:
		(void)bus_read(mmio, at, len);
		break;
	default:
		bus_write(pio, at & 0xffff, 1u << len % 3, v);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct scene s;
	struct step p;

	fake_reset();
	scene_open(&s);
	for (size_t at = 0; at + sizeof(p) <= size && at < 4096;
	     at += sizeof(p)) {
		memcpy(&p, data + at, sizeof(p));
		do_step(&s, &p);
		for (unsigned i = 0; i < TOYS; i++)
			for (unsigned k = 0; k <= PCI_ROM_BAR; k++)
				check_bar(&s.toys[i], k);
	}
	scene_close(&s);
	return 0;
}

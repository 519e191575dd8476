/* tests/fuzz/fuzz_msix.c - a guest that does anything to an MSI-X table
 *
 * The input is a list of steps: writes and reads of any width in and around
 * the table, the PBA and Message Control, events of the device, host calls
 * that fail. After each step every vector must be what the registers say.
 */
#include <stdlib.h>

#include "pcie/msix.h"
#include "tests/unit/pcie/board.h"

enum {
	VECTORS = 9,
	AT = 0x60,
	TABLE = 0x100,
	PBA = 0x800,
	BAR_AT = 0xc0000000
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct scene {
	struct board b;
	struct toy t;
	struct msix x;
	bool running, failing;
	int tied[VECTORS];
};

struct step {
	uint8_t what, len;
	le16 at;
	le64 value;
};
static_assert(sizeof(struct step) == 12, "packed by nature");

static void must(bool ok)
{
	if (!ok)
		abort();
}

static struct scene *scene_of(struct msix *x)
{
	return container_of(x, struct scene, x);
}

static int source_start(struct msix *x, struct err *e)
{
	struct scene *s = scene_of(x);

	must(!s->running);
	if (s->failing)
		return err_set(e, -EBUSY, "no");
	s->running = true;
	memset(s->tied, 0xff, sizeof(s->tied));
	return 0;
}

static int source_vectors(struct msix *x, unsigned first, unsigned n,
			  const int *fds, struct err *e)
{
	struct scene *s = scene_of(x);

	must(s->running && n > 0 && range_fits(0, VECTORS, first, n));
	memset(s->tied + first, 0xff, n * sizeof(*fds));
	if (s->failing)
		return err_set(e, -ENOSPC, "no");
	memcpy(s->tied + first, fds, n * sizeof(*fds));
	return 0;
}

static void source_stop(struct msix *x)
{
	struct scene *s = scene_of(x);

	must(s->running);
	s->running = false;
	memset(s->tied, 0xff, sizeof(s->tied));
}

static const struct msix_ops source_ops = {
	.start = source_start,
	.vectors = source_vectors,
	.stop = source_stop,
};

static void scene_open(struct scene *s)
{
	struct err e = ERR_NONE;
	struct pci_device *d = &s->t.dev;

	memset(s, 0, sizeof(*s));
	memset(s->tied, 0xff, sizeof(s->tied));
	board_open(&s->b);
	toy_init(&s->t, "fuzzed");
	pci_bar_init(d, 0, PCI_BAR_MEM32, false, 4096);
	pci_cap_add(d, PCI_CAP_ID_MSIX, AT);
	pci_config_set(d, AT + PCI_MSIX_FLAGS, 2, VECTORS - 1);
	pci_config_set(d, AT + PCI_MSIX_TABLE, 4, TABLE);
	pci_config_set(d, AT + PCI_MSIX_PBA, 4, PBA);
	must(msix_init(&s->x, d, &s->b.vm.irq, AT, &source_ops, &e) == 0);
	must(pci_host_add(&s->b.host, d, 8, &e) == 0);
	cfg_write(&s->b, 0, 8, PCI_BASE_ADDRESS_0, 4, BAR_AT);
	cfg_write(&s->b, 0, 8, PCI_COMMAND, 2, 2);
}

static void scene_close(struct scene *s)
{
	fake_fail_none();
	msix_fini(&s->x);
	must(!s->running);
	must(fake_kvm_irqfds() == 0);
	pci_device_fini(&s->t.dev);
	board_close(&s->b);
	must(!fake_leaks());
}

static void check(struct scene *s)
{
	unsigned open = 0;

	for (unsigned i = 0; i < VECTORS; i++) {
		const struct msix_vector *v = &s->x.vectors[i];
		const uint8_t *entry = s->x.table + (size_t)16 * i;
		uint32_t flags = pci_config_load(&s->t.dev, AT + 2, 2);
		bool masked = !s->running || (flags & PCI_MSIX_FLAGS_MASKALL) ||
			      (entry[12] & 1);

		open += v->open;
		must(!v->fresh);
		must(v->open == v->route.live);
		if (v->open)
			must(v->used && !v->refused && !masked &&
			     v->route.msg.address == le64_load(entry) &&
			     v->route.msg.data == le32_load(entry + 8));
		must(v->used == (v->route.fd >= 0));
		must(s->tied[i] == -1 || s->tied[i] == v->route.fd);
	}
	must(fake_kvm_irqfds() == open);
}

static void do_step(struct scene *s, const struct step *p)
{
	unsigned len = 1 + p->len % 8, at = le16_get(p->at);
	uint64_t v = le64_get(p->value);
	unsigned i = at % VECTORS;

	switch (p->what % 8) {
	case 0:
	case 1:
		bus_write(&s->b.vm.mmio,
			  BAR_AT + TABLE - 8 + at % (VECTORS * 16 + 16), len,
			  v);
		break;
	case 2: /* a message that is right */
		bus_write(&s->b.vm.mmio, BAR_AT + TABLE + 16 * i, 8,
			  0xfee00000 | (v & 0xff000));
		bus_write(&s->b.vm.mmio, BAR_AT + TABLE + 16 * i + 8, 8,
			  0x20 + v % 0xd0 | (v & 1ull << 32));
		break;
	case 3:
		cfg_write(&s->b, 0, 8, AT + at % 12, len, v);
		break;
	case 4:
		cfg_write(&s->b, 0, 8, AT + 2, 2, v & 0xffff);
		break;
	case 5:
		(void)bus_read(&s->b.vm.mmio, BAR_AT + PBA - 8 + at % 32, len);
		(void)bus_read(&s->b.vm.mmio, BAR_AT + TABLE + at % 256, len);
		break;
	case 6:
		if (s->tied[i] >= 0)
			sys_eventfd_signal(s->tied[i]);
		break;
	default:
		s->failing = v & 1;
		if (v & 2)
			msix_reset(&s->x);
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
		check(&s);
	}
	scene_close(&s);
	return 0;
}

/* tests/unit/pcie/msix_scene.h - a function with MSI-X and its source
 *
 * The source keeps the eventfds that it was given, and loses a whole range
 * when the host has too few vectors, as vfio_msi_set_block does.
 */
#ifndef TESTS_PCIE_MSIX_SCENE_H
#define TESTS_PCIE_MSIX_SCENE_H

#include "pcie/msi.h"
#include "pcie/msix.h"
#include "tests/unit/pcie/board.h"

enum {
	AT = 0x60,
	DEVFN = 8,
	BAR_AT = 0xc0000000,
	TABLE = 0x2000,
	PBA = 0xb000,
	ADDRESS = 0xfee00000,
	CONTROL = AT + PCI_MSIX_FLAGS,
};

#define ON PCI_MSIX_FLAGS_ENABLE
#define MASKALL PCI_MSIX_FLAGS_MASKALL

struct scene {
	struct board b;
	struct toy t;
	struct msix x;
	unsigned starts, stops, calls;
	unsigned first, n; /* of the last call */
	int tied[MSIX_MAX];
	int start_rc;
	unsigned room; /* vectors that the host still has */
};

static inline struct scene *scene_of(struct msix *x)
{
	return container_of(x, struct scene, x);
}

static int source_start(struct msix *x, struct err *e)
{
	struct scene *s = scene_of(x);

	s->starts++;
	if (s->start_rc < 0)
		return err_set(e, s->start_rc, "no");
	memset(s->tied, 0xff, sizeof(s->tied));
	return 0;
}

static unsigned count_tied(const struct scene *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MSIX_MAX; i++)
		n += s->tied[i] >= 0;
	return n;
}

/* As vfio_msi_set_block: on failure the whole range is gone. */
static int source_vectors(struct msix *x, unsigned first, unsigned n,
			  const int *fds, struct err *e)
{
	struct scene *s = scene_of(x);

	s->calls++;
	s->first = first;
	s->n = n;
	assert_true(first + n <= x->n);
	memcpy(s->tied + first, fds, n * sizeof(*fds));
	if (count_tied(s) <= s->room)
		return 0;
	memset(s->tied + first, 0xff, n * sizeof(*fds));
	return err_set(e, -ENOSPC, "the host has no vector left");
}

static void source_stop(struct msix *x)
{
	scene_of(x)->stops++;
	memset(scene_of(x)->tied, 0xff, sizeof(scene_of(x)->tied));
}

static const struct msix_ops source_ops = {
	.start = source_start,
	.vectors = source_vectors,
	.stop = source_stop,
};

static inline void give_capability(struct pci_device *d, unsigned n)
{
	pci_cap_add(d, PCI_CAP_ID_MSIX, AT);
	pci_config_set(d, AT + PCI_MSIX_FLAGS, 2, n - 1);
	pci_config_set(d, AT + PCI_MSIX_TABLE, 4, TABLE | 0);
	pci_config_set(d, AT + PCI_MSIX_PBA, 4, PBA | 0);
}

static inline struct scene *open_scene(unsigned n)
{
	static struct scene s;
	struct err e = ERR_NONE;

	memset(&s, 0, sizeof(s));
	memset(s.tied, 0xff, sizeof(s.tied));
	s.room = MSIX_MAX;
	board_open(&s.b);
	toy_init(&s.t, "toy");
	pci_bar_init(&s.t.dev, 0, PCI_BAR_MEM32, false, 0x10000);
	give_capability(&s.t.dev, n);
	assert_int_equal(
		msix_init(&s.x, &s.t.dev, &s.b.vm.irq, AT, &source_ops, &e), 0);
	assert_int_equal(pci_host_add(&s.b.host, &s.t.dev, DEVFN, &e), 0);
	cfg_write(&s.b, 0, DEVFN, PCI_BASE_ADDRESS_0, 4, BAR_AT);
	cfg_write(&s.b, 0, DEVFN, PCI_COMMAND, 2, 6);
	return &s;
}

static inline void close_scene(struct scene *s)
{
	msix_fini(&s->x);
	msix_fini(&s->x);
	assert_int_equal(fake_kvm_irqfds(), 0);
	pci_device_fini(&s->t.dev);
	board_close(&s->b);
}

static inline void control(struct scene *s, uint32_t v)
{
	cfg_write(&s->b, 0, DEVFN, CONTROL, 2, v);
}

static inline void put(struct scene *s, unsigned i, unsigned field,
		       unsigned len, uint64_t v)
{
	bus_write(&s->b.vm.mmio, BAR_AT + TABLE + i * 16 + field, len, v);
}

static inline uint64_t get(struct scene *s, unsigned i, unsigned field,
			   unsigned len)
{
	return bus_read(&s->b.vm.mmio, BAR_AT + TABLE + i * 16 + field, len);
}

/* As Linux does: masked, address, data, then the mask bit. */
static inline void program(struct scene *s, unsigned i, uint32_t data,
			   uint32_t mask)
{
	put(s, i, 0, 4, ADDRESS);
	put(s, i, 4, 4, 0);
	put(s, i, 8, 4, data);
	put(s, i, 12, 4, mask);
}

static inline uint64_t pending(struct scene *s, unsigned word)
{
	return bus_read(&s->b.vm.mmio, BAR_AT + PBA + 8 * word, 8);
}

static inline void check_open(struct scene *s, unsigned i, uint64_t address,
			      uint32_t data)
{
	const struct msix_vector *v = &s->x.vectors[i];
	const struct kvm_irq_routing_entry *r;

	assert_true(v->open);
	r = fake_kvm_route((uint32_t)v->route.gsi);
	assert_non_null(r);
	assert_int_equal(r->u.msi.address_lo, (uint32_t)address);
	assert_int_equal(r->u.msi.address_hi, (uint32_t)(address >> 32));
	assert_int_equal(r->u.msi.data, data);
	assert_true(fake_kvm_has_irqfd((uint32_t)v->route.gsi));
	assert_int_equal(s->tied[i], v->route.fd);
}

static inline unsigned commits(void)
{
	return fake_trace_count("KVM_SET_GSI_ROUTING");
}

#endif

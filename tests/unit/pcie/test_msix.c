/* MSI-X. VFIO-MSIX-01..11. */
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

static struct scene *scene_of(struct msix *x)
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

static void give_capability(struct pci_device *d, unsigned n)
{
	pci_cap_add(d, PCI_CAP_ID_MSIX, AT);
	pci_config_set(d, AT + PCI_MSIX_FLAGS, 2, n - 1);
	pci_config_set(d, AT + PCI_MSIX_TABLE, 4, TABLE | 0);
	pci_config_set(d, AT + PCI_MSIX_PBA, 4, PBA | 0);
}

static struct scene *open_scene(unsigned n)
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

static void close_scene(struct scene *s)
{
	msix_fini(&s->x);
	msix_fini(&s->x);
	assert_int_equal(fake_kvm_irqfds(), 0);
	pci_device_fini(&s->t.dev);
	board_close(&s->b);
}

static void control(struct scene *s, uint32_t v)
{
	cfg_write(&s->b, 0, DEVFN, CONTROL, 2, v);
}

static void put(struct scene *s, unsigned i, unsigned field, unsigned len,
		uint64_t v)
{
	bus_write(&s->b.vm.mmio, BAR_AT + TABLE + i * 16 + field, len, v);
}

static uint64_t get(struct scene *s, unsigned i, unsigned field, unsigned len)
{
	return bus_read(&s->b.vm.mmio, BAR_AT + TABLE + i * 16 + field, len);
}

/* As Linux does: masked, address, data, then the mask bit. */
static void program(struct scene *s, unsigned i, uint32_t data, uint32_t mask)
{
	put(s, i, 0, 4, ADDRESS);
	put(s, i, 4, 4, 0);
	put(s, i, 8, 4, data);
	put(s, i, 12, 4, mask);
}

static uint64_t pending(struct scene *s, unsigned word)
{
	return bus_read(&s->b.vm.mmio, BAR_AT + PBA + 8 * word, 8);
}

static void check_open(struct scene *s, unsigned i, uint64_t address,
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

static unsigned commits(void)
{
	return fake_trace_count("KVM_SET_GSI_ROUTING");
}

/* -------- registers -------- */

static void table_starts_masked_and_empty(void **state)
{
	struct scene *s = open_scene(5);

	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(get(s, i, 0, 8), 0);
		assert_int_equal(get(s, i, 8, 8), 1ull << 32);
	}
	assert_int_equal(pending(s, 0), 0);
	close_scene(s);
}

static void only_enable_and_function_mask_are_writable(void **state)
{
	struct scene *s = open_scene(5);

	for (unsigned i = 0; i < 12; i += 4)
		cfg_write(&s->b, 0, DEVFN, AT + i, 4, UINT32_MAX);
	assert_int_equal(cfg_read(&s->b, 0, DEVFN, CONTROL, 2), 0xc004);
	assert_int_equal(cfg_read(&s->b, 0, DEVFN, AT + 4, 4), TABLE);
	assert_int_equal(cfg_read(&s->b, 0, DEVFN, AT + 8, 4), PBA);
	close_scene(s);
}

static void control_in_every_width_enables(void **state)
{
	for (unsigned len = 1; len <= 4; len *= 2) {
		struct scene *s = open_scene(3);
		unsigned reg = len == 1 ? CONTROL + 1 : len == 2 ? CONTROL : AT;
		unsigned shift = len == 1 ? 8 : len == 2 ? 0 : 16;

		cfg_write(&s->b, 0, DEVFN, reg, len,
			  len == 1 ? ON >> shift : (uint64_t)ON << shift);
		assert_true(msix_enabled(&s->x));
		assert_int_equal(s->starts, 1);
		assert_int_equal(s->calls, 0);
		cfg_write(&s->b, 0, DEVFN, reg, len, 0);
		assert_int_equal(s->stops, 1);
		close_scene(s);
		fake_reset();
	}
}

/* Table and PBA against a plain array, every width at every offset, the bytes
 * beside them included. */
static void table_in_every_width_at_every_offset(void **state)
{
	struct scene *s = open_scene(3);
	uint8_t model[64];
	uint32_t seed = 8;

	for (unsigned len = 1; len <= 8; len++) {
		for (unsigned at = 0; at + len <= 64; at++) {
			uint64_t v =
				(uint64_t)noise(&seed) << 32 | noise(&seed);

			for (unsigned k = 0; k < 64; k++)
				model[k] = (uint8_t)get(s, 0, k, 1);
			put(s, 0, at, len, v);
			le_store(model + at, len, v);
			for (unsigned k = 0; k < 64; k++)
				assert_int_equal(get(s, 0, k, 1), model[k]);
			assert_int_equal(get(s, 0, at, len),
					 le_load(model + at, len));
		}
	}
	/* Bytes 48 and on are the device's own. */
	assert_int_equal(s->t.mem[48], model[48]);
	assert_int_equal(s->t.mem[0], 0);
	close_scene(s);
}

static void pending_bits_are_read_only(void **state)
{
	struct scene *s = open_scene(70);

	for (unsigned len = 1; len <= 8; len *= 2)
		for (unsigned at = 0; at < 16; at += len) {
			bus_write(&s->b.vm.mmio, BAR_AT + PBA + at, len,
				  UINT64_MAX);
			assert_int_equal(
				bus_read(&s->b.vm.mmio, BAR_AT + PBA + at, len),
				0);
		}
	/* 70 vectors have two quadwords; the device has what follows. */
	bus_write(&s->b.vm.mmio, BAR_AT + PBA + 16, 4, 0x55);
	assert_int_equal(bus_read(&s->b.vm.mmio, BAR_AT + PBA + 16, 4), 0x55);
	close_scene(s);
}

static void owns_exactly_table_and_pba(void **state)
{
	struct scene *s = open_scene(65);

	assert_false(msix_owns(&s->x, 0, TABLE - 1, 1));
	assert_true(msix_owns(&s->x, 0, TABLE - 1, 2));
	assert_true(msix_owns(&s->x, 0, TABLE + 65 * 16 - 1, 1));
	assert_false(msix_owns(&s->x, 0, TABLE + 65 * 16, 8));
	assert_true(msix_owns(&s->x, 0, PBA + 15, 1));
	assert_false(msix_owns(&s->x, 0, PBA + 16, 1));
	assert_false(msix_owns(&s->x, 1, TABLE, 4));
	close_scene(s);
}

/* -------- vectors -------- */

static void enable_ties_no_vector(void **state)
{
	struct scene *s = open_scene(2048);
	unsigned eventfds = fake_trace_count("eventfd");

	control(s, ON | MASKALL);
	control(s, ON);
	assert_int_equal(s->starts, 1);
	assert_int_equal(s->calls, 0);
	assert_int_equal(fake_kvm_irqfds(), 0);
	assert_int_equal(fake_trace_count("eventfd"), eventfds);
	close_scene(s);
}

static void vector_is_made_when_first_unmasked(void **state)
{
	struct scene *s = open_scene(2048);

	control(s, ON);
	program(s, 700, 0x41, 1);
	assert_int_equal(fake_kvm_irqfds(), 0);
	program(s, 700, 0x41, 0);
	check_open(s, 700, ADDRESS, 0x41);
	assert_int_equal(s->calls, 1);
	assert_int_equal(s->first, 700);
	assert_int_equal(s->n, 1);
	assert_int_equal(count_tied(s), 1);
	close_scene(s);
}

static void vectors_programmed_before_enable_open_with_it(void **state)
{
	struct scene *s = open_scene(4);

	program(s, 1, 0x51, 0);
	program(s, 3, 0x53, 0);
	assert_int_equal(fake_kvm_irqfds(), 0);
	control(s, ON);
	check_open(s, 1, ADDRESS, 0x51);
	check_open(s, 3, ADDRESS, 0x53);
	assert_int_equal(s->calls, 1);
	assert_int_equal(s->first, 1);
	assert_int_equal(s->n, 3);
	assert_int_equal(s->tied[2], -1);
	close_scene(s);
}

static void burst_of_2048_vectors_is_one_commit_and_one_call(void **state)
{
	struct scene *s = open_scene(2048);
	unsigned before;

	control(s, ON | MASKALL);
	for (unsigned i = 0; i < 2048; i++)
		program(s, i, 0x20 + i % 0xd0, 0);
	before = commits();
	assert_int_equal(fake_kvm_irqfds(), 0);
	control(s, ON);
	assert_int_equal(commits() - before, 1);
	assert_int_equal(s->calls, 1);
	assert_int_equal(s->n, 2048);
	assert_int_equal(fake_kvm_irqfds(), 2048);
	check_open(s, 0, ADDRESS, 0x20);
	check_open(s, 2047, ADDRESS, 0x20 + 2047 % 0xd0);
	control(s, 0);
	assert_int_equal(commits() - before, 2);
	assert_int_equal(fake_kvm_irqfds(), 0);
	close_scene(s);
}

static void entry_in_two_quadwords_in_any_order(void **state)
{
	struct scene *s = open_scene(2);

	control(s, ON);
	put(s, 0, 0, 8, ADDRESS);
	put(s, 0, 8, 8, 0x61); /* data, and the mask bit cleared */
	check_open(s, 0, ADDRESS, 0x61);
	put(s, 1, 8, 8, 0x62); /* unmasked while the address is still 0 */
	assert_false(s->x.vectors[1].open);
	put(s, 1, 0, 8, ADDRESS | 0x1000);
	check_open(s, 1, ADDRESS | 0x1000, 0x62);
	close_scene(s);
}

static void entry_in_four_dwords_in_every_order(void **state)
{
	for (unsigned order = 0; order < 24; order++) {
		static const uint32_t v[4] = { ADDRESS | 0x2000, 0, 0x71, 0 };
		struct scene *s = open_scene(1);
		unsigned left[4] = { 0, 1, 2, 3 }, o = order;

		control(s, ON);
		for (unsigned n = 4; n > 0; o /= n, n--) {
			unsigned k = o % n;

			put(s, 0, 4 * left[k], 4, v[left[k]]);
			left[k] = left[n - 1];
		}
		check_open(s, 0, ADDRESS | 0x2000, 0x71);
		close_scene(s);
		fake_reset();
	}
}

static void message_changed_while_unmasked_takes_effect(void **state)
{
	struct scene *s = open_scene(2);
	unsigned before;

	control(s, ON);
	program(s, 0, 0x41, 0);
	before = commits();
	put(s, 0, 8, 4, 0x42);
	check_open(s, 0, ADDRESS, 0x42);
	assert_int_equal(commits() - before, 1);
	put(s, 0, 8, 4, 0x42); /* the same again: nothing to do */
	assert_int_equal(commits() - before, 1);
	assert_int_equal(s->calls, 1);
	close_scene(s);
}

static void message_changed_while_masked_waits(void **state)
{
	struct scene *s = open_scene(2);
	unsigned before;

	control(s, ON);
	program(s, 0, 0x41, 0);
	put(s, 0, 12, 4, 1);
	before = commits();
	put(s, 0, 8, 4, 0x43);
	assert_int_equal(commits(), before);
	put(s, 0, 12, 4, 0);
	check_open(s, 0, ADDRESS, 0x43);
	assert_int_equal(commits() - before, 1);
	assert_int_equal(s->calls, 1); /* the source knows this vector */
	close_scene(s);
}

static void mask_and_unmask_do_not_touch_the_source(void **state)
{
	struct scene *s = open_scene(2);
	unsigned before;

	control(s, ON);
	program(s, 0, 0x41, 0);
	before = commits();
	for (unsigned i = 0; i < 50; i++) {
		put(s, 0, 12, 4, 1);
		assert_int_equal(fake_kvm_irqfds(), 0);
		put(s, 0, 12, 4, 0);
		assert_int_equal(fake_kvm_irqfds(), 1);
	}
	assert_int_equal(s->calls, 1);
	assert_int_equal(commits(), before);
	close_scene(s);
}

/* -------- pending -------- */

static void masked_event_is_pending_and_injected_once(void **state)
{
	struct scene *s = open_scene(80);
	uint32_t gsi;

	control(s, ON);
	program(s, 70, 0x41, 0);
	gsi = (uint32_t)s->x.vectors[70].route.gsi;
	put(s, 70, 12, 4, 1);
	assert_int_equal(pending(s, 1), 0);
	sys_eventfd_signal(s->tied[70]);
	sys_eventfd_signal(s->tied[70]);
	assert_int_equal(pending(s, 0), 0);
	assert_int_equal(pending(s, 1), 1 << 6);
	assert_int_equal(bus_read(&s->b.vm.mmio, BAR_AT + PBA + 8, 4), 1 << 6);
	assert_int_equal(fake_kvm_injected(gsi), 0);
	put(s, 70, 12, 4, 0);
	assert_int_equal(fake_kvm_injected(gsi), 1);
	assert_int_equal(pending(s, 1), 0);
	put(s, 70, 12, 4, 1);
	assert_int_equal(pending(s, 1), 0); /* no phantom */
	close_scene(s);
}

static void function_mask_holds_all_and_replays_each_once(void **state)
{
	struct scene *s = open_scene(3);

	control(s, ON);
	for (unsigned i = 0; i < 3; i++)
		program(s, i, 0x40 + i, 0);
	put(s, 2, 12, 4, 1);
	control(s, ON | MASKALL);
	assert_int_equal(fake_kvm_irqfds(), 0);
	for (unsigned i = 0; i < 3; i++)
		sys_eventfd_signal(s->tied[i]);
	assert_int_equal(pending(s, 0), 7);
	control(s, ON);
	assert_int_equal(pending(s, 0), 4);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(
			fake_kvm_injected((uint32_t)s->x.vectors[i].route.gsi),
			i < 2 ? 1 : 0);
	close_scene(s);
}

static void refused_message_closes_the_vector_and_no_other(void **state)
{
	struct scene *s = open_scene(3);

	control(s, ON | MASKALL);
	program(s, 0, 0x40, 0);
	program(s, 1, 0x41, 0);
	put(s, 1, 0, 4, 0x12345670);
	program(s, 2, 0x42, 0);
	control(s, ON);
	check_open(s, 0, ADDRESS, 0x40);
	check_open(s, 2, ADDRESS, 0x42);
	assert_false(s->x.vectors[1].open);
	assert_true(s->x.vectors[1].refused);
	sys_eventfd_signal(s->tied[1]);
	assert_int_equal(pending(s, 0), 2);
	put(s, 1, 0, 4, ADDRESS);
	check_open(s, 1, ADDRESS, 0x41);
	assert_int_equal(pending(s, 0), 0);
	assert_int_equal(fake_kvm_injected((uint32_t)s->x.vectors[1].route.gsi),
			 1);
	/* Refused while open: closed at once. */
	put(s, 0, 4, 4, 0x55);
	assert_false(s->x.vectors[0].open);
	close_scene(s);
}

static void thousand_refusals_are_a_few_lines(void **state)
{
	struct scene *s = open_scene(1);

	control(s, ON);
	for (unsigned i = 0; i < 1000; i++) {
		put(s, 0, 12, 4, 0);
		put(s, 0, 12, 4, 1);
	}
	assert_true(s->x.limit.used <= LOG_LIMIT_BURST);
	assert_true(s->x.limit.dropped > 900);
	close_scene(s);
}

/* -------- off, and failures -------- */

static void disable_frees_everything(void **state)
{
	struct scene *s = open_scene(4);
	unsigned routes = fake_kvm_routes();

	for (unsigned round = 0; round < 20; round++) {
		control(s, ON);
		program(s, 0, 0x40, 0);
		program(s, 3, 0x43, 0);
		assert_int_equal(fake_kvm_irqfds(), 2);
		control(s, 0);
		assert_int_equal(fake_kvm_irqfds(), 0);
		assert_int_equal(fake_kvm_routes(), routes);
		assert_int_equal(count_tied(s), 0);
	}
	assert_int_equal(s->stops, 20);
	close_scene(s);
}

static void source_that_cannot_start_leaves_msix_off(void **state)
{
	struct scene *s = open_scene(2);

	s->start_rc = -EBUSY;
	control(s, ON);
	program(s, 0, 0x40, 0);
	assert_int_equal(s->starts, 1);
	assert_int_equal(s->calls, 0);
	assert_int_equal(fake_kvm_irqfds(), 0);
	control(s, 0);
	assert_int_equal(s->stops, 0);
	s->start_rc = 0;
	control(s, ON);
	check_open(s, 0, ADDRESS, 0x40);
	close_scene(s);
}

static void vector_the_host_cannot_give_stays_masked(void **state)
{
	struct scene *s = open_scene(4);

	s->room = 2;
	control(s, ON);
	program(s, 0, 0x40, 0);
	program(s, 1, 0x41, 0);
	program(s, 2, 0x42, 0);
	check_open(s, 0, ADDRESS, 0x40);
	check_open(s, 1, ADDRESS, 0x41);
	assert_false(s->x.vectors[2].open);
	assert_false(s->x.vectors[2].used);
	assert_int_equal(fake_kvm_irqfds(), 2);
	/* The host has more now; the guest tries again by unmasking. */
	s->room = 3;
	put(s, 2, 12, 4, 1);
	put(s, 2, 12, 4, 0);
	check_open(s, 2, ADDRESS, 0x42);
	close_scene(s);
}

static void burst_that_is_too_large_keeps_what_fits(void **state)
{
	struct scene *s = open_scene(64);

	s->room = 10;
	control(s, ON);
	program(s, 5, 0x45, 0);
	control(s, ON | MASKALL);
	for (unsigned i = 0; i < 64; i++)
		program(s, i, 0x40 + i, 0);
	control(s, ON);
	assert_int_equal(count_tied(s), 10);
	assert_int_equal(fake_kvm_irqfds(), 10);
	check_open(s, 5, ADDRESS, 0x45);
	check_open(s, 0, ADDRESS, 0x40);
	check_open(s, 9, ADDRESS, 0x49);
	assert_false(s->x.vectors[10].used);
	close_scene(s);
}

static void reset_is_as_new(void **state)
{
	struct scene *s = open_scene(2);

	control(s, ON);
	program(s, 1, 0x41, 0);
	sys_eventfd_signal(s->tied[1]);
	msix_reset(&s->x);
	assert_int_equal(s->stops, 1);
	assert_int_equal(cfg_read(&s->b, 0, DEVFN, CONTROL, 2), 1);
	assert_int_equal(get(s, 1, 0, 8), 0);
	assert_int_equal(get(s, 1, 8, 8), 1ull << 32);
	assert_int_equal(pending(s, 0), 0);
	assert_int_equal(fake_kvm_irqfds(), 0);
	control(s, ON);
	program(s, 1, 0x42, 0);
	check_open(s, 1, ADDRESS, 0x42);
	close_scene(s);
}

static void every_host_failure_leaves_vectors_that_recover(void **state)
{
	for (unsigned nth = 1; nth < 40; nth++) {
		struct scene *s = open_scene(4);

		fake_fail_at(nth, ENOMEM);
		control(s, ON | MASKALL);
		for (unsigned i = 0; i < 4; i++)
			program(s, i, 0x40 + i, 0);
		control(s, ON);
		put(s, 0, 8, 4, 0x50);
		fake_fail_none();
		control(s, ON | MASKALL);
		control(s, ON);
		check_open(s, 0, ADDRESS, 0x50);
		for (unsigned i = 1; i < 4; i++)
			check_open(s, i, ADDRESS, 0x40 + i);
		close_scene(s);
		fake_reset();
	}
}

/* -------- MSI beside it -------- */

static int msi_source_start(struct msi *m, unsigned n, const int *fds,
			    struct err *e)
{
	return 0;
}

static void msi_source_stop(struct msi *m)
{
}

static const struct msi_ops msi_source_ops = {
	.start = msi_source_start,
	.stop = msi_source_stop,
};

static void of_msi_and_msix_the_newest_wins(void **state)
{
	struct scene *s = open_scene(2);
	struct msi m;

	pci_cap_add(&s->t.dev, PCI_CAP_ID_MSI, 0x80);
	pci_config_set(&s->t.dev, 0x82, 2, PCI_MSI_FLAGS_64BIT);
	msi_init(&m, &s->t.dev, &s->b.vm.irq, 0x80, &msi_source_ops);
	cfg_write(&s->b, 0, DEVFN, 0x84, 4, ADDRESS);
	cfg_write(&s->b, 0, DEVFN, 0x82, 2, 1);
	assert_int_equal(m.n, 1);
	control(s, ON);
	assert_int_equal(m.n, 0);
	program(s, 0, 0x40, 0);
	check_open(s, 0, ADDRESS, 0x40);
	cfg_write(&s->b, 0, DEVFN, 0x82, 2, 0);
	cfg_write(&s->b, 0, DEVFN, 0x82, 2, 1);
	assert_int_equal(m.n, 1);
	assert_int_equal(s->stops, 1);
	assert_int_equal(fake_kvm_irqfds(), 1);
	msi_fini(&m);
	close_scene(s);
}

/* -------- geometry -------- */

static int geometry(uint32_t table, uint32_t pba, unsigned n, struct err *e)
{
	static const uint64_t sizes[6] = { 0x4000, 0, 0x100000000 };
	uint8_t config[256] = { 0 };

	le16_store(config + AT + PCI_MSIX_FLAGS, (uint16_t)(n - 1));
	le32_store(config + AT + PCI_MSIX_TABLE, table);
	le32_store(config + AT + PCI_MSIX_PBA, pba);
	return msix_geometry(config, AT, sizes, e);
}

static void geometry_that_cannot_be_is_refused(void **state)
{
	struct err e = ERR_NONE;

	assert_int_equal(geometry(0, 0x800, 128, &e), 0);
	assert_int_equal(geometry(0, 0x2, 1024, &e), 0);
	assert_int_equal(geometry(0xfffff000 | 2, 0, 256, &e), 0);
	assert_int_equal(geometry(0, 0x7f8, 128, &e), -EINVAL);
	assert_non_null(strstr(e.text, "overlap"));
	assert_int_equal(geometry(0, 0x800, 1025, &e), -EINVAL);
	assert_non_null(strstr(e.text, "not inside BAR0"));
	assert_int_equal(geometry(0xfffff000 | 2, 0, 257, &e), -EINVAL);
	assert_int_equal(geometry(1, 0, 1, &e), -EINVAL);
	assert_non_null(strstr(e.text, "BAR1"));
	assert_int_equal(geometry(6, 0, 1, &e), -EINVAL);
	assert_int_equal(geometry(0, 7, 1, &e), -EINVAL);
	assert_non_null(strstr(e.text, "PBA"));
	assert_int_equal(geometry(0x4000, 0, 1, &e), -EINVAL);
	assert_int_equal(geometry(0, 0x4000, 1, &e), -EINVAL);
	assert_int_equal(geometry(0, 0x3ff8, 65, &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(table_starts_masked_and_empty),
		FAKE_TEST(only_enable_and_function_mask_are_writable),
		FAKE_TEST(control_in_every_width_enables),
		FAKE_TEST(table_in_every_width_at_every_offset),
		FAKE_TEST(pending_bits_are_read_only),
		FAKE_TEST(owns_exactly_table_and_pba),
		FAKE_TEST(enable_ties_no_vector),
		FAKE_TEST(vector_is_made_when_first_unmasked),
		FAKE_TEST(vectors_programmed_before_enable_open_with_it),
		FAKE_TEST(burst_of_2048_vectors_is_one_commit_and_one_call),
		FAKE_TEST(entry_in_two_quadwords_in_any_order),
		FAKE_TEST(entry_in_four_dwords_in_every_order),
		FAKE_TEST(message_changed_while_unmasked_takes_effect),
		FAKE_TEST(message_changed_while_masked_waits),
		FAKE_TEST(mask_and_unmask_do_not_touch_the_source),
		FAKE_TEST(masked_event_is_pending_and_injected_once),
		FAKE_TEST(function_mask_holds_all_and_replays_each_once),
		FAKE_TEST(refused_message_closes_the_vector_and_no_other),
		FAKE_TEST(thousand_refusals_are_a_few_lines),
		FAKE_TEST(disable_frees_everything),
		FAKE_TEST(source_that_cannot_start_leaves_msix_off),
		FAKE_TEST(vector_the_host_cannot_give_stays_masked),
		FAKE_TEST(burst_that_is_too_large_keeps_what_fits),
		FAKE_TEST(reset_is_as_new),
		FAKE_TEST(every_host_failure_leaves_vectors_that_recover),
		FAKE_TEST(of_msi_and_msix_the_newest_wins),
		FAKE_TEST(geometry_that_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* MSI. VFIO-MSI-01..03. */
#include "pcie/msi.h"
#include "tests/unit/pcie/board.h"

enum { AT = 0x50, DEVFN = 8, ADDRESS = 0xfee01000 };

struct scene {
	struct board b;
	struct toy t;
	struct msi msi;
	unsigned starts, stops, n;
	int have; /* vectors that the source has; negative: an error */
	int fds[MSI_MAX];
	bool live_at_stop;
};

static struct scene *scene_of(struct msi *m)
{
	return container_of(m, struct scene, msi);
}

static int source_start(struct msi *m, unsigned n, const int *fds,
			struct err *e)
{
	struct scene *s = scene_of(m);

	s->starts++;
	if (s->have < 0)
		return err_set(e, s->have, "no");
	if (n > (unsigned)s->have)
		return s->have;
	s->n = n;
	memcpy(s->fds, fds, n * sizeof(*fds));
	return 0;
}

static void source_stop(struct msi *m)
{
	struct scene *s = scene_of(m);

	s->stops++;
	s->n = 0;
	s->live_at_stop = m->route[0].live;
}

static const struct msi_ops source_ops = {
	.start = source_start,
	.stop = source_stop,
};

static void open_scene(struct scene *s, uint16_t flags)
{
	struct err e = ERR_NONE;

	memset(s, 0, sizeof(*s));
	s->have = MSI_MAX;
	board_open(&s->b);
	toy_init(&s->t, "toy");
	pci_cap_add(&s->t.dev, PCI_CAP_ID_MSI, AT);
	pci_config_set(&s->t.dev, AT + PCI_MSI_FLAGS, 2, flags);
	msi_init(&s->msi, &s->t.dev, &s->b.vm.irq, AT, &source_ops);
	assert_int_equal(pci_host_add(&s->b.host, &s->t.dev, DEVFN, &e), 0);
}

static void close_scene(struct scene *s)
{
	msi_fini(&s->msi);
	msi_fini(&s->msi);
	assert_int_equal(fake_kvm_irqfds(), 0);
	pci_device_fini(&s->t.dev);
	board_close(&s->b);
}

static void put(struct scene *s, unsigned reg, unsigned len, uint64_t v)
{
	cfg_write(&s->b, 0, DEVFN, AT + reg, len, v);
}

static uint16_t get_flags(struct scene *s)
{
	return (uint16_t)cfg_read(&s->b, 0, DEVFN, AT + PCI_MSI_FLAGS, 2);
}

static const uint16_t layouts[] = {
	0,
	PCI_MSI_FLAGS_64BIT,
	PCI_MSI_FLAGS_MASKBIT,
	PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT,
};

static void sizes_are_those_of_the_four_layouts(void **state)
{
	assert_int_equal(msi_cap_size(layouts[0]), 10);
	assert_int_equal(msi_cap_size(layouts[1]), 14);
	assert_int_equal(msi_cap_size(layouts[2]), 20);
	assert_int_equal(msi_cap_size(layouts[3]), 24);
}

static void check_route(struct scene *s, unsigned i, uint64_t address,
			uint32_t data)
{
	const struct kvm_irq_routing_entry *r;

	assert_true(s->msi.route[i].gsi >= IRQ_PINS);
	r = fake_kvm_route((uint32_t)s->msi.route[i].gsi);
	assert_non_null(r);
	assert_int_equal(r->u.msi.address_lo, (uint32_t)address);
	assert_int_equal(r->u.msi.address_hi, (uint32_t)(address >> 32));
	assert_int_equal(r->u.msi.data, data);
	assert_true(fake_kvm_has_irqfd((uint32_t)s->msi.route[i].gsi));
}

/* Write the capability in pieces of @len, the control register last. */
static void program(struct scene *s, unsigned len, uint32_t data)
{
	bool wide = get_flags(s) & PCI_MSI_FLAGS_64BIT;
	unsigned reg = wide ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32;
	uint8_t address[8] = { 0 };

	le64_store(address, ADDRESS);
	for (unsigned i = 0; i < (wide ? 8u : 4u); i += len)
		put(s, PCI_MSI_ADDRESS_LO + i, len, le_load(address + i, len));
	for (unsigned i = 0; i < 2; i += len)
		put(s, reg + i, len < 2 ? 1 : 2, data >> (8 * i));
	if (len == 4)
		put(s, 0, 4, (get_flags(s) | 1u) << 16);
	else
		put(s, PCI_MSI_FLAGS, len, get_flags(s) | 1u);
}

/* VFIO-MSI-02 */
static void every_layout_works_in_every_width(void **state)
{
	for (unsigned i = 0; i < ARRAY_LEN(layouts); i++) {
		for (unsigned len = 1; len <= 4; len *= 2) {
			struct scene s;

			open_scene(&s, layouts[i]);
			program(&s, len, 0x4031);
			assert_int_equal(s.n, 1);
			check_route(&s, 0, ADDRESS, 0x4031);
			put(&s, PCI_MSI_FLAGS, 1, 0);
			assert_int_equal(s.n, 0);
			assert_int_equal(fake_kvm_irqfds(), 0);
			close_scene(&s);
			fake_reset();
		}
	}
}

static void only_enable_count_address_and_data_are_writable(void **state)
{
	for (unsigned i = 0; i < ARRAY_LEN(layouts); i++) {
		struct scene s;
		bool wide = layouts[i] & PCI_MSI_FLAGS_64BIT;

		open_scene(&s, layouts[i]);
		s.have = -EBUSY;
		for (unsigned k = 0; k < 24; k += 4)
			put(&s, k, 4, UINT32_MAX);
		assert_int_equal(get_flags(&s), layouts[i] | 0x71);
		assert_int_equal(cfg_read(&s.b, 0, DEVFN, AT, 1), 5);
		assert_int_equal(cfg_read(&s.b, 0, DEVFN, AT + 4, 4),
				 0xfffffffc);
		assert_int_equal(cfg_read(&s.b, 0, DEVFN, AT + 8, 4),
				 wide ? 0xffffffff : 0xffff);
		assert_int_equal(cfg_read(&s.b, 0, DEVFN, AT + 12, 4),
				 wide ? 0xffff : 0);
		close_scene(&s);
		fake_reset();
	}
}

/* VFIO-MSI-01 */
static void several_vectors_number_the_low_bits(void **state)
{
	struct scene s;

	open_scene(&s, PCI_MSI_FLAGS_64BIT | 3 << 1); /* offers 8 */
	put(&s, PCI_MSI_FLAGS, 2, 2 << 4);	      /* 4 of them */
	program(&s, 2, 0x0037);
	assert_int_equal(s.n, 4);
	assert_int_equal(s.starts, 1);
	for (unsigned i = 0; i < 4; i++)
		check_route(&s, i, ADDRESS, 0x34 + i);
	assert_int_equal(s.fds[3], s.msi.route[3].fd);
	close_scene(&s);
}

static void more_than_offered_is_what_is_offered(void **state)
{
	struct scene s;

	open_scene(&s, PCI_MSI_FLAGS_64BIT | 1 << 1); /* offers 2 */
	put(&s, PCI_MSI_FLAGS, 2, 7 << 4);
	program(&s, 2, 0x40);
	assert_int_equal(s.n, 2);
	close_scene(&s);
	fake_reset();
	open_scene(&s, PCI_MSI_FLAGS_64BIT | 7 << 1); /* reserved */
	put(&s, PCI_MSI_FLAGS, 2, 7 << 4);
	program(&s, 2, 0x40);
	assert_int_equal(s.n, 32);
	close_scene(&s);
}

static void enable_is_one_commit_and_one_start(void **state)
{
	struct scene s;
	unsigned before;

	open_scene(&s, PCI_MSI_FLAGS_64BIT | 5 << 1);
	put(&s, PCI_MSI_FLAGS, 2, 5 << 4);
	before = fake_trace_count("KVM_SET_GSI_ROUTING");
	program(&s, 4, 0x40);
	assert_int_equal(s.n, 32);
	assert_int_equal(s.starts, 1);
	assert_int_equal(fake_trace_count("KVM_SET_GSI_ROUTING") - before, 1);
	put(&s, PCI_MSI_FLAGS, 2, 0);
	assert_int_equal(s.stops, 1);
	assert_int_equal(fake_trace_count("KVM_SET_GSI_ROUTING") - before, 2);
	close_scene(&s);
}

/* VFIO-MSI-01 */
static void source_with_fewer_vectors_is_asked_again(void **state)
{
	struct scene s;

	open_scene(&s, PCI_MSI_FLAGS_64BIT | 3 << 1);
	s.have = 5;
	put(&s, PCI_MSI_FLAGS, 2, 3 << 4);
	program(&s, 2, 0x47);
	assert_int_equal(s.starts, 2);
	assert_int_equal(s.n, 4);
	assert_int_equal(s.msi.n, 4);
	assert_int_equal(fake_kvm_irqfds(), 4);
	/* The data still has room for the eight that the guest enabled. */
	check_route(&s, 3, ADDRESS, 0x43);
	close_scene(&s);
}

static void source_that_answers_nonsense_ends_at_one_vector(void **state)
{
	struct scene s;

	open_scene(&s, PCI_MSI_FLAGS_64BIT | 3 << 1);
	s.have = 1;
	put(&s, PCI_MSI_FLAGS, 2, 3 << 4);
	program(&s, 2, 0x40);
	assert_int_equal(s.n, 1);
	close_scene(&s);
}

static void failing_source_leaves_msi_off(void **state)
{
	struct scene s;

	open_scene(&s, PCI_MSI_FLAGS_64BIT);
	s.have = -EBUSY;
	program(&s, 2, 0x40);
	assert_int_equal(s.msi.n, 0);
	assert_int_equal(s.starts, 1);
	assert_int_equal(fake_kvm_irqfds(), 0);
	/* Not again until the guest enables it again. */
	put(&s, PCI_MSI_ADDRESS_LO, 4, ADDRESS);
	assert_int_equal(s.starts, 1);
	s.have = 1;
	put(&s, PCI_MSI_FLAGS, 2, 0);
	assert_int_equal(s.stops, 0);
	put(&s, PCI_MSI_FLAGS, 2, 1);
	assert_int_equal(s.msi.n, 1);
	close_scene(&s);
}

/* VFIO-MSI-02 */
static void message_changes_while_enabled(void **state)
{
	struct scene s;

	open_scene(&s, PCI_MSI_FLAGS_64BIT);
	program(&s, 2, 0x40);
	put(&s, PCI_MSI_DATA_64, 2, 0x55);
	check_route(&s, 0, ADDRESS, 0x55);
	put(&s, PCI_MSI_ADDRESS_LO + 1, 1, 0x20);
	check_route(&s, 0, 0xfee02000, 0x55);
	assert_int_equal(s.starts, 1);
	close_scene(&s);
}

/* VFIO-MSI-02 */
static void count_changed_while_enabled_restarts(void **state)
{
	struct scene s;

	open_scene(&s, PCI_MSI_FLAGS_64BIT | 2 << 1);
	program(&s, 2, 0x40);
	put(&s, PCI_MSI_FLAGS, 1, 2 << 4 | 1);
	assert_int_equal(s.stops, 1);
	assert_int_equal(s.starts, 2);
	assert_int_equal(s.n, 4);
	close_scene(&s);
}

static void refused_message_stays_pending_until_it_is_right(void **state)
{
	struct scene s;

	open_scene(&s, PCI_MSI_FLAGS_64BIT);
	put(&s, PCI_MSI_ADDRESS_LO, 4, 0x1000);
	put(&s, PCI_MSI_FLAGS, 2, 1);
	assert_int_equal(s.n, 1);
	assert_int_equal(fake_kvm_irqfds(), 0);
	sys_eventfd_signal(s.fds[0]);
	put(&s, PCI_MSI_ADDRESS_LO, 4, ADDRESS);
	check_route(&s, 0, ADDRESS, 0);
	assert_int_equal(fake_kvm_injected((uint32_t)s.msi.route[0].gsi), 1);
	/* And back: masked, nothing is injected. */
	put(&s, PCI_MSI_ADDRESS_LO, 4, 0x1000);
	assert_int_equal(fake_kvm_irqfds(), 0);
	close_scene(&s);
}

static void a_blank_message_is_masked_without_a_word(void **state)
{
	struct scene s;

	open_scene(&s, PCI_MSI_FLAGS_64BIT);
	program(&s, 2, 0x40);
	assert_int_equal(fake_kvm_irqfds(), 1);
	put(&s, PCI_MSI_ADDRESS_LO, 4, 0);
	put(&s, PCI_MSI_DATA_64, 2, 0);
	assert_int_equal(fake_kvm_irqfds(), 0);
	assert_int_equal(s.msi.limit.used, 0);
	put(&s, PCI_MSI_ADDRESS_LO, 4, 0x1000);
	assert_int_equal(s.msi.limit.used, 1);
	close_scene(&s);
}

/* VFIO-MSI-03 */
static void source_stops_before_its_routes_go(void **state)
{
	struct scene s;

	open_scene(&s, PCI_MSI_FLAGS_64BIT);
	program(&s, 2, 0x40);
	put(&s, PCI_MSI_FLAGS, 2, 0);
	assert_true(s.live_at_stop);
	assert_int_equal(s.msi.route[0].fd, -1);
	close_scene(&s);
}

static void reset_stops_and_clears(void **state)
{
	struct scene s;

	open_scene(&s, PCI_MSI_FLAGS_64BIT | 2 << 1);
	put(&s, PCI_MSI_FLAGS, 2, 1 << 4);
	program(&s, 2, 0x40);
	msi_reset(&s.msi);
	assert_int_equal(s.stops, 1);
	assert_int_equal(get_flags(&s), PCI_MSI_FLAGS_64BIT | 2 << 1);
	assert_int_equal(cfg_read(&s.b, 0, DEVFN, AT + 4, 8), 0);
	assert_false(msi_enabled(&s.msi));
	msi_reset(&s.msi);
	assert_int_equal(s.stops, 1);
	close_scene(&s);
}

static void writes_beside_the_capability_do_nothing(void **state)
{
	struct scene s;
	unsigned before;

	open_scene(&s, PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT);
	program(&s, 2, 0x40);
	before = fake_calls();
	put(&s, PCI_MSI_MASK_64, 4, UINT32_MAX);
	put(&s, 0, 2, 0);
	put(&s, 0x40, 4, UINT32_MAX);
	assert_int_equal(fake_calls(), before);
	close_scene(&s);
}

/* Whatever the kernel refuses, the VM goes on, and what is left works. */
static void every_host_failure_leaves_a_function_that_recovers(void **state)
{
	for (unsigned nth = 1; nth < 40; nth++) {
		struct scene s;

		open_scene(&s, PCI_MSI_FLAGS_64BIT | 2 << 1);
		put(&s, PCI_MSI_FLAGS, 2, 2 << 4);
		fake_fail_at(nth, ENOMEM);
		program(&s, 2, 0x40);
		put(&s, PCI_MSI_DATA_64, 2, 0x50);
		fake_fail_none();
		put(&s, PCI_MSI_FLAGS, 2, 0);
		assert_int_equal(fake_kvm_irqfds(), 0);
		put(&s, PCI_MSI_FLAGS, 2, 2 << 4 | 1);
		assert_int_equal(s.n, 4);
		check_route(&s, 3, ADDRESS, 0x53);
		close_scene(&s);
		fake_reset();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(sizes_are_those_of_the_four_layouts),
		FAKE_TEST(every_layout_works_in_every_width),
		FAKE_TEST(only_enable_count_address_and_data_are_writable),
		FAKE_TEST(several_vectors_number_the_low_bits),
		FAKE_TEST(more_than_offered_is_what_is_offered),
		FAKE_TEST(enable_is_one_commit_and_one_start),
		FAKE_TEST(source_with_fewer_vectors_is_asked_again),
		FAKE_TEST(source_that_answers_nonsense_ends_at_one_vector),
		FAKE_TEST(failing_source_leaves_msi_off),
		FAKE_TEST(message_changes_while_enabled),
		FAKE_TEST(count_changed_while_enabled_restarts),
		FAKE_TEST(refused_message_stays_pending_until_it_is_right),
		FAKE_TEST(a_blank_message_is_masked_without_a_word),
		FAKE_TEST(source_stops_before_its_routes_go),
		FAKE_TEST(reset_stops_and_clears),
		FAKE_TEST(writes_beside_the_capability_do_nothing),
		FAKE_TEST(every_host_failure_leaves_a_function_that_recovers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Writes that the guest repeats are made without us. */
#include "tests/unit/vfio/bench.h"

enum { OFTEN = 16, DOORBELL = 0x2800, OTHER = 0x2808 };

/* Registers share the page of the MSI-X table, 0x2000 to 0x20ff. */
static void open_it(struct bench *b)
{
	bench_open(b, &plain_function);
	decode_on(b);
}

/* True: it trapped. */
static bool guest_writes(struct bench *b, uint64_t off, unsigned len,
			 uint64_t v)
{
	uint64_t at = bar_at(b, 0) + off;

	if (fake_kvm_ioeventfd(false, at, len, v))
		return false;
	bus_write(&b->vm.mmio, at, len, v);
	return true;
}

static unsigned ring(struct bench *b, unsigned times, uint64_t v)
{
	unsigned traps = 0;

	for (unsigned i = 0; i < times; i++)
		traps += guest_writes(b, DOORBELL, 4, v);
	return traps;
}

static uint32_t hardware(unsigned off)
{
	return le32_load((uint8_t *)fake_pci_bar(BDF, 0) + off);
}

static void set_hardware(unsigned off, uint32_t v)
{
	le32_store((uint8_t *)fake_pci_bar(BDF, 0) + off, v);
}

static void there_are(struct bench *b, unsigned n)
{
	assert_int_equal(fake_kvm_ioeventfds(), n);
	assert_int_equal(fake_pci_writes_by(BDF), n);
	assert_int_equal(counter_get(&b->vm.kicks), n);
}

/* VFIO-BAR-15 */
static void a_repeated_write_traps_no_more_and_arrives(void **state)
{
	struct bench b;

	open_it(&b);
	assert_int_equal(ring(&b, 10000, 7), OFTEN);
	there_are(&b, 1);
	set_hardware(DOORBELL, 0);
	assert_int_equal(ring(&b, 1, 7), 0);
	assert_int_equal(hardware(DOORBELL), 7);
	bench_close(&b);
	assert_int_equal(fake_pci_writes_by(BDF), 0);
}

static void another_value_width_or_place_traps(void **state)
{
	struct bench b;

	open_it(&b);
	ring(&b, OFTEN, 7);
	assert_true(guest_writes(&b, DOORBELL, 4, 8));
	assert_int_equal(hardware(DOORBELL), 8);
	assert_true(guest_writes(&b, DOORBELL, 2, 7));
	assert_true(guest_writes(&b, OTHER, 4, 7));
	there_are(&b, 1);
	bench_close(&b);
}

static void doorbells_that_take_turns_get_one_each(void **state)
{
	struct bench b;
	unsigned traps = 0;

	open_it(&b);
	for (unsigned i = 0; i < 1000; i++) {
		traps += guest_writes(&b, DOORBELL, 4, 1);
		traps += guest_writes(&b, OTHER, 8, 2);
		traps += guest_writes(&b, DOORBELL, 1, 3);
	}
	assert_int_equal(traps, 3 * OFTEN);
	there_are(&b, 3);
	bench_close(&b);
}

static void values_that_change_get_none(void **state)
{
	struct bench b;

	open_it(&b);
	for (unsigned i = 0; i < 1000; i++)
		assert_true(guest_writes(&b, DOORBELL, 4, i % 64));
	there_are(&b, 0);
	bench_close(&b);
}

static void there_are_only_so_many(void **state)
{
	struct bench b;

	open_it(&b);
	for (unsigned v = 0; v < 40; v++)
		ring(&b, 2 * OFTEN, v);
	there_are(&b, VFIO_SHORTCUTS);
	bench_close(&b);
}

static void a_write_that_was_under_way_makes_no_second_one(void **state)
{
	struct bench b;

	open_it(&b);
	for (unsigned i = 0; i < 4 * OFTEN; i++)
		bus_write(&b.vm.mmio, bar_at(&b, 0) + DOORBELL, 4, 7);
	there_are(&b, 1);
	assert_false(b.dev->shortcuts.refused);
	bench_close(&b);
}

static void the_table_gets_none(void **state)
{
	struct bench b;

	open_it(&b);
	for (unsigned i = 0; i < 4 * OFTEN; i++)
		assert_true(guest_writes(&b, 0x2000 + 12, 4, 1));
	there_are(&b, 0);
	bench_close(&b);
}

static void ports_get_none(void **state)
{
	struct fake_pci p = plain_function;
	struct bench b;

	p.bar[2] = (struct fake_bar){ .size = 0x40, .io = true };
	bench_open(&b, &p);
	decode_on(&b);
	for (unsigned i = 0; i < 4 * OFTEN; i++)
		bus_write(&b.vm.pio, bar_at(&b, 2), 4, 1);
	there_are(&b, 0);
	bench_close(&b);
}

/* -------- the end of it -------- */

static void decode_off(struct bench *b)
{
	cfg_write(b, PCI_COMMAND, 2, 0);
}

static void moved(struct bench *b)
{
	cfg_write(b, 0x10, 4, (uint32_t)bar_at(b, 0) + 0x8000);
}

static void in_d3(struct bench *b)
{
	cfg_write(b, 0x40 + PCI_PM_CTRL, 2, 3);
}

static void flr(struct bench *b)
{
	cfg_write(b, 0x70 + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
}

static void lost(struct bench *b)
{
	pthread_mutex_lock(&b->pci->lock);
	vfio_lose(b->dev, "it fell off");
	pthread_mutex_unlock(&b->pci->lock);
}

/* VFIO-BAR-15, VFIO-BAR-06 */
static void it_ends_with_the_bar_at_its_place(void **state)
{
	static const struct {
		const char *what;
		void (*happens)(struct bench *b);
	} rows[] = {
		{ "decode off", decode_off }, { "moved", moved },
		{ "D3hot", in_d3 },	      { "FLR", flr },
		{ "reset", bench_reset },     { "lost", lost },
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;

		fake_reset();
		open_it(&b);
		ring(&b, OFTEN, 7);
		there_are(&b, 1);
		rows[i].happens(&b);
		if (fake_kvm_ioeventfds() || fake_pci_writes_by(BDF))
			fail_msg("%s: it is still there", rows[i].what);
		there_are(&b, 0);
		bench_close(&b);
	}
}

static void kvm_lets_go_before_vfio(void **state)
{
	struct bench b;

	open_it(&b);
	fake_trace_clear();
	ring(&b, OFTEN, 7);
	assert_true(fake_trace_has_in_order("VFIO_DEVICE_IOEVENTFD",
					    "KVM_IOEVENTFD"));
	fake_trace_clear();
	decode_off(&b);
	assert_true(fake_trace_has_in_order("KVM_IOEVENTFD",
					    "VFIO_DEVICE_IOEVENTFD"));
	bench_close(&b);
}

static void a_moved_bar_gets_new_ones(void **state)
{
	struct bench b;

	open_it(&b);
	ring(&b, OFTEN, 7);
	moved(&b);
	assert_int_equal(ring(&b, 100, 7), OFTEN);
	there_are(&b, 1);
	bench_close(&b);
}

static void other_bars_keep_theirs(void **state)
{
	struct fake_pci p = plain_function;
	struct bench b;
	uint64_t at;

	p.bar[2] = (struct fake_bar){ .size = 0x1000, .no_mmap = true };
	bench_open(&b, &p);
	decode_on(&b);
	at = bar_at(&b, 2);
	ring(&b, OFTEN, 7);
	for (unsigned i = 0; i < OFTEN; i++)
		bus_write(&b.vm.mmio, at, 4, 1);
	there_are(&b, 2);
	moved(&b);
	there_are(&b, 1);
	assert_true(fake_kvm_ioeventfd(false, at, 4, 1));
	bench_close(&b);
}

/* -------- where it cannot be -------- */

static void refused(const char *call, unsigned nth, int err)
{
	char text[8];
	struct bench b;

	snprintf(text, sizeof(text), "%d", err);
	fake_reset();
	open_it(&b);
	fake_trace_clear();
	if (strcmp(call, "eventfd") == 0)
		fake_fail_call(call, nth, err);
	else
		fake_fail_ioctl(call, nth, err);
	if (ring(&b, 1000, 7) != 1000)
		fail_msg("%s %s: a write got lost", call, text);
	there_are(&b, 0);
	assert_int_equal(hardware(DOORBELL), 7);
	/* one try, and for the KVM half one way back */
	if (fake_trace_count("VFIO_DEVICE_IOEVENTFD") > 2)
		fail_msg("%s %s: asked again", call, text);
	fake_fail_none();
	bench_close(&b);
}

/* VFIO-BAR-15 */
static void who_refuses_is_not_asked_again(void **state)
{
	static const int errs[] = { ENOTTY, EINVAL, ENOSPC, EBUSY };

	for (unsigned i = 0; i < ARRAY_LEN(errs); i++)
		refused("VFIO_DEVICE_IOEVENTFD", 1, errs[i]);
	refused("KVM_IOEVENTFD", 1, ENOSPC);
	refused("eventfd", 1, EMFILE);
}

static const struct CMUnitTest kernels[] = {
	FAKE_TEST(a_repeated_write_traps_no_more_and_arrives),
	FAKE_TEST(another_value_width_or_place_traps),
	FAKE_TEST(doorbells_that_take_turns_get_one_each),
	FAKE_TEST(values_that_change_get_none),
	FAKE_TEST(there_are_only_so_many),
	FAKE_TEST(a_write_that_was_under_way_makes_no_second_one),
	FAKE_TEST(the_table_gets_none),
	FAKE_TEST(ports_get_none),
	FAKE_TEST(it_ends_with_the_bar_at_its_place),
	FAKE_TEST(kvm_lets_go_before_vfio),
	FAKE_TEST(a_moved_bar_gets_new_ones),
	FAKE_TEST(other_bars_keep_theirs),
	FAKE_TEST(who_refuses_is_not_asked_again),
};

static void servers_get_every_write_from_us(void **state)
{
	struct bench b;

	open_it(&b);
	assert_int_equal(ring(&b, 100, 7), 100);
	there_are(&b, 0);
	bench_close(&b);
}

static const struct CMUnitTest user[] = {
	FAKE_TEST(servers_get_every_write_from_us),
};

int main(void)
{
	int rc = cmocka_run_group_tests_name("group", kernels, NULL, NULL);

	bench_iommufd = true;
	rc += cmocka_run_group_tests_name("iommufd", kernels, NULL, NULL);
	bench_iommufd = false;
	bench_user = &bench_server;
	rc += cmocka_run_group_tests_name("vfio-user", user, NULL, NULL);
	return rc;
}

/* MSI-X going off, failing, and beside MSI. VFIO-MSIX-06, 11, VFIO-IRQ-04. */
#include "tests/unit/pcie/msix_scene.h"

/* -------- off, and failures -------- */

/* VFIO-MSIX-12 */
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

/* VFIO-IRQ-04 */
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

/* VFIO-MSIX-11 */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(disable_frees_everything),
		FAKE_TEST(source_that_cannot_start_leaves_msix_off),
		FAKE_TEST(vector_the_host_cannot_give_stays_masked),
		FAKE_TEST(burst_that_is_too_large_keeps_what_fits),
		FAKE_TEST(reset_is_as_new),
		FAKE_TEST(every_host_failure_leaves_vectors_that_recover),
		FAKE_TEST(of_msi_and_msix_the_newest_wins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

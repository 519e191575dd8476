/* MSI-X vectors while all goes well. VFIO-MSIX-02..10. */
#include "tests/unit/pcie/msix_scene.h"

/* -------- vectors -------- */

/* VFIO-MSIX-02, VFIO-OPEN-17 */
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

/* VFIO-MSIX-03 */
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

/* VFIO-MSIX-05 */
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

/* VFIO-MSIX-07, VFIO-MSIX-08 */
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

/* VFIO-MSIX-09 */
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

/* VFIO-MSIX-10 */
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

/* VFIO-ERR-05 */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Interrupts: eventfds, masks, the level of INTx, what a client may ask. */
#include "tests/unit/card/bench.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	NONE = VFIO_IRQ_SET_DATA_NONE,
	BOOL = VFIO_IRQ_SET_DATA_BOOL,
	EVENTFD = VFIO_IRQ_SET_DATA_EVENTFD,
	TRIGGER = VFIO_IRQ_SET_ACTION_TRIGGER,
	MASK = VFIO_IRQ_SET_ACTION_MASK,
	UNMASK = VFIO_IRQ_SET_ACTION_UNMASK,
	INTX = VFIO_PCI_INTX_IRQ_INDEX,
	MSI = VFIO_PCI_MSI_IRQ_INDEX,
	MSIX = VFIO_PCI_MSIX_IRQ_INDEX,
	ERR = VFIO_PCI_ERR_IRQ_INDEX,
	REQ = VFIO_PCI_REQ_IRQ_INDEX,
};

static const char all_kinds[] = "function 0\nintx A\n"
				"cap msi at 0x40 vectors 4\n"
				"cap msix at 0x60 vectors 8\n";

static int call(struct bench *b, uint32_t flags, uint32_t index, uint32_t start,
		uint32_t count, const int *fds, unsigned n_fds)
{
	static const uint8_t bools[8] = { 0, 1, 0, 1 };
	int copy[8];

	for (unsigned i = 0; i < n_fds; i++)
		copy[i] = fds[i];
	return irqs_set(&b->f.irqs, &(struct irq_order){ .flags = flags,
							 .index = index,
							 .start = start,
							 .count = count,
							 .bools = bools,
							 .n_bools = 8,
							 .fds = copy,
							 .n_fds = n_fds });
}

static int event(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	assert_true(fd >= 0);
	return fd;
}

/* How often it was signalled since the last time. */
static unsigned count(int fd)
{
	uint64_t n;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? (unsigned)n : 0;
}

/* Eventfds for all of an index, kept by the caller as well. */
static void give(struct bench *b, uint32_t index, int *fds, unsigned n)
{
	int theirs[8];

	for (unsigned i = 0; i < n; i++) {
		fds[i] = event();
		theirs[i] = dup(fds[i]);
	}
	assert_int_equal(call(b, EVENTFD | TRIGGER, index, 0, n, theirs, n), 0);
}

static void drop(const int *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		close(fds[i]);
}

/* -------- messages -------- */

static void each_vector_has_its_eventfd(void **state)
{
	struct bench b;
	int fd[8];

	bench_open(&b, all_kinds);
	give(&b, MSIX, fd, 8);
	irqs_send(&b.f.irqs, 5);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(count(fd[i]), i == 5);
	assert_int_equal(b.f.irqs.sent, 1);
	drop(fd, 8);
	bench_close(&b);
}

static void the_kind_that_is_enabled_is_used(void **state)
{
	int msi[4], msix[8], line;
	struct bench b;

	bench_open(&b, all_kinds);
	give(&b, INTX, &line, 1);
	irqs_send(&b.f.irqs, 0);
	assert_int_equal(count(line), 1);
	irqs_intx_clear(&b.f.irqs, 1);
	give(&b, MSI, msi, 4);
	irqs_send(&b.f.irqs, 3);
	assert_int_equal(count(msi[3]), 1);
	give(&b, MSIX, msix, 8);
	irqs_send(&b.f.irqs, 3);
	assert_int_equal(count(msi[3]), 0);
	assert_int_equal(count(msix[3]), 1);
	assert_int_equal(b.f.irqs.pending, 0);
	drop(msi, 4);
	drop(msix, 8);
	close(line);
	bench_close(&b);
}

static void nobody_wants_a_vector_that_is_not_there(void **state)
{
	struct bench b;
	int fd[8];

	bench_open(&b, "function 0\n");
	irqs_send(&b.f.irqs, 0);
	assert_int_equal(b.f.irqs.unsent, 1);
	give(&b, MSIX, fd, 8);
	irqs_send(&b.f.irqs, 8);
	irqs_send(&b.f.irqs, 0xffff);
	assert_int_equal(b.f.irqs.unsent, 3);
	assert_int_equal(call(&b, EVENTFD | TRIGGER, MSIX, 2, 1, NULL, 0), 0);
	irqs_send(&b.f.irqs, 2);
	assert_int_equal(b.f.irqs.unsent, 4);
	drop(fd, 8);
	bench_close(&b);
}

static void a_masked_vector_comes_once_when_it_is_unmasked(void **state)
{
	struct bench b;
	int fd[8];

	bench_open(&b, all_kinds);
	give(&b, MSIX, fd, 8);
	assert_int_equal(call(&b, NONE | MASK, MSIX, 1, 1, NULL, 0), 0);
	irqs_send(&b.f.irqs, 1);
	irqs_send(&b.f.irqs, 1);
	assert_int_equal(count(fd[1]), 0);
	assert_int_equal(call(&b, BOOL | UNMASK, MSIX, 0, 2, NULL, 0), 0);
	assert_int_equal(count(fd[1]), 1);
	assert_int_equal(call(&b, NONE | UNMASK, MSIX, 0, 8, NULL, 0), 0);
	assert_int_equal(count(fd[1]), 0);
	drop(fd, 8);
	bench_close(&b);
}

static void a_client_can_trigger_its_own_eventfds(void **state)
{
	struct bench b;
	int fd[8];

	bench_open(&b, all_kinds);
	give(&b, MSIX, fd, 8);
	assert_int_equal(call(&b, NONE | TRIGGER, MSIX, 6, 2, NULL, 0), 0);
	assert_int_equal(call(&b, BOOL | TRIGGER, MSIX, 0, 4, NULL, 0), 0);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(count(fd[i]), i == 1 || i == 3 || i >= 6);
	drop(fd, 8);
	bench_close(&b);
}

static void chunks_replace_only_their_vectors(void **state)
{
	int fd[8], other = event(), theirs = dup(other);
	struct bench b;

	bench_open(&b, all_kinds);
	give(&b, MSIX, fd, 8);
	assert_int_equal(call(&b, EVENTFD | TRIGGER, MSIX, 7, 1, &theirs, 1),
			 0);
	irqs_send(&b.f.irqs, 7);
	irqs_send(&b.f.irqs, 6);
	assert_int_equal(count(fd[7]), 0);
	assert_int_equal(count(other), 1);
	assert_int_equal(count(fd[6]), 1);
	close(other);
	drop(fd, 8);
	bench_close(&b);
}

static void count_0_switches_an_index_off(void **state)
{
	static const uint32_t ways[] = { NONE | TRIGGER, EVENTFD | TRIGGER };
	struct bench b;
	int fd[8];

	bench_open(&b, all_kinds);
	for (unsigned w = 0; w < ARRAY_LEN(ways); w++) {
		give(&b, MSIX, fd, 8);
		assert_int_equal(call(&b, ways[w], MSIX, 0, 0, NULL, 0), 0);
		irqs_send(&b.f.irqs, 0);
		assert_int_equal(count(fd[0]), 0);
		drop(fd, 8);
	}
	assert_int_equal(call(&b, NONE | MASK, MSIX, 0, 0, NULL, 0), -EINVAL);
	bench_close(&b);
}

static void lost_and_doubled_interrupts_can_be_had(void **state)
{
	struct bench b;
	int fd[8];

	bench_open(&b, all_kinds);
	give(&b, MSIX, fd, 8);
	b.f.irqs.lose = 2;
	b.f.irqs.twice = 1;
	for (unsigned i = 0; i < 4; i++)
		irqs_send(&b.f.irqs, 0);
	assert_int_equal(count(fd[0]), 3);
	assert_int_equal(b.f.irqs.sent, 2);
	drop(fd, 8);
	bench_close(&b);
}

static void errors_and_requests_have_an_eventfd_each(void **state)
{
	struct bench b;
	int fd;

	bench_open(&b, all_kinds);
	for (unsigned index = ERR; index <= REQ; index++) {
		assert_false(irqs_tell(&b.f.irqs, index));
		give(&b, index, &fd, 1);
		assert_true(irqs_tell(&b.f.irqs, index));
		assert_int_equal(count(fd), 1);
		assert_int_equal(call(&b, NONE | TRIGGER, index, 0, 0, NULL, 0),
				 0);
		assert_false(irqs_tell(&b.f.irqs, index));
		close(fd);
	}
	bench_close(&b);
}

/* -------- INTx -------- */

static const char line_only[] = "function 0\nintx A\ncap pm at 0x40\n";

static void the_line_comes_once_until_it_is_unmasked(void **state)
{
	struct bench b;
	int fd;

	bench_open(&b, line_only);
	give(&b, INTX, &fd, 1);
	irqs_send(&b.f.irqs, 0);
	irqs_send(&b.f.irqs, 3);
	assert_int_equal(count(fd), 1);
	assert_int_equal(b.f.irqs.pending, 0x9);
	irqs_intx_clear(&b.f.irqs, 1);
	assert_int_equal(call(&b, NONE | UNMASK, INTX, 0, 1, NULL, 0), 0);
	assert_int_equal(count(fd), 1); /* vector 3 still waits */
	irqs_intx_clear(&b.f.irqs, 8);
	irqs_intx_unmasked(&b.f.irqs);
	assert_int_equal(count(fd), 0);
	irqs_send(&b.f.irqs, 0);
	assert_int_equal(count(fd), 1);
	close(fd);
	bench_close(&b);
}

static void a_line_that_is_up_comes_when_it_gets_an_eventfd(void **state)
{
	struct bench b;
	int fd;

	bench_open(&b, line_only);
	irqs_send(&b.f.irqs, 0);
	assert_int_equal(b.f.irqs.unsent, 1);
	give(&b, INTX, &fd, 1);
	assert_int_equal(count(fd), 1);
	close(fd);
	bench_close(&b);
}

static void a_masked_line_waits(void **state)
{
	struct bench b;
	int fd;

	bench_open(&b, line_only);
	give(&b, INTX, &fd, 1);
	assert_int_equal(call(&b, NONE | MASK, INTX, 0, 1, NULL, 0), 0);
	irqs_send(&b.f.irqs, 0);
	assert_int_equal(count(fd), 0);
	assert_int_equal(call(&b, NONE | UNMASK, INTX, 0, 1, NULL, 0), 0);
	assert_int_equal(count(fd), 1);
	close(fd);
	bench_close(&b);
}

/* PCIe 6.2 7.5.1.1.3, 7.5.1.1.4 */
static void interrupt_disable_holds_the_line_and_status_tells(void **state)
{
	struct bench b;
	int fd;

	bench_open(&b, line_only);
	give(&b, INTX, &fd, 1);
	set(&b.f, CONFIG, 4, 2, 0x406);
	irqs_send(&b.f.irqs, 0);
	assert_int_equal(count(fd), 0);
	assert_int_equal(get(&b.f, CONFIG, 6, 2) & 8, 8);
	set(&b.f, CONFIG, 4, 2, 0x006);
	assert_int_equal(count(fd), 1);
	irqs_intx_clear(&b.f.irqs, 1);
	assert_int_equal(get(&b.f, CONFIG, 6, 2) & 8, 0);
	close(fd);
	bench_close(&b);
}

static void unmasking_by_eventfd_is_for_the_line_only(void **state)
{
	struct bench b;
	int fd = event(), theirs = dup(fd);

	bench_open(&b, all_kinds);
	assert_int_equal(call(&b, EVENTFD | UNMASK, MSIX, 0, 1, &theirs, 1),
			 -EINVAL);
	assert_int_equal(call(&b, EVENTFD | UNMASK, INTX, 0, 1, &theirs, 1), 0);
	assert_int_equal(b.f.irqs.unmask_fd, theirs);
	assert_int_equal(call(&b, EVENTFD | UNMASK, INTX, 0, 1, NULL, 0), 0);
	assert_int_equal(b.f.irqs.unmask_fd, -1);
	close(fd);
	bench_close(&b);
}

/* -------- hostile -------- */

static void impossible_orders_are_refused(void **state)
{
	static const struct {
		uint32_t flags, index, start, count;
		unsigned fds;
	} wrong[] = {
		{ NONE | TRIGGER, 5, 0, 1, 0 },
		{ NONE | TRIGGER, UINT32_MAX, 0, 1, 0 },
		{ NONE | TRIGGER, MSIX, 8, 1, 0 },
		{ NONE | TRIGGER, MSIX, 7, 2, 0 },
		{ NONE | TRIGGER, MSIX, 1, UINT32_MAX, 0 },
		{ NONE | TRIGGER, MSIX, UINT32_MAX, 1, 0 },
		{ NONE | TRIGGER, MSIX, 9, 0, 0 },
		{ NONE, MSIX, 0, 1, 0 },
		{ TRIGGER, MSIX, 0, 1, 0 },
		{ 0, MSIX, 0, 1, 0 },
		{ NONE | BOOL | TRIGGER, MSIX, 0, 1, 0 },
		{ NONE | TRIGGER | MASK, MSIX, 0, 1, 0 },
		{ NONE | TRIGGER | 0x40, MSIX, 0, 1, 0 },
		{ EVENTFD | TRIGGER, MSIX, 0, 2, 1 },
		{ EVENTFD | TRIGGER, MSIX, 0, 1, 2 },
		{ EVENTFD | TRIGGER, MSIX, 0, 0, 1 },
		{ NONE | TRIGGER, MSIX, 0, 1, 1 },
	};
	int fds[2] = { event(), event() };
	struct bench b;

	bench_open(&b, all_kinds);
	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
		print_message("order %u\n", i);
		assert_int_equal(call(&b, wrong[i].flags, wrong[i].index,
				      wrong[i].start, wrong[i].count, fds,
				      wrong[i].fds),
				 -EINVAL);
	}
	bench_close(&b);
	/* refused descriptors stay the caller's */
	assert_int_equal(close(fds[0]), 0);
	assert_int_equal(close(fds[1]), 0);
}

static void too_few_bools_are_refused(void **state)
{
	static const uint8_t bools[2] = { 1, 1 };
	const struct irq_order o = { .flags = BOOL | TRIGGER,
				     .index = MSIX,
				     .count = 3,
				     .bools = bools,
				     .n_bools = 2 };
	struct bench b;

	bench_open(&b, all_kinds);
	assert_int_equal(irqs_set(&b.f.irqs, &o), -EINVAL);
	bench_close(&b);
}

static void the_kinds_that_a_card_lacks_have_no_vectors(void **state)
{
	struct bench b;

	bench_open(&b, line_only);
	assert_int_equal(call(&b, NONE | TRIGGER, MSIX, 0, 1, NULL, 0),
			 -EINVAL);
	assert_int_equal(call(&b, NONE | TRIGGER, MSI, 0, 1, NULL, 0), -EINVAL);
	assert_int_equal(call(&b, NONE | TRIGGER, MSI, 0, 0, NULL, 0), 0);
	bench_close(&b);
}

/* A descriptor that cannot be written now does not hold us up. */
static void a_full_descriptor_is_passed_over(void **state)
{
	struct bench b;
	int fd = eventfd(0, EFD_CLOEXEC);
	uint64_t most = UINT64_MAX - 1;

	bench_open(&b, all_kinds);
	assert_int_equal(write(fd, &most, sizeof(most)), sizeof(most));
	assert_int_equal(call(&b, EVENTFD | TRIGGER, MSIX, 0, 1, &fd, 1), 0);
	irqs_send(&b.f.irqs, 0);
	bench_close(&b);
}

static void a_reset_forgets_what_waits_but_no_eventfd(void **state)
{
	struct bench b;
	int fd[8];

	bench_open(&b, all_kinds);
	give(&b, MSIX, fd, 8);
	assert_int_equal(call(&b, NONE | MASK, MSIX, 0, 8, NULL, 0), 0);
	irqs_send(&b.f.irqs, 0);
	function_reset(&b.f);
	assert_int_equal(call(&b, NONE | UNMASK, MSIX, 0, 8, NULL, 0), 0);
	assert_int_equal(count(fd[0]), 0);
	irqs_send(&b.f.irqs, 0);
	assert_int_equal(count(fd[0]), 1);
	assert_int_equal(b.f.irqs.sent, 1);
	drop(fd, 8);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_vector_has_its_eventfd),
		cmocka_unit_test(the_kind_that_is_enabled_is_used),
		cmocka_unit_test(nobody_wants_a_vector_that_is_not_there),
		cmocka_unit_test(
			a_masked_vector_comes_once_when_it_is_unmasked),
		cmocka_unit_test(a_client_can_trigger_its_own_eventfds),
		cmocka_unit_test(chunks_replace_only_their_vectors),
		cmocka_unit_test(count_0_switches_an_index_off),
		cmocka_unit_test(lost_and_doubled_interrupts_can_be_had),
		cmocka_unit_test(errors_and_requests_have_an_eventfd_each),
		cmocka_unit_test(the_line_comes_once_until_it_is_unmasked),
		cmocka_unit_test(
			a_line_that_is_up_comes_when_it_gets_an_eventfd),
		cmocka_unit_test(a_masked_line_waits),
		cmocka_unit_test(
			interrupt_disable_holds_the_line_and_status_tells),
		cmocka_unit_test(unmasking_by_eventfd_is_for_the_line_only),
		cmocka_unit_test(impossible_orders_are_refused),
		cmocka_unit_test(too_few_bools_are_refused),
		cmocka_unit_test(the_kinds_that_a_card_lacks_have_no_vectors),
		cmocka_unit_test(a_full_descriptor_is_passed_over),
		cmocka_unit_test(a_reset_forgets_what_waits_but_no_eventfd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A client on a socket: interrupts, DMA by file and by message, hanging. */
#include "tests/unit/card/client.h"

/* -------- interrupts -------- */

static void set_intx(struct client *c, uint32_t flags, int fd)
{
	const struct vfio_irq_set q = { .argsz = sizeof(q),
					.flags = flags,
					.count = 1 };

	tell_fds(c, USER_DEVICE_SET_IRQS, 0, &q, sizeof(q), &fd, fd >= 0);
	assert_int_equal(hear(c), 0);
}

static unsigned wait_for(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t n;

	if (poll(&p, 1, ms) != 1)
		return 0;
	assert_int_equal(read(fd, &n, sizeof(n)), sizeof(n));
	return (unsigned)n;
}

/* Mask and unmask by the client's eventfds, as QEMU does with KVM. */
static void the_unmask_eventfd_brings_a_line_that_is_still_up(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC), un = eventfd(0, EFD_CLOEXEC);
	const uint64_t one = 1;
	struct client c;

	client_start(&c, two_kinds);
	set_intx(&c, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
		 fd);
	set_intx(&c, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_UNMASK,
		 un);
	set32(&c, CONFIG, 4, 6);
	set32(&c, 0, CARD_DOORBELL, CARD_OP_IRQ);
	assert_int_equal(wait_for(fd, 5000), 1);
	assert_int_equal(write(un, &one, sizeof(one)), sizeof(one));
	assert_int_equal(wait_for(fd, 5000), 1);
	set32(&c, 0, CARD_PENDING, 1);
	assert_int_equal(write(un, &one, sizeof(one)), sizeof(one));
	assert_int_equal(wait_for(fd, 20), 0);
	client_close(&c);
	close(fd);
	close(un);
}

/* Not one that can be read: the server must not spin, nor stop. */
static void a_broken_unmask_descriptor_is_dropped(void **state)
{
	struct client c;
	int pair[2];

	client_start(&c, two_kinds);
	assert_int_equal(pipe(pair), 0);
	set_intx(&c, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_UNMASK,
		 pair[0]);
	close(pair[0]);
	close(pair[1]);
	for (unsigned i = 0; i < 100 && LOCKED(&c, c.b.f.irqs.unmask_fd) >= 0;
	     i++)
		(void)read32(&c, CONFIG, 0);
	assert_int_equal(LOCKED(&c, c.b.f.irqs.unmask_fd), -1);
	client_close(&c);
}

/* -------- DMA -------- */

static void order(struct client *c, uint32_t op, uint64_t source,
		  uint64_t target, uint32_t count)
{
	set32(c, 0, CARD_SOURCE_LOW, (uint32_t)source);
	set32(c, 0, CARD_SOURCE_HIGH, (uint32_t)(source >> 32));
	set32(c, 0, CARD_TARGET_LOW, (uint32_t)target);
	set32(c, 0, CARD_TARGET_HIGH, (uint32_t)(target >> 32));
	set32(c, 0, CARD_COUNT, count);
	set32(c, 0, CARD_DOORBELL, op);
}

static uint32_t wait_status(struct client *c)
{
	for (unsigned i = 0; i < 100000; i++) {
		uint32_t status = read32(c, 0, CARD_STATUS);

		if (status != CARD_STATUS_BUSY)
			return status;
	}
	return CARD_STATUS_BUSY;
}

static void dma_reaches_the_clients_memory(void **state)
{
	int fd = memfd_create("ram", MFD_CLOEXEC);
	struct client c;
	char text[6] = "";

	client_start(&c, two_kinds);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	assert_int_equal(pwrite(fd, "hello", 5, 0), 5);
	assert_int_equal(map(&c, 0x100000, 1 << 20, fd), 0);
	set32(&c, CONFIG, 4, 6);
	order(&c, CARD_OP_TO_CARD, 0x100000, 0, 5);
	assert_int_equal(wait_status(&c), CARD_STATUS_OK);
	order(&c, CARD_OP_FROM_CARD, 0, 0x180000, 5);
	assert_int_equal(wait_status(&c), CARD_STATUS_OK);
	assert_int_equal(pread(fd, text, 5, 0x80000), 5);
	assert_string_equal(text, "hello");
	client_close(&c);
	close(fd);
}

/* The server's next message, which must be a DMA request. */
static struct user_dma_access expect_dma(struct client *c, uint16_t command)
{
	struct user_dma_access q;

	assert_int_equal(link_receive(c->fd, &c->in), 0);
	assert_int_equal(c->in.flags & USER_TYPE_MASK, USER_TYPE_COMMAND);
	assert_int_equal(c->in.command, command);
	memcpy(&q, c->in.payload, sizeof(q));
	return q;
}

static void answer_dma(struct client *c, const void *payload, size_t n,
		       uint32_t flags)
{
	static uint8_t bytes[LINK_PAYLOAD + 64];
	size_t size = letter(bytes, c->in.id, c->in.command,
			     USER_TYPE_REPLY | flags, payload, n);

	send_fds(c, bytes, size, NULL, 0);
}

static void start_by_message(struct client *c, uint32_t count)
{
	client_start(c, two_kinds);
	assert_int_equal(map(c, 0, 1 << 20, -1), 0);
	set32(c, CONFIG, 4, 6);
	order(c, CARD_OP_TO_CARD, 0x2000, 0, count);
}

/* VFIO-VU-07 */
static void memory_without_a_file_is_read_by_message(void **state)
{
	struct user_dma_access q;
	struct client c;
	uint8_t data[sizeof(q) + 5];

	start_by_message(&c, 5);
	q = expect_dma(&c, USER_DMA_READ);
	assert_int_equal(le64_get(q.address), 0x2000);
	assert_int_equal(le64_get(q.count), 5);
	memcpy(data, &q, sizeof(q));
	memcpy(data + sizeof(q), "hello", 5);
	answer_dma(&c, data, sizeof(data), 0);
	assert_int_equal(wait_status(&c), CARD_STATUS_OK);
	assert_int_equal(read32(&c, 2, 0), 0x6c6c6568);

	order(&c, CARD_OP_FROM_CARD, 1, 0x3000, 4);
	q = expect_dma(&c, USER_DMA_WRITE);
	assert_memory_equal(c.in.payload + sizeof(q), "ello", 4);
	answer_dma(&c, &q, sizeof(q), 0);
	assert_int_equal(wait_status(&c), CARD_STATUS_OK);
	client_close(&c);
}

/* The client's command is under way when the server's arrives. */
static void commands_cross(void **state)
{
	struct user_region_access r = access_of(0, CARD_STATUS, 4);
	uint8_t request[sizeof(struct user_dma_access)];
	uint16_t id;
	struct client c;

	start_by_message(&c, 4);
	(void)expect_dma(&c, USER_DMA_READ);
	id = c.in.id;
	memcpy(request, c.in.payload, sizeof(request));
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(ask(&c, USER_REGION_READ, &r, sizeof(r)), 0);
		assert_int_equal(le32_load(c.in.payload + sizeof(r)),
				 CARD_STATUS_BUSY);
	}
	c.in.id = id;
	c.in.command = USER_DMA_READ;
	answer_dma(&c, request, sizeof(request), USER_ERROR);
	assert_int_equal(wait_status(&c), CARD_STATUS_BUS_ERROR);
	client_close(&c);
}

static void a_reset_that_crosses_ends_the_operation(void **state)
{
	struct user_dma_access q;
	struct client c;
	uint8_t data[sizeof(q) + 4] = { 0 };
	uint16_t id;

	start_by_message(&c, 4);
	q = expect_dma(&c, USER_DMA_READ);
	id = c.in.id;
	assert_int_equal(ask(&c, USER_DEVICE_RESET, NULL, 0), 0);
	memcpy(data, &q, sizeof(q));
	c.in.id = id;
	c.in.command = USER_DMA_READ;
	answer_dma(&c, data, sizeof(data), 0);
	set32(&c, CONFIG, 4, 6);
	assert_int_equal(read32(&c, 0, CARD_STATUS), CARD_STATUS_IDLE);
	assert_int_equal(read32(&c, 0, CARD_DONE), 0);
	client_close(&c);
}

/* VFIO-VU-03, in the other direction. */
static void replies_that_lie_end_the_connection(void **state)
{
	enum { ID, COMMAND, SHORT, LONG, ADDRESS, COUNT, CASES };

	for (unsigned i = 0; i < CASES; i++) {
		struct user_dma_access q;
		struct client c;
		uint8_t data[sizeof(q) + 5] = { 0 };

		print_message("lie %u\n", i);
		start_by_message(&c, 4);
		q = expect_dma(&c, USER_DMA_READ);
		c.in.id = (uint16_t)(c.in.id + (i == ID));
		c.in.command = (uint16_t)(c.in.command + (i == COMMAND));
		le64_store(q.address.b, 0x2000 + (i == ADDRESS));
		le64_store(q.count.b, 4 + (i == COUNT));
		memcpy(data, &q, sizeof(q));
		answer_dma(&c, data, sizeof(q) + 4 + (i == LONG) - (i == SHORT),
			   0);
		assert_gone(&c);
		client_close(&c);
	}
}

static void messages_are_as_small_as_the_client_wants(void **state)
{
	static const char json[] =
		"{\"capabilities\":{\"max_data_xfer_size\":256}}";
	struct client c;

	client_open(&c, two_kinds);
	assert_int_equal(ask_version(&c, 0, 1, json, sizeof(json)), 0);
	assert_int_equal(map(&c, 0, 1 << 20, -1), 0);
	set32(&c, CONFIG, 4, 6);
	order(&c, CARD_OP_FROM_CARD, 0, 0x1000, 600);
	for (unsigned i = 0; i < 3; i++) {
		struct user_dma_access q = expect_dma(&c, USER_DMA_WRITE);

		assert_int_equal(le64_get(q.count), i < 2 ? 256 : 88);
		assert_int_equal(le64_get(q.address), 0x1000 + i * 256);
		answer_dma(&c, &q, sizeof(q), 0);
	}
	assert_int_equal(wait_status(&c), CARD_STATUS_OK);
	client_close(&c);
}

/* A fault: the client has to defend itself. */
static void a_bad_engine_asks_for_what_is_not_mapped(void **state)
{
	struct user_dma_access q;
	struct client c;

	client_start(&c, two_kinds);
	set32(&c, CONFIG, 4, 6);
	(void)LOCKED(&c, c.b.f.faults.dma_bad = true);
	order(&c, CARD_OP_TO_CARD, 0x2000, 0, 4);
	q = expect_dma(&c, USER_DMA_READ);
	assert_true(le64_get(q.address) > UINT64_C(1) << 57);
	answer_dma(&c, NULL, 0, USER_ERROR);
	assert_int_equal(wait_status(&c), CARD_STATUS_BUS_ERROR);
	client_close(&c);
}

static void a_stalled_operation_begins_late(void **state)
{
	uint64_t before;
	struct client c;

	client_start(&c, two_kinds);
	set32(&c, CONFIG, 4, 6);
	(void)LOCKED(&c, c.b.f.faults.stall_ms = 60);
	before = function_now();
	order(&c, CARD_OP_IRQ, 0, 0, 0);
	assert_int_equal(wait_status(&c), CARD_STATUS_OK);
	assert_true(function_now() - before >= 60);
	client_close(&c);
}

/* -------- hanging -------- */

static void a_hanging_function_answers_nothing_and_lets_clients_go(void **state)
{
	struct user_region_access q = access_of(CONFIG, 0, 4);
	struct pollfd p;
	struct client c;

	client_start(&c, two_kinds);
	pthread_mutex_lock(&c.b.f.lock);
	c.b.f.faults.hang = true;
	pthread_mutex_unlock(&c.b.f.lock);
	server_wake(&c.s);
	/* a turn that had begun may still answer one */
	for (unsigned i = 0; i < 3; i++)
		tell_fds(&c, USER_REGION_READ, 0, &q, sizeof(q), NULL, 0);
	p = (struct pollfd){ .fd = c.fd, .events = POLLIN };
	while (poll(&p, 1, 50) == 1)
		assert_int_equal(link_receive(c.fd, &c.in), 0);
	assert_true(LOCKED(&c, c.b.f.counts.reads) < 3);
	client_close(&c);
	assert_false(c.b.f.faults.hang);
}

/* The same while the server itself waits for an answer. */
static void a_function_may_hang_during_a_message(void **state)
{
	struct user_region_access q = access_of(CONFIG, 0, 4);
	struct pollfd p;
	struct client c;

	start_by_message(&c, 4);
	(void)expect_dma(&c, USER_DMA_READ);
	(void)LOCKED(&c, c.b.f.faults.hang = true);
	for (unsigned i = 0; i < 3; i++)
		tell_fds(&c, USER_REGION_READ, 0, &q, sizeof(q), NULL, 0);
	p = (struct pollfd){ .fd = c.fd, .events = POLLIN };
	while (poll(&p, 1, 50) == 1)
		assert_int_equal(link_receive(c.fd, &c.in), 0);
	assert_true(LOCKED(&c, c.b.f.counts.reads) < 3);
	client_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			the_unmask_eventfd_brings_a_line_that_is_still_up),
		cmocka_unit_test(a_broken_unmask_descriptor_is_dropped),
		cmocka_unit_test(dma_reaches_the_clients_memory),
		cmocka_unit_test(memory_without_a_file_is_read_by_message),
		cmocka_unit_test(commands_cross),
		cmocka_unit_test(a_reset_that_crosses_ends_the_operation),
		cmocka_unit_test(replies_that_lie_end_the_connection),
		cmocka_unit_test(messages_are_as_small_as_the_client_wants),
		cmocka_unit_test(a_bad_engine_asks_for_what_is_not_mapped),
		cmocka_unit_test(a_stalled_operation_begins_late),
		cmocka_unit_test(
			a_hanging_function_answers_nothing_and_lets_clients_go),
		cmocka_unit_test(a_function_may_hang_during_a_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A vfio-user server that answers wrongly, late, in pieces or never; and one
 * that asks. VFIO-VU-02, -03, -07, -11. */
#include "tests/unit/vfio/script.h"
#include "vfio/user_dev.h"

enum { MIB = 1 << 20 };

static bool is(const struct message *m, unsigned command)
{
	return le16_get(m->h.command) == command;
}

/* Open with a polite server, then let @intercept do as it likes. */
static void open_then(struct user_bench *b,
		      bool (*intercept)(struct script *s, struct message *m))
{
	memset(b, 0, sizeof(*b));
	OUGHT(user_bench_open(b, &why));
	b->s.step = 0;
	b->s.intercept = intercept;
}

/* A read fails with @rc for the reason @says, and so do all later calls, which
 * send nothing. */
static void is_dead(struct user_bench *b, int rc, const char *says)
{
	struct err e = ERR_NONE, again = ERR_NONE;
	uint32_t v;
	unsigned n;

	assert_int_equal(user_bench_read(b, &v, 4, &e), rc);
	if (!strstr(e.text, says))
		fail_msg("'%s' does not say '%s'", e.text, says);
	n = b->s.n;
	assert_int_equal(user_bench_read(b, &v, 4, &again), rc);
	assert_string_equal(e.text, again.text);
	assert_true(b->dev->ops->reset(b->dev, &again) == rc);
	assert_int_equal(b->s.n, n);
}

/* -------- framing -------- */

static bool dribble(struct script *s, struct message *m)
{
	uint8_t whole[sizeof(struct user_header) + 16 + 4096] = { 0 };
	struct user_header h = m->h;
	uint32_t n;

	if (!is(m, USER_REGION_READ))
		return false;
	n = le32_load(m->payload + 12);
	h.flags = le32_of(USER_TYPE_REPLY);
	h.size = le32_of((uint32_t)sizeof(h) + 16 + n);
	memcpy(whole, &h, sizeof(h));
	memcpy(whole + sizeof(h), m->payload, 16);
	memset(whole + sizeof(h) + 16, 0x5a, n);
	for (size_t i = 0; i < sizeof(h) + 16 + n; i++)
		script_send(s, whole + i, 1, NULL, 0);
	return true;
}

/* VFIO-VU-02 */
static void replies_byte_by_byte_are_put_together(void **state)
{
	uint8_t buf[64];
	struct user_bench b;

	open_then(&b, dribble);
	for (unsigned i = 0; i < 10; i++) {
		OUGHT(user_bench_read(&b, buf, sizeof(buf), &why));
		assert_int_equal(buf[0], 0x5a);
		assert_int_equal(buf[63], 0x5a);
	}
	user_bench_close(&b);
}

/* A header as it should be, with one field spoilt. */
static bool spoil_header(struct script *s, struct message *m, size_t at,
			 unsigned n, uint64_t v)
{
	uint8_t whole[sizeof(struct user_header) + 20];
	struct user_header h = m->h;

	if (!is(m, USER_REGION_READ))
		return false;
	h.flags = le32_of(USER_TYPE_REPLY);
	h.size = le32_of(sizeof(whole));
	memcpy(whole, &h, sizeof(h));
	memcpy(whole + sizeof(h), m->payload, 16);
	le_store(whole + at, n, v);
	script_send(s, whole, sizeof(whole), NULL, 0);
	return true;
}

static bool size_0(struct script *s, struct message *m)
{
	return spoil_header(s, m, 4, 4, 0);
}

static bool size_15(struct script *s, struct message *m)
{
	return spoil_header(s, m, 4, 4, 15);
}

static bool size_huge(struct script *s, struct message *m)
{
	return spoil_header(s, m, 4, 4, USER_MAX_MESSAGE + 1);
}

static bool size_all_ones(struct script *s, struct message *m)
{
	return spoil_header(s, m, 4, 4, UINT32_MAX);
}

static bool flags_unknown(struct script *s, struct message *m)
{
	return spoil_header(s, m, 8, 4, USER_TYPE_REPLY | 0x40);
}

static bool type_unknown(struct script *s, struct message *m)
{
	return spoil_header(s, m, 8, 4, 2);
}

static bool other_id(struct script *s, struct message *m)
{
	return spoil_header(s, m, 0, 2, le16_get(m->h.id) + 1u);
}

static bool other_command(struct script *s, struct message *m)
{
	return spoil_header(s, m, 2, 2, USER_REGION_WRITE);
}

/* VFIO-VU-03 */
static bool reply_without_payload(struct script *s, struct message *m)
{
	if (is(m, USER_REGION_READ))
		script_reply(s, m, NULL, 0);
	return is(m, USER_REGION_READ);
}

static bool dma_without_address(struct script *s, struct message *m)
{
	struct user_header h = { .command = le16_of(USER_DMA_READ) };

	if (is(m, USER_REGION_READ))
		script_post(s, &h, "1234567", 8, -1);
	return is(m, USER_REGION_READ);
}

static bool closes(struct script *s, struct message *m)
{
	if (is(m, USER_REGION_READ))
		(void)shutdown(s->fd, SHUT_RDWR);
	return is(m, USER_REGION_READ);
}

static bool closes_inside(struct script *s, struct message *m)
{
	if (!is(m, USER_REGION_READ))
		return false;
	script_send(s, &m->h, 7, NULL, 0);
	(void)shutdown(s->fd, SHUT_RDWR);
	return true;
}

static bool fds_inside(struct script *s, struct message *m)
{
	struct user_header h = m->h;

	if (!is(m, USER_REGION_READ))
		return false;
	h.flags = le32_of(USER_TYPE_REPLY);
	script_send(s, &h, sizeof(h), NULL, 0);
	script_send(s, m->payload, 16, &s->fd, 1);
	return true;
}

static bool many_fds(struct script *s, struct message *m)
{
	int fds[USER_MAX_FDS_IN + 3];

	if (!is(m, USER_REGION_READ))
		return false;
	for (unsigned i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = s->fd;
	script_send(s, &m->h, sizeof(m->h), fds, ARRAY_LEN(fds));
	return true;
}

static void what_breaks_the_protocol_ends_the_connection(void **state)
{
	static const struct {
		const char *name;
		bool (*how)(struct script *s, struct message *m);
		int rc;
		const char *says;
	} rows[] = {
		{ "size 0", size_0, -EPROTO, "impossible size" },
		{ "size 15", size_15, -EPROTO, "impossible size" },
		{ "size huge", size_huge, -EPROTO, "impossible size" },
		{ "size ones", size_all_ones, -EPROTO, "impossible size" },
		{ "flags", flags_unknown, -EPROTO, "unknown flags" },
		{ "type", type_unknown, -EPROTO, "unknown flags" },
		{ "id", other_id, -EPROTO, "nobody asked" },
		{ "command", other_command, -EPROTO, "nobody asked" },
		{ "short", reply_without_payload, -EPROTO,
		  "the reply to region read has 0 of 16 bytes" },
		{ "dma", dma_without_address, -EPROTO, "without an address" },
		{ "closed", closes, -EPIPE, "closed the connection" },
		{ "cut", closes_inside, -EPIPE, "closed the connection" },
		{ "fds inside", fds_inside, -EPROTO, "inside of a message" },
		{ "many fds", many_fds, -EPROTO, "more descriptors" },
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct user_bench b;

		fake_reset();
		print_message("%s\n", rows[i].name);
		open_then(&b, rows[i].how);
		is_dead(&b, rows[i].rc, rows[i].says);
		user_bench_close(&b);
		if (fake_leaks())
			fail_msg("%s: %s", rows[i].name, fake_leaks());
	}
}

/* Descriptors that come where none is wanted are not kept. */
static bool fd_with_read(struct script *s, struct message *m)
{
	struct user_header h = m->h;
	uint8_t payload[20] = { 0 };

	if (!is(m, USER_REGION_READ))
		return false;
	h.flags = le32_of(USER_TYPE_REPLY);
	memcpy(payload, m->payload, 16);
	script_post(s, &h, payload, sizeof(payload), s->fd);
	return true;
}

/* VFIO-VU-02 */
static void descriptors_nobody_wants_are_closed(void **state)
{
	struct user_bench b;
	uint32_t v;

	open_then(&b, fd_with_read);
	fake_mark();
	for (unsigned i = 0; i < 20; i++)
		OUGHT(user_bench_read(&b, &v, 4, &why));
	assert_null(fake_leaks());
	user_bench_close(&b);
}

/* -------- errors are for the caller -------- */

static bool refuse_reads(struct script *s, struct message *m)
{
	static const uint32_t errors[] = { EIO,	 EINVAL, 0,
					   4095, 4096,	 UINT32_MAX };

	if (is(m, USER_REGION_READ))
		script_refuse(s, m, errors[s->step++]);
	return is(m, USER_REGION_READ);
}

static void an_errno_goes_to_the_caller(void **state)
{
	static const int want[] = { -EIO, -EINVAL, -EIO, -4095, -EIO, -EIO };
	struct user_bench b;
	uint32_t v;

	open_then(&b, refuse_reads);
	for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
		struct err e = ERR_NONE;

		assert_int_equal(user_bench_read(&b, &v, 4, &e), want[i]);
		assert_non_null(strstr(e.text, "the server refuses: region "
					       "read"));
	}
	b.s.intercept = NULL; /* alive, for all that */
	OUGHT(user_bench_read(&b, &v, 4, &why));
	user_bench_close(&b);
}

/* -------- DMA by messages -------- */

static struct {
	uint64_t at, count;
	uint32_t error;
	uint8_t data[64];
} dma;

/* Ask before answering the read; keep what comes back. */
static bool cross(struct script *s, struct message *m)
{
	struct message r = { .payload = dma.data };
	uint8_t big[MIB];

	if (!is(m, USER_REGION_READ))
		return false;
	script_ask(s, USER_DMA_READ, dma.at, dma.count, NULL, 0);
	r.payload = big;
	assert_true(script_next(s, &r));
	dma.error = le32_get(r.h.flags) & USER_ERROR ? le32_get(r.h.error) : 0;
	memcpy(dma.data, big + 16, r.size >= 16 + 4 ? 4 : 0);
	return false;
}

/* VFIO-VU-07 */
static void requests_that_cross_are_served(void **state)
{
	struct user_bench b;
	uint32_t v;

	open_then(&b, cross);
	memcpy((uint8_t *)b.ram[0].hva + 0x1234, "RAM!", 4);
	dma.at = 0x101234;
	dma.count = 4;
	OUGHT(user_bench_read(&b, &v, 4, &why));
	assert_int_equal(dma.error, 0);
	assert_memory_equal(dma.data, "RAM!", 4);
	assert_int_equal(v, 0x43424140); /* and the reply was the read's */
	user_bench_close(&b);
}

static void only_ram_is_there_for_dma(void **state)
{
	static const struct {
		uint64_t at, count;
		uint32_t error;
	} rows[] = {
		{ 0x100000, 4, 0 },
		{ 0x3ffffc, 4, 0 }, /* the last */
		{ 0x2ffffe, 4, 0 }, /* from one range to the next */
		{ 0x100000, 0, 0 },
		{ 0x0ffffe, 4, EFAULT },
		{ 0x3ffffe, 4, EFAULT },
		{ 0x400000, 4, EFAULT },
		{ 0, 4, EFAULT },
		{ UINT64_MAX - 1, 4, EFAULT },
		{ UINT64_MAX, 1, EFAULT },
		{ 0x100000, USER_MAX_DATA + 1, EINVAL },
		{ 0x100000, UINT64_MAX, EINVAL },
		{ 0x100000, UINT64_C(1) << 32, EINVAL },
	};
	struct user_bench b;
	uint32_t v;

	open_then(&b, cross);
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		dma.at = rows[i].at;
		dma.count = rows[i].count;
		OUGHT(user_bench_read(&b, &v, 4, &why));
		if (dma.error != rows[i].error)
			fail_msg("%#jx+%#jx: error %u", (uintmax_t)dma.at,
				 (uintmax_t)dma.count, dma.error);
	}
	user_bench_close(&b);
}

/* Writes: 0 plain, 1 spanning, 2 partly outside, 3 short of its data, 4
 * without a reply, 5 unknown command */
static bool write_dma(struct script *s, struct message *m)
{
	struct user_header h = { .id = le16_of(9),
				 .command = le16_of(USER_DMA_WRITE),
				 .flags = le32_of(USER_NO_REPLY) };
	struct {
		struct user_dma_access a;
		char data[4];
	} quiet = { { le64_of(0x100100), le64_of(4) }, "shh" };
	struct message r = { .payload = dma.data };

	if (!is(m, USER_REGION_READ))
		return false;
	switch (s->step++) {
	case 0:
		script_ask(s, USER_DMA_WRITE, 0x100000, 4, "abcd", 4);
		break;
	case 1:
		script_ask(s, USER_DMA_WRITE, 0x2ffffe, 4, "efgh", 4);
		break;
	case 2:
		script_ask(s, USER_DMA_WRITE, 0x3ffffe, 4, "ijkl", 4);
		break;
	case 3:
		script_ask(s, USER_DMA_WRITE, 0x100010, 8, "mnop", 4);
		break;
	case 4:
		script_post(s, &h, &quiet, sizeof(quiet), -1);
		return false;
	default:
		script_ask(s, 99, 0x100000, 4, NULL, 0);
	}
	assert_true(script_next(s, &r));
	dma.error = le32_get(r.h.flags) & USER_ERROR ? le32_get(r.h.error) : 0;
	dma.count = r.size;
	return false;
}

static void writes_arrive_whole_or_not_at_all(void **state)
{
	static const uint32_t errors[] = { 0, 0, EFAULT, EINVAL, 0, ENOTSUP };
	static const uint8_t zero[8];
	struct user_bench b;
	uint32_t v;

	open_then(&b, write_dma);
	for (unsigned i = 0; i < ARRAY_LEN(errors); i++) {
		dma.error = 0;
		OUGHT(user_bench_read(&b, &v, 4, &why));
		if (dma.error != errors[i])
			fail_msg("%u: error %u", i, dma.error);
	}
	assert_memory_equal(b.ram[0].hva, "abcd", 4);
	assert_memory_equal((uint8_t *)b.ram[0].hva + 0x1ffffe, "ef", 2);
	assert_memory_equal(b.ram[1].hva, "gh", 2);
	assert_memory_equal((uint8_t *)b.ram[1].hva + 0xffffe, zero, 2);
	assert_memory_equal((uint8_t *)b.ram[0].hva + 0x10, zero, 8);
	assert_memory_equal((uint8_t *)b.ram[0].hva + 0x100, "shh", 4);
	user_bench_close(&b);
}

/* -------- when nobody asks -------- */

static atomic_uint answers;

/* After the reply: four reads of 1 MiB each, more than the socket holds, before
 * any answer is taken. */
static bool ask_later(struct script *s, struct message *m)
{
	static uint8_t big[MIB + 64];
	struct message r = { .payload = big };

	if (!is(m, USER_REGION_WRITE))
		return false;
	script_polite(s, m);
	for (unsigned i = 0; i < 4; i++)
		script_ask(s, USER_DMA_READ, 0x100000, MIB, NULL, 0);
	while (atomic_load(&answers) < 4 && script_next(s, &r)) {
		if (is(&r, USER_REGION_READ))
			script_polite(s, &r);
		else if (r.size == 16 + MIB && big[16 + MIB - 1] == 0x77)
			atomic_fetch_add(&answers, 1);
	}
	return true;
}

static bool has_four(struct user_bench *b)
{
	return atomic_load(&answers) == 4;
}

static void idle_requests_are_served_by_the_loop(void **state)
{
	struct user_bench b;
	uint32_t v = 0;

	answers = 0;
	open_then(&b, ask_later);
	memset(b.ram[0].hva, 0x77, b.ram[0].size);
	OUGHT(b.dev->ops->write(b.dev, 7, 0x40, &v, 4, &why));
	assert_true(user_bench_loop(&b, has_four));
	OUGHT(user_bench_read(&b, &v, 4, &why));
	user_bench_close(&b);
}

/* The answer that the loop could not send whole goes on with the next call. */
static void an_answer_on_its_way_does_not_mix_with_a_call(void **state)
{
	struct user_bench b;
	struct epoll_event ev;
	uint32_t v = 0;

	answers = 0;
	open_then(&b, ask_later);
	memset(b.ram[0].hva, 0x77, b.ram[0].size);
	OUGHT(b.dev->ops->write(b.dev, 7, 0x40, &v, 4, &why));
	assert_int_equal(sys_epoll_wait(b.loop.epfd, &ev, 1, 2000), 1);
	((struct loop_fd *)(uintptr_t)ev.data.u64)
		->handler((void *)(uintptr_t)ev.data.u64, ev.events);
	OUGHT(user_bench_read(&b, &v, 4, &why));
	assert_int_equal(v, 0x43424140);
	assert_true(user_bench_loop(&b, has_four));
	user_bench_close(&b);
}

static struct vfio_dev_listener listener;
static unsigned told;
static char told_why[128];

static void on_gone(struct vfio_dev_listener *l, const char *why)
{
	assert_ptr_equal(l, &listener);
	told++;
	snprintf(told_why, sizeof(told_why), "%s", why);
}

static bool was_told(struct user_bench *b)
{
	return told != 0;
}

static bool never(struct user_bench *b)
{
	return false;
}

static void listen_to(struct user_bench *b)
{
	told = 0;
	listener.gone = on_gone;
	b->dev->listener = &listener;
}

static bool die_after_write(struct script *s, struct message *m)
{
	if (!is(m, USER_REGION_WRITE))
		return false;
	script_polite(s, m);
	(void)shutdown(s->fd, SHUT_RDWR);
	return true;
}

/* VFIO-VU-11: cloud-hypervisor did not notice */
static void death_is_noticed_when_idle_and_told_once(void **state)
{
	struct user_bench b;
	uint32_t v = 0;

	open_then(&b, die_after_write);
	listen_to(&b);
	OUGHT(b.dev->ops->write(b.dev, 7, 0x40, &v, 4, &why));
	assert_true(user_bench_loop(&b, was_told));
	assert_string_equal(told_why, "the server closed the connection");
	is_dead(&b, -EPIPE, "closed the connection");
	for (unsigned i = 0; i < 5; i++) {
		struct epoll_event ev;

		if (sys_epoll_wait(b.loop.epfd, &ev, 1, 0) == 1)
			fail_msg("the loop spins");
	}
	assert_int_equal(told, 1);
	user_bench_close(&b);
}

static void death_in_a_call_is_told_by_the_loop(void **state)
{
	struct user_bench b;

	open_then(&b, size_0);
	listen_to(&b);
	is_dead(&b, -EPROTO, "impossible size");
	assert_int_equal(told, 0);
	assert_true(user_bench_loop(&b, was_told));
	assert_non_null(strstr(told_why, "impossible size"));
	user_bench_close(&b);
}

static bool reply_unasked(struct script *s, struct message *m)
{
	if (!is(m, USER_REGION_WRITE))
		return false;
	script_polite(s, m);
	script_polite(s, m);
	return true;
}

static void a_reply_to_nobody_is_a_breach(void **state)
{
	struct user_bench b;
	uint32_t v = 0;

	open_then(&b, reply_unasked);
	listen_to(&b);
	OUGHT(b.dev->ops->write(b.dev, 7, 0x40, &v, 4, &why));
	assert_true(user_bench_loop(&b, was_told));
	assert_non_null(strstr(told_why, "nobody asked"));
	user_bench_close(&b);
}

static bool half_a_message(struct script *s, struct message *m)
{
	if (!is(m, USER_REGION_WRITE))
		return false;
	script_polite(s, m);
	script_send(s, &m->h, 9, NULL, 0);
	return true;
}

static void half_a_message_does_not_hold_up_the_loop(void **state)
{
	struct user_bench b;
	uint64_t before;
	uint32_t v = 0;

	open_then(&b, half_a_message);
	OUGHT(b.dev->ops->write(b.dev, 7, 0x40, &v, 4, &why));
	before = fake_calls();
	for (unsigned i = 0; i < 5; i++) {
		struct epoll_event ev;

		if (sys_epoll_wait(b.loop.epfd, &ev, 1, 20) == 1) {
			struct loop_fd *f =
				(struct loop_fd *)(uintptr_t)ev.data.u64;

			f->handler(f, ev.events);
		}
	}
	assert_true(fake_calls() - before < 30);
	user_bench_close(&b);
}

/* -------- time limits -------- */

static bool hang(struct script *s, struct message *m)
{
	if (is(m, USER_REGION_READ) || is(m, USER_DEVICE_RESET))
		script_hang(s);
	return is(m, USER_REGION_READ) || is(m, USER_DEVICE_RESET);
}

/* As after kill -STOP. VFIO-VU-11 */
static void a_server_that_hangs_is_given_up(void **state)
{
	struct user_bench b;
	uint64_t start;

	open_then(&b, hang);
	listen_to(&b);
	fake_impatient(1);
	start = sys_now_ns();
	is_dead(&b, -ETIMEDOUT, "did not answer in time: region read");
	assert_in_range(sys_now_ns() - start, UINT64_C(5000000000),
			UINT64_C(6000000000));
	assert_true(user_bench_loop(&b, was_told));
	user_bench_close(&b);
}

static void a_reset_may_take_longer(void **state)
{
	struct user_bench b;
	struct err e = ERR_NONE;
	uint64_t start;

	open_then(&b, hang);
	fake_impatient(1);
	start = sys_now_ns();
	assert_int_equal(b.dev->ops->reset(b.dev, &e), -ETIMEDOUT);
	assert_in_range(sys_now_ns() - start, UINT64_C(30000000000),
			UINT64_C(31000000000));
	user_bench_close(&b);
}

/* Requests without end and no reply. */
static bool chatter(struct script *s, struct message *m)
{
	static uint8_t room[4096];
	struct message r = { .payload = room };

	if (!is(m, USER_REGION_READ))
		return false;
	do {
		fake_advance_ns(1000000000);
		script_ask(s, USER_DMA_READ, 0x100000, 16, NULL, 0);
	} while (script_next(s, &r));
	return true;
}

static void being_kept_busy_is_no_answer(void **state)
{
	struct user_bench b;

	open_then(&b, chatter);
	is_dead(&b, -ETIMEDOUT, "did not answer in time");
	user_bench_close(&b);
}

static void nobody_waits_long_once_the_vm_ends(void **state)
{
	struct user_bench b;
	uint64_t start;

	open_then(&b, hang);
	fake_impatient(1);
	loop_stop(&b.loop);
	start = sys_now_ns();
	is_dead(&b, -ETIMEDOUT, "did not answer in time");
	assert_true(sys_now_ns() - start < UINT64_C(2500000000));
	user_bench_close(&b);
}

/* Each answer just in time; what it answers does not matter. */
static bool dawdle(struct script *s, struct message *m)
{
	if (s->step != 0)
		fake_advance_ns(900000000);
	return false;
}

/* Tidying up takes many requests. A server may not use up a limit with each,
 * and many servers that hang not one each. */
static void all_of_the_end_has_one_limit(void **state)
{
	struct user_bench b;
	struct err e = ERR_NONE;
	uint64_t start;
	uint32_t v;
	int rc = 0;

	open_then(&b, dawdle);
	OUGHT(user_bench_read(&b, &v, 4, &why));
	b.s.step = 1;
	loop_stop(&b.loop);
	start = sys_now_ns();
	for (unsigned i = 0; i < 10 && rc == 0; i++)
		rc = user_bench_read(&b, &v, 4, &e);
	assert_int_equal(rc, -ETIMEDOUT);
	assert_true(sys_now_ns() - start < UINT64_C(4000000000));
	user_bench_close(&b);
}

/* Later, there is a moment left for each. */
static void who_is_asked_late_is_not_waited_for_long(void **state)
{
	struct user_bench b;
	uint64_t start;

	open_then(&b, NULL);
	loop_stop(&b.loop);
	fake_advance_ns(UINT64_C(20000000000));
	OUGHT(b.dev->ops->reset(b.dev, &why));
	b.s.intercept = hang;
	start = sys_now_ns();
	is_dead(&b, -ETIMEDOUT, "did not answer in time");
	assert_true(sys_now_ns() - start < UINT64_C(4000000000));
	user_bench_close(&b);
}

/* It takes nothing in: not even a request can be sent. */
static bool deaf(struct script *s, struct message *m)
{
	if (is(m, USER_REGION_WRITE))
		script_hang(s);
	return is(m, USER_REGION_WRITE);
}

static void a_server_that_does_not_read_is_given_up(void **state)
{
	static uint8_t big[4096];
	struct user_bench b;
	struct err e = ERR_NONE;
	int rc;

	open_then(&b, deaf);
	fake_impatient(1);
	rc = b.dev->ops->write(b.dev, 7, 0, big, sizeof(big), &e);
	assert_int_equal(rc, -ETIMEDOUT);
	user_bench_close(&b);
}

/* -------- more than one thread -------- */

static bool slow(struct script *s, struct message *m)
{
	struct pollfd p = { .fd = -1 };

	if (is(m, USER_REGION_READ) && s->step++ == 0)
		(void)poll(&p, 0, 300);
	return false;
}

static void *reader(void *arg)
{
	struct user_bench *b = arg;
	uint32_t v;

	OUGHT(user_bench_read(b, &v, 4, &why));
	return NULL;
}

static void the_loop_does_not_wait_for_a_reader(void **state)
{
	struct user_bench b;
	pthread_t t;

	open_then(&b, slow);
	assert_int_equal(pthread_create(&t, NULL, reader, &b), 0);
	while (fake_trace_count("poll socket") == 0)
		sys_sleep_ms(1);
	fake_trace_clear();
	/* nothing for it to do, and no spinning */
	(void)user_bench_loop(&b, never);
	assert_true(fake_trace_count("epoll_ctl") < 20);
	pthread_join(t, NULL);
	user_bench_close(&b);
}

static void *many_reads(void *arg)
{
	struct user_bench *b = arg;

	for (unsigned i = 0; i < 500; i++) {
		uint8_t buf[16];

		OUGHT(user_bench_read(b, buf, 16, &why));
		assert_int_equal(buf[15], 0x4f);
	}
	return NULL;
}

static bool cross_often(struct script *s, struct message *m)
{
	if (is(m, USER_REGION_READ) && s->step++ % 7 == 0)
		return cross(s, m);
	return false;
}

static void *run_loop(void *arg)
{
	struct user_bench *b = arg;

	OUGHT(loop_run(&b->loop, &why));
	return NULL;
}

static void calls_of_several_threads_take_turns(void **state)
{
	struct user_bench b;
	pthread_t t[3], l;

	dma.at = 0x100000;
	dma.count = 64;
	open_then(&b, cross_often);
	assert_int_equal(pthread_create(&l, NULL, run_loop, &b), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&t[i], NULL, many_reads, &b),
				 0);
	for (unsigned i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	loop_stop(&b.loop);
	pthread_join(l, NULL);
	user_bench_close(&b);
}

enum { FLOOD = 2000 };

/* DMA without end, whether or not somebody asks for something: small pieces
 * that want no answer cost the server next to nothing. */
static bool flood(struct script *s, struct message *m)
{
	static uint8_t room[4096];
	static struct {
		struct user_header h;
		struct user_dma_access a;
	} many[FLOOD];
	struct pollfd p = { .fd = s->fd, .events = POLLIN };
	struct message r = { .payload = room };

	if (!is(m, USER_REGION_WRITE))
		return false;
	script_polite(s, m);
	for (unsigned i = 0; i < FLOOD; i++) {
		many[i].h.command = le16_of(USER_DMA_WRITE);
		many[i].h.flags = le32_of(USER_NO_REPLY);
		many[i].h.size = le32_of(sizeof(many[i]));
		many[i].a.address = le64_of(0x100000);
	}
	for (;;) {
		script_send(s, many, sizeof(many), NULL, 0);
		if (poll(&p, 1, 0) == 0)
			continue;
		if (!script_next(s, &r))
			return true;
		script_polite(s, &r);
	}
}

/* The loop is faster than a thread that has to wake up first, and got the
 * connection again and again. */
static void a_flood_of_dma_does_not_keep_others_out(void **state)
{
	struct user_bench b;
	uint64_t worst = 0;
	pthread_t l;
	uint32_t v = 0;

	open_then(&b, flood);
	OUGHT(b.dev->ops->write(b.dev, 7, 0x40, &v, 4, &why));
	assert_int_equal(pthread_create(&l, NULL, run_loop, &b), 0);
	for (unsigned i = 0; i < 50; i++) {
		uint64_t start = sys_now_ns();

		OUGHT(user_bench_read(&b, &v, 4, &why));
		if (sys_now_ns() - start > worst)
			worst = sys_now_ns() - start;
	}
	assert_true(worst < UINT64_C(1000000000));
	loop_stop(&b.loop);
	pthread_join(l, NULL);
	user_bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(replies_byte_by_byte_are_put_together),
		FAKE_TEST(what_breaks_the_protocol_ends_the_connection),
		FAKE_TEST(descriptors_nobody_wants_are_closed),
		FAKE_TEST(an_errno_goes_to_the_caller),
		FAKE_TEST(requests_that_cross_are_served),
		FAKE_TEST(only_ram_is_there_for_dma),
		FAKE_TEST(writes_arrive_whole_or_not_at_all),
		FAKE_TEST(idle_requests_are_served_by_the_loop),
		FAKE_TEST(an_answer_on_its_way_does_not_mix_with_a_call),
		FAKE_TEST(death_is_noticed_when_idle_and_told_once),
		FAKE_TEST(death_in_a_call_is_told_by_the_loop),
		FAKE_TEST(a_reply_to_nobody_is_a_breach),
		FAKE_TEST(half_a_message_does_not_hold_up_the_loop),
		FAKE_TEST(a_server_that_hangs_is_given_up),
		FAKE_TEST(a_reset_may_take_longer),
		FAKE_TEST(being_kept_busy_is_no_answer),
		FAKE_TEST(nobody_waits_long_once_the_vm_ends),
		FAKE_TEST(all_of_the_end_has_one_limit),
		FAKE_TEST(who_is_asked_late_is_not_waited_for_long),
		FAKE_TEST(a_server_that_does_not_read_is_given_up),
		FAKE_TEST(the_loop_does_not_wait_for_a_reader),
		FAKE_TEST(calls_of_several_threads_take_turns),
		FAKE_TEST(a_flood_of_dma_does_not_keep_others_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

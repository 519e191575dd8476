/* A bus finds the region of an access, splits accesses at edges, and keeps
 * regions apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "tests/fakes/kernel.h"
#include "vmm/base/bytes.h"
#include "vmm/bus.h"

/* A region that remembers what came. */
struct recorder {
	struct region region;
	struct {
		uint64_t off, v;
		unsigned len;
	} got[16];
	unsigned n;
	uint64_t answer;
};

static void note(struct recorder *r, uint64_t off, unsigned len, uint64_t v)
{
	assert_true(r->n < ARRAY_LEN(r->got));
	r->got[r->n].off = off;
	r->got[r->n].len = len;
	r->got[r->n++].v = v;
}

static uint64_t recorder_read(struct region *region, uint64_t off, unsigned len)
{
	struct recorder *r = container_of(region, struct recorder, region);

	note(r, off, len, 0);
	return off < 8 ? r->answer >> (8 * off) : 0;
}

static void recorder_write(struct region *region, uint64_t off, unsigned len,
			   uint64_t v)
{
	note(container_of(region, struct recorder, region), off, len, v);
}

static const struct region_ops ops = { recorder_read, recorder_write };

static struct recorder at(const char *name, uint64_t base, uint64_t size)
{
	return (struct recorder){ .region = { .name = name,
					      .ops = &ops,
					      .base = base,
					      .size = size },
				  .answer = 0x8877665544332211 };
}

static void assert_got(const struct recorder *r, unsigned i, uint64_t off,
		       unsigned len, uint64_t v)
{
	assert_true(i < r->n);
	assert_int_equal(r->got[i].off, off);
	assert_int_equal(r->got[i].len, len);
	assert_int_equal(r->got[i].v, v);
}

static void make(struct bus *b, uint64_t limit)
{
	struct err e = ERR_NONE;

	assert_int_equal(bus_open(b, "mmio", limit, &e), 0);
}

static void add(struct bus *b, struct recorder *r)
{
	struct err e = ERR_NONE;

	assert_int_equal(bus_add(b, &r->region, &e), 0);
}

static void access_reaches_its_region(void **state)
{
	struct bus b;
	struct recorder low = at("low", 0x1000, 0x100);
	struct recorder high = at("high", 0x2000, 0x100);

	make(&b, 0);
	add(&b, &high);
	add(&b, &low);
	bus_write(&b, 0x1004, 4, 0x12345678);
	assert_int_equal(bus_read(&b, 0x2000, 2), 0x2211);
	assert_int_equal(low.n, 1);
	assert_got(&low, 0, 4, 4, 0x12345678);
	assert_got(&high, 0, 0, 2, 0);
	bus_close(&b);
}

static void nobody_answers_with_ones_and_drops_writes(void **state)
{
	struct bus b;
	struct recorder r = at("r", 0x1000, 0x10);

	make(&b, 0);
	add(&b, &r);
	assert_int_equal(bus_read(&b, 0x5000, 1), 0xff);
	assert_int_equal(bus_read(&b, 0x0, 4), 0xffffffff);
	assert_true(bus_read(&b, 0x5000, 8) == UINT64_MAX);
	bus_write(&b, 0x5000, 8, 1);
	assert_int_equal(r.n, 0);
	bus_close(&b);
}

static void region_without_ops_only_claims(void **state)
{
	static const struct region_ops silent = { 0 };
	struct region claim = { .name = "RAM", .base = 0, .size = 0x1000 };
	struct region mute = {
		.name = "mute", .ops = &silent, .base = 0x1000, .size = 16
	};
	struct bus b;
	struct err e = ERR_NONE;

	make(&b, 0);
	assert_int_equal(bus_add(&b, &claim, &e), 0);
	assert_int_equal(bus_add(&b, &mute, &e), 0);
	assert_int_equal(bus_read(&b, 0x10, 4), 0xffffffff);
	assert_int_equal(bus_read(&b, 0x1000, 4), 0xffffffff);
	bus_write(&b, 0x10, 4, 0);
	bus_write(&b, 0x1000, 4, 0);
	assert_false(bus_is_free(&b, 0xfff, 1));
	bus_close(&b);
}

static void value_wider_than_the_access_is_cut(void **state)
{
	struct bus b;
	struct recorder r = at("r", 0, 0x10);

	make(&b, 0);
	add(&b, &r);
	assert_int_equal(bus_read(&b, 0, 1), 0x11);
	bus_write(&b, 0, 1, 0xabcd);
	assert_got(&r, 1, 0, 1, 0xcd);
	bus_close(&b);
}

static void access_is_split_at_the_edge_of_two_regions(void **state)
{
	struct bus b;
	struct recorder left = at("left", 0x1000, 0x10);
	struct recorder right = at("right", 0x1010, 0x10);

	make(&b, 0);
	left.answer = 0;
	add(&b, &left);
	add(&b, &right);
	bus_write(&b, 0x100e, 4, 0x44332211);
	assert_got(&left, 0, 14, 2, 0x2211);
	assert_got(&right, 0, 0, 2, 0x4433);
	right.answer = 0xbbaa;
	assert_int_equal(bus_read(&b, 0x100e, 4), 0xbbaa0000);
	bus_close(&b);
}

static void part_outside_of_the_region_reads_ones(void **state)
{
	struct bus b;
	struct recorder r = at("r", 0x1002, 2);

	make(&b, 0);
	add(&b, &r);
	assert_true(bus_read(&b, 0x1000, 8) == 0xffffffff2211ffff);
	assert_int_equal(r.n, 1);
	assert_got(&r, 0, 0, 2, 0);
	bus_write(&b, 0x1000, 8, 0x8877665544332211);
	assert_got(&r, 1, 0, 2, 0x4433);
	bus_close(&b);
}

static void odd_lengths_become_natural_widths(void **state)
{
	struct bus b;
	struct recorder r = at("r", 0, 0x10);

	make(&b, 0);
	add(&b, &r);
	bus_write(&b, 0, 7, 0x77665544332211);
	assert_int_equal(r.n, 3);
	assert_got(&r, 0, 0, 4, 0x44332211);
	assert_got(&r, 1, 4, 2, 0x6655);
	assert_got(&r, 2, 6, 1, 0x77);
	r.n = 0;
	assert_int_equal(bus_read(&b, 0, 3), 0x332211);
	assert_int_equal(r.n, 2);
	bus_close(&b);
}

static void access_past_the_end_does_not_wrap(void **state)
{
	struct bus b;
	struct recorder first = at("first", 0, 0x10);
	struct recorder last = at("last", UINT64_MAX - 1, 2);

	make(&b, 0);
	add(&b, &first);
	add(&b, &last);
	assert_true(bus_read(&b, UINT64_MAX, 8) == 0xffffffffffffff22);
	bus_write(&b, UINT64_MAX - 1, 8, 0);
	assert_int_equal(first.n, 0);
	assert_int_equal(last.n, 2);
	bus_close(&b);
}

static void port_bus_ends_at_its_limit(void **state)
{
	struct bus b;
	struct recorder first = at("first", 0, 0x10);
	struct recorder last = at("last", 0xffff, 1);
	struct recorder past = at("past", 0xffff, 2);
	struct err e = ERR_NONE;

	make(&b, 0x10000);
	add(&b, &first);
	add(&b, &last);
	assert_int_equal(bus_read(&b, 0xffff, 4), 0xffffff11);
	assert_int_equal(bus_read(&b, 0x10000, 1), 0xff);
	assert_true(bus_read(&b, UINT64_MAX, 4) == 0xffffffff);
	assert_int_equal(first.n, 0);
	bus_remove(&b, &last.region);
	assert_int_equal(bus_add(&b, &past.region, &e), -EINVAL);
	assert_non_null(strstr(e.text, "past at 0xffff"));
	bus_close(&b);
}

static void overlap_is_refused_and_names_both(void **state)
{
	struct bus b;
	struct recorder first = at("first", 0x1000, 0x1000);
	static const struct {
		const char *label;
		uint64_t base, size;
	} cases[] = {
		{ "same", 0x1000, 0x1000 },
		{ "inside", 0x1800, 1 },
		{ "around", 0x0, 0x10000 },
		{ "head", 0xfff, 2 },
		{ "tail", 0x1fff, 2 },
		{ "last byte", 0x1fff, 1 },
		{ "to the end", 0x1fff, ~0ull - 0x1ffe },
	};

	make(&b, 0);
	add(&b, &first);
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		struct recorder r = at("second", cases[i].base, cases[i].size);
		struct err e = ERR_NONE;

		print_message("  %s\n", cases[i].label);
		assert_int_equal(bus_add(&b, &r.region, &e), -EEXIST);
		assert_non_null(strstr(e.text, "second at"));
		assert_non_null(strstr(e.text, "overlaps first at 0x1000"));
		assert_false(r.region.listed);
		assert_false(bus_is_free(&b, cases[i].base, cases[i].size));
	}
	assert_true(bus_is_free(&b, 0, 0x1000));
	assert_true(bus_is_free(&b, 0x2000, UINT64_MAX - 0x1fff));
	bus_close(&b);
}

static void empty_and_wrapping_regions_are_refused(void **state)
{
	struct bus b;
	struct recorder empty = at("empty", 0x1000, 0);
	struct recorder wraps = at("wraps", UINT64_MAX, 2);
	struct recorder whole_end = at("end", UINT64_MAX, 1);
	struct err e = ERR_NONE;

	make(&b, 0);
	assert_int_equal(bus_add(&b, &empty.region, &e), -EINVAL);
	assert_non_null(strstr(e.text, "empty"));
	assert_int_equal(bus_add(&b, &wraps.region, &e), -EINVAL);
	add(&b, &whole_end);
	bus_close(&b);
}

static void removed_region_is_gone_and_may_return(void **state)
{
	struct bus b;
	struct recorder r = at("r", 0x1000, 0x10);

	make(&b, 0);
	add(&b, &r);
	bus_remove(&b, &r.region);
	bus_remove(&b, &r.region);
	assert_int_equal(bus_read(&b, 0x1000, 1), 0xff);
	r.region.base = 0x3000;
	add(&b, &r);
	assert_int_equal(bus_read(&b, 0x3000, 1), 0x11);
	bus_close(&b);
	assert_false(r.region.listed);
	bus_close(&b);
	bus_remove(&b, &r.region);
}

static void many_regions_stay_sorted(void **state)
{
	enum { N = 200 };
	static struct recorder r[N];
	struct bus b;

	make(&b, 0);
	for (unsigned i = 0; i < N; i++) {
		unsigned k = i * 77 % N; /* 77 and 200 share no factor */

		r[k] = at("many", k * 0x10, 0x10);
		r[k].answer = k;
		add(&b, &r[k]);
	}
	for (unsigned i = 0; i < N; i += 2)
		bus_remove(&b, &r[i].region);
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(bus_read(&b, i * 0x10, 1),
				 i % 2 ? i & 0xff : 0xff);
	bus_close(&b);
}

/* An op that takes its own region off the bus and puts it elsewhere. */
static struct bus *mover_bus;

static void mover_write(struct region *r, uint64_t off, unsigned len,
			uint64_t v)
{
	struct err e = ERR_NONE;

	bus_remove(mover_bus, r);
	r->base = v;
	assert_int_equal(bus_add(mover_bus, r, &e), 0);
}

static void region_may_move_itself_from_its_own_op(void **state)
{
	static const struct region_ops mover_ops = { .write = mover_write };
	struct region r = {
		.name = "mover", .ops = &mover_ops, .base = 0x1000, .size = 8
	};
	struct bus b;
	struct err e = ERR_NONE;

	make(&b, 0);
	mover_bus = &b;
	assert_int_equal(bus_add(&b, &r, &e), 0);
	bus_write(&b, 0x1000, 4, 0x9000);
	assert_true(bus_is_free(&b, 0x1000, 8));
	assert_false(bus_is_free(&b, 0x9000, 8));
	bus_close(&b);
}

struct locked {
	struct region region;
	pthread_mutex_t lock;
	bool held;
};

static uint64_t locked_read(struct region *region, uint64_t off, unsigned len)
{
	struct locked *l = container_of(region, struct locked, region);

	l->held = pthread_mutex_trylock(&l->lock) == EBUSY;
	return 0;
}

static const struct region_ops locked_ops = { .read = locked_read };

static void lock_of_the_owner_is_held_around_ops(void **state)
{
	struct locked l = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct bus b;
	struct err e = ERR_NONE;

	make(&b, 0);
	l.region = (struct region){
		.name = "locked", .ops = &locked_ops, .size = 4, .lock = &l.lock
	};
	assert_int_equal(bus_add(&b, &l.region, &e), 0);
	bus_read(&b, 0, 4);
	assert_true(l.held);
	assert_int_equal(pthread_mutex_trylock(&l.lock), 0);
	pthread_mutex_unlock(&l.lock);
	bus_close(&b);
}

/* Readers on one thread, a region that comes and goes on another. */
struct race {
	struct bus bus;
	atomic_bool stop;
	unsigned wrong;
};

static uint64_t race_read(struct region *r, uint64_t off, unsigned len)
{
	return 0x5a;
}

static const struct region_ops race_ops = { .read = race_read };

static void *race_reader(void *arg)
{
	struct race *r = arg;

	while (!atomic_load(&r->stop)) {
		uint64_t v = bus_read(&r->bus, 0x1000, 1);

		if (v != 0x5a && v != 0xff)
			r->wrong++;
		if (bus_read(&r->bus, 0x2000, 1) != 0x5a)
			r->wrong++;
	}
	return NULL;
}

static void regions_come_and_go_while_others_read(void **state)
{
	static struct race r;
	struct region moving = {
		.name = "moving", .ops = &race_ops, .base = 0x1000, .size = 16
	};
	struct region still = {
		.name = "still", .ops = &race_ops, .base = 0x2000, .size = 16
	};
	struct err e = ERR_NONE;
	pthread_t reader;

	make(&r.bus, 0);
	assert_int_equal(bus_add(&r.bus, &still, &e), 0);
	assert_int_equal(pthread_create(&reader, NULL, race_reader, &r), 0);
	for (unsigned i = 0; i < 3000; i++) {
		assert_int_equal(bus_add(&r.bus, &moving, &e), 0);
		bus_remove(&r.bus, &moving);
	}
	atomic_store(&r.stop, true);
	pthread_join(reader, NULL);
	assert_int_equal(r.wrong, 0);
	bus_close(&r.bus);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(access_reaches_its_region),
		FAKE_TEST(nobody_answers_with_ones_and_drops_writes),
		FAKE_TEST(region_without_ops_only_claims),
		FAKE_TEST(value_wider_than_the_access_is_cut),
		FAKE_TEST(access_is_split_at_the_edge_of_two_regions),
		FAKE_TEST(part_outside_of_the_region_reads_ones),
		FAKE_TEST(odd_lengths_become_natural_widths),
		FAKE_TEST(access_past_the_end_does_not_wrap),
		FAKE_TEST(port_bus_ends_at_its_limit),
		FAKE_TEST(overlap_is_refused_and_names_both),
		FAKE_TEST(empty_and_wrapping_regions_are_refused),
		FAKE_TEST(removed_region_is_gone_and_may_return),
		FAKE_TEST(many_regions_stay_sorted),
		FAKE_TEST(region_may_move_itself_from_its_own_op),
		FAKE_TEST(lock_of_the_owner_is_held_around_ops),
		FAKE_TEST(regions_come_and_go_while_others_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

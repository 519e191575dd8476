/* The DMA engine: what it moves, what stops it, how it ends. */
#include "tests/unit/card/bench.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/card/regs.h"

static const char card[] = "function 0\nbar 0 mem64 64K\nbar 2 mem64 1M\n"
			   "engine 0:0\nmemory 2:0x1000\n"
			   "cap msix at 0x60 table 0:0x8000 pba 0:0x9000\n";

enum { RAM = 4 << 20 };

/* A bus with RAM from BASE on, in the client's maps. */
#define BASE UINT64_C(0x200000000)

struct machine {
	struct bench b;
	struct bus bus;
	int fd;
	uint8_t *ram;
	bool reset_meanwhile;
};

static int move(struct bus *bus, enum way way, uint64_t iova, void *buf,
		uint32_t n)
{
	struct machine *m = container_of(bus, struct machine, bus);
	struct span s;
	int rc;

	if (m->reset_meanwhile)
		function_reset(&m->b.f);
	while (n) {
		uint32_t some;

		rc = maps_find(&m->b.f.maps, iova, way, &s);
		if (rc < 0)
			return rc;
		some = s.n < n ? (uint32_t)s.n : n;
		rc = maps_copy(&s, way, buf, some);
		if (rc < 0)
			return rc;
		buf = (uint8_t *)buf + some;
		iova += some;
		n -= some;
	}
	return 0;
}

static void add_map(struct machine *m, uint64_t at, uint64_t size,
		    unsigned ways)
{
	const struct map map = {
		.iova = BASE + at, .size = size, .off = at, .ways = ways
	};

	assert_int_equal(maps_add(&m->b.f.maps, &map, m->fd), 0);
}

/* RAM in two maps that meet in the middle. */
static void machine_open(struct machine *m)
{
	*m = (struct machine){ .bus.move = move };
	bench_open(&m->b, card);
	enable(&m->b.f);
	m->fd = memfd_create("ram", MFD_CLOEXEC);
	assert_int_equal(ftruncate(m->fd, RAM), 0);
	m->ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
	assert_true(m->ram != MAP_FAILED);
	add_map(m, 0, RAM / 2, 3);
	add_map(m, RAM / 2, RAM / 2, 3);
}

static void machine_close(struct machine *m)
{
	munmap(m->ram, RAM);
	close(m->fd);
	bench_close(&m->b);
}

static void write_reg(struct machine *m, uint32_t off, uint32_t v)
{
	set(&m->b.f, 0, off, 4, v);
}

static uint32_t read_reg(struct machine *m, uint32_t off)
{
	return get(&m->b.f, 0, off, 4);
}

static void start(struct machine *m, uint32_t op, uint64_t source,
		  uint64_t target, uint32_t count)
{
	write_reg(m, CARD_SOURCE_LOW, (uint32_t)source);
	write_reg(m, CARD_SOURCE_HIGH, (uint32_t)(source >> 32));
	write_reg(m, CARD_TARGET_LOW, (uint32_t)target);
	write_reg(m, CARD_TARGET_HIGH, (uint32_t)(target >> 32));
	write_reg(m, CARD_COUNT, count);
	write_reg(m, CARD_DOORBELL, op | 3 << 16);
}

static uint32_t finish(struct machine *m)
{
	for (unsigned i = 0; i < 1000 && engine_busy(&m->b.f.engine); i++)
		engine_step(&m->b.f.engine, &m->b.f.irqs, &m->bus,
			    config_command(&m->b.f.config) & 4);
	return read_reg(m, CARD_STATUS);
}

static uint32_t run(struct machine *m, uint32_t op, uint64_t source,
		    uint64_t target, uint32_t count)
{
	start(m, op, source, target, count);
	return finish(m);
}

static void pattern(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(i * 37 + (i >> 8));
}

/* The same bit by bit, as the definition has it. */
static uint32_t slow_crc(const uint8_t *p, size_t n)
{
	uint32_t v = UINT32_MAX;

	for (; n; n--, p++) {
		v ^= *p;
		for (unsigned i = 0; i < 8; i++)
			v = v >> 1 ^ (v & 1 ? 0xedb88320 : 0);
	}
	return ~v;
}

/* -------- what moves -------- */

static void data_goes_to_the_card_and_comes_back(void **state)
{
	const uint32_t n = 0x80123; /* several pieces, and a rest */
	struct machine m;

	machine_open(&m);
	pattern(m.ram, n);
	assert_int_equal(run(&m, CARD_OP_TO_CARD, BASE, 0x100, n),
			 CARD_STATUS_OK);
	assert_int_equal(read_reg(&m, CARD_CHECKSUM), slow_crc(m.ram, n));
	assert_memory_equal(bars_at(&m.b.f.bars, 2, 0x1100, n), m.ram, n);
	assert_int_equal(run(&m, CARD_OP_FROM_CARD, 0x100, BASE + 0x200000, n),
			 CARD_STATUS_OK);
	assert_memory_equal(m.ram + 0x200000, m.ram, n);
	assert_int_equal(read_reg(&m, CARD_DONE), 2);
	assert_int_equal(m.b.f.engine.moved, 2 * n);
	machine_close(&m);
}

static void the_bus_side_may_span_maps(void **state)
{
	struct machine m;

	machine_open(&m);
	pattern(m.ram, RAM / 4);
	assert_int_equal(
		run(&m, CARD_OP_BUS, BASE + 1, BASE + RAM / 2 - 0x1001, 0x3000),
		CARD_STATUS_OK);
	assert_memory_equal(m.ram + RAM / 2 - 0x1001, m.ram + 1, 0x3000);
	machine_close(&m);
}

static void the_known_checksum_comes_out(void **state)
{
	struct crc c;

	crc_init(&c);
	assert_int_equal(crc_add(&c, 0, "123456789", 9), 0xcbf43926);
	assert_int_equal(crc_add(&c, crc_add(&c, 0, "1234", 4), "56789", 5),
			 0xcbf43926);
	assert_int_equal(crc_add(&c, 0, "", 0), 0);
}

static void an_operation_runs_piece_by_piece(void **state)
{
	struct machine m;

	machine_open(&m);
	start(&m, CARD_OP_TO_CARD, BASE, 0, ENGINE_PIECE + 1);
	assert_int_equal(read_reg(&m, CARD_STATUS), CARD_STATUS_BUSY);
	engine_step(&m.b.f.engine, &m.b.f.irqs, &m.bus, true);
	assert_int_equal(read_reg(&m, CARD_STATUS), CARD_STATUS_BUSY);
	assert_int_equal(read_reg(&m, CARD_DONE), 0);
	engine_step(&m.b.f.engine, &m.b.f.irqs, &m.bus, true);
	assert_int_equal(read_reg(&m, CARD_STATUS), CARD_STATUS_OK);
	machine_close(&m);
}

static void registers_and_doorbell_do_not_disturb_what_runs(void **state)
{
	struct machine m;

	machine_open(&m);
	pattern(m.ram, 0x100);
	start(&m, CARD_OP_TO_CARD, BASE, 0, 0x100);
	start(&m, CARD_OP_FROM_CARD, 0, BASE, 0x200);
	assert_int_equal(finish(&m), CARD_STATUS_OK);
	assert_int_equal(read_reg(&m, CARD_DONE), 1);
	assert_memory_equal(bars_at(&m.b.f.bars, 2, 0x1000, 0x100), m.ram,
			    0x100);
	machine_close(&m);
}

static void only_the_interrupt_needs_no_bus_master(void **state)
{
	struct machine m;

	machine_open(&m);
	set(&m.b.f, CONFIG, 4, 2, 2);
	assert_int_equal(run(&m, CARD_OP_IRQ, 0, 0, 0), CARD_STATUS_OK);
	assert_int_equal(read_reg(&m, CARD_UNSENT), 1);
	machine_close(&m);
}

/* -------- what stops it -------- */

static void what_is_not_mapped_does_not_answer(void **state)
{
	struct machine m;

	machine_open(&m);
	assert_int_equal(run(&m, CARD_OP_TO_CARD, BASE - 1, 0, 2),
			 CARD_STATUS_BUS_ERROR);
	assert_int_equal(run(&m, CARD_OP_TO_CARD, BASE + RAM - 1, 0, 2),
			 CARD_STATUS_BUS_ERROR);
	assert_int_equal(run(&m, CARD_OP_FROM_CARD, 0, UINT64_MAX - 1, 16),
			 CARD_STATUS_BUS_ERROR);
	assert_int_equal(run(&m, CARD_OP_BUS, BASE, 0, 16),
			 CARD_STATUS_BUS_ERROR);
	assert_int_equal(read_reg(&m, CARD_DONE), 4);
	machine_close(&m);
}

static void permissions_of_a_map_are_kept(void **state)
{
	struct machine m;

	machine_open(&m);
	assert_int_equal(maps_remove_all(&m.b.f.maps), 2);
	add_map(&m, 0, 0x1000, BUS_READ);
	add_map(&m, 0x1000, 0x1000, BUS_WRITE);
	assert_int_equal(run(&m, CARD_OP_TO_CARD, BASE, 0, 16), CARD_STATUS_OK);
	assert_int_equal(run(&m, CARD_OP_FROM_CARD, 0, BASE, 16),
			 CARD_STATUS_BUS_ERROR);
	assert_int_equal(run(&m, CARD_OP_FROM_CARD, 0, BASE + 0x1000, 16),
			 CARD_STATUS_OK);
	assert_int_equal(run(&m, CARD_OP_TO_CARD, BASE + 0x1000, 0, 16),
			 CARD_STATUS_BUS_ERROR);
	machine_close(&m);
}

static void unmapped_ranges_are_out_of_reach_at_once(void **state)
{
	struct machine m;

	machine_open(&m);
	assert_int_equal(maps_remove(&m.b.f.maps, 0, UINT64_MAX), 2);
	assert_int_equal(run(&m, CARD_OP_TO_CARD, BASE, 0, 16),
			 CARD_STATUS_BUS_ERROR);
	machine_close(&m);
}

static void without_bus_master_nothing_moves(void **state)
{
	struct machine m;

	machine_open(&m);
	set(&m.b.f, CONFIG, 4, 2, 2);
	pattern(m.ram, 16);
	assert_int_equal(run(&m, CARD_OP_TO_CARD, BASE, 0, 16),
			 CARD_STATUS_NO_BUS_MASTER);
	assert_int_equal(*bars_at(&m.b.f.bars, 2, 0x1001, 1), 0);
	machine_close(&m);
}

static void impossible_commands_are_refused(void **state)
{
	/* card memory has 1 MiB less the page before it */
	const uint64_t end = MIB - 0x1000;
	const struct {
		uint32_t op;
		uint64_t source, target;
		uint32_t count;
	} wrong[] = {
		{ 0, BASE, 0, 16 },
		{ 5, BASE, 0, 16 },
		{ 0xff, BASE, 0, 16 },
		{ CARD_OP_TO_CARD, BASE, 0, 0 },
		{ CARD_OP_TO_CARD, BASE, 0, CARD_COUNT_MAX + 1 },
		{ CARD_OP_TO_CARD, BASE, 0, UINT32_MAX },
		{ CARD_OP_TO_CARD, BASE, end, 1 },
		{ CARD_OP_TO_CARD, BASE, end - 15, 16 },
		{ CARD_OP_TO_CARD, BASE, UINT64_MAX, 1 },
		{ CARD_OP_FROM_CARD, end, BASE, 1 },
		{ CARD_OP_FROM_CARD, UINT64_MAX - 7, BASE, 16 },
		{ CARD_OP_BUS, BASE, BASE, 0 },
	};
	struct machine m;

	machine_open(&m);
	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
		print_message("command %u\n", i);
		assert_int_equal(run(&m, wrong[i].op, wrong[i].source,
				     wrong[i].target, wrong[i].count),
				 CARD_STATUS_BAD_COMMAND);
	}
	assert_int_equal(run(&m, CARD_OP_TO_CARD, BASE, end - 16, 16),
			 CARD_STATUS_OK);
	machine_close(&m);
}

static void a_card_without_memory_moves_only_on_the_bus(void **state)
{
	struct machine m;

	machine_open(&m);
	m.b.f.engine.memory = NULL;
	m.b.f.engine.memory_size = 0;
	assert_int_equal(run(&m, CARD_OP_TO_CARD, BASE, 0, 1),
			 CARD_STATUS_BAD_COMMAND);
	assert_int_equal(run(&m, CARD_OP_BUS, BASE, BASE + 64, 1),
			 CARD_STATUS_OK);
	machine_close(&m);
}

static void a_reset_ends_what_runs_without_a_trace(void **state)
{
	struct machine m;

	machine_open(&m);
	start(&m, CARD_OP_TO_CARD, BASE, 0, 16);
	function_reset(&m.b.f);
	enable(&m.b.f);
	assert_int_equal(finish(&m), CARD_STATUS_IDLE);
	assert_int_equal(read_reg(&m, CARD_DONE), 0);
	machine_close(&m);
}

/* While a message to the client is under way it may reset the function. */
static void a_reset_under_way_is_noticed(void **state)
{
	struct machine m;

	machine_open(&m);
	pattern(m.ram, 64);
	m.reset_meanwhile = true;
	start(&m, CARD_OP_TO_CARD, BASE, 0, 16);
	engine_step(&m.b.f.engine, &m.b.f.irqs, &m.bus, true);
	enable(&m.b.f);
	assert_int_equal(read_reg(&m, CARD_STATUS), CARD_STATUS_IDLE);
	assert_int_equal(read_reg(&m, CARD_DONE), 0);
	assert_int_equal(*bars_at(&m.b.f.bars, 2, 0x1001, 1), 0);
	machine_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_goes_to_the_card_and_comes_back),
		cmocka_unit_test(the_bus_side_may_span_maps),
		cmocka_unit_test(the_known_checksum_comes_out),
		cmocka_unit_test(an_operation_runs_piece_by_piece),
		cmocka_unit_test(
			registers_and_doorbell_do_not_disturb_what_runs),
		cmocka_unit_test(only_the_interrupt_needs_no_bus_master),
		cmocka_unit_test(what_is_not_mapped_does_not_answer),
		cmocka_unit_test(permissions_of_a_map_are_kept),
		cmocka_unit_test(unmapped_ranges_are_out_of_reach_at_once),
		cmocka_unit_test(without_bus_master_nothing_moves),
		cmocka_unit_test(impossible_commands_are_refused),
		cmocka_unit_test(a_card_without_memory_moves_only_on_the_bus),
		cmocka_unit_test(a_reset_ends_what_runs_without_a_trace),
		cmocka_unit_test(a_reset_under_way_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

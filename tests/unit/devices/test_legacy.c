/* The small ports: each ends the VM when it should and not otherwise. */
#include "tests/unit/devices/bench.h"

#include "devices/legacy.h"

enum {
	POWER = 0x600,
	S5 = 5,
	RESET = 1,
	PANIC = 0x505,
	DEBUG = 0xf4,
};

struct scene {
	struct vm vm;
	struct legacy_ports ports;
};

static const struct legacy_config config = {
	.power_port = POWER,
	.s5_type = S5,
	.reset_value = RESET,
	.pvpanic_port = PANIC,
	.debug_exit_port = DEBUG,
};

static void scene_open(struct scene *s)
{
	struct err e = ERR_NONE;

	bench_open(&s->vm);
	assert_int_equal(legacy_open(&s->ports, &s->vm, &config, &e), 0);
}

static void scene_close(struct scene *s)
{
	legacy_close(&s->ports);
	legacy_close(&s->ports);
	bench_close(&s->vm);
}

static void assert_end(struct scene *s, enum vm_end end)
{
	assert_int_equal(s->vm.stop.end, end);
	assert_int_equal(vm_stopping(&s->vm), end != VM_RUNNING);
}

/* -------- i8042 -------- */

static uint8_t ask(struct scene *s, uint8_t command)
{
	outb(&s->vm, 0x64, command);
	assert_int_equal(inb(&s->vm, 0x64) & 1, 1);
	return inb(&s->vm, 0x60);
}

static void keyboard_controller_is_idle_and_well(void **state)
{
	static struct scene s;

	scene_open(&s);
	assert_int_equal(inb(&s.vm, 0x64), 0x14);
	assert_int_equal(ask(&s, 0xaa), 0x55);
	assert_int_equal(inb(&s.vm, 0x64) & 0x03, 0);
	assert_int_equal(inb(&s.vm, 0x64) & 0x08, 0x08);
	outb(&s.vm, 0x60, 0xff);
	assert_int_equal(inb(&s.vm, 0x64), 0x14);
	assert_end(&s, VM_RUNNING);
	scene_close(&s);
}

static void nothing_is_plugged_into_it(void **state)
{
	static struct scene s;

	scene_open(&s);
	/* i8042_check_aux(): looped back, but not as the mouse's; then the
	 * test says that the clock line is low */
	outb(&s.vm, 0x64, 0xd3);
	outb(&s.vm, 0x60, 0x5a);
	assert_int_equal(inb(&s.vm, 0x64) & 0x21, 0x01);
	assert_int_equal(inb(&s.vm, 0x60), 0x5a);
	assert_int_equal(ask(&s, 0xa9), 1);
	assert_int_equal(ask(&s, 0xab), 1);
	/* a keyboard's reset brings no answer */
	outb(&s.vm, 0x60, 0xff);
	assert_int_equal(inb(&s.vm, 0x64) & 1, 0);
	outb(&s.vm, 0x64, 0xd4);
	outb(&s.vm, 0x60, 0xff);
	assert_int_equal(inb(&s.vm, 0x64) & 1, 0);
	scene_close(&s);
}

static void control_byte_is_kept(void **state)
{
	static struct scene s;

	scene_open(&s);
	assert_int_equal(ask(&s, 0x20), 0x04);
	outb(&s.vm, 0x64, 0x60);
	outb(&s.vm, 0x60, 0x47);
	assert_int_equal(ask(&s, 0x20), 0x47);
	outb(&s.vm, 0x64, 0xad);
	outb(&s.vm, 0x64, 0xa7);
	assert_int_equal(ask(&s, 0x20), 0x77);
	outb(&s.vm, 0x64, 0xae);
	outb(&s.vm, 0x64, 0xa8);
	assert_int_equal(ask(&s, 0x20), 0x47);
	scene_close(&s);
}

static void only_pulses_of_line_0_reset(void **state)
{
	static struct scene s;

	for (unsigned command = 0; command <= 0xff; command++) {
		bool resets = command >= 0xf0 && command % 2 == 0;

		scene_open(&s);
		outb(&s.vm, 0x64, (uint8_t)command);
		if ((s.vm.stop.end == VM_REBOOTED) != resets)
			fail_msg("command %#x", command);
		scene_close(&s);
		fake_reset();
	}
}

static void output_port_holds_the_reset_line(void **state)
{
	static struct scene s;

	scene_open(&s);
	assert_int_equal(ask(&s, 0xd0), 3);
	outb(&s.vm, 0x64, 0xd1);
	outb(&s.vm, 0x60, 0xdf); /* A20 on, as old kernels do */
	assert_end(&s, VM_RUNNING);
	outb(&s.vm, 0x60, 0xfe); /* for the keyboard */
	assert_end(&s, VM_RUNNING);
	outb(&s.vm, 0x64, 0xd1);
	outb(&s.vm, 0x60, 0xfe);
	assert_end(&s, VM_REBOOTED);
	scene_close(&s);
}

/* -------- power -------- */

static void s5_powers_off(void **state)
{
	static struct scene s;

	scene_open(&s);
	outb(&s.vm, POWER, S5 << 2);
	assert_end(&s, VM_RUNNING);
	assert_int_equal(inb(&s.vm, POWER), S5 << 2);
	outb(&s.vm, POWER, S5 << 2 | 0x20);
	assert_end(&s, VM_POWERED_OFF);
	scene_close(&s);
}

static void other_sleep_types_wake_at_once(void **state)
{
	static struct scene s;

	scene_open(&s);
	assert_int_equal(inb(&s.vm, POWER + 1), 0);
	outb(&s.vm, POWER, 3 << 2 | 0x20);
	assert_end(&s, VM_RUNNING);
	/* acpi_hw_extended_sleep() waits for WAK_STS, then clears it */
	assert_int_equal(inb(&s.vm, POWER + 1), 0x80);
	outb(&s.vm, POWER + 1, 0);
	assert_int_equal(inb(&s.vm, POWER + 1), 0x80);
	outb(&s.vm, POWER + 1, 0x80);
	assert_int_equal(inb(&s.vm, POWER + 1), 0);
	scene_close(&s);
}

static void only_the_reset_value_resets(void **state)
{
	static struct scene s;

	scene_open(&s);
	outb(&s.vm, POWER + 2, RESET + 1);
	outb(&s.vm, POWER + 2, 0);
	assert_end(&s, VM_RUNNING);
	assert_int_equal(inb(&s.vm, POWER + 2), 0);
	outb(&s.vm, POWER + 2, RESET);
	assert_end(&s, VM_REBOOTED);
	scene_close(&s);
}

static void wide_power_accesses_are_bytes(void **state)
{
	static struct scene s;

	scene_open(&s);
	bus_write(&s.vm.pio, POWER, 2, 0x0020 | 2 << 2);
	assert_int_equal(bus_read(&s.vm.pio, POWER, 2), 0x8008);
	assert_int_equal(bus_read(&s.vm.pio, POWER, 4), 0xff008008);
	bus_write(&s.vm.pio, POWER + 1, 2, 0x0180);
	assert_end(&s, VM_REBOOTED);
	scene_close(&s);
}

/* -------- debug exit -------- */

static void debug_exit_gives_the_status(void **state)
{
	static struct scene s;
	static const uint8_t status[] = { 1, 42, 123 };

	for (unsigned i = 0; i < ARRAY_LEN(status); i++) {
		scene_open(&s);
		outb(&s.vm, DEBUG, status[i]);
		assert_end(&s, VM_DEBUG_EXIT);
		assert_int_equal(s.vm.stop.code, status[i]);
		scene_close(&s);
		fake_reset();
	}
}

static void debug_exit_takes_the_low_byte(void **state)
{
	static struct scene s;

	scene_open(&s);
	assert_int_equal(bus_read(&s.vm.pio, DEBUG, 1), 0xff);
	bus_write(&s.vm.pio, DEBUG, 4, 0xffffff07);
	assert_end(&s, VM_DEBUG_EXIT);
	assert_int_equal(s.vm.stop.code, 7);
	scene_close(&s);
}

static void a_status_that_is_minivmm_s_own_is_a_failure(void **state)
{
	static struct scene s;
	static const uint8_t status[] = { 0, 124, 125, 126, 255 };

	for (unsigned i = 0; i < ARRAY_LEN(status); i++) {
		scene_open(&s);
		outb(&s.vm, DEBUG, status[i]);
		assert_end(&s, VM_FAILED);
		assert_non_null(strstr(s.vm.stop.err.text,
				       "to the debug-exit port, which takes 1 "
				       "to 123"));
		scene_close(&s);
		fake_reset();
	}
}

static void without_the_option_there_is_no_debug_exit(void **state)
{
	struct legacy_config c = config;
	struct err e = ERR_NONE;
	static struct scene s;

	c.debug_exit_port = -1;
	bench_open(&s.vm);
	assert_int_equal(legacy_open(&s.ports, &s.vm, &c, &e), 0);
	outb(&s.vm, DEBUG, 1);
	assert_end(&s, VM_RUNNING);
	scene_close(&s);
}

static void a_debug_exit_port_in_use_names_its_owner(void **state)
{
	struct legacy_config c = config;
	struct err e = ERR_NONE;
	static struct scene s;

	c.debug_exit_port = PANIC;
	bench_open(&s.vm);
	assert_int_equal(legacy_open(&s.ports, &s.vm, &c, &e), -EEXIST);
	assert_non_null(strstr(e.text, "debug exit"));
	assert_non_null(strstr(e.text, "pvpanic"));
	assert_non_null(strstr(e.hint, "--debug-exit"));
	/* nothing of the set is left */
	assert_true(bus_is_free(&s.vm.pio, 0, 0x10000));
	scene_close(&s);
}

/* -------- pvpanic, POST -------- */

static void a_panic_is_a_crash(void **state)
{
	static struct scene s;

	scene_open(&s);
	assert_int_equal(inb(&s.vm, PANIC), 3);
	outb(&s.vm, PANIC, 1);
	assert_end(&s, VM_CRASHED);
	assert_string_equal(s.vm.stop.err.text, "the guest kernel panicked");
	scene_close(&s);
}

static void a_crash_kernel_is_left_to_write_its_dump(void **state)
{
	static struct scene s;

	scene_open(&s);
	for (unsigned i = 0; i < 100; i++)
		outb(&s.vm, PANIC, 2);
	outb(&s.vm, PANIC, 4); /* an event that we did not offer */
	assert_end(&s, VM_RUNNING);
	scene_close(&s);
}

static void post_codes_are_swallowed(void **state)
{
	static struct scene s;

	scene_open(&s);
	outb(&s.vm, 0x80, 0xff);
	bus_write(&s.vm.pio, 0x80, 4, 0x12345678);
	assert_int_equal(inb(&s.vm, 0x80), 0xff);
	assert_end(&s, VM_RUNNING);
	scene_close(&s);
}

static void any_access_to_any_port_is_survived(void **state)
{
	static struct scene s;
	uint32_t random = 7;

	scene_open(&s);
	for (unsigned i = 0; i < 50000; i++) {
		static const uint16_t ports[] = { 0x60,	 0x64,	0x80, DEBUG,
						  PANIC, POWER, 0x5e, 0x5ff };
		unsigned len;
		uint16_t port;

		random = random * 1664525 + 1013904223;
		len = 1u << (random >> 30);
		port = ports[(random >> 24) % ARRAY_LEN(ports)];
		if (random & 0x10000)
			bus_write(&s.vm.pio, port, len, random >> 4);
		else
			bus_read(&s.vm.pio, port, len);
	}
	/* it ended, by one reason */
	assert_int_not_equal(s.vm.stop.end, VM_RUNNING);
	scene_close(&s);
}

static void each_port_s_owner_refuses_to_overlap(void **state)
{
	static const uint16_t taken[] = { 0x60, 0x64, POWER + 2, PANIC, 0x80 };
	struct err e;

	for (unsigned i = 0; i < ARRAY_LEN(taken); i++) {
		struct region other = { .name = "other",
					.base = taken[i],
					.size = 1 };
		static struct scene s;

		e = ERR_NONE;
		bench_open(&s.vm);
		assert_int_equal(bus_add(&s.vm.pio, &other, &e), 0);
		assert_int_equal(legacy_open(&s.ports, &s.vm, &config, &e),
				 -EEXIST);
		assert_non_null(strstr(e.text, "other"));
		bus_remove(&s.vm.pio, &other);
		assert_true(bus_is_free(&s.vm.pio, 0, 0x10000));
		scene_close(&s);
		fake_reset();
	}
}

static void closing_what_was_never_opened_is_safe(void **state)
{
	static struct legacy_ports never;

	legacy_close(&never);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(keyboard_controller_is_idle_and_well),
		FAKE_TEST(nothing_is_plugged_into_it),
		FAKE_TEST(control_byte_is_kept),
		FAKE_TEST(only_pulses_of_line_0_reset),
		FAKE_TEST(output_port_holds_the_reset_line),
		FAKE_TEST(s5_powers_off),
		FAKE_TEST(other_sleep_types_wake_at_once),
		FAKE_TEST(only_the_reset_value_resets),
		FAKE_TEST(wide_power_accesses_are_bytes),
		FAKE_TEST(debug_exit_gives_the_status),
		FAKE_TEST(debug_exit_takes_the_low_byte),
		FAKE_TEST(a_status_that_is_minivmm_s_own_is_a_failure),
		FAKE_TEST(without_the_option_there_is_no_debug_exit),
		FAKE_TEST(a_debug_exit_port_in_use_names_its_owner),
		FAKE_TEST(a_panic_is_a_crash),
		FAKE_TEST(a_crash_kernel_is_left_to_write_its_dump),
		FAKE_TEST(post_codes_are_swallowed),
		FAKE_TEST(any_access_to_any_port_is_survived),
		FAKE_TEST(each_port_s_owner_refuses_to_overlap),
		FAKE_TEST(closing_what_was_never_opened_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a guest runs that restarts through the BIOS. */
#include "firmware/reset_vector.h"
#include "tests/unit/firmware/machines.h"

/* Runs the few instructions it is made of, as a CPU in real mode; says what
 * was written to which port before it halted. */
static void run(const uint8_t *code, unsigned *port, unsigned *value)
{
	unsigned dx = 0, al = 0, at = 0;

	*port = *value = UINT32_MAX;
	for (unsigned step = 0; step < 8 && code[at] != 0xf4; step++) {
		switch (code[at]) {
		case 0xba: /* mov $imm16, %dx */
			dx = le16_load(code + at + 1);
			at += 3;
			break;
		case 0xb0: /* mov $imm8, %al */
			al = code[at + 1];
			at += 2;
			break;
		case 0xee: /* out %al, %dx */
			*port = dx;
			*value = al;
			at += 1;
			break;
		default:
			fail_msg("instruction %#x", code[at]);
		}
	}
	assert_int_equal(code[at], 0xf4);
	/* An interrupt wakes it from the halt: back to it. */
	assert_int_equal(code[at + 1], 0xeb);
	assert_int_equal((int8_t)code[at + 2], -3);
}

static void it_writes_the_reset_register(void **state)
{
	uint8_t code[RESET_VECTOR_SIZE + 1];
	unsigned port, value;
	struct platform p;

	for (size_t i = 0; i < ARRAY_LEN(machines); i++) {
		print_message("%s\n", machines[i].name);
		machines[i].make(&p);
		memset(code, 0xee, sizeof(code));
		reset_vector_write(&p, code);
		assert_int_equal(code[RESET_VECTOR_SIZE], 0xee);
		run(code, &port, &value);
		assert_int_equal(port, p.power_port + 2);
		assert_int_equal(value, p.reset_value);
	}
}

/* FADT and vector name the same register. */
static void it_resets_as_the_fadt_says(void **state)
{
	static struct tables t;
	uint8_t code[RESET_VECTOR_SIZE];
	unsigned port, value;
	const uint8_t *fadt;
	struct platform p;

	make_pc(&p);
	tables_build(&t, &p);
	fadt = table_named(&t, "FACP");
	reset_vector_write(&p, code);
	run(code, &port, &value);
	assert_int_equal(port, le64_load(fadt + 120));
	assert_int_equal(value, fadt[128]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_writes_the_reset_register),
		cmocka_unit_test(it_resets_as_the_fadt_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

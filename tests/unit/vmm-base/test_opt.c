/* key=value,key=value */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/base/opt.h"

static struct opt first(const char *text)
{
	struct opt o;

	assert_true(opt_next(&text, &o));
	return o;
}

static void parts_come_in_order(void **state)
{
	const char *at = "0000:01:00.0,a=1,b,c=x=y";
	struct opt o;

	assert_true(opt_next(&at, &o));
	assert_true(opt_is(&o, "0000:01:00.0"));
	assert_null(o.value);
	assert_true(opt_next(&at, &o));
	assert_true(opt_is(&o, "a"));
	assert_int_equal(o.value_len, 1);
	assert_true(opt_next(&at, &o));
	assert_true(opt_is(&o, "b"));
	assert_true(opt_next(&at, &o));
	assert_true(opt_is(&o, "c"));
	assert_memory_equal(o.value, "x=y", 3);
	assert_false(opt_next(&at, &o));
	assert_false(opt_next(&at, &o));
}

static void empty_parts_are_parts(void **state)
{
	const char *at = ",=,";
	struct opt o;

	assert_true(opt_next(&at, &o));
	assert_true(opt_is(&o, ""));
	assert_true(opt_next(&at, &o));
	assert_true(opt_is(&o, ""));
	assert_non_null(o.value);
	assert_int_equal(o.value_len, 0);
	assert_true(opt_next(&at, &o));
	assert_false(opt_next(&at, &o));
	o = first("");
	assert_true(opt_is(&o, ""));
}

static void key_must_match_whole(void **state)
{
	struct opt o = first("size=1");

	assert_true(opt_is(&o, "size"));
	assert_false(opt_is(&o, "siz"));
	assert_false(opt_is(&o, "sizes"));
}

static void text_is_copied_or_refused(void **state)
{
	struct opt o = first("name=abcd,next");
	struct err e = ERR_NONE;
	char out[5] = "old";

	assert_int_equal(opt_text(&o, out, 4, &e), -E2BIG);
	assert_string_equal(out, "old");
	assert_string_equal(e.text, "the value of 'name' is longer than 3 "
				    "characters");
	assert_int_equal(opt_text(&o, out, 5, &e), 0);
	assert_string_equal(out, "abcd");
	o = first("name");
	assert_int_equal(opt_text(&o, out, 5, &e), -EINVAL);
	assert_string_equal(e.text, "'name' needs a value: name=...");
}

static void numbers_are_decimal_or_0x(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
	} good[] = { { "n=0", 0 },
		     { "n=12", 12 },
		     { "n=012", 12 },
		     { "n=0xfF", 255 },
		     { "n=18446744073709551615", UINT64_MAX } };
	struct err e = ERR_NONE;
	uint64_t v;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct opt o = first(good[i].text);

		print_message("%s\n", good[i].text);
		assert_int_equal(opt_number(&o, UINT64_MAX, &v, &e), 0);
		assert_int_equal(v, good[i].value);
	}
}

static void what_is_no_number_is_refused(void **state)
{
	static const char *const bad[] = {
		"n",	"n=",	"n=0x", "n=-1",	 "n=+1",
		"n= 1", "n=1 ", "n=1k", "n=0xg", "n=18446744073709551616"
	};
	struct err e = ERR_NONE;
	uint64_t v = 77;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct opt o = first(bad[i]);

		print_message("%s\n", bad[i]);
		assert_int_equal(opt_number(&o, UINT64_MAX, &v, &e), -EINVAL);
		assert_int_equal(v, 77);
	}
}

static void number_above_its_limit_is_refused(void **state)
{
	struct opt o = first("n=0x10000");
	struct err e = ERR_NONE;
	uint64_t v;

	assert_int_equal(opt_number(&o, 0xffff, &v, &e), -EINVAL);
	assert_string_equal(e.text, "n: 0x10000 is more than 65535");
	assert_int_equal(opt_number(&o, 0x10000, &v, &e), 0);
}

static void switch_is_on_off_or_bare(void **state)
{
	struct opt bare = first("x"), on = first("x=on"), off = first("x=off");
	struct opt bad = first("x=yes"), empty = first("x=");
	struct err e = ERR_NONE;
	bool v = false;

	assert_int_equal(opt_switch(&bare, &v, &e), 0);
	assert_true(v);
	assert_int_equal(opt_switch(&off, &v, &e), 0);
	assert_false(v);
	assert_int_equal(opt_switch(&on, &v, &e), 0);
	assert_true(v);
	assert_int_equal(opt_switch(&bad, &v, &e), -EINVAL);
	assert_string_equal(e.text, "x: 'yes' is neither on nor off");
	assert_int_equal(opt_switch(&empty, &v, &e), -EINVAL);
	assert_true(v);
}

static void unknown_key_is_named_with_the_known_ones(void **state)
{
	struct opt o = first("colour=red");
	struct err e = ERR_NONE;

	assert_int_equal(opt_unknown(&o, "size, name", &e), -EINVAL);
	assert_string_equal(e.text, "there is no option 'colour'");
	assert_string_equal(e.hint, "options are size, name");
}

static void long_keys_are_cut_in_messages(void **state)
{
	struct err e = ERR_NONE;
	char text[3000];
	struct opt o;

	memset(text, 'k', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	o = first(text);
	assert_int_equal(opt_unknown(&o, "size", &e), -EINVAL);
	assert_true(strlen(e.text) < 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_come_in_order),
		cmocka_unit_test(empty_parts_are_parts),
		cmocka_unit_test(key_must_match_whole),
		cmocka_unit_test(text_is_copied_or_refused),
		cmocka_unit_test(numbers_are_decimal_or_0x),
		cmocka_unit_test(what_is_no_number_is_refused),
		cmocka_unit_test(number_above_its_limit_is_refused),
		cmocka_unit_test(switch_is_on_off_or_bare),
		cmocka_unit_test(unknown_key_is_named_with_the_known_ones),
		cmocka_unit_test(long_keys_are_cut_in_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

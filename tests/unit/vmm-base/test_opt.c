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
	assert_string_equal(e.text, "'yes' is neither on nor off");
	assert_int_equal(opt_switch(&empty, &v, &e), -EINVAL);
	assert_true(v);
}

static void unknown_key_is_named_with_the_known_ones(void **state)
{
	struct opt o = first("colour=red");
	struct err e = ERR_NONE;

	assert_int_equal(opt_unknown(&o, "size, name", &e), -EINVAL);
	assert_string_equal(e.text, "unknown option 'colour'");
	assert_string_equal(e.hint, "known are size, name");
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
		cmocka_unit_test(switch_is_on_off_or_bare),
		cmocka_unit_test(unknown_key_is_named_with_the_known_ones),
		cmocka_unit_test(long_keys_are_cut_in_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Errors: sentences that read from the outside in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/base/err.h"

static void sentence_carries_its_code(void **state)
{
	struct err e = ERR_NONE;

	assert_int_equal(err_set(&e, -ENODEV, "no %s", "such thing"), -ENODEV);
	assert_int_equal(e.code, -ENODEV);
	assert_string_equal(e.text, "no such thing");
	assert_string_equal(e.hint, "");
}

static void sys_adds_the_errno_text(void **state)
{
	struct err e = ERR_NONE;

	assert_int_equal(err_sys(&e, -EBUSY, "cannot open %s", "it"), -EBUSY);
	assert_string_equal(e.text, "cannot open it: Device or resource busy");
}

static void subjects_go_in_front(void **state)
{
	struct err e = ERR_NONE;
	int rc = err_set(&e, -EPERM, "group 12 is not viable");

	assert_int_equal(err_in(&e, rc, "0000:01:00.%d", 1), -EPERM);
	assert_int_equal(err_in(&e, rc, "vfio"), -EPERM);
	assert_string_equal(e.text,
			    "vfio: 0000:01:00.1: group 12 is not viable");
	assert_int_equal(e.code, -EPERM);
}

static void first_hint_wins(void **state)
{
	struct err e = ERR_NONE;

	(void)err_set(&e, -EPERM, "x");
	err_hint(&e, "do %s", "this");
	err_hint(&e, "do that");
	assert_string_equal(e.hint, "do this");
}

static void new_sentence_forgets_the_old_hint(void **state)
{
	struct err e = ERR_NONE;

	(void)err_set(&e, -EPERM, "x");
	err_hint(&e, "old");
	(void)err_sys(&e, -EIO, "y");
	assert_string_equal(e.hint, "");
}

static void lists_are_appended(void **state)
{
	struct err e = ERR_NONE;

	(void)err_set(&e, -EPERM, "not viable");
	err_add(&e, ": %s", "a");
	err_add(&e, ", %s", "b");
	assert_string_equal(e.text, "not viable: a, b");
}

/* An err with a guard behind it: a byte too many would show. */
struct guarded {
	struct err e;
	char guard[64];
};

static void guard_init(struct guarded *g)
{
	memset(g, 0x5a, sizeof(*g));
	g->e = ERR_NONE;
}

static void assert_sane(const struct guarded *g)
{
	assert_true(strnlen(g->e.text, sizeof(g->e.text)) < sizeof(g->e.text));
	assert_true(strnlen(g->e.hint, sizeof(g->e.hint)) < sizeof(g->e.hint));
	for (size_t i = 0; i < sizeof(g->guard); i++)
		assert_int_equal(g->guard[i], 0x5a);
}

static void text_that_does_not_fit_is_cut(void **state)
{
	struct guarded g;
	char big[2000];

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	guard_init(&g);
	(void)err_set(&g.e, -EIO, "%s", big);
	assert_sane(&g);
	assert_int_equal(strlen(g.e.text), sizeof(g.e.text) - 1);
	(void)err_sys(&g.e, -EIO, "%s", big);
	assert_sane(&g);
	err_add(&g.e, "%s", big);
	err_hint(&g.e, "%s", big);
	assert_sane(&g);
	assert_int_equal(strlen(g.e.hint), sizeof(g.e.hint) - 1);
}

static void subject_is_kept_when_the_rest_is_cut(void **state)
{
	struct guarded g;
	char big[2000];

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	guard_init(&g);
	(void)err_set(&g.e, -EIO, "%s", big);
	(void)err_in(&g.e, -EIO, "vfio");
	assert_sane(&g);
	assert_int_equal(strncmp(g.e.text, "vfio: xxx", 9), 0);
	(void)err_in(&g.e, -EIO, "%s", big);
	assert_sane(&g);
	for (unsigned n = 700; n < sizeof(g.e.text) + 4; n++) {
		guard_init(&g);
		(void)err_set(&g.e, -EIO, "%.*s", (int)n, big);
		(void)err_in(&g.e, -EIO, "%.*s", (int)n, big);
		assert_sane(&g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sentence_carries_its_code),
		cmocka_unit_test(sys_adds_the_errno_text),
		cmocka_unit_test(subjects_go_in_front),
		cmocka_unit_test(first_hint_wins),
		cmocka_unit_test(new_sentence_forgets_the_old_hint),
		cmocka_unit_test(lists_are_appended),
		cmocka_unit_test(text_that_does_not_fit_is_cut),
		cmocka_unit_test(subject_is_kept_when_the_rest_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

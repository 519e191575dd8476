/* File descriptors for vectors. VFIO-OPEN-17 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/fakes/kernel.h"
#include "vmm/base/sys.h"
#include "vmm/machine/limits.h"

static struct rlimit lower_to(rlim_t soft)
{
	struct rlimit r;

	assert_true(sys_getrlimit(RLIMIT_NOFILE, &r) >= 0);
	r.rlim_cur = soft;
	assert_true(sys_setrlimit(RLIMIT_NOFILE, &r) >= 0);
	return r;
}

/* VFIO-OPEN-17 */
static void soft_limit_makes_room_for_every_vector(void **state)
{
	struct rlimit r = lower_to(256);

	if (r.rlim_max < 8192)
		skip(); /* nothing to raise to */
	limits_raise_fds(2);
	assert_true(sys_getrlimit(RLIMIT_NOFILE, &r) >= 0);
	assert_true(r.rlim_cur >= 2 * 2048 + 256);
	assert_true(r.rlim_cur <= r.rlim_max);
}

static void a_limit_that_suffices_stays(void **state)
{
	struct rlimit r = lower_to(4096);

	limits_raise_fds(1);
	assert_true(sys_getrlimit(RLIMIT_NOFILE, &r) >= 0);
	assert_int_equal(r.rlim_cur, 4096);
}

static void a_host_that_refuses_is_no_failure(void **state)
{
	struct rlimit r = lower_to(256);

	fake_fail_call("setrlimit", 0, EPERM);
	limits_raise_fds(1);
	fake_fail_call("getrlimit", 0, EPERM);
	limits_raise_fds(1);
	fake_fail_none();
	assert_true(sys_getrlimit(RLIMIT_NOFILE, &r) >= 0);
	assert_int_equal(r.rlim_cur, 256);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(soft_limit_makes_room_for_every_vector),
		FAKE_TEST(a_limit_that_suffices_stays),
		FAKE_TEST(a_host_that_refuses_is_no_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

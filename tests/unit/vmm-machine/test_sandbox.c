/* What a machine gives up before it runs, in which order, and what a refused
 * call does. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "tests/fakes/kernel.h"
#include "tests/unit/vmm-machine/scene.h"
#include "vmm/base/sys_privilege.h"
#include "vmm/machine/machine.h"
#include "vmm/machine/sandbox.h"

static struct machine machine;
static struct sandbox sandbox;

static int enter(const struct config *c, struct err *e)
{
	*e = ERR_NONE;
	put_kernel();
	fake_pci_add(&disk);
	if (sandbox_open(&sandbox, e) < 0 || machine_open(&machine, c, e) < 0)
		fail_msg("%s", e->text);
	fake_trace_clear();
	return sandbox_enter(&sandbox, &machine.vm, c, e);
}

static void leave(void)
{
	sandbox_leave(&sandbox);
	machine_close(&machine);
	sandbox_close(&sandbox);
}

static void enters(const struct config *c)
{
	struct err e;

	if (enter(c, &e) < 0)
		fail_msg("%s", e.text);
}

static void refuses(const struct config *c, const char *text, const char *hint)
{
	struct err e;

	assert_true(enter(c, &e) < 0);
	assert_string_equal(e.text, text);
	assert_non_null(strstr(e.hint, hint));
	leave();
}

static void the_user_goes_before_capabilities_and_those_before_calls(void **s)
{
	struct config c = config_of_disk();

	c.user = 65534;
	c.group = 100;
	enters(&c);
	assert_true(fake_trace_has_in_order("become 65534:100",
					    "drop capabilities", "confine",
					    "filter refuse"));
	assert_true(fake_trace_has_in_order("catch refusals", "filter refuse"));
	assert_int_equal(fake_trace_count("files"), 0);
	leave();
}

static void without_a_user_minivmm_stays_who_it_is(void **state)
{
	struct config c = config_of_disk();

	enters(&c);
	assert_int_equal(fake_trace_count("become"), 0);
	assert_int_equal(fake_trace_count("drop capabilities"), 1);
	leave();
}

static void a_report_in_a_file_needs_calls_for_files(void **state)
{
	struct config c = config_of_disk();

	c.stats = "-";
	enters(&c);
	assert_int_equal(fake_trace_count("filter refuse files"), 0);
	leave();
	fake_reset();
	c.stats = "/run/stats.json";
	fake_dir("/run");
	enters(&c);
	assert_int_equal(fake_trace_count("filter refuse files"), 1);
	leave();
}

static void confines(const char *stats, const char *line)
{
	struct config c = config_of_disk();

	print_message("--stats %s\n", stats ? stats : "none");
	fake_dir("/run");
	fake_link("/run/leads-away", "/run/elsewhere");
	fake_file("/run/elsewhere", "");
	c.stats = stats;
	enters(&c);
	assert_int_equal(fake_trace_count(line), 1);
	leave();
	fake_reset();
}

static void files_are_those_of_the_report_only(void **state)
{
	confines(NULL, "confine folder=- file=-");
	confines("-", "confine folder=- file=-");
	confines("/run/stats.json", "confine folder=/run file=-");
	confines("/run/leads-away", "confine folder=- file=/run/leads-away");
}

static void a_kernel_without_landlock_will_do(void **state)
{
	static const int errors[] = { ENOSYS, EOPNOTSUPP, EPERM };
	struct config c = config_of_disk();

	for (unsigned i = 0; i < ARRAY_LEN(errors); i++) {
		print_message("errno %d\n", errors[i]);
		fake_fail_call("confine", 0, errors[i]);
		enters(&c);
		assert_int_equal(fake_trace_count("filter refuse"), 1);
		leave();
		fake_reset();
	}
}

/* The time limit's, which is older than the machine. */
static void a_thread_of_old_gives_up_what_it_can(void **state)
{
	struct config c = { .stats = "/run/stats.json" };

	fake_dir("/run");
	sandbox_enter_early(&c);
	assert_true(fake_trace_has_in_order("drop capabilities",
					    "confine folder=/run"));
	fake_trace_clear();
	c.user = 7;
	sandbox_enter_early(&c);
	assert_int_equal(fake_trace_count("drop capabilities"), 0);
	assert_int_equal(fake_trace_count("confine"), 1);
	fake_trace_clear();
	c.sandbox = CONFIG_SANDBOX_OFF;
	sandbox_enter_early(&c);
	assert_int_equal(fake_trace_count("confine"), 0);
}

static void whether_it_can_be_written_is_tried_again(void **state)
{
	struct config c = config_of_disk();

	c.stats = "/run/stats.json";
	fake_dir("/run");
	fake_fail_call("create /run/stats.json", 0, EACCES);
	refuses(&c,
		"--stats: cannot create /run/stats.json.new: Permission denied",
		"without privileges");
}

static void a_sandbox_that_logs_catches_nothing(void **state)
{
	struct config c = config_of_disk();

	c.sandbox = CONFIG_SANDBOX_LOG;
	enters(&c);
	assert_int_equal(fake_trace_count("catch refusals"), 0);
	assert_int_equal(fake_trace_count("confine"), 0);
	assert_int_equal(fake_trace_count("filter log"), 1);
	leave();
}

static void off_leaves_all_but_the_user(void **state)
{
	struct config c = config_of_disk();

	c.sandbox = CONFIG_SANDBOX_OFF;
	c.user = c.group = 65534;
	enters(&c);
	assert_int_equal(fake_trace_count("become"), 1);
	assert_int_equal(fake_trace_count("drop capabilities"), 0);
	assert_int_equal(fake_trace_count("confine"), 0);
	assert_int_equal(fake_trace_count("filter"), 0);
	leave();
}

static void a_kernel_without_filters_will_do(void **state)
{
	static const int errors[] = { EINVAL, ENOSYS, EOPNOTSUPP };
	struct config c = config_of_disk();

	for (unsigned i = 0; i < ARRAY_LEN(errors); i++) {
		print_message("errno %d\n", errors[i]);
		fake_fail_call("filter", 0, errors[i]);
		enters(&c);
		leave();
		fake_reset();
	}
}

static void what_cannot_be_given_up_ends_it(void **state)
{
	struct config c = config_of_disk();

	c.user = c.group = 7;
	fake_fail_call("become", 0, EPERM);
	refuses(&c, "cannot become user 7 of group 7: Operation not permitted",
		"only root can");
	fake_reset();
	fake_fail_call("become", 0, EINVAL);
	refuses(&c, "cannot become user 7 of group 7: Invalid argument",
		"/proc/self/uid_map");
	fake_reset();
	fake_fail_call("drop capabilities", 0, EPERM);
	refuses(&c, "cannot drop capabilities: Operation not permitted",
		"--sandbox=off");
	fake_reset();
	fake_fail_call("confine", 0, E2BIG);
	refuses(&c, "cannot confine files: Argument list too long",
		"--sandbox=off");
	fake_reset();
	fake_fail_call("filter", 0, EACCES);
	refuses(&c,
		"cannot install the filter for system calls: Permission denied",
		"--sandbox=off");
	fake_reset();
	fake_fail_call("catch refusals", 0, EIO);
	refuses(&c,
		"cannot install the filter for system calls: "
		"Input/output error",
		"--sandbox=off");
}

static void a_refused_call_ends_the_machine(void **state)
{
	struct config c = config_of_disk();
	struct err e = ERR_NONE;

	enters(&c);
	sys_refused(SYS_socket, 0);
	assert_int_equal(loop_run_for(&machine.vm.loop, 0, &e), 0);
	assert_true(vm_stopping(&machine.vm));
	assert_int_equal(machine.vm.stop.end, VM_FAILED);
	assert_string_equal(machine.vm.stop.err.text,
			    "the sandbox refused the system call number 41");
	/* once */
	assert_int_equal(sandbox_check(&sandbox, &e), 0);
	leave();
}

/* While all is closed nobody listens to the loop. */
static void a_call_that_is_refused_at_the_end_is_reported_too(void **state)
{
	struct config c = config_of_disk();
	struct err e = ERR_NONE;

	enters(&c);
	sandbox_leave(&sandbox);
	machine_close(&machine);
	sys_refused(SYS_socket, 0);
	assert_int_equal(sandbox_check(&sandbox, &e), -EPERM);
	assert_non_null(strstr(e.hint, "--sandbox=log"));
	sandbox_close(&sandbox);
	assert_int_equal(sandbox_check(&sandbox, &e), 0);
}

/* VFIO-ERR-09 */
int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(
			the_user_goes_before_capabilities_and_those_before_calls),
		FAKE_TEST(without_a_user_minivmm_stays_who_it_is),
		FAKE_TEST(a_report_in_a_file_needs_calls_for_files),
		FAKE_TEST(files_are_those_of_the_report_only),
		FAKE_TEST(a_kernel_without_landlock_will_do),
		FAKE_TEST(a_thread_of_old_gives_up_what_it_can),
		FAKE_TEST(whether_it_can_be_written_is_tried_again),
		FAKE_TEST(a_sandbox_that_logs_catches_nothing),
		FAKE_TEST(off_leaves_all_but_the_user),
		FAKE_TEST(a_kernel_without_filters_will_do),
		FAKE_TEST(what_cannot_be_given_up_ends_it),
		FAKE_TEST(a_refused_call_ends_the_machine),
		FAKE_TEST(a_call_that_is_refused_at_the_end_is_reported_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

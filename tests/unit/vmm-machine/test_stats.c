/* --stats: what a report says, and when it is written. The machine is real,
 * its kernel is the fake one; reports are read back with jansson. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/fakes/kernel.h"
#include "tests/unit/vmm-machine/exits.h"
#include "vmm/machine/ledger.h"
#include "vmm/machine/machine.h"
#include "vmm/machine/stats.h"

#define BDF "0000:01:00.0"
#define REPORT "/run/stats.json"
#define MIB (UINT64_C(1) << 20)

static struct machine machine; /* too large for a stack */
static struct stats stats;

/* -------- reading -------- */

static json_t *report(void)
{
	static char text[65536];
	long n = fake_file_read(REPORT, text, sizeof(text));
	json_error_t at;
	json_t *o;

	assert_true(n > 0);
	o = json_loadb(text, (size_t)n, 0, &at);
	if (!o)
		fail_msg("%s in line %d", at.text, at.line);
	return o;
}

/* "exits.by_reason.IO", also through arrays: "vcpus.0.index" */
static json_t *find(json_t *o, const char *path)
{
	char buf[128], *save = NULL;

	snprintf(buf, sizeof(buf), "%s", path);
	for (char *k = strtok_r(buf, ".", &save); k && o;
	     k = strtok_r(NULL, ".", &save))
		o = json_is_array(o)
			    ? json_array_get(o, (size_t)strtoul(k, NULL, 10))
			    : json_object_get(o, k);
	return o;
}

static uint64_t number(json_t *o, const char *path)
{
	json_t *v = find(o, path);

	if (!json_is_integer(v))
		fail_msg("%s is no number", path);
	return (uint64_t)json_integer_value(v);
}

static const char *text(json_t *o, const char *path)
{
	const char *v = json_string_value(find(o, path));

	return v ? v : "";
}

/* The entry of @list with this name. */
static json_t *named(json_t *list, const char *name)
{
	json_t *o;
	size_t i;

	json_array_foreach(list, i,
			   o) if (strcmp(text(o, "name"), name) == 0) return o;
	fail_msg("there is no %s", name);
	return NULL;
}

/* -------- a guest -------- */

struct guest {
	unsigned step;
	bool ask; /* for a report, and wait for it */
};

/* To where no region is. */
static void load(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.is_write = 0;
	run->mmio.len = 4;
	run->mmio.phys_addr = 0xfd000000;
}

static void wait_for_report(void)
{
	kill(getpid(), SIGUSR1);
	while (fake_file_read(REPORT, NULL, 0) < 0)
		usleep(1000);
}

/* vCPU 0: two bytes to the RTC's index port, a load from nowhere, the end. */
static int guest_run(struct kvm_run *run, unsigned index, void *arg)
{
	struct guest *g = arg;

	if (index != 0)
		return FAKE_RUN_HALT;
	switch (g->step++) {
	case 0:
	case 1:
		(void)exit_by_out(run, 0x70, 0);
		return 0;
	case 2:
		load(run);
		return 0;
	case 3:
		if (g->ask)
			wait_for_report();
		return -EAGAIN;
	default:
		(void)exit_by_out(run, 0xf4, 42);
		return 0;
	}
}

static const struct config config = {
	.append = "",
	.mem = 64 * MIB,
	.cpus = 2,
	.console = "none",
	.debug_exit = 0xf4,
	.stats = REPORT,
};

static void begin_with(struct guest *g, const char *path,
		       const struct config *c)
{
	struct err e = ERR_NONE;

	fake_file("/proc/sys/kernel/osrelease", "6.12.9-test\n");
	fake_kvm_on_run(guest_run, g);
	if (stats_start(&stats, path, &e) < 0 ||
	    machine_open(&machine, c, &e) < 0 ||
	    stats_watch(&stats, &machine, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(machine_run(&machine, &e), 0);
	stats_unwatch(&stats);
}

static void begin(struct guest *g, const char *path)
{
	begin_with(g, path, &config);
}

static void end(void)
{
	stats_cause(&stats, vm_end_name(machine.vm.stop.end),
		    &machine.vm.stop.err);
	stats_keep(&stats, &machine);
	machine_close(&machine);
	stats_end(&stats, 42);
	stats_stop(&stats);
}

static json_t *whole_run(void)
{
	struct guest g = { 0 };

	begin(&g, REPORT);
	end();
	return report();
}

/* -------- what it says -------- */

static void exits_are_counted_by_reason_and_vcpu(void **state)
{
	json_t *o = whole_run();

	assert_int_equal(number(o, "exits.total"),
			 5 + number(o, "vcpus.1.exits.total"));
	assert_int_equal(number(o, "exits.by_reason.IO"), 3);
	assert_int_equal(number(o, "exits.by_reason.MMIO"), 1);
	assert_int_equal(number(o, "exits.failed.EAGAIN"), 1);
	assert_int_equal(number(o, "vcpus.0.exits.total"), 5);
	assert_int_equal(number(o, "vcpus.1.index"), 1);
	assert_null(find(o, "vcpus.1.exits.by_reason.IO"));
	json_decref(o);
}

static void accesses_are_counted_by_region(void **state)
{
	json_t *o = whole_run();
	json_t *rtc = named(find(o, "pio.regions"), "rtc");

	assert_int_equal(number(rtc, "base"), 0x70);
	assert_int_equal(number(rtc, "writes"), 2);
	assert_int_equal(number(rtc, "reads"), 0);
	assert_int_equal(json_array_size(find(o, "pio.regions")), 2);
	assert_int_equal(number(o, "mmio.nobody.reads"), 1);
	assert_int_equal(number(o, "mmio.nobody.writes"), 0);
	json_decref(o);
}

static void end_versions_and_times_are_told(void **state)
{
	json_t *o = whole_run();
	uint64_t made, first;

	assert_int_equal(number(o, "schema"), 1);
	assert_string_equal(text(o, "minivmm"), MINIVMM_VERSION);
	assert_string_equal(text(o, "kernel"), "6.12.9-test");
	assert_string_equal(text(o, "state"), "ended");
	assert_string_equal(text(o, "end.cause"), "debug exit");
	assert_int_equal(number(o, "end.status"), 42);
	assert_string_equal(text(o, "phases.0.what"), "VM made");
	assert_string_equal(text(o, "phases.1.what"), "vCPUs made");
	made = number(o, "phases.1.end_ns");
	first = number(o, "first_run_ns");
	assert_true(made >= number(o, "phases.0.end_ns"));
	assert_true(first >= made);
	assert_true(number(o, "total_ns") >= first + number(o, "run_ns"));
	assert_int_equal(number(o, "memslot_updates"), 1);
	assert_int_equal(number(o, "route_commits"), 1);
	json_decref(o);
}

/* -------- functions -------- */

static void function_tells_accesses_vectors_and_maps(void **state)
{
	static const struct fake_pci disk = {
		.bdf = BDF,
		.group = 12,
		.class_code = 0x010802,
		.pin = 1,
		.bar = { { .size = 0x4000, .mem64 = true } },
		.express_at = 0x80,
		.msix = { .at = 0x40,
			  .vectors = 8,
			  .table = 0x2000,
			  .pba = 0x3000 },
	};
	struct config c = config;
	struct guest g = { 0 };
	json_t *o;

	fake_pci_add(&disk);
	c.function[0] = (struct config_function){ CONFIG_VFIO, BDF };
	c.n_functions = 1;
	begin_with(&g, REPORT, &c);
	end();
	o = report();
	assert_string_equal(text(o, "functions.0.name"), BDF);
	assert_string_equal(text(o, "functions.0.guest"), "01:00.0");
	assert_int_equal(number(o, "functions.0.config.reads"), 0);
	assert_string_equal(text(o, "functions.0.bars.0.bar"), "BAR0");
	assert_int_equal(number(o, "functions.0.bars.0.size"), 0x4000);
	assert_int_equal(json_array_size(find(o, "functions.0.bars.0.pages")),
			 0);
	assert_string_equal(text(o, "functions.0.interrupts.mode"), "INTx");
	assert_string_equal(text(o, "functions.0.interrupts.intx.delivery"),
			    "irqfd, resample");
	assert_int_equal(number(o, "functions.0.interrupts.intx.ends_by_loop"),
			 0);
	assert_int_equal(number(o, "functions.0.interrupts.host.intx"), 0);
	assert_string_equal(text(o, "dma.0.through"), "vfio");
	assert_int_equal(number(o, "dma.0.maps"), 1);
	assert_string_equal(text(o, "dma.0.first.0.of"), "RAM");
	assert_int_equal(number(o, "dma.0.first.0.size"), 64 * MIB);
	assert_true(number(o, "dma.0.took_ns") > 0);
	json_decref(o);
}

static void machine_without_functions_has_empty_lists(void **state)
{
	json_t *o = whole_run();

	assert_true(json_is_array(find(o, "functions")));
	assert_int_equal(json_array_size(find(o, "functions")), 0);
	assert_int_equal(json_array_size(find(o, "dma")), 0);
	json_decref(o);
}

/* -------- the ledger -------- */

static void ledger_is_written_when_it_is_there(void **state)
{
	static struct ledger l = { .left = { LEDGER_UNKNOWN } };
	struct err e = ERR_NONE;
	json_t *o;

	l.left[LEDGER_MEMSLOTS] = 2;
	assert_int_equal(stats_start(&stats, REPORT, &e), 0);
	stats.ledger = &l;
	stats_end(&stats, 0);
	stats_stop(&stats);
	o = report();
	assert_true(json_is_null(find(o, "left.fds")));
	assert_int_equal(number(o, "left.memslots"), 2);
	assert_int_equal(number(o, "left.iova_maps"), 0);
	assert_int_equal(json_object_size(find(o, "left")), LEDGER_KINDS);
	json_decref(o);
}

/* -------- when -------- */

static void sigusr1_gives_a_report_of_the_running_machine(void **state)
{
	struct guest g = { .ask = true };
	json_t *o;

	begin(&g, REPORT);
	o = report();
	assert_string_equal(text(o, "state"), "running");
	assert_null(find(o, "end"));
	assert_int_equal(number(o, "exits.by_reason.IO"), 2);
	json_decref(o);
	end();
	o = report();
	assert_string_equal(text(o, "state"), "ended");
	assert_int_equal(number(o, "exits.by_reason.IO"), 3);
	json_decref(o);
}

static void failing_start_is_reported_too(void **state)
{
	struct err e = ERR_NONE;
	json_t *o;

	assert_int_equal(stats_start(&stats, REPORT, &e), 0);
	fake_fail_ioctl("KVM_CREATE_VCPU", 1, EMFILE);
	assert_true(machine_open(&machine, &config, &e) < 0);
	stats_keep(&stats, &machine);
	stats_cause(&stats, "not started", &e);
	stats_end(&stats, 125);
	stats_stop(&stats);
	o = report();
	assert_string_equal(text(o, "end.cause"), "not started");
	assert_non_null(strstr(text(o, "end.message"), "KVM makes no vCPU"));
	assert_string_equal(text(o, "phases.0.what"), "VM made");
	assert_int_equal(number(o, "exits.total"), 0);
	assert_null(find(o, "first_run_ns"));
	json_decref(o);
}

static void first_cause_stays(void **state)
{
	struct err e = ERR_NONE;
	json_t *o;

	assert_int_equal(stats_start(&stats, REPORT, &e), 0);
	stats_cause(&stats, "time limit", NULL);
	stats_cause(&stats, "powered off", NULL);
	stats_end(&stats, 124);
	stats_stop(&stats);
	o = report();
	assert_string_equal(text(o, "end.cause"), "time limit");
	assert_null(find(o, "end.message"));
	json_decref(o);
}

static void bytes_that_are_no_utf8_do_not_cost_the_report(void **state)
{
	struct err e = ERR_NONE;
	json_t *o;

	assert_int_equal(stats_start(&stats, REPORT, &e), 0);
	(void)err_set(&e, -ENOENT, "cannot open /x\xff");
	stats_cause(&stats, "not started", &e);
	stats_end(&stats, 125);
	stats_stop(&stats);
	o = report();
	assert_string_equal(text(o, "end.message"), "cannot open /x?");
	json_decref(o);
}

static void
without_a_file_nothing_is_written_and_sigusr1_is_harmless(void **state)
{
	struct guest g = { 0 };

	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	begin(&g, NULL);
	kill(getpid(), SIGUSR1);
	end();
	assert_int_equal(fake_file_read(REPORT, NULL, 0), -1);
	assert_int_equal(fake_trace_count("create /run"), 0);
}

static void disk_that_is_full_costs_the_report_only(void **state)
{
	struct guest g = { 0 };

	begin(&g, REPORT);
	fake_fail_call("write", 0, ENOSPC);
	end();
	assert_int_equal(machine.vm.stop.end, VM_DEBUG_EXIT);
	assert_int_equal(fake_file_read(REPORT, NULL, 0), -1);
}

/* As with --user: the pipe is root's. VFIO-ERR-09 */
static void a_stream_of_another_user_is_open_already(void **state)
{
	struct guest g = { 0 };
	char first;

	fake_file("/run/log", "");
	fake_link("/dev/stderr", "/run/log");
	begin(&g, "/dev/stderr");
	fake_fail_call("open /dev/stderr", 0, EACCES);
	end();
	assert_int_equal(fake_file_read("/run/log", &first, 1), 1);
	assert_int_equal(first, '{');
}

static void start_is_refused_where_no_report_could_be_written(void **state)
{
	struct err e = ERR_NONE;

	fake_fail_call("create " REPORT, 1, EACCES);
	assert_int_equal(stats_start(&stats, REPORT, &e), -EACCES);
	assert_string_equal(e.text, "--stats: cannot create " REPORT
				    ".new: Permission denied");
	fake_fail_call("signalfd", 1, EMFILE);
	assert_int_equal(stats_start(&stats, REPORT, &e), -EMFILE);
	stats_stop(&stats);
	fake_fail_call("catch", 1, EINVAL);
	assert_int_equal(stats_start(&stats, NULL, &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(exits_are_counted_by_reason_and_vcpu),
		FAKE_TEST(accesses_are_counted_by_region),
		FAKE_TEST(end_versions_and_times_are_told),
		FAKE_TEST(function_tells_accesses_vectors_and_maps),
		FAKE_TEST(machine_without_functions_has_empty_lists),
		FAKE_TEST(ledger_is_written_when_it_is_there),
		FAKE_TEST(sigusr1_gives_a_report_of_the_running_machine),
		FAKE_TEST(failing_start_is_reported_too),
		FAKE_TEST(first_cause_stays),
		FAKE_TEST(bytes_that_are_no_utf8_do_not_cost_the_report),
		FAKE_TEST(
			without_a_file_nothing_is_written_and_sigusr1_is_harmless),
		FAKE_TEST(disk_that_is_full_costs_the_report_only),
		FAKE_TEST(a_stream_of_another_user_is_open_already),
		FAKE_TEST(start_is_refused_where_no_report_could_be_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What is still owned when a machine is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "tests/fakes/kernel.h"
#include "vmm/machine/ledger.h"
#include "vmm/machine/machine.h"

static struct machine machine; /* all zero: gone; too large for a stack */

#define LINE "7f0000000000-7f0000001000 rw-s 00000000 00:10 12      "

static void host_with(unsigned fds, const char *maps)
{
	char path[32];

	fake_remove("/proc/self/fd");
	for (unsigned i = 0; i < fds; i++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%u", i);
		fake_file(path, "");
	}
	fake_file("/proc/self/maps", maps);
}

static void balanced_book_is_empty(void **state)
{
	struct ledger l;

	host_with(4, LINE " /usr/lib/libc.so.6\n");
	ledger_begin(&l);
	assert_true(ledger_end(&l, &machine));
	for (unsigned i = 0; i < LEDGER_KINDS; i++)
		assert_int_equal(l.left[i], 0);
}

static void descriptors_and_mappings_that_stay_are_counted(void **state)
{
	struct ledger l;

	host_with(4, LINE " /usr/lib/libc.so.6\n" LINE "\n");
	ledger_begin(&l);
	host_with(6, LINE " /usr/lib/libc.so.6\n" LINE
			  " anon_inode:kvm-vcpu:0\n" LINE
			  " /memfd:guest-ram (deleted)\n" LINE
			  " /dev/vfio/devices/vfio0\n" LINE
			  " /usr/lib/libgcc_s.so.1\n" LINE "\n");
	assert_false(ledger_end(&l, &machine));
	assert_int_equal(l.left[LEDGER_FDS], 2);
	assert_int_equal(l.left[LEDGER_MAPPINGS], 3);
}

static void long_list_of_mappings_is_read_to_its_end(void **state)
{
	char *maps = malloc(300 * 100);
	struct ledger l;
	size_t n = 0;

	assert_non_null(maps);
	host_with(1, "");
	ledger_begin(&l);
	for (unsigned i = 0; i < 300; i++)
		n += (size_t)sprintf(maps + n,
				     LINE " anon_inode:[vfio-device]\n");
	host_with(1, maps);
	assert_false(ledger_end(&l, &machine));
	assert_int_equal(l.left[LEDGER_MAPPINGS], 300);
	free(maps);
}

static void host_without_proc_is_unknown_not_empty(void **state)
{
	struct ledger l;

	ledger_begin(&l);
	assert_true(ledger_end(&l, &machine));
	assert_int_equal(l.left[LEDGER_FDS], LEDGER_UNKNOWN);
	assert_int_equal(l.left[LEDGER_MAPPINGS], LEDGER_UNKNOWN);
	assert_int_equal(l.left[LEDGER_GSIS], 0);
	host_with(3, "");
	fake_fail_call("read", 1, EIO);
	ledger_begin(&l);
	assert_int_equal(l.mappings_before, LEDGER_UNKNOWN);
}

static void what_kvm_and_the_iommu_hold_is_named(void **state)
{
	static struct machine m;
	struct ledger l;

	host_with(1, "");
	ledger_begin(&l);
	m.vm.mem.slots = 1;
	m.vm.irq.gsis = 2;
	m.vm.irq.routes = 3;
	m.vm.irq.irqfds = 4;
	m.vm.kicks = 5;
	m.assignment.maps_left = 6;
	assert_false(ledger_end(&l, &m));
	for (unsigned i = LEDGER_MEMSLOTS; i < LEDGER_KINDS; i++)
		assert_int_equal(l.left[i], i - LEDGER_MEMSLOTS + 1);
	assert_string_equal(ledger_name(LEDGER_MEMSLOTS), "memslots");
	assert_string_equal(ledger_name(LEDGER_IOVA_MAPS), "iova_maps");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(balanced_book_is_empty),
		FAKE_TEST(descriptors_and_mappings_that_stay_are_counted),
		FAKE_TEST(long_list_of_mappings_is_read_to_its_end),
		FAKE_TEST(host_without_proc_is_unknown_not_empty),
		FAKE_TEST(what_kvm_and_the_iommu_hold_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

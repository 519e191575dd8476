/* What is behind guest RAM: it is pinned for as long as a device is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/kernel.h"
#include "vmm/base/bytes.h"
#include "vmm/mem.h"
#include "vmm/vm.h"

#define MIB (UINT64_C(1) << 20)

static struct vm vm;

static void open_with(unsigned flags)
{
	struct err e = ERR_NONE;

	fake_reset();
	fake_hugepages(64 * MIB);
	vm = VM_EMPTY;
	assert_int_equal(vm_open(&vm, &e), 0);
	fake_trace_clear();
	if (mem_add_ram(&vm.mem, 0, 4 * MIB, flags, &e) < 0)
		fail_msg("%s", e.text);
}

/* VFIO-DMA-09: pages of a file on a disk cannot be pinned for long, so RAM has
 * no name in any file system, whatever its kind. */
static void ram_is_anonymous_or_a_file_without_a_name(void **state)
{
	static const unsigned kinds[] = { MEM_PLAIN, MEM_HUGEPAGES, MEM_SHARED,
					  MEM_SHARED | MEM_HUGEPAGES };

	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
		bool shared = kinds[i] & MEM_SHARED;

		open_with(kinds[i]);
		assert_int_equal(vm.mem.n_ram, 1);
		assert_int_equal(fake_trace_count("open "), 0);
		assert_int_equal(fake_trace_count("memfd guest-ram"), shared);
		/* its addresses, and its pages */
		assert_int_equal(fake_trace_count("mmap anonymous"),
				 shared ? 1 : 2);
		assert_int_equal(fake_trace_count("mmap guest-ram"), shared);
		vm_close(&vm);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(ram_is_anonymous_or_a_file_without_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

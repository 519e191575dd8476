/* All functions of a slot of the host in one slot of the guest: "*". */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <linux/pci_regs.h>

#include "tests/fakes/kernel.h"
#include "vmm/machine/assignment.h"

static struct assignment a;

static void add(const char *bdf, const char *driver)
{
	const struct fake_pci p = {
		.bdf = bdf,
		.group = 12,
		.driver = driver,
		.vendor = 0x10ee,
		.device = (uint16_t)(0x5020 + bdf[strlen(bdf) - 1] - '0'),
		.class_code = 0x120000,
		.pin = 1,
		.bar = { { .size = 0x4000, .mem64 = true } },
		.express_at = 0x80,
	};

	fake_pci_add(&p);
}

static int find(const char *one, const char *two, struct err *e)
{
	const struct config c = {
		.function = { { CONFIG_VFIO, one }, { CONFIG_VFIO, two } },
		.n_functions = two ? 2 : 1,
	};

	memset(&a, 0, sizeof(a));
	*e = ERR_NONE;
	return assignment_find(&a, &c, e);
}

static void must_find(const char *one, const char *two)
{
	struct err e;

	if (find(one, two, &e) < 0)
		fail_msg("%s", e.text);
}

static void expect(unsigned i, const char *bdf, unsigned slot,
		   unsigned function)
{
	const struct assigned *f = &a.function[i];

	assert_true(i < a.n);
	assert_string_equal(f->function.name, bdf);
	assert_int_equal(f->options.place.slot, slot);
	assert_int_equal(f->options.place.function, function);
}

static void refused(const char *one, const char *two, const char *says,
		    const char *hint)
{
	struct err e;

	fake_trace_clear();
	assert_true(find(one, two, &e) < 0);
	assert_string_equal(e.text, says);
	if (!strstr(e.hint, hint))
		fail_msg("hint: %s", e.hint);
	assert_int_equal(fake_trace_count("open /dev/"), 0);
}

static void its_functions_keep_their_numbers(void **state)
{
	add("0000:65:00.0", NULL);
	add("0000:65:00.1", NULL);
	add("0000:65:00.3", NULL);
	add("0000:65:01.2", NULL);
	must_find("65:00.*", NULL);
	assert_int_equal(a.n, 3);
	expect(0, "0000:65:00.0", 1, 0);
	expect(1, "0000:65:00.1", 1, 1);
	expect(2, "0000:65:00.3", 1, 3);
}

static void it_gets_a_slot_of_its_own_or_the_one_that_is_named(void **state)
{
	add("0000:65:00.0", NULL);
	add("0000:65:00.1", NULL);
	add("0000:66:00.0", NULL);
	add("0000:66:00.1", NULL);
	must_find("0000:65:00.*", "0000:66:00.*");
	expect(1, "0000:65:00.1", 1, 1);
	expect(2, "0000:66:00.0", 2, 0);
	expect(3, "0000:66:00.1", 2, 1);
	must_find("65:00.*", "66:00.*,slot=1");
	expect(0, "0000:65:00.0", 2, 0);
	expect(1, "0000:65:00.1", 2, 1);
	expect(2, "0000:66:00.0", 1, 0);
	expect(3, "0000:66:00.1", 1, 1);
	must_find("/sys/bus/pci/devices/0000:65:00.*,slot=30", "66:00.0");
	expect(0, "0000:65:00.0", 30, 0);
	expect(1, "0000:65:00.1", 30, 1);
	expect(2, "0000:66:00.0", 1, 0);
}

static void options_are_those_of_each(void **state)
{
	add("0000:65:00.0", NULL);
	add("0000:65:00.1", NULL);
	must_find("65:00.*,on-error=stop,p2p", NULL);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(a.function[i].options.on_error,
				 VFIO_ON_ERROR_STOP);
		assert_true(a.function[i].options.p2p);
	}
}

static void a_function_on_a_host_driver_stays(void **state)
{
	add("0000:65:00.0", NULL);
	add("0000:65:00.1", "snd_hda_intel");
	add("0000:65:00.2", "");
	add("0000:65:00.3", NULL);
	must_find("65:00.*", NULL);
	assert_int_equal(a.n, 2);
	expect(0, "0000:65:00.0", 1, 0);
	expect(1, "0000:65:00.3", 1, 3);
}

static void without_function_0_it_is_refused(void **state)
{
	add("0000:65:00.0", "nvidia");
	add("0000:65:00.1", NULL);
	add("0000:66:00.2", NULL);
	refused("65:00.*", NULL,
		"vfio: 0000:65:00.*: 0000:65:00.0 is bound to nvidia, and no "
		"guest looks for the others where there is no function 0",
		"one by one");
	refused("66:00.*", NULL,
		"vfio: 0000:66:00.*: 0000:66:00.0 does not exist, and no guest "
		"looks for the others where there is no function 0",
		"one by one");
}

static void with_no_function_at_all_it_is_refused(void **state)
{
	add("0000:65:00.0", "");
	refused("65:00.*", NULL,
		"vfio: 0000:65:00.*: none of its functions is bound to "
		"vfio-pci, and 0000:65:00.0 is bound to no driver",
		"driver_override");
	refused("77:00.*", NULL,
		"vfio: 0000:77:00.*: none of its functions is bound to "
		"vfio-pci, and 0000:77:00.0 does not exist",
		"lspci -D");
}

static void conflicts_are_named(void **state)
{
	add("0000:65:00.0", NULL);
	add("0000:65:00.1", NULL);
	add("0000:66:00.0", NULL);
	refused("65:00.*", "65:00.1", "vfio: 0000:65:00.1 was given twice", "");
	refused("65:00.*,slot=3", "66:00.0,slot=3.1",
		"vfio: 0000:65:00.1 and 0000:66:00.0 cannot both be 03:00.1 of "
		"the guest",
		"");
	refused("65:00.*,slot=3.1", NULL,
		"vfio: 0000:65:00.*: slot=3.1 is one place for several "
		"functions",
		"slot=3 takes them");
	refused("65:00.*,at=03:00.0", NULL,
		"vfio: 0000:65:00.*: slot=3.0 is one place for several "
		"functions",
		"slot=3 takes them");
}

static void only_the_function_can_be_a_star(void **state)
{
	static const char *const wrong[] = { "65:*.*", "*.*", ".*", "65.*",
					     "0000:65:00:0.*" };
	char says[128];

	for (unsigned i = 0; i < 5; i++) {
		snprintf(says, sizeof(says),
			 "vfio: '%s' names no slot of the host", wrong[i]);
		refused(wrong[i], NULL, says, "only the function");
	}
}

static void more_functions_than_there_is_room_for_are_refused(void **state)
{
	struct config c = { .n_functions = 4 };
	static char text[4][16], bdf[24];
	struct err e = ERR_NONE;

	for (unsigned i = 0; i < 4; i++) {
		for (unsigned f = 0; f < 8; f++) {
			snprintf(bdf, sizeof(bdf), "0000:6%u:00.%u", i, f);
			add(bdf, NULL);
		}
		snprintf(text[i], sizeof(text[i]), "6%u:00.*", i);
		c.function[i].text = text[i];
	}
	memset(&a, 0, sizeof(a));
	assert_int_equal(assignment_find(&a, &c, &e), -EINVAL);
	assert_string_equal(e.text, "vfio: more than 30 functions");
}

/* VFIO-CFG-08 */
static void the_guest_sees_one_device_with_several_functions(void **state)
{
	struct vm vm = VM_EMPTY;
	struct err e = ERR_NONE;

	add("0000:65:00.0", NULL);
	add("0000:65:00.1", NULL);
	must_find("65:00.*", NULL);
	if (vm_open(&vm, &e) < 0 ||
	    mem_add_ram(&vm.mem, 0, 64 << 20, MEM_PLAIN, &e) < 0 ||
	    assignment_open(&a, &vm, &e) < 0)
		fail_msg("%s", e.text);
	assignment_plug(&a);
	for (unsigned f = 0; f < 2; f++) {
		struct pci_device *d = a.port[0].child[f];

		assert_non_null(d);
		assert_int_equal(pci_config_read(d, PCI_DEVICE_ID, 2),
				 0x5020 + f);
		assert_int_equal(pci_config_read(d, PCI_HEADER_TYPE, 1), 0x80);
		assert_int_equal(pci_config_read(d, PCI_INTERRUPT_PIN, 1), 1);
	}
	assignment_close_functions(&a);
	assignment_close_spaces(&a);
	vm_close(&vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(its_functions_keep_their_numbers),
		FAKE_TEST(it_gets_a_slot_of_its_own_or_the_one_that_is_named),
		FAKE_TEST(options_are_those_of_each),
		FAKE_TEST(a_function_on_a_host_driver_stays),
		FAKE_TEST(without_function_0_it_is_refused),
		FAKE_TEST(with_no_function_at_all_it_is_refused),
		FAKE_TEST(conflicts_are_named),
		FAKE_TEST(only_the_function_can_be_a_star),
		FAKE_TEST(more_functions_than_there_is_room_for_are_refused),
		FAKE_TEST(the_guest_sees_one_device_with_several_functions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

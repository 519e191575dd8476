/* Functions whose number on the host is nothing a guest should know. */
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

enum { VFS = 16 };

static struct assignment a;
static struct vm vm;
static char bdf[VFS][16];

/* As ARI numbers them: function 16 of a bus is 02.0, function 23 is 02.7. */
static void add_virtual_functions(void)
{
	for (unsigned i = 0; i < VFS; i++) {
		struct fake_pci p = {
			.bdf = bdf[i],
			.group = (int)(20 + i),
			.vendor = 0x8086,
			.device = (uint16_t)(0x1520 + i),
			.class_code = 0x020000,
			.bar = { { .size = 0x4000, .mem64 = true } },
			.express_at = 0x80,
			.is_virtual = true,
		};

		snprintf(bdf[i], sizeof(bdf[i]), "0000:03:%02x.%x", 2 + i / 8,
			 i % 8);
		fake_pci_add(&p);
	}
}

static void open_all(void)
{
	struct config c = { .n_functions = VFS };
	struct err e = ERR_NONE;
	int rc;

	for (unsigned i = 0; i < VFS; i++) {
		c.function[i].backend = CONFIG_VFIO;
		c.function[i].text = bdf[i];
	}
	memset(&a, 0, sizeof(a));
	vm = VM_EMPTY;
	rc = assignment_find(&a, &c, &e);
	if (rc >= 0)
		rc = vm_open(&vm, &e);
	if (rc >= 0)
		rc = mem_add_ram(&vm.mem, 0, 64 << 20, MEM_PLAIN, &e);
	if (rc >= 0)
		rc = assignment_open(&a, &vm, &e);
	if (rc < 0)
		fail_msg("%s", e.text);
	assignment_plug(&a);
}

static void close_all(void)
{
	assignment_close_functions(&a);
	assignment_close_spaces(&a);
	vm_close(&vm);
}

/* VFIO-VF-07: each is function 0 of a slot of its own, the same ones the next
 * time. */
static void host_numbers_do_not_reach_the_guest(void **state)
{
	add_virtual_functions();
	for (unsigned round = 0; round < 2; round++) {
		open_all();
		for (unsigned i = 0; i < VFS; i++) {
			struct pci_device *d = a.port[i].child[0];

			if (!d)
				fail_msg("slot %u is empty", i + 1);
			assert_int_equal(pci_config_read(d, PCI_DEVICE_ID, 2),
					 0x1520 + i);
			assert_int_equal(pci_config_read(d, PCI_HEADER_TYPE, 1),
					 0);
			for (unsigned f = 1; f < 8; f++)
				assert_null(a.port[i].child[f]);
		}
		close_all();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(host_numbers_do_not_reach_the_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

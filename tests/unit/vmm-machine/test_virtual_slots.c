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

#include "tests/unit/vmm-machine/assigned.h"

enum { VFS = 16 };

static struct host host;
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

	for (unsigned i = 0; i < VFS; i++) {
		c.function[i].backend = CONFIG_VFIO;
		c.function[i].text = bdf[i];
	}
	if (host_open(&host, &c, &e) < 0)
		fail_msg("%s", e.text);
	assignment_plug(&host.a);
}

/* VFIO-VF-07: each is function 0 of a slot of its own, the same ones the next
 * time. */
static void host_numbers_do_not_reach_the_guest(void **state)
{
	add_virtual_functions();
	for (unsigned round = 0; round < 2; round++) {
		open_all();
		for (unsigned i = 0; i < VFS; i++) {
			struct pci_device *d = host.a.port[i].child[0];

			if (!d)
				fail_msg("slot %u is empty", i + 1);
			assert_int_equal(pci_config_read(d, PCI_DEVICE_ID, 2),
					 0x1520 + i);
			assert_int_equal(pci_config_read(d, PCI_HEADER_TYPE, 1),
					 0);
			for (unsigned f = 1; f < 8; f++)
				assert_null(host.a.port[i].child[f]);
		}
		host_close(&host);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(host_numbers_do_not_reach_the_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

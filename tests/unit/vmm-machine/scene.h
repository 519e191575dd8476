/* tests/unit/vmm-machine/scene.h - a small kernel, and a disk to assign */
#ifndef TESTS_MACHINE_SCENE_H
#define TESTS_MACHINE_SCENE_H

#include <stdint.h>
#include <string.h>

#include "tests/fakes/kernel.h"
#include "vmm/base/bytes.h"
#include "vmm/machine/machine.h"

#define BDF "0000:01:00.0"
#define MIB (UINT64_C(1) << 20)

static const struct fake_pci disk = {
	.bdf = BDF,
	.group = 12,
	.vendor = 0x1b36,
	.device = 0x10,
	.class_code = 0x010802,
	.pin = 1,
	.bar = { { .size = 0x4000, .mem64 = true } },
	.express_at = 0x80,
	.pm_at = 0x60,
	.msix = { .at = 0x40, .vectors = 8, .table = 0x2000, .pba = 0x3000 },
};

/* Where the kernel below is put. */
enum { KERNEL_AT = 0x1000000 };

/* Enough of a bzImage: setup sectors, the header of protocol 2.15, a page. */
static inline void put_kernel(void)
{
	static uint8_t image[5 * 512 + 4096];

	image[0x1f1] = 4;
	le16_store(image + 0x1fe, 0xaa55);
	image[0x200] = 0xeb;
	image[0x201] = 0x6a;
	memcpy(image + 0x202, "HdrS", 4);
	le16_store(image + 0x206, 0x20f);
	image[0x211] = 1;
	le32_store(image + 0x22c, 0x7fffffff);
	le32_store(image + 0x230, 0x200000);
	image[0x234] = 1;
	le16_store(image + 0x236, 3);
	le32_store(image + 0x238, 2047);
	le64_store(image + 0x258, KERNEL_AT);
	le32_store(image + 0x260, 0x100000);
	memset(image + 5 * 512, 0x90, 4096);
	fake_blob("/boot/bzImage", image, sizeof(image));
	fake_blob("/boot/initrd", image, 4096);
}

static inline struct config config_of_disk(void)
{
	return (struct config){
		.kernel = "/boot/bzImage",
		.initrd = "/boot/initrd",
		.append = "console=ttyS0",
		.mem = 64 * MIB,
		.cpus = 2,
		.function = { { CONFIG_VFIO, BDF } },
		.n_functions = 1,
		.console = "none",
		.debug_exit = 0xf4,
	};
}

#endif

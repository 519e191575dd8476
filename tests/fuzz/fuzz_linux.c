/* tests/fuzz/fuzz_linux.c - kernel images
 *
 * The input is a file. If it is taken for a kernel, every byte that the
 * machine would copy must be in the file, every place it would be copied to in
 * the range that the kernel is said to need, and the boot information must
 * stay in its area.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/linux.h"
#include "vmm/base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_loads(const struct linux_image *k, size_t size)
{
	must(k->n_loads >= 1 && k->n_loads <= LINUX_MAX_LOADS);
	for (unsigned i = 0; i < k->n_loads; i++) {
		const struct linux_load *l = &k->load[i];

		must(range_fits(0, size, l->offset, l->size));
		must(!range_wraps(l->size, l->zero));
		must(range_fits(k->needed.base, k->needed.size, l->gpa,
				l->size + l->zero));
		for (unsigned n = 0; n < i; n++)
			must(!range_overlaps(
				l->gpa, l->size + l->zero, k->load[n].gpa,
				k->load[n].size + k->load[n].zero));
	}
	must(k->needed.base >= 0x100000);
	must(range_fits(0, UINT64_C(1) << 32, k->needed.base, k->needed.size));
	must(range_has(k->needed.base, k->needed.size, k->entry));
	must(k->setup_size <= sizeof(k->setup_header));
}

static void check_info(const struct linux_image *k)
{
	static const char cmdline[] = "console=ttyS0 panic=-1";
	struct platform p = { .cmdline = cmdline,
			      .initrd = { 0x7000000, 0x1000 },
			      .rsdp = 0xe0000 };
	uint8_t *area = malloc(LINUX_INFO_SIZE);
	struct err e = ERR_NONE;
	int rc;

	must(area);
	platform_add(&p, 0, 0x8000000, PLATFORM_RAM);
	rc = linux_info(k, &p, area, LINUX_INFO_SIZE, 0x20000, &e);
	if (k->cmdline_max < sizeof(cmdline) - 1)
		must(rc == -ENOSPC && e.text[0] != '\0');
	else
		must(rc == 0);
	if (rc == 0 && k->kind == LINUX_BZIMAGE)
		must(area[0x1e8] == 1 && le64_load(area + 0x70) == 0xe0000 &&
		     le64_load(area + 0x250) == 0);
	free(area);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = ERR_NONE;
	struct linux_image k;
	int rc;

	rc = linux_parse(data, size, &k, &e);
	if (rc < 0) {
		must(rc == -ENOEXEC && e.text[0] != '\0' && e.hint[0] != '\0');
		return 0;
	}
	check_loads(&k, size);
	check_info(&k);
	return 0;
}

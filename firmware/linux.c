/* firmware/linux.c - which kind of kernel a file is, and if none, what else
 *
 * People hand over vmlinux.gz, an initrd, an arm64 Image or a unified kernel
 * image; each deserves its own answer.
 */
#include "firmware/linux.h"

#include <assert.h>
#include <string.h>

#include "firmware/image.h"
#include "firmware/trace.h"
#include "vmm/base/bytes.h"

struct other_file {
	unsigned offset;
	const char *magic;
	unsigned length;
	const char *sentence, *hint;
};

/* clang-format off */
static const struct other_file others[] = {
	{ 0, "\x1f\x8b", 2, "this is a gzip file, not a kernel",
	  "unpack it with gunzip, or give the bzImage (vmlinuz) it came from" },
	{ 0, "\xfd" "7zXZ", 5, "this is an xz file, not a kernel",
	  "unpack it with unxz, or give the bzImage (vmlinuz) it came from" },
	{ 0, "\x28\xb5\x2f\xfd", 4, "this is a zstd file, not a kernel",
	  "unpack it with unzstd, or give the bzImage (vmlinuz) it came from" },
	{ 0, "BZh", 3, "this is a bzip2 file, not a kernel",
	  "unpack it with bunzip2, or give the bzImage (vmlinuz) it came from" },
	{ 0, "070701", 6, "this is a cpio archive, not a kernel",
	  "an initrd is given with --initrd" },
	{ 0x38, "ARM\x64", 4, "this is a kernel for arm64",
	  "minivmm runs guests of the host's architecture, x86-64" },
	{ 0, "MZ", 2, "this is an EFI-only image: it has no Linux boot header",
	  "a unified kernel image holds the vmlinuz in its section .linux: "
	  "objcopy -O binary -j .linux" },
	{ 0, "#!", 2, "this is a script, not a kernel", NULL },
};
/* clang-format on */

static int refuse(const uint8_t *image, size_t size, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		const struct other_file *o = &others[i];

		if (!range_fits(0, size, o->offset, o->length) ||
		    memcmp(image + o->offset, o->magic, o->length) != 0)
			continue;
		err_set(e, -ENOEXEC, "%s", o->sentence);
		if (o->hint)
			err_hint(e, "%s", o->hint);
		return -ENOEXEC;
	}
	return err_set(
		e, -ENOEXEC,
		"not a Linux kernel: no HdrS at 0x202 and no ELF header");
}

static void trace_image(const struct linux_image *k)
{
	trace_linux_image(k->kind == LINUX_PVH ? "ELF (PVH)" : "bzImage",
			  k->entry, k->needed.base, k->needed.size);
	for (unsigned i = 0; i < k->n_loads; i++)
		trace_linux_load(k->load[i].gpa, k->load[i].offset,
				 k->load[i].size, k->load[i].zero);
}

int linux_parse(const uint8_t *image, size_t size, struct linux_image *out,
		struct err *e)
{
	struct linux_image k = { 0 };
	int rc;

	if (bzimage_claims(image, size))
		rc = bzimage_parse(image, size, &k, e);
	else if (pvh_claims(image, size))
		rc = pvh_parse(image, size, &k, e);
	else
		rc = refuse(image, size, e);
	if (rc < 0) {
		err_hint(e, "give a bzImage (a distribution's vmlinuz) or an "
			    "ELF vmlinux built with CONFIG_PVH");
		return rc;
	}
	trace_image(&k);
	*out = k;
	return 0;
}

static int put_cmdline(const struct linux_image *k, const char *cmdline,
		       uint8_t *at, size_t room, struct err *e)
{
	size_t length = strlen(cmdline);
	size_t max = k->cmdline_max < room - 1 ? k->cmdline_max : room - 1;

	if (length > max) {
		err_set(e, -ENOSPC,
			"the command line has %zu bytes, this kernel takes %zu",
			length, max);
		err_hint(e, "shorten --append");
		return -ENOSPC;
	}
	memcpy(at, cmdline, length);
	return 0;
}

int linux_info(const struct linux_image *k, const struct platform *p,
	       uint8_t *area, size_t size, uint64_t gpa, struct err *e)
{
	int rc;

	assert(size >= LINUX_INFO_SIZE);
	assert(range_fits(0, IMAGE_CEILING, gpa, LINUX_INFO_SIZE));
	memset(area, 0, LINUX_INFO_SIZE);
	rc = put_cmdline(k, p->cmdline ? p->cmdline : "", area + INFO_CMDLINE,
			 LINUX_INFO_SIZE - INFO_CMDLINE, e);
	if (rc < 0)
		return rc;
	if (k->kind == LINUX_PVH)
		pvh_info(p, area, gpa);
	else
		bzimage_info(k, p, area, gpa);
	for (unsigned i = 0; i < p->n_map; i++)
		trace_linux_memory(p->map[i].range.base, p->map[i].range.size,
				   p->map[i].kind);
	return 0;
}

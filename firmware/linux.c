/* firmware/linux.c - a kernel file: which kind it is, and why it is none
 *
 * The two formats are bzimage.c and pvh.c. What people give by mistake is
 * recognised by its first bytes, so that the refusal can say what it is.
 */
#include "firmware/linux.h"

#include <string.h>

#include "firmware/linux_formats.h"
#include "vmm/base/bytes.h"

/* Files that are often given instead of a kernel. */
static const struct {
	unsigned offset;
	const char *magic;
	unsigned len;
	const char *what, *hint;
} impostors[] = {
	{ 0, "\x1f\x8b", 2, "is a gzip file",
	  "a bzImage is compressed inside, not outside: use it as installed "
	  "in /boot, or gunzip a vmlinux.gz" },
	{ 0,
	  "\xfd"
	  "7zXZ",
	  5, "is an xz file", "unpack it with xz -d" },
	{ 0, "\x28\xb5\x2f\xfd", 4, "is a zstd file",
	  "unpack it with zstd -d" },
	{ 0, "070701", 6, "is a cpio archive",
	  "that looks like an initrd: give it with --initrd" },
	{ 56, "ARM\x64", 4, "is an arm64 kernel",
	  "this guest needs an x86-64 kernel" },
	{ 0, "MZ", 2, "is an EFI program but no bzImage",
	  "unified kernel images hold the kernel in their .linux section: "
	  "objcopy -O binary -j .linux" },
	{ 0, "#!", 2, "is a script", "give a bzImage or an ELF vmlinux" },
};

static int no_kernel(const uint8_t *image, size_t size, struct err *e)
{
	for (unsigned i = 0; i < ARRAY_LEN(impostors); i++) {
		if (!range_fits(0, size, impostors[i].offset,
				impostors[i].len) ||
		    memcmp(image + impostors[i].offset, impostors[i].magic,
			   impostors[i].len) != 0)
			continue;
		err_set(e, -ENOEXEC, "%s, not a Linux kernel",
			impostors[i].what);
		err_hint(e, "%s", impostors[i].hint);
		return -ENOEXEC;
	}
	err_set(e, -ENOEXEC,
		"is not a Linux kernel: neither \"HdrS\" at 0x202 "
		"(bzImage) nor an ELF header (vmlinux)");
	err_hint(e, "give a bzImage, as in /boot/vmlinuz-VERSION, or an ELF "
		    "vmlinux");
	return -ENOEXEC;
}

int linux_parse(const uint8_t *image, size_t size, struct linux_image *out,
		struct err *e)
{
	struct linux_image k;
	int rc;

	memset(&k, 0, sizeof(k));
	if (bzimage_is(image, size))
		rc = bzimage_parse(image, size, &k, e);
	else if (pvh_is_elf(image, size))
		rc = pvh_parse(image, size, &k, e);
	else
		rc = no_kernel(image, size, e);
	if (rc == 0)
		*out = k;
	return rc;
}

/* The command line is at @at of the area; both formats want a final NUL. */
int linux_put_cmdline(const struct linux_image *k, const char *cmdline,
		      uint8_t *area, size_t size, unsigned at, struct err *e)
{
	size_t n = strlen(cmdline);
	size_t room = size - at - 1;

	if (room > k->cmdline_max)
		room = k->cmdline_max;
	if (n > room) {
		err_set(e, -ENOSPC,
			"the command line has %zu bytes, this kernel takes "
			"%zu",
			n, room);
		err_hint(e, "shorten --append");
		return -ENOSPC;
	}
	memcpy(area + at, cmdline, n + 1);
	return 0;
}

int linux_info(const struct linux_image *k, const struct platform *p,
	       uint8_t *area, size_t size, uint64_t gpa, struct err *e)
{
	if (size < LINUX_INFO_SIZE)
		return err_set(e, -ENOSPC, "no room for the boot information");
	memset(area, 0, size);
	if (k->kind == LINUX_PVH)
		return pvh_info(k, p, area, size, gpa, e);
	return bzimage_info(k, p, area, size, gpa, e);
}

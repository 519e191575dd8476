/* machine/boot.h - kernel, initrd and tables into guest RAM
 *
 * What a boot loader and firmware leave behind. The kernel file is read and
 * understood before anything of the host is touched, so that a wrong file
 * costs nothing; RAM is filled once the machine is described.
 */
#ifndef MACHINE_BOOT_H
#define MACHINE_BOOT_H

#include <stddef.h>
#include <stdint.h>

#include "firmware/linux.h"
#include "firmware/platform.h"
#include "vmm/arch.h"
#include "vmm/base/err.h"
#include "vmm/mem.h"

struct boot {
	const char *kernel_path,
		*initrd_path; /* borrowed; initrd may be NULL */
	struct linux_image image;
	void *file; /* the kernel, file_size bytes of a private mapping */
	size_t file_size;
	int initrd_fd;
	uint64_t initrd_size;
};

#define BOOT_EMPTY ((struct boot){ .initrd_fd = -1 })

/* Read and check both files. */
int boot_open(struct boot *b, const char *kernel, const char *initrd,
	      struct err *e);
void boot_close(struct boot *b);

/* Put everything into RAM; completes p->initrd and p->rsdp. @out says how
 * vCPU 0 enters. Before vm_start. */
int boot_load(struct boot *b, struct mem *m, struct platform *p,
	      struct arch_boot *out, struct err *e);

#endif

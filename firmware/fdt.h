/* firmware/fdt.h - the same machine as a flattened device tree, by libfdt
 *
 * For --dump-dtb, for reading, and for architectures to come.
 */
#ifndef FIRMWARE_FDT_H
#define FIRMWARE_FDT_H

#include <stddef.h>

#include "firmware/platform.h"
#include "vmm/base/err.h"

/* Write the tree into @buf; returns its size, or -ENOSPC. */
int fdt_build(const struct platform *p, void *buf, size_t size, struct err *e);

#endif

/* machine/dtb.h - the machine's description as a file (--dump-dtb) */
#ifndef MACHINE_DTB_H
#define MACHINE_DTB_H

#include "firmware/platform.h"
#include "vmm/base/err.h"

int dtb_dump(const struct platform *p, const char *path, struct err *e);

#endif

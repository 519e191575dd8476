/* vfio/name.h - how a function of the host is written
 *
 * Users write PCI addresses in several ways; messages, and the kernel, have one
 * canonical form of each.
 */
#ifndef VFIO_NAME_H
#define VFIO_NAME_H

#include "vmm/base/err.h"

/* Spelling only; no host access. -EINVAL with a hint. */
int vfio_bdf_parse(const char *text, char bdf[24], struct err *e);

#endif

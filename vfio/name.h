/* vfio/name.h - how a function of the host is written, and where sysfs has it
 *
 * PCI functions are named by their address, mediated devices (mdev: a PCI
 * function that a driver of the host makes up) by a UUID. Users write either,
 * in several ways, or any path that leads to the directory of one in sysfs;
 * messages, and the kernel, have one canonical form of each.
 */
#ifndef VFIO_NAME_H
#define VFIO_NAME_H

#include <stdbool.h>

#include "vfio/vfio.h"
#include "vmm/base/err.h"

enum { VFIO_SYSFS_PATH_SIZE = 192 };

/* Spelling only; no host access. -EINVAL with a hint. */
int vfio_bdf_parse(const char *text, char bdf[24], struct err *e);
/* The same for whatever names a function. A path may lead anywhere: it is
 * called by its last part, or as it is, until it is followed. */
int vfio_name_parse(const char *text, char name[VFIO_NAME_SIZE], struct err *e);
/* The canonical name of what @text means; follows a path. Whether there is such
 * a function is another question. */
int vfio_name_find(const char *text, char name[VFIO_NAME_SIZE], struct err *e);

/* Of canonical names: is it a mediated device's? */
bool vfio_name_is_mdev(const char *name);
/* Its directory in sysfs, or @file in there. */
void vfio_name_path(const char *name, const char *file,
		    char path[VFIO_SYSFS_PATH_SIZE]);
/* Write into @e that this host has no function @name; returns -ENOENT. */
int vfio_name_missing(const char *name, struct err *e);

#endif

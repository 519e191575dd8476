/* base/ioctls.h - what a KVM or VFIO command's argument says, in words
 *
 * For traces. Commands are known by name, since VFIO gives the same number to
 * a container's and to a device's command.
 */
#ifndef BASE_IOCTLS_H
#define BASE_IOCTLS_H

#include <stddef.h>

/* Write ", arg" or ", {field=value ...}" into @buf; nothing for a command that
 * takes no argument. @arg is what the ioctl was given, after the call, so
 * results show as well. Text that does not fit is cut. */
void ioctl_describe(const char *name, unsigned long arg, char *buf, size_t n);

#endif

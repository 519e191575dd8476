/* base/sys_trace.h - how sys*.c trace, and what they share: for them only */
#ifndef BASE_SYS_TRACE_H
#define BASE_SYS_TRACE_H

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/trace.h"

/* What a C library call returned, as this project's functions return it. */
static inline long sys_result(long rc)
{
	return rc < 0 ? -errno : rc;
}

struct sigaction;
/* sigaction, with an empty mask, and @signal is let in. */
int handle_signal(int signal, struct sigaction *a);

struct sys_name {
	char text[96];
};

/* "12 /dev/vfio/7" or "9 kvm-vcpu:0": what the kernel calls @fd. */
static inline const char *sys_name(int fd, struct sys_name *out)
{
	char path[32], target[64];
	const char *name = target;
	ssize_t n;

	if (fd < 0)
		return "none";
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, target, sizeof(target) - 1);
	target[n < 0 ? 0 : n] = '\0';
	if (strncmp(name, "anon_inode:", 11) == 0)
		name += 11;
	snprintf(out->text, sizeof(out->text), "%d %s", fd, name);
	return out->text;
}

/* A line "call = result"; the arguments are evaluated only while on. */
#define SYS_TRACE(rc, fmt, ...)                                           \
	do {                                                              \
		long sys_rc_ = (rc);                                      \
		if (!trace_on(TRACE_HOST))                                \
			break;                                            \
		if (sys_rc_ < 0)                                          \
			trace_line(TRACE_HOST, fmt " = -%s", __VA_ARGS__, \
				   strerrorname_np((int)-sys_rc_));       \
		else                                                      \
			trace_line(TRACE_HOST, fmt " = %ld", __VA_ARGS__, \
				   sys_rc_);                              \
	} while (0)

#endif

/* base/sys_privilege.c - see sys_privilege.h: users, capabilities, refusals */
#include "vmm/base/sys_privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/base/sys_calls.h"
#include "vmm/base/sys_trace.h"

/* -------- users and capabilities -------- */

/* The C library sees to it that all threads do. */
static int become(uid_t uid, gid_t gid)
{
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 ||
	    setresuid(uid, uid, uid) < 0)
		return (int)sys_result(-1);
	return 0;
}

int sys_become(uid_t uid, gid_t gid)
{
	int rc = become(uid, gid);

	SYS_TRACE(rc, "become(user %u, group %u)", uid, gid);
	return rc;
}

int sys_drop_capabilities(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };
	int rc = (int)sys_result(syscall(SYS_capset, &header, none));

	SYS_TRACE(rc, "capset(none: %d)", 0);
	return rc;
}

/* -------- refusals -------- */

int sys_catch_refusals(void (*handler)(int signal, siginfo_t *info,
				       void *context))
{
	struct sigaction a = { .sa_sigaction = handler,
			       .sa_flags = SA_SIGINFO };

	/* a refusal that is blocked is the end of the process */
	return handle_signal(SIGSYS, &a);
}

/* In a signal handler: nothing is traced. */
void sys_refused(int number, uint32_t second)
{
	const uint64_t both = (uint64_t)second << 32 | (uint32_t)number;
	const union sigval v = { .sival_ptr = (void *)(uintptr_t)both };
	int was = errno;

	(void)sigqueue(getpid(), SYS_REFUSED, v);
	errno = was;
}

static const char *command_name(uint32_t number)
{
	for (const struct sys_command *c = sys_commands; c->name; c++)
		if (c->number == number)
			return c->name;
	return NULL;
}

static void describe(uint64_t both, char *out, size_t n)
{
	uint32_t second = (uint32_t)(both >> 32);
	char *name =
		seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)both);
	const char *command = command_name(second);

	if (!name)
		snprintf(out, n, "%d", (int)both);
	else if ((int)both != SYS_ioctl)
		snprintf(out, n, "%s", name);
	else if (command)
		snprintf(out, n, "ioctl %s", command);
	else
		snprintf(out, n, "ioctl %#x", second);
	free(name);
}

int sys_refusal_read(int fd, char *call, size_t n)
{
	struct signalfd_siginfo info;
	ssize_t rc;

	do
		rc = sys_result(read(fd, &info, sizeof(info)));
	while (rc == -EINTR);
	if (rc < 0)
		return (int)rc;
	if (rc != sizeof(info))
		return -EIO;
	describe(info.ssi_ptr, call, n);
	SYS_TRACE(0, "refused(%s)", call);
	return 0;
}

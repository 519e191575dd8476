/* tests/fakes/privilege.c - users, capabilities and filters that are kept only
 *
 * Nothing is given up in truth: the test program goes on.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "tests/fakes/fake.h"
#include "vmm/base/sys_privilege.h"

int sys_become(uid_t uid, gid_t gid)
{
	struct call c;

	return (int)call_end(&c, call_begin(&c, "become %u:%u", uid, gid));
}

int sys_drop_capabilities(void)
{
	struct call c;

	return (int)call_end(&c, call_begin(&c, "drop capabilities"));
}

int sys_confine(const struct sys_paths *p)
{
	struct call c;

	return (int)call_end(&c, call_begin(&c, "confine folder=%s file=%s",
					    p->folder ? p->folder : "-",
					    p->file ? p->file : "-"));
}

int sys_filter_install(enum sys_filter how, bool files)
{
	struct call c;

	return (int)call_end(
		&c, call_begin(&c, "filter %s%s",
			       how == SYS_FILTER_LOG ? "log" : "refuse",
			       files ? " files" : ""));
}

int sys_catch_refusals(void (*handler)(int signal, siginfo_t *info,
				       void *context))
{
	struct call c;

	(void)handler;
	return (int)call_end(&c, call_begin(&c, "catch refusals"));
}

void sys_refused(int number, uint32_t second)
{
	const union sigval v = { .sival_int = number };

	(void)second;
	(void)sigqueue(getpid(), SYS_REFUSED, v);
}

int sys_refusal_read(int fd, char *call, size_t n)
{
	struct signalfd_siginfo info;
	ssize_t rc = read(fd, &info, sizeof(info));

	if (rc < 0)
		return -errno;
	snprintf(call, n, "number %d", info.ssi_int);
	return 0;
}

/* base/sys_filter.c - a seccomp filter out of the lists of sys_calls.h
 *
 * What a list allows is a number, which for some calls says too little. Those
 * have a function below that looks at arguments as well: files are opened for
 * reading only, memory never becomes code, a new thread is a thread and no
 * process, signals go to ourselves. Arguments behind a pointer cannot be looked
 * at (seccomp(2)): a path is not, nor what an ioctl's structure says.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/sys_calls.h"
#include "vmm/base/sys_privilege.h"
#include "vmm/base/sys_trace.h"

/* -------- calls whose arguments matter -------- */

static int allow(scmp_filter_ctx f, int number, struct scmp_arg_cmp a)
{
	return seccomp_rule_add_array(f, SCMP_ACT_ALLOW, number, 1, &a);
}

static int allow_reading(scmp_filter_ctx f, int number)
{
	const uint64_t writes = O_ACCMODE | O_CREAT | O_TRUNC;

	return allow(f, number, SCMP_A2_64(SCMP_CMP_MASKED_EQ, writes, 0));
}

/* A new file, or more for one that is there: what there is stays as it was. */
static int allow_writing(scmp_filter_ctx f, int number)
{
	const uint64_t writes = O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC;
	int rc = allow(f, number,
		       SCMP_A2_64(SCMP_CMP_MASKED_EQ, writes,
				  O_WRONLY | O_CREAT | O_EXCL));

	return rc < 0 ? rc
		      : allow(f, number,
			      SCMP_A2_64(SCMP_CMP_MASKED_EQ, writes | O_APPEND,
					 O_WRONLY | O_APPEND));
}

static int allow_data(scmp_filter_ctx f, int number)
{
	return allow(f, number, SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

/* A thread shares all, so it is also in every namespace that we are in. clone3
 * has its flags behind a pointer: glibc then takes clone. */
static int allow_threads(scmp_filter_ctx f, int number)
{
	const uint64_t news = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
			      CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
			      CLONE_NEWNET;
	int rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3),
				  0);

	return rc < 0 ? rc
		      : allow(f, number,
			      SCMP_A0_64(SCMP_CMP_MASKED_EQ,
					 CLONE_THREAD | news, CLONE_THREAD));
}

static int allow_to_ourselves(scmp_filter_ctx f, int number)
{
	return allow(f, number,
		     SCMP_A0_64(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
}

/* Not F_SETOWN: signals to whoever has our user. */
static int allow_fcntl(scmp_filter_ctx f, int number)
{
	static const int commands[] = { F_GETFD, F_SETFD, F_GETFL, F_SETFL,
					F_DUPFD_CLOEXEC };
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < ARRAY_LEN(commands); i++)
		rc = allow(
			f, number,
			SCMP_A1_64(SCMP_CMP_EQ, (scmp_datum_t)commands[i], 0));
	return rc;
}

/* The kernel looks at 32 bits of a command. */
static int allow_commands(scmp_filter_ctx f, int number)
{
	int rc = 0;

	for (const struct sys_command *c = sys_commands; rc == 0 && c->name;
	     c++)
		if (c->when == SYS_RUN)
			rc = allow(f, number,
				   SCMP_A1_64(SCMP_CMP_MASKED_EQ, UINT32_MAX,
					      c->number));
	return rc;
}

static const struct guarded {
	int number;
	int (*allow)(scmp_filter_ctx f, int number);
} guarded[] = {
	{ SCMP_SYS(openat), allow_reading },
	{ SCMP_SYS(mmap), allow_data },
	{ SCMP_SYS(mprotect), allow_data },
	{ SCMP_SYS(clone), allow_threads },
	{ SCMP_SYS(tgkill), allow_to_ourselves },
	{ SCMP_SYS(rt_sigqueueinfo), allow_to_ourselves },
	{ SCMP_SYS(fcntl), allow_fcntl },
	{ SCMP_SYS(ioctl), allow_commands },
};

/* -------- the filter -------- */

static int allow_run(scmp_filter_ctx f, int number)
{
	for (unsigned i = 0; i < ARRAY_LEN(guarded); i++)
		if (guarded[i].number == number)
			return guarded[i].allow(f, number);
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, number, 0);
}

static int allow_files(scmp_filter_ctx f, int number)
{
	return number == SCMP_SYS(openat)
		       ? allow_writing(f, number)
		       : seccomp_rule_add(f, SCMP_ACT_ALLOW, number, 0);
}

static int allow_call(scmp_filter_ctx f, const struct sys_call *c, bool files)
{
	int rc = 0;

	if (c->when == SYS_RUN)
		rc = allow_run(f, c->number);
	else if (c->when == SYS_FILES && files)
		rc = allow_files(f, c->number);
	/* two rows may say the same */
	return rc == -EEXIST ? 0 : rc;
}

static int fill(scmp_filter_ctx f, bool files)
{
	int rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);

	/* the kernel's own errno, not libseccomp's one for all of them */
	if (rc == 0)
		rc = seccomp_attr_set(f, SCMP_FLTATR_API_SYSRAWRC, 1);
	/* found by halving, not one after the other */
	if (rc == 0)
		rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (const struct sys_call *c = sys_calls; rc == 0 && c->who; c++)
		rc = allow_call(f, c, files);
	return rc;
}

int sys_filter_install(enum sys_filter how, bool files)
{
	scmp_filter_ctx f = seccomp_init(how == SYS_FILTER_LOG ? SCMP_ACT_LOG
							       : SCMP_ACT_TRAP);
	int rc = f ? fill(f, files) : -ENOMEM;

	if (rc == 0)
		rc = seccomp_load(f);
	seccomp_release(f);
	SYS_TRACE(rc, "filter(%s, files=%d)",
		  how == SYS_FILTER_LOG ? "log" : "refuse", files);
	return rc;
}

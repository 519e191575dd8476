/* base/sys_confine.c - see sys_privilege.h: which files have a name for us
 *
 * A seccomp filter sees that a file is opened, not which. Landlock, in the
 * kernel since 5.13, sees the file. A ruleset says what it is about, all else
 * stays allowed; of that, what rules allow for the files below a folder; and
 * then a thread enters it, for good, with those that it starts later.
 *
 * A kernel knows the rights of its time and refuses a ruleset with others. All
 * know those that we need, but for TRUNCATE; it is about truncate(2), which no
 * filter of ours lets through. Who asks for no REFER has no file moved from
 * folder to folder.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/base/sys_privilege.h"
#include "vmm/base/sys_trace.h"

#define READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
/* A file that takes another one's place has it removed. */
#define REPLACE                                                        \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE)
#define ALL                                                             \
	(READ | REPLACE | LANDLOCK_ACCESS_FS_EXECUTE |                  \
	 LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_CHAR | \
	 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SOCK |   \
	 LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | \
	 LANDLOCK_ACCESS_FS_MAKE_SYM)

/* What is not there needs no rule: a root without /sys has none to read. Nor
 * does what stands in no folder, -EBADFD, as the pipe behind /dev/stderr. */
static int allow(int rules, const char *path, uint64_t access)
{
	struct landlock_path_beneath_attr a = { .allowed_access = access };
	int rc;

	a.parent_fd = (int)sys_result(open(path, O_PATH | O_CLOEXEC));
	if (a.parent_fd < 0)
		return a.parent_fd == -ENOENT ? 0 : a.parent_fd;
	rc = (int)sys_result(syscall(SYS_landlock_add_rule, rules,
				     LANDLOCK_RULE_PATH_BENEATH, &a, 0));
	(void)close(a.parent_fd);
	return rc == -EBADFD ? 0 : rc;
}

static int fill(int rules, const struct sys_paths *p)
{
	int rc = 0;

	for (const char *const *r = p->read; rc == 0 && r && *r; r++)
		rc = allow(rules, *r, READ);
	if (rc == 0 && p->folder)
		rc = allow(rules, p->folder, REPLACE);
	if (rc == 0 && p->file)
		rc = allow(rules, p->file, LANDLOCK_ACCESS_FS_WRITE_FILE);
	return rc;
}

static int enter(int rules)
{
	int rc = (int)sys_result(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));

	return rc < 0 ? rc
		      : (int)sys_result(
				syscall(SYS_landlock_restrict_self, rules, 0));
}

static int confine(const struct sys_paths *p)
{
	const struct landlock_ruleset_attr a = { .handled_access_fs = ALL };
	int rules, rc;

	/* with the size that it had at first */
	rules = (int)sys_result(syscall(SYS_landlock_create_ruleset, &a,
					sizeof(a.handled_access_fs), 0));
	if (rules < 0)
		return rules;
	rc = fill(rules, p);
	if (rc == 0)
		rc = enter(rules);
	(void)close(rules);
	return rc;
}

int sys_confine(const struct sys_paths *p)
{
	int rc = confine(p);

	SYS_TRACE(rc, "confine(folder %s, file %s)",
		  p->folder ? p->folder : "-", p->file ? p->file : "-");
	return rc;
}

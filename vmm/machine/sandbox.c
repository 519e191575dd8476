/* machine/sandbox.c - see sandbox.h
 *
 * The user goes first, as that takes a capability; then the capabilities, then
 * the files, then the filter, which allows none of them to come back.
 */
#include "vmm/machine/sandbox.h"

#include <errno.h>
#include <string.h>

#include "vmm/arch.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/base/sys_privilege.h"
#include "vmm/base/trace.h"
#include "vmm/machine/outfile.h"

/* -------- what was refused -------- */

int sandbox_check(struct sandbox *s, struct err *e)
{
	char call[64];

	if (s->fd < 0 || sys_refusal_read(s->fd, call, sizeof(call)) < 0)
		return 0;
	(void)err_set(e, -EPERM, "the sandbox refused the system call %s",
		      call);
	err_hint(e, "minivmm was not thought to need it; unless the guest has "
		    "broken out, this is a fault of minivmm, and "
		    "--sandbox=log does without it");
	return -EPERM;
}

static void refused(struct loop_fd *f, uint32_t events)
{
	struct sandbox *s = container_of(f, struct sandbox, refusals);
	struct err e = ERR_NONE;

	if (sandbox_check(s, &e) < 0)
		vm_stop(s->vm, VM_FAILED, 0, &e);
}

int sandbox_open(struct sandbox *s, struct err *e)
{
	static const int signals[] = { SYS_REFUSED, 0 };

	*s = SANDBOX_EMPTY;
	s->fd = sys_signalfd(signals);
	return s->fd < 0 ? err_sys(e, s->fd, "cannot wait for refused calls")
			 : 0;
}

/* -------- what is given up -------- */

static int become_user(const struct config *c, struct err *e)
{
	int rc = c->user == 0 ? 0 : sys_become(c->user, c->group);

	if (rc == 0)
		return 0;
	(void)err_sys(e, rc, "cannot become user %u of group %u", c->user,
		      c->group);
	if (rc == -EPERM)
		err_hint(e, "only root can; who is an ordinary user already "
			    "needs no --user");
	if (rc == -EINVAL)
		err_hint(e, "this container (user namespace) has no such user "
			    "or group; /proc/self/uid_map says which");
	return rc;
}

/* Whoever started us may be confined more than a kernel by itself does. */
static int refused_us(struct err *e, int rc, const char *what)
{
	(void)err_sys(e, rc, "%s", what);
	err_hint(e, "--sandbox=off does without");
	return rc;
}

static int drop_capabilities(const struct config *c, struct err *e)
{
	int rc = c->sandbox == CONFIG_SANDBOX_OFF ? 0 : sys_drop_capabilities();

	return rc < 0 ? refused_us(e, rc, "cannot drop capabilities") : 0;
}

/* Reports and messages read these. */
static int confine_thread(const struct config *c)
{
	static const char *const read[] = { "/sys", "/proc", NULL };
	struct sys_paths p = { .read = read };
	char folder[OUTFILE_PATH_MAX];

	if (c->stats && strcmp(c->stats, "-") != 0) {
		outfile_folder(c->stats, folder);
		if (outfile_is_stream(c->stats))
			p.file = c->stats;
		else
			p.folder = folder;
	}
	return sys_confine(&p);
}

/* A kernel without it is nothing to warn of: the user's rights still hold. */
static int confine(const struct config *c, struct err *e)
{
	int rc = c->sandbox == CONFIG_SANDBOX_ON ? confine_thread(c) : 0;

	if (rc == -ENOSYS || rc == -EOPNOTSUPP || rc == -EPERM) {
		log_info("files are not confined: no Landlock here");
		return 0;
	}
	return rc < 0 ? refused_us(e, rc, "cannot confine files") : 0;
}

void sandbox_enter_early(const struct config *c)
{
	if (c->sandbox != CONFIG_SANDBOX_OFF && c->user == 0)
		(void)sys_drop_capabilities();
	if (c->sandbox == CONFIG_SANDBOX_ON)
		(void)confine_thread(c);
}

/* As root without capabilities, or as somebody else. */
static int check_report(const struct config *c, struct err *e)
{
	int rc = c->stats ? outfile_check(c->stats, e) : 0;

	if (rc == 0)
		return 0;
	err_hint(e, "it is written without privileges: --user with the owner "
		    "of the folder can, or whoever may by its mode");
	return err_in(e, rc, "--stats");
}

static bool has_no_filters(int rc)
{
	return rc == -EINVAL || rc == -ENOSYS || rc == -EOPNOTSUPP;
}

static int install_filter(const struct config *c, struct err *e)
{
	enum sys_filter how = c->sandbox == CONFIG_SANDBOX_LOG
				      ? SYS_FILTER_LOG
				      : SYS_FILTER_REFUSE;
	bool files = c->stats && strcmp(c->stats, "-") != 0;
	int rc = 0;

	if (c->sandbox == CONFIG_SANDBOX_OFF)
		return 0;
	if (how == SYS_FILTER_REFUSE)
		rc = sys_catch_refusals(arch_syscall_refused);
	if (rc == 0)
		rc = sys_filter_install(how, files);
	if (has_no_filters(rc)) {
		log_warn("this kernel has no seccomp filters: minivmm runs "
			 "without");
		return 0;
	}
	return rc < 0 ? refused_us(e, rc,
				   "cannot install the filter for system calls")
		      : 0;
}

static int give_up(const struct config *c, struct err *e)
{
	int rc = become_user(c, e);

	if (rc == 0)
		rc = drop_capabilities(c, e);
	if (rc == 0)
		rc = check_report(c, e);
	if (rc == 0)
		rc = confine(c, e);
	if (rc == 0)
		rc = install_filter(c, e);
	return rc;
}

int sandbox_enter(struct sandbox *s, struct vm *vm, const struct config *c,
		  struct err *e)
{
	int rc = give_up(c, e);

	if (rc < 0)
		return rc;
	s->vm = vm;
	s->refusals.fd = s->fd;
	s->refusals.handler = refused;
	return loop_add(&vm->loop, &s->refusals, EPOLLIN, e);
}

void sandbox_leave(struct sandbox *s)
{
	if (s->refusals.listed)
		loop_remove(&s->vm->loop, &s->refusals);
}

void sandbox_close(struct sandbox *s)
{
	sys_close(&s->fd);
}

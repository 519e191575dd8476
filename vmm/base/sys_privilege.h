/* base/sys_privilege.h - what this process may still ask of the host
 *
 * A machine that runs needs few of the kernel's system calls, no capability and
 * no particular user: what it works on is open. Whoever breaks out of the guest
 * into this process shall not find more there than that.
 *
 * A call that the filter does not let through fails with -EPERM, as one that
 * the host refuses does, and SYS_REFUSED comes, once, for whoever waits for it
 * by sys_signalfd. Not modelled: ending the process at once. What nobody
 * thought of is more often our own fault, or a new C library's, than an attack,
 * and then functions are to be given back, the terminal is to be restored; the
 * attacker has got nothing, and has no other call left either.
 *
 * A part of the one door: what is said in sys.h holds.
 */
#ifndef BASE_SYS_PRIVILEGE_H
#define BASE_SYS_PRIVILEGE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Another user and group, and no further groups, for all threads and for good.
 * It costs the capabilities of a root, too. */
int sys_become(uid_t uid, gid_t gid);
/* No capability from now on, for the calling thread and those it starts. */
int sys_drop_capabilities(void);

/* What may still be reached by name. */
struct sys_paths {
	const char *const *read; /* folders, with all in them; NULL ends them */
	const char *folder;	 /* in it files come, go and are written */
	const char *file;	 /* it is written; NULL, as @folder: none */
};

/* The calling thread, and those it starts, open no other files from now on;
 * nor do they get privileges by exec. What is open stays so. -ENOSYS,
 * -EOPNOTSUPP: this kernel has no Landlock; -EPERM: it is kept from us. */
int sys_confine(const struct sys_paths *p);

enum sys_filter {
	SYS_FILTER_REFUSE, /* what is not needed fails */
	SYS_FILTER_LOG,	   /* it is done, and the kernel logs it */
};

/* All threads, there are now or come: only the system calls that sys_calls.h
 * lists for a machine that runs, and no privileges by exec. @files: also those
 * that write files by name. -EINVAL, -ENOSYS, -EOPNOTSUPP: this kernel has no
 * filters. */
int sys_filter_install(enum sys_filter how, bool files);

/* Nobody else sends it. Each thread has to block it, or one ends us. */
enum { SYS_REFUSED = SIGSTKFLT };

/* @handler is called in the thread whose call is refused. What it gives to
 * sys_refused is an architecture's to know, and so is how the call fails. */
int sys_catch_refusals(void (*handler)(int signal, siginfo_t *info,
				       void *context));
/* From that handler: call @number, whose second argument is @second. */
void sys_refused(int number, uint32_t second);
/* What was refused, in words, from a descriptor of sys_signalfd. */
int sys_refusal_read(int fd, char *call, size_t n);

#endif

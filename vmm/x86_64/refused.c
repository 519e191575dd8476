/* vmm/x86_64/refused.c - a system call that the sandbox refuses
 *
 * The kernel has put RAX back to the number of the call, and goes on behind
 * SYSCALL when the handler returns (seccomp(2), SECCOMP_RET_TRAP): what the
 * handler leaves in RAX is what the call returns.
 */
#include <errno.h>
#include <signal.h>
#include <ucontext.h>

#include "vmm/arch.h"
#include "vmm/base/sys_privilege.h"

void arch_syscall_refused(int signal, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	sys_refused(info->si_syscall, (uint32_t)u->uc_mcontext.gregs[REG_RSI]);
	u->uc_mcontext.gregs[REG_RAX] = -EPERM;
}

/* tests/guest/zoo/logged.c - a system call that seccomp lets through and logs
 *
 *	logged		the calls that end this process are logged
 *
 * Who finds no line of another program in the kernel's log knows by this one
 * that the kernel would have written it.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>

int main(void)
{
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_LOG);
	struct sock_fprog program = { .len = 1, .filter = &all };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0)
		return 0;
	perror("logged");
	return 1;
}

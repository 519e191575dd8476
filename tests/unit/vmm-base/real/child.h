/* real/child.h - what cannot be taken back is tried by a process of its own
 *
 * cmocka.h, and what it asks for, comes first.
 */
#ifndef TESTS_REAL_CHILD_H
#define TESTS_REAL_CHILD_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/base/sys.h"

/* In a child: @f returns what is to be its exit status. */
static inline int child(int (*f)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)signal(SIGSYS, SIG_DFL); /* cmocka catches it */
		_exit(f());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

#define MUST(what)                             \
	do {                                   \
		if (!(what))                   \
			return __LINE__ % 256; \
	} while (0)

static inline void succeeds(int (*f)(void))
{
	int status = child(f);

	if (WIFSIGNALED(status))
		fail_msg("signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		fail_msg("line %d (mod 256)", WEXITSTATUS(status));
}

static inline bool status_has(const char *line)
{
	char text[4096];

	return sys_read_text("/proc/thread-self/status", text, sizeof(text)) >
		       0 &&
	       strstr(text, line);
}

#endif

/* base/sys_calls.h - which system calls each host call makes, and when
 *
 * Two lists. One has a row for each function of sys.h and each system call that
 * it makes, and some for what the C library does behind our backs; the other
 * has the commands of ioctl. Both say whether a machine that runs may still
 * need it: filters are made of that (sys_filter.c). tests/tools/calls-check
 * refuses a function of sys.h, and a command in a product room, without a row;
 * tests/golden/sandbox has what comes out.
 */
#ifndef BASE_SYS_CALLS_H
#define BASE_SYS_CALLS_H

enum sys_when {
	SYS_START, /* while a machine is built, and never again */
	SYS_RUN,   /* until the end */
	SYS_FILES, /* until the end, where a file is written again and again */
};

struct sys_call {
	const char *who; /* ends the list: NULL */
	enum sys_when when;
	int number; /* as libseccomp has it; of no use with SYS_START */
};

struct sys_command {
	const char *name; /* ends the list: NULL */
	enum sys_when when;
	unsigned number;
};

extern const struct sys_call sys_calls[];
extern const struct sys_command sys_commands[];

#endif

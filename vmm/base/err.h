/* base/err.h - one failure as a sentence, with context and a hint
 *
 * Whoever notices a failure writes the sentence; each caller that knows more
 * puts its subject in front, so that the text reads from the outside in:
 *
 *     vfio: 0000:01:00.1: group 12 is not viable: 0000:01:00.0 is bound to nvme
 *
 * A struct err is a value on the caller's stack: reporting "out of memory"
 * needs no memory. Only main() prints one. All setters are macros that have
 * the value of the (negative) code, so that a failing path is one `return` and
 * compilers see that it is negative.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <errno.h>

struct err {
	int code;	/* negative errno, 0 while nothing went wrong */
	char text[768]; /* the sentence: lower case, no full stop */
	char hint[512]; /* what to do about it; empty if we do not know */
};

#define ERR_NONE ((struct err){ 0 })

/* Write the sentence. @code is a negative errno. */
#define err_set(e, code, ...) \
	(err_set_((e), (code), __VA_ARGS__), err_value(code))

/* Write the sentence and add ": " and the text of errno -rc. */
#define err_sys(e, rc, ...) (err_sys_((e), (rc), __VA_ARGS__), err_value(rc))

/* Put "subject: " in front of the sentence. The value is that of @rc, which
 * the caller already has in hand. */
#define err_in(e, rc, ...) (err_in_((e), __VA_ARGS__), err_value(rc))

/* A value that a caller may also leave unused. */
static inline int err_value(int rc)
{
	return rc;
}

/* Add advice; the first hint wins, since who is nearest the cause knows best.
 */
void err_hint(struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Append to the sentence, for lists. */
void err_add(struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

void err_set_(struct err *e, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void err_sys_(struct err *e, int rc, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void err_in_(struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif

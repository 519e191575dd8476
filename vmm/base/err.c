/* base/err.c - see err.h. Text that does not fit is cut, never overrun. */
#include "vmm/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void err_set_(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	e->code = code;
	e->hint[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
}

void err_sys_(struct err *e, int rc, const char *fmt, ...)
{
	size_t used;
	va_list ap;

	e->code = rc;
	e->hint[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	used = strlen(e->text);
	snprintf(e->text + used, sizeof(e->text) - used, ": %s", strerror(-rc));
}

void err_in_(struct err *e, const char *fmt, ...)
{
	char subject[sizeof(e->text)];
	size_t used, keep;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(subject, sizeof(subject) - 2, fmt, ap);
	va_end(ap);
	strcat(subject, ": ");
	used = strlen(subject);
	keep = strlen(e->text);
	if (keep > sizeof(e->text) - 1 - used)
		keep = sizeof(e->text) - 1 - used;
	memmove(e->text + used, e->text, keep);
	memcpy(e->text, subject, used);
	e->text[used + keep] = '\0';
}

void err_hint(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (e->hint[0] != '\0')
		return;
	va_start(ap, fmt);
	vsnprintf(e->hint, sizeof(e->hint), fmt, ap);
	va_end(ap);
}

void err_add(struct err *e, const char *fmt, ...)
{
	size_t used = strlen(e->text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->text + used, sizeof(e->text) - used, fmt, ap);
	va_end(ap);
}

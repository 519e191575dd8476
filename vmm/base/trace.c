/* base/trace.c - where trace lines and the log go
 *
 * A line is put together on the stack and written with one write(2), so lines
 * of several threads do not mix. It is written here and not through sys.c,
 * which would trace the writing of the trace. The globals below are the
 * program's only writable ones: set while there is one thread, read by all, but
 * for the last.
 */
#include "vmm/base/trace.h"

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"

enum { NS_PER_S = 1000000000, LINE_SIZE = 1024, PATIENCE_MS = 1000 };

uint32_t trace_enabled_;
static int trace_fd = STDERR_FILENO;
static uint64_t trace_from_ns;
static enum log_level log_limit_level = LOG_WARN;
static _Thread_local const char *thread_name = "main";
/* lines of the log that nobody read; 0: somebody does */
static atomic_uint unread;

static const char *const category_names[TRACE_CATEGORIES] = {
	[TRACE_HOST] = "host", [TRACE_KVM] = "kvm",	[TRACE_BUS] = "bus",
	[TRACE_PCI] = "pci",   [TRACE_MSI] = "msi",	[TRACE_INTX] = "intx",
	[TRACE_VFIO] = "vfio", [TRACE_DMA] = "dma",	[TRACE_DEV] = "dev",
	[TRACE_BOOT] = "boot", [TRACE_GUEST] = "guest",
};

static const char *const level_names[] = {
	[LOG_ERROR] = "error",
	[LOG_WARN] = "warn",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

/* -------- which categories, and where to -------- */

static int unknown_category(const char *at, size_t n, struct err *e)
{
	(void)err_set(e, -EINVAL, "trace: there is no category '%.*s'", (int)n,
		      at);
	err_hint(e, "categories are all");
	for (unsigned i = 0; i < TRACE_CATEGORIES; i++) {
		size_t used = strlen(e->hint);

		snprintf(e->hint + used, sizeof(e->hint) - used, ", %s",
			 category_names[i]);
	}
	return -EINVAL;
}

static int add_category(const char *at, size_t n, uint32_t *set, struct err *e)
{
	if (n == 3 && memcmp(at, "all", n) == 0) {
		*set |= (1u << TRACE_CATEGORIES) - 1;
		return 0;
	}
	for (unsigned i = 0; i < TRACE_CATEGORIES; i++) {
		if (strlen(category_names[i]) == n &&
		    memcmp(at, category_names[i], n) == 0) {
			*set |= 1u << i;
			return 0;
		}
	}
	return unknown_category(at, n, e);
}

/* The names before @end. */
static int parse_categories(const char *at, const char *end, uint32_t *out,
			    struct err *e)
{
	uint32_t set = 0;

	for (;;) {
		size_t n = strcspn(at, ",:");
		int rc = add_category(at, n, &set, e);

		if (rc < 0)
			return rc;
		at += n;
		if (at == end)
			break;
		at++;
	}
	*out = set;
	return 0;
}

int trace_start(const char *spec, struct err *e)
{
	const char *file = strchr(spec, ':');
	uint32_t set;
	int fd = STDERR_FILENO, rc;

	rc = parse_categories(spec, file ? file : spec + strlen(spec), &set, e);
	if (rc < 0)
		return rc;
	if (file) {
		fd = sys_create(file + 1, O_WRONLY | O_TRUNC | O_APPEND);
		if (fd < 0)
			return err_sys(e, fd, "trace: cannot write to '%s'",
				       file + 1);
	}
	trace_stop();
	trace_fd = fd;
	trace_from_ns = sys_now_ns();
	trace_enabled_ = set;
	return 0;
}

void trace_stop(void)
{
	trace_enabled_ = 0;
	if (trace_fd != STDERR_FILENO)
		sys_close(&trace_fd);
	trace_fd = STDERR_FILENO;
}

void trace_thread(const char *name)
{
	thread_name = name;
}

/* -------- lines -------- */

/* The rest of a line: cut it if need be, end it, write it. */
static void finish_line(int fd, char *line, size_t used, const char *fmt,
			va_list ap)
{
	int n = vsnprintf(line + used, LINE_SIZE - 1 - used, fmt, ap);

	if (n > 0)
		used += (size_t)n;
	if (used > LINE_SIZE - 2)
		used = LINE_SIZE - 2;
	line[used++] = '\n';
	/* Nobody to tell if this fails. */
	if (write(fd, line, used) < 0)
		return;
}

void trace_line(enum trace_category c, const char *fmt, ...)
{
	uint64_t ns = sys_now_ns() - trace_from_ns;
	char line[LINE_SIZE];
	va_list ap;
	int used;

	used = snprintf(line, sizeof(line), "%u.%06u %-6s %-5s ",
			(unsigned)(ns / NS_PER_S),
			(unsigned)(ns % NS_PER_S / 1000), thread_name,
			category_names[c]);
	va_start(ap, fmt);
	finish_line(trace_fd, line, (size_t)used, fmt, ap);
	va_end(ap);
}

/* -------- the log -------- */

int log_set_level(const char *name, struct err *e)
{
	for (unsigned i = 0; i < ARRAY_LEN(level_names); i++) {
		if (strcmp(name, level_names[i]) == 0) {
			log_limit_level = (enum log_level)i;
			return 0;
		}
	}
	(void)err_set(e, -EINVAL, "there is no log level '%s'", name);
	err_hint(e, "log levels are error, warn, info, debug");
	return -EINVAL;
}

bool log_on(enum log_level level)
{
	return level <= log_limit_level;
}

/* Standard error may be a pipe that is full, whose reader sleeps. A line is
 * often written under a device's lock, and what the guest does may be why: so
 * the first is waited for, for a while, and no other until there is room. */
bool log_is_read(void)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
	int rc = poll(&p, 1, atomic_load(&unread) ? 0 : PATIENCE_MS);

	/* a signal: to a vCPU, for instance, which is to end */
	if (rc < 0)
		rc = poll(&p, 1, 0);
	if (rc == 0)
		atomic_fetch_add(&unread, 1);
	return rc != 0;
}

static void write_line(enum log_level level, const char *fmt, va_list ap)
{
	char line[LINE_SIZE];
	int used = snprintf(line, sizeof(line),
			    "minivmm: %s: ", level_names[level]);

	finish_line(STDERR_FILENO, line, (size_t)used, fmt, ap);
}

static void say_unread(unsigned n)
{
	log_line(LOG_WARN, "%u lines are missing here: nobody read them", n);
}

static void log_put(enum log_level level, const char *fmt, va_list ap)
{
	unsigned n;

	if (!log_is_read())
		return;
	n = atomic_exchange(&unread, 0);
	if (n != 0)
		say_unread(n);
	write_line(level, fmt, ap);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	if (!log_on(level))
		return;
	va_start(ap, fmt);
	log_put(level, fmt, ap);
	va_end(ap);
}

/* Give back one line for each second that went by. */
static void refill(struct log_limit *l)
{
	uint64_t now = sys_now_ns();
	uint64_t seconds = (now - l->last_ns) / NS_PER_S;

	if (l->used == 0)
		l->last_ns = now;
	else if (seconds >= l->used)
		*l = (struct log_limit){ .dropped = l->dropped,
					 .last_ns = now };
	else {
		l->used -= (unsigned)seconds;
		l->last_ns += seconds * NS_PER_S;
	}
}

void log_limited(struct log_limit *l, enum log_level level, const char *fmt,
		 ...)
{
	va_list ap;

	if (!log_on(level))
		return;
	refill(l);
	if (l->used >= LOG_LIMIT_BURST) {
		l->dropped++;
		return;
	}
	l->used++;
	if (l->dropped != 0)
		log_line(level, "(%u like the next one were left out)",
			 l->dropped);
	l->dropped = 0;
	va_start(ap, fmt);
	log_put(level, fmt, ap);
	va_end(ap);
}

/* tests/fakes/core.c - lock, trace, failures on request, fds, leaks */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fakes/fake.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void fake_lock(void)
{
	pthread_mutex_lock(&lock);
}

void fake_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

void *xalloc(size_t n)
{
	void *p = calloc(1, n ? n : 1);

	if (!p)
		abort();
	return p;
}

/* -------- growing text: the trace, the list of complaints -------- */

struct text {
	char *buf;
	size_t used, room;
};

static struct text trace, complaints, leaks;

static void text_add(struct text *t, const char *s)
{
	size_t n = strlen(s);

	if (t->used + n + 1 > t->room) {
		t->room = (t->used + n + 1) * 2;
		t->buf = realloc(t->buf, t->room);
		if (!t->buf)
			abort();
	}
	memcpy(t->buf + t->used, s, n + 1);
	t->used += n;
}

static void text_clear(struct text *t)
{
	t->used = 0;
	text_add(t, "");
}

static void text_vadd(struct text *t, const char *fmt, va_list ap)
{
	char line[600];

	vsnprintf(line, sizeof(line), fmt, ap);
	text_add(t, line);
	text_add(t, "\n");
}

void misuse(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	text_vadd(&complaints, fmt, ap);
	va_end(ap);
}

void leak_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	text_vadd(&leaks, fmt, ap);
	va_end(ap);
}

/* -------- failures on request -------- */

enum { MAX_FAILURES = 32 };

struct failure {
	char start[128]; /* empty: any call */
	unsigned nth;	 /* 0: every one */
	int err;
	bool armed;
};

static struct failure failures[MAX_FAILURES];
static unsigned n_failures, n_calls;

static void fail_add(const char *start, unsigned nth, int err)
{
	struct failure *f;

	fake_lock();
	if (n_failures == MAX_FAILURES)
		abort();
	f = &failures[n_failures++];
	snprintf(f->start, sizeof(f->start), "%s", start);
	f->nth = nth;
	f->err = err;
	f->armed = true;
	fake_unlock();
}

void fake_fail_at(unsigned nth, int err)
{
	fail_add("", nth, err);
}

void fake_fail_ioctl(const char *name, unsigned nth, int err)
{
	char start[128];

	/* the space keeps KVM_IRQ_LINE from meaning KVM_IRQ_LINE_STATUS */
	snprintf(start, sizeof(start), "ioctl %s ", name);
	fail_add(start, nth, err);
}

void fake_fail_call(const char *start, unsigned nth, int err)
{
	fail_add(start, nth, err);
}

void fake_fail_none(void)
{
	fake_lock();
	n_failures = 0;
	fake_unlock();
}

static int wanted_failure(const char *line)
{
	int err = 0;

	for (unsigned i = 0; i < n_failures; i++) {
		struct failure *f = &failures[i];

		if (!f->armed || strncmp(line, f->start, strlen(f->start)) != 0)
			continue;
		if (f->nth > 1) {
			f->nth--;
			continue;
		}
		f->armed = f->nth == 0;
		if (err == 0)
			err = f->err;
	}
	return -err;
}

/* -------- calls -------- */

long call_begin(struct call *c, const char *fmt, ...)
{
	va_list ap;

	fake_lock();
	va_start(ap, fmt);
	vsnprintf(c->line, sizeof(c->line), fmt, ap);
	va_end(ap);
	n_calls++;
	return wanted_failure(c->line);
}

void call_begin_void(struct call *c, const char *fmt, ...)
{
	va_list ap;

	fake_lock();
	va_start(ap, fmt);
	vsnprintf(c->line, sizeof(c->line), fmt, ap);
	va_end(ap);
}

long call_end(struct call *c, long rc)
{
	text_add(&trace, c->line);
	if (rc < 0) {
		text_add(&trace, " = -");
		text_add(&trace, strerrorname_np((int)-rc));
	}
	text_add(&trace, "\n");
	fake_unlock();
	return rc;
}

unsigned fake_calls(void)
{
	unsigned n;

	fake_lock();
	n = n_calls;
	fake_unlock();
	return n;
}

const char *fake_trace(void)
{
	return trace.buf ? trace.buf : "";
}

void fake_trace_clear(void)
{
	fake_lock();
	text_clear(&trace);
	fake_unlock();
}

bool fake_trace_has_(const char *const *texts)
{
	const char *at = fake_trace();

	for (; *texts; texts++) {
		const char *found = strstr(at, *texts);

		if (!found) {
			fprintf(stderr, "no '%s' in what follows:\n%s\n",
				*texts, at);
			return false;
		}
		/* the next text must be on a later line */
		at = strchr(found, '\n');
		if (!at)
			at = "";
	}
	return true;
}

unsigned fake_trace_count(const char *text)
{
	unsigned n = 0;

	fake_lock();
	for (const char *at = fake_trace(); (at = strstr(at, text)); n++) {
		at = strchr(at, '\n');
		if (!at)
			at = "";
	}
	fake_unlock();
	return n;
}

/* -------- fds -------- */

struct entry {
	struct obj *o;
	uint64_t serial;
};

static struct entry fds[FAKE_MAX_FDS];
static uint64_t serial, mark;

uint64_t next_serial(void)
{
	return ++serial;
}

uint64_t leak_mark(void)
{
	return mark;
}

void obj_hold(struct obj *o)
{
	o->refs++;
}

void obj_release(struct obj *o)
{
	if (--o->refs == 0 && o->gone)
		o->gone(o);
}

int fd_adopt(struct obj *o, int fd)
{
	if (fd < 0 || fd >= FAKE_MAX_FDS) {
		if (fd >= 0)
			(void)close(fd);
		obj_release(o);
		return -EMFILE;
	}
	fds[fd] = (struct entry){ o, next_serial() };
	o->fd = fd;
	return fd;
}

int fd_new(struct obj *o)
{
	return fd_adopt(o, open("/dev/null", O_RDWR | O_CLOEXEC));
}

static void free_obj(struct obj *o)
{
	free(o);
}

int fd_plain(int fd, enum kind kind, const char *name)
{
	struct obj *o = xalloc(sizeof(*o));

	*o = (struct obj){ .kind = kind, .refs = 1, .gone = free_obj };
	snprintf(o->name, sizeof(o->name), "%s", name);
	return fd_adopt(o, fd);
}

struct obj *fd_obj(int fd)
{
	return fd >= 0 && fd < FAKE_MAX_FDS ? fds[fd].o : NULL;
}

struct obj *fd_obj_of(int fd, enum kind kind)
{
	struct obj *o = fd_obj(fd);

	return o && o->kind == kind ? o : NULL;
}

const char *fd_name(int fd)
{
	struct obj *o = fd_obj(fd);

	return o ? o->name : fd < 0 ? "anonymous" : fd < 3 ? "stdio" : "bad fd";
}

void fd_close(int fd)
{
	struct obj *o = fd_obj(fd);

	if (!o) {
		/* the standard streams were there before us */
		if (fd > 2)
			misuse("close of fd %d, which is not open", fd);
		return;
	}
	fds[fd].o = NULL;
	(void)close(fd);
	if (o->fd == fd)
		o->fd = -1;
	/* a duplicate takes its place */
	for (int i = 0; o->fd < 0 && o->refs > 1 && i < FAKE_MAX_FDS; i++) {
		if (fds[i].o == o)
			o->fd = i;
	}
	if (o->fd < 0 && o->closed)
		o->closed(o);
	obj_release(o);
}

/* -------- leaks, reset -------- */

void fake_mark(void)
{
	fake_lock();
	mark = serial;
	fake_unlock();
}

const char *fake_leaks(void)
{
	fake_lock();
	text_clear(&leaks);
	if (complaints.used != 0)
		text_add(&leaks, complaints.buf);
	for (int i = 0; i < FAKE_MAX_FDS; i++) {
		if (fds[i].o && fds[i].serial > mark)
			leak_note("fd %d is still open: %s", i, fds[i].o->name);
	}
	memory_leaks();
	fake_unlock();
	return leaks.used != 0 ? leaks.buf : NULL;
}

static void raise_fd_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur =
			r.rlim_max < FAKE_MAX_FDS ? r.rlim_max : FAKE_MAX_FDS;
		(void)setrlimit(RLIMIT_NOFILE, &r);
	}
}

void fake_reset(void)
{
	raise_fd_limit();
	fake_servers_stop();
	fake_lock();
	memory_reset();
	for (int i = 0; i < FAKE_MAX_FDS; i++) {
		if (fds[i].o)
			fd_close(i);
	}
	files_reset();
	events_reset();
	kvm_reset();
	vfio_reset();
	text_clear(&trace);
	text_clear(&complaints);
	n_calls = n_failures = 0;
	mark = serial;
	fake_unlock();
}

int fake_setup(void **state)
{
	fake_reset();
	return 0;
}

int fake_teardown(void **state)
{
	const char *left = fake_leaks();

	if (left)
		print_error("left over, or wrong:\n%s", left);
	fake_reset();
	return left ? -1 : 0;
}

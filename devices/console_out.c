/* devices/console_out.c - see console_out.h */
#include "devices/console_out.h"

#include <string.h>

#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/base/trace.h"

enum { NS_PER_MS = 1000000, PATIENCE_MS = 1000, PAUSE_MS = 10 };

/* -------- with o->lock held -------- */

static void lose(struct console_out *o, size_t n)
{
	if (n != 0 && o->lost == 0)
		log_warn("console: output is lost, nobody reads it");
	o->lost += n;
}

/* Write what the reader takes at once. True if it took something, or if there
 * is nobody any more who could: what is left is lost then. */
static bool flush(struct console_out *o)
{
	size_t done = 0;
	ssize_t rc = 0;

	while (done < o->n) {
		rc = sys_write(o->fd, o->buf + done, o->n - done);
		if (rc <= 0)
			break;
		done += (size_t)rc;
	}
	if (rc < 0 && rc != -EAGAIN) {
		lose(o, o->n - done);
		o->n = done;
	}
	memmove(o->buf, o->buf + done, o->n - done);
	o->n -= done;
	if (done != 0 || o->n == 0)
		o->stalled = false;
	return done != 0 || o->n == 0;
}

/* Wait for the reader to take something, within reason. */
static void flush_patiently(struct console_out *o)
{
	unsigned waited = 0;

	while (!flush(o)) {
		if (o->stalled || waited >= PATIENCE_MS) {
			o->stalled = true;
			return;
		}
		sys_sleep_ms(PAUSE_MS);
		waited += PAUSE_MS;
	}
}

static void arm(struct console_out *o)
{
	uint64_t ns = (uint64_t)(o->stalled ? PAUSE_MS : CONSOLE_OUT_DELAY_MS) *
		      NS_PER_MS;

	if (o->armed || o->n == 0)
		return;
	o->armed = sys_timerfd_arm(o->timer_fd, ns) == 0;
	if (!o->armed)
		flush(o); /* slower, not broken */
}

static void put(struct console_out *o, const uint8_t *from, size_t n)
{
	while (n != 0) {
		size_t room = CONSOLE_OUT_SIZE - o->n;
		size_t part = n < room ? n : room;

		memcpy(o->buf + o->n, from, part);
		o->n += part;
		from += part;
		n -= part;
		if (n == 0)
			break;
		if (!o->stalled || !o->armed)
			flush_patiently(o);
		if (o->n == CONSOLE_OUT_SIZE) {
			lose(o, n);
			break;
		}
	}
	arm(o);
}

/* -------- what others call -------- */

void console_out_write(struct console_out *o, const uint8_t *from, size_t n)
{
	pthread_mutex_lock(&o->lock);
	if (o->fd >= 0)
		put(o, from, n);
	pthread_mutex_unlock(&o->lock);
}

static void timer_came(struct loop_fd *f, uint32_t events)
{
	struct console_out *o = container_of(f, struct console_out, timer);
	uint64_t count;

	pthread_mutex_lock(&o->lock);
	/* Nothing to read: console_out_stop was faster. */
	if (o->fd >= 0 && sys_read(f->fd, &count, sizeof(count)) > 0) {
		o->armed = false;
		flush(o);
		arm(o);
	}
	pthread_mutex_unlock(&o->lock);
}

int console_out_start(struct console_out *o, int fd, struct loop *loop,
		      struct err *e)
{
	o->loop = loop;
	o->timer_fd = sys_timerfd();
	if (o->timer_fd < 0)
		return err_sys(e, o->timer_fd, "cannot make a timer");
	o->timer = (struct loop_fd){ .handler = timer_came, .fd = o->timer_fd };
	o->fd = fd;
	return loop_add(loop, &o->timer, EPOLLIN, e);
}

void console_out_stop(struct console_out *o)
{
	if (!o->loop)
		return;
	pthread_mutex_lock(&o->lock);
	loop_remove(o->loop, &o->timer);
	if (o->fd >= 0 && o->n != 0) {
		do
			flush_patiently(o);
		while (o->n != 0 && !o->stalled);
		lose(o, o->n);
		o->n = 0;
	}
	o->fd = -1;
	sys_close(&o->timer_fd);
	pthread_mutex_unlock(&o->lock);
}

/* machine/deadline.c - see deadline.h */
#include "vmm/machine/deadline.h"

#include <time.h>
#include <unistd.h>

#include "vmm/base/sys.h"
#include "vmm/base/trace.h"
#include "vmm/machine/status.h"

#define SECOND UINT64_C(1000000000)

/* Wait until @ns; true if it came, false if the program is done. */
static bool wait_until(struct deadline *d, uint64_t ns)
{
	struct timespec ts = { .tv_sec = (time_t)(ns / SECOND),
			       .tv_nsec = (long)(ns % SECOND) };
	int rc = 0;

	while (!d->done && rc == 0)
		rc = pthread_cond_timedwait(&d->changed, &d->lock, &ts);
	return !d->done;
}

static void *speak(void *arg)
{
	struct deadline *d = arg;

	d->last_words(d);
	_exit(STATUS_TIMEOUT);
}

/* Past the log, whose lock somebody may hold; a reader without room for it does
 * without. */
static void say_the_least(void)
{
	static const char text[] = "minivmm: the time limit passed, and there "
				   "is no thread left to say more\n";

	if (sys_poll(STDERR_FILENO, EPOLLOUT, 0) > 0)
		(void)sys_write(STDERR_FILENO, text, sizeof(text) - 1);
}

/* Words, too, may wait for ever: for a pipe that is full and nobody reads, or
 * a lock of somebody who does. */
static void leave(struct deadline *d)
{
	pthread_t speaker;

	if (pthread_create(&speaker, NULL, speak, d) == 0)
		sys_sleep_ms(DEADLINE_WORDS_S * 1000);
	else
		say_the_least();
	_exit(STATUS_TIMEOUT);
}

static void *deadline_thread(void *arg)
{
	struct deadline *d = arg;

	/* It is older than main's signalfd: SIGTERM would come here, and end
	 * the process the hard way. */
	sys_block_signals();
	trace_thread("deadline");
	if (d->begun)
		d->begun(d);
	pthread_mutex_lock(&d->lock);
	if (wait_until(d, d->at_ns)) {
		d->expired(d);
		if (wait_until(d, d->at_ns + DEADLINE_GRACE_S * SECOND))
			leave(d);
	}
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

int deadline_start(struct deadline *d, unsigned seconds, struct err *e)
{
	pthread_condattr_t attr;
	int rc;

	if (seconds == 0)
		return 0;
	d->done = false;
	d->at_ns = sys_now_ns() + seconds * SECOND;
	pthread_mutex_init(&d->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&d->changed, &attr);
	pthread_condattr_destroy(&attr);
	rc = pthread_create(&d->thread, NULL, deadline_thread, d);
	if (rc != 0)
		return err_sys(e, -rc, "cannot start the time limit's thread");
	d->started = true;
	return 0;
}

void deadline_stop(struct deadline *d)
{
	if (!d->started)
		return;
	pthread_mutex_lock(&d->lock);
	d->done = true;
	pthread_cond_signal(&d->changed);
	pthread_mutex_unlock(&d->lock);
	pthread_join(d->thread, NULL);
	pthread_cond_destroy(&d->changed);
	pthread_mutex_destroy(&d->lock);
	d->started = false;
}

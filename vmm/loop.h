/* vmm/loop.h - the event loop of the main thread
 *
 * epoll over file descriptors, timers and signals. Handlers run on the main
 * thread, one at a time. loop_add and loop_remove may be called from any
 * thread; when loop_remove returns from another thread, the handler may still
 * be running once, unless the caller holds a lock that the handler takes.
 */
#ifndef VMM_LOOP_H
#define VMM_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/err.h"

struct loop_fd;

/* @events: EPOLLIN, EPOLLOUT, EPOLLHUP … that came. */
typedef void loop_handler(struct loop_fd *f, uint32_t events);

/* Embedded in its owner; container_of finds it. */
struct loop_fd {
	loop_handler *handler;
	int fd; /* borrowed */
	bool listed;
};

struct loop {
	int epfd;
	int wake_fd; /* eventfd */
	struct loop_fd wake;
	atomic_bool stop;
	_Atomic uint64_t stop_ns; /* sys_now_ns when it was; 0: not yet */
};

#define LOOP_EMPTY ((struct loop){ .epfd = -1, .wake_fd = -1 })

int loop_open(struct loop *l, struct err *e);
void loop_close(struct loop *l); /* safe half-built, twice, on LOOP_EMPTY */

/* Watch f->fd for @events (EPOLLIN …); f->fd and f->handler are filled in. */
int loop_add(struct loop *l, struct loop_fd *f, uint32_t events, struct err *e);
int loop_change(struct loop *l, struct loop_fd *f, uint32_t events);
void loop_remove(struct loop *l, struct loop_fd *f); /* safe if not added */

/* Run handlers until loop_stop. */
int loop_run(struct loop *l, struct err *e);
/* Any thread, any number of times, also before loop_run. */
void loop_stop(struct loop *l);
/* When that was first called; 0: not yet. Any thread. */
uint64_t loop_stopped_at(struct loop *l);

/* -------- a pause in which the program goes on -------- */

/* As loop_stop, but loop_again will follow: nobody shall hurry. */
void loop_leave(struct loop *l);
/* Main thread, outside of loop_run: undo what loop_leave did. */
void loop_again(struct loop *l);
/* Run handlers for @ms milliseconds, or of what there is already if that is 0;
 * until loop_stop at the latest. Main thread, outside of loop_run. */
int loop_run_for(struct loop *l, unsigned ms, struct err *e);

#endif

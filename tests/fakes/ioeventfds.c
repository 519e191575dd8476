/* tests/fakes/ioeventfds.c - writes that VFIO makes when an eventfd says so
 *
 * Rules are those of vfio_pci_ioeventfd and its handler, Linux 6.12.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fakes/fake.h"

enum { MOST = 1000 };

struct write_by {
	struct listener l;
	struct device *d;
	uint64_t offset, data;
	unsigned n;
	struct write_by *next;
};

static void write_fired(struct listener *l)
{
	struct write_by *w = container_of(l, struct write_by, l);
	uint8_t buf[8];

	le_store(buf, w->n, w->data);
	if (config_memory_on(w->d))
		(void)device_rw(w->d, NULL, buf, w->n, w->offset);
}

static void write_free(struct write_by **p)
{
	struct write_by *w = *p;

	*p = w->next;
	listener_remove(&w->l);
	free(w);
}

void write_by_release(struct device *d)
{
	while (d->writes_by)
		write_free(&d->writes_by);
}

static bool in_reach(const struct device *d, uint64_t offset, unsigned n)
{
	uint64_t at;
	unsigned bar = device_region_of(offset, &at);

	if (bar >= 6 || !range_fits(0, d->region[bar].size, at, n))
		return false;
	return !d->pci.msix.at || bar != d->pci.msix.table_bar ||
	       !range_overlaps(d->pci.msix.table, d->pci.msix.vectors * 16u, at,
			       n);
}

static long write_add(struct device *d, const struct vfio_device_ioeventfd *a,
		      unsigned nr)
{
	struct obj *eventfd = fd_obj_of(a->fd, KIND_EVENTFD);
	struct write_by *w;

	if (a->fd < 0)
		return -ENODEV;
	if (nr >= MOST)
		return -ENOSPC;
	if (!eventfd)
		return fd_obj(a->fd) ? -EINVAL : -EBADF;
	w = xalloc(sizeof(*w));
	*w = (struct write_by){ .l.fired = write_fired,
				.d = d,
				.offset = a->offset,
				.data = a->data,
				.n = a->flags,
				.next = d->writes_by };
	listener_add(&w->l, eventfd);
	d->writes_by = w;
	return 0;
}

long write_by_set(struct device *d, const struct vfio_device_ioeventfd *a)
{
	unsigned n = a->flags, nr = 0;

	if (a->argsz < offsetof(struct vfio_device_ioeventfd, fd) +
			       sizeof(a->fd) ||
	    (n != 1 && n != 2 && n != 4 && n != 8) ||
	    !in_reach(d, a->offset, n))
		return -EINVAL;
	for (struct write_by **p = &d->writes_by; *p; p = &(*p)->next) {
		nr++;
		if ((*p)->offset != a->offset || (*p)->data != a->data ||
		    (*p)->n != n)
			continue;
		if (a->fd >= 0)
			return -EEXIST;
		write_free(p);
		return 0;
	}
	return write_add(d, a, nr);
}

unsigned fake_pci_writes_by(const char *bdf)
{
	unsigned n = 0;

	fake_lock();
	for (struct device *d = device_list(); d; d = d->next) {
		for (struct write_by *w = d->writes_by; w; w = w->next)
			n += strcmp(d->bdf, bdf) == 0;
	}
	fake_unlock();
	return n;
}

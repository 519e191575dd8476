/* vfio/user.c - the I/O address space of functions behind vfio-user
 *
 * There is no IOMMU to program: each server is told where guest RAM is and
 * given the file behind it. So RAM is not pinned, any address will do, and what
 * limits it is what a server says it takes. A BAR that another function shall
 * reach is such a file too, of that BAR's server.
 *
 * Not modelled: taking RAM away from a server that does not play along. What it
 * has mapped it keeps until it exits.
 */
#include "vfio/user.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vfio/trace.h"
#include "vfio/user_dev.h"

enum { MAX_DEVICES = 64 };

struct user_iommu {
	struct vfio_iommu iommu;
	struct loop *loop;
	struct vfio_maps maps;
	int fd[VFIO_MAX_MAPS]; /* borrowed; goes with maps.map[] */
	struct user_dev *dev[MAX_DEVICES];
};

static struct user_iommu *iommu_of(struct vfio_iommu *i)
{
	return container_of(i, struct user_iommu, iommu);
}

/* -------- one server, one range -------- */

static int call_map(struct user_dev *u, const struct vfio_peer *p,
		    struct err *e)
{
	const struct user_dma_map map = {
		.argsz = le32_of(sizeof(map)),
		.flags = le32_of(USER_DMA_MAP_READ | USER_DMA_MAP_WRITE),
		.offset = le64_of(p->fd_off),
		.address = le64_of(p->at),
		.size = le64_of(p->size),
	};
	const struct user_request r = {
		.command = USER_DMA_MAP,
		.head = &map,
		.head_size = sizeof(map),
		.fds = &p->fd,
		.n_fds = 1,
	};
	int rc = user_link_call(&u->link, &r, e);

	if (rc >= 0)
		trace_dma_map(p->at, p->size, p->hva);
	return rc;
}

static int tell_map(struct user_dev *u, const struct vfio_map *m, int fd,
		    struct err *e)
{
	/* each range of RAM has a file of its own */
	const struct vfio_peer p = {
		.at = m->at, .size = m->size, .hva = m->hva, .fd = fd
	};
	int rc = call_map(u, &p, e);

	if (rc < 0)
		return err_in(e, rc, "%s: cannot map guest RAM %#llx to %#llx",
			      u->dev.name, (unsigned long long)m->at,
			      (unsigned long long)(m->at + m->size - 1));
	return 0;
}

/* The reply says that the server uses the range no more. */
static int tell_unmap(struct user_dev *u, iova_t at, uint64_t size,
		      struct err *e)
{
	const struct user_dma_unmap unmap = {
		.argsz = le32_of(sizeof(unmap)),
		.address = le64_of(at),
		.size = le64_of(size),
	};
	const struct user_request r = {
		.command = USER_DMA_UNMAP,
		.head = &unmap,
		.head_size = sizeof(unmap),
	};
	int rc;

	if (user_link_is_dead(&u->link))
		return 0;
	rc = user_link_call(&u->link, &r, e);
	if (rc < 0)
		return err_in(e, rc, "%s: cannot unmap %#llx to %#llx",
			      u->dev.name, (unsigned long long)at,
			      (unsigned long long)(at + size - 1));
	trace_dma_unmap(at, size);
	return 0;
}

/* -------- functions -------- */

static int slot_for(struct user_iommu *i, const char *path,
		    struct user_dev ***out, struct err *e)
{
	struct user_dev **vacant = NULL;

	for (unsigned n = MAX_DEVICES; n-- > 0;) {
		struct user_dev **slot = &i->dev[n];

		if (!*slot)
			vacant = slot;
		else if (strcmp((*slot)->dev.name, path) == 0)
			return err_set(e, -EEXIST, "is given twice");
	}
	if (!vacant)
		return err_set(e, -ENOSPC, "more than %d functions",
			       MAX_DEVICES);
	*out = vacant;
	return 0;
}

static int user_iommu_attach(struct vfio_iommu *iommu,
			     const struct vfio_wanted *w, struct vfio_dev **out,
			     struct err *e)
{
	struct user_iommu *i = iommu_of(iommu);
	struct user_dev **slot = NULL, *u = NULL;
	int rc = slot_for(i, w->name, &slot, e);

	if (rc >= 0)
		rc = user_dev_open(w->name, i->loop, &i->maps, &u, e);
	if (rc < 0)
		return rc;
	for (unsigned n = 0; n < i->maps.n && rc >= 0; n++)
		rc = tell_map(u, &i->maps.map[n], i->fd[n], e);
	if (rc < 0) {
		u->dev.ops->close(&u->dev);
		return rc;
	}
	u->slot = slot;
	*slot = u;
	*out = &u->dev;
	return 0;
}

/* -------- guest RAM -------- */

/* From the first @n servers. */
static int unmap_from(struct user_iommu *i, unsigned n, iova_t at,
		      uint64_t size, struct err *e)
{
	int first = 0;

	while (n-- > 0) {
		struct err scratch = ERR_NONE;
		int rc = 0;

		if (i->dev[n])
			rc = tell_unmap(i->dev[n], at, size, &scratch);
		if (rc < 0 && first == 0) {
			first = rc;
			*e = scratch;
		}
	}
	return first;
}

static int map_to_all(struct user_iommu *i, const struct vfio_map *m, int fd,
		      struct err *e)
{
	for (unsigned n = 0; n < MAX_DEVICES; n++) {
		struct err scratch = ERR_NONE;
		int rc = i->dev[n] ? tell_map(i->dev[n], m, fd, e) : 0;

		if (rc >= 0)
			continue;
		(void)unmap_from(i, n, m->at, m->size, &scratch);
		return rc;
	}
	return 0;
}

static int user_iommu_map(struct vfio_iommu *iommu, iova_t at,
			  const struct ram *r, struct err *e)
{
	struct user_iommu *i = iommu_of(iommu);
	const struct vfio_map m = { at, r->size, r->hva };
	int rc;

	if (r->fd < 0)
		return err_set(e, -EINVAL,
			       "guest RAM %#llx to %#llx is private memory of "
			       "this process: no server can map it",
			       (unsigned long long)at,
			       (unsigned long long)(at + r->size - 1));
	rc = vfio_maps_add(&i->maps, &m, e);
	if (rc < 0)
		return rc;
	i->fd[i->maps.n - 1] = r->fd;
	rc = map_to_all(i, &m, r->fd, e);
	if (rc < 0)
		(void)vfio_maps_remove(&i->maps, at, r->size);
	return rc;
}

static int user_iommu_unmap(struct vfio_iommu *iommu, iova_t at, uint64_t size,
			    struct err *e)
{
	struct user_iommu *i = iommu_of(iommu);

	for (unsigned n = 0; n < i->maps.n; n++) {
		if (i->maps.map[n].at == at && i->maps.map[n].size == size)
			memmove(&i->fd[n], &i->fd[n + 1],
				(i->maps.n - n - 1) * sizeof(i->fd[0]));
	}
	if (!vfio_maps_remove(&i->maps, at, size))
		return err_set(
			e, -EINVAL, "%#llx+%#llx was not mapped as one range",
			(unsigned long long)at, (unsigned long long)size);
	return unmap_from(i, MAX_DEVICES, at, size, e);
}

/* -------- a function's BAR, to the others -------- */

/* A server that died has lost its function, not the others theirs. */
static int user_iommu_peer_map(struct vfio_iommu *iommu,
			       const struct vfio_peer *p, struct err *e)
{
	struct user_iommu *i = iommu_of(iommu);

	assert(p->fd >= 0); /* or we could not have mapped it either */
	for (unsigned n = 0; n < MAX_DEVICES; n++) {
		struct user_dev *u = i->dev[n];
		struct err scratch = ERR_NONE;
		int rc;

		if (!u || user_link_is_dead(&u->link))
			continue;
		rc = call_map(u, p, e);
		if (rc >= 0 || user_link_is_dead(&u->link))
			continue;
		(void)unmap_from(i, n, p->at, p->size, &scratch);
		return err_in(e, rc, "%s", u->dev.name);
	}
	return 0;
}

static int user_iommu_peer_unmap(struct vfio_iommu *iommu,
				 const struct vfio_peer *p, struct err *e)
{
	return unmap_from(iommu_of(iommu), MAX_DEVICES, p->at, p->size, e);
}

/* -------- limits, life -------- */

static int user_iommu_ranges(struct vfio_iommu *iommu, struct range *out,
			     unsigned max, struct err *e)
{
	return 0; /* no IOMMU, no limits */
}

static int user_iommu_facts(struct vfio_iommu *iommu,
			    struct vfio_iommu_facts *out, struct err *e)
{
	struct user_iommu *i = iommu_of(iommu);
	/* nothing is pinned, so there are no spaces in that sense */
	struct vfio_iommu_facts f = { .maps_left = UINT32_MAX };

	for (unsigned n = 0; n < MAX_DEVICES; n++) {
		const struct user_limits *l;
		uint32_t left;

		if (!i->dev[n])
			continue;
		l = &i->dev[n]->link.limits;
		left = l->max_maps > i->maps.n ? l->max_maps - i->maps.n : 0;
		if (left < f.maps_left)
			f.maps_left = left;
		/* a server's smallest page is what it can do at all: keep the
		 * coarsest of these */
		if ((l->page_sizes & -l->page_sizes) >
		    (f.page_sizes & -f.page_sizes))
			f.page_sizes = l->page_sizes;
	}
	*out = f;
	return 0;
}

static int user_iommu_blame(struct vfio_iommu *iommu, const struct range *r)
{
	return -1;
}

static void user_iommu_close(struct vfio_iommu *iommu)
{
	free(iommu_of(iommu));
}

static const struct vfio_iommu_ops user_iommu_ops = {
	.attach = user_iommu_attach,
	.map = user_iommu_map,
	.unmap = user_iommu_unmap,
	.ranges = user_iommu_ranges,
	.facts = user_iommu_facts,
	.blame = user_iommu_blame,
	.peer_map = user_iommu_peer_map,
	.peer_unmap = user_iommu_peer_unmap,
	.close = user_iommu_close,
};

int vfio_user_iommu_open(struct loop *loop, struct vfio_iommu **out,
			 struct err *e)
{
	struct user_iommu *i = calloc(1, sizeof(*i));

	if (!i)
		return err_set(e, -ENOMEM, "out of memory");
	i->iommu.ops = &user_iommu_ops;
	i->loop = loop;
	vfio_maps_init(&i->maps);
	*out = &i->iommu;
	return 0;
}

int vfio_user_function(const char *path, struct vfio_function *out,
		       struct err *e)
{
	struct vfio_function f = { .group = -1, .numa_node = -1 };

	if (path[0] == '\0')
		return err_set(e, -EINVAL, "a socket's path is missing");
	if (strlen(path) > VFIO_SOCKET_PATH_MAX)
		return err_set(e, -EINVAL,
			       "the path of a socket has at most %d bytes",
			       VFIO_SOCKET_PATH_MAX);
	snprintf(f.name, sizeof(f.name), "%s", path);
	snprintf(f.driver, sizeof(f.driver), "vfio-user");
	*out = f;
	return 0;
}

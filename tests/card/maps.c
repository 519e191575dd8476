/* tests/card/maps.c - the bus addresses that a client has mapped for DMA */
#include "tests/card/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "vmm/base/range.h"

/* -------- files -------- */

static int file_find(const struct maps *m, const struct map_file *want)
{
	for (int i = 0; i < MAPS_FILES; i++) {
		const struct map_file *f = &m->file[i];

		if (f->users && f->dev == want->dev && f->ino == want->ino &&
		    f->writable == want->writable && f->size >= want->size)
			return i;
	}
	return -1;
}

static int file_map(struct maps *m, struct map_file *f, int fd)
{
	int prot = PROT_READ | (f->writable ? PROT_WRITE : 0);
	void *p;

	for (int i = 0; i < MAPS_FILES; i++) {
		if (m->file[i].users)
			continue;
		p = mmap(NULL, f->size, prot, MAP_SHARED | MAP_NORESERVE, fd,
			 0);
		if (p == MAP_FAILED)
			return -errno;
		f->bytes = p;
		m->file[i] = *f;
		return i;
	}
	return -ENFILE;
}

/* The slot of @fd's file, of which [0, need) is wanted. */
static int file_get(struct maps *m, int fd, uint64_t need)
{
	struct map_file f = { .size = need };
	int flags = fcntl(fd, F_GETFL);
	struct stat st;
	int slot;

	if (flags < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size < 0 || (uint64_t)st.st_size < need)
		return -EINVAL;
	f.dev = st.st_dev;
	f.ino = st.st_ino;
	f.writable = (flags & O_ACCMODE) == O_RDWR;
	slot = file_find(m, &f);
	if (slot < 0) {
		f.size = (uint64_t)st.st_size;
		slot = file_map(m, &f, fd);
	}
	if (slot >= 0)
		m->file[slot].users++;
	return slot;
}

static void file_put(struct maps *m, int slot)
{
	struct map_file *f;

	if (slot < 0)
		return;
	f = &m->file[slot];
	if (--f->users)
		return;
	munmap(f->bytes, f->size);
	*f = (struct map_file){ 0 };
}

/* -------- the list -------- */

/* The first map that ends behind @iova. */
static unsigned first_behind(const struct maps *m, uint64_t iova)
{
	unsigned low = 0, high = m->n;

	while (low < high) {
		unsigned mid = low + (high - low) / 2;
		const struct map *a = &m->map[mid];

		if (a->iova + (a->size - 1) < iova)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int make_room(struct maps *m)
{
	unsigned room = m->room ? 2 * m->room : 64;
	struct map *more;

	if (m->n == MAPS_MOST)
		return -ENOSPC;
	if (m->n < m->room)
		return 0;
	more = reallocarray(m->map, room, sizeof(*more));
	if (!more)
		return -ENOMEM;
	m->map = more;
	m->room = room;
	return 0;
}

int maps_add(struct maps *m, const struct map *what, int fd)
{
	struct map new = *what;
	unsigned at;
	int rc;

	if (new.size == 0 || range_wraps(new.iova, new.size) ||
	    range_wraps(new.off, new.size) || new.off + new.size == 0)
		return -EINVAL;
	if (new.ways == 0 || new.ways & ~(unsigned)(BUS_READ | BUS_WRITE))
		return -EINVAL;
	at = first_behind(m, new.iova);
	if (at < m->n && range_overlaps(new.iova, new.size, m->map[at].iova,
					m->map[at].size))
		return -EEXIST;
	rc = make_room(m);
	if (rc < 0)
		return rc;
	new.file = fd < 0 ? -1 : file_get(m, fd, new.off + new.size);
	if (fd >= 0 && new.file < 0)
		return new.file;
	memmove(m->map + at + 1, m->map + at, (m->n - at) * sizeof(*m->map));
	m->map[at] = new;
	m->n++;
	return 0;
}

static int remove_some(struct maps *m, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		file_put(m, m->map[i].file);
	if (to != from)
		memmove(m->map + from, m->map + to,
			(m->n - to) * sizeof(*m->map));
	m->n -= to - from;
	return (int)(to - from);
}

int maps_remove(struct maps *m, uint64_t iova, uint64_t size)
{
	unsigned from, to;

	if (size == 0 || range_wraps(iova, size))
		return -EINVAL;
	from = to = first_behind(m, iova);
	if (from < m->n && m->map[from].iova < iova)
		return -EINVAL;
	while (to < m->n &&
	       range_fits(iova, size, m->map[to].iova, m->map[to].size))
		to++;
	if (to < m->n &&
	    range_overlaps(iova, size, m->map[to].iova, m->map[to].size))
		return -EINVAL;
	return remove_some(m, from, to);
}

int maps_remove_all(struct maps *m)
{
	return remove_some(m, 0, m->n);
}

void maps_close(struct maps *m)
{
	(void)maps_remove_all(m);
	free(m->map);
	*m = MAPS_EMPTY;
}

/* -------- DMA -------- */

int maps_find(const struct maps *m, uint64_t iova, enum way way,
	      struct span *out)
{
	unsigned i = first_behind(m, iova);
	const struct map *a;
	uint64_t off;

	if (i == m->n)
		return -EFAULT;
	a = &m->map[i];
	if (a->iova > iova || !(a->ways & way))
		return -EFAULT;
	off = iova - a->iova;
	*out = (struct span){ .n = a->size - off };
	if (a->file >= 0)
		out->bytes = m->file[a->file].bytes + a->off + off;
	return 0;
}

/* A kernel built without CONFIG_CROSS_MEMORY_ATTACH cannot; there a file that
 * became shorter ends the process. */
static void copy_ourselves(const struct span *s, enum way way, void *buf,
			   uint64_t n)
{
	if (way == BUS_READ)
		memcpy(buf, s->bytes, n);
	else
		memcpy(s->bytes, buf, n);
}

int maps_copy(const struct span *s, enum way way, void *buf, uint64_t n)
{
	struct iovec ours = { buf, n }, theirs = { s->bytes, n };
	ssize_t done;

	if (way == BUS_READ)
		done = process_vm_readv(getpid(), &ours, 1, &theirs, 1, 0);
	else
		done = process_vm_writev(getpid(), &ours, 1, &theirs, 1, 0);
	if (done < 0 && errno == ENOSYS) {
		copy_ourselves(s, way, buf, n);
		return 0;
	}
	return done == (ssize_t)n ? 0 : -EFAULT;
}

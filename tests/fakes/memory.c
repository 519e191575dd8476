/* tests/fakes/memory.c - mappings: real memory, accounted for */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fakes/fake.h"

struct mapping {
	uint64_t at, size, serial;
	char name[96];
	struct obj *device; /* the VFIO device it shows, or NULL */
	int prot;
	bool huge;
	struct mapping *next;
};

static struct mapping *mappings;
static uint64_t huge_used;

static void drop(struct mapping **p)
{
	struct mapping *m = *p;

	*p = m->next;
	if (m->huge)
		huge_used -= m->size;
	if (m->device)
		obj_release(m->device);
	free(m);
}

static void add(const struct mapping *from, uint64_t at, uint64_t size)
{
	struct mapping *m = xalloc(sizeof(*m));

	*m = *from;
	m->at = at;
	m->size = size;
	m->next = mappings;
	mappings = m;
	if (m->huge)
		huge_used += size;
	if (m->device)
		obj_hold(m->device);
}

/* Take [at, at + size) out of the list, splitting what sticks out. Returns how
 * many bytes were in it. */
static uint64_t cut(uint64_t at, uint64_t size)
{
	uint64_t end = at + size, found = 0;
	struct mapping **p = &mappings;

	while (*p) {
		struct mapping *m = *p;
		uint64_t m_end = m->at + m->size;
		uint64_t from = m->at > at ? m->at : at;
		uint64_t to = m_end < end ? m_end : end;

		if (from >= to) {
			p = &m->next;
			continue;
		}
		found += to - from;
		if (m->at < from)
			add(m, m->at, from - m->at);
		if (to < m_end)
			add(m, to, m_end - to);
		/* add() put the rests in front: find @m again */
		for (p = &mappings; *p != m; p = &(*p)->next)
			;
		drop(p);
	}
	return found;
}

void memory_reset(void)
{
	while (mappings) {
		(void)munmap((void *)mappings->at, mappings->size);
		drop(&mappings);
	}
	huge_used = 0;
}

void memory_leaks(void)
{
	for (struct mapping *m = mappings; m; m = m->next) {
		if (m->serial > leak_mark())
			leak_note("%#jx bytes are still mapped: %s",
				  (uintmax_t)m->size, m->name);
	}
}

bool memory_covers(uint64_t at, uint64_t size)
{
	uint64_t found = 0;

	for (struct mapping *m = mappings; m; m = m->next) {
		uint64_t from = m->at > at ? m->at : at;
		uint64_t to = m->at + m->size < at + size ? m->at + m->size
							  : at + size;

		if (from < to)
			found += to - from;
	}
	return found == size;
}

static bool slot_shows(uint64_t at, uint64_t size)
{
	struct vm_obj *vm = kvm_vm();

	for (struct slot *s = vm ? vm->slots : NULL; s; s = s->next) {
		if (range_overlaps(s->s.hva, s->s.size, at, size))
			return true;
	}
	return false;
}

bool memory_shows_device(const struct obj *device)
{
	for (struct mapping *m = mappings; m; m = m->next) {
		if (m->device == device &&
		    (slot_shows(m->at, m->size) || dma_uses(m->at, m->size)))
			return true;
	}
	return iommufd_maps_device(container_of(device, struct device, o));
}

bool memory_can_be_pinned(uint64_t at, uint64_t size, bool device_too)
{
	for (struct mapping *m = mappings; m; m = m->next) {
		const struct device *d;

		if (!m->device || !range_overlaps(m->at, m->size, at, size))
			continue;
		d = container_of(m->device, struct device, o);
		/* the kernel has to fault the pages in: decode is on */
		if (!device_too || !config_memory_on(d) ||
		    !(m->prot & PROT_WRITE))
			return false;
	}
	return memory_covers(at, size);
}

void memory_protect_device(const struct obj *device, bool usable)
{
	for (struct mapping *m = mappings; m; m = m->next) {
		if (m->device == device)
			(void)mprotect((void *)m->at, m->size,
				       usable ? m->prot : PROT_NONE);
	}
}

/* -------- mapping -------- */

struct request {
	void *at; /* NULL: anywhere */
	size_t size;
	int prot, flags, fd;
	uint64_t off;
};

static void describe(const struct request *r, char *buf, size_t n)
{
	uint64_t in;
	unsigned region;

	if (fd_obj_of(r->fd, KIND_DEVICE)) {
		region = device_region_of(r->off, &in);
		snprintf(buf, n, "%s region=%u off=%#jx", fd_name(r->fd),
			 region, (uintmax_t)in);
	} else {
		snprintf(buf, n, "%s", fd_name(r->fd));
	}
}

/* The real fd and offset that stand behind r->fd. */
static long backing(const struct request *r, int *fd, uint64_t *off)
{
	struct obj *o = fd_obj(r->fd);
	size_t size;

	*fd = r->fd;
	*off = r->off;
	if (r->fd < 0 || !o)
		return r->fd < 0 ? 0 : -EBADF;
	if (o->kind == KIND_VCPU) {
		*fd = vcpu_memfd(o, &size);
		return r->size <= size ? 0 : -EINVAL;
	}
	if (o->kind == KIND_DEVICE)
		return device_mmap(container_of(o, struct device, o), r->off,
				   r->size, fd, off);
	return o->kind == KIND_FILE ? 0 : -ENODEV;
}

static long map(const struct request *r, void **out)
{
	struct obj *o = fd_obj_of(r->fd, KIND_DEVICE);
	struct mapping m = { .serial = next_serial(),
			     .device = o,
			     .prot = r->prot,
			     .huge = r->flags & MAP_HUGETLB };
	int flags = (r->flags | MAP_NORESERVE) &
		    ~(MAP_HUGETLB | MAP_POPULATE | MAP_LOCKED |
		      (int)((unsigned)MAP_HUGE_MASK << MAP_HUGE_SHIFT));
	uint64_t off;
	void *p;
	int fd;
	long rc = backing(r, &fd, &off);

	if (rc < 0)
		return rc;
	if (r->size == 0 || r->off % FAKE_PAGE != 0 ||
	    (o && !(r->flags & MAP_SHARED)))
		return -EINVAL;
	if (m.huge && huge_used + r->size > host_hugepages())
		return -ENOMEM;
	describe(r, m.name, sizeof(m.name));
	if (r->at && cut((uintptr_t)r->at, r->size) != r->size)
		misuse("mmap at %p: the addresses were not reserved", r->at);
	p = mmap(r->at, r->size, r->prot, flags, fd, (off_t)off);
	if (p == MAP_FAILED)
		return -errno;
	add(&m, (uintptr_t)p, align_up(r->size, FAKE_PAGE));
	if (o && !config_memory_on(container_of(o, struct device, o)))
		(void)mprotect(p, r->size, PROT_NONE);
	*out = p;
	return 0;
}

static int map_call(const struct request *r, void **out)
{
	char text[128];
	struct call c;
	long rc;

	fake_lock();
	describe(r, text, sizeof(text));
	fake_unlock();
	rc = call_begin(&c, "mmap %s size=%#zx", text, r->size);
	if (rc == 0)
		rc = map(r, out);
	return (int)call_end(&c, rc);
}

int sys_mmap(size_t size, int prot, int flags, int fd, uint64_t off, void **out)
{
	return map_call(&(struct request){ NULL, size, prot, flags, fd, off },
			out);
}

int sys_mmap_fixed(void *at, size_t size, int prot, int flags, int fd,
		   uint64_t off)
{
	void *out;

	return map_call(
		&(struct request){ at, size, prot, flags | MAP_FIXED, fd, off },
		&out);
}

static bool shown_device_page(uint64_t at, uint64_t size)
{
	for (struct mapping *m = mappings; m; m = m->next) {
		if (m->device && range_overlaps(m->at, m->size, at, size) &&
		    slot_shows(at, size))
			return true;
	}
	return false;
}

void sys_munmap(void *at, size_t size)
{
	uint64_t from = (uintptr_t)at, room = align_up(size, FAKE_PAGE);
	const char *name = "";
	struct call c;

	fake_lock();
	for (struct mapping *m = mappings; m; m = m->next) {
		if (range_has(m->at, m->size, from))
			name = m->name;
	}
	fake_unlock();
	call_begin_void(&c, "munmap %s size=%#zx", name, size);
	if (shown_device_page(from, room))
		misuse("munmap of device pages that a KVM slot shows");
	if (dma_uses(from, room))
		misuse("munmap of memory that is mapped for DMA");
	if (cut(from, room) != room)
		misuse("munmap of %#zx bytes at %p, which are not mapped", size,
		       at);
	else
		(void)munmap(at, size);
	(void)call_end(&c, 0);
}

int sys_madvise(void *at, size_t size, int advice)
{
	struct call c;
	long rc = call_begin(&c, "madvise size=%#zx advice=%d", size, advice);

	/* Populating would cost real memory; nothing else changes contents
	 * that anyone may rely on. */
	if (rc == 0 && !memory_covers((uintptr_t)at, align_up(size, FAKE_PAGE)))
		rc = -ENOMEM;
	return (int)call_end(&c, rc);
}

int sys_memfd(const char *name, uint64_t size, unsigned flags)
{
	struct call c;
	long rc = call_begin(&c, "memfd %s size=%#jx", name, (uintmax_t)size);

	if (rc == 0 && (flags & MFD_HUGETLB) && size > host_hugepages())
		rc = -ENOMEM;
	if (rc == 0) {
		rc = memfd_create(name, MFD_CLOEXEC);
		if (rc < 0 || ftruncate((int)rc, (off_t)size) < 0)
			rc = -errno;
		else
			rc = fd_plain((int)rc, KIND_FILE, name);
	}
	return (int)call_end(&c, rc);
}

size_t sys_page_size(void)
{
	return FAKE_PAGE;
}

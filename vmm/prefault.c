/* vmm/prefault.c - touch all guest RAM before it is pinned
 *
 * Pinning pages that are not there yet makes the kernel clear them one after
 * another on one thread; clearing dominates the start of a guest with an
 * assigned device (VFIO-DMA-06). So several threads take the RAM chunk by
 * chunk and ask the kernel to populate it. MADV_POPULATE_WRITE (since 5.14)
 * reports a page that cannot be had as an error; older kernels need a write to
 * each page instead.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "vmm/base/sys.h"
#include "vmm/base/trace.h"
#include "vmm/mem.h"

/* As linux/mman.h has it since 5.14; glibc's sys/mman.h since 2.35. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum { MAX_WORKERS = 64 };

#define CHUNK (UINT64_C(32) << 20)

struct work {
	struct mem *mem;
	atomic_uint_fast64_t next; /* chunk to take, over all RAM */
	atomic_int rc;		   /* first failure */
	const atomic_bool *stop;   /* NULL: never */
};

/* Write to every page without changing it: the loader of the kernel may be
 * at work in the same pages. */
static void touch(void *at, uint64_t size)
{
	uint64_t page = sys_page_size();

	for (uint64_t off = 0; off < size; off += page)
		atomic_fetch_or((_Atomic uint8_t *)at + off, 0);
}

static int populate(void *at, uint64_t size)
{
	int rc = sys_madvise(at, size, MADV_POPULATE_WRITE);

	if (rc != -EINVAL) /* EINVAL: before 5.14 */
		return rc;
	touch(at, size);
	return 0;
}

/* The RAM of chunk @n, which lies inside one range; NULL after the last. */
static void *chunk(const struct mem *m, uint64_t n, uint64_t *size)
{
	for (unsigned i = 0; i < m->n_ram; i++) {
		const struct ram *r = &m->ram[i];
		uint64_t chunks = (r->size + CHUNK - 1) / CHUNK;

		if (n < chunks) {
			uint64_t left = r->size - n * CHUNK;

			*size = left < CHUNK ? left : CHUNK;
			return (char *)r->hva + n * CHUNK;
		}
		n -= chunks;
	}
	return NULL;
}

static void work_on(struct work *w)
{
	int none = 0, rc;
	uint64_t size;
	void *at;

	while (atomic_load(&w->rc) == 0 && !(w->stop && *w->stop)) {
		at = chunk(w->mem, atomic_fetch_add(&w->next, 1), &size);
		if (!at)
			break;
		rc = populate(at, size);
		if (rc < 0)
			atomic_compare_exchange_strong(&w->rc, &none, rc);
	}
}

static void *worker(void *arg)
{
	trace_thread("prefault");
	work_on(arg);
	return NULL;
}

static unsigned workers_for(uint64_t size)
{
	uint64_t n = (size + CHUNK - 1) / CHUNK;
	unsigned cpus = sys_cpus_online();

	if (n > cpus)
		n = cpus;
	return n > MAX_WORKERS ? MAX_WORKERS : (unsigned)n;
}

int mem_prefault(struct mem *m, const atomic_bool *stop, struct err *e)
{
	struct work w = { .mem = m, .stop = stop };
	pthread_t thread[MAX_WORKERS];
	unsigned n = workers_for(mem_ram_size(m)), made = 0;
	int rc;

	/* This thread is one of them; a thread that cannot be had only makes
	 * it slower. */
	while (made + 1 < n &&
	       pthread_create(&thread[made], NULL, worker, &w) == 0)
		made++;
	work_on(&w);
	for (unsigned i = 0; i < made; i++)
		pthread_join(thread[i], NULL);
	rc = atomic_load(&w.rc);
	if (rc == 0)
		return 0;
	err_sys(e, rc, "guest memory: cannot populate %" PRIu64 " MiB",
		mem_ram_size(m) >> 20);
	err_hint(e, "give the guest less memory with --mem, or free some "
		    "(huge pages: enlarge the pool)");
	return rc;
}

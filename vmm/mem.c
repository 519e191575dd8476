/* vmm/mem.c - RAM, memory slots and listeners, see mem.h
 *
 * Prefaulting is in prefault.c.
 */
#include "vmm/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/base/range.h"
#include "vmm/base/sys.h"
#include "vmm/trace.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* KVM_MEM_MAX_NR_PAGES of virt/kvm/kvm_main.c: 2^31 - 1 pages a slot. */
#define SLOT_MAX_BYTES ((UINT64_C(1) << 31) * 4096 - 4096)

static void ram_unmap(struct ram *r)
{
	sys_munmap(r->hva, r->size);
	sys_close(&r->fd);
}

static int mem_build(struct mem *m, struct err *e)
{
	m->slot_used = calloc(m->n_slots, 1);
	if (!m->slot_used)
		return err_sys(e, -ENOMEM, "memory slots");
	return 0;
}

int mem_open(struct mem *m, int vm_fd, uint32_t n_slots, struct err *e)
{
	*m = (struct mem){ .vm_fd = vm_fd, .n_slots = n_slots };
	pthread_mutex_init(&m->lock, NULL);
	return mem_build(m, e);
}

/* Backwards: a listener that came later may lean on an earlier one. */
void mem_close(struct mem *m)
{
	while (m->n_listeners > 0)
		mem_unlisten(m, m->listeners[m->n_listeners - 1]);
	/* The slots go with the VM; unmapping is enough. */
	while (m->n_ram > 0) {
		ram_unmap(&m->ram[--m->n_ram]);
		counter_take_owned(&m->slots, 1);
	}
	if (m->slot_used)
		pthread_mutex_destroy(&m->lock);
	free(m->slot_used);
	m->slot_used = NULL;
}

/* -------- slots -------- */

static int slot_take(struct mem *m, uint32_t *out, struct err *e)
{
	uint8_t *free_one = memchr(m->slot_used, 0, m->n_slots);

	if (!free_one)
		return err_set(e, -ENOSPC,
			       "all %" PRIu32 " memory slots are in use",
			       m->n_slots);
	*free_one = 1;
	*out = (uint32_t)(free_one - m->slot_used);
	return 0;
}

static int slot_set(struct mem *m, uint32_t slot, gpa_t base, uint64_t size,
		    void *hva, uint32_t flags)
{
	struct kvm_userspace_memory_region r = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = base,
		.memory_size = size,
		.userspace_addr = (uint64_t)(uintptr_t)hva,
	};

	counter_add_owned(&m->slot_updates, 1);
	return sys_ioctl(m->vm_fd, KVM_SET_USER_MEMORY_REGION, &r);
}

/* With m->lock held. */
static int slot_add_locked(struct mem *m, const struct mem_window *w,
			   uint32_t flags, uint32_t *out, struct err *e)
{
	uint32_t slot;
	int rc;

	rc = slot_take(m, &slot, e);
	if (rc < 0)
		return rc;
	rc = slot_set(m, slot, w->base, w->size, w->hva, flags);
	if (rc < 0) {
		m->slot_used[slot] = 0;
		return err_sys(e, rc,
			       "KVM refuses memory at %#" PRIx64
			       " size %#" PRIx64,
			       w->base, w->size);
	}
	counter_add_owned(&m->slots, 1);
	*out = slot;
	return 0;
}

/* Give what @w describes a slot, which is put into it. */
static int slot_add(struct mem *m, struct mem_window *w, uint32_t flags,
		    struct err *e)
{
	int rc;

	pthread_mutex_lock(&m->lock);
	rc = slot_add_locked(m, w, flags, &w->slot, e);
	pthread_mutex_unlock(&m->lock);
	if (rc == 0)
		trace_slot_set(w->slot, w->base, w->size, w->hva);
	return rc;
}

/* Take it away again. KVM waits until no vCPU can use it (an SRCU grace
 * period). */
static int slot_remove(struct mem *m, const struct mem_window *w)
{
	int rc;

	pthread_mutex_lock(&m->lock);
	rc = slot_set(m, w->slot, w->base, 0, w->hva, 0);
	if (rc == 0) {
		m->slot_used[w->slot] = 0;
		counter_take_owned(&m->slots, 1);
	}
	pthread_mutex_unlock(&m->lock);
	if (rc == 0)
		trace_slot_clear(w->slot, w->base, w->size);
	return rc;
}

/* -------- RAM -------- */

/* Reserve @size bytes of addresses that are equal to @base modulo @align, and
 * give back what the alignment cost. */
static int reserve(gpa_t base, uint64_t size, uint64_t align, void **out)
{
	uint64_t start, at;
	void *all;
	int rc;

	rc = sys_mmap(size + align, PROT_NONE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, &all);
	if (rc < 0)
		return rc;
	start = (uint64_t)(uintptr_t)all;
	at = start + ((base - start) & (align - 1));
	if (at != start)
		sys_munmap(all, at - start);
	if (at != start + align)
		sys_munmap((char *)all + (at - start) + size,
			   start + align - at);
	*out = (char *)all + (at - start);
	return 0;
}

static int no_huge_pages(int rc, uint64_t size, struct err *e)
{
	err_sys(e, rc, "no huge pages for %" PRIu64 " MiB", size / MIB);
	err_hint(e,
		 "make room: echo %" PRIu64
		 " > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
		 size / (2 * MIB));
	return rc;
}

static int map_hugetlb(void *hva, uint64_t size, struct err *e)
{
	/* Without MAP_NORESERVE the pool is charged here and now: a short
	 * pool is an error of mmap, never a SIGBUS later (VFIO-DMA-06). */
	int rc = sys_mmap_fixed(hva, size, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB |
					MAP_HUGE_2MB,
				-1, 0);

	return rc < 0 ? no_huge_pages(rc, size, e) : 0;
}

static int map_plain(void *hva, uint64_t size, struct err *e)
{
	int rc;

	rc = sys_mmap_fixed(hva, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (rc < 0)
		return err_sys(e, rc, "cannot map %" PRIu64 " MiB", size / MIB);
	/* A wish: kernels without transparent huge pages answer EINVAL. */
	sys_madvise(hva, size, MADV_HUGEPAGE);
	return 0;
}

/* RAM that another process can map too: a file without a name. */
static int map_shared(struct ram *r, unsigned flags, struct err *e)
{
	bool huge = flags & MEM_HUGEPAGES;
	int rc;

	r->fd = sys_memfd("guest-ram", r->size,
			  huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0);
	if (r->fd < 0 && huge)
		return no_huge_pages(r->fd, r->size, e);
	if (r->fd < 0)
		return err_sys(e, r->fd, "no shared memory of %" PRIu64 " MiB",
			       r->size / MIB);
	rc = sys_mmap_fixed(r->hva, r->size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | (huge ? 0 : MAP_NORESERVE), r->fd, 0);
	if (rc < 0 && huge)
		return no_huge_pages(rc, r->size, e);
	if (rc < 0)
		return err_sys(e, rc, "cannot map %" PRIu64 " MiB",
			       r->size / MIB);
	if (!huge)
		sys_madvise(r->hva, r->size, MADV_HUGEPAGE);
	return 0;
}

/* The pages behind @r->hva, which is reserved. */
static int populate_range(struct ram *r, unsigned flags, struct err *e)
{
	int rc;

	if (flags & MEM_SHARED)
		rc = map_shared(r, flags, e);
	else if (flags & MEM_HUGEPAGES)
		rc = map_hugetlb(r->hva, r->size, e);
	else
		rc = map_plain(r->hva, r->size, e);
	if (rc < 0)
		return rc;
	/* A child's copy-on-write would give the guest other pages than the
	 * ones that are pinned for DMA (VFIO-OPEN-20). */
	rc = sys_madvise(r->hva, r->size, MADV_DONTFORK);
	return rc < 0 ? err_sys(e, rc, "cannot keep it from children") : 0;
}

static int ram_map(struct ram *r, unsigned flags, struct err *e)
{
	int rc;

	/* Equal modulo 1 GiB, the largest page of KVM's and the IOMMU's
	 * tables; where address space is limited, modulo 2 MiB. */
	rc = reserve(r->base, r->size, GIB, &r->hva);
	if (rc < 0)
		rc = reserve(r->base, r->size, 2 * MIB, &r->hva);
	if (rc < 0)
		return err_sys(e, rc, "cannot reserve %" PRIu64 " MiB",
			       r->size / MIB);
	rc = populate_range(r, flags, e);
	if (rc < 0)
		ram_unmap(r);
	return rc;
}

/* Tell everyone of @r; on failure those who accepted hear of its end. */
static int announce(struct mem *m, const struct ram *r, struct err *e)
{
	unsigned i;
	int rc = 0;

	for (i = 0; i < m->n_listeners; i++) {
		rc = m->listeners[i]->ops->add(m->listeners[i], r, e);
		if (rc < 0)
			break;
	}
	while (rc < 0 && i-- > 0)
		m->listeners[i]->ops->remove(m->listeners[i], r);
	return rc;
}

/* The slot, then the listeners. */
static int ram_show(struct mem *m, struct ram *r, struct err *e)
{
	struct mem_window w = { .base = r->base,
				.size = r->size,
				.hva = r->hva };
	int rc;

	rc = slot_add(m, &w, 0, e);
	if (rc < 0)
		return rc;
	r->slot = w.slot;
	rc = announce(m, r, e);
	if (rc < 0)
		slot_remove(m, &w);
	return rc;
}

static int ram_build(struct mem *m, struct ram *r, unsigned flags,
		     struct err *e)
{
	int rc;

	if (r->size > SLOT_MAX_BYTES)
		return err_set(e, -E2BIG,
			       "%" PRIu64 " GiB are more than KVM takes in one "
			       "memory slot",
			       r->size / GIB);
	rc = ram_map(r, flags, e);
	if (rc < 0)
		return rc;
	rc = ram_show(m, r, e);
	if (rc < 0)
		ram_unmap(r);
	return rc;
}

int mem_add_ram(struct mem *m, gpa_t base, uint64_t size, unsigned flags,
		struct err *e)
{
	struct ram r = { .base = base, .size = size, .fd = -1 };
	int rc;

	assert(m->n_ram < MEM_MAX_RAM && size != 0);
	assert((base | size) % (2 * MIB) == 0 && !range_wraps(base, size));
	for (unsigned i = 0; i < m->n_ram; i++)
		assert(!range_overlaps(m->ram[i].base, m->ram[i].size, base,
				       size));
	rc = ram_build(m, &r, flags, e);
	if (rc < 0)
		return err_in(e, rc, "guest memory");
	m->ram[m->n_ram++] = r;
	trace_ram_add(r.base, r.size, r.hva);
	return 0;
}

void *mem_at(struct mem *m, gpa_t at, uint64_t len)
{
	for (unsigned i = 0; i < m->n_ram; i++) {
		const struct ram *r = &m->ram[i];

		if (range_fits(r->base, r->size, at, len))
			return (char *)r->hva + (at - r->base);
	}
	return NULL;
}

uint64_t mem_ram_size(const struct mem *m)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < m->n_ram; i++)
		sum += m->ram[i].size;
	return sum;
}

/* -------- listeners -------- */

int mem_listen(struct mem *m, struct mem_listener *l, struct err *e)
{
	unsigned i;
	int rc = 0;

	assert(m->n_listeners < MEM_MAX_LISTENERS);
	for (i = 0; i < m->n_ram; i++) {
		rc = l->ops->add(l, &m->ram[i], e);
		if (rc < 0)
			break;
	}
	while (rc < 0 && i-- > 0)
		l->ops->remove(l, &m->ram[i]);
	if (rc == 0)
		m->listeners[m->n_listeners++] = l;
	return rc;
}

void mem_unlisten(struct mem *m, struct mem_listener *l)
{
	unsigned i = 0;

	while (i < m->n_listeners && m->listeners[i] != l)
		i++;
	if (i == m->n_listeners)
		return;
	m->n_listeners--;
	for (; i < m->n_listeners; i++)
		m->listeners[i] = m->listeners[i + 1];
	for (i = m->n_ram; i-- > 0;)
		l->ops->remove(l, &m->ram[i]);
}

/* -------- windows -------- */

int mem_window_show(struct mem *m, struct mem_window *w, gpa_t base, void *hva,
		    uint64_t size, bool readonly, struct err *e)
{
	struct mem_window want = { .base = base, .size = size, .hva = hva };
	uint64_t page = sys_page_size();
	int rc;

	assert(!w->live);
	/* The guest chose the base: an address that cannot be a slot is an
	 * answer, not our mistake. */
	if (size == 0 || (base | size | (uintptr_t)hva) % page != 0 ||
	    range_wraps(base, size) || size > SLOT_MAX_BYTES)
		return err_set(e, -EINVAL,
			       "%#" PRIx64 " size %#" PRIx64
			       " cannot be a memory slot",
			       base, size);
	rc = slot_add(m, &want, readonly ? KVM_MEM_READONLY : 0, e);
	if (rc < 0)
		return rc;
	*w = want;
	w->live = true;
	return 0;
}

void mem_window_hide(struct mem *m, struct mem_window *w)
{
	if (!w->live)
		return;
	if (slot_remove(m, w) < 0)
		log_error("memory slot %" PRIu32 " at %#" PRIx64
			  " cannot be removed",
			  w->slot, w->base);
	w->live = false;
}

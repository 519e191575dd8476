/* vfio/place.c - maps of device memory, at addresses that huge pages like
 *
 * Huge entries in KVM's and the IOMMU's tables need host address and device
 * address to be equal modulo 2 MiB or 1 GiB. A BAR is naturally aligned, so
 * its offset stands in for the device address. Reserve more than is needed,
 * map inside, give the rest back.
 */
#include "vfio/place.h"

#include <inttypes.h>
#include <sys/mman.h>

#include "vmm/base/sys.h"

/* A map of huge pages is made larger by the kernel until it ends with one, and
 * nothing that follows it is safe (ksys_mmap_pgoff, mm/mmap.c). */
static int check_unit(const struct vfio_source *s, uint64_t off, uint64_t n,
		      struct err *e)
{
	if (s->unit == 0 || (s->offset | off | n) % s->unit == 0)
		return 0;
	return err_set(e, -EINVAL,
		       "region %u is in huge pages of %#" PRIx64
		       " bytes: %#" PRIx64 " bytes at %#" PRIx64 " are no "
		       "whole ones",
		       s->index, s->unit, n, off);
}

int vfio_place(const struct vfio_source *s, uint64_t off, uint64_t n, int prot,
	       void **out, struct err *e)
{
	uint64_t align = 1ull << (63 - __builtin_clzll(n));
	uint64_t head;
	void *room;
	uint8_t *at;
	int rc = check_unit(s, off, n, e);

	if (rc < 0)
		return rc;
	if (align > 1ull << 30)
		align = 1ull << 30;
	rc = sys_mmap(n + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0,
		      &room);
	if (rc < 0)
		return err_sys(e, rc, "cannot reserve %#llx bytes of addresses",
			       (unsigned long long)(n + align));
	head = (off - (uint64_t)(uintptr_t)room) & (align - 1);
	at = (uint8_t *)room + head;
	rc = sys_mmap_fixed(at, n, prot, MAP_SHARED, s->fd, s->offset + off);
	if (rc < 0) {
		sys_munmap(room, n + align);
		return err_sys(e, rc, "cannot map region %u at %#llx", s->index,
			       (unsigned long long)off);
	}
	if (head != 0)
		sys_munmap(room, head);
	if (align - head != 0)
		sys_munmap(at + n, align - head);
	*out = at;
	return 0;
}

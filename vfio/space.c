/* vfio/space.c - a container: one I/O address space of the kernel's type 1 */
#include "vfio/space.h"

#include <fcntl.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include "vfio/info.h"
#include "vfio/iova.h"
#include "vfio/refusal.h"
#include "vfio/trace.h"
#include "vmm/base/sys.h"

/* -------- life -------- */

static int check_extensions(struct vfio_space *s, struct err *e)
{
	int rc = sys_ioctl_num(s->fd, VFIO_GET_API_VERSION, 0);

	if (rc < 0)
		return err_sys(e, rc, "/dev/vfio/vfio does not answer");
	if (rc != VFIO_API_VERSION)
		return err_set(e, -EINVAL,
			       "the kernel speaks version %d of "
			       "VFIO, minivmm version %d",
			       rc, VFIO_API_VERSION);
	/* Version 1 of the type has unmap semantics one cannot rely on. */
	if (sys_ioctl_num(s->fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) > 0)
		return 0;
	if (sys_ioctl_num(s->fd, VFIO_CHECK_EXTENSION, VFIO_NOIOMMU_IOMMU) >
	    0) {
		(void)err_set(e, -ENODEV,
			      "VFIO runs without an IOMMU: a function's DMA "
			      "would reach all of the host's memory");
		err_hint(e, "switch on VT-d or AMD-Vi in the firmware; there "
			    "is no way around it for a VM");
		return -ENODEV;
	}
	(void)err_set(e, -ENODEV,
		      "the kernel offers no type 1 (version 2) "
		      "IOMMU");
	err_hint(e, "modprobe vfio_iommu_type1");
	return -ENODEV;
}

int vfio_space_open(struct vfio_space *s, struct err *e)
{
	int rc;

	*s = VFIO_SPACE_EMPTY;
	s->fd = sys_open("/dev/vfio/vfio", O_RDWR);
	if (s->fd < 0)
		return vfio_refused(e, VFIO_STEP_CONTAINER, s->fd,
				    "cannot open /dev/vfio/vfio");
	rc = check_extensions(s, e);
	if (rc < 0)
		vfio_space_close(s);
	return rc;
}

/* Anything that is no container answers ENOTTY, or EINVAL. */
static int check_given(int fd, struct err *e)
{
	int rc = sys_ioctl_num(fd, VFIO_GET_API_VERSION, 0);

	if (rc >= 0)
		return 0;
	(void)err_set(e, rc, "descriptor %d is not /dev/vfio/vfio", fd);
	err_hint(e, "whoever starts minivmm opens /dev/vfio/vfio for reading "
		    "and writing, and leaves it open");
	return rc;
}

int vfio_space_take(struct vfio_space *s, int given, struct err *e)
{
	int rc = check_given(given, e);

	*s = VFIO_SPACE_EMPTY;
	s->fd = given;
	if (rc >= 0)
		rc = check_extensions(s, e);
	if (rc < 0)
		vfio_space_close(s);
	return rc;
}

void vfio_space_close(struct vfio_space *s)
{
	sys_close(&s->fd);
	*s = VFIO_SPACE_EMPTY;
}

int vfio_space_type(struct vfio_space *s)
{
	int rc = sys_ioctl_num(s->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);

	if (rc < 0)
		return rc;
	s->typed = true;
	rc = sys_ioctl_num(s->fd, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU);
	log_info("vfio: DMA is %s",
		 rc > 0 ? "coherent with caches" : "not coherent with caches");
	return 0;
}

/* Requests about maps go to the type, and fail where there is none
 * (drivers/vfio/container.c). */
bool vfio_space_has_type(const struct vfio_space *s)
{
	struct vfio_iommu_type1_info info = { .argsz = sizeof(info) };

	return sys_ioctl(s->fd, VFIO_IOMMU_GET_INFO, &info) >= 0;
}

void vfio_space_left(struct vfio_space *s)
{
	if (--s->groups == 0)
		s->typed = false;
}

/* -------- maps -------- */

static int map_dma(struct vfio_space *s, const struct vfio_map *m)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uint64_t)(uintptr_t)m->hva,
		.iova = m->at,
		.size = m->size,
	};
	int rc = sys_ioctl(s->fd, VFIO_IOMMU_MAP_DMA, &map);

	if (rc >= 0)
		trace_dma_map(m->at, m->size, m->hva);
	return rc;
}

int vfio_space_map(struct vfio_space *s, const struct vfio_map *m,
		   struct err *e)
{
	int rc = map_dma(s, m);

	if (rc < 0)
		return vfio_refused(e, VFIO_STEP_MAP, rc,
				    "cannot map guest RAM %#llx to %#llx for "
				    "DMA",
				    (unsigned long long)m->at,
				    (unsigned long long)(m->at + m->size - 1));
	return 0;
}

/* The kernel looks up where our map of the BAR leads and enters that; it does
 * not follow when the map changes (vfio_iommu_type1.c, follow_fault_pfn). */
int vfio_space_map_peer(struct vfio_space *s, const struct vfio_map *m,
			struct err *e)
{
	int rc = map_dma(s, m);

	if (rc < 0)
		return vfio_refused(e, VFIO_STEP_PEER, rc,
				    "cannot map BAR pages %#llx to %#llx for "
				    "DMA",
				    (unsigned long long)m->at,
				    (unsigned long long)(m->at + m->size - 1));
	return 0;
}

int vfio_space_unmap(struct vfio_space *s, iova_t at, uint64_t size,
		     struct err *e)
{
	struct vfio_iommu_type1_dma_unmap u = {
		.argsz = sizeof(u),
		.iova = at,
		.size = size,
	};
	struct err scratch = ERR_NONE;
	int rc = sys_ioctl(s->fd, VFIO_IOMMU_UNMAP_DMA, &u);

	if (!e)
		e = &scratch;
	if (rc < 0)
		return err_sys(e, rc, "cannot unmap %#llx+%#llx",
			       (unsigned long long)at,
			       (unsigned long long)size);
	trace_dma_unmap(at, size);
	if (u.size == size)
		return 0;
	return err_set(e, -EIO, "unmapped %#llx of %#llx bytes at %#llx",
		       (unsigned long long)u.size, (unsigned long long)size,
		       (unsigned long long)at);
}

int vfio_space_replay(struct vfio_space *s, const struct vfio_maps *m,
		      struct err *e)
{
	for (unsigned n = 0; n < m->n; n++) {
		int rc = vfio_space_map(s, &m->map[n], e);

		if (rc >= 0)
			continue;
		while (n-- > 0)
			(void)vfio_space_unmap(s, m->map[n].at, m->map[n].size,
					       NULL);
		return rc;
	}
	return 0;
}

void vfio_maps_init(struct vfio_maps *m)
{
	m->n = 0;
}

int vfio_maps_add(struct vfio_maps *m, const struct vfio_map *new,
		  struct err *e)
{
	if (m->n == VFIO_MAX_MAPS)
		return err_set(e, -ENOSPC, "more than %d ranges of RAM",
			       VFIO_MAX_MAPS);
	m->map[m->n++] = *new;
	return 0;
}

bool vfio_maps_remove(struct vfio_maps *m, iova_t at, uint64_t size)
{
	for (unsigned n = 0; n < m->n; n++) {
		if (m->map[n].at != at || m->map[n].size != size)
			continue;
		m->n--;
		memmove(&m->map[n], &m->map[n + 1],
			(m->n - n) * sizeof(m->map[0]));
		return true;
	}
	return false;
}

/* -------- what the kernel says about the space -------- */

static int query(struct vfio_space *s, void **out, struct err *e)
{
	return vfio_info_query(s->fd, VFIO_IOMMU_GET_INFO,
			       "VFIO_IOMMU_GET_INFO",
			       sizeof(struct vfio_iommu_type1_info), 0, out, e);
}

static const void *find_cap(const struct vfio_iommu_type1_info *info,
			    size_t size, uint16_t id, size_t min)
{
	if (!(info->flags & VFIO_IOMMU_INFO_CAPS))
		return NULL;
	return vfio_info_cap(info, size, info->cap_offset, id, min);
}

int vfio_space_ranges(struct vfio_space *s, struct range *out, unsigned n,
		      unsigned max, struct err *e)
{
	const struct vfio_iommu_type1_info_cap_iova_range *c;
	void *info;
	size_t fit;
	int size = query(s, &info, e);
	int rc = (int)n;

	if (size < 0)
		return size;
	c = find_cap(info, (size_t)size, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE,
		     sizeof(*c));
	if (c) {
		fit = (vfio_info_room(info, (size_t)size, c) - sizeof(*c)) /
		      sizeof(c->iova_ranges[0]);
		rc = vfio_iova_intersect(
			out, n, max, c->iova_ranges,
			c->nr_iovas < fit ? c->nr_iovas : (unsigned)fit, e);
	}
	free(info);
	return rc;
}

int vfio_space_facts(struct vfio_space *s, struct vfio_iommu_facts *f,
		     struct err *e)
{
	const struct vfio_iommu_type1_info_dma_avail *left;
	const struct vfio_iommu_type1_info *info;
	void *buf;
	int size = query(s, &buf, e);

	if (size < 0)
		return size;
	info = buf;
	f->spaces++;
	if (info->flags & VFIO_IOMMU_INFO_PGSIZES)
		f->page_sizes &= info->iova_pgsizes;
	left = find_cap(info, (size_t)size, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL,
			sizeof(*left));
	if (left && left->avail < f->maps_left)
		f->maps_left = left->avail;
	free(buf);
	return 0;
}

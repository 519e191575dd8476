/* tests/fakes/iommufd.c - /dev/iommu, and a character device for each function
 *
 * Rules are those of drivers/vfio/device_cdev.c, drivers/iommu/iommufd/ and
 * virt/kvm/vfio.c of Linux 6.12. One capability stands for two here: who has
 * CAP_IPC_LOCK has CAP_SYS_RESOURCE too.
 */
#include <errno.h>
#include <linux/iommufd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "tests/fakes/fake.h"

enum { CDEV_MAJOR = 511, MISC_MAJOR = 10, IOMMU_MINOR = 124 };

struct ioas {
	uint32_t id;
	unsigned users; /* functions that are attached */
	struct dma *maps;
	struct ioas *next;
};

struct iommufd {
	struct obj o;
	uint32_t last_id;
	struct ioas *spaces;
	struct iommufd *next;
};

static struct iommufd *contexts;
static bool host_has_it;
static int next_minor;

/* -------- life -------- */

static void drop(struct dma **p)
{
	struct dma *m = *p;

	*p = m->next;
	if (m->file)
		obj_release(m->file);
	free(m);
}

static void drop_maps(struct ioas *s)
{
	while (s->maps)
		drop(&s->maps);
}

static void context_gone(struct obj *o)
{
	struct iommufd *i = container_of(o, struct iommufd, o);
	struct iommufd **p = &contexts;

	while (*p != i)
		p = &(*p)->next;
	*p = i->next;
	while (i->spaces) {
		struct ioas *s = i->spaces;

		i->spaces = s->next;
		drop_maps(s);
		free(s);
	}
	free(i);
}

int iommufd_open(void)
{
	struct iommufd *i = xalloc(sizeof(*i));

	i->o = (struct obj){
		KIND_IOMMUFD, 1, "iommufd", -1, NULL, context_gone
	};
	i->next = contexts;
	contexts = i;
	return fd_new(&i->o);
}

void iommufd_reset(void)
{
	host_has_it = false;
	next_minor = 0;
}

static struct ioas *find(struct iommufd *i, uint32_t id)
{
	struct ioas *s = i->spaces;

	while (s && s->id != id)
		s = s->next;
	return s;
}

/* -------- what an IOAS may hold -------- */

static bool is_attached(const struct device *d, const void *space)
{
	return d->ioas == space;
}

static bool is_usable(const struct ioas *s, uint64_t iova, uint64_t size)
{
	struct vfio_iova_range r[DMA_MAX_RANGES];
	unsigned n = dma_usable(is_attached, s, r);

	for (unsigned i = 0; i < n; i++) {
		if (iova >= r[i].start && iova + (size - 1) <= r[i].end)
			return true;
	}
	return false;
}

static bool overlaps(const struct ioas *s, uint64_t iova, uint64_t size)
{
	for (const struct dma *m = s->maps; m; m = m->next) {
		if (range_overlaps(m->iova, m->size, iova, size))
			return true;
	}
	return false;
}

/* Is there an earlier map of the same pages? They are pinned once. */
static bool counted_before(const struct iommufd *i, const struct dma *m)
{
	for (const struct ioas *s = i->spaces; s; s = s->next) {
		for (const struct dma *o = s->maps; o; o = o->next) {
			if (o == m)
				return false;
			if (s->users != 0 && o->vaddr == m->vaddr)
				return true;
		}
	}
	return false;
}

/* Of all contexts: the kernel counts for the user. */
static uint64_t pinned(void)
{
	uint64_t sum = 0;

	for (struct iommufd *i = contexts; i; i = i->next) {
		for (struct ioas *s = i->spaces; s; s = s->next) {
			for (struct dma *m = s->maps; s->users && m;
			     m = m->next)
				sum += m->file || counted_before(i, m)
					       ? 0
					       : m->size;
		}
	}
	return sum;
}

static bool within_limit(void)
{
	return host_has_memlock_cap() || pinned() <= host_memlock();
}

/* -------- commands of /dev/iommu -------- */

static long ioas_alloc(struct iommufd *i, struct iommu_ioas_alloc *a)
{
	struct ioas *s;

	if (a->flags != 0)
		return -EOPNOTSUPP;
	s = xalloc(sizeof(*s));
	*s = (struct ioas){ .id = ++i->last_id, .next = i->spaces };
	i->spaces = s;
	a->out_ioas_id = s->id;
	return 0;
}

static long destroy(struct iommufd *i, const struct iommu_destroy *d)
{
	struct ioas **p = &i->spaces, *s;

	while (*p && (*p)->id != d->id)
		p = &(*p)->next;
	s = *p;
	if (!s)
		return -ENOENT;
	if (s->users != 0)
		return -EBUSY;
	*p = s->next;
	drop_maps(s);
	free(s);
	return 0;
}

static long add_map(struct ioas *s, const struct dma *new)
{
	struct dma *m;

	if (new->size == 0 ||
	    (new->iova | new->vaddr | new->size) % FAKE_PAGE != 0)
		return -EINVAL;
	if (new->iova + new->size - 1 < new->iova)
		return -EOVERFLOW;
	if (!is_usable(s, new->iova, new->size))
		return -EINVAL;
	if (overlaps(s, new->iova, new->size))
		return -EEXIST;
	if (!new->file && s->users != 0 &&
	    !memory_can_be_pinned(new->vaddr, new->size, false))
		return -EFAULT;
	m = xalloc(sizeof(*m));
	*m = *new;
	m->next = s->maps;
	s->maps = m;
	if (m->file)
		obj_hold(m->file);
	if (within_limit())
		return 0;
	drop(&s->maps);
	return -ENOMEM;
}

static bool are_flags(uint32_t flags)
{
	return (flags & IOMMU_IOAS_MAP_FIXED_IOVA) &&
	       (flags & IOMMU_IOAS_MAP_READABLE) &&
	       (flags & IOMMU_IOAS_MAP_WRITEABLE);
}

static long ioas_map(struct iommufd *i, const struct iommu_ioas_map *m)
{
	struct ioas *s = find(i, m->ioas_id);

	struct dma new = { .iova = m->iova,
			   .size = m->length,
			   .vaddr = m->user_va };

	if (m->__reserved != 0 || !are_flags(m->flags))
		return -EOPNOTSUPP;
	return s ? add_map(s, &new) : -ENOENT;
}

/* Linux 6.19; struct iommu_ioas_map_file, IOMMU_IOAS_MAP_FILE. */
struct map_file {
	uint32_t size, flags, ioas_id;
	int32_t fd;
	uint64_t start, length, iova;
};
enum { MAP_FILE_NR = 0x8f };

static long ioas_map_file(struct iommufd *i, const struct map_file *m)
{
	struct ioas *s = find(i, m->ioas_id);
	struct obj *file = fd_obj_of(m->fd, KIND_DMABUF);
	struct dma new = { .iova = m->iova, .size = m->length, .file = file };
	long rc;

	if (m->size < sizeof(*m) || !are_flags(m->flags))
		return -EOPNOTSUPP;
	if (!s || !file)
		return s ? -EBADF : -ENOENT;
	rc = dmabuf_map_check(file, m->start, m->length);
	if (rc < 0)
		return rc;
	return add_map(s, &new);
}

static long ioas_copy(struct iommufd *i, const struct iommu_ioas_copy *c)
{
	struct ioas *to = find(i, c->dst_ioas_id);
	struct ioas *from = find(i, c->src_ioas_id);

	if (!are_flags(c->flags))
		return -EOPNOTSUPP;
	for (struct dma *m = from ? from->maps : NULL; to && m; m = m->next) {
		if (m->iova == c->src_iova && m->size == c->length)
			return add_map(to, &(struct dma){ .iova = c->dst_iova,
							  .size = c->length,
							  .vaddr = m->vaddr,
							  .file = m->file });
	}
	return -ENOENT;
}

static long ioas_unmap(struct iommufd *i, struct iommu_ioas_unmap *u)
{
	struct ioas *s = find(i, u->ioas_id);
	uint64_t sum = 0;

	if (!s)
		return -ENOENT;
	if (u->length == 0)
		return -EINVAL;
	for (struct dma **p = &s->maps, *m = *p; m; m = *p) {
		if (!range_overlaps(m->iova, m->size, u->iova, u->length)) {
			p = &m->next;
			continue;
		}
		if (!range_fits(u->iova, u->length, m->iova, m->size))
			return -ENOENT;
		sum += m->size;
		drop(p);
	}
	u->length = sum;
	return sum == 0 ? -ENOENT : 0;
}

static long iova_ranges(struct iommufd *i, struct iommu_ioas_iova_ranges *q)
{
	struct iommu_iova_range *out =
		(struct iommu_iova_range *)(uintptr_t)q->allowed_iovas;
	struct vfio_iova_range r[DMA_MAX_RANGES];
	struct ioas *s = find(i, q->ioas_id);
	uint32_t room = q->num_iovas;

	if (!s || q->__reserved != 0)
		return s ? -EOPNOTSUPP : -ENOENT;
	q->num_iovas = dma_usable(is_attached, s, r);
	q->out_iova_alignment = s->users != 0 ? FAKE_PAGE : 1;
	for (uint32_t n = 0; n < room && n < q->num_iovas; n++)
		out[n] = (struct iommu_iova_range){ r[n].start, r[n].end };
	return q->num_iovas > room ? -EMSGSIZE : 0;
}

static long option(struct iommufd *i, const struct iommu_option *o)
{
	if (o->option_id != IOMMU_OPTION_RLIMIT_MODE || o->object_id != 0 ||
	    o->op != IOMMU_OPTION_OP_SET)
		return -EOPNOTSUPP;
	if (!host_has_memlock_cap())
		return -EPERM;
	if (i->spaces)
		return -EBUSY;
	return o->val64 > 1 ? -EINVAL : 0;
}

long iommufd_ioctl(struct obj *o, unsigned long cmd, unsigned long arg)
{
	struct iommufd *i = container_of(o, struct iommufd, o);

	switch (cmd) {
	case IOMMU_IOAS_ALLOC:
		return ioas_alloc(i, (void *)arg);
	case IOMMU_DESTROY:
		return destroy(i, (const void *)arg);
	case IOMMU_IOAS_MAP:
		return ioas_map(i, (const void *)arg);
	case IOMMU_IOAS_COPY:
		return ioas_copy(i, (const void *)arg);
	case IOMMU_IOAS_UNMAP:
		return ioas_unmap(i, (void *)arg);
	case IOMMU_IOAS_IOVA_RANGES:
		return iova_ranges(i, (void *)arg);
	case _IO(IOMMUFD_TYPE, MAP_FILE_NR):
		return ioas_map_file(i, (const void *)arg);
	case IOMMU_OPTION:
		return option(i, (const void *)arg);
	default:
		return -ENOTTY;
	}
}

void iommufd_describe(unsigned long cmd, unsigned long arg, char *buf, size_t n)
{
	const struct iommu_ioas_map *m = (const void *)arg;
	const struct iommu_ioas_copy *c = (const void *)arg;
	const struct iommu_ioas_unmap *u = (const void *)arg;
	const struct map_file *f = (const void *)arg;

	if (cmd == _IO(IOMMUFD_TYPE, MAP_FILE_NR))
		snprintf(buf, n, " ioas=%u iova=%#jx size=%#jx", f->ioas_id,
			 (uintmax_t)f->iova, (uintmax_t)f->length);
	else if (cmd == IOMMU_IOAS_MAP)
		snprintf(buf, n, " ioas=%u iova=%#jx size=%#jx", m->ioas_id,
			 (uintmax_t)m->iova, (uintmax_t)m->length);
	else if (cmd == IOMMU_IOAS_COPY)
		snprintf(buf, n, " ioas=%u from=%u iova=%#jx size=%#jx",
			 c->dst_ioas_id, c->src_ioas_id, (uintmax_t)c->dst_iova,
			 (uintmax_t)c->length);
	else if (cmd == IOMMU_IOAS_UNMAP)
		snprintf(buf, n, " ioas=%u iova=%#jx size=%#jx", u->ioas_id,
			 (uintmax_t)u->iova, (uintmax_t)u->length);
}

dev_t iommufd_number(void)
{
	return makedev(MISC_MAJOR, IOMMU_MINOR);
}

/* -------- the function's node -------- */

dev_t cdev_number(const struct device *d)
{
	return makedev(CDEV_MAJOR, (unsigned)d->minor);
}

/* Opening it claims nothing; binding does. */
int cdev_open(int minor)
{
	struct device *d = device_list();

	while (d && (!d->has_cdev || d->minor != minor))
		d = d->next;
	if (!d)
		return -ENXIO;
	if (!device_is_vfio(d))
		return -ENODEV;
	return device_open_cdev(d);
}

static struct iommufd *owner_of(const struct group *g)
{
	for (struct device *d = device_list(); d; d = d->next) {
		if (d->group == g && d->iommufd)
			return d->iommufd;
	}
	return NULL;
}

/* Tokens since Linux 6.17, if these are headers of such a kernel. */
static long check_bind_flags(struct device *d,
			     const struct vfio_device_bind_iommufd *b)
{
#ifdef VFIO_DEVICE_BIND_FLAG_TOKEN
	const uint8_t *u = (const void *)(uintptr_t)b->token_uuid_ptr;
	char text[37];

	if (b->flags & ~(uint32_t)VFIO_DEVICE_BIND_FLAG_TOKEN)
		return -EINVAL;
	if (b->flags == 0)
		return vf_token_check(d, NULL);
	snprintf(text, sizeof(text),
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
		 "%02x%02x%02x%02x%02x%02x",
		 u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9],
		 u[10], u[11], u[12], u[13], u[14], u[15]);
	return vf_token_check(d, text);
#else
	return b->flags != 0 ? -EINVAL : 0;
#endif
}

static long bind_device(struct device *d, struct vfio_device_bind_iommufd *b)
{
	long rc;

	struct obj *o = fd_obj_of(b->iommufd, KIND_IOMMUFD);
	struct iommufd *i, *owner = owner_of(d->group);

	if (b->argsz < sizeof(*b) || d->iommufd)
		return -EINVAL;
	rc = check_bind_flags(d, b);
	if (rc < 0)
		return rc;
	if (d->group->open)
		return -EBUSY;
	if (!o)
		return fd_obj(b->iommufd) ? -EBADFD : -EBADF;
	i = container_of(o, struct iommufd, o);
	if (!group_is_viable(d->group) || (owner && owner != i))
		return -EPERM;
	d->iommufd = i;
	obj_hold(&i->o);
	d->group->n_bound++;
	b->out_devid = d->devid = ++i->last_id;
	return 0;
}

static void detach(struct device *d)
{
	if (d->ioas)
		d->ioas->users--;
	d->ioas = NULL;
}

static bool fits(const struct ioas *s)
{
	for (const struct dma *m = s->maps; m; m = m->next) {
		if (!is_usable(s, m->iova, m->size))
			return false;
	}
	return true;
}

/* All members of a group share a page table. */
static bool suits(const struct device *d, const struct ioas *s)
{
	if (d->group->incompatible && s->users != 0)
		return false;
	for (struct device *m = device_list(); m; m = m->next) {
		if (m != d && m->group == d->group && m->ioas && m->ioas != s)
			return false;
	}
	return true;
}

static long attach(struct device *d, struct vfio_device_attach_iommufd_pt *a)
{
	struct ioas *s = find(d->iommufd, a->pt_id);
	long rc = 0;

	if (a->argsz < sizeof(*a) || a->flags != 0)
		return -EINVAL;
	if (!s)
		return -ENOENT;
	if (d->ioas || !suits(d, s))
		return -EINVAL;
	d->ioas = s;
	s->users++;
	if (!fits(s))
		rc = -EADDRINUSE;
	else if (!within_limit())
		rc = -ENOMEM;
	if (rc < 0)
		detach(d);
	return rc;
}

long cdev_ioctl(struct device *d, unsigned long cmd, unsigned long arg)
{
	if (cmd == VFIO_DEVICE_BIND_IOMMUFD)
		return bind_device(d, (void *)arg);
	if (!d->iommufd)
		return -EINVAL;
	if (cmd == VFIO_DEVICE_ATTACH_IOMMUFD_PT)
		return attach(d, (void *)arg);
	return device_ioctl(d, cmd, arg);
}

void cdev_closed(struct device *d)
{
	if (d->in_kvm)
		misuse("%s was closed while KVM holds it", d->bdf);
	if (!d->iommufd)
		return;
	detach(d);
	d->group->n_bound--;
	obj_release(&d->iommufd->o);
	d->iommufd = NULL;
}

/* -------- for other parts -------- */

unsigned iommufd_maps(void)
{
	unsigned n = 0;

	for (struct iommufd *i = contexts; i; i = i->next) {
		for (struct ioas *s = i->spaces; s; s = s->next) {
			for (struct dma *m = s->maps; m; m = m->next)
				n++;
		}
	}
	return n;
}

unsigned iommufd_spaces(void)
{
	unsigned n = 0;

	for (struct iommufd *i = contexts; i; i = i->next) {
		for (struct ioas *s = i->spaces; s; s = s->next)
			n++;
	}
	return n;
}

unsigned iommufd_spaces_with(uint64_t iova, uint64_t size)
{
	unsigned n = 0;

	for (struct iommufd *i = contexts; i; i = i->next) {
		for (struct ioas *s = i->spaces; s; s = s->next) {
			bool has = false;

			for (struct dma *m = s->maps; m; m = m->next)
				has |= range_fits(m->iova, m->size, iova, size);
			n += has;
		}
	}
	return n;
}

bool iommufd_maps_device(const struct device *d)
{
	for (struct iommufd *i = contexts; i; i = i->next) {
		for (struct ioas *s = i->spaces; s; s = s->next) {
			for (struct dma *m = s->maps; m; m = m->next) {
				if (m->file && dmabuf_is_of(m->file, d))
					return true;
			}
		}
	}
	return false;
}

bool iommufd_uses(uint64_t at, uint64_t size)
{
	for (struct iommufd *i = contexts; i; i = i->next) {
		for (struct ioas *s = i->spaces; s; s = s->next) {
			for (struct dma *m = s->maps; m; m = m->next) {
				if (!m->file &&
				    range_overlaps(m->vaddr, m->size, at, size))
					return true;
			}
		}
	}
	return false;
}

/* -------- for tests -------- */

void cdev_add(struct device *d)
{
	char path[128], file[64], text[32];

	if (!host_has_it || d->has_cdev || !d->group || !device_is_vfio(d))
		return;
	d->has_cdev = true;
	d->minor = next_minor++;
	snprintf(file, sizeof(file), "vfio-dev/vfio%d/dev", d->minor);
	device_sysfs(d, file, path);
	snprintf(text, sizeof(text), "%d:%d\n", CDEV_MAJOR, d->minor);
	fake_file(path, text);
	snprintf(path, sizeof(path), "/dev/vfio/devices/vfio%d", d->minor);
	fake_lock();
	node_add(path, NODE_CDEV, d->minor);
	fake_unlock();
}

void fake_iommufd(void)
{
	char text[32];

	if (host_has_it)
		return;
	fake_lock();
	host_has_it = true;
	node_add("/dev/iommu", NODE_IOMMUFD, 0);
	fake_unlock();
	snprintf(text, sizeof(text), "%d:%d\n", MISC_MAJOR, IOMMU_MINOR);
	fake_file("/sys/class/misc/iommu/dev", text);
	for (struct device *d = device_list(); d; d = d->next)
		cdev_add(d);
}

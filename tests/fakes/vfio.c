/* tests/fakes/vfio.c - containers and groups
 *
 * Rules are those of drivers/vfio/{container,group}.c and virt/kvm/vfio.c of
 * Linux 6.12.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "tests/fakes/fake.h"

enum { MAX_EXTENSION = 32, GROUP_MAJOR = 243 };

static struct container *containers;
static struct group *groups;
static int extensions[MAX_EXTENSION];

void vfio_reset(void)
{
	device_free_all();
	resets_reset();
	while (groups) {
		struct group *g = groups;

		groups = g->next;
		while (g->reserves) {
			struct reserve *r = g->reserves;

			g->reserves = r->next;
			free(r);
		}
		free(g);
	}
	memset(extensions, 0, sizeof(extensions));
	extensions[VFIO_TYPE1_IOMMU] = 1;
	extensions[VFIO_TYPE1v2_IOMMU] = 1;
	extensions[VFIO_DMA_CC_IOMMU] = 1;
	extensions[VFIO_UNMAP_ALL] = 1;
	iommufd_reset();
	features_reset();
	fake_iommu_width(48);
	fake_iommu_entries(65535);
}

struct container *container_list(void)
{
	return containers;
}

/* -------- containers -------- */

static void container_gone(struct obj *o)
{
	struct container *c = container_of(o, struct container, o);
	struct container **p = &containers;

	while (*p != c)
		p = &(*p)->next;
	*p = c->next;
	dma_drop(c);
	free(c);
}

int container_open(void)
{
	struct container *c = xalloc(sizeof(*c));

	c->o = (struct obj){ KIND_CONTAINER, 1, "container", -1, NULL,
			     container_gone };
	c->next = containers;
	containers = c;
	return fd_new(&c->o);
}

static long check_extension(unsigned long ext)
{
	return ext < MAX_EXTENSION ? extensions[ext] : 0;
}

static long set_iommu(struct container *c, unsigned long type)
{
	/* an empty container has no driver, and a driver is chosen once */
	if (c->n_groups == 0 || c->iommu != 0)
		return -EINVAL;
	if (type != VFIO_TYPE1_IOMMU && type != VFIO_TYPE1v2_IOMMU)
		return -ENODEV;
	if (!check_extension(type))
		return -ENODEV;
	c->iommu = (unsigned)type;
	return 0;
}

long container_ioctl(struct container *c, unsigned long cmd, unsigned long arg)
{
	switch (cmd) {
	case VFIO_GET_API_VERSION:
		return VFIO_API_VERSION;
	case VFIO_CHECK_EXTENSION:
		return check_extension(arg);
	case VFIO_SET_IOMMU:
		return set_iommu(c, arg);
	}
	if (c->iommu == 0)
		return -EINVAL;
	switch (cmd) {
	case VFIO_IOMMU_GET_INFO:
		return dma_info(c, (void *)arg);
	case VFIO_IOMMU_MAP_DMA:
		return dma_map(c, (const void *)arg);
	case VFIO_IOMMU_UNMAP_DMA:
		return dma_unmap(c, (void *)arg);
	default:
		return -ENOTTY;
	}
}

/* -------- groups -------- */

static void group_leave(struct group *g)
{
	struct container *c = g->container;

	g->container = NULL;
	/* the last one out takes the mappings and the driver along */
	if (--c->n_groups == 0) {
		dma_drop(c);
		c->iommu = 0;
	}
	obj_release(&c->o);
}

static void group_closed(struct obj *o)
{
	struct group *g = container_of(o, struct group, o);

	if (g->n_open_devices == 0) {
		if (g->container)
			group_leave(g);
		g->open = false;
	} else {
		misuse("group %d was closed while a device of it is open",
		       g->number);
	}
}

struct group *group_get(int number)
{
	struct group *g = groups;
	char path[64];

	while (g && g->number != number)
		g = g->next;
	if (g)
		return g;
	g = xalloc(sizeof(*g));
	g->o = (struct obj){ KIND_GROUP, 1, "", -1, group_closed, NULL };
	snprintf(g->o.name, sizeof(g->o.name), "group %d", number);
	g->number = number;
	g->next = groups;
	groups = g;
	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%d/devices",
		 number);
	node_add(path, NODE_DIR, 0);
	return g;
}

dev_t group_device(int number)
{
	return makedev(GROUP_MAJOR, (unsigned)number);
}

void group_put_class(int number)
{
	char path[64], text[32];

	snprintf(path, sizeof(path), "/sys/class/vfio/%d/dev", number);
	snprintf(text, sizeof(text), "%d:%d\n", GROUP_MAJOR, number);
	fake_file(path, text);
}

int group_open(int number)
{
	struct group *g = group_get(number);

	if (g->open || g->n_bound != 0)
		return -EBUSY;
	g->open = true;
	obj_hold(&g->o);
	return fd_new(&g->o);
}

bool group_is_viable(const struct group *g)
{
	static const char *const harmless[] = { "", "vfio-pci", "pcieport",
						"pci-stub" };

	for (struct device *d = device_list(); d; d = d->next) {
		bool ok = d->group != g || device_is_vfio(d);

		for (unsigned i = 0; i < ARRAY_LEN(harmless); i++)
			ok |= strcmp(d->driver, harmless[i]) == 0;
		if (!ok)
			return false;
	}
	return true;
}

static long group_status(const struct group *g, struct vfio_group_status *s)
{
	if (s->argsz < sizeof(*s))
		return -EINVAL;
	s->flags = (group_is_viable(g) ? VFIO_GROUP_FLAGS_VIABLE : 0) |
		   (g->container ? VFIO_GROUP_FLAGS_CONTAINER_SET : 0);
	return 0;
}

static long group_set_container(struct group *g, int fd)
{
	struct obj *o = fd_obj_of(fd, KIND_CONTAINER);
	struct container *c;

	if (!o)
		return fd_obj(fd) ? -EINVAL : -EBADF;
	if (g->container)
		return -EINVAL;
	if (!group_is_viable(g))
		return -EPERM;
	c = container_of(o, struct container, o);
	if (c->iommu != 0 && g->incompatible)
		return -EINVAL;
	c->n_groups++;
	obj_hold(&c->o);
	g->container = c;
	return 0;
}

static long group_unset_container(struct group *g)
{
	if (!g->container)
		return -EINVAL;
	if (g->n_open_devices != 0)
		return -EBUSY;
	group_leave(g);
	return 0;
}

/* "0000:01:00.0" or "0000:01:00.0 vf_token=UUID" */
static long group_get_device(struct group *g, const char *text)
{
	static const char key[] = " vf_token=";
	const char *token = strstr(text, key);
	struct device *d;
	char bdf[64];
	long rc;

	snprintf(bdf, sizeof(bdf), "%.*s", (int)strcspn(text, " "), text);
	d = device_in(g, bdf);
	if (!g->container || g->container->iommu == 0)
		return -EINVAL;
	if (!d || !device_is_vfio(d))
		return -ENODEV;
	rc = vf_token_check(d, token ? token + strlen(key) : NULL);
	return rc < 0 ? rc : device_open(d);
}

long group_ioctl(struct group *g, unsigned long cmd, unsigned long arg)
{
	int fd;

	switch (cmd) {
	case VFIO_GROUP_GET_STATUS:
		return group_status(g, (void *)arg);
	case VFIO_GROUP_SET_CONTAINER:
		memcpy(&fd, (const void *)arg, sizeof(fd));
		return group_set_container(g, fd);
	case VFIO_GROUP_UNSET_CONTAINER:
		return group_unset_container(g);
	case VFIO_GROUP_GET_DEVICE_FD:
		return group_get_device(g, (const char *)arg);
	default:
		return -ENOTTY;
	}
}

/* KVM_DEV_VFIO_FILE_ADD and _DEL */
long kvm_vfio_file(int32_t fd, bool add)
{
	struct obj *o = fd_obj(fd);
	bool *known;

	if (!o)
		return -EBADF;
	if (o->kind == KIND_GROUP)
		known = &container_of(o, struct group, o)->in_kvm;
	else if (o->kind == KIND_DEVICE)
		known = &container_of(o, struct device, o)->in_kvm;
	else
		return -EINVAL;
	if (*known == add)
		return add ? -EEXIST : -ENOENT;
	*known = add;
	return 0;
}

/* -------- for tests -------- */

void fake_group_incompatible(int group)
{
	fake_lock();
	group_get(group)->incompatible = true;
	fake_unlock();
}

void fake_vfio_extension(unsigned ext, int answer)
{
	if (ext >= MAX_EXTENSION)
		abort();
	extensions[ext] = answer;
}

void fake_group_reserve(int group, uint64_t start, uint64_t last,
			const char *type)
{
	struct reserve *r = xalloc(sizeof(*r));
	char path[96], text[4096] = "";
	long n;

	fake_lock();
	*r = (struct reserve){ start, last,
			       strcmp(type, "direct-relaxable") == 0,
			       group_get(group)->reserves };
	group_get(group)->reserves = r;
	fake_unlock();
	snprintf(path, sizeof(path),
		 "/sys/kernel/iommu_groups/%d/reserved_regions", group);
	n = fake_file_read(path, text, sizeof(text) - 1);
	n = n < 0 ? 0 : n;
	snprintf(text + n, sizeof(text) - (size_t)n, "0x%016jx 0x%016jx %s\n",
		 (uintmax_t)start, (uintmax_t)last, type);
	fake_file(path, text);
}

/* vfio/group.c - container and group: the classic VFIO interface
 *
 * How it works
 *
 *     vfio_group_iommu_open            attach "0000:01:00.0"
 *       open /dev/vfio/vfio              group of the function (sysfs)
 *       API version, TYPE1v2?            open /dev/vfio/12, viable?
 *                                        join a container   (SET_CONTAINER)
 *     map RAM                            first of it? SET_IOMMU, replay maps
 *       MAP_DMA in each container        KVM learns of the group (FILE_ADD)
 *       that has a type                  GET_DEVICE_FD -> kernel.c
 *
 * The kernel wants this order: without a group a container takes no type, and
 * without a type it takes no map and hands out no device (drivers/vfio/
 * container.c). It forgets type and maps when the last group leaves, so a
 * container then counts as blank here, and the next group that joins types it
 * anew and has every map replayed.
 *
 * The way down, once the last device of a group is closed: FILE_DEL,
 * UNSET_CONTAINER (EBUSY while a device is open), close the group.
 */
#include "vfio/group.h"

#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vfio/group_file.h"
#include "vfio/kernel.h"
#include "vfio/refusal.h"
#include "vfio/sysfs.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/base/trace.h"

enum {
	MAX_GROUPS = 32,
	MAX_DEVICES = 64,
	OPEN_TRIES = 10,
	OPEN_WAIT_MS = 100,
};

struct attached {
	char name[VFIO_NAME_SIZE]; /* empty: slot is free */
	struct vfio_group *group;
};

struct group_iommu {
	struct vfio_iommu iommu;
	struct vfio_groups proof;
	struct vfio_containers host;
	struct vfio_group groups[MAX_GROUPS];
	struct attached attached[MAX_DEVICES];
};

static struct group_iommu *iommu_of(struct vfio_iommu *i)
{
	return container_of(i, struct group_iommu, iommu);
}

/* -------- groups -------- */

static int group_get(struct group_iommu *i, const struct vfio_wanted *w,
		     struct vfio_group **out, struct err *e)
{
	struct vfio_group *vacant = NULL;
	int rc = vfio_group_of(w->name, e);
	int number = rc;

	if (rc < 0)
		return rc;
	for (unsigned n = MAX_GROUPS; n-- > 0;) {
		struct vfio_group *g = &i->groups[n];

		if (g->fd < 0) {
			vacant = g;
		} else if (g->number == number) {
			*out = g;
			return 0;
		}
	}
	if (!vacant)
		return err_set(e, -ENOSPC, "more than %d IOMMU groups",
			       MAX_GROUPS);
	*vacant = (struct vfio_group){
		.fd = -1, .given = w->group, .number = number, .host = &i->host
	};
	rc = vfio_group_join(vacant, w->name, e);
	if (rc < 0) {
		vfio_group_leave(vacant);
		return rc;
	}
	*out = vacant;
	return 0;
}

static int group_fd_of(const struct vfio_groups *p, int number)
{
	const struct group_iommu *i =
		container_of(p, struct group_iommu, proof);

	for (unsigned n = 0; n < MAX_GROUPS; n++) {
		if (i->groups[n].fd >= 0 && i->groups[n].number == number)
			return i->groups[n].fd;
	}
	return -1;
}

/* -------- devices -------- */

/* A device was closed: kernel.c's call. */
static void device_released(void *arg)
{
	struct attached *a = arg;

	a->name[0] = '\0';
	if (--a->group->devices == 0)
		vfio_group_leave(a->group);
}

static int slot_for(struct group_iommu *i, const char *name,
		    struct attached **out, struct err *e)
{
	struct attached *vacant = NULL;

	for (unsigned n = 0; n < MAX_DEVICES; n++) {
		struct attached *a = &i->attached[n];

		if (strcmp(a->name, name) == 0)
			return err_set(e, -EEXIST, "is given twice");
		if (a->name[0] == '\0' && !vacant)
			vacant = a;
	}
	if (!vacant)
		return err_set(e, -ENOSPC, "more than %d functions",
			       MAX_DEVICES);
	*out = vacant;
	return 0;
}

/* Opening tries to reset the function and gives up with EAGAIN when something
 * else has its lock at the moment. */
static int device_fd(const struct vfio_group *g, const struct vfio_wanted *w)
{
	char text[VFIO_NAME_SIZE + 64];
	int rc;

	snprintf(text, sizeof(text), "%s%s%s", w->name,
		 w->vf_token ? " vf_token=" : "",
		 w->vf_token ? w->vf_token : "");
	for (unsigned n = 0;; n++) {
		rc = sys_ioctl_num(g->fd, VFIO_GROUP_GET_DEVICE_FD,
				   (uintptr_t)text);
		if (rc != -EAGAIN || n == OPEN_TRIES)
			return rc;
		sys_sleep_ms(OPEN_WAIT_MS);
	}
}

static int group_iommu_attach(struct vfio_iommu *iommu,
			      const struct vfio_wanted *w,
			      struct vfio_dev **out, struct err *e)
{
	struct group_iommu *i = iommu_of(iommu);
	struct attached *a = NULL;
	struct vfio_group *g = NULL;
	int rc = slot_for(i, w->name, &a, e);

	if (rc < 0)
		return rc;
	rc = group_get(i, w, &g, e);
	if (rc < 0)
		return rc;
	rc = device_fd(g, w);
	if (rc < 0) {
		if (g->devices == 0)
			vfio_group_leave(g);
		return vfio_refused(
			e, w->vf_token ? VFIO_STEP_TOKEN : VFIO_STEP_DEVICE, rc,
			"cannot open the function");
	}
	g->devices++;
	a->group = g;
	snprintf(a->name, sizeof(a->name), "%s", w->name);
	rc = vfio_kernel_open(rc, w->name, device_released, a, out, e);
	if (rc >= 0)
		vfio_kernel_by_group(*out, &i->proof);
	return rc;
}

/* -------- the I/O address space, in each container -------- */

/* In the first @n containers. */
static int unmap_in(struct group_iommu *i, unsigned n, iova_t at, uint64_t size,
		    struct err *e)
{
	int first = 0;

	while (n-- > 0) {
		int rc = 0;

		if (i->host.spaces[n].typed)
			rc = vfio_space_unmap(&i->host.spaces[n], at, size, e);
		if (rc < 0 && first == 0)
			first = rc;
	}
	return first;
}

static int group_iommu_unmap(struct vfio_iommu *iommu, iova_t at, uint64_t size,
			     struct err *e)
{
	struct group_iommu *i = iommu_of(iommu);

	if (!vfio_maps_remove(&i->host.maps, at, size))
		return err_set(
			e, -EINVAL, "%#llx+%#llx was not mapped as one range",
			(unsigned long long)at, (unsigned long long)size);
	return unmap_in(i, VFIO_MAX_SPACES, at, size, e);
}

static int map_in_all(struct group_iommu *i, const struct vfio_map *m,
		      int (*map)(struct vfio_space *s, const struct vfio_map *m,
				 struct err *e),
		      struct err *e)
{
	for (unsigned n = 0; n < VFIO_MAX_SPACES; n++) {
		struct vfio_space *s = &i->host.spaces[n];
		int rc = s->typed ? map(s, m, e) : 0;

		if (rc >= 0)
			continue;
		(void)unmap_in(i, n, m->at, m->size, NULL);
		return rc;
	}
	return 0;
}

static int group_iommu_map(struct vfio_iommu *iommu, iova_t at,
			   const struct ram *r, struct err *e)
{
	struct group_iommu *i = iommu_of(iommu);
	struct vfio_map m = { at, r->size, r->hva };
	int rc = vfio_maps_add(&i->host.maps, &m, e);

	if (rc < 0)
		return rc;
	rc = map_in_all(i, &m, vfio_space_map, e);
	if (rc < 0)
		(void)vfio_maps_remove(&i->host.maps, at, r->size);
	return rc;
}

/* Not in the list of maps: BARs decode only when every group has joined. */
static int group_iommu_peer_map(struct vfio_iommu *iommu,
				const struct vfio_peer *p, struct err *e)
{
	const struct vfio_map m = { p->at, p->size, p->hva };

	return map_in_all(iommu_of(iommu), &m, vfio_space_map_peer, e);
}

static int group_iommu_peer_unmap(struct vfio_iommu *iommu,
				  const struct vfio_peer *p, struct err *e)
{
	return unmap_in(iommu_of(iommu), VFIO_MAX_SPACES, p->at, p->size, e);
}

static int group_iommu_ranges(struct vfio_iommu *iommu, struct range *out,
			      unsigned max, struct err *e)
{
	struct group_iommu *i = iommu_of(iommu);
	int n = 0;

	for (unsigned s = 0; s < VFIO_MAX_SPACES && n >= 0; s++) {
		if (i->host.spaces[s].typed)
			n = vfio_space_ranges(&i->host.spaces[s], out,
					      (unsigned)n, max, e);
	}
	return n;
}

static int group_iommu_facts(struct vfio_iommu *iommu,
			     struct vfio_iommu_facts *out, struct err *e)
{
	struct group_iommu *i = iommu_of(iommu);
	struct vfio_iommu_facts f = { .page_sizes = UINT64_MAX,
				      .maps_left = UINT32_MAX };

	for (unsigned s = 0; s < VFIO_MAX_SPACES; s++) {
		int rc = 0;

		if (i->host.spaces[s].typed)
			rc = vfio_space_facts(&i->host.spaces[s], &f, e);
		if (rc < 0)
			return rc;
	}
	if (f.spaces == 0)
		f.page_sizes = 0;
	*out = f;
	return 0;
}

static int group_iommu_blame(struct vfio_iommu *iommu, const struct range *r)
{
	struct group_iommu *i = iommu_of(iommu);

	for (unsigned n = 0; n < MAX_GROUPS; n++) {
		if (i->groups[n].fd >= 0 &&
		    vfio_group_reserves(i->groups[n].number, r->base, r->size))
			return i->groups[n].number;
	}
	return -1;
}

static void group_iommu_close(struct vfio_iommu *iommu)
{
	struct group_iommu *i = iommu_of(iommu);

	for (unsigned n = 0; n < MAX_GROUPS; n++) {
		if (i->groups[n].fd >= 0)
			vfio_group_leave(&i->groups[n]);
	}
	for (unsigned n = VFIO_MAX_SPACES; n-- > 0;)
		vfio_space_close(&i->host.spaces[n]);
	/* Kept until the last FILE_DEL: closing it first would leave KVM
	 * holding the groups. */
	vfio_kvm_close(&i->host.kvm);
	free(i);
}

static const struct vfio_iommu_ops group_ops = {
	.attach = group_iommu_attach,
	.map = group_iommu_map,
	.unmap = group_iommu_unmap,
	.ranges = group_iommu_ranges,
	.facts = group_iommu_facts,
	.blame = group_iommu_blame,
	.peer_map = group_iommu_peer_map,
	.peer_unmap = group_iommu_peer_unmap,
	.close = group_iommu_close,
};

static bool opens(const char *path)
{
	int fd = sys_open(path, O_RDWR);
	bool ok = fd >= 0 || fd == -EBUSY;

	sys_close(&fd);
	return ok;
}

bool vfio_group_offered(int number)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/vfio/%d", number);
	return number >= 0 && opens("/dev/vfio/vfio") && opens(path);
}

int vfio_group_iommu_open(int vm_fd, int given, struct vfio_iommu **out,
			  struct err *e)
{
	struct group_iommu *i = calloc(1, sizeof(*i));
	int rc;

	if (!i) {
		given = given ? given : -1;
		sys_close(&given);
		return err_set(e, -ENOMEM, "out of memory");
	}
	i->iommu.ops = &group_ops;
	i->proof.fd_of = group_fd_of;
	vfio_maps_init(&i->host.maps);
	i->host.kvm = (struct vfio_kvm){ .vm_fd = vm_fd, .fd = -1 };
	for (unsigned n = 0; n < MAX_GROUPS; n++)
		i->groups[n].fd = -1;
	for (unsigned n = 0; n < VFIO_MAX_SPACES; n++)
		i->host.spaces[n] = VFIO_SPACE_EMPTY;
	rc = given ? vfio_space_take(&i->host.spaces[0], given, e)
		   : vfio_space_open(&i->host.spaces[0], e);
	if (rc < 0) {
		group_iommu_close(&i->iommu);
		return rc;
	}
	*out = &i->iommu;
	return 0;
}

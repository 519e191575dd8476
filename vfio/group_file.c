/* vfio/group_file.c - one IOMMU group: its node, in a container; see header */
#include "vfio/group_file.h"

#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>

#include "vfio/refusal.h"
#include "vfio/sysfs.h"
#include "vmm/base/sys.h"
#include "vmm/base/trace.h"

void vfio_group_leave(struct vfio_group *g)
{
	if (g->kvm_knows)
		vfio_kvm_remove(&g->host->kvm, g->fd);
	g->kvm_knows = false;
	if (g->space) {
		(void)sys_ioctl_num(g->fd, VFIO_GROUP_UNSET_CONTAINER, 0);
		vfio_space_left(g->space);
	}
	g->space = NULL;
	if (g->given != 0)
		g->fd = -1;
	else
		sys_close(&g->fd);
	/* The first container is kept for the next group; further ones only
	 * exist for groups that could not join it. */
	for (unsigned n = 1; n < VFIO_MAX_SPACES; n++) {
		if (g->host->spaces[n].groups == 0)
			vfio_space_close(&g->host->spaces[n]);
	}
}

static int no_group_node(int number, int rc, struct err *e)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/dev/vfio/noiommu-%d", number);
	if (rc != -ENOENT || sys_stat(path, &st) < 0)
		return rc;
	(void)err_set(e, -ENODEV,
		      "group %d has no IOMMU (%s): its DMA would reach all of "
		      "the host's memory",
		      number, path);
	err_hint(e, "switch on VT-d or AMD-Vi in the firmware; there is no way "
		    "around it for a VM");
	return -ENODEV;
}

static int group_node_open(struct vfio_group *g, struct err *e)
{
	char path[64];
	int rc;

	snprintf(path, sizeof(path), "/dev/vfio/%d", g->number);
	g->fd = sys_open(path, O_RDWR);
	if (g->fd >= 0)
		return 0;
	rc = no_group_node(g->number, g->fd, e);
	if (rc != g->fd)
		return rc;
	return vfio_refused_node(e, VFIO_STEP_GROUP, g->fd, path);
}

/* Which device /dev/vfio/N is, whatever /dev is here. */
static int group_device(int number, dev_t *out, struct err *e)
{
	char path[64];
	int rc;

	snprintf(path, sizeof(path), "/sys/class/vfio/%d/dev", number);
	rc = vfio_node_number(path, out);
	return rc < 0 ? err_sys(e, rc, "cannot tell what /dev/vfio/%d is",
				number)
		      : 0;
}

/* Is what was given the node of this group? */
static int group_node_take(struct vfio_group *g, struct err *e)
{
	struct stat st;
	dev_t wanted = 0;
	int rc = group_device(g->number, &wanted, e);

	if (rc < 0)
		return rc;
	rc = sys_fstat(g->given, &st);
	if (rc < 0)
		return err_sys(e, rc, "cannot look at descriptor %d", g->given);
	if (S_ISCHR(st.st_mode) && st.st_rdev == wanted) {
		g->fd = g->given;
		return 0;
	}
	(void)err_set(e, -EINVAL, "descriptor %d is not /dev/vfio/%d", g->given,
		      g->number);
	err_hint(e, "whoever starts minivmm opens that node for reading and "
		    "writing, and leaves it open");
	return -EINVAL;
}

/* Who opened the node may have put it into a container: out of there, as
 * nobody knows what else that container holds. */
static int leave_container(const struct vfio_group *g, struct err *e)
{
	int rc = sys_ioctl_num(g->fd, VFIO_GROUP_UNSET_CONTAINER, 0);

	if (rc >= 0)
		return 0;
	if (rc != -EBUSY)
		return err_sys(e, rc, "group %d does not leave its container",
			       g->number);
	(void)err_set(e, rc,
		      "a function of group %d was opened through descriptor %d "
		      "already",
		      g->number, g->fd);
	err_hint(e, "whoever starts minivmm leaves VFIO_GROUP_GET_DEVICE_FD to "
		    "it");
	return rc;
}

static int group_check(const struct vfio_group *g, struct err *e)
{
	struct vfio_group_status st = { .argsz = sizeof(st) };
	int rc = sys_ioctl(g->fd, VFIO_GROUP_GET_STATUS, &st);

	if (rc < 0)
		return err_sys(e, rc, "cannot ask for the status of group %d",
			       g->number);
	if (!(st.flags & VFIO_GROUP_FLAGS_VIABLE))
		return -EPERM; /* vfio_group_join explains */
	return st.flags & VFIO_GROUP_FLAGS_CONTAINER_SET ? leave_container(g, e)
							 : 0;
}

static int group_node(struct vfio_group *g, struct err *e)
{
	int rc = g->given ? group_node_take(g, e) : group_node_open(g, e);

	return rc < 0 ? rc : group_check(g, e);
}

/* Which cause the reserved regions betray, when the IOMMU said EINVAL. */
static int join_refused(const struct vfio_group *g, enum vfio_step step, int rc,
			struct err *e)
{
	if (rc == -EINVAL && vfio_explain_firmware(g->number, e) < 0)
		return rc;
	if (step == VFIO_STEP_SET_CONTAINER)
		return vfio_refused(e, step, rc,
				    "group %d cannot join an I/O address space",
				    g->number);
	return vfio_refused(e, step, rc, "no IOMMU for group %d", g->number);
}

/* A container that was given may be in use; one of ours is not. */
static int type_refused(const struct vfio_group *g, int rc, struct err *e)
{
	if (rc != -EINVAL || !vfio_space_has_type(g->space))
		return join_refused(g, VFIO_STEP_SET_IOMMU, rc, e);
	(void)err_set(e, rc, "the container (descriptor %d) is in use already",
		      g->space->fd);
	err_hint(e, "whoever starts minivmm leaves VFIO_SET_IOMMU to it");
	return rc;
}

/* Put the group into @s; -EAGAIN: it does not go there, another may take it. */
static int try_space(struct vfio_group *g, struct vfio_space *s, struct err *e)
{
	int32_t fd = s->fd;
	bool blank = !s->typed;
	int rc = sys_ioctl(g->fd, VFIO_GROUP_SET_CONTAINER, &fd);

	if (rc < 0 && !blank && rc != -EBUSY)
		return -EAGAIN;
	if (rc < 0)
		return join_refused(g, VFIO_STEP_SET_CONTAINER, rc, e);
	g->space = s;
	s->groups++;
	if (!blank)
		return 0;
	rc = vfio_space_type(s);
	if (rc < 0)
		return type_refused(g, rc, e);
	return vfio_space_replay(s, &g->host->maps, e);
}

/* First a container that is there, then a new one: VFIO-OPEN-03. */
static int join_space(struct vfio_group *g, struct err *e)
{
	for (unsigned n = 0; n < VFIO_MAX_SPACES; n++) {
		struct vfio_space *s = &g->host->spaces[n];
		int rc;

		if (s->fd < 0) {
			rc = vfio_space_open(s, e);
			if (rc < 0)
				return rc;
			log_info("vfio: group %d needs a container of its own",
				 g->number);
		}
		rc = try_space(g, s, e);
		if (rc != -EAGAIN)
			return rc;
	}
	return err_set(e, -ENOSPC,
		       "too many groups that cannot share an I/O "
		       "address space");
}

int vfio_group_join(struct vfio_group *g, const char *bdf, struct err *e)
{
	int rc = group_node(g, e);

	if (rc >= 0) {
		rc = join_space(g, e);
		/* the kernel claims the group's DMA only now */
		if (rc == -EBUSY)
			return vfio_explain_viability(g->number, bdf, e);
	} else if (g->fd >= 0 && rc == -EPERM) {
		return vfio_explain_viability(g->number, bdf, e);
	}
	if (rc < 0)
		return rc;
	/* before a device is opened, which latches the KVM pointer */
	rc = vfio_kvm_add(&g->host->kvm, g->fd, e);
	g->kvm_knows = rc >= 0;
	return rc < 0 ? err_in(e, rc, "group %d", g->number) : 0;
}

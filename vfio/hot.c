/* vfio/hot.c - hot reset: a reset of the bus or slot that functions share */
#include "vfio/hot.h"

#include <linux/pci.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>

#include "vfio/sysfs.h"
#include "vmm/base/sys.h"

enum {
	ASK_TRIES = 8, /* functions come while we ask: SR-IOV */
	FIRST_ROOM = 8,
};

static size_t info_size(unsigned n)
{
	return sizeof(struct vfio_pci_hot_reset_info) +
	       n * sizeof(struct vfio_pci_dependent_device);
}

/* One question, with room for @room functions; on success the answer is the
 * caller's to free. */
static int ask_once(int fd, unsigned room, struct vfio_pci_hot_reset_info **out,
		    unsigned *count)
{
	struct vfio_pci_hot_reset_info *i = calloc(1, info_size(room));
	int rc;

	if (!i)
		return -ENOMEM;
	i->argsz = (uint32_t)info_size(room);
	rc = sys_ioctl(fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, i);
	*count = i->count;
	if (rc >= 0 && i->count > room)
		rc = -ENOSPC;
	if (rc >= 0)
		*out = i;
	else
		free(i);
	return rc;
}

/* The list may grow between two questions (ENOSPC), or while the kernel
 * gathers it (EAGAIN). VFIO-RST-08. */
static int ask(int fd, struct vfio_pci_hot_reset_info **out, struct err *e)
{
	unsigned room = FIRST_ROOM, count = 0;
	int rc = -EAGAIN;

	for (unsigned n = 0; n < ASK_TRIES; n++) {
		rc = ask_once(fd, room, out, &count);
		if (rc != -ENOSPC && rc != -EAGAIN)
			break;
		if (count > VFIO_MAX_HIT)
			return err_set(e, -E2BIG,
				       "a reset of its bus would hit %u "
				       "functions",
				       count);
		room = count > room ? count : room;
	}
	if (rc < 0)
		return err_sys(e, rc, "its bus cannot be reset");
	return 0;
}

/* The kernel resets what a vfio driver holds, nothing else: a function without
 * a driver stands in no one's way, but in that of a reset. */
static bool group_is_proof(const struct vfio_groups *g, const char *bdf,
			   uint32_t group)
{
	char driver[64];

	if (!g || group > INT32_MAX || g->fd_of(g, (int)group) < 0)
		return false;
	vfio_driver_of(bdf, driver, sizeof(driver));
	return vfio_is_vfio_driver(driver);
}

/* A segment has 16 bits in the answer, and more in Linux: VMD's begin at
 * 0x10000. All of a bus are in one, that of @name, who asked. */
static unsigned long domain_of(const char *name, uint16_t segment)
{
	unsigned long domain = strtoul(name, NULL, 16);

	return (uint16_t)domain == segment ? domain : segment;
}

/* Which of the two numbers an entry holds, only the flag says. */
static void take(const char *name, const struct vfio_groups *g, uint32_t flags,
		 const struct vfio_pci_dependent_device *from,
		 struct vfio_hit *to)
{
	snprintf(to->bdf, sizeof(to->bdf), "%04lx:%02x:%02x.%x",
		 domain_of(name, from->segment), from->bus,
		 (unsigned)PCI_SLOT(from->devfn),
		 (unsigned)PCI_FUNC(from->devfn));
	if (flags & VFIO_PCI_HOT_RESET_FLAG_DEV_ID)
		to->ours = from->devid != (uint32_t)VFIO_PCI_DEVID_NOT_OWNED;
	else
		to->ours = group_is_proof(g, to->bdf, from->group_id);
}

int vfio_hot_ask(int fd, const char *name, const struct vfio_groups *g,
		 struct vfio_hot_set *out, struct err *e)
{
	struct vfio_pci_hot_reset_info *i;
	int rc = ask(fd, &i, e);

	if (rc < 0)
		return rc;
	out->n = i->count;
	for (unsigned n = 0; n < i->count; n++)
		take(name, g, i->flags, &i->devices[n], &out->hit[n]);
	free(i);
	return 0;
}

/* -------- the reset -------- */

static bool has_fd(const struct vfio_pci_hot_reset *r, int fd)
{
	for (unsigned n = 0; n < r->count; n++) {
		if (r->group_fds[n] == fd)
			return true;
	}
	return false;
}

/* The descriptor of each group once: the kernel takes no more of them than
 * there are functions. */
static void gather(const struct vfio_groups *g,
		   const struct vfio_pci_hot_reset_info *i,
		   struct vfio_pci_hot_reset *r)
{
	if (!g || i->flags & VFIO_PCI_HOT_RESET_FLAG_DEV_ID)
		return;
	for (unsigned n = 0; n < i->count; n++) {
		int fd = g->fd_of(g, (int)i->devices[n].group_id);

		if (fd >= 0 && !has_fd(r, fd))
			r->group_fds[r->count++] = fd;
	}
}

int vfio_hot_reset(int fd, const struct vfio_groups *g, struct err *e)
{
	struct vfio_pci_hot_reset_info *i;
	struct vfio_pci_hot_reset *r;
	int rc = ask(fd, &i, e);

	if (rc < 0)
		return rc;
	r = calloc(1, sizeof(*r) + i->count * sizeof(r->group_fds[0]));
	if (!r) {
		free(i);
		return err_set(e, -ENOMEM, "out of memory");
	}
	gather(g, i, r);
	r->argsz = (uint32_t)(sizeof(*r) + r->count * sizeof(r->group_fds[0]));
	rc = sys_ioctl(fd, VFIO_DEVICE_PCI_HOT_RESET, r);
	free(r);
	free(i);
	return rc < 0 ? err_sys(e, rc, "its bus cannot be reset") : 0;
}

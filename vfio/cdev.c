/* vfio/cdev.c - the character device of one function */
#include "vfio/cdev.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/sysmacros.h>

#include "vfio/name.h"
#include "vfio/refusal.h"
#include "vfio/sysfs.h"
#include "vmm/base/sys.h"

enum { NAME_SIZE = 32 };

struct cdev {
	char path[64];
	dev_t number; /* as the kernel has it */
};

static int take_first(const char *name, void *arg)
{
	snprintf(arg, NAME_SIZE, "%s", name);
	return 1;
}

/* vfio-dev/vfioN is there for every vfio device since Linux 6.1, its file dev
 * only if it has a node. -ENOENT: it has none. */
static int find(const char *function, struct cdev *out)
{
	char dir[VFIO_SYSFS_PATH_SIZE], name[NAME_SIZE];
	char file[sizeof(dir) + NAME_SIZE + 8];
	int rc;

	vfio_name_path(function, "vfio-dev", dir);
	rc = sys_list(dir, take_first, name);
	if (rc <= 0)
		return rc < 0 ? rc : -ENOENT;
	snprintf(file, sizeof(file), "%s/%s/dev", dir, name);
	rc = vfio_node_number(file, &out->number);
	if (rc < 0)
		return rc;
	snprintf(out->path, sizeof(out->path), "/dev/vfio/devices/%s", name);
	return 0;
}

/* A node made by hand, or left over, may be of another function
 * (VFIO-OPEN-10). */
static int check_number(int fd, const struct cdev *c, struct err *e)
{
	struct stat st;
	int rc = sys_fstat(fd, &st);

	if (rc < 0)
		return err_sys(e, rc, "cannot look at %s", c->path);
	if (st.st_rdev == c->number)
		return 0;
	(void)err_set(e, -ENODEV,
		      "%s is device %u:%u, but the function is device %u:%u",
		      c->path, major(st.st_rdev), minor(st.st_rdev),
		      major(c->number), minor(c->number));
	err_hint(e, "remove the node: the kernel makes the right one when the "
		    "function is bound to its driver anew");
	return -ENODEV;
}

static int must_find(const char *function, struct cdev *out, struct err *e)
{
	int rc = find(function, out);

	if (rc < 0) {
		(void)err_sys(e, rc, "has no node in /dev/vfio/devices");
		err_hint(e, "this takes Linux 6.6 or newer with "
			    "CONFIG_VFIO_DEVICE_CDEV; --iommu=group does "
			    "without");
	}
	return rc;
}

int vfio_cdev_check(const char *function, int fd, struct err *e)
{
	struct stat st;
	struct cdev c;
	int rc = must_find(function, &c, e);

	if (rc < 0)
		return rc;
	rc = sys_fstat(fd, &st);
	if (rc < 0)
		return err_sys(e, rc, "cannot look at descriptor %d", fd);
	if (S_ISCHR(st.st_mode) && st.st_rdev == c.number)
		return 0;
	(void)err_set(e, -EINVAL, "descriptor %d is not %s", fd, c.path);
	err_hint(e, "whoever starts minivmm opens that node for reading and "
		    "writing, and leaves it open");
	return -EINVAL;
}

int vfio_cdev_open(const char *function, struct err *e)
{
	struct cdev c;
	int rc = must_find(function, &c, e);
	int fd;

	if (rc < 0)
		return rc;
	fd = sys_open(c.path, O_RDWR);
	if (fd < 0)
		return vfio_refused_node(e, VFIO_STEP_CDEV, fd, c.path);
	rc = check_number(fd, &c, e);
	if (rc < 0)
		sys_close(&fd);
	return rc < 0 ? rc : fd;
}

static bool opens(const char *path)
{
	int fd = sys_open(path, O_RDWR);
	bool ok = fd >= 0;

	sys_close(&fd);
	return ok;
}

bool vfio_cdev_offered(const char *function)
{
	struct cdev c;

	return find(function, &c) == 0 && opens("/dev/iommu") && opens(c.path);
}

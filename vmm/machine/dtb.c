/* machine/dtb.c - see dtb.h */
#include "vmm/machine/dtb.h"

#include <fcntl.h>
#include <stdlib.h>

#include "firmware/fdt.h"
#include "vmm/base/sys.h"
#include "vmm/machine/outfile.h"

enum { DTB_MAX = 256 * 1024 };

static int write_file(const char *path, const uint8_t *from, size_t n,
		      struct err *e)
{
	int fd = sys_create(path, O_WRONLY | O_TRUNC), rc;

	if (fd < 0)
		return err_sys(e, fd, "cannot create %s", path);
	rc = outfile_put(fd, from, n);
	sys_close(&fd);
	return rc < 0 ? err_sys(e, rc, "cannot write %s", path) : 0;
}

int dtb_dump(const struct platform *p, const char *path, struct err *e)
{
	uint8_t *tree = malloc(DTB_MAX);
	int rc;

	if (!tree)
		return err_set(e, -ENOMEM, "no memory for the device tree");
	rc = fdt_build(p, tree, DTB_MAX, e);
	if (rc >= 0)
		rc = write_file(path, tree, (size_t)rc, e);
	free(tree);
	return rc < 0 ? err_in(e, rc, "dump-dtb") : 0;
}

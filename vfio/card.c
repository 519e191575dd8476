/* vfio/card.c - all functions of one slot of the host; see card.h */
#include "vfio/card.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "vfio/name.h"
#include "vfio/sysfs.h"
#include "vmm/base/sys.h"
#include "vmm/base/trace.h"

bool vfio_card_is_meant(const char *text)
{
	size_t n = strlen(text);

	return n >= 2 && strcmp(text + n - 2, ".*") == 0;
}

/* "0000:01:00.*" from its function @f, and the other way round. */
static void set_last(char name[24], char f)
{
	name[strlen(name) - 1] = f;
}

int vfio_card_parse(const char *text, char name[24], struct err *e)
{
	char first[256];
	int rc;

	snprintf(first, sizeof(first), "%s", text);
	assert(vfio_card_is_meant(first));
	first[strlen(first) - 1] = '0';
	if (vfio_bdf_parse(first, name, e) < 0) {
		rc = err_set(e, -EINVAL, "'%s' names no slot of the host",
			     text);
		err_hint(e, "write 0000:01:00.* or 01:00.*, in quotes: only "
			    "the function can be a *");
		return rc;
	}
	set_last(name, '*');
	return 0;
}

static bool exists(const char *bdf)
{
	char path[VFIO_SYSFS_PATH_SIZE];
	struct stat st;

	vfio_name_path(bdf, "", path);
	return sys_stat(path, &st) >= 0;
}

/* Why function @bdf, which is there, is not part of it. */
static void why_not(const char *bdf, char *out, size_t n)
{
	char driver[64];

	vfio_driver_of(bdf, driver, sizeof(driver));
	if (driver[0] != '\0')
		snprintf(out, n, "is bound to %s", driver);
	else
		snprintf(out, n, "is bound to no driver");
}

static void take(struct vfio_card *c, const char *bdf)
{
	char reason[96];

	if (!exists(bdf))
		return;
	if (vfio_has(bdf)) {
		snprintf(c->bdf[c->n++], sizeof(c->bdf[0]), "%s", bdf);
		return;
	}
	why_not(bdf, reason, sizeof(reason));
	log_warn("vfio: %s %s and stays on the host", bdf, reason);
}

/* @bdf is function 0. */
static int check_first(const struct vfio_card *c, const char *bdf,
		       struct err *e)
{
	char reason[96];

	if (c->n > 0 && strcmp(c->bdf[0], bdf) == 0)
		return 0;
	if (exists(bdf))
		why_not(bdf, reason, sizeof(reason));
	else
		snprintf(reason, sizeof(reason), "does not exist");
	if (c->n == 0) {
		(void)err_set(e, -ENODEV,
			      "none of its functions is bound to vfio-pci, and "
			      "%s %s",
			      bdf, reason);
		err_hint(e, "bind them to vfio-pci with driver_override and "
			    "drivers_probe; `lspci -D` lists what there is");
		return -ENODEV;
	}
	(void)err_set(e, -ENODEV,
		      "%s %s, and no guest looks for the others where there is "
		      "no function 0",
		      bdf, reason);
	err_hint(e, "bind it to vfio-pci too, or name the others one by one, "
		    "each for a slot of its own");
	return -ENODEV;
}

int vfio_card_find(const char *text, struct vfio_card *out, struct err *e)
{
	struct vfio_card c = { 0 };
	char name[24], bdf[24];
	int rc = vfio_card_parse(text, name, e);

	if (rc < 0)
		return rc;
	memcpy(bdf, name, sizeof(bdf));
	for (unsigned f = 0; f < PCI_FUNCTIONS; f++) {
		set_last(bdf, (char)('0' + f));
		take(&c, bdf);
	}
	set_last(bdf, '0');
	rc = check_first(&c, bdf, e);
	if (rc < 0)
		return err_in(e, rc, "%s", name);
	*out = c;
	return 0;
}

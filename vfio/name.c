/* vfio/name.c - how a function of the host is written; see name.h */
#include "vfio/name.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "vfio/token.h"
#include "vmm/base/sys.h"

/* -------- PCI addresses -------- */

/* Take at most @digits hexadecimal digits at *p; moves *p. */
static bool take_hex(const char **p, unsigned digits, uint32_t *out)
{
	uint32_t v = 0;
	unsigned n = 0;

	for (; n < digits; n++, (*p)++) {
		char c = **p;

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint32_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			v = v << 4 | (uint32_t)(c - 'A' + 10);
		else
			break;
	}
	*out = v;
	return n > 0;
}

static bool take_char(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

/* "[domain:]bus:device.function"; a domain has up to 8 digits, since VMD and
 * Hyper-V number theirs above 16 bits. */
static bool take_bdf(const char *p, uint32_t v[4])
{
	uint32_t first, second;

	if (!take_hex(&p, 8, &first) || !take_char(&p, ':') ||
	    !take_hex(&p, 2, &second))
		return false;
	if (take_char(&p, ':')) {
		v[0] = first;
		v[1] = second;
		if (!take_hex(&p, 2, &v[2]))
			return false;
	} else {
		v[0] = 0;
		v[1] = first;
		v[2] = second;
	}
	return take_char(&p, '.') && take_hex(&p, 1, &v[3]) && *p == '\0' &&
	       v[1] <= 0xff && v[2] <= 0x1f && v[3] <= 7;
}

int vfio_bdf_parse(const char *text, char bdf[24], struct err *e)
{
	const char *slash = strrchr(text, '/');
	uint32_t v[4];

	if (!take_bdf(slash ? slash + 1 : text, v)) {
		(void)err_set(e, -EINVAL, "'%s' is no PCI address", text);
		err_hint(e, "write 0000:01:00.0, 01:00.0 or a path below "
			    "/sys/bus/pci/devices/, `lspci -D` lists them; "
			    "mediated devices are in /sys/bus/mdev/devices/");
		return -EINVAL;
	}
	snprintf(bdf, 24, "%04x:%02x:%02x.%x", v[0], v[1], v[2], v[3]);
	return 0;
}

/* -------- mediated devices -------- */

bool vfio_name_is_mdev(const char *name)
{
	struct err why = ERR_NONE;
	uint8_t uuid[VFIO_TOKEN_BYTES];

	return vfio_token_parse(name, uuid, &why) >= 0;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
}

/* The kernel writes them in lower case: mdev_device_create, "%pUl". */
static bool take_uuid(const char *text, char name[VFIO_NAME_SIZE])
{
	if (!vfio_name_is_mdev(text))
		return false;
	for (size_t i = 0; i < VFIO_TOKEN_SIZE; i++)
		name[i] = lower(text[i]);
	return true;
}

/* -------- both -------- */

static bool take(const char *text, char name[VFIO_NAME_SIZE])
{
	struct err why = ERR_NONE;

	return take_uuid(text, name) || vfio_bdf_parse(text, name, &why) >= 0;
}

/* The last part of @path, in @out; slashes at its end do not count. */
static const char *last_part(const char *path, char out[VFIO_NAME_SIZE])
{
	size_t end = strlen(path), start;

	while (end > 0 && path[end - 1] == '/')
		end--;
	for (start = end; start > 0 && path[start - 1] != '/';)
		start--;
	snprintf(out, VFIO_NAME_SIZE, "%.*s", (int)(end - start), path + start);
	return out;
}

int vfio_name_parse(const char *text, char name[VFIO_NAME_SIZE], struct err *e)
{
	char last[VFIO_NAME_SIZE];

	if (take(last_part(text, last), name))
		return 0;
	if (!strchr(text, '/'))
		return vfio_bdf_parse(text, name, e);
	snprintf(name, VFIO_NAME_SIZE, "%s", text);
	return 0;
}

void vfio_name_path(const char *name, const char *file,
		    char path[VFIO_SYSFS_PATH_SIZE])
{
	snprintf(path, VFIO_SYSFS_PATH_SIZE, "/sys/bus/%s/devices/%.*s%s%s",
		 vfio_name_is_mdev(name) ? "mdev" : "pci", VFIO_NAME_SIZE, name,
		 file[0] ? "/" : "", file);
}

int vfio_name_missing(const char *name, struct err *e)
{
	if (!vfio_name_is_mdev(name)) {
		(void)err_set(e, -ENOENT, "this host has no such PCI function");
		err_hint(e, "`lspci -D` lists what there is");
		return -ENOENT;
	}
	(void)err_set(e, -ENOENT, "this host has no such mediated device");
	err_hint(e,
		 "make it: echo %s > /sys/class/mdev_bus/PARENT/"
		 "mdev_supported_types/TYPE/create",
		 name);
	return -ENOENT;
}

/* -------- paths -------- */

/* Something may be called as a function is, and not be its directory. */
static bool is_home_of(const char *real, const char *name)
{
	char path[VFIO_SYSFS_PATH_SIZE], home[PATH_MAX];

	vfio_name_path(name, "", path);
	return sys_realpath(path, home, sizeof(home)) >= 0 &&
	       strcmp(real, home) == 0;
}

static int find_path(const char *path, char name[VFIO_NAME_SIZE], struct err *e)
{
	char real[PATH_MAX], last[VFIO_NAME_SIZE];
	int rc = sys_realpath(path, real, sizeof(real));

	if (rc == -ENOENT && take(last_part(path, last), name)) {
		(void)vfio_name_missing(name, e);
		return err_in(e, rc, "%s", path);
	}
	if (rc < 0)
		return err_sys(e, rc, "cannot follow %s", path);
	if (take(last_part(real, last), name) && is_home_of(real, name))
		return 0;
	(void)err_set(e, -EINVAL,
		      "%s is the directory neither of a PCI function nor of a "
		      "mediated device",
		      path);
	err_hint(e, "write a path like /sys/bus/pci/devices/0000:01:00.0 or "
		    "/sys/bus/mdev/devices/UUID, or one that leads there");
	return -EINVAL;
}

int vfio_name_find(const char *text, char name[VFIO_NAME_SIZE], struct err *e)
{
	if (strchr(text, '/'))
		return find_path(text, name, e);
	return vfio_name_parse(text, name, e);
}

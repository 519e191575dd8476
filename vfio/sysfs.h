/* vfio/sysfs.h - what sysfs tells about a host function before VFIO is touched
 *
 * Accepts what name.h does: a BDF ("01:00.0", "0000:01:00.0", wider domains), a
 * mediated device's UUID, or a path in sysfs; finds group and driver, and
 * explains why a group is not viable.
 */
#ifndef VFIO_SYSFS_H
#define VFIO_SYSFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "vfio/vfio.h"
#include "vmm/base/err.h"

struct vfio_function {
	/* canonical BDF or UUID; of a function behind vfio-user: the socket's
	 * path */
	char name[VFIO_NAME_SIZE];
	char driver[64]; /* empty: none */
	int group;	 /* IOMMU group, -1: none */
	uint16_t vendor, device;
	uint32_t class_code; /* 24 bits */
	int numa_node;
	char reset_method[64]; /* sysfs reset_method, empty if absent */
	uint8_t config[4096];  /* raw hardware view; bytes beyond config_size 0
				*/
	unsigned config_size;  /* 64 without privilege, 256 or 4096 */
};

/* Look the function up: exists, type 0 header, in a group, on a vfio driver.
 * Each refusal says what to do. Of a mediated device only name, driver and
 * group are known before it is open. */
int vfio_function_find(const char *text, struct vfio_function *out,
		       struct err *e);
/* The device number in @path, the file dev of something that has a node.
 * -EINVAL: there is none in it. */
int vfio_node_number(const char *path, dev_t *out);
/* Is @driver one that hands functions to userspace? */
bool vfio_is_vfio_driver(const char *driver);
/* Is @bdf (canonical) bound to a driver that registered it with VFIO? */
bool vfio_has(const char *bdf);
/* The driver that @bdf (canonical) is bound to, empty: none. */
void vfio_driver_of(const char *bdf, char *out, size_t n);
/* The IOMMU group of @bdf (canonical), or negative errno. */
int vfio_group_of(const char *bdf, struct err *e);
/* Does @group reserve a byte of [base, base + size)? */
bool vfio_group_reserves(int group, uint64_t base, uint64_t size);
/* Those that it reserves, for good; fills at most @max, returns how many. */
unsigned vfio_group_reserved(int group, struct range *out, unsigned max);
/* Write into @e which members of @group block it, and the commands that help.
 * Returns e->code (-EPERM). */
int vfio_explain_viability(int group, const char *bdf, struct err *e);
/* The same where another process's hold on the group is a cause too: -EBUSY if
 * no member blocks it. */
int vfio_explain_busy(int group, struct err *e);
/* iommufd said EPERM: 0 if the members of @group are no reason, or a sentence
 * and -EPERM. */
int vfio_explain_claim(int group, struct err *e);
/* 0, or a sentence and -EINVAL: the platform's firmware ties members of @group
 * to memory (a "direct" reserved region: RMRR, IVMD). */
int vfio_explain_firmware(int group, struct err *e);

#endif

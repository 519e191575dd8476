/* vmm/kvm_stats.c - see kvm_stats.h
 *
 *     header | id string | descriptors, each with a name behind it | data
 *
 * The order is the kernel's to choose, the header says where each part is.
 */
#include "vmm/kvm_stats.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"

/* Linux 6.12 has 48 bytes and about 40 of them. */
enum { MAX_NAME = 256, MAX_STATS = 1024 };

int kvm_stats_open(int fd)
{
	return sys_ioctl_num(fd, KVM_GET_STATS_FD, 0);
}

static int read_exactly(int fd, void *buf, size_t n, uint64_t at)
{
	ssize_t rc = sys_pread(fd, buf, n, at);

	return rc < 0 ? (int)rc : (size_t)rc == n ? 0 : -EPROTO;
}

static bool is_single_number(const struct kvm_stats_desc *d)
{
	unsigned type = d->flags & KVM_STATS_TYPE_MASK;

	return d->size == 1 && type != KVM_STATS_TYPE_LINEAR_HIST &&
	       type != KVM_STATS_TYPE_LOG_HIST;
}

/* The @i-th descriptor of @at, and its value. */
static int one(int fd, const struct kvm_stats_header *h, const uint8_t *at,
	       void (*each)(const char *name, uint64_t value, void *arg),
	       void *arg)
{
	struct kvm_stats_desc d;
	char name[MAX_NAME];
	uint64_t value;
	int rc;

	memcpy(&d, at, sizeof(d));
	memcpy(name, at + sizeof(d), h->name_size);
	name[h->name_size - 1] = '\0';
	if (!is_single_number(&d))
		return 0;
	rc = read_exactly(fd, &value, sizeof(value),
			  (uint64_t)h->data_offset + d.offset);
	if (rc == 0)
		each(name, value, arg);
	return rc;
}

int kvm_stats_each(int stats_fd,
		   void (*each)(const char *name, uint64_t value, void *arg),
		   void *arg)
{
	struct kvm_stats_header h;
	size_t step;
	uint8_t *all;
	int rc = read_exactly(stats_fd, &h, sizeof(h), 0);

	if (rc < 0)
		return rc;
	if (h.name_size == 0 || h.name_size > MAX_NAME ||
	    h.num_desc > MAX_STATS)
		return -EPROTO;
	step = sizeof(struct kvm_stats_desc) + h.name_size;
	all = malloc(step * h.num_desc + 1);
	if (!all)
		return -ENOMEM;
	rc = read_exactly(stats_fd, all, step * h.num_desc, h.desc_offset);
	for (unsigned i = 0; rc == 0 && i < h.num_desc; i++)
		rc = one(stats_fd, &h, all + i * step, each, arg);
	free(all);
	return rc;
}

/* tests/unit/vfio/iommufd.h - what the tests of iommufd share
 *
 * A host with /dev/iommu, a VM, and functions in groups.
 */
#ifndef VFIO_TEST_IOMMUFD_H
#define VFIO_TEST_IOMMUFD_H

#include "tests/unit/vfio/bench.h"

static inline void fd_add(const char *bdf, int group)
{
	struct fake_pci p = plain_function;

	p.bdf = bdf;
	p.group = group;
	fake_pci_add(&p);
}

/* With the plain function, group 12, not attached. */
static inline void fd_bench(struct bench *b)
{
	bench_iommufd = true;
	fake_pci_add(&plain_function);
	bench_vm(b);
}

static inline int fd_try(struct bench *b, struct err *e)
{
	*e = ERR_NONE;
	return b->iommu->ops->attach(b->iommu, WANT(BDF),
				     &(struct vfio_dev *){ 0 }, e);
}

static inline struct vfio_dev *fd_attach(struct bench *b, const char *bdf)
{
	struct vfio_dev *d = NULL;

	MUST(b->iommu->ops->attach(b->iommu, WANT(bdf), &d, &why));
	return d;
}

static inline void fd_map_ram(struct bench *b)
{
	MUST(b->iommu->ops->map(b->iommu, 0, &b->vm.mem.ram[0], &why));
}

#endif

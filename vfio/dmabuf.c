/* vfio/dmabuf.c - see dmabuf.h
 *
 * Rules: drivers/vfio/pci/vfio_pci_dmabuf.c, drivers/iommu/iommufd/pages.c. The
 * layouts are Linux 6.19's include/uapi/linux/{vfio,iommufd}.h, which are newer
 * than the headers that this is built with, so they have names of our own.
 */
#include "vfio/dmabuf.h"

#include <assert.h>
#include <fcntl.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>

#include "vmm/base/sys.h"

#ifndef VFIO_DEVICE_FEATURE_DMA_BUF
#define VFIO_DEVICE_FEATURE_DMA_BUF 11
#endif
#ifndef IOMMU_IOAS_MAP_FILE
#define IOMMU_IOAS_MAP_FILE _IO(IOMMUFD_TYPE, 0x8f)
#endif

/* struct vfio_device_feature, vfio_device_feature_dma_buf with one range */
struct make_file {
	uint32_t argsz, flags;
	uint32_t region_index, open_flags;
	uint32_t file_flags; /* none are defined */
	uint32_t nr_ranges;
	uint64_t offset, length;
};
static_assert(sizeof(struct make_file) == 40, "as the kernel has it");

/* struct iommu_ioas_map_file */
struct map_file {
	uint32_t size, flags;
	uint32_t ioas_id;
	int32_t fd;
	uint64_t start, length, iova;
};
static_assert(sizeof(struct map_file) == 40, "as the kernel has it");

static int not_offered(int rc, struct err *e)
{
	(void)err_set(e, rc, "this kernel makes no files of BARs");
	err_hint(e, "Linux 6.19 and later do, with CONFIG_VFIO_PCI_DMABUF; "
		    "--iommu=group does without");
	return rc;
}

int vfio_dmabuf_open(int fd, unsigned index, uint64_t off, uint64_t n,
		     struct err *e)
{
	struct make_file f = {
		.argsz = sizeof(f),
		.flags = VFIO_DEVICE_FEATURE_DMA_BUF | VFIO_DEVICE_FEATURE_GET |
			 (n == 0 ? VFIO_DEVICE_FEATURE_PROBE : 0),
		.region_index = index,
		.open_flags = O_RDWR | O_CLOEXEC,
		.nr_ranges = 1,
		.offset = off,
		.length = n,
	};
	int rc = sys_ioctl(fd, VFIO_DEVICE_FEATURE, &f);

	/* older kernels: ENOTTY; a variant driver without it: EOPNOTSUPP */
	if (rc == -ENOTTY || rc == -EOPNOTSUPP)
		return not_offered(rc, e);
	return rc < 0 ? err_sys(e, rc, "no file of region %u", index) : rc;
}

int vfio_dmabuf_map(int fd, uint32_t ioas, int file, uint64_t at, uint64_t size)
{
	struct map_file m = {
		.size = sizeof(m),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = ioas,
		.fd = file,
		.length = size,
		.iova = at,
	};

	return sys_ioctl(fd, IOMMU_IOAS_MAP_FILE, &m);
}

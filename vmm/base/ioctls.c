/* base/ioctls.c - what a command's argument says, in words: KVM, VFIO, iommufd
 *
 * One table: for each command the fields of its structure that matter, where
 * they are and how they read. A command that is not in the table takes a
 * number, or a structure that says nothing worth a line; it shows as is.
 */
#include "vmm/base/ioctls.h"

#include <inttypes.h>
#include <linux/iommufd.h>
#include <linux/kvm.h>
#include <linux/vfio.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "vmm/base/bytes.h"

enum style {
	DEC, /* unsigned */
	INT, /* signed: an fd */
	HEX,
	BITS, /* names of bits, the rest as a number */
};

struct bit {
	uint64_t bit;
	const char *name;
};

struct field {
	const char *name;
	unsigned offset, size;
	enum style style;
	const struct bit *bits; /* BITS: ended by a NULL name */
};

enum { MAX_FIELDS = 8 };

struct command {
	const char *name;
	struct field fields[MAX_FIELDS]; /* ended by a NULL name */
};

#define FIELD(s, member, style)                                      \
	{                                                            \
#member, offsetof(struct s, member),                 \
			sizeof(((struct s *)0)->member), style, NULL \
	}
#define FLAGS(s, member, table)                                      \
	{                                                            \
#member, offsetof(struct s, member),                 \
			sizeof(((struct s *)0)->member), BITS, table \
	}

/* The dword in front of an array: structures that not every architecture's
 * headers have. */
#define COUNT(name)                   \
	{                             \
		name, 0, 4, DEC, NULL \
	}

static const struct bit slot_flags[] = {
	{ KVM_MEM_LOG_DIRTY_PAGES, "LOG_DIRTY" },
	{ KVM_MEM_READONLY, "READONLY" },
	{ 0, NULL },
};

static const struct bit irqfd_flags[] = {
	{ KVM_IRQFD_FLAG_DEASSIGN, "DEASSIGN" },
	{ KVM_IRQFD_FLAG_RESAMPLE, "RESAMPLE" },
	{ 0, NULL },
};

static const struct bit ioeventfd_flags[] = {
	{ KVM_IOEVENTFD_FLAG_DATAMATCH, "DATAMATCH" },
	{ KVM_IOEVENTFD_FLAG_PIO, "PIO" },
	{ KVM_IOEVENTFD_FLAG_DEASSIGN, "DEASSIGN" },
	{ 0, NULL },
};

static const struct bit group_flags[] = {
	{ VFIO_GROUP_FLAGS_VIABLE, "VIABLE" },
	{ VFIO_GROUP_FLAGS_CONTAINER_SET, "CONTAINER_SET" },
	{ 0, NULL },
};

static const struct bit device_flags[] = {
	{ VFIO_DEVICE_FLAGS_RESET, "RESET" },
	{ VFIO_DEVICE_FLAGS_PCI, "PCI" },
	{ VFIO_DEVICE_FLAGS_CAPS, "CAPS" },
	{ 0, NULL },
};

static const struct bit region_flags[] = {
	{ VFIO_REGION_INFO_FLAG_READ, "READ" },
	{ VFIO_REGION_INFO_FLAG_WRITE, "WRITE" },
	{ VFIO_REGION_INFO_FLAG_MMAP, "MMAP" },
	{ VFIO_REGION_INFO_FLAG_CAPS, "CAPS" },
	{ 0, NULL },
};

static const struct bit irq_flags[] = {
	{ VFIO_IRQ_INFO_EVENTFD, "EVENTFD" },
	{ VFIO_IRQ_INFO_MASKABLE, "MASKABLE" },
	{ VFIO_IRQ_INFO_AUTOMASKED, "AUTOMASKED" },
	{ VFIO_IRQ_INFO_NORESIZE, "NORESIZE" },
	{ 0, NULL },
};

static const struct bit set_irqs_flags[] = {
	{ VFIO_IRQ_SET_DATA_NONE, "NONE" },
	{ VFIO_IRQ_SET_DATA_BOOL, "BOOL" },
	{ VFIO_IRQ_SET_DATA_EVENTFD, "EVENTFD" },
	{ VFIO_IRQ_SET_ACTION_MASK, "MASK" },
	{ VFIO_IRQ_SET_ACTION_UNMASK, "UNMASK" },
	{ VFIO_IRQ_SET_ACTION_TRIGGER, "TRIGGER" },
	{ 0, NULL },
};

static const struct bit iommu_flags[] = {
	{ VFIO_IOMMU_INFO_PGSIZES, "PGSIZES" },
	{ VFIO_IOMMU_INFO_CAPS, "CAPS" },
	{ 0, NULL },
};

static const struct bit map_flags[] = {
	{ VFIO_DMA_MAP_FLAG_READ, "READ" },
	{ VFIO_DMA_MAP_FLAG_WRITE, "WRITE" },
	{ VFIO_DMA_MAP_FLAG_VADDR, "VADDR" },
	{ 0, NULL },
};

static const struct bit unmap_flags[] = {
	{ VFIO_DMA_UNMAP_FLAG_ALL, "ALL" },
	{ 0, NULL },
};

static const struct bit ioas_flags[] = {
	{ IOMMU_IOAS_MAP_FIXED_IOVA, "FIXED_IOVA" },
	{ IOMMU_IOAS_MAP_READABLE, "READABLE" },
	{ IOMMU_IOAS_MAP_WRITEABLE, "WRITEABLE" },
	{ 0, NULL },
};

/* clang-format off */
static const struct command commands[] = {
	{ "KVM_SET_USER_MEMORY_REGION", {
		FIELD(kvm_userspace_memory_region, slot, DEC),
		FLAGS(kvm_userspace_memory_region, flags, slot_flags),
		FIELD(kvm_userspace_memory_region, guest_phys_addr, HEX),
		FIELD(kvm_userspace_memory_region, memory_size, HEX),
		FIELD(kvm_userspace_memory_region, userspace_addr, HEX) } },
	{ "KVM_IRQ_LINE", {
		FIELD(kvm_irq_level, irq, DEC),
		FIELD(kvm_irq_level, level, DEC) } },
	{ "KVM_SIGNAL_MSI", {
		FIELD(kvm_msi, address_hi, HEX),
		FIELD(kvm_msi, address_lo, HEX),
		FIELD(kvm_msi, data, HEX) } },
	{ "KVM_SET_GSI_ROUTING", { FIELD(kvm_irq_routing, nr, DEC) } },
	{ "KVM_IRQFD", {
		FIELD(kvm_irqfd, fd, INT),
		FIELD(kvm_irqfd, gsi, DEC),
		FLAGS(kvm_irqfd, flags, irqfd_flags),
		FIELD(kvm_irqfd, resamplefd, INT) } },
	{ "KVM_IOEVENTFD", {
		FIELD(kvm_ioeventfd, addr, HEX),
		FIELD(kvm_ioeventfd, len, DEC),
		FIELD(kvm_ioeventfd, fd, INT),
		FLAGS(kvm_ioeventfd, flags, ioeventfd_flags),
		FIELD(kvm_ioeventfd, datamatch, HEX) } },
	{ "KVM_ENABLE_CAP", {
		FIELD(kvm_enable_cap, cap, DEC),
		FIELD(kvm_enable_cap, flags, HEX) } },
	{ "KVM_CREATE_DEVICE", {
		FIELD(kvm_create_device, type, DEC),
		FIELD(kvm_create_device, fd, INT),
		FIELD(kvm_create_device, flags, HEX) } },
	{ "KVM_SET_DEVICE_ATTR", {
		FIELD(kvm_device_attr, group, DEC),
		FIELD(kvm_device_attr, attr, DEC) } },
	{ "KVM_GET_SUPPORTED_CPUID", { COUNT("nent") } },
	{ "KVM_SET_CPUID2", { COUNT("nent") } },
	{ "KVM_SET_MSRS", { COUNT("nmsrs") } },
	{ "KVM_GET_MSRS", { COUNT("nmsrs") } },
	{ "KVM_SET_MP_STATE", { FIELD(kvm_mp_state, mp_state, DEC) } },

	{ "VFIO_GROUP_GET_STATUS", {
		FLAGS(vfio_group_status, flags, group_flags) } },
	{ "VFIO_DEVICE_GET_INFO", {
		FLAGS(vfio_device_info, flags, device_flags),
		FIELD(vfio_device_info, num_regions, DEC),
		FIELD(vfio_device_info, num_irqs, DEC) } },
	{ "VFIO_DEVICE_GET_REGION_INFO", {
		FIELD(vfio_region_info, argsz, DEC),
		FIELD(vfio_region_info, index, DEC),
		FLAGS(vfio_region_info, flags, region_flags),
		FIELD(vfio_region_info, size, HEX),
		FIELD(vfio_region_info, offset, HEX) } },
	{ "VFIO_DEVICE_GET_IRQ_INFO", {
		FIELD(vfio_irq_info, index, DEC),
		FLAGS(vfio_irq_info, flags, irq_flags),
		FIELD(vfio_irq_info, count, DEC) } },
	{ "VFIO_DEVICE_SET_IRQS", {
		FIELD(vfio_irq_set, index, DEC),
		FIELD(vfio_irq_set, start, DEC),
		FIELD(vfio_irq_set, count, DEC),
		FLAGS(vfio_irq_set, flags, set_irqs_flags) } },
	{ "VFIO_IOMMU_GET_INFO", {
		FIELD(vfio_iommu_type1_info, argsz, DEC),
		FLAGS(vfio_iommu_type1_info, flags, iommu_flags),
		FIELD(vfio_iommu_type1_info, iova_pgsizes, HEX) } },
	{ "VFIO_IOMMU_MAP_DMA", {
		FLAGS(vfio_iommu_type1_dma_map, flags, map_flags),
		FIELD(vfio_iommu_type1_dma_map, vaddr, HEX),
		FIELD(vfio_iommu_type1_dma_map, iova, HEX),
		FIELD(vfio_iommu_type1_dma_map, size, HEX) } },
	{ "VFIO_IOMMU_UNMAP_DMA", {
		FLAGS(vfio_iommu_type1_dma_unmap, flags, unmap_flags),
		FIELD(vfio_iommu_type1_dma_unmap, iova, HEX),
		FIELD(vfio_iommu_type1_dma_unmap, size, HEX) } },

	{ "VFIO_DEVICE_IOEVENTFD", {
		FIELD(vfio_device_ioeventfd, flags, DEC),
		FIELD(vfio_device_ioeventfd, offset, HEX),
		FIELD(vfio_device_ioeventfd, data, HEX),
		FIELD(vfio_device_ioeventfd, fd, INT) } },
	{ "VFIO_DEVICE_BIND_IOMMUFD", {
		FIELD(vfio_device_bind_iommufd, iommufd, INT),
		FIELD(vfio_device_bind_iommufd, out_devid, DEC) } },
	{ "VFIO_DEVICE_ATTACH_IOMMUFD_PT", {
		FIELD(vfio_device_attach_iommufd_pt, pt_id, DEC) } },
	{ "IOMMU_IOAS_ALLOC", { FIELD(iommu_ioas_alloc, out_ioas_id, DEC) } },
	{ "IOMMU_DESTROY", { FIELD(iommu_destroy, id, DEC) } },
	{ "IOMMU_IOAS_IOVA_RANGES", {
		FIELD(iommu_ioas_iova_ranges, ioas_id, DEC),
		FIELD(iommu_ioas_iova_ranges, num_iovas, DEC),
		FIELD(iommu_ioas_iova_ranges, out_iova_alignment, HEX) } },
	{ "IOMMU_IOAS_MAP", {
		FLAGS(iommu_ioas_map, flags, ioas_flags),
		FIELD(iommu_ioas_map, ioas_id, DEC),
		FIELD(iommu_ioas_map, user_va, HEX),
		FIELD(iommu_ioas_map, iova, HEX),
		FIELD(iommu_ioas_map, length, HEX) } },
	{ "IOMMU_IOAS_COPY", {
		FLAGS(iommu_ioas_copy, flags, ioas_flags),
		FIELD(iommu_ioas_copy, dst_ioas_id, DEC),
		FIELD(iommu_ioas_copy, src_ioas_id, DEC),
		FIELD(iommu_ioas_copy, dst_iova, HEX),
		FIELD(iommu_ioas_copy, length, HEX) } },
	{ "IOMMU_IOAS_UNMAP", {
		FIELD(iommu_ioas_unmap, ioas_id, DEC),
		FIELD(iommu_ioas_unmap, iova, HEX),
		FIELD(iommu_ioas_unmap, length, HEX) } },
	{ "IOMMU_OPTION", {
		FIELD(iommu_option, option_id, DEC),
		FIELD(iommu_option, op, DEC),
		FIELD(iommu_option, val64, DEC) } },
};

/* Commands whose argument is a structure that is not worth a line. */
static const char *const opaque[] = {
	"KVM_GET_REGS", "KVM_SET_REGS", "KVM_GET_SREGS", "KVM_SET_SREGS",
	"KVM_GET_FPU", "KVM_SET_FPU",
	"KVM_GET_LAPIC", "KVM_SET_LAPIC", "KVM_GET_XSAVE", "KVM_SET_XSAVE",
	"KVM_GET_XCRS", "KVM_SET_XCRS", "KVM_GET_VCPU_EVENTS",
	"KVM_SET_VCPU_EVENTS", "KVM_GET_DEBUGREGS", "KVM_SET_DEBUGREGS",
	"KVM_GET_MP_STATE", "KVM_GET_CPUID2", "KVM_GET_IRQCHIP",
	"KVM_SET_IRQCHIP", "KVM_GET_MSR_INDEX_LIST",
	"KVM_GET_MSR_FEATURE_INDEX_LIST", "KVM_GET_CLOCK", "KVM_SET_CLOCK",
	"KVM_SET_IDENTITY_MAP_ADDR", "KVM_TRANSLATE", "KVM_SET_SIGNAL_MASK",
	"KVM_HAS_DEVICE_ATTR", "KVM_CREATE_PIT2", "KVM_X86_SETUP_MCE",
	"VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", "VFIO_DEVICE_PCI_HOT_RESET",
	"VFIO_DEVICE_FEATURE", "IOMMU_IOAS_MAP_FILE",
};
/* clang-format on */

struct text {
	char *buf;
	size_t room, used;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t,
						      const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->used, t->room - t->used, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->used += (size_t)n;
	if (t->used >= t->room)
		t->used = t->room - 1;
}

static void put_bits(struct text *t, const struct bit *bits, uint64_t v)
{
	const char *between = "";

	for (; bits->name; bits++) {
		if (!(v & bits->bit))
			continue;
		put(t, "%s%s", between, bits->name);
		v &= ~bits->bit;
		between = "|";
	}
	if (v != 0)
		put(t, "%s%#" PRIx64, between, v);
	else if (*between == '\0')
		put(t, "0");
}

static void put_field(struct text *t, const struct field *f, const void *arg)
{
	/* Host memory of the host's byte order; both are little-endian on
	 * what we run on. */
	uint64_t v = le_load((const uint8_t *)arg + f->offset, f->size);

	put(t, "%s=", f->name);
	if (f->style == BITS)
		put_bits(t, f->bits, v);
	else if (f->style == INT)
		put(t, "%" PRId32, (int32_t)v);
	else
		put(t, f->style == DEC ? "%" PRIu64 : "%#" PRIx64, v);
}

static const struct command *find(const char *name)
{
	for (unsigned i = 0; i < ARRAY_LEN(commands); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

static bool is_opaque(const char *name)
{
	for (unsigned i = 0; i < ARRAY_LEN(opaque); i++) {
		if (strcmp(opaque[i], name) == 0)
			return true;
	}
	return false;
}

void ioctl_describe(const char *name, unsigned long arg, char *buf, size_t n)
{
	struct text t = { buf, n, 0 };
	const struct command *c = find(name);

	buf[0] = '\0';
	if (arg == 0 || is_opaque(name))
		return;
	if (!c) {
		/* small numbers are numbers, the rest are addresses */
		put(&t, arg < 4096 ? ", %lu" : ", %#lx", arg);
		return;
	}
	for (unsigned i = 0; i < MAX_FIELDS && c->fields[i].name; i++) {
		put(&t, i == 0 ? ", {" : " ");
		put_field(&t, &c->fields[i], (const void *)arg);
	}
	put(&t, "}");
}

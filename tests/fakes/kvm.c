/* tests/fakes/kvm.c - /dev/kvm, VMs, memory slots
 *
 * Rules are those of virt/kvm/kvm_main.c and arch/x86/kvm/x86.c of Linux 6.12.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fakes/fake.h"

enum { MAX_CAP = 512 };

static int caps[MAX_CAP];
static struct vm_obj *latest;
static uint8_t stats[4096];
static size_t n_stats; /* 0: there are none */

static const struct {
	int cap, value;
} default_caps[] = {
	{ KVM_CAP_IRQCHIP, 1 },
	{ KVM_CAP_USER_MEMORY, 1 },
	{ KVM_CAP_SET_TSS_ADDR, 1 },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR, 1 },
	{ KVM_CAP_EXT_CPUID, 1 },
	{ KVM_CAP_NR_VCPUS, 8 },
	{ KVM_CAP_NR_MEMSLOTS, 32764 },
	{ KVM_CAP_MP_STATE, 1 },
	{ KVM_CAP_SYNC_MMU, 1 },
	{ KVM_CAP_DESTROY_MEMORY_REGION_WORKS, 1 },
	{ KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, 1 },
	{ KVM_CAP_IRQ_ROUTING, MAX_GSI },
	{ KVM_CAP_IRQFD, 1 },
	{ KVM_CAP_IRQFD_RESAMPLE, 1 },
	{ KVM_CAP_IOEVENTFD, 1 },
	{ KVM_CAP_IOEVENTFD_ANY_LENGTH, 1 },
	{ KVM_CAP_SET_BOOT_CPU_ID, 1 },
	{ KVM_CAP_VCPU_EVENTS, 1 },
	{ KVM_CAP_DEBUGREGS, 1 },
	{ KVM_CAP_XSAVE, 1 },
	{ KVM_CAP_XCRS, 1 },
	{ KVM_CAP_TSC_CONTROL, 1 },
	{ KVM_CAP_GET_TSC_KHZ, 1 },
	{ KVM_CAP_MAX_VCPUS, 1024 },
	{ KVM_CAP_MAX_VCPU_ID, 4096 },
	{ KVM_CAP_TSC_DEADLINE_TIMER, 1 },
	{ KVM_CAP_SIGNAL_MSI, 1 },
	{ KVM_CAP_READONLY_MEM, 1 },
	{ KVM_CAP_DEVICE_CTRL, 1 },
	{ KVM_CAP_CHECK_EXTENSION_VM, 1 },
	{ KVM_CAP_SPLIT_IRQCHIP, 1 },
	{ KVM_CAP_X2APIC_API, 3 },
	{ KVM_CAP_IMMEDIATE_EXIT, 1 },
	{ KVM_CAP_MEMORY_FAULT_INFO, 1 },
};

void kvm_reset(void)
{
	memset(caps, 0, sizeof(caps));
	for (unsigned i = 0; i < ARRAY_LEN(default_caps); i++)
		caps[default_caps[i].cap] = default_caps[i].value;
	cpuid_reset();
	vcpu_reset();
	latest = NULL;
	n_stats = 0;
}

int kvm_cap(unsigned cap)
{
	return cap < MAX_CAP ? caps[cap] : 0;
}

struct vm_obj *kvm_vm(void)
{
	return latest;
}

static void free_obj(struct obj *o)
{
	free(o);
}

int kvm_open(void)
{
	struct obj *o = xalloc(sizeof(*o));

	*o = (struct obj){ KIND_KVM, 1, "kvm", -1, NULL, free_obj };
	return fd_new(o);
}

/* -------- a VM -------- */

static void vm_gone(struct obj *o)
{
	struct vm_obj *vm = container_of(o, struct vm_obj, o);

	while (vm->slots) {
		struct slot *s = vm->slots;

		vm->slots = s->next;
		free(s);
	}
	vm_irq_release(vm);
	free(vm->routes);
	if (latest == vm)
		latest = NULL;
	free(vm);
}

/* kvm_vm_release: irqfds end with the fd, the rest with the last vCPU. */
static void vm_closed(struct obj *o)
{
	vm_irq_release(container_of(o, struct vm_obj, o));
}

static long vm_create(unsigned long type)
{
	struct vm_obj *vm;

	if (type != 0)
		return -EINVAL;
	vm = xalloc(sizeof(*vm));
	vm->o = (struct obj){ KIND_VM, 1, "vm", -1, vm_closed, vm_gone };
	latest = vm;
	return fd_new(&vm->o);
}

static struct slot **slot_find(struct vm_obj *vm, uint32_t id)
{
	struct slot **p = &vm->slots;

	while (*p && (*p)->s.slot != id)
		p = &(*p)->next;
	return p;
}

static bool slot_is_sane(const struct kvm_userspace_memory_region *r)
{
	return !(r->flags & ~(KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY)) &&
	       r->memory_size % FAKE_PAGE == 0 &&
	       r->guest_phys_addr % FAKE_PAGE == 0 &&
	       r->userspace_addr % FAKE_PAGE == 0 &&
	       r->userspace_addr < UINT64_C(1) << 47 &&
	       r->guest_phys_addr + r->memory_size >= r->guest_phys_addr &&
	       r->slot < (uint32_t)caps[KVM_CAP_NR_MEMSLOTS] &&
	       r->memory_size / FAKE_PAGE <= UINT32_MAX;
}

static bool slot_overlaps(const struct vm_obj *vm, const struct slot *but,
			  uint64_t gpa, uint64_t size)
{
	for (const struct slot *s = vm->slots; s; s = s->next) {
		if (s != but && range_overlaps(s->s.gpa, s->s.size, gpa, size))
			return true;
	}
	return false;
}

static long slot_change(struct slot *old,
			const struct kvm_userspace_memory_region *r)
{
	if (r->userspace_addr != old->s.hva || r->memory_size != old->s.size ||
	    ((r->flags ^ old->s.flags) & KVM_MEM_READONLY))
		return -EINVAL;
	old->s.gpa = r->guest_phys_addr;
	old->s.flags = r->flags;
	return 0;
}

static long slot_set(struct vm_obj *vm,
		     const struct kvm_userspace_memory_region *r)
{
	struct slot **p = slot_find(vm, r->slot), *s = *p;

	if (!slot_is_sane(r))
		return -EINVAL;
	if (r->memory_size == 0) {
		if (!s)
			return -EINVAL;
		*p = s->next;
		free(s);
		return 0;
	}
	if (slot_overlaps(vm, s, r->guest_phys_addr, r->memory_size))
		return -EEXIST;
	if (s)
		return slot_change(s, r);
	if (!memory_covers(r->userspace_addr, r->memory_size))
		misuse("KVM slot %u of memory that is not mapped", r->slot);
	s = xalloc(sizeof(*s));
	*s = (struct slot){ .s = { .slot = r->slot,
				   .flags = r->flags,
				   .gpa = r->guest_phys_addr,
				   .size = r->memory_size,
				   .hva = r->userspace_addr },
			    .next = vm->slots };
	vm->slots = s;
	return 0;
}

static long vm_create_irqchip(struct vm_obj *vm)
{
	if (vm->irqchip)
		return -EEXIST;
	if (vm->n_vcpus != 0)
		return -EINVAL;
	vm->irqchip = true;
	for (unsigned i = 0; i < ARRAY_LEN(vm->chip); i++)
		vm->chip[i].chip_id = i;
	vm_default_routes(vm);
	return 0;
}

static long vm_chip_state(struct vm_obj *vm, unsigned long cmd,
			  struct kvm_irqchip *c)
{
	if (!vm->irqchip)
		return -ENXIO;
	if (c->chip_id >= ARRAY_LEN(vm->chip))
		return -EINVAL;
	if (cmd == KVM_GET_IRQCHIP)
		*c = vm->chip[c->chip_id];
	else
		vm->chip[c->chip_id] = *c;
	return 0;
}

static long vm_create_device(struct vm_obj *vm, struct kvm_create_device *c)
{
	struct obj *o;
	long fd;

	if (c->type != KVM_DEV_TYPE_VFIO)
		return -ENODEV;
	if (c->flags & KVM_CREATE_DEVICE_TEST)
		return 0;
	if (vm->has_vfio_device)
		return -EBUSY;
	o = xalloc(sizeof(*o));
	*o = (struct obj){ KIND_KVM_DEVICE, 1, "kvm-vfio", -1, NULL, free_obj };
	fd = fd_new(o);
	if (fd < 0)
		return fd;
	vm->has_vfio_device = true;
	c->fd = (uint32_t)fd;
	return 0;
}

static long vm_enable_cap(struct vm_obj *vm, const struct kvm_enable_cap *c)
{
	if (c->flags != 0 || kvm_cap(c->cap) == 0)
		return -EINVAL;
	if (c->cap == KVM_CAP_X2APIC_API)
		vm->x2apic_format = c->args[0] & 1;
	return 0;
}

/* -------- statistics -------- */

void fake_kvm_stats(const void *data, size_t n)
{
	if (n > sizeof(stats))
		abort();
	fake_lock();
	memcpy(stats, data, n);
	n_stats = n;
	fake_unlock();
}

long kvm_stats_fd(void)
{
	int fd;

	if (n_stats == 0)
		return -ENOTTY;
	fd = memfd_create("kvm-stats", MFD_CLOEXEC);
	if (fd < 0 || pwrite(fd, stats, n_stats, 0) != (ssize_t)n_stats)
		abort();
	return fd_plain(fd, KIND_FILE, "kvm-stats");
}

/* -------- dispatch -------- */

static long index_list(struct kvm_msr_list *l)
{
	static const uint32_t msrs[] = { 0x10,	0x174, 0x175, 0x176,
					 0x277, 0x2ff, 0x1a0, 0xc0000080 };
	uint32_t room = l->nmsrs;

	l->nmsrs = ARRAY_LEN(msrs);
	if (room < l->nmsrs)
		return -E2BIG;
	memcpy(l->indices, msrs, sizeof(msrs));
	return 0;
}

static long system_ioctl(unsigned long cmd, unsigned long arg)
{
	switch (cmd) {
	case KVM_GET_API_VERSION:
		return KVM_API_VERSION;
	case KVM_CHECK_EXTENSION:
		return kvm_cap((unsigned)arg);
	case KVM_CREATE_VM:
		return vm_create(arg);
	case KVM_GET_VCPU_MMAP_SIZE:
		return VCPU_RUN_SIZE;
	case KVM_GET_SUPPORTED_CPUID:
		return cpuid_supported((void *)arg);
	case KVM_GET_MSR_INDEX_LIST:
	case KVM_GET_MSR_FEATURE_INDEX_LIST:
		return index_list((void *)arg);
	case KVM_GET_MSRS:
		return ((struct kvm_msrs *)arg)->nmsrs;
	default:
		return -ENOTTY;
	}
}

static long vm_ioctl(struct vm_obj *vm, unsigned long cmd, unsigned long arg)
{
	switch (cmd) {
	case KVM_CHECK_EXTENSION:
		return kvm_cap((unsigned)arg);
	case KVM_SET_USER_MEMORY_REGION:
		return slot_set(vm, (const void *)arg);
	case KVM_CREATE_VCPU:
		return vcpu_create(vm, arg);
	case KVM_CREATE_IRQCHIP:
		return vm_create_irqchip(vm);
	case KVM_CREATE_DEVICE:
		return vm_create_device(vm, (void *)arg);
	case KVM_ENABLE_CAP:
		return vm_enable_cap(vm, (const void *)arg);
	case KVM_SET_GSI_ROUTING:
		return vm_set_routes(vm, (const void *)arg);
	case KVM_IRQFD:
		return vm_irqfd(vm, (const void *)arg);
	case KVM_IOEVENTFD:
		return vm_ioeventfd(vm, (const void *)arg);
	case KVM_IRQ_LINE:
		return vm_irq_line(vm, (const void *)arg);
	case KVM_GET_STATS_FD:
		return kvm_stats_fd();
	case KVM_SIGNAL_MSI:
		return vm_signal_msi(vm, (const void *)arg);
	case KVM_SET_TSS_ADDR:
		return arg > UINT32_MAX - 3 * FAKE_PAGE + 1 ? -EINVAL : 0;
	case KVM_SET_IDENTITY_MAP_ADDR:
	case KVM_SET_BOOT_CPU_ID:
		return vm->n_vcpus != 0 ? -EBUSY : 0;
	case KVM_CREATE_PIT2:
		return vm->irqchip ? 0 : -ENOENT;
	case KVM_SET_IRQCHIP:
	case KVM_GET_IRQCHIP:
		return vm_chip_state(vm, cmd, (void *)arg);
	case KVM_SET_TSC_KHZ:
	case KVM_SET_CLOCK:
		return 0;
	default:
		return -ENOTTY;
	}
}

static long device_attr(unsigned long cmd, const struct kvm_device_attr *a)
{
	int32_t fd;

	if (a->group != KVM_DEV_VFIO_FILE ||
	    (a->attr != KVM_DEV_VFIO_FILE_ADD &&
	     a->attr != KVM_DEV_VFIO_FILE_DEL))
		return -ENXIO;
	if (cmd == KVM_HAS_DEVICE_ATTR)
		return 0;
	if (cmd != KVM_SET_DEVICE_ATTR)
		return -EPERM;
	memcpy(&fd, (const void *)a->addr, sizeof(fd));
	return kvm_vfio_file(fd, a->attr == KVM_DEV_VFIO_FILE_ADD);
}

long kvm_ioctl(struct obj *o, unsigned long cmd, unsigned long arg)
{
	switch (o->kind) {
	case KIND_KVM:
		return system_ioctl(cmd, arg);
	case KIND_VM:
		return vm_ioctl(container_of(o, struct vm_obj, o), cmd, arg);
	case KIND_VCPU:
		return vcpu_ioctl(container_of(o, struct vcpu_obj, o), cmd,
				  arg);
	default:
		return device_attr(cmd, (const void *)arg);
	}
}

void kvm_describe(unsigned long cmd, unsigned long arg, char *buf, size_t n)
{
	const struct kvm_userspace_memory_region *s = (const void *)arg;
	const struct kvm_device_attr *a = (const void *)arg;
	const struct kvm_irqfd *f = (const void *)arg;
	const struct kvm_irq_level *l = (const void *)arg;
	int32_t fd;

	if (cmd == KVM_SET_USER_MEMORY_REGION) {
		snprintf(buf, n, " slot=%u gpa=%#jx size=%#jx flags=%u",
			 s->slot, (uintmax_t)s->guest_phys_addr,
			 (uintmax_t)s->memory_size, s->flags);
	} else if (cmd == KVM_IRQFD) {
		snprintf(buf, n, " gsi=%u %s%s", f->gsi,
			 f->flags & KVM_IRQFD_FLAG_DEASSIGN ? "deassign"
							    : "assign",
			 f->flags & KVM_IRQFD_FLAG_RESAMPLE ? " resample" : "");
	} else if (cmd == KVM_SET_DEVICE_ATTR) {
		memcpy(&fd, (const void *)a->addr, sizeof(fd));
		snprintf(buf, n, " %s %s",
			 a->attr == KVM_DEV_VFIO_FILE_ADD ? "add" : "del",
			 fd_name(fd));
	} else if (cmd == KVM_IRQ_LINE) {
		snprintf(buf, n, " gsi=%u level=%u", l->irq, l->level);
	} else if (cmd == KVM_SET_GSI_ROUTING) {
		snprintf(buf, n, " nr=%u", *(const uint32_t *)arg);
	} else if (_IOC_SIZE(cmd) == 0 && arg < 4096) {
		snprintf(buf, n, " %lu", arg);
	}
}

/* -------- for tests -------- */

void fake_kvm_cap(int cap, int value)
{
	if (cap < 0 || cap >= MAX_CAP)
		abort();
	caps[cap] = value;
}

unsigned fake_kvm_slots(void)
{
	unsigned n = 0;

	fake_lock();
	for (struct slot *s = latest ? latest->slots : NULL; s; s = s->next)
		n++;
	fake_unlock();
	return n;
}

const struct fake_slot *fake_kvm_slot_at(uint64_t gpa)
{
	const struct fake_slot *found = NULL;

	fake_lock();
	for (struct slot *s = latest ? latest->slots : NULL; s; s = s->next) {
		if (range_has(s->s.gpa, s->s.size, gpa))
			found = &s->s;
	}
	fake_unlock();
	return found;
}

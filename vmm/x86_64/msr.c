/* vmm/x86_64/msr.c - model specific registers that firmware would set
 *
 * Two for each vCPU. KVM does the rest at creation: APIC base with the
 * bootstrap flag, PAT, and one TSC offset for all vCPUs (kvm_synchronize_tsc
 * takes the creation of each as an attempt to match the others), so we write
 * no TSC, which would only part them again. VFIO-KVM-11.
 */
#include <linux/kvm.h>

#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/vcpu.h"
#include "vmm/x86_64/x86.h"

/* IA32_MISC_ENABLE, Intel SDM volume 4; KVM has it for every vendor. */
#define MSR_IA32_MISC_ENABLE 0x1a0
#define MISC_ENABLE_FAST_STRING (1u << 0)
#define MISC_ENABLE_BTS_UNAVAIL (1u << 11)
#define MISC_ENABLE_PEBS_UNAVAIL (1u << 12)

/* IA32_MTRR_DEF_TYPE, SDM volume 3, 12.11.2.1. All disabled would make RAM
 * uncached where KVM honours them: with a device whose DMA is not coherent,
 * before 6.x (VFIO-OPEN-14). */
#define MSR_IA32_MTRR_DEF_TYPE 0x2ff
#define MTRR_ENABLE (1u << 11)
#define MTRR_TYPE_WRITE_BACK 6

static const struct {
	uint32_t index;
	uint64_t value;
} initial[] = {
	{ MSR_IA32_MISC_ENABLE, MISC_ENABLE_FAST_STRING |
					MISC_ENABLE_BTS_UNAVAIL |
					MISC_ENABLE_PEBS_UNAVAIL },
	{ MSR_IA32_MTRR_DEF_TYPE, MTRR_ENABLE | MTRR_TYPE_WRITE_BACK },
};

int x86_msrs_set(struct vcpu *c, struct err *e)
{
	union {
		struct kvm_msrs list;
		uint8_t room[sizeof(struct kvm_msrs) +
			     ARRAY_LEN(initial) * sizeof(struct kvm_msr_entry)];
	} m = { .room = { 0 } };
	int rc;

	m.list.nmsrs = ARRAY_LEN(initial);
	for (unsigned i = 0; i < ARRAY_LEN(initial); i++) {
		m.list.entries[i].index = initial[i].index;
		m.list.entries[i].data = initial[i].value;
	}
	rc = sys_ioctl(c->fd, KVM_SET_MSRS, &m.list);
	if (rc < 0)
		return err_sys(e, rc, "KVM_SET_MSRS");
	/* KVM stops at the first one that it refuses. */
	if ((unsigned)rc < ARRAY_LEN(initial))
		return err_set(e, -EINVAL, "KVM refuses MSR %#x = %#llx",
			       initial[rc].index,
			       (unsigned long long)initial[rc].value);
	return 0;
}

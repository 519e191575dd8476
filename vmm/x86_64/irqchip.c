/* vmm/x86_64/irqchip.c - the interrupt controllers, all in the kernel
 *
 * Local APICs, an IOAPIC with 24 pins and, because KVM makes them together, a
 * pair of PICs that nothing is wired to. Not modelled: the PIT; guests take
 * their time from kvmclock and the TSC deadline timer.
 *
 * The PICs are left out of the routing table on purpose. Our ACPI tables are
 * hardware-reduced, so Linux never initialises a PIC; KVM's starts unmasked at
 * vector base 0 and is connected to LINT0 of the first CPU, where a routed ISA
 * edge would arrive as exception 0 to 7.
 */
#include <linux/kvm.h>

#include "vmm/arch.h"
#include "vmm/base/sys.h"

/* Pages below 4 GiB that KVM uses on Intel while the guest is in real mode:
 * an identity page table, then a task state segment of three pages. The board
 * reserves all four. */
#define IDENTITY_MAP UINT64_C(0xfffbc000)
#define TSS UINT64_C(0xfffbd000)

/* 32-bit destinations in messages, and id 255 is no broadcast in x2APIC mode:
 * upper halves of messages are then checked, see arch_msi_valid. */
static int use_x2apic_ids(struct vm *vm, struct err *e)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X2APIC_API,
		.args[0] = KVM_X2APIC_API_USE_32BIT_IDS |
			   KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK,
	};
	int rc;

	if (!vm->caps.x2apic_api)
		return 0;
	rc = sys_ioctl(vm->fd, KVM_ENABLE_CAP, &cap);
	return rc < 0 ? err_sys(e, rc, "KVM_CAP_X2APIC_API") : 0;
}

int arch_irqchip_create(struct vm *vm, struct err *e)
{
	uint64_t identity = IDENTITY_MAP;
	int rc;

	rc = sys_ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity);
	if (rc < 0)
		return err_sys(e, rc, "KVM_SET_IDENTITY_MAP_ADDR");
	rc = sys_ioctl_num(vm->fd, KVM_SET_TSS_ADDR, TSS);
	if (rc < 0)
		return err_sys(e, rc, "KVM_SET_TSS_ADDR");
	rc = use_x2apic_ids(vm, e);
	if (rc < 0)
		return rc;
	rc = sys_ioctl_num(vm->fd, KVM_CREATE_IRQCHIP, 0);
	return rc < 0 ? err_sys(e, rc, "no interrupt controllers") : 0;
}

unsigned arch_pin_routes(struct kvm_irq_routing_entry *out)
{
	static_assert((int)IRQ_PINS <= ARCH_MAX_PIN_ROUTES,
		      "the table has room");
	for (unsigned pin = 0; pin < IRQ_PINS; pin++) {
		out[pin].gsi = pin;
		out[pin].type = KVM_IRQ_ROUTING_IRQCHIP;
		out[pin].u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
		out[pin].u.irqchip.pin = pin;
	}
	return IRQ_PINS;
}

/* An MSI is a write to 0xfee..... with a delivery mode in data bits 10:8
 * (Intel SDM volume 3, 11.11). KVM itself, with 32-bit ids, refuses a table in
 * which bits 7:0 of an upper half are set (kvm_msi_route_invalid in
 * arch/x86/kvm/irq_comm.c), and takes bits 31:8 as more bits of the
 * destination. We announce no such destinations, so a write above 4 GiB is to
 * us what it is to hardware: no interrupt. The reserved delivery modes are
 * refused because KVM would log each or, worse, has a use of its own for 3. */
bool arch_msi_valid(const struct msi_msg *m)
{
	unsigned mode = (m->data >> 8) & 7;

	return m->address >> 20 == 0xfee && mode != 3 && mode != 6;
}

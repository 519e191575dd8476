"""The same card where the guest may not use MSI: every interrupt is INTx."""
from nic import judge_traffic, line_controller, nic_case

case = nic_case("e1000e", append="quiet pci=nomsi", iommufd="quick")


def judge(r):
    # INTx needs an end-of-interrupt seen by somebody, so exits are not counted.
    words = judge_traffic(r)
    lines = r.guest.blob("interrupts").decode()
    r.check(line_controller(r.vmm) in lines and "MSI" not in lines, f"not INTx: {lines.strip()}")
    return f"{words}, {r.check_irqs(1, 50)} over INTx"

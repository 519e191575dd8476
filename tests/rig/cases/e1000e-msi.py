"""The same card where its driver may take one MSI, but no MSI-X."""
from nic import judge_traffic, nic_case

# IntMode, the driver's own: 0 is INTx, 1 is MSI, 2 is MSI-X.
case = nic_case("e1000e", guest_files={"/modules/e1000e.options": b"IntMode=1"})


def judge(r):
    words = judge_traffic(r)
    lines = r.guest.blob("interrupts").decode()
    r.check("PCI-MSI-" in lines and "PCI-MSIX-" not in lines, f"not MSI: {lines.strip()}")
    return f"{words}, {r.check_irqs(1, 50)} over MSI, {r.check_io_exits()}"

"""The same card over MSI: its driver would rather have MSI-X, of which the guest's Linux forgets that there is any."""
from driver import no_msix
from nic import GUEST, judge_traffic, nic_case

BDF = "0000:01:00.0"


def files(kernel):
    return {"/modules/minivmm_nomsix.ko": no_msix(kernel),
            "/modules/minivmm_nomsix.load": b"minivmm_nomsix\n",
            "/modules/minivmm_nomsix.options": f"function={BDF}".encode()}


case = nic_case("igb", guest_files=files, slow=True)
case.guest = f"""
    load minivmm_nomsix
    echo {BDF} >$PCI/{BDF}/driver/unbind
    echo {BDF} >/sys/bus/pci/drivers_probe
""" + GUEST


def judge(r):
    words = judge_traffic(r)
    lines = r.guest.blob("interrupts").decode()
    r.check("PCI-MSI-" in lines and "MSIX" not in lines, f"not MSI: {lines.strip()}")
    return f"{words}, {r.check_irqs(1, 50)} over MSI, {r.check_delivery(BDF, 50)}, {r.check_io_exits()}"

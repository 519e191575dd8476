"""The same card, whose driver tests MSI, is not content, and goes on with INTx: the host sees the same."""
from nic import GUEST, give_back, judge_traffic, line_controller, nic_case

# IntMode, the driver's own: 0 is INTx, 1 is MSI, 2 is MSI-X. The driver tests MSI
# by a cause, RXSEQ, that QEMU's e1000e lets nobody unmask, and while its link is
# still down, so no frame can come: with whatever VMM, or with none. igb-msi is a
# network card over MSI.
OPTIONS = {"/modules/e1000e.options": b"IntMode=1"}
VERDICT = "MSI interrupt test failed, using legacy interrupt"
LOOK = "\ndmesg | grep e1000e | blob log\n"

case = nic_case("e1000e", guest_files=OPTIONS, host_files=OPTIONS, slow=True)
case.guest = GUEST + LOOK
case.give_back = give_back("0000:01:00.0", "e1000e") + LOOK


def judge(r):
    words = judge_traffic(r)
    # A driver that is built in takes the option for the first card it sees, once.
    again = ((r.runs[-1].host, "L1"),) if r.case.host_kernel == "6.12" else ()
    for marks, where in (r.guest, "the guest"), *again:
        log = marks.blob("log").decode()
        r.check("Interrupt Mode set to 1" in log and VERDICT in log, f"{where} says: {log}")
    lines = r.guest.blob("interrupts").decode()
    r.check(line_controller(r.vmm) in lines and "MSI" not in lines, f"not INTx: {lines.strip()}")
    return f"{words}, {r.check_irqs(1, 50)} over INTx after a try of MSI"

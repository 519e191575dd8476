"""A network card with I/O ports and a ROM: traffic over MSI-X, AER and DSN visible."""
from nic import judge_caps, judge_traffic, nic_case

case = nic_case("e1000e")


def judge(r):
    return ", ".join([judge_traffic(r), judge_caps(r, {"AER": 0x01, "DSN": 0x03}, {}),
                      r.check_irqs(2, 50), r.check_io_exits()])

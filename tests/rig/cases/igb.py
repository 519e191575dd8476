"""A network card with SR-IOV: traffic over MSI-X, AER visible, ARI and SR-IOV hidden."""
from nic import judge_caps, judge_traffic, nic_case

case = nic_case("igb")


def judge(r):
    words = [judge_traffic(r), judge_caps(r, {"AER": 0x01}, {"ARI": 0x0e, "SR-IOV": 0x10}),
             r.check_irqs(2, 50), r.check_io_exits()]
    return ", ".join(words)

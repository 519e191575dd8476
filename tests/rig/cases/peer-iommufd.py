"""Peer to peer through iommufd: BARs as dma-bufs, on a kernel of our own that makes them."""
import cards
from card import Card
from cards import PF0, PF1

case = cards.case(
    cards=(Card("alveo-like", ports=((1, 0), (1, 1))),),
    bind=[PF0, PF1],
    host_kernel="own-7",
    host_files={},      # nothing is built for that kernel
    give_back="",
    host=f"""
        for bdf in {PF0} {PF1}; do bind $bdf; done
        vmm --iommu=iommufd --log-level info --vfio {PF0},slot=1.0,p2p=on --vfio {PF1},slot=1.1,p2p=on
        none_left() {{ ! ls -l /proc/*/fd 2>/dev/null | grep '/dev/iommu\\|/dev/vfio/d\\|dmabuf'; }}
        wait_for 5 none_left
    """,
    guest=cards.BOTH,
    only=("minivmm",),
    slow=True,
)


def judge(r):
    stderr = r.runs[0].stderr
    r.check("through iommufd" in stderr, f"the log says no 'through iommufd': {stderr}")
    r.check("p2p: the other functions will reach" in stderr and "warn" not in stderr, f"the log: {stderr}")
    return cards.judge_both(r, r.case.cards[0])

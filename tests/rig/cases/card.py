"""Both functions of the simulated card in one slot: VSEC followed, DMA, MSI and MSI-X, FLR, peer to peer."""
import cards
from card import Card
from cards import PF0, PF1

variants = {
    "": {},
    "-7.2": {"host_kernel": "7.2"},
    # Our own Linux 7 does not remap interrupts behind this IOMMU ("no southbridge
    # IOAPIC"), and so not through iommufd: that is iommufd-amd.
    "-amd": {"iommu": "amd", "iommufd": "no"},
    "-amd-7.2": {"iommu": "amd", "host_kernel": "7.2"},
}

case = cards.case(
    cards=(Card("alveo-like", ports=((1, 0), (1, 1))),),
    bind=[PF0, PF1],
    host=f"""
        for bdf in {PF0} {PF1}; do bind $bdf; done
        vmm --vfio {PF0},slot=1.0,p2p=on --vfio {PF1},slot=1.1,p2p=on
    """,
    guest=cards.BOTH,
    own_kernel="own-7",
)


def judge(r):
    words = cards.judge_both(r, r.case.cards[0])
    cards.check_back(r)
    return words

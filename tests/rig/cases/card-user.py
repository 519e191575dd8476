"""The same card and guest over vfio-user: server and minivmm side by side, no IOMMU, no VFIO in the kernel."""
import cards
from card import Card
from case import Case

card = Card("alveo-like")

case = Case(
    iommu="none",
    host="""
        card_start alveo-like /tmp/pf0 /tmp/pf1
        vmm --vfio-user /tmp/pf0,slot=1.0,p2p=on --vfio-user /tmp/pf1,slot=1.1,p2p=on
        mark stats $(card_tell stats)
    """,
    guest=". /lib/card.sh\n" + cards.BOTH,
    guest_files=cards.guest_files,
    host_files=lambda kernel: cards.server_files("alveo-like"),
    only=("minivmm",),
)


def judge(r):
    words = cards.judge_both(r, card)
    maps = [w for w in r.host.get("stats").split() if w.startswith("live-maps=")]
    r.check(maps and all(w == "live-maps=0" for w in maps), f"the server keeps maps: {r.host.get('stats')}")
    return words

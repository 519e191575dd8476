"""Both functions of the simulated card in one slot: VSEC followed, DMA, MSI and MSI-X, FLR, peer to peer."""
import cards
from card import Card

PF0, PF1 = "0000:01:00.0", "0000:01:00.1"

variants = {
    "": {},
    "-7.2": {"host_kernel": "7.2"},
    "-amd": {"iommu": "amd"},
    "-amd-7.2": {"iommu": "amd", "host_kernel": "7.2"},
}

case = cards.case(
    cards=(Card("alveo-like", ports=((1, 0), (1, 1))),),
    bind=[PF0, PF1],
    host=f"""
        for bdf in {PF0} {PF1}; do bind $bdf; done
        vmm --vfio {PF0},slot=1.0,p2p=on --vfio {PF1},slot=1.1,p2p=on
    """,
    guest=f"""
        card_up {PF0} {PF1} || finish
        for f in {PF0} {PF1}; do card_all $f; done
        # A masked vector's interrupt waits; it comes once, when it is unmasked.
        before=$(card_get {PF1} interrupts)
        card_do {PF1} mask 3
        card_refused {PF1} fire 3
        mark masked "$before" / "$(card_get {PF1} interrupts)"
        card_do {PF1} unmask 3
        sleep 1
        mark unmasked "$(card_get {PF1} interrupts)"
        card_do {PF1} peer {PF0} 16
        card_do {PF0} peer {PF1} 16
        card_do {PF1} reset
        card_do {PF1} transfer both 8 1
        mark explored $(card-explore {PF0} >/tmp/explored && echo ok)
        blob explored /tmp/explored
    """,
)


def judge(r):
    card, g = r.case.cards[0], r.guest
    chains = [cards.check_config(r, card, f, bdf) for f, bdf in enumerate((PF0, PF1))]
    cards.check_function(r, PF0, "msi", 4)
    f = cards.check_function(r, PF1, "msix", 8)
    before, masked = ([int(n) for n in part.split()] for part in g.get("masked").split("/"))
    unmasked = [int(n) for n in g.get("unmasked").split()]
    r.equal("interrupts of a masked vector", masked[3], before[3])
    r.equal("interrupts after unmasking", unmasked[3], before[3] + 1)
    for bdf in (PF0, PF1):
        r.check(g.get(bdf + "/peer").startswith("ok"), f"{bdf}: peer to peer: {g.get(bdf + '/peer')}")
    r.check(g.get(PF1 + "/reset").startswith("ok"), f"reset: {g.get(PF1 + '/reset')}")
    cards.check_back(r)
    r.equal("card-explore", g.get("explored"), "ok")
    return f"VSEC {f['vsec'].split()[0]}, chain {chains[1]}, 64 MiB each way, 4 MSI and 8 MSI-X vectors, FLR, peer to peer"

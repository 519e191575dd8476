"""Each function of the simulated card alone in a guest, the other one left in L1."""
import cards
from card import Card

PF0, PF1 = "0000:01:00.0", "0000:01:00.1"
GUEST = "0000:01:00.0"          # where either of them appears

case = cards.case(
    # With ACS each function is an IOMMU group of its own.
    cards=(Card("alveo-like-acs", ports=((1, 0), (1, 1))),),
    bind=[PF0, PF1],
    host=f"""
        bind {PF0}
        vmm --vfio {PF0}
        . /lib/card.sh
        give_back {PF0} minivmm_card
        bind {PF1}
        vmm --vfio {PF1}
    """,
    guest=f"""
        card_up {GUEST} || finish
        card_all {GUEST}
    """,
    status=(0, 0),
)


def judge(r):
    card = r.case.cards[0]
    words = []
    for function, (kind, vectors) in enumerate((("msi", 1), ("msix", 8))):
        cards.check_config(r, card, function, GUEST, run=r.runs[function])
        f = cards.check_function(r, GUEST, kind, vectors, run=r.runs[function])
        words.append(f"PF{function}: {kind} {vectors}, VSEC {f['vsec'].split()[0]}, 64 MiB each way")
    cards.check_back(r)
    return "; ".join(words)

"""Cards with MSI only, with INTx only, with 8 GiB of memory in a BAR."""
import cards
from card import Card

KINDS = {"msi": ("msi", 1), "intx": ("intx", 1), "big": ("msix", 8)}
BDFS = [f"0000:{n:02x}:00.0" for n in range(1, len(KINDS) + 1)]

case = cards.case(
    cards=tuple(Card(name, ports=((n, 0),)) for n, name in enumerate(KINDS, 1)),
    bind=BDFS,
    guest="card_up " + " ".join(BDFS) + """ || finish
        for f in """ + " ".join(BDFS) + """; do
            card_all $f
            mark $f/memory $(card_get $f memory)
        done
    """,
)


def judge(r):
    for card, bdf in zip(r.case.cards, BDFS):
        kind, vectors = KINDS[card.name]
        cards.check_config(r, card, 0, bdf)
        cards.check_function(r, bdf, kind, vectors)
    big = r.guest.get(BDFS[-1] + "/memory")
    r.check(big.startswith(str(8 << 30)), f"the big card's memory is {big!r}")
    cards.check_back(r)
    return "MSI, INTx, 8 GiB BAR: 64 MiB each way"

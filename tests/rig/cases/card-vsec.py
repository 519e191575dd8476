"""A VSEC is found wherever it is: first, in the middle, last, behind a hidden capability, second of two."""
import cards
from card import Card
from config_space import hidden_by

PLACES = ("vsec-first", "vsec-middle", "vsec-last", "vsec-behind-hidden", "vsec-second")
BDFS = [f"0000:{n:02x}:00.0" for n in range(1, len(PLACES) + 1)]

case = cards.case(
    cards=tuple(Card(name, ports=((n, 0),)) for n, name in enumerate(PLACES, 1)),
    bind=BDFS,
    guest="card_up " + " ".join(BDFS) + """ || finish
        for f in """ + " ".join(BDFS) + """; do
            card_facts $f
            blob config-$f $PCI/$f/config
            card_do $f transfer both 4 0
        done
    """,
)


def judge(r):
    found = []
    for card, bdf in zip(r.case.cards, BDFS):
        wanted = card.config(0)
        cards.check_config(r, card, 0, bdf, hidden=hidden_by(r.vmm))
        guest = r.guest.blob("config-" + bdf)
        r.equal(f"{card.name}: the dword at 0xffc", guest[0xffc:].hex(), wanted[0xffc:].hex())
        f = cards.facts(r, bdf)
        r.check(f["transfer"].startswith("ok"), f"{card.name}: {f['transfer']}")
        found.append(f"{card.name} {f['vsec'].split()[0]}")
    cards.check_back(r)
    return ", ".join(found)

"""The card misbehaves on demand: the guest's driver sees each fault as hardware would show it, and works afterwards.

Not `error`: L0's QEMU stops at it.
"""
import cards
from card import Card

BDF = "0000:01:00.0"

case = cards.case(
    cards=(Card("vsec-first"),),
    bind=[BDF],
    guest=f"""
        card_up {BDF} || finish
        tell() {{ mark card vsec-first "$@"; sleep 0.5; }}
        works() {{ card_do {BDF} transfer both 2 1; }}
        works
        tell pf0 irq lose 1
        card_refused {BDF} fire 2
        before=$(card_get {BDF} interrupts)
        tell pf0 irq double 1
        card_do {BDF} fire 4
        sleep 0.5
        mark doubled "$before / $(card_get {BDF} interrupts)"
        tell pf0 dma-bad on
        card_refused {BDF} transfer both 2 1
        tell pf0 dma-bad off
        works
        tell pf0 reset-delay 2000
        card_do {BDF} reset
        tell pf0 reset-delay 0
        works
        tell pf0 all-ones on
        card_refused {BDF} transfer both 2 1
        mark status $(od -An -tx2 -j6 -N2 $PCI/{BDF}/config)
        tell pf0 all-ones off
        works
    """,
    host=f"bind {BDF}; vmm --vfio {BDF},on-error=report",
)


def judge(r):
    g = r.guest
    for words, answer in r.case.cards[0].answers:
        r.check(answer.startswith("ok"), f"the card was told {words!r}: {answer}")
    done = g.all(BDF + "/transfer")
    r.equal("transfers", [t.split()[0] for t in done], ["ok", "refused", "ok", "ok", "refused", "ok"])
    r.check("Bad address" in done[1], f"bad DMA: {done[1]}")
    r.check("No such device" in done[4], f"all ones: {done[4]}")
    r.equal("status of a card that reads all ones", g.get("status"), "ffff")
    lost, fired = g.all(BDF + "/fire")
    r.check("timed out" in lost and fired.startswith("ok"), f"lost {lost!r}, doubled {fired!r}")
    before, after = ([int(n) for n in part.split()] for part in g.get("doubled").split("/"))
    r.check(after[4] - before[4] in (1, 2), f"a doubled interrupt came {after[4] - before[4]} times")
    r.check(g.get(BDF + "/reset").startswith("ok"), f"slow reset: {g.get(BDF + '/reset')}")
    cards.check_back(r)
    return f"lost and doubled interrupts ({after[4] - before[4]} came), bad DMA refused, slow reset, all ones for a moment"

"""A card falls off the bus under load: the guest reads all ones, minivmm says so and goes on or ends, as told."""
import cards
from card import Card

A, B = "0000:01:00.0", "0000:02:00.0"

case = cards.case(
    cards=(Card("msi"), Card("intx", ports=((2, 0),))),
    bind=[A, B],
    host=f"""
        for bdf in {A} {B}; do bind $bdf; done
        vmm --append card=msi --vfio {A}
        vmm --append card=intx --vfio {B},on-error=stop
    """,
    guest=f"""
        name=$(sed 's/.*card=//; s/ .*//' /proc/cmdline)
        bdf={A}
        card_up $bdf || finish
        card_do $bdf transfer both 8 0
        (for i in $(seq 100); do echo "both 64 0" >$PCI/$bdf/card/transfer || break; done) 2>/dev/null &
        sleep 0.5
        mark card $name kill
        sleep 1
        wait
        # The driver asks for the vendor when a register reads all ones.
        mark id $(od -An -tx4 -N4 $PCI/$bdf/config)
        sleep 1
        mark went-on yes
    """,
    status={"minivmm": (0, 125), "qemu": (0, 0)},
    give_back="",
)


def judge(r):
    for run in r.runs:
        r.check(run.guest.get(f"{A}/transfer").startswith("ok"), f"before it died: {run.guest.get(A + '/transfer')}")
    r.equal("vendor and device of a dead card", r.runs[0].guest.get("id"), "ffffffff")
    r.equal("the guest without the card", r.runs[0].guest.get("went-on"), "yes")
    if r.strict:
        r.check(f"vfio: {A}: the function does not answer any more" in r.runs[0].stderr, f"said: {r.runs[0].stderr}")
        r.check(f"vfio: {B}" in r.runs[1].stderr, f"said: {r.runs[1].stderr}")
        r.check("went-on" not in r.runs[1].guest, "on-error=stop went on")
    return "all ones in the guest, one sentence, on-error=report goes on, on-error=stop ends with 125"

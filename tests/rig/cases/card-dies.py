"""A card falls off the bus: the guest reads all ones, minivmm says so and goes on or ends, as told.

L0's QEMU aborts when the server dies while it waits for an answer, so the card
dies between two transfers here; card-user-dies kills it under load.
"""
import cards
from card import Card

A, B = "0000:01:00.0", "0000:02:00.0"

case = cards.case(
    cards=(Card("msi"), Card("intx", ports=((2, 0),))),
    bind=[A, B],
    # Without resets: Linux would wait a minute for a dead card to come back.
    host=f"""
        for bdf in {A} {B}; do
            echo >$PCI/$bdf/reset_method
            bind $bdf
        done
        vmm --append card=msi --vfio {A},allow-no-reset
        vmm --append card=intx --vfio {B},allow-no-reset,on-error=stop
    """,
    guest=f"""
        name=$(sed 's/.*card=//; s/ .*//' /proc/cmdline)
        bdf={A}
        card_up $bdf || finish
        card_do $bdf transfer both 8 0
        mark card $name kill
        sleep 1
        card_refused $bdf transfer both 8 0
        # The IDs are the host kernel's copies; status is the card's.
        for i in 1 2 3; do
            mark status $(od -An -tx2 -j6 -N2 $PCI/$bdf/config)
            sleep 0.2
        done
        mark id $(od -An -tx4 -N4 $PCI/$bdf/config)
        sleep 3
        mark went-on yes
    """,
    status={"minivmm": (0, 125), "qemu": (0, 0)},
    give_back="",
)


def judge(r):
    refused = ["refused No such device"]
    for run, afters in zip(r.runs, ([refused], [refused, []])):
        # on-error=stop asks once a second: it may end before the guest tries.
        before, *after = run.guest.all(f"{A}/transfer")
        may = afters if r.strict else [refused]
        r.check(before.startswith("ok") and after in may, f"transfers: {before}, {after}")
    r.equal("the guest without the card", r.runs[0].guest.get("went-on"), "yes")
    if r.strict:
        r.equal("vendor and device of a dead card", r.runs[0].guest.get("id"), "ffffffff")
        r.check(f"vfio: {A}: the function does not answer any more" in r.runs[0].stderr, f"said: {r.runs[0].stderr}")
        r.check(f"vfio: {B}" in r.runs[1].stderr, f"said: {r.runs[1].stderr}")
        r.check("went-on" not in r.runs[1].guest, "on-error=stop went on")
    if not r.strict:
        return "all ones in registers and status, IDs stay, nothing is said"
    return "all ones in the guest, one sentence, on-error=report goes on, on-error=stop ends with 125"

"""Linux's own intel_vsec and pmt_telemetry, which nobody here wrote, read the VSEC, the DVSEC and the telemetry."""
import cards
from card import Card

VSEC, DVSEC = "0000:01:00.0", "0000:02:00.0"
TEXT = "TELEMETRY FROM THE CARD"

case = cards.case(
    cards=(Card("pmt"), Card("pmt-dvsec", ports=((2, 0),))),
    bind=[VSEC, DVSEC],
    guest_modules=["intel_vsec", "pmt_telemetry"],
    host_modules=["intel_vsec", "pmt_telemetry"],
    guest=f"""
        for f in {VSEC} {DVSEC}; do
            wait_for 10 [ -e $PCI/$f/driver ]
            mark $f/driver $(basename $(readlink $PCI/$f/driver))
            wait_for 10 ls $PCI/$f/intel_vsec.telemetry.*/intel_pmt/telem*/telem
            mark $f/telemetry $(cat $PCI/$f/intel_vsec.telemetry.*/intel_pmt/telem*/telem | tr -d '\\000')
            mark $f/guid $(cat $PCI/$f/intel_vsec.telemetry.*/intel_pmt/telem*/guid)
            blob config-$f $PCI/$f/config
        done
    """,
    give_back=f"give_back {VSEC} intel_vsec; give_back {DVSEC} intel_vsec",
)


def judge(r):
    for card, bdf in zip(r.case.cards, (VSEC, DVSEC)):
        cards.check_config(r, card, 0, bdf)
        r.equal(f"{card.name}: driver", r.guest.get(bdf + "/driver"), "intel_vsec")
        r.check(TEXT in r.guest.get(bdf + "/telemetry"), f"{card.name}: telemetry is {r.guest.get(bdf + '/telemetry')!r}")
    return f"bound by VSEC and by DVSEC, GUID {r.guest.get(VSEC + '/guid')}, telemetry read"

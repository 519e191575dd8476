"""A vfio-user server is killed, then stopped, under load: the guest reads all ones and goes on, or the VM ends."""
import cards
from case import Case

BDF = "0000:01:00.0"

case = Case(
    iommu="none",
    host="""
        run_with() {    # SIGNAL OPTIONS
            card_start alveo-like /tmp/pf0 /tmp/pf1
            card_obey $1
            vmm --vfio-user /tmp/pf1$2
            card_stop
        }
        run_with KILL
        run_with STOP
        run_with KILL ,on-error=stop
    """,
    guest=". /lib/card.sh\n" + f"""
        card_up {BDF} || finish
        card_do {BDF} transfer both 8 0
        (for i in $(seq 100); do echo "both 64 0" >$PCI/{BDF}/card/transfer || break; done) 2>/dev/null &
        sleep 0.5
        mark card now
        wait
        mark id $(od -An -tx4 -N4 $PCI/{BDF}/config)
        sleep 1
        mark went-on yes
    """,
    guest_files=cards.guest_files,
    host_files=lambda kernel: cards.server_files("alveo-like"),
    status=(0, 0, 125),
    limit=180,
    only=("minivmm",),
)


def judge(r):
    for i, run in enumerate(r.runs):
        r.check(run.guest.get(f"{BDF}/transfer").startswith("ok"), f"run {i + 1}, before: {run.guest.get(BDF + '/transfer')}")
        r.check("/tmp/pf1: " in run.stderr, f"run {i + 1} said: {run.stderr}")
    for i, run in enumerate(r.runs[:2]):
        r.equal(f"run {i + 1}: vendor and device", run.guest.get("id"), "ffffffff")
        r.equal(f"run {i + 1}: the guest without the card", run.guest.get("went-on"), "yes")
    r.check("went-on" not in r.runs[2].guest, "on-error=stop went on")
    return "; ".join(run.stderr.strip().splitlines()[0].removeprefix("minivmm: ") for run in r.runs)

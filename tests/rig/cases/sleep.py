"""low-power=on: while the guest has its disk in D3hot the host suspends it, and it works afterwards."""
from case import Case, Disk, root_port

BDF = "0000:01:00.0"

disk = Disk()
disks = [disk]

case = Case(
    l0=root_port(1) + disk.args("rp1"),
    bind=[BDF],
    guest_modules=["nvme"],
    host_modules=["nvme"],
    # The guest's phases are seen on its console, which tee keeps in /tmp.
    host=f"""
        bind {BDF}
        state() {{ cat /sys/bus/pci/devices/{BDF}/power/runtime_status; }}
        for option in low-power=on low-power=off; do
            (
                while ! grep -qs 'asleep' /tmp/console-$((RUN + 1)); do usleep 50000; done
                sleep 1
                mark $option $(state)
            ) &
            vmm --log-level info --vfio {BDF},$option
            kill $! 2>/dev/null
        done
    """,
    guest=f"""
        dev=/sys/bus/pci/devices/{BDF}
        byte() {{ dd if=$dev/config bs=1 skip=$1 count=1 2>/dev/null | od -An -tu1 | tr -d ' '; }}
        pm=$(byte 52)
        while [ $pm != 0 ] && [ $(byte $pm) != 1 ]; do pm=$(byte $((pm + 1))); done
        [ $pm != 0 ] || {{ mark trouble "no PM capability"; finish; }}
        power() {{ printf "\\\\$1" | dd of=$dev/config bs=1 seek=$((pm + 4)) conv=notrunc 2>/dev/null; }}
        check() {{
            wait_for 20 [ -b /dev/nvme0n1 ] || finish
            mark $1 $(sha_range /dev/nvme0n1 0 8)
        }}
        check before
        echo {BDF} >$dev/driver/unbind
        id=$(od -An -tx4 -N4 $dev/config)
        power 003
        mark asleep $(($(byte $((pm + 4))) % 4))
        sleep 3
        [ "$(od -An -tx4 -N4 $dev/config)" = "$id" ] && mark id same
        power 000
        mark awake $(($(byte $((pm + 4))) % 4))
        echo {BDF} >/sys/bus/pci/drivers/nvme/bind
        check after
    """,
    give_back=f"give_back {BDF} nvme",
    status=[0, 0],
    only=("minivmm",),
    limit=180,
    slow=True,
)


def judge(r):
    for run in r.runs:
        g = run.guest
        for step in ("before", "after"):
            r.equal(f"hash {step}", g.get(step), disk.known_sha(8))
        r.equal("D-state asleep", g.get("asleep"), "3")
        r.equal("D-state awake", g.get("awake"), "0")
        r.equal("IDs of the sleeping function", g.get("id"), "same")
    r.equal("the host's view with low-power=on", r.host.get("low-power=on"), "suspended")
    r.equal("the host's view without", r.host.get("low-power=off"), "active")
    return "suspended in D3hot, still there for the guest, 8 MiB sha ok afterwards; active without the option"

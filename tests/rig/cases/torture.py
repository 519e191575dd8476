"""A bare-metal guest writes at random to config space and BARs of four functions: VFIO-ERR-06, VFIO-ERR-07."""
import os

import hostile
from case import Case, Disk, net, root_port

disk = Disk()
disks = [disk]

NVME, E1000E, IGB, EDU = (f"0000:0{n}:00.0" for n in (1, 2, 3, 4))

SECONDS = int(os.environ.get("HOSTILE_SECONDS", "10"))
SEED = int(os.environ.get("HOSTILE_SEED", "1"))
OPS = 1500      # of each CPU in one run

case = Case(
    l0=root_port(1) + root_port(2) + root_port(3) + root_port(4) + disk.args("rp1") +
    net("e1000e", "rp2", "n0") + net("igb", "rp3", "n1") + ["-device", "edu,bus=rp4"],
    bind=[NVME, E1000E, IGB, EDU],
    host_modules=["nvme", "e1000e", "igb"],
    host=hostile.RAW + hostile.COMPLAINTS + f"""
        for bdf in $BIND; do bind $bdf; done
        now() {{ cut -d. -f1 /proc/uptime; }}
        _end=$(($(now) + {SECONDS})) _seed={SEED}
        while [ $(now) -lt $_end ]; do
            raw_vmm $_seed {OPS} $BIND
            mark ended $_seed $? $(wc -l </tmp/raw)
            mark said "$(tail -n 1 /tmp/raw)"
            _seed=$((_seed + 1))
        done
        raw_vmm 1 0 $BIND
        mark afterwards $?
    """,
    host_files=hostile.files,
    status=(),
    give_back=f"""
        give_back {NVME} nvme
        give_back {E1000E} e1000e
        give_back {IGB} igb
        wait_for 10 [ -b /dev/nvme0n1 ] && mark host-read $(sha_range /dev/nvme0n1 0 8)
        net_up && mark host-address $(ip -4 addr show dev $NIC | awk '$1 == "inet" {{ print $2 }}')
        echo >$PCI/{EDU}/driver_override
        echo {EDU} >$PCI/{EDU}/driver/unbind && mark back-{EDU} none
        complaints
    """,
    limit=120 + SECONDS,
    only=("minivmm",),
)

# The guest may hit itself: a message of INIT is a reboot, DMA into it a crash.
FINE = {42: "to the end", 0: "rebooted", 126: "crashed the guest"}


def judge(r):
    ends = [[int(n) for n in text.split()] for text in r.host.all("ended")]
    for (seed, status, lines), said in zip(ends, r.host.all("said")):
        r.check(status in FINE, f"HOSTILE_SEED={seed}: status {status}: {said}")
        r.check(lines < 400, f"HOSTILE_SEED={seed}: {lines} lines in the log")
    found = [status for _, status, _ in ends]
    r.check(42 in found, f"no run came to its end: {found}")
    r.equal("a guest afterwards", r.host.get("afterwards"), "42")
    r.equal("hash read by L1 afterwards", r.host.get("host-read"), disk.known_sha(8))
    r.check(r.host.get("host-address").startswith("10.0.2."), "L1 gets no lease afterwards")
    hostile.no_complaints(r)
    return (f"{len(ends)} runs of 2 x {OPS} operations: " +
            ", ".join(f"{found.count(s)} {words}" for s, words in FINE.items() if s in found))

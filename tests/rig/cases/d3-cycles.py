"""The guest sends its disk to D3hot and back 200 times: BARs come and go, and it works each time it is asked."""
import hostile
from case import Case, Disk, root_port

BDF = "0000:01:00.0"
CYCLES, EVERY = 200, 50

disk = Disk(known=8, spare=8)
disks = [disk]

# VFIO-PM-01, -02
case = Case(
    l0=root_port(1) + disk.args("rp1"),
    bind=[BDF],
    guest_modules=["nvme"],
    host_modules=["nvme"],
    host=f"""
        bind {BDF}
        vmm --vfio {BDF}
    """,
    guest=f"""
        dev=$PCI/{BDF} driver=/sys/bus/pci/drivers/nvme
        byte() {{ od -An -tu1 -j$1 -N1 $dev/config | tr -d ' '; }}
        pm=$(byte 52)
        while [ $pm != 0 ] && [ $(byte $pm) != 1 ]; do pm=$(byte $((pm + 1))); done
        [ $pm != 0 ] || {{ mark trouble "no PM capability"; finish; }}
        power() {{ printf "\\\\$1" | dd of=$dev/config bs=1 seek=$((pm + 4)) conv=notrunc 2>/dev/null; }}
        state() {{ od -An -tu1 -j$((pm + 4)) -N1 $dev/config; }}
        works() {{
            wait_for 20 [ -b /dev/nvme0n1 ] || finish
            dd if=/dev/urandom of=/tmp/random bs=1M count=1 2>/dev/null
            dd if=/tmp/random of=/dev/nvme0n1 bs=1M seek=8 conv=notrunc,fsync 2>/dev/null
            mark read-$1 $(sha_range /dev/nvme0n1 0 8)
            mark written $(sha_range /tmp/random 0 1)
        }}
        works 0
        n=0
        while [ $n -lt {CYCLES} ]; do
            [ $((n % {EVERY})) != 0 ] || echo {BDF} >$driver/unbind
            # Decoding: what comes back with D0 is what the guest had set.
            [ $((n % {EVERY})) != 0 ] || echo 1 >$dev/enable
            power 003; asleep=$(($(state) & 3))
            power 000; awake=$(($(state) & 3))
            [ "$asleep $awake" = "3 0" ] || mark trouble "cycle $n: D$asleep, then D$awake"
            n=$((n + 1))
            if [ $((n % {EVERY})) = 0 ]; then
                echo 0 >$dev/enable
                echo {BDF} >$driver/bind
                works $n
            fi
        done
        mark cycles $n
        irq_report nvme
    """,
    give_back=hostile.COMPLAINTS + f"""
        give_back {BDF} nvme
        wait_for 10 [ -b /dev/nvme0n1 ] && mark host-read $(sha_range /dev/nvme0n1 0 8)
        complaints
    """,
    guest_limit=200,
    limit=300,
    slow=True,
)


def judge(r):
    r.equal("cycles", r.guest.get("cycles"), str(CYCLES))
    steps = range(0, CYCLES + 1, EVERY)
    for n in steps:
        r.equal(f"hash after {n} cycles", r.guest.get(f"read-{n}"), disk.known_sha(8))
    r.equal("the last MiB written, in L0's image", disk.sha(8, 1), r.guest.get("written"))
    r.equal("hash read by L1 afterwards", r.host.get("host-read"), disk.known_sha(8))
    hostile.no_complaints(r)
    words = ""
    if r.strict:
        updates = r.runs[0].stats["memslot_updates"]
        r.check(updates >= 2 * CYCLES, f"only {updates} changes of memory slots: do pages go with D0?")
        words = f", {updates} slot updates"
    return f"{CYCLES} cycles, I/O after every {EVERY}{words}, {r.check_irqs(2, 20)}"

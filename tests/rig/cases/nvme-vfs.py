"""Virtual functions of a disk controller: two do I/O, one of them beyond the eighth; then all 16 in one guest."""
import vfs
from vfs import COUNT, PF, bdf

disks = [vfs.disk]

NEAR, FAR = 1, 12       # 01:00.1 and 01:01.4
ALL = [bdf(n) for n in range(1, COUNT + 1)]
ARGS = " ".join(f"--vfio {b}" for b in ALL)

# VFIO-VF-01, -02, -03, -04, -07, VFIO-CFG-20
case = vfs.case(
    bind=ALL,
    host=f"""
        for bdf in $BIND; do bind $bdf; done
        for bdf in {bdf(NEAR)} {bdf(FAR)}; do identity $bdf; done
        vmm $VMM_ARGS --append run=two --vfio {bdf(NEAR)} --vfio {bdf(FAR)}
        vmm $VMM_ARGS --append run=all {ARGS}
    """,
    guest=f"""
        functions() {{ for f in $PCI/*; do grep -q ^0x0108 $f/class && echo ${{f##*/}}; done; }}
        mark functions $(functions)
        for b in $(functions); do wait_for 30 has_block $b || finish; done
        one() {{ # FUNCTION N: a part of its own is read, one is written
            dd if=$(block $1) of=/tmp/read-$2 bs=1M skip=$((8 * $2)) count=$3 2>/dev/null
            dd if=/tmp/random-$2 of=$(block $1) bs=1M seek=$((64 + 8 * $2)) conv=notrunc,fsync 2>/dev/null
        }}
        each() {{
            _n=0
            for b in $(functions); do one $b $_n $1; _n=$((_n + 1)); done
        }}
        if grep -q run=all /proc/cmdline; then
            mark parts $(_n=0; for b in $(functions); do sha_range $(block $b) $_n 1; _n=$((_n + 1)); done)
            finish
        fi
        for n in 0 1; do dd if=/dev/urandom of=/tmp/random-$n bs=1M count=8 2>/dev/null; done
        io_begin
        each 8
        io_end
        n=0
        for b in $(functions); do
            blob config-$b $PCI/$b/config
            identity $b
            mark read-$b $(sha256sum </tmp/read-$n | cut -d' ' -f1)
            mark written-$b $(sha256sum </tmp/random-$n | cut -d' ' -f1)
            mark irq-$b $(irq_lines $(ls $PCI/$b/nvme)q)
            n=$((n + 1))
        done
    """,
    # Each is L1's own again: one of them reads.
    give_back=f"""
        for bdf in $BIND; do give_back $bdf nvme; done
        wait_for 30 has_block {bdf(FAR)} && mark host-read $(sha_range $(block {bdf(FAR)}) 0 8)
        mark parent $(driver_of {PF}) $(sha_range /dev/nvme0n1 8 8)
    """,
    status=[0, 0],
    guest_limit=120,
    limit=300,
    slow=True,
)


def judge_two(r, run):
    words = []
    places = run.guest.get("functions").split()
    r.equal("functions that the guest sees", places, ["0000:01:00.0", "0000:02:00.0"])
    for i, (n, place) in enumerate(zip((NEAR, FAR), places)):
        g = run.guest
        vfs.check_config(r, n, place, run)
        r.equal(f"{place}: hash read", g.get("read-" + place), vfs.part_sha(8 * i, 8))
        r.equal(f"{place}: hash in L0's image", vfs.disk.sha(64 + 8 * i, 8), g.get("written-" + place))
        vectors, count = map(int, g.get("irq-" + place).split())
        r.check(vectors == 2 and count >= 20, f"{place}: {count} interrupts by {vectors} vectors")
        words.append(f"{bdf(n)[5:]}: {count} irqs, {r.check_delivery(bdf(n), count, run)}")
    r.check_dma(run)
    return "; ".join(words) + ", " + r.check_io_exits(run)


def judge(r):
    two, everyone = r.runs
    words = judge_two(r, two)
    places = everyone.guest.get("functions").split()
    r.equal("functions that the guest sees", places, [f"0000:{n:02x}:00.0" for n in range(1, COUNT + 1)])
    r.equal("parts read by each", everyone.guest.get("parts").split(), [vfs.part_sha(n, 1) for n in range(COUNT)])
    r.equal("hash read by L1 afterwards", r.host.get("host-read"), vfs.disk.known_sha(8))
    r.equal("the parent", r.host.get("parent"), f"nvme {vfs.part_sha(8, 8)}")
    return f"{words}; all {COUNT} read"

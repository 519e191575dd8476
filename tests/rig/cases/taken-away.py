"""The host takes a disk from a guest that reads and writes it: unbind, SIGKILL, SIGTERM in start-up (VFIO-ERR-02)."""
import hostile
from case import Case, Disk, root_port

disk = Disk()
disks = [disk]

BDF = "0000:01:00.0"

BESIDE = """
    unbind() { echo $1 >/sys/bus/pci/drivers/vfio-pci/unbind; }
    killed() { kill -KILL $(pidof $VMM_NAME); }
"""

# The host's own driver reads what was there and writes behind what the guest
# did.
WORKS = f"""
    works() {{
        give_back {BDF} nvme
        wait_for 10 [ -b /dev/nvme0n1 ] || return
        mark $1-read $(sha_range /dev/nvme0n1 0 64)
        dd if=/dev/nvme0n1 of=/dev/nvme0n1 bs=1M skip=$2 seek=$((72 + $2)) count=2 conv=notrunc 2>/dev/null
        sync
    }}
"""

# RAM that takes a second to populate and map; SIGTERM comes before.
TERMINATE = f"""
    terminate() {{
        bind {BDF}
        /vmm/minivmm --kernel /l2/bzImage --mem 2400M --console none --vfio {BDF} &
        _pid=$!
        usleep 400000
        _start=$(now_ms)
        kill -TERM $_pid
        wait $_pid
        mark start-up-status $?
        mark start-up-took $(($(now_ms) - _start))
        works terminated 4
    }}
"""

case = Case(
    l0=root_port(1) + disk.args("rp1"),
    bind=[BDF],
    guest_modules=["nvme"],
    host_modules=["nvme"],
    guest="""
        wait_for 20 [ -b /dev/nvme0n1 ] || finish
        dd if=/dev/urandom of=/tmp/random bs=1M count=8 2>/dev/null
        while :; do dd if=/tmp/random of=/dev/nvme0n1 bs=1M seek=64 conv=notrunc,fsync; done 2>/dev/null &
        # QEMU asks the guest to let go, and goes on without.
        while :; do
            hash=$(sha_range /dev/nvme0n1 0 8)
            [ -b /dev/nvme0n1 ] || { mark gone; finish; }
            mark hash $hash
            echo 3 >/proc/sys/vm/drop_caches
            mark at-work
        done
    """,
    host=BESIDE + WORKS + TERMINATE + hostile.COMPLAINTS + f"""
        bind {BDF}
        beside 1 unbind {BDF} &
        vmm --vfio {BDF}
        wait
        works unbound 0
        bind {BDF}
        beside 2 killed &
        vmm --vfio {BDF}
        wait
        works killed 2
        [ $VMM_NAME != minivmm ] || terminate
        complaints
    """,
    give_back=f"mark back-{BDF} $(driver_of {BDF})",
    # 128 is minivmm's word for it, 137 timeout's for a child that was killed.
    status={"minivmm": (128, 137), "qemu": (0, 124)},
    limit=150,
    only=("minivmm", "qemu"),
)

UNBIND_LIMIT_MS = 5000


def judge(r):
    for run in r.runs:
        # A read that was under way when the function went may have failed.
        hashes = run.guest.all("hash")
        if "gone" in run.guest and len(hashes) > 1:
            hashes.pop()
        r.check(hashes and all(h == disk.known_sha(8) for h in hashes), "the guest read something else")
    took = [int(t) for t in r.host.all("took")]
    unbind = took[0]
    for i, how in enumerate(("unbound", "killed") + ("terminated",) * r.strict):
        r.equal(f"hash read by L1, {how}", r.host.get(how + "-read"), disk.known_sha())
        r.equal(f"written by L1, {how}", disk.sha(72 + 2 * i, 2), disk.sha(2 * i, 2))
    hostile.no_complaints(r)
    if not r.strict:
        r.check("gone" in r.runs[0].guest, "the guest still has its disk")
        return f"unbind ended after {unbind} ms, the guest goes on without; SIGKILL: L1 reads and writes each time"
    r.check("the host wants the function back" in r.runs[0].stderr, f"said: {r.runs[0].stderr}")
    r.check(unbind < UNBIND_LIMIT_MS, f"the write to unbind took {unbind} ms")
    status, late = int(r.host.get("start-up-status")), int(r.host.get("start-up-took"))
    # 128 + SIGTERM while it starts; 125 if it was up already.
    r.check(status in (143, 125) and late < 10000, f"SIGTERM in start-up: status {status} after {late} ms")
    return f"unbind ended after {unbind} ms, SIGKILL, SIGTERM in start-up ({status}, {late} ms): L1 reads and writes each time"

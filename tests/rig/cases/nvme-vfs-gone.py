"""The parent's driver takes all virtual functions away while a guest reads and writes one: sriov_numvfs=0."""
import hostile
import vfs
from vfs import COUNT, PF, bdf

disks = [vfs.disk]

VF = bdf(9)
LIMIT_MS = 5000
STAY = 8        # seconds that a guest goes on, if it may

STAYS = f"""
    stays() {{
        bind {VF}
        beside 2 children 0 &
        vmm --vfio {VF},on-request=report --append run=stays
        wait
        mark left $(ls -d $PCI/{VF} 2>&1 | grep -c ^/sys)
        make_children
    }}
"""

# VFIO-VF-06, VFIO-ERR-02
case = vfs.case(
    bind=[VF],
    host=STAYS + hostile.COMPLAINTS + f"""
        bind {VF}
        beside 1 children 0 &
        vmm --vfio {VF}
        wait
        mark left $(ls -d $PCI/{VF} 2>&1 | grep -c ^/sys)
        make_children
        [ $VMM_NAME != minivmm ] || stays
    """,
    guest=f"""
        wait_for 30 has_block 0000:01:00.0 || finish
        disk=$(block 0000:01:00.0)
        dd if=/dev/urandom of=/tmp/random bs=1M count=4 2>/dev/null
        while :; do dd if=/tmp/random of=$disk bs=1M seek=64 conv=notrunc,fsync; done 2>/dev/null &
        at_work() {{
            hash=$(sha_range $disk 0 4)
            # QEMU asks the guest to let go, and goes on without.
            [ -b $disk ] || {{ mark gone; finish; }}
            mark hash $hash
            echo 3 >/proc/sys/vm/drop_caches
            mark at-work
        }}
        if grep -q run=stays /proc/cmdline; then
            at_work
            sleep {STAY}
            at_work
            finish
        fi
        while :; do at_work; done
    """,
    give_back=f"""
        give_back {VF} nvme
        wait_for 30 has_block {VF} && mark host-read $(sha_range $(block {VF}) 0 4)
        mark parent $(driver_of {PF}) $(sha_range /dev/nvme0n1 8 4)
        complaints
    """,
    status={"minivmm": [128, 0], "qemu": [0]},
    only=("minivmm", "qemu"),
    limit=300,
    slow=True,
)


def judge(r):
    for run in r.runs:
        # A read that was under way when the function went may have failed.
        hashes = run.guest.all("hash")
        if "gone" in run.guest and len(hashes) > 1:
            hashes.pop()
        r.check(hashes and all(h == vfs.part_sha(0, 4) for h in hashes), "the guest read something else")
    r.equal("functions left in L1", r.host.all("left"), ["0"] * len(r.runs))
    r.equal("hash read by L1 afterwards", r.host.get("host-read"), vfs.part_sha(0, 4))
    r.equal("the parent", r.host.get("parent"), f"nvme {vfs.part_sha(8, 4)}")
    hostile.no_complaints(r)
    took = [int(t) for t in r.host.all("took")]
    if not r.strict:
        r.check("gone" in r.guest, "the guest still has its disk")
        return f"the write of 0 took {took[0]} ms, the guest went on without; {COUNT} made anew"
    return judge_words(r, took)


def judge_words(r, took):
    _, stays = r.runs
    for run in r.runs:
        r.check("the host wants the function back" in run.stderr, f"said: {run.stderr}")
    r.check("and waits: shut the guest down" in stays.stderr, f"said: {stays.stderr}")
    r.equal("hashes by the guest that stays", len(stays.guest.all("hash")), 2)
    r.check(took[0] < LIMIT_MS, f"the write to sriov_numvfs took {took[0]} ms")
    r.check(took[1] > 1000 * (STAY - 3), f"with on-request=report it took only {took[1]} ms")
    return (f"the write of 0 took {took[0]} ms and ended the VM; with on-request=report the guest went on and it "
            f"took {took[1]} ms; {COUNT} made anew each time")

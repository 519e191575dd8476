"""Two disks on one bus, without a reset of their own: the bus is reset for both, or for none of them."""
from case import Case, Disk, resettable_root_port

A, B = "0000:01:00.0", "0000:01:00.1"

first, second = Disk("first"), Disk("second")
disks = [first, second]

# Four runs: both functions; the first alone while the second has no driver, so
# that nobody can vouch for it; the same accepted; the same with FLR.
HOST = f"""
    methods=/sys/bus/pci/devices/{A}/reset_method
    bind {A}; bind {B}
    echo >$methods
    echo >/sys/bus/pci/devices/{B}/reset_method
    vmm --log-level info --append run=both --vfio {A},slot=1.0 --vfio {B},slot=1.1
    echo {B} >/sys/bus/pci/drivers/vfio-pci/unbind
    vmm --log-level info --vfio {A}
    vmm --log-level info --append run=one --vfio {A},allow-no-reset
    echo flr >$methods
    vmm --log-level info --append run=flr --vfio {A}
    echo "default" >/sys/bus/pci/devices/{B}/reset_method
"""

GUEST = """
    bus=/sys/bus/pci
    put() { printf "$3" | dd of=$bus/devices/$1/config bs=1 seek=$2 conv=notrunc 2>/dev/null; }
    name() { echo $(ls $bus/devices/$1/nvme 2>/dev/null)n1; }
    has() { for f in "$@"; do [ -b /dev/$(name $f) ] || return 1; done; }
    all="0000:01:00.0"
    grep -q run=both /proc/cmdline && all="$all 0000:01:00.1"
    show() {
        wait_for 20 has $all || finish
        for f in $all; do mark $1-$f $(sha_range /dev/$(name $f) 0 8); done
    }
    show before
    for round in 1 2 3; do
        for f in $all; do echo 1 >$bus/devices/$f/remove; done
        put 0000:00:01.0 62 '\\100\\000'
        sleep 0.2
        put 0000:00:01.0 62 '\\000\\000'
        sleep 1
        echo 1 >$bus/rescan
        show after-$round
    done
    if grep -q run=flr /proc/cmdline; then
        echo flr >$bus/devices/0000:01:00.0/reset_method
        echo 1 >$bus/devices/0000:01:00.0/reset
        show flr
    fi
"""

case = Case(
    l0=resettable_root_port(1)
    + first.args("rp1", ",addr=0.0,multifunction=on")
    + second.args("rp1", ",addr=0.1"),
    bind=[A, B],
    guest_modules=["nvme"],
    host_modules=["nvme"],
    guest=GUEST,
    host=HOST,
    give_back=f"give_back {A} nvme; give_back {B} nvme",
    # QEMU starts without a reset, and says nothing.
    status={"minivmm": [0, 125, 0, 0], "qemu": [0, 0, 0, 0]},
    only=("minivmm", "qemu"),
    limit=240,
)


def judge(r):
    both, refused, accepted, flr = r.runs
    for run, names in (both, {A: first, B: second}), (accepted, {A: first}), (flr, {A: first}):
        for step in ("before", "after-1", "after-2", "after-3"):
            for bdf, disk in names.items():
                r.equal(f"hash of {bdf} {step}", run.guest.get(f"{step}-{bdf}"), disk.known_sha(8))
    r.equal("hash after FLR", flr.guest.get(f"flr-{A}"), first.known_sha(8))
    if not r.strict:
        return "both, one alone, one with FLR: each works after three resets of its bus by the guest"
    r.check(f"{A}: reset: none; or its bus, together with {B}" in both.stderr, both.stderr.strip())
    resets = both.stderr.count("its bus was reset")
    r.equal("resets of the bus", resets, 4)
    r.check("cannot be reset" in refused.stderr and f"{B} (driver none)" in refused.stderr,
            f"a function nobody can vouch for gives: {refused.stderr.strip()}")
    for run in accepted, flr:
        r.check("its bus was reset" not in run.stderr, "the bus was reset below a function of nobody")
    r.check(f"a reset of its bus would also hit {B} (driver none)" in flr.stderr, flr.stderr.strip())
    return f"one reset of the bus at start and for each of 3 by the guest; refused where {B} is nobody's; FLR there"

"""What users get wrong: one sentence each (tests/golden/errors/), status 125, nothing leaked."""
import difflib
import os
import re

from case import Case, Disk, root_port
from fetch import TOP

disk = Disk(known=16, spare=0)
disks = [disk]
GOLDEN = os.path.join(TOP, "tests", "golden", "errors")

case = Case(
    # One group with two functions, and a disk in a group of its own.
    l0=root_port(1) + root_port(2)
    + ["-device", "e1000e,bus=rp1,addr=0.0,multifunction=on,romfile=",
       "-device", "e1000e,bus=rp1,addr=0.1,romfile="] + disk.args("rp2"),
    host_modules=["nvme", "e1000e"],
    only=("minivmm",),
    bind=["0000:01:00.0", "0000:02:00.0"],
    host="""
        try() { # NAME ARGS...
            mark trying $1
            shift
            watched raw "$@"
        }
        raw() { exec timeout -s KILL 30 /vmm/minivmm "$@"; }
        kernel="--kernel /l2/bzImage" initrd="--initrd /case/guest.cpio"
        rest="--mem 256M --console none --timeout 20 $VMM_IOMMU"
        guest="$kernel $initrd $rest"

        try unknown-option $guest --frobnicate
        try missing-kernel $initrd $rest
        try bad-size $kernel $initrd --mem 12Q
        try no-such-kernel --kernel /nowhere $rest
        try not-a-kernel --kernel /bin/busybox $rest
        truncate -s 300M /tmp/large
        try initrd-too-large $kernel $rest --initrd /tmp/large

        try missing-function $guest --vfio 0000:7f:00.0
        try no-address $guest --vfio nvme0
        load nvme e1000e
        wait_for 10 [ -b /dev/nvme0n1 ]
        try host-driver $guest --vfio 0000:02:00.0
        mark still-works $(sha_range /dev/nvme0n1 0 16)
        bind 0000:01:00.0
        try not-viable $guest --vfio 0000:01:00.0

        mv /dev/kvm /dev/kvm.away
        try no-kvm $guest
        mv /dev/kvm.away /dev/kvm

        # As a user who owns the nodes, but may lock only 64 KiB.
        bind 0000:02:00.0
        group=/dev/vfio/$(basename $(readlink /sys/bus/pci/devices/0000:02:00.0/iommu_group))
        try function-twice $guest --vfio 0000:02:00.0 --vfio 0000:02:00.0
        chown nobody $group /dev/vfio/devices/* /dev/iommu 2>/dev/null
        chmod 666 /dev/kvm
        chmod 755 / /vmm /l2 /case
        unlocked() { exec su -s /bin/sh nobody -c "ulimit -l 64; exec /vmm/minivmm $*"; }
        mark trying memlock
        watched unlocked $guest --vfio 0000:02:00.0
    """,
    give_back="""
        give_back 0000:02:00.0 nvme
        wait_for 10 [ -b /dev/nvme0n1 ] && mark works-again $(sha_range /dev/nvme0n1 0 16)
        give_back 0000:01:00.0 e1000e
    """,
    status=[125] * 13,
    guest_limit=30, limit=150,
)


def golden_of(name, case):
    """The file with the sentence; over iommufd that may be another one."""
    path = os.path.join(GOLDEN, name)
    return path + ".iommufd" if "iommufd" in case.vmm_iommu and os.path.exists(path + ".iommufd") else path


def matches(golden, text):
    """Whether `text` is `golden`, where a * stands for anything in a line."""
    pattern = ".*".join(re.escape(part) for part in golden.split("*"))
    return re.fullmatch(pattern, text) is not None


def judge(r):
    names = r.host.all("trying")
    wrong = []
    for name, run in zip(names, r.runs):
        path = golden_of(name, r.case)
        golden = open(path).read() if os.path.exists(path) else ""
        if matches(golden, run.stderr):
            continue
        if os.environ.get("RIG_UPDATE_GOLDEN"):
            with open(path, "w") as f:
                f.write(run.stderr)
            continue
        wrong.append(name)
        print("\n".join(difflib.unified_diff(golden.splitlines(), run.stderr.splitlines(),
                                             f"tests/golden/errors/{name}", f"{name}, printed", lineterm="")))
    r.check(not wrong, f"not the golden message: {', '.join(wrong)}")
    r.equal("hash of a disk that stayed with the host", r.host.get("still-works"), disk.known_sha())
    r.equal("hash of a disk given back", r.host.get("works-again"), disk.known_sha())
    return f"{len(names)} mistakes, each with its golden message and status 125"

"""The kernel's newer interface, on a kernel of our own: the same two functions by iommufd and by group."""
from case import Case, Disk, net, net_file_sha, root_port
from config_space import check
from nic import give_back

DISK, NIC = "0000:01:00.0", "0000:02:00.0"

disk = Disk()
disks = [disk]

# The group is held by another process: neither interface may have it then.
HOST = f"""
    bind {DISK}; bind {NIC}
    both="--log-level info --vfio {DISK} --vfio {NIC}"
    vmm --iommu=iommufd $both
    vmm --iommu=group $both
    vmm --log-level info --append run=auto --vfio {DISK}
    group=$(basename $(readlink /sys/bus/pci/devices/{DISK}/iommu_group))
    exec 9<>/dev/vfio/$group
    vmm --iommu=iommufd --vfio {DISK}
    exec 9>&-
    none_left() {{ ! ls -l /proc/*/fd 2>/dev/null | grep '/dev/iommu\\|/dev/vfio/[0-9d]'; }}
    wait_for 5 none_left    # a shell that is ending may have 9 a moment longer
"""

case = Case(
    l0=root_port(1) + root_port(2) + disk.args("rp1") + net("e1000e", "rp2"),
    bind=[DISK, NIC],
    guest_modules=["nvme", "e1000e"],
    host_modules=["nvme", "e1000e"],
    host_kernel="own",
    host=HOST,
    guest="""
        wait_for 20 [ -b /dev/nvme0n1 ] || finish
        if grep -q run=auto /proc/cmdline; then
            mark read $(sha_range /dev/nvme0n1 0 8)
            finish
        fi
        dump_config $(basename $(readlink -f /sys/class/nvme/nvme0/device))
        net_up || finish
        dd if=/dev/urandom of=/tmp/random bs=1M count=16 2>/dev/null
        mark random $(sha_range /tmp/random 0 16)
        io_begin
        read=$(sha_range /dev/nvme0n1 0 64)
        dd if=/tmp/random of=/dev/nvme0n1 bs=1M seek=64 conv=notrunc 2>/dev/null
        sync
        nc 10.0.2.100 9000 </dev/null | head -c 16777216 >/tmp/file
        io_end
        mark read $read
        mark file $(sha256sum </tmp/file | cut -d' ' -f1)
        irq_report nvme
    """,
    give_back=f"""
        give_back {DISK} nvme
        wait_for 10 [ -b /dev/nvme0n1 ] && mark host-read $(sha_range /dev/nvme0n1 0 1)
    """ + give_back(NIC, "e1000e"),
    status=[0, 0, 0, 125],
    only=("minivmm",),
    limit=240,
)

variants = {"": {}, "-amd": {"iommu": "amd", "slow": True}}


def judge(r):
    by_fd, by_group, auto, held = r.runs
    for run, words in (by_fd, "through iommufd"), (by_group, "through containers"), (auto, "through iommufd"):
        r.check(words in run.stderr, f"the log says no '{words}': {run.stderr.strip()}")
    for run in by_fd, by_group:
        g = run.guest
        r.equal("hash of 64 MiB", g.get("read"), disk.known_sha())
        r.equal("hash of 16 MiB from the network", g.get("file"), net_file_sha())
        r.check_io_exits(run)
    r.equal("hash in L0's image", disk.sha(64, 16), by_group.guest.get("random"))
    r.equal("hash read by auto", auto.guest.get("read"), disk.known_sha(8))
    r.check("another process holds the function" in held.stderr, f"a held group gives: {held.stderr.strip()}")
    r.equal("hash read by L1 afterwards", r.host.get("host-read"), disk.known_sha(1))
    r.check(r.host.get("host-address").startswith("10.0.2."), "L1 gets no lease afterwards")
    return f"iommufd, group and auto: 64 MiB sha ok, {check(r, DISK)}, {r.check_irqs(2, 100)}; a held group is explained"

"""A disk behind an IOMMU of 39 bits: everything the guest has lies where that translates."""
from case import Case, Disk, root_port

BDF = "0000:01:00.0"

disk = Disk()
disks = [disk]

# How much RAM is too much for it, and what is said then, is for the unit tests:
# L1 has 3 GiB, and 39 bits are 512.
case = Case(
    l0=root_port(1) + disk.args("rp1"),
    iommu="intel-39",
    bind=[BDF],
    guest_modules=["nvme"],
    host_modules=["nvme"],
    host=f"""
        bind {BDF}
        mark width $(cat /sys/class/iommu/dmar0/intel-iommu/cap)
        vmm --vfio {BDF},p2p=on
    """,
    guest="""
        wait_for 20 [ -b /dev/nvme0n1 ] || finish
        mark read $(sha_range /dev/nvme0n1 0 64)
        irq_report nvme
    """,
    give_back=f"give_back {BDF} nvme",
    slow=True, own_kernel="own-7",
)


def judge(r):
    width = (int(r.host.get("width"), 16) >> 16 & 0x3f) + 1     # MGAW of CAP_REG
    r.equal("width of the IOMMU", width, 39)
    r.equal("hash of 64 MiB", r.guest.get("read"), disk.known_sha())
    r.check("warn" not in r.runs[0].stderr, f"said: {r.runs[0].stderr}")
    return f"64 MiB sha ok, {r.check_irqs(2, 100)}, its BAR is within reach of others"

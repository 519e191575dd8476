"""An IOMMU of 39 bits: a guest that fits works, one that does not is told at once how much does."""
import re

from case import Case, Disk, root_port

BDF = "0000:01:00.0"

disk = Disk()
disks = [disk]

case = Case(
    l0=root_port(1) + disk.args("rp1"),
    iommu="intel-39",
    bind=[BDF],
    guest_modules=["nvme"],
    host_modules=["nvme"],
    # L1 has 3 GiB: populating the second guest's RAM would never end well.
    host=f"""
        bind {BDF}
        vmm --vfio {BDF}
        vmm --vfio {BDF} --mem 600G
    """,
    guest="""
        wait_for 20 [ -b /dev/nvme0n1 ] || finish
        mark read $(sha_range /dev/nvme0n1 0 64)
        irq_report nvme
    """,
    give_back=f"give_back {BDF} nvme",
    status=[0, 125],
    only=("minivmm",),
    slow=True,
)

WORDS = re.compile(r"guest RAM 0x100000000 to 0x967fffffff is beyond the IOMMU, "
                   r"which translates I/O addresses up to 0x7fffffffff\n.*--mem 522240M")


def judge(r):
    fits, large = r.runs
    r.equal("hash of 64 MiB", fits.guest.get("read"), disk.known_sha())
    r.check(WORDS.search(large.stderr), f"600 GiB give: {large.stderr.strip()}")
    return f"64 MiB sha ok, {r.check_irqs(2, 100)}; 600 GiB are refused: 510 fit"

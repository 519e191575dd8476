"""A disk that could have 2048 vectors: few are made; the table may be elsewhere."""
from case import Case, Disk, root_port

disk = Disk()
disks = [disk]

MOVED = """
for bdf in $BIND; do bind $bdf; done
vmm $VMM_ARGS --vfio 0000:01:00.0,msix-reloc=bar2
"""

case = Case(
    l0=root_port(1) + disk.args("rp1", ",msix_qsize=2048"),
    bind=["0000:01:00.0"],
    guest_modules=["nvme"],
    host_modules=["nvme"],
    guest="""
        wait_for 20 [ -b /dev/nvme0n1 ] || finish
        bdf=$(basename $(readlink -f /sys/class/nvme/nvme0/device))
        dump_config $bdf
        io_begin
        read=$(sha_range /dev/nvme0n1 0 64)
        io_end
        mark read $read
        irq_report nvme
    """,
    give_back="""
        give_back 0000:01:00.0 nvme
        wait_for 10 [ -b /dev/nvme0n1 ] && mark host-read $(sha_range /dev/nvme0n1 0 1)
    """,
)

# VFIO-MSIX-03; VFIO-BAR-10
variants = {"": {}, "-moved": {"host": MOVED, "only": ("minivmm",), "slow": True}}


def find(config, wanted):
    """Where a standard capability is."""
    at, steps = config[0x34], 0
    while at and config[at] != wanted and steps < 48:
        at, steps = config[at + 1], steps + 1
    return at


def judge(r):
    config = r.guest.blob("config")
    r.check(len(config) >= 256, "the guest's config space was not read")
    at = find(config, 0x11)
    r.check(at, "the guest sees no MSI-X")
    word = lambda off, n: int.from_bytes(config[at + off:at + off + n], "little")
    r.equal("MSI-X table size", (word(2, 2) & 0x7ff) + 1, 2048)
    r.equal("BAR of the MSI-X table", word(4, 4) & 7, 2 if "msix-reloc" in r.case.host else 0)
    r.equal("hash of 64 MiB", r.guest.get("read"), disk.known_sha())
    r.equal("hash read by L1 afterwards", r.host.get("host-read"), disk.known_sha(1))
    return f"64 MiB sha ok, 2048 vectors, {r.check_irqs(2, 50)}, {r.check_io_exits()}"

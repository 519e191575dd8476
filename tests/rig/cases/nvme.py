"""A disk whose MSI-X table lies in the BAR of its registers: DMA both ways, MSI-X, no exits."""
from case import Case, Disk, root_port
from config_space import check

disk = Disk()
disks = [disk]

case = Case(
    l0=root_port(1) + disk.args("rp1"),
    bind=["0000:01:00.0"],
    guest_modules=["nvme"],
    host_modules=["nvme"],
    guest="""
        wait_for 20 [ -b /dev/nvme0n1 ] || finish
        bdf=$(basename $(readlink -f /sys/class/nvme/nvme0/device))
        dump_config $bdf
        dd if=/dev/urandom of=/tmp/random bs=1M count=16 2>/dev/null
        mark random $(sha_range /tmp/random 0 16)
        io_begin
        read=$(sha_range /dev/nvme0n1 0 64)
        dd if=/tmp/random of=/dev/nvme0n1 bs=1M seek=64 conv=notrunc 2>/dev/null
        sync
        echo 3 >/proc/sys/vm/drop_caches
        back=$(sha_range /dev/nvme0n1 64 16)
        io_end
        mark read $read
        mark back $back
        irq_report nvme
    """,
    give_back="""
        give_back 0000:01:00.0 nvme
        wait_for 10 [ -b /dev/nvme0n1 ] && mark host-read $(sha_range /dev/nvme0n1 0 1)
    """,
)


def judge(r):
    g = r.guest
    r.equal("hash of 64 MiB", g.get("read"), disk.known_sha())
    r.equal("hash read back", g.get("back"), g.get("random"))
    r.equal("hash in L0's image", disk.sha(64, 16), g.get("random"))
    r.equal("hash read by L1 afterwards", r.host.get("host-read"), disk.known_sha(1))
    same = check(r, "0000:01:00.0")
    irqs = r.check_irqs(2, 100)
    r.check_dma()
    how = r.check_delivery("0000:01:00.0", int(g.get("irq").split()[1]))
    return f"64 MiB sha ok, 16 MiB written, {same}, {irqs}, {how}, {r.check_io_exits()}"

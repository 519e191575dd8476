"""Two vCPUs and 5 GiB: the disk writes into memory above 4 GiB."""
from case import Case, Disk, root_port

disk = Disk()
disks = [disk]

case = Case(
    l0=root_port(1) + disk.args("rp1"),
    l0_memory=7168,
    memory="5G",
    vmm_args="--cpus 2",
    bind=["0000:01:00.0"],
    guest_modules=["nvme"],
    host_modules=["nvme"],
    # Linux fills ZONE_NORMAL first, which begins at 4 GiB on this machine; its
    # file pages are where the disk's DMA went.
    guest="""
        normal() { awk '/zone +Normal/ { on = 1 }
            on && /nr_zone_(in)?active_file/ { n += $2 }
            on && /start_pfn/ { s = $2; on = 0; if (n || s) { print n, s; exit } }' /proc/zoneinfo; }
        mark cpus $(nproc)
        mark memory $(awk '/MemTotal/ { print $2 }' /proc/meminfo)
        wait_for 20 [ -b /dev/nvme0n1 ] || finish
        exec 3</dev/nvme0n1     # the last close would drop its pages
        mark before $(normal)
        read=$(sha_range /dev/nvme0n1 0 64)
        mark after $(normal)
        mark read $read
        irq_report nvme
    """,
    give_back="""
        give_back 0000:01:00.0 nvme
        wait_for 10 [ -b /dev/nvme0n1 ]
    """,
    guest_limit=90, limit=150,
)


def judge(r):
    g = r.guest
    r.equal("vCPUs", g.get("cpus"), "2")
    r.check(int(g.get("memory", "0")) > 4700 << 10, f"the guest has {g.get('memory')} KiB")
    r.equal("hash of 64 MiB", g.get("read"), disk.known_sha())
    before, after = g.get("before").split(), g.get("after").split()
    r.check(len(after) == 2 and int(after[1]) >= 1 << 20, f"zone Normal is not above 4 GiB: {after}")
    high = (int(after[0]) - int(before[0])) // 256
    r.check(high >= 48, f"only {high} MiB of the disk were read to above 4 GiB")
    return f"64 MiB sha ok, {high} MiB of it above 4 GiB, {r.check_irqs(2, 100)}"

"""A disk and a network card in one guest, each behind a root port of its own."""
from case import Case, Disk, net, net_file_sha, root_port
from nic import give_back

disk = Disk()
disks = [disk]

case = Case(
    l0=root_port(1) + root_port(2) + disk.args("rp1") + net("igb", "rp2"),
    bind=["0000:01:00.0", "0000:02:00.0"],
    guest_modules=["nvme", "igb"],
    host_modules=["nvme", "igb"],
    guest="""
        wait_for 20 [ -b /dev/nvme0n1 ] && net_up || finish
        for d in /sys/class/nvme/nvme0/device /sys/class/net/$NIC/device; do
            mark parent $(basename $(dirname $(readlink -f $d)))
        done
        sha_range /dev/nvme0n1 0 64 >/tmp/disk &
        nc 10.0.2.100 9000 </dev/null | head -c 16777216 | sha256sum >/tmp/net
        wait
        mark disk $(cat /tmp/disk)
        mark file $(cut -d' ' -f1 /tmp/net)
    """,
    give_back="""
        give_back 0000:01:00.0 nvme
        wait_for 10 [ -b /dev/nvme0n1 ]
    """ + give_back("0000:02:00.0", "igb"),
)


def judge(r):
    g = r.guest
    r.equal("hash of 64 MiB", g.get("disk"), disk.known_sha())
    r.equal("hash of 16 MiB", g.get("file"), net_file_sha())
    ports = g.all("parent")
    # kvmtool has no root ports.
    r.check(r.vmm == "lkvm" or len(set(ports)) == 2 and all(p.startswith("0000:00:") for p in ports),
            f"not two root ports: {ports}")
    return f"both at once, ports {' '.join(ports)}"

"""All functions of a slot by one word, 0000:01:00.*: a disk and a network card as one device of the guest."""
from case import Case, Disk, net, net_file_sha, root_port
from nic import give_back

DISK, NIC = "0000:01:00.0", "0000:01:00.1"

disk = Disk()
disks = [disk]

# First with one of the two, and then the other, on the driver of the host.
HOST = f"""
    star() {{ vmm --log-level info --vfio "0000:01:00.*$1"; }}
    bind {NIC}
    star
    bind {DISK}
    star ,slot=3
    echo {NIC} >/sys/bus/pci/drivers/vfio-pci/unbind
    echo >$PCI/{NIC}/driver_override
    star
"""

case = Case(
    l0=root_port(1) + disk.args("rp1", ",addr=0.0,multifunction=on")
    + net("e1000e", "rp1", extra=",addr=0.1"),
    bind=[DISK, NIC],
    guest_modules=["nvme", "e1000e"],
    host_modules=["nvme", "e1000e"],
    host=HOST,
    guest="""
        mark functions $(ls /sys/bus/pci/devices | grep -v ^0000:00 | tr '\\n' ' ')
        for f in /sys/bus/pci/devices/0000:0[1-9]:*; do
            mark pin-$(basename $f) $(od -An -tu1 -j61 -N1 $f/config)
            mark header-$(basename $f) $(od -An -tx1 -j14 -N1 $f/config)
        done
        wait_for 20 [ -b /dev/nvme0n1 ] || finish
        mark read $(sha_range /dev/nvme0n1 0 8)
        [ -e /sys/bus/pci/devices/0000:03:00.1 ] || finish
        net_up || finish
        mark file $(nc 10.0.2.100 9000 </dev/null | head -c 16777216 | sha256sum | cut -d' ' -f1)
    """,
    give_back=f"""
        give_back {DISK} nvme
        wait_for 10 [ -b /dev/nvme0n1 ]
    """ + give_back(NIC, "e1000e"),
    status=[125, 0, 0],
    only=("minivmm",),
    limit=200,
    slow=True,
)


def judge(r):
    lame, both, alone = r.runs
    driver = "no driver" if r.case.host_kernel == "6.12" else "nvme"    # which is built in there
    r.check(f"0000:01:00.0 is bound to {driver}, and no guest looks for the others" in lame.stderr,
            f"without function 0: {lame.stderr.strip()}")
    g = both.guest
    r.equal("functions", g.get("functions").split(), ["0000:03:00.0", "0000:03:00.1"])
    r.equal("headers", [g.get(f"header-0000:03:00.{f}") for f in "01"], ["80", "80"])
    r.equal("pins", [g.get(f"pin-0000:03:00.{f}") for f in "01"],
            [str(r.host.blob(f"host-config-{bdf}")[61]) for bdf in (DISK, NIC)])
    r.equal("hash of 8 MiB", g.get("read"), disk.known_sha(8))
    r.equal("hash of 16 MiB", g.get("file"), net_file_sha())
    r.check("0000:01:00.1 is bound to no driver and stays on the host" in alone.stderr,
            f"a function that stays: {alone.stderr.strip()}")
    r.equal("functions", alone.guest.get("functions").split(), ["0000:01:00.0"])
    r.equal("header", alone.guest.get("header-0000:01:00.0"), "00")
    r.equal("hash of 8 MiB", alone.guest.get("read"), disk.known_sha(8))
    return "both in slot 3 with their numbers and pins; one of two stays on the host; function 0 is missed"

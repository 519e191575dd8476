"""What the command line offers besides: little memory, huge pages, console to a file, a device tree, CF8."""
from case import Case, Disk, root_port

disk = Disk()
disks = [disk]

case = Case(
    l0=root_port(1) + disk.args("rp1"),
    bind=["0000:01:00.0"],
    guest_modules=["nvme"],
    host_modules=["nvme"],
    host="""
        bind 0000:01:00.0
        vmm --mem 96M --append run=small
        vmm --mem 256M --hugepages --append run=huge --vfio 0000:01:00.0
        mark huge-left $(awk '/HugePages_Free/ { print $2 }' /proc/meminfo)
        vmm --mem 512M --hugepages --append run=none; mark short "$(cat /tmp/err)"
        echo 0 >/proc/sys/vm/nr_hugepages
        vmm --append "pci=nommconf run=cf8" --vfio 0000:01:00.0
        vmm --console file:/tmp/serial --append run=file
        mark file-has $(grep -c '@@ run file' /tmp/serial)
        vmm --dump-dtb /tmp/dtb --vfio 0000:01:00.0
        mark dtb $(od -An -tx1 -N4 /tmp/dtb | tr -d ' ')
    """,
    guest="""
        mark run "$(sed 's/.*run=//' /proc/cmdline)"
        case $(cat /proc/cmdline) in
        *run=huge*|*run=cf8*)
            wait_for 20 [ -b /dev/nvme0n1 ] || finish
            mark read $(sha_range /dev/nvme0n1 0 8)
            mark config $(stat -c %s /sys/bus/pci/devices/0000:01:00.0/config)
            ;;
        esac
    """,
    give_back="give_back 0000:01:00.0 nvme",
    status=[0, 0, 125, 0, 0, 0],
    only=("minivmm",),
    host_append="hugepages=160",
    limit=240,
)


def judge(r):
    small, huge, short, cf8, to_file, dtb = r.runs
    r.check(small.guest.get("run") == "small", "the guest with 96 MiB did not come up")
    r.equal("hash with huge pages", huge.guest.get("read"), disk.known_sha(8))
    r.equal("free huge pages afterwards", r.host.get("huge-left"), "160")
    r.check("huge" in r.host.get("short"), f"a short pool says {r.host.get('short')}")
    r.equal("hash over CF8", cf8.guest.get("read"), disk.known_sha(8))
    r.equal("config space over CF8", cf8.guest.get("config"), "256")
    r.equal("console in a file", r.host.get("file-has"), "1")
    r.equal("device tree's first word", r.host.get("dtb"), "d00dfeed")
    return "96 MiB, huge pages, short pool, CF8, file, device tree"

"""A launcher opens the nodes, an ordinary user's minivmm without any capability gets the descriptors."""
from case import Case, Disk, root_port

DISK = "0000:01:00.0"

disk = Disk()
disks = [disk]

# Of what minivmm needs, the user may open /dev/kvm only. The limit for locked
# memory is what the launcher leaves it: enough for the guest's RAM, or not.
HOST = f"""
    bind {DISK}
    chown 65534 /dev/kvm; chmod 0600 /dev/kvm
    as_nobody() {{      # KIB ARGS...
        ulimit -l $1
        shift
        exec traced start-stop-daemon -S -q -c 65534:65534 -x /vmm/minivmm -- --kernel /l2/bzImage \\
            --initrd /case/guest.cpio --append "console=ttyS0 panic=-1 $GUEST_APPEND" --mem 256M \\
            --timeout $GUEST_LIMIT --log-level info "$@"
    }}
    look() {{
        wait_for 30 grep -q reached /tmp/console-1 || return
        s=/proc/$(pidof minivmm)/status
        mark caps $(awk '/^Cap(Prm|Eff|Amb)/ {{ print $2 }}' $s)
        mark uid $(awk '/^Uid/ {{ print $2, $3, $4, $5 }}' $s)
    }}
"""

# The function's node and /dev/iommu.
BY_CDEV = HOST + f"""
    node=/dev/vfio/devices/$(ls $PCI/{DISK}/vfio-dev)
    chmod 0600 $node /dev/iommu
    with_nodes() {{ exec 8<>$node 9<>/dev/iommu; as_nobody "$@"; }}
    trace_start
    look &
    watched with_nodes 300000 --vfio {DISK},fd=8,iommufd=9
    trace_stop
    watched with_nodes 65536 --vfio {DISK},fd=8,iommufd=9
    watched with_nodes 300000 --vfio {DISK},fd=9,iommufd=8
    watched with_nodes 300000 --vfio {DISK},fd=7,iommufd=9
    watched as_nobody 300000 --iommu=iommufd --vfio {DISK}
"""

# The group's node and /dev/vfio/vfio. In the first run the launcher keeps a
# duplicate, and with it the group, which can be opened once.
BY_GROUP = HOST + f"""
    node=/dev/vfio/$(basename $(readlink $PCI/{DISK}/iommu_group))
    chmod 0600 $node /dev/vfio/vfio
    with_nodes() {{ exec 8<>$node 9<>/dev/vfio/vfio; as_nobody "$@"; }}
    with_kept() {{ exec 8<&6 6<&- 9<>/dev/vfio/vfio; as_nobody "$@"; }}
    free() {{ (exec 5<>$node) 2>/dev/null && echo yes || echo no; }}
    exec 6<>$node
    trace_start
    look &
    watched with_kept 300000 --vfio {DISK},group=8,container=9
    trace_stop
    mark free-with-duplicate $(free)
    exec 6<&-
    mark free-without $(free)
    watched with_nodes 65536 --vfio {DISK},group=8,container=9
    watched with_nodes 300000 --vfio {DISK},group=9,container=8
    watched with_nodes 300000 --vfio {DISK},group=7,container=9
    watched as_nobody 300000 --iommu=group --vfio {DISK}
"""

# VFIO-OPEN-21
case = Case(
    l0=root_port(1) + disk.args("rp1"),
    bind=[DISK],
    guest_modules=["nvme"],
    host_modules=["nvme"],
    host_kernel="own",
    host=BY_CDEV,
    guest="""
        echo reached
        sleep 2
        wait_for 20 [ -b /dev/nvme0n1 ] || finish
        io_begin
        read=$(sha_range /dev/nvme0n1 0 64)
        io_end
        mark read $read
        irq_report nvme
    """,
    give_back=f"""
        give_back {DISK} nvme
        wait_for 10 [ -b /dev/nvme0n1 ] && mark host-read $(sha_range /dev/nvme0n1 0 1)
    """,
    status=[0, 125, 125, 125, 125],
    only=("minivmm",),
    limit=240,
    slow=True,
)


variants = {
    "": {},
    # on Debian's kernel, which has no other way
    "-group": {"host": BY_GROUP, "host_kernel": "6.12", "iommufd": "no", "slow": False},
}
SAID = {
    BY_CDEV: ("through iommufd", "locked", "descriptor 8 is not /dev/iommu", "there is no descriptor 7",
              "permission denied (owner 0:0, mode 0600)"),
    BY_GROUP: ("through containers and groups", "locked", "descriptor 8 is not /dev/vfio/vfio",
               "there is no descriptor 7", "cannot open /dev/vfio/vfio: permission denied"),
}


def judge(r):
    good = r.runs[0]
    r.equal("hash of 64 MiB", good.guest.get("read"), disk.known_sha())
    r.equal("capabilities", r.host.get("caps"), " ".join(["0" * 16] * 3))
    r.equal("user", r.host.get("uid"), "65534 65534 65534 65534")
    for run, words in zip(r.runs, SAID[r.case.host]):
        r.check(words in run.stderr, f"no '{words}': {run.stderr.strip()}")
    if r.case.host == BY_GROUP:
        r.equal("group free while the launcher has a duplicate", r.host.get("free-with-duplicate"), "no")
        r.equal("group free without", r.host.get("free-without"), "yes")
    r.equal("hash read by L1 afterwards", r.host.get("host-read"), disk.known_sha(1))
    return f"no capability: 64 MiB sha ok, {r.check_irqs(2, 100)}, {r.check_io_exits(good)}; 4 refusals explained"

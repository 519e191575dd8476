"""An NVMe controller whose 16 virtual functions are disks: what its cases share.

The parent stays on L1's nvme driver, which makes the functions, gives each two
queue pairs (one for administration) and two vectors, and sets it online. They
share the parent's only namespace, so each has its own part of the image.
"""
import hashlib

import config_space
from case import MIB, Case, Disk, known_bytes, root_port
from driver import nvme_virt

PF = "0000:01:00.0"
COUNT = 16
QUEUES = VECTORS = 2

disk = Disk("vfs", known=64, spare=32)


def bdf(n):
    """Virtual function n, from 1 on: routing IDs follow the parent's. From 8 on
    they are more than a slot has without ARI."""
    return f"0000:01:{n >> 3:02x}.{n & 7}"


L0 = root_port(1) + [
    "-device", "nvme-subsys,id=subsys,nqn=rig",
    "-device", f"nvme,id=parent,serial=rig-vfs,subsys=subsys,bus=rp1,max_ioqpairs=48,msix_qsize=48,"
               f"sriov_max_vfs={COUNT},sriov_vq_flexible={COUNT * QUEUES},sriov_vi_flexible={COUNT * VECTORS}",
    "-drive", f"file={disk.path},format=raw,if=none,id=image,cache=unsafe",
    "-device", "nvme-ns,drive=image,bus=parent,nsid=1,shared=on"]

# Several controllers of a subsystem would be one disk with several paths.
SEPARATE = {"/modules/nvme_core.options": b"multipath=N\n"}

# Made offline, so nobody may probe them: a driver would wait for each.
MAKE = f"""
    children() {{ echo $1 >$PCI/{PF}/sriov_numvfs || mark trouble "no virtual functions"; }}
    make_children() {{
        load nvme
        wait_for 10 [ -c /dev/nvme0 ] || return
        nvme-virt /dev/nvme0 release || mark trouble "the parent releases nothing"
        echo 1 >$PCI/{PF}/reset
        wait_for 10 grep -q live /sys/class/nvme/nvme0/state
        echo 0 >$PCI/{PF}/sriov_drivers_autoprobe
        children {COUNT}
        echo 1 >$PCI/{PF}/sriov_drivers_autoprobe
        nvme-virt /dev/nvme0 online 1 {COUNT} {QUEUES} {VECTORS} || mark trouble "not online"
    }}
    make_children
"""

# For L1 and L2: the disk of a function; what config space of a virtual
# function does not say.
BOTH = """
    block() { ls -d $PCI/$1/nvme/nvme*/nvme*n1 2>/dev/null | sed 's|.*/|/dev/|'; }
    has_block() { [ -b "$(block $1)" ]; }
    identity() {
        mark identity-$1 $(cd $PCI/$1 && cat vendor device subsystem_vendor subsystem_device class)
        mark bar-$1 $(head -n 1 $PCI/$1/resource)
    }
"""


def case(**fields):
    given = {
        "l0": L0,
        "guest_modules": ["nvme"],
        "host_modules": ["nvme"],
        "guest_files": SEPARATE,
        "host_files": {**SEPARATE, "/bin/nvme-virt": nvme_virt},
        "host_append": "nvme_core.multipath=N",     # where it is built in
    }
    fields["host"] = MAKE + BOTH + fields["host"]
    fields["guest"] = BOTH + fields["guest"]
    return Case(**{**given, **fields})


def check_config(r, n, guest_bdf, run):
    """The guest's config space of virtual function n, beside what L1 sees."""
    host, guest = r.host.blob("host-config-" + bdf(n)), run.guest.blob("config-" + guest_bdf)
    r.equal("bytes of config space", (len(host), len(guest)), (4096, 4096))
    r.equal("raw identity in L1", host[:4], b"\xff" * 4)
    r.equal("raw BARs in L1", host[0x10:0x28], bytes(24))
    r.equal("identity", run.guest.get("identity-" + guest_bdf), r.host.get("identity-" + bdf(n)))
    r.equal("pin", guest[0x3d], 0)
    r.equal("BAR 0 is 64 bits wide", guest[0x10] & 0xf, 4)
    size = [[int(x, 16) for x in text.split()] for text in
            (r.host.get("bar-" + bdf(n)), run.guest.get("bar-" + guest_bdf))]
    r.equal("size of BAR 0", *(end - start for start, end, _ in size))
    r.equal("capabilities", config_space.caps(guest), config_space.caps(host))
    chain = config_space.ext_caps(host)
    hidden = config_space.hidden_by(r.vmm) | {0x0e, 0x10}
    r.check(0x0e in [c.id for c in chain], "L1 sees no ARI")
    r.equal("extended chain", [str(c) for c in config_space.ext_caps(guest)],
            [str(c) for c in chain if c.id not in hidden])


def part_sha(start, mib):
    """Of what the image held in the beginning."""
    return hashlib.sha256(known_bytes(disk.known)[start * MIB:(start + mib) * MIB]).hexdigest()

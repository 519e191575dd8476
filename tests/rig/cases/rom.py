"""Expansion ROMs: the guest reads the bytes that the host reads."""
from case import Case, root_port

# QEMU pads a ROM to a power of two, and so do these.
HOST = """
    rom_sha() { echo 1 >$1/rom; mark $2 "$(sha256sum <$1/rom | cut -d' ' -f1) $(wc -c <$1/rom)"; echo 0 >$1/rom; }
    for bdf in $BIND; do rom_sha /sys/bus/pci/devices/$bdf host-rom-$bdf; bind $bdf; done
    vmm $(for bdf in $BIND; do echo --vfio $bdf; done)
"""

# VFIO-CFG-11
case = Case(
    l0=root_port(1) + root_port(2)
    + ["-device", "e1000e,bus=rp1,romfile=efi-e1000e.rom",
       "-device", "virtio-net-pci,bus=rp2,disable-legacy=on,iommu_platform=on,"
                  "romfile=efi-virtio.rom"],
    bind=["0000:01:00.0", "0000:02:00.0"],
    host=HOST,
    guest="""
        for f in 0000:01:00.0 0000:02:00.0; do
            rom=$PCI/$f/rom
            # no driver has switched memory decode on
            echo 1 >${rom%rom}enable
            echo 1 >$rom
            mark rom-$f "$(sha256sum <$rom | cut -d' ' -f1) $(wc -c <$rom)"
            mark again-$f "$(sha256sum <$rom | cut -d' ' -f1) $(wc -c <$rom)"
            echo 0 >$rom
            mark off-$f $(cat $rom 2>&1 | wc -c)
        done
    """,
)


def judge(r):
    sizes = []
    for bdf in r.case.bind:
        host = r.host.get("host-rom-" + bdf)
        size = int(host.split()[1])
        r.check(size >= 2048, f"L1 reads no ROM of {bdf}")
        r.equal(f"ROM of {bdf} in the guest", r.guest.get("rom-" + bdf), host)
        r.equal(f"ROM of {bdf} read again", r.guest.get("again-" + bdf), host)
        sizes.append(f"{size // 1024} KiB")
    return f"ROMs of {' and '.join(sizes)} as in L1"

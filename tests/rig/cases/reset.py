"""The guest resets its disk, takes it away and back, moves its BAR: it works each time."""
from case import Case, Disk, root_port

disk = Disk()
disks = [disk]

case = Case(
    l0=root_port(1) + disk.args("rp1"),
    bind=["0000:01:00.0"],
    guest_modules=["nvme"],
    host_modules=["nvme"],
    guest="""
        dev=/sys/bus/pci/devices/0000:01:00.0
        check() {
            wait_for 20 [ -b /dev/nvme0n1 ] || finish
            mark $1 $(sha_range /dev/nvme0n1 0 8)
        }
        check first
        mark methods $(cat $dev/reset_method)
        dmesg -n 1
        # Function-level reset (DEVCTL), driver bound: nvme recovers by itself.
        echo flr >$dev/reset_method
        echo 1 >$dev/reset
        check flr
        # Secondary bus reset through the root port.
        echo bus >$dev/reset_method
        echo 1 >$dev/reset && mark reset-bus done
        check bus
        # Taken away and found again: decode off, BARs sized and claimed anew.
        for i in 1 2 3; do
            echo 1 >$dev/remove
            echo 1 >/sys/bus/pci/rescan
        done
        check rescan
        # The BAR moves while nobody uses it.
        basename $(readlink -f $dev/driver) | grep -q nvme && echo 0000:01:00.0 >$dev/driver/unbind
        put() { printf "$2" | dd of=$dev/config bs=1 seek=$1 conv=notrunc 2>/dev/null; }
        get() { dd if=$dev/config bs=4 skip=$1 count=1 2>/dev/null | od -An -tx4 | tr -d ' '; }
        dd if=$dev/config of=/tmp/bar bs=4 skip=4 count=1 2>/dev/null
        put 4 '\\000\\004'
        for i in 1 2 3 4 5 6 7 8; do
            put 16 "\\004\\000\\00$((i % 8))\\200"
            put 4 '\\002'
            put 4 '\\000'
        done
        put 16 '\\004\\000\\010\\200'
        put 4 '\\002'
        mark moved $(get 4)
        put 4 '\\000'
        dd if=/tmp/bar of=$dev/config bs=1 seek=16 conv=notrunc 2>/dev/null
        echo 0000:01:00.0 >/sys/bus/pci/drivers/nvme/bind
        check moved-back
    """,
    give_back="give_back 0000:01:00.0 nvme",
)


def judge(r):
    for step in ("first", "flr", "bus", "rescan", "moved-back"):
        r.equal(f"hash after '{step}'", r.guest.get(step), disk.known_sha(8))
    r.check("flr" in r.guest.get("methods"), "the guest sees no FLR")
    # Behind QEMU's own root port it cannot; in L0 neither: resettable_root_port.
    r.check(not r.strict or "reset-bus" in r.guest, "Linux could not reset the bus")
    r.equal("BAR 0 after the moves", r.guest.get("moved"), "80080004")
    bus = "bus reset" if "reset-bus" in r.guest else "no bus reset"
    return f"FLR, {bus}, 3 rescans, 8 BAR moves"

"""A guest that reboots in the middle of reading and writing its disk, three times: each kernel finds it like new."""
from case import Case, Disk, root_port

REBOOTS = 3

disk = Disk()
disks = [disk]

# The number of the boot is in the disk's last MiB, which outlives them all.
GUEST = """
wait_for 20 [ -b /dev/nvme0n1 ] || finish
n=$(boots 79)
mark boot-$n $(sha_range /dev/nvme0n1 0 8)
mark time-$n "$(cut -d' ' -f1 /proc/uptime)"
if [ $n -lt REBOOTS ]; then
    set_boots 79 $((n + 1))
    for area in 0 16 32; do
        while :; do
            echo 3 >/proc/sys/vm/drop_caches
            dd if=/dev/nvme0n1 of=/dev/null bs=1M skip=$area count=16 2>/dev/null
        done &
    done
    while :; do
        dd if=/dev/zero of=/dev/nvme0n1 bs=1M seek=66 count=8 conv=notrunc,fsync 2>/dev/null
    done &
    sleep 1
    reboot -f
    sleep 60
fi
mark read $(sha_range /dev/nvme0n1 0 64)
irq_report nvme
""".replace("REBOOTS", str(REBOOTS))

case = Case(
    l0=root_port(1) + disk.args("rp1"),
    bind=["0000:01:00.0"],
    guest_modules=["nvme"],
    host_modules=["nvme"],
    guest=GUEST,
    host="""
        for bdf in $BIND; do bind $bdf; done
        vmm --vfio $BIND --on-reboot=reset --trace=vfio,boot:/tmp/trace
        mark reboots $(grep -c ' reboot [0-9]' /tmp/trace)
        mark resets $(grep -c 'reset' /tmp/trace)
    """,
    give_back="""
        give_back 0000:01:00.0 nvme
        wait_for 10 [ -b /dev/nvme0n1 ] && mark host-read $(sha_range /dev/nvme0n1 0 1)
    """,
    only=("minivmm",),
    guest_limit=110, limit=200,
)


def judge(r):
    for n in range(REBOOTS + 1):
        r.equal(f"hash of 8 MiB at boot {n}", r.guest.get(f"boot-{n}"), disk.known_sha(8))
    r.equal("hash of 64 MiB", r.guest.get("read"), disk.known_sha())
    r.equal("hash in L0's image", disk.sha(0, 64), disk.known_sha())
    r.equal("hash read by L1 afterwards", r.host.get("host-read"), disk.known_sha(1))
    r.equal("reboots that minivmm saw", int(r.host.get("reboots")), REBOOTS)
    r.check(int(r.host.get("resets")) >= REBOOTS, "too few resets of the function")
    return f"{REBOOTS} reboots under I/O, 64 MiB sha ok, {r.check_irqs(2, 50)}"

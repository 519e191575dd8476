"""Mediated devices: functions that drivers of L1 make up, a serial card and a frame buffer, by their paths in sysfs."""
from case import Case
from driver import bars

SERIAL = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"
SCREEN = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1002"
MEMORY = 2 << 20        # mdpy-vga: 640 x 480 x 4, up to a power of two
WORDS = MEMORY >> 16    # of tests/guest/zoo/bars.c
IN_PICTURE = 19         # of these in the 1200 KiB that a reset of mdpy paints
LINES = 20

# The samples in the kernel, samples/vfio-mdev: mtty takes back what it sends. To
# it a full FIFO, 16 bytes, is an empty one, so a line has 13.
HOST = f"""
    make_mdev() {{
        echo $3 >/sys/class/mdev_bus/$1/mdev_supported_types/$2/create &&
            wait_for 5 [ -e /sys/bus/mdev/devices/$3/iommu_group ]
    }}
    remove_mdev() {{ echo 1 >/sys/bus/mdev/devices/$1/remove && wait_for 5 [ ! -e /sys/bus/mdev/devices/$1 ]; }}
    make_mdev mdpy mdpy-vga {SCREEN}
    for run in 1 2; do
        make_mdev mtty mtty-2 {SERIAL} || break
        vmm --log-level info --vfio /sys/bus/mdev/devices/{SERIAL} --vfio /sys/class/mdev_bus/mdpy/{SCREEN}
        remove_mdev {SERIAL} && mark removed $run
    done
    remove_mdev {SCREEN}
"""

GUEST = f"""
    # PORT: lines come back as they went, and each took interrupts.
    loop() {{
        stty -F /dev/$1 raw -echo 115200
        exec 8<>/dev/$1
        _good=0
        for _i in $(seq {LINES}); do
            _text=$(head -c 9 /dev/urandom | base64)
            echo $_text >&8
            read -r -t 2 _back <&8
            [ "$_back" = "$_text" ] && _good=$((_good + 1))
        done
        mark lines-$2 $_good
        mark irq-$2 $(irq_lines $1)
        exec 8>&-
    }}
    card=$(pci_find 4348:3253)
    mark driver $(basename $(readlink $PCI/$card/driver))
    dump_config $card
    n=0
    for tty in $(find $PCI/$card/ -type d -name 'ttyS[0-9]*'); do
        loop $(basename $tty) $n
        n=$((n + 1))
    done
    screen=$(pci_find 1b36:000f)
    mark class $(cat $PCI/$screen/class)
    echo 1 >$PCI/$screen/enable
    mark before $(bars check $PCI/$screen/resource0 {MEMORY})
    bars fill $PCI/$screen/resource0 {MEMORY}
    mark wrong $(bars check $PCI/$screen/resource0 {MEMORY})
"""

case = Case(
    host=HOST,
    guest=GUEST,
    guest_files=lambda kernel: {"/bin/bars": bars()},
    append="quiet 8250.nr_uarts=16",
    host_kernel="own",
    vmm_iommu="--iommu=group",
    status=(0, 0),
    only=("minivmm", "qemu"),
    limit=200,
)

variants = {"": {}, "@iommufd": {"vmm_iommu": "--iommu=iommufd", "only": ("minivmm",)}}


def judge_serial(r, run):
    g = run.guest
    r.equal("driver of the serial card", g.get("driver"), "serial")
    r.equal("bytes of config space", len(g.blob("config")), 256)
    for port in "01":
        r.equal(f"lines that come back from port {port}", g.get("lines-" + port), str(LINES))
    count = int(g.get("irq-1", "0 0").split()[1])   # the ports share a line
    r.check(count >= 2 * LINES, f"only {count} interrupts")     # one for each line
    if r.strict:
        mine = next(f for f in run.stats["functions"] if f["name"] == SERIAL)
        ends = mine["interrupts"]["intx"]["ends_by_loop"]
        r.check(mine["interrupts"]["mode"] == "INTx" and ends >= 2 * LINES, f"{ends} interrupts ended in the loop")
        r.check(f"vfio: {SERIAL}: reset: by its driver" in run.stderr, f"the log: {run.stderr.strip()}")
    return count


def judge_screen(r, run, missing):
    g = run.guest
    r.equal("class of the frame buffer", g.get("class"), "0x038000")
    r.equal("words missing at first", g.get("before"), str(missing))
    r.equal("words wrong", g.get("wrong"), "0")


def judge(r):
    counts = [judge_serial(r, run) for run in r.runs]
    # QEMU does not reset what does not say that it can be reset.
    for run, missing in zip(r.runs, (WORDS, IN_PICTURE if r.strict else 0)):
        judge_screen(r, run, missing)
    r.equal("removed", r.host.all("removed"), ["1", "2"])
    return (f"{4 * LINES} lines back through mtty, {counts[0]} and {counts[1]} INTx; "
            f"mdpy's {WORDS} words, those of its picture gone after a reset")

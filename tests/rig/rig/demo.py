"""tests/rig/demo: the product at work, on the terminal.

Three ways to the same guest:
    (nothing)      in the rig: a simulated card and a disk in L0, vfio-pci in L1
    VIA=vfio-user  the card's server beside minivmm, no IOMMU anywhere: on this
                   host if its KVM runs Linux, else in L1
    BDF            on this host, with a real function
"""
import hashlib
import os
import re
import subprocess
import sys
import time

import cards
import fetch
import image
from card import Card, program
from case import Case, Failed, Marks, known_bytes, root_port
from fetch import CACHE, TOP, Trouble

LIMIT = 180

# --- What the guest shows -----------------------------------------------------

SHOW = r"""
    say() { echo; echo "=== $*"; }
    # lspci -xxxx, with the rows that are all zero counted instead of printed.
    hexdump_of() {
        lspci -s $1 -xxxx | awk '
            /^[0-9a-f]+:( 00)+$/ { zero++; next }
            zero { printf "     ... %d bytes of zeros\n", zero * 16; zero = 0 }
            { print }
            END { if (zero) printf "     ... %d bytes of zeros, up to fff\n", zero * 16 }'
    }
    lspci() { /lspci/ld.so --library-path /lspci /lspci/lspci "$@" 2>/dev/null; }
    show() {
        say "$2: lspci -vvv"
        lspci -s $1 -vvv | grep .
        say "$2: lspci -xxxx, all $(wc -c </sys/bus/pci/devices/$1/config) bytes"
        hexdump_of $1 | grep .
    }
    up() {
        say "the guest is up: $(uname -sr), $(nproc) CPU, $(awk '/MemTotal/ { print int($2 / 1024) }' /proc/meminfo) MiB"
    }
"""

PF0, PF1, DISK = "0000:01:00.0", "0000:01:00.1", "0000:02:00.0"
IMAGE = os.path.join(CACHE, "run", "demo.img")
FILE_MIB = 16

# The card: who it is, where its VSEC leads, data both ways, interrupts.
GUEST_CARD = SHOW + f"""
    . /lib/card.sh
    up
    say "its PCI bus"
    lspci
    mark size $(wc -c <$PCI/{PF1}/config)
    show {PF1} "the card's user function"
    say "what a driver without a kernel sees: card-explore {PF1}"
    card-explore {PF1} || mark trouble "card-explore"
    say "the kernel's driver for the card"
    card_up {PF0} {PF1} || finish
    dmesg | sed -n 's/.*minivmm_card /minivmm_card /p'
    for f in {PF0} {PF1}; do
        say "$f: VSEC $(card_get $f vsec)"
        echo "UUID $(card_get $f uuid), $(card_get $f vectors) vectors of $(card_get $f irq_kind)"
        for v in $(seq 0 $(($(card_get $f vectors) - 1))); do
            echo $v >$PCI/$f/card/fire || mark trouble "vector $v of $f"
        done
        echo "64 MiB to the card and back, compared and checksummed:"
        echo "both 64 0" >$PCI/$f/card/transfer || mark trouble "transfer of $f"
        card_get $f result
        mark $f/vsec $(card_get $f vsec)
        mark $f/interrupts $(card_get $f interrupts)
    done
"""

GUEST_DISK = r"""
    load nvme crc32c_generic ext4
    wait_for 20 [ -b /dev/nvme0n1 ] || finish
    say "a disk beside it: a file of an ext4 file system"
    mkdir /mnt
    mount -t ext4 -o ro /dev/nvme0n1 /mnt || mark trouble "mount"
    ls -l /mnt/demo.bin
    (cd /mnt && sha256sum -c /expected) && mark file ok
"""

GUEST_END = r"""
    say "interrupts, each delivered by KVM without an exit to minivmm"
    head -n1 /proc/interrupts
    grep PCI-MSI /proc/interrupts
"""

# --- In the rig: vfio-pci -------------------------------------------------------

HOST = f"""
for bdf in {PF0} {PF1} {DISK}; do
    bind $bdf && mark progress "$bdf is bound to vfio-pci, group $(basename $(readlink /sys/bus/pci/devices/$bdf/iommu_group))"
done
mark progress "starting the VMM"
vmm --vfio {PF0},slot=1.0 --vfio {PF1},slot=1.1 --vfio {DISK},slot=2
"""

case = Case(
    cards=(Card("alveo-like", ports=((1, 0), (1, 1))),),
    l0=root_port(1) + root_port(2)
    + ["-drive", f"file={IMAGE},format=raw,if=none,id=demo,cache=unsafe",
       "-device", "nvme,serial=demo,drive=demo,bus=rp2"],
    guest=GUEST_CARD + GUEST_DISK + GUEST_END, host=HOST, append="loglevel=6", lspci=True,
    guest_limit=120, limit=LIMIT,
)


def make_disk(rig):
    """An ext4 file system with one file whose hash the guest knows."""
    folder = os.path.join(CACHE, "run", "demo")
    os.makedirs(folder, exist_ok=True)
    data = known_bytes(FILE_MIB)
    image.write_atomically(os.path.join(folder, "demo.bin"), data)
    open(IMAGE, "wb").close()
    made = subprocess.run(rig.tools.mke2fs.argv("-q", "-F", "-t", "ext4", "-O", "^has_journal,^metadata_csum",
                                                "-d", folder, IMAGE, f"{FILE_MIB * 2}M"),
                          capture_output=True, text=True)
    if made.returncode:
        raise Trouble(f"mke2fs: {made.stderr.strip()}")
    return {"/expected": f"{hashlib.sha256(data).hexdigest()}  demo.bin\n".encode()}


class Clock:
    def __init__(self):
        self.start = time.monotonic()

    def step(self, words):
        print(f"[{time.monotonic() - self.start:5.1f}s] {words}", flush=True)

    def l1(self, line):
        if line.startswith("@@ l1-up"):
            self.step("L1, the host: stock Debian with KVM, is up")
        elif line.startswith("@@ progress "):
            self.step("L1: " + line.removeprefix("@@ progress "))
        elif line.startswith("@@ trouble "):
            self.step("L1: trouble: " + line.removeprefix("@@ trouble "))

    def spent(self):
        return f"{time.monotonic() - self.start:.0f} s"


def l2(line):
    if not line.startswith("@@"):
        print("  " + line, flush=True)


def judge_card(guest):
    """What the guest reported of the card; the words for the last line."""
    vectors = sum(([int(n) for n in guest.get(f"{f}/interrupts").split()] for f in (PF0, PF1)), [])
    for f in (PF0, PF1):
        if not guest.get(f + "/vsec"):
            raise Failed(f"the guest's driver found no VSEC on {f}")
    if not vectors or not all(vectors):
        raise Failed(f"interrupts per vector: {vectors}")
    if guest.get("size") != "4096":
        raise Failed(f"the guest saw {guest.get('size') or 'no'} bytes of config space")
    if guest.all("trouble"):
        raise Failed("; ".join(guest.all("trouble")))
    return (f"a Linux guest owned both functions of the card: VSEC at {guest.get(PF1 + '/vsec').split()[0]} seen and "
            f"followed, 4096 bytes of config space, 64 MiB each way verified, {sum(vectors)} interrupts on "
            f"{len(vectors)} vectors")


def judge_rig(r):
    r.check(r.runs, "the VMM was not started")
    words = r.runs[0].stderr.strip()
    r.check(r.runs[0].status == 0, f"status {r.runs[0].status}" + (f": {words}" if words else ""))
    trouble = r.host.all("trouble") + r.runs[0].host.all("trouble")
    r.check(not trouble, "; ".join(trouble))
    return judge_card(r.guest)


def failed(why, log):
    print(f"\ndemo: FAILED: {why} (log: {log}/)")
    return 1


def run(rig):
    clock = Clock()
    clock.step("L0: QEMU emulates a machine with an IOMMU, a disk, and a card whose registers minivmm-card answers; "
               f"in it, {rig.vmm} runs the guest")
    case.guest_files = {**make_disk(rig), **cards.guest_files(rig.kernel),
                        **rig.modules.files(["nvme", "crc32c_generic", "ext4"])}
    r = rig.run("demo", sys.modules[__name__], clock.l1, l2)
    try:
        words = judge_rig(r)
        r.equal("hash of the file on the disk", r.guest.get("file"), "ok")
    except Failed as e:
        return failed(e, os.path.join(CACHE, "logs", rig.vmm, "demo"))
    print(f"\ndemo: OK in {clock.spent()}: {words}; beside it a disk, {FILE_MIB} MiB verified")
    return 0


# --- vfio-user: the card's server beside minivmm --------------------------------

HOST_USER = """
mark progress "minivmm-card serves the card's functions at /tmp/pf0 and /tmp/pf1; this host has no IOMMU"
card_start alveo-like /tmp/pf0 /tmp/pf1
mark progress "starting minivmm"
vmm --vfio-user /tmp/pf0,slot=1.0 --vfio-user /tmp/pf1,slot=1.1
"""

case_user = Case(
    iommu="none", guest=GUEST_CARD + GUEST_END, host=HOST_USER, append="loglevel=6", lspci=True,
    guest_limit=120, limit=LIMIT, host_files=lambda kernel: cards.server_files("alveo-like"),
)


def kvm_runs_linux():
    """Hardware behind /dev/kvm; without it guest code may be interpreted, and
    Linux's is not."""
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR))
        with open("/proc/cpuinfo") as f:
            return bool(re.search(r"^flags\s*:.* (vmx|svm)( |$)", f.read(), re.M))
    except OSError:
        return False


def run_user(rig):
    """In L1, which then needs no IOMMU."""
    clock = Clock()
    clock.step("this machine's KVM cannot run Linux, so L0: QEMU emulates a machine without an IOMMU and without "
               "the card; in it run minivmm-card and minivmm")
    case_user.guest_files = cards.guest_files(rig.kernel)
    module = type("demo", (), {"case": case_user})
    r = rig.run("demo-vfio-user", module, clock.l1, l2)
    try:
        words = judge_rig(r)
    except Failed as e:
        return failed(e, os.path.join(CACHE, "logs", rig.vmm, "demo-vfio-user"))
    print(f"\ndemo: OK in {clock.spent()}: over vfio-user, {words}")
    return 0


def vmm_on_host(name, files, arguments):
    """minivmm on this machine with the rig's kernel: (status, marks)."""
    minivmm = os.environ.get("MINIVMM", os.path.join(TOP, "build", "minivmm"))
    if not os.access(minivmm, os.X_OK):
        raise Trouble(f"no minivmm at {minivmm} (build it, or give MINIVMM=FILE)")
    kernel, tools = fetch.Kernel(), fetch.Tools()
    initrd = os.path.join(CACHE, name + ".initrd")
    image.write_atomically(initrd, image.cpio({
        **image.guest_files(tools), **tools.lspci_files(), **files(kernel)}))
    print(f"demo: minivmm boots Debian's {kernel.version} with {' '.join(arguments)}", flush=True)
    argv = [minivmm, "--kernel", kernel.image, "--initrd", initrd, "--append",
            "console=ttyS0 panic=-1 loglevel=6", "--mem", "1G", *arguments, "--console", "stdio",
            "--timeout", str(LIMIT)]
    lines = []
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          errors="replace") as vmm:
        for line in vmm.stdout:
            lines.append(line.rstrip("\r\n"))
            l2(lines[-1])
    return vmm.returncode, Marks(lines)


def run_user_on_host():
    clock = Clock()
    card = Card("alveo-like", ports=((1, 0), (1, 1)))
    log = os.path.join(CACHE, "logs", "demo-card.log")
    os.makedirs(os.path.dirname(log), exist_ok=True)
    try:
        card.start(log)
        functions = [a for i in (0, 1) for a in ("--vfio-user", f"{card.path(f'{i}.sock')},slot=1.{i}")]
        status, guest = vmm_on_host("demo-user", lambda kernel: {
            **cards.guest_files(kernel), "/case.sh": (GUEST_CARD + GUEST_END).encode()}, functions)
    finally:
        card.stop()
    try:
        if status:
            raise Failed(f"status {status}")
        words = judge_card(guest)
    except Failed as e:
        return failed(e, os.path.dirname(log))
    print(f"\ndemo: OK in {clock.spent()}: over vfio-user, on this host's KVM, {words}")
    return 0


# --- On this host -----------------------------------------------------------------

GUEST_ON_HOST = SHOW + r"""
    say "the guest is up: $(uname -sr)"
    for f in /modules/*.load; do load $(basename $f .load); done
    sleep 2
    say "its PCI bus"
    lspci
    for d in /sys/bus/pci/devices/*; do
        bdf=$(basename $d)
        case $bdf in
        0000:00:*) ;;
        *) show $bdf $bdf
           mark size $(wc -c <$d/config)
           say "driver: $(basename "$(readlink $d/driver)")" ;;
        esac
    done
    for disk in /dev/nvme?n1 /dev/sd?; do
        [ -b $disk ] || continue
        say "64 MiB of $disk, twice"
        a=$(sha_range $disk 0 64)
        echo 3 >/proc/sys/vm/drop_caches
        b=$(sha_range $disk 0 64)
        echo "$a"; echo "$b"
        [ $a = $b ] && mark file ok || mark trouble "two reads differ"
    done
    say "interrupts"
    cat /proc/interrupts
"""
STORAGE_AND_NETS = ("nvme", "ahci", "sd_mod", "igb", "e1000e", "ixgbe", "igc", "r8169", "xhci_pci")


def bound_or_trouble(bdf):
    device = f"/sys/bus/pci/devices/{bdf}"
    if not os.path.isdir(device):
        raise Trouble(f"{bdf}: no such PCI function (the full form is 0000:01:00.0; see lspci -D)")
    if not os.path.exists("/dev/kvm"):
        raise Trouble("this host has no /dev/kvm (modprobe kvm_amd or kvm_intel, or enable SVM/VT-x in its firmware)")
    if not os.path.exists(device + "/iommu_group"):
        raise Trouble(f"{bdf} is in no IOMMU group: enable the IOMMU in the firmware, and boot with intel_iommu=on")
    driver = os.path.basename(os.path.realpath(device + "/driver")) if os.path.exists(device + "/driver") else "none"
    if driver != "vfio-pci":
        raise Trouble(f"{bdf} is bound to {driver}, not to vfio-pci; to bind it: modprobe vfio-pci; "
                      f"echo vfio-pci >{device}/driver_override; "
                      + (f"echo {bdf} >{device}/driver/unbind; " if driver != "none" else "")
                      + f"echo {bdf} >/sys/bus/pci/drivers_probe")


def run_on_host(bdf):
    """minivmm on this machine, with this function and the rig's guest."""
    bound_or_trouble(bdf)
    status, guest = vmm_on_host("demo", lambda kernel: {
        **image.Modules(kernel).files(STORAGE_AND_NETS), "/case.sh": GUEST_ON_HOST.encode()}, ["--vfio", bdf])
    size, trouble = guest.get("size"), guest.all("trouble")
    if status or trouble or not size:
        print(f"\ndemo: FAILED: status {status}" + "".join(f"; {t}" for t in trouble))
        return 1
    print(f"\ndemo: OK: {bdf} ran in the guest, {size} bytes of config space")
    return 0

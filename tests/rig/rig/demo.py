"""tests/rig/demo: the product at work, on the terminal."""
import hashlib
import os
import subprocess
import sys
import time

import image
from case import MIB, Case, Failed, known_bytes, net, root_port
from fetch import CACHE, TOP, Trouble

LIMIT = 180

# --- In the rig ---------------------------------------------------------------

DISK, NIC = "0000:01:00.0", "0000:02:00.0"
IMAGE = os.path.join(CACHE, "run", "demo.img")
FILE_MIB = 16

GUEST = r"""
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

    say "the guest is up: $(uname -sr), $(nproc) CPU, $(awk '/MemTotal/ { print int($2 / 1024) }' /proc/meminfo) MiB"
    load nvme e1000e crc32c_generic ext4
    say "its PCI bus"
    lspci
    wait_for 20 [ -b /dev/nvme0n1 ] || finish
    disk=$(basename $(readlink -f /sys/class/nvme/nvme0/device))
    net_up || finish
    nic=$(basename $(readlink -f /sys/class/net/$NIC/device))
    mark size $(wc -c </sys/bus/pci/devices/$nic/config)
    show $disk "the disk"
    show $nic "the network card"
    say "a file from the disk"
    mkdir /mnt
    mount -t ext4 -o ro /dev/nvme0n1 /mnt || mark trouble "mount"
    ls -l /mnt/demo.bin
    (cd /mnt && sha256sum -c /expected) && mark file ok
    say "network: $(ip -4 addr show dev $NIC | awk '$1 == "inet" { print $2 }') by DHCP on $NIC"
    say "interrupts, each delivered by KVM from the host's vector"
    head -n1 /proc/interrupts
    grep -E "nvme|$NIC" /proc/interrupts
    irq_report nvme >/tmp/irq; grep "@@ irq" /tmp/irq
"""

HOST = f"""
for bdf in {DISK} {NIC}; do
    bind $bdf && mark progress "$bdf is bound to vfio-pci, group $(basename $(readlink /sys/bus/pci/devices/$bdf/iommu_group))"
done
mark progress "starting the VMM"
vmm --vfio {DISK} --vfio {NIC}
"""

case = Case(
    l0=root_port(1) + ["-drive", f"file={IMAGE},format=raw,if=none,id=demo,cache=unsafe",
                       "-device", "nvme,serial=demo,drive=demo,bus=rp1"]
    + root_port(2) + net("e1000e", "rp2"),
    guest=GUEST, host=HOST, guest_modules=[], append="loglevel=6", lspci=True,
    guest_limit=120, limit=LIMIT,
)


def make_disk(rig):
    """An ext4 file system with one file whose hash the guest knows."""
    folder = os.path.join(CACHE, "run", "demo")
    os.makedirs(folder, exist_ok=True)
    data = known_bytes(FILE_MIB)
    image.write_atomically(os.path.join(folder, "demo.bin"), data)
    open(IMAGE, "wb").close()
    made = subprocess.run(rig.tools.mke2fs.argv("-q", "-F", "-t", "ext4", "-O",
                                                "^has_journal,^metadata_csum", "-d", folder, IMAGE, f"{FILE_MIB * 2}M"), capture_output=True, text=True)
    if made.returncode:
        raise Trouble(f"mke2fs: {made.stderr.strip()}")
    return {"/expected": f"{hashlib.sha256(data).hexdigest()}  demo.bin\n".encode()}


def run(rig):
    start = time.monotonic()

    def step(words):
        print(f"[{time.monotonic() - start:5.1f}s] {words}", flush=True)

    def l1(line):
        if line.startswith("@@ l1-up"):
            step("L1, the host: stock Debian with an IOMMU and KVM, is up")
        elif line.startswith("@@ progress "):
            step("L1: " + line.removeprefix("@@ progress "))
        elif line.startswith("@@ trouble "):
            step("L1: trouble: " + line.removeprefix("@@ trouble "))

    def l2(line):
        if not line.startswith("@@"):
            print("  " + line, flush=True)

    step(f"L0: QEMU emulates a machine with an IOMMU, an NVMe disk and a network card; "
         f"in it, {rig.vmm} runs the guest")
    case.guest_files = {**make_disk(rig), **rig.modules.files(["nvme", "e1000e", "crc32c_generic", "ext4"])}
    r = rig.run("demo", sys.modules[__name__], l1, l2)
    try:
        r.check(r.runs, "the VMM was not started")
        words = r.runs[0].stderr.strip()
        r.equal("the VMM's status", r.runs[0].status, 0) if not words else \
            r.check(r.runs[0].status == 0, f"status {r.runs[0].status}: {words}")
        trouble = r.host.all("trouble") + r.runs[0].host.all("trouble") + r.guest.all("trouble")
        r.check(not trouble, "; ".join(trouble))
        r.equal("hash of the file", r.guest.get("file"), "ok")
        r.equal("bytes of config space", r.guest.get("size"), "4096")
        vectors, count = r.guest.get("irq", "0 0").split()
        r.check(int(count) > 0, "the disk's interrupts never fired")
    except Failed as e:
        print(f"\ndemo: FAILED: {e} (log: {os.path.join(CACHE, 'logs', rig.vmm, 'demo')}/)")
        return 1
    print(f"\ndemo: OK in {time.monotonic() - start:.0f} s: the guest's own drivers ran the disk and the card, "
          f"{FILE_MIB} MiB verified, 4096 bytes of config space, {count} interrupts on {vectors} vectors of the disk")
    return 0


# --- On this host -----------------------------------------------------------------

GUEST_ON_HOST = GUEST[:GUEST.index("    say \"the guest is up")] + r"""
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
    import fetch
    bound_or_trouble(bdf)
    minivmm = os.environ.get("MINIVMM", os.path.join(TOP, "build", "minivmm"))
    if not os.access(minivmm, os.X_OK):
        raise Trouble(f"no minivmm at {minivmm} (build it, or give MINIVMM=FILE)")
    kernel, tools = fetch.Kernel(), fetch.Tools()
    modules = image.Modules(kernel)
    initrd = os.path.join(CACHE, "demo.initrd")
    image.write_atomically(initrd, image.cpio({
        **image.guest_files(tools), **tools.lspci_files(), "/case.sh": GUEST_ON_HOST.encode(),
        **modules.files(STORAGE_AND_NETS)}))
    print(f"demo: minivmm boots Debian's {kernel.version} with {bdf}", flush=True)
    argv = [minivmm, "--kernel", kernel.image, "--initrd", initrd, "--append",
            "console=ttyS0 panic=-1 loglevel=6", "--mem", "1G", "--vfio", bdf, "--console", "stdio",
            "--timeout", str(LIMIT)]
    size, trouble = "", []
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          errors="replace") as vmm:
        for line in vmm.stdout:
            line = line.rstrip("\r\n")
            if line.startswith("@@ size "):
                size = line.split()[2]
            elif line.startswith("@@ trouble "):
                trouble.append(line.removeprefix("@@ trouble "))
            elif not line.startswith("@@"):
                print("  " + line, flush=True)
    if vmm.returncode or trouble or not size:
        print(f"\ndemo: FAILED: status {vmm.returncode}" + "".join(f"; {t}" for t in trouble))
        return 1
    print(f"\ndemo: OK: {bdf} ran in the guest, {size} bytes of config space")
    return 0

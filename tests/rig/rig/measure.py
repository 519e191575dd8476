"""tests/rig/run --measure: what a VMM costs, in numbers that compare.

The same guest and device for every VMM: exits to userspace from start to init,
exits and system calls while the device works, time from exec to the first
KVM_RUN. Times are TCG's and depend on what else the machine does. RIG_ICOUNT=1
makes L1's clock count instructions (1000 are a microsecond): times then repeat,
but every second run hangs in the emulator.

`--measure` alone takes the disk; `--measure e1000e` a network card, since
kvmtool cannot assign the disk.
"""
import os
import re
import sys
from collections import Counter

from case import Case, Disk, net, root_port
from fetch import Trouble

disk = Disk()
disks = [disk]

# Per device: the case, how many units of work it does, their name.
WORK = {
    "nvme": (Case(
        l0=root_port(1) + disk.args("rp1"), bind=["0000:01:00.0"], guest_modules=["nvme"],
        guest="""
            wait_for 20 [ -b /dev/nvme0n1 ] || finish
            before=$(irq_lines nvme)
            io_begin
            dd if=/dev/nvme0n1 of=/dev/null bs=1M count=64 2>/dev/null
            io_end
            mark irqs $before $(irq_lines nvme)
        """), 512, "read of 128 KiB"),
    "e1000e": (Case(
        l0=root_port(1) + net("e1000e", "rp1"), bind=["0000:01:00.0"], guest_modules=["e1000e"],
        guest="""
            net_up || finish
            before=$(irq_lines $NIC)
            io_begin
            nc 10.0.2.100 9000 </dev/null | head -c 16777216 >/tmp/file
            io_end
            mark irqs $before $(irq_lines $NIC)
        """), 16, "MiB received"),
}


def seconds(line):
    found = re.search(r" (\d+\.\d+): ", line)
    return float(found.group(1)) if found else None


def run(rig, args):
    device = args.case[0] if args.case else "nvme"
    if device not in WORK or len(args.case) > 1:
        raise Trouble(f"--measure takes one of: {' '.join(WORK)}")
    this = sys.modules[__name__]
    this.case, units, unit = WORK[device]
    this.case.icount = bool(os.environ.get("RIG_ICOUNT"))
    print(f"measuring {rig.vmm}: one guest with {device}, a quiet console", flush=True)
    r = rig.run("measure-" + device, this, measuring=True)
    one = r.runs[0]
    h = one.host
    reasons = Counter()
    for name, hits in re.findall(r"reason:\s*(\S+).*?hitcount:\s*(\d+)", h.blob("boot-exits").decode()):
        reasons[name] += int(hits)
    exits = Counter()
    for text in h.all("io-exit"):
        count, what = text.split(" ", 1)
        exits[what.strip()] += int(count)
    during = sum(one.userspace_exits().values())
    start, first = (seconds(h.blob(k).decode()) for k in ("exec", "first-run"))
    irqs = [int(n) for n in one.guest.get("irqs", "0 0 0 0").split()]
    print(f"status                              {one.status}")
    if start and first:
        print(f"exec to first KVM_RUN               {(first - start) * 1000:.0f} ms")
    print(f"guest's clock at init               {one.guest.get('guest-up')} s")
    print(f"userspace exits from start to init  {sum(reasons.values())}")
    for reason, n in reasons.most_common(6):
        print(f"    {REASONS.get(reason, reason):<32}{n}")
    ports = Counter({port: int(hits) for port, hits in
                     re.findall(r"port:\s*(\S+).*?hitcount:\s*(\d+)", h.blob("boot-ports").decode())})
    for port, n in ports.most_common(5):
        print(f"    port {port:<27}{n}")
    print(f"userspace exits for a {unit + ':':<17}{during / units:.3f} ({during} for {units})")
    for what, n in exits.most_common(6):
        print(f"    {what:<32}{n}")
    kernel_exits = int(h.get("io-kernel-exits", "0"))
    print(f"all exits for the same              {kernel_exits / units:.2f} ({kernel_exits})")
    print(f"interrupts meanwhile                {irqs[3] - irqs[1]}")
    print(f"system calls of the VMM meanwhile   {h.get('io-syscalls')}")
    for text in sorted(h.all("io-syscall"), key=lambda t: -int(t.split()[0]))[:6]:
        count, number, *command = text.split()
        name = SYSCALLS.get(number, number)
        if command:
            name += " " + IOCTLS.get(command[0].strip(","), command[0].strip(","))
        print(f"    {name:<32}{count}")
    return 0 if one.status == 0 else 1


REASONS = {"2": "KVM_EXIT_IO", "5": "KVM_EXIT_HLT", "6": "KVM_EXIT_MMIO", "10": "KVM_EXIT_INTR",
           "24": "KVM_EXIT_SYSTEM_EVENT", "0": "KVM_EXIT_UNKNOWN"}
SYSCALLS = {"0": "read", "1": "write", "7": "poll", "16": "ioctl", "17": "pread64", "18": "pwrite64",
            "20": "writev", "39": "getpid", "202": "futex", "232": "epoll_wait", "234": "tgkill",
            "271": "ppoll", "281": "epoll_pwait", "14": "rt_sigprocmask", "128": "rt_sigtimedwait"}
IOCTLS = {"ae80": "KVM_RUN", "4020aea5": "KVM_SIGNAL_MSI", "4008ae61": "KVM_IRQ_LINE",
          "c008ae67": "KVM_IRQ_LINE_STATUS", "4008ae6a": "KVM_SET_GSI_ROUTING"}

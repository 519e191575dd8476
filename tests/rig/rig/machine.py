"""L0: start QEMU, watch the consoles of L1 and L2, end it in time, always."""
import ctypes
import os
import signal
import subprocess
import time

from case import Failed, here
from monitor import Monitor

L0_ARGS = ["-nodefaults", "-display", "none", "-no-reboot", "-cpu", "EPYC,+svm"]
ACCEL = ["-accel", "tcg,thread=multi", "-smp", "2"]
ACCEL_ICOUNT = ["-accel", "tcg,thread=single", "-smp", "1", "-icount", "shift=0,sleep=off"]
# What emulates it, and what L1 has to be told.
IOMMUS = {
    "intel": (["-device", "intel-iommu,intremap=on,caching-mode=on,aw-bits=48"], "intel_iommu=on"),
    "intel-39": (["-device", "intel-iommu,intremap=on,caching-mode=on,aw-bits=39"], "intel_iommu=on"),
    # Without interrupt remapping.
    "intel-unsafe": (["-device", "intel-iommu,intremap=off,caching-mode=on,aw-bits=48"], "intel_iommu=on"),
    "amd": (["-device", "amd-iommu,intremap=on,xtsup=on,dma-remap=on"], ""),
    "none": ([], ""),
}
# A timer interrupt may be late on a busy machine: Linux need not test for it.
L1_APPEND = "console=ttyS0 quiet panic=-1 random.trust_cpu=on no_timer_check"

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)
# Of every limit that is not a case's own subject: other runs have the CPUs too.
patience = 1.0


class Hang(Exception):
    """Nothing came in time; may be the emulator's fault."""


class Console:
    """A console that QEMU writes to a file, read as it grows."""

    def __init__(self, path, echo):
        self.path, self.echo = path, echo
        open(path, "wb").close()
        self.file = open(path, "rb")
        self.lines, self.rest = [], b""

    def poll(self):
        """What is new, line by line."""
        first = len(self.lines)
        data = self.file.read()
        if not data:
            return []
        *whole, self.rest = (self.rest + data).split(b"\n")
        for raw in whole:
            line = raw.decode(errors="replace").rstrip("\r")
            # What a terminal would have overwritten or obeyed is not text.
            line = line.split("\r")[-1] if "@@" in line else line
            self.lines.append(line)
            if self.echo:
                self.echo(line)
        return self.lines[first:]

    def finish(self):
        self.poll()
        if self.rest:
            self.lines.append(self.rest.decode(errors="replace"))
        self.file.close()

    def seen(self, head):
        return any(line.startswith(head) for line in self.lines)


def last_words(lines):
    """The last line that is neither ours nor the kernel's."""
    words = [line for line in lines if line.strip() and line[0] not in "@["]
    return f": {words[-1]}" if words else ""


def obey(cards, monitor, lines):
    """Commands of the guests: `@@ card NAME WORDS` and `@@ l0 WORDS`."""
    for line in lines:
        head, _, rest = line.partition(" ")
        whom, _, words = rest.partition(" ")
        if head == "@@" and whom == "l0" and monitor:
            monitor.tell(words)
        name, _, words = words.partition(" ")
        for card in cards if (head, whom) == ("@@", "card") else ():
            if card.name == name:
                card.tell(words)


def die_with_parent(how=signal.SIGKILL):
    LIBC.prctl(PR_SET_PDEATHSIG, how)


def run_l0(qemu, kernel, initrds, case, logs, echo_l1=None, echo_l2=None):
    """Boots L1 with the case's devices; returns the lines of both consoles."""
    monitor = Monitor(os.path.join(logs, "monitor.log")) if case.monitor else None
    try:
        for card in case.cards:
            card.start(os.path.join(logs, f"card-{card.name}.log"))
        return boot(qemu, kernel, initrds, case, monitor, logs, echo_l1, echo_l2)
    finally:
        for helper in (*case.cards, *([monitor] if monitor else [])):
            helper.stop()


def boot(qemu, kernel, initrds, case, monitor, logs, echo_l1, echo_l2):
    initrd = os.path.join(logs, "initrd")
    with open(initrd, "wb") as out:
        for part in initrds:
            with open(part, "rb") as f:
                out.write(f.read())
    l1 = Console(os.path.join(logs, "l1.log"), echo_l1)
    l2 = Console(os.path.join(logs, "l2.log"), echo_l2)
    iommu, append = IOMMUS[case.iommu]
    memory, devices = [], case.l0
    if case.cards:
        # Another process reaches L1's memory through a descriptor.
        memory = ["-object", f"memory-backend-memfd,id=mem,share=on,size={case.l0_memory}M",
                  "-machine", "memory-backend=mem"]
        devices = [*case.l0, *(a for card in case.cards for a in card.l0_args())]
    argv = qemu.argv("-M", case.l0_machine, "-m", str(case.l0_memory), *memory, *L0_ARGS,
                     *(monitor.args() if monitor else ["-monitor", "none"]),
                     *(ACCEL_ICOUNT if case.icount else ACCEL), *iommu,
                     "-serial", f"file:{l1.path}", "-serial", f"file:{l2.path}",
                     "-kernel", kernel.image, "-initrd", initrd,
                     "-append", " ".join(f"{L1_APPEND} {append} {case.host_append}".split()), *map(here, devices))
    with open(os.path.join(logs, "l0.cmd"), "w") as f:
        f.write(" ".join(f"'{a}'" if " " in a else a for a in argv) + "\n")
    start = time.monotonic()
    with open(os.path.join(logs, "l0.log"), "wb") as log:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   start_new_session=True, preexec_fn=die_with_parent)
    try:
        while process.poll() is None:
            obey(case.cards, monitor, l1.poll() + l2.poll())
            spent = time.monotonic() - start
            if spent > patience * case.up_limit * (3 if case.icount else 1) and not l1.seen("@@ l1-up"):
                raise Hang("L1 did not come up")
            if spent > patience * case.limit:
                raise Hang(f"not done after {spent:.0f} s")
            time.sleep(0.02)
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        l1.finish()
        l2.finish()
        os.unlink(initrd)
    with open(os.path.join(logs, "l0.log"), errors="replace") as f:
        why = ": " + (f.read().strip().splitlines() or ["nothing"])[-1]
    if process.returncode < 0 and not l1.seen("@@ l1-done"):
        raise Hang("L0's QEMU was ended by " + signal.Signals(-process.returncode).name + why)
    if not l1.seen("@@ l1-up"):
        panic = next((": " + line for line in l1.lines if "Kernel panic" in line), "")
        raise Hang("L1 did not come up" + panic) if panic else Failed("L1 did not come up" + why)
    if not l1.seen("@@ l1-done"):
        raise Failed("L1 ended before the case did" + last_words(l1.lines))
    return l1.lines, l2.lines

"""What a case file is made of. A case file defines `case`, and `judge(r)`.

judge gets a Result, calls r.check(...) for what must be, and returns the words
that stand behind PASS.
"""
import base64
import hashlib
import json
import os
import random
import zlib
from dataclasses import dataclass, field, replace

from fetch import CACHE
from image import write_atomically

MIB = 1 << 20

# In L1: bind everything, run one guest, give everything back.
ONE_GUEST = """
for bdf in $BIND; do bind $bdf; done
vmm $VMM_ARGS $(for bdf in $BIND; do echo --vfio $bdf; done)
"""


# Drivers that own-kernel.config builds in.
OWN_DRIVERS = {"nvme", "e1000", "e1000e", "igb"}

# minivmm's, in a phase with hundreds of interrupts: what begins and ends it.
MOST_SYSCALLS = 20


@dataclass
class Case:
    guest: str = ""              # shell, run in L2 (see guest/guest.sh)
    l0: list = field(default_factory=list)              # QEMU arguments of L0
    bind: list = field(default_factory=list)            # functions for vfio-pci
    guest_modules: list = field(default_factory=list)   # for L2
    host_modules: list = field(default_factory=list)    # for L1, after the guest
    vmm_args: str = ""           # in minivmm's words
    append: str = "quiet"        # for L2's command line
    memory: str = "512M"         # of L2
    l0_memory: int = 3072        # MiB, of L1
    host: str = ONE_GUEST        # shell, run in L1 (see host/host.sh)
    give_back: str = ""          # shell, run in L1 at the end
    status: object = (0,)        # of each run of the VMM; or {VMM: that}
    guest_limit: int = 60        # seconds for each run of the VMM
    limit: int = 120             # seconds for the whole case
    up_limit: int = 30           # seconds for L1 to come up, which takes it 3
    guest_files: object = field(default_factory=dict)   # more files for L2, or a
    host_files: object = field(default_factory=dict)    # function of the kernel; for L1
    lspci: bool = False          # L2 has lspci
    with_vmlinux: bool = False   # L1 has the kernel as ELF, /l2/vmlinux
    slow: bool = False           # only when asked for by name, or --all
    only: tuple = ()             # VMMs this is for; empty: all
    l0_machine: str = "q35"
    l0_qemu: str = "11.1"        # or 10.0
    cards: tuple = ()            # of card.Card, in L0
    monitor: bool = False        # guests may tell L0's QEMU what to do
    iommu: str = "intel"         # of L0: see machine.IOMMUS
    host_kernel: str = "6.12"    # L1's: a series of Debian's, or own; L2 always runs 6.12
    icount: bool = False         # L1's clock counts instructions; slower
    host_append: str = ""        # for L1's command line
    ours: bool = False           # L1's drivers are modules of ours
    home: bool = True            # L1 has drivers, and uses what it gets back
    iommufd: str = "slow"        # the same over iommufd: quick, slow, or no
    own_kernel: str = "own"      # L1's then; own-7 maps BARs for DMA
    vmm_iommu: str = ""          # for every run of minivmm

    def wanted_status(self, vmm):
        return list(self.status[vmm] if isinstance(self.status, dict) else self.status)

    def by_iommufd(self):
        """The case over the kernel's newer interface, or None: a case that
        chooses by itself is left alone. Our own kernel has few drivers and
        takes no modules: without them functions go back to L1 and to nobody."""
        if (self.iommufd == "no" or not self.bind or "--iommu" in self.host or
                self.host_kernel != "6.12" or self.iommu == "none" or self.icount):
            return None
        if self.only and "minivmm" not in self.only:
            return None
        more = {}
        if self.ours or not OWN_DRIVERS.issuperset(self.host_modules):
            back = "".join(f"release {bdf}\n" for bdf in self.bind) if self.give_back else ""
            more = {"home": False, "host_modules": [], "give_back": back}
        return replace(self, host_kernel=self.own_kernel, vmm_iommu="--iommu=iommufd", only=("minivmm",),
                       slow=self.slow or self.iommufd == "slow", **more)


class Failed(Exception):
    """A case shows something that must not be."""


# --- Devices of L0 ----------------------------------------------------------

# In paths and in QEMU's arguments: the folder of what is made anew for a run.
# Runs beside each other have one each.
RUN = "@RUN@"
run_folder = os.path.join(CACHE, "run")


def here(path):
    return path.replace(RUN, run_folder)


def root_port(n):
    """L1 sees what is plugged into bus=rpN as 0000:0N:00.0, if the ports are
    made in this order."""
    return ["-device", f"pcie-root-port,id=rp{n},slot={n},chassis={n}"]


def resettable_root_port(n):
    """As root_port; L1 can reset what is below it. Above 5 GT/s Linux waits for
    a link to come up again, and L0's never went down."""
    return ["-device", root_port(n)[1] + ",x-speed=5"]


class Disk:
    """A raw image: `known` MiB that always hold the same, `spare` MiB of zeroes
    for the guest to write. Each run starts with a new copy."""

    def __init__(self, name="disk", known=64, spare=16):
        self.name, self.known, self.spare = name, known, spare
        self.path = f"{RUN}/{name}.img"

    def prepare(self):
        os.makedirs(run_folder, exist_ok=True)
        with open(here(self.path), "wb") as f:
            f.write(known_bytes(self.known))
            f.truncate((self.known + self.spare) * MIB)

    def sha(self, start, mib):
        with open(here(self.path), "rb") as f:
            f.seek(start * MIB)
            return hashlib.sha256(f.read(mib * MIB)).hexdigest()

    def known_sha(self, mib=None):
        return hashlib.sha256(known_bytes(self.known)[:(mib or self.known) * MIB]).hexdigest()

    def args(self, bus, extra=""):
        return ["-drive", f"file={self.path},format=raw,if=none,id={self.name},cache=unsafe",
                "-device", f"nvme,serial=rig-{self.name},drive={self.name},bus={bus}{extra}"]


def known_bytes(mib):
    """The same pseudo-random bytes every time."""
    name = os.path.join(CACHE, f"known-{mib}.bin")
    if not os.path.exists(name):
        os.makedirs(CACHE, exist_ok=True)
        write_atomically(name, random.Random(mib).randbytes(mib * MIB))
    with open(name, "rb") as f:
        return f.read()


NET_FILE_MIB = 16
NET_FILE_PORT = 9000


def net(model, bus, ident="n0", extra=""):
    """A NIC on L0's user network. 10.0.2.100:9000 sends a file of 16 MiB;
    nothing else can be reached."""
    known_bytes(NET_FILE_MIB)
    name = os.path.join(CACHE, f"known-{NET_FILE_MIB}.bin")
    return ["-netdev", f"user,id={ident},restrict=on,"
                       f"guestfwd=tcp:10.0.2.100:{NET_FILE_PORT}-cmd:cat {name}",
            "-device", f"{model},netdev={ident},bus={bus},romfile={extra}"]


def net_file_sha():
    return hashlib.sha256(known_bytes(NET_FILE_MIB)).hexdigest()


# --- What a case has shown --------------------------------------------------

class Marks:
    """The lines `@@ KEY VALUE` and `@@+ KEY BASE64` of one console, or of one
    run of the VMM."""

    def __init__(self, lines):
        self.facts, self.pieces = {}, {}
        for line in lines:
            words = line.strip().split(" ", 2)
            if len(words) < 2 or words[0] not in ("@@", "@@+"):
                continue
            value = words[2] if len(words) > 2 else ""
            (self.facts if words[0] == "@@" else self.pieces).setdefault(words[1], []).append(value)

    def __contains__(self, key):
        return key in self.facts or key in self.pieces

    def get(self, key, default=""):
        return self.facts.get(key, [default])[-1]

    def all(self, key):
        return self.facts.get(key, [])

    def blob(self, key):
        data = base64.b64decode("".join(self.pieces.get(key, [])))
        return zlib.decompress(data, 31) if data else b""


def in_the_cases_words(lines):
    """Where functions are elsewhere than the case says (guest/init tells), the
    guest's lines as if they were not."""
    places = [line.split()[2:4] for line in lines if line.startswith("@@ place ")]
    for case_says, guest_says in places:
        lines = [line.replace(guest_says, case_says) for line in lines]
    return lines


class Run:
    """One run of the VMM: L1's marks about it, L2's marks, L2's console."""

    def __init__(self, host_lines, guest_lines):
        guest_lines = in_the_cases_words(guest_lines)
        self.host, self.guest = Marks(host_lines), Marks(guest_lines)
        self.console = "\n".join(guest_lines)
        self.status = int(self.host.get("status", "-1"))
        self.stderr = self.host.blob("stderr").decode(errors="replace")
        # minivmm's report (docs/stats.md); {} where there is none.
        self.stats = json.loads(self.host.blob("stats") or "{}")

    def userspace_exits(self):
        """What the guest touched in its I/O phase that went to userspace, as
        {(reason, address): count}, without serial line and phase marks."""
        exits = {}
        for text in self.host.all("io-exit"):
            count, reason, *where = text.split()
            where = where[0] if where else ""
            port = int(where, 16) if where.startswith("0x") else 0
            if port == 0x84 or 0x3f8 <= port <= 0x3ff:
                continue
            exits[reason, where] = int(count)
        return exits


class Result:
    def __init__(self, case, vmm, host_lines, guest_lines):
        self.case, self.vmm = case, vmm
        self.host = Marks(host_lines)
        split_host = split_runs(host_lines, "@@ run ")
        split_guest = split_runs(guest_lines, "@@@ run ")
        self.runs = [Run(h, g) for h, g in zip(split_host, split_guest)]
        self.strict = vmm == "minivmm"

    @property
    def guest(self):
        return self.runs[0].guest

    def check(self, condition, words):
        if not condition:
            raise Failed(words)

    def equal(self, what, found, wanted):
        self.check(found == wanted, f"{what} is {found!r}, not {wanted!r}")

    def check_io_exits(self, run=None):
        """No exit to userspace while the guest did its I/O."""
        exits = (run or self.runs[0]).userspace_exits()
        # A signal to the VMM ends KVM_RUN too; only minivmm promises none.
        if not self.strict:
            exits = {k: n for k, n in exits.items() if k[0] != "restart"}
        self.check("io-syscalls" in (run or self.runs[0]).host, "no trace of the I/O phase")
        self.check(not exits, "exits to userspace during I/O: " +
                   ", ".join(f"{n} {' '.join(k)}" for k, n in sorted(exits.items())))
        # An interrupt or a timer that userspace handles costs a system call.
        calls = int((run or self.runs[0]).host.get("io-syscalls"))
        self.check(not self.strict or calls <= MOST_SYSCALLS, f"the VMM made {calls} system calls during I/O")
        return "0 exits/IO"

    def check_nothing_left(self, run):
        """minivmm gave back all that it had (docs/stats.md). Where the command
        line is wrong there is no report, nor after SIGKILL or where a case runs
        minivmm in its own way."""
        if not self.strict or not run.stats and (run.status in (125, 137) or "reports" not in run.host):
            return
        self.check(run.stats, "minivmm wrote no report (--stats)")
        left = run.stats.get("left")
        # A time limit that had to give up has no ledger.
        self.check(left or run.status == 124, "the report has no ledger")
        kept = {k: n for k, n in (left or {}).items() if n != 0}
        self.check(not kept, f"minivmm did not give back {kept}")

    def check_delivery(self, bdf, least_count, run=None):
        """KVM injected every message of the function; the host counted as many
        of them as the guest, or more."""
        if not self.strict:
            return "delivery not known"
        stats = (run or self.runs[0]).stats
        mine = [f for f in stats["functions"] if f["name"] == bdf]
        self.check(len(mine) == 1, f"the report has no {bdf}")
        irqs = mine[0]["interrupts"]
        used = [v for v in irqs["vectors"] if v["irqfds"] > 0]
        self.check(used, "no vector was ever tied to KVM")
        looped = [v for v in irqs["vectors"] if v["by_loop"] > 0]
        self.check(not looped and stats["interrupts_by_loop"] == 0, f"interrupts passed through the VMM: {looped}")
        count = sum(irqs["host"]["vectors"].values())
        self.check(count >= least_count, f"the host counted {count} interrupts, fewer than {least_count}")
        return f"{len(used)} by irqfd, {count} in the host"

    def check_dma(self, run=None):
        """Guest RAM was mapped, with a time."""
        if not self.strict:
            return
        spaces = (run or self.runs[0]).stats["dma"]
        maps = [m for s in spaces for m in s["first"] if m["of"] == "RAM"]
        self.check(maps and all(m["size"] > 0 and m["took_ns"] > 0 for m in maps), f"no DMA maps of RAM in {spaces}")

    def check_irqs(self, least_vectors, least_count):
        vectors, count = map(int, self.guest.get("irq", "0 0").split())
        self.check(vectors >= least_vectors, f"{vectors} vectors fired, wanted {least_vectors}")
        self.check(count >= least_count, f"only {count} interrupts")
        return f"{vectors} vectors, {count} irqs"


def split_runs(lines, head):
    parts = None
    for line in lines:
        if line.startswith(head):
            parts = (parts or []) + [[]]
        elif parts:
            parts[-1].append(line)
    return parts or []

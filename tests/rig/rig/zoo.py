"""The device zoo: many functions, each behind a root port of its own, all in
one guest; what each has to do, and how that is judged.

The same shell (guest/zoo.sh) runs in L2 with the function assigned, and in L1
after it is given back.
"""
import hashlib
import os
from dataclasses import dataclass, field

import config_space
from case import MIB, NET_FILE_MIB, NET_FILE_PORT, RUN, Case, Disk, here, known_bytes, root_port
from fetch import CACHE
from image import text

READ, WRITE = 4, 1      # MiB of each disk
FETCH = 2 * MIB         # of the network's file


@dataclass
class Animal:
    """One function. `l0` are QEMU's arguments, with BUS for where it goes."""
    name: str
    l0: list
    kind: str                    # of guest/zoo.sh
    modules: list
    irq: str = "intx"            # what its driver gets: intx, msi, msix; "" if none
    words: str = ""              # for the kind
    facts: dict = field(default_factory=dict)   # what both guests must report
    least: int = 1               # interrupts
    disk: object = None
    out: object = None           # File that L0 writes
    options: str = ""            # for --vfio, with a comma in front
    owner: str = ""              # L1's module, if not the first of modules; or nobody
    at: str = ""                 # the guest's address, if not L1's
    before: list = field(default_factory=list)  # modules that its driver expects to find


class File:
    """What L0's QEMU writes."""

    def __init__(self, name):
        self.path = f"{RUN}/{name}"

    def prepare(self):
        os.makedirs(here(RUN), exist_ok=True)
        with open(here(self.path), "wb"):
            pass

    def data(self):
        with open(here(self.path), "rb") as f:
            return f.read()


def disk_behind(name, device, below, modules, irq, words=f"{READ} {WRITE}", **more):
    """A controller `device` with one disk: `below` is the device on it."""
    disk = Disk("zoo-" + name, 8, 8)
    l0 = ["-drive", f"file={disk.path},format=raw,if=none,id=d-{name},cache=unsafe",
          "-device", f"{device},id=c-{name},bus=BUS"]
    if below:
        l0 += ["-device", below.replace("CONTROLLER", "c-" + name) + f",drive=d-{name}"]
    else:
        l0[-1] += f",drive=d-{name}"
    return Animal(name, l0, "blk", modules, irq, words, disk=disk, **more)


def nic(name, device, modules, irq, **more):
    known = os.path.join(CACHE, f"known-{NET_FILE_MIB}.bin")
    return Animal(name, ["-netdev", f"user,id=n-{name},restrict=on,"
                         f"guestfwd=tcp:10.0.2.100:{NET_FILE_PORT}-cmd:cat {known}",
                         "-device", f"{device},netdev=n-{name},bus=BUS,romfile="],
                  "net", modules, irq, str(FETCH), **more)


def bdf(n):
    return f"0000:{n:02x}:00.0"


def calls(animals, where):
    return "".join(f"zoo {a.name} {a.kind} {where(a, n)} {a.words}\n" for n, a in enumerate(animals, 1))


def in_guest(a, n):
    return a.at or bdf(n)


def in_host(_, n):
    return bdf(n)


def unique(lists):
    return list(dict.fromkeys(m for some in lists for m in some))


def zoo_case(animals, files=None, **more):
    """All of them in one guest, then all of them back in L1. `files` are for
    both, or a function of the kernel."""
    l0 = []
    for n, a in enumerate(animals, 1):
        l0 += root_port(n)
    for n, a in enumerate(animals, 1):
        l0 += [word.replace("BUS", f"rp{n}") for word in a.l0]
    modules = unique(a.before + a.modules for a in animals)
    back = ". /lib/zoo.sh\n"
    for n, a in enumerate(animals, 1):
        back += "".join(f"load {m}\n" for m in a.before)
        back += f"release {bdf(n)}\n" if a.owner == "nobody" else f"give_back {bdf(n)} {a.owner or a.modules[0]}\n"
        back += "".join(f"load {m}\n" for m in a.modules[1:])
    back += calls(animals, in_host)
    assigned = " ".join(f"--vfio {bdf(n)}{a.options}" for n, a in enumerate(animals, 1))
    more.setdefault("host", f"for bdf in $BIND; do bind $bdf; done\nvmm $VMM_ARGS {assigned}\n")

    def both(kernel):
        mine = files(kernel) if callable(files) else files or {}
        return {"/lib/zoo.sh": text("guest/zoo.sh"), "/modules/none.load": b"", **mine}

    # L0's firmware looks at everything first.
    more = {"guest_limit": 150, "limit": 400, "up_limit": 90, "ours": bool(files), **more}
    return Case(l0=l0, bind=[bdf(n) for n in range(1, len(animals) + 1)], guest_modules=modules,
                host_modules=modules, guest=". /lib/zoo.sh\n" + calls(animals, in_guest), give_back=back,
                guest_files=both, host_files=both, **more)


def files_of(animals):
    """For a case's `disks`."""
    known_bytes(NET_FILE_MIB)
    return [f for a in animals for f in (a.disk, a.out) if f]


# --- Judging ----------------------------------------------------------------

def faults_of(a, marks, where, line_only=False):
    """Sentences about what one guest reports of one function."""
    def get(key):
        return marks.get(f"{a.name}/{key}")

    found = [f"{where}: {f}" for f in marks.all(a.name + "/fault")]
    if f"{a.name}/done" not in marks:
        return found or [f"{where}: no report"]
    kind, count = get("irq").split()
    irq = "intx" if line_only and a.irq else a.irq
    if irq and (kind != irq or int(count) < a.least):
        found.append(f"{where}: {count} {kind} interrupts, not {a.least} {irq}")
    wanted = dict(a.facts)
    if a.kind == "blk":
        read, write = map(int, a.words.split())
        wanted["read"] = a.disk.known_sha(read)
        wanted["back"] = get("random") if write else ""
    if a.kind == "net":
        wanted["fetched"] = hashlib.sha256(known_bytes(NET_FILE_MIB)[:int(a.words)]).hexdigest()
    return found + [f"{where}: {k} is {get(k)!r}, not {v!r}" for k, v in wanted.items() if get(k) != v]


def config_faults(r, a, n):
    host, guest = r.host.blob("host-config-" + bdf(n)), r.guest.blob(a.name + "/config")
    if not host or not guest:
        return ["no config space was reported"]
    return config_space.differences(host, guest, config_space.hidden_by(r.vmm)) + \
        config_space.standard_differences(host, guest)


def faults(r, a, n):
    # L1's report comes after its only run of the VMM.
    host = r.runs[-1].host if r.case.home else None
    found = faults_of(a, r.guest, "guest", "pci=nomsi" in r.case.append)
    found += config_faults(r, a, n)
    if host:
        found += faults_of(a, host, "L1 afterwards")
    if a.disk and not found:
        read, write = map(int, a.words.split())
        # What was written last is in the image.
        if write and a.disk.sha(read, write) != (host or r.guest).get(a.name + "/random"):
            found.append("L0's image does not hold what was written")
    if a.out and len(a.out.data()) < 1000:
        found.append(f"L0 has {len(a.out.data())} bytes of it")
    return found


# A second guest may not use messages.
LINE_ONLY = {"": {}, "-intx": {"append": "quiet pci=nomsi", "slow": True}}


def judge_zoo(r, animals):
    """Faults of all of them at once, or a word about each."""
    sick = {}
    for n, a in enumerate(animals, 1):
        found = faults(r, a, n)
        if found:
            sick[a.name] = found
    words = []
    for a in animals:
        kind, count = (r.guest.get(a.name + "/irq") or "? 0").split()
        words.append(f"{a.name} ({r.guest.get(a.name + '/driver')}, {count} {kind})")
    r.check(not sick, "\n     " + "\n     ".join(f"{k}: {'; '.join(v)}" for k, v in sick.items()))
    return ", ".join(words)

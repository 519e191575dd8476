"""Drivers and programs of ours for Debian's kernels: built once, kept. The
card's driver and card-explore; a driver for edu, a hand on BARs, one on an
NVMe controller's virtual functions, and a system call that seccomp logs.

Headers and build tools come unpacked, of the kernel's own version; nothing is
installed. The compiler is the host's. What is built is named after kernel and
sources, so a second run only looks whether it is there.
"""
import glob
import hashlib
import os
import re
import shutil
import subprocess
import tempfile

from fetch import CACHE, KERNELS, TOP, Program, Trouble, debian

CARD = os.path.join(TOP, "tests", "guest", "card")
ZOO = os.path.join(TOP, "tests", "guest", "zoo")
CONTRACT = os.path.join(TOP, "tests", "card", "regs.h")
# Programs of the build system, each by the variable that its makefiles call it
# by. Debian's own objtool and modpost only start that of the architecture.
PROGRAMS = {"objtool": "tools/objtool/objtool.real-x86", "MODPOST": "scripts/mod/modpost.real-lsb-64"}


def digest(*paths):
    key = hashlib.sha256()
    for path in sorted(paths):
        with open(path, "rb") as f:
            key.update(path.encode() + b"\0" + f.read() + b"\0")
    return key.hexdigest()[:16]


def suite_of(version):
    """Where the kernel of that version came from."""
    for series, (_, suite, *_) in KERNELS.items():
        if version.startswith(series + "."):
            return suite
    raise Trouble(f"no suite is known for kernel {version}")


class Headers:
    """The kernel's headers and its build system, ready to use from here."""

    def __init__(self, version):
        base = re.sub(r"-amd64$", "", version)
        kbuild, suite = f"linux-kbuild-{base}", suite_of(version)
        try:
            root = debian(f"headers-{version}", suite, f"linux-headers-{version}",
                          f"linux-headers-{base}-common", kbuild)
        except Trouble as e:
            raise Trouble(f"{e}; a mirror keeps only the newest: remove {CACHE}/kernel* to fetch that") from None
        self.folder = f"{root}/usr/src/linux-headers-{version}"
        self.common = f"{root}/usr/src/linux-headers-{base}-common"
        # With the libraries of its suite, which may be newer than the host's.
        tools = debian(f"kbuild-{version}", suite, kbuild, deps=True)
        self.programs = {name: Program(tools, f"usr/lib/{kbuild}/{path}") for name, path in PROGRAMS.items()}

    def wrapper(self, name, out):
        """A script that runs the program with its own libraries."""
        path = os.path.join(out, name.lower())
        with open(path, "w") as f:
            f.write("#!/bin/sh\nexec " + " ".join(f"'{a}'" for a in self.programs[name].argv()) + ' "$@"\n')
        os.chmod(path, 0o755)
        return path

    def words(self, out):
        """For the kernel's make. The Makefile in `folder` would look for the
        rest in /usr/src; the one that it includes does not. What is empty here
        is what the kernel was built with and the host may not have: pahole,
        and a flag of gcc 14 that only matters to the kernel's own functions."""
        return " ".join(["-f", f"{self.common}/Makefile", f"KBUILD_OUTPUT={self.folder}",
                         *(f"{name}={self.wrapper(name, out)}" for name in PROGRAMS),
                         "CONFIG_DEBUG_INFO_BTF_MODULES=", "CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT="])


def make(source, out, target, *words):
    done = subprocess.run(["make", "-j2", "-C", source, f"O={out}", "CC=gcc", *words, target],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if not line.startswith("warning: ")]
        raise Trouble(f"cannot build {target} in {os.path.relpath(source, TOP)}: {(lines or ['make failed'])[0]}")


def kept(name, key, build):
    """The file `name`, of that key: build(folder) makes it if it is not there."""
    folder = os.path.join(CACHE, "driver", key)
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as work:
            build(work)
            shutil.copy(os.path.join(work, name), path + ".new")
        os.rename(path + ".new", path)
    return path


def module(source, name, kernel, *more):
    """The module of that folder for this fetch.Kernel; `more` are files that it
    is made from too."""
    def build(out):
        headers = Headers(kernel.version)
        make(source, out, "module", f"KDIR={headers.folder}", "KARGS=" + headers.words(out))

    files = glob.glob(os.path.join(source, "module", "*"))
    key = digest(*files, os.path.join(source, "Makefile"), *more, __file__)
    return kept(name, f"{kernel.version}-{key}", build)


def program(source, name, target, *files):
    """A static program of that folder."""
    key = digest(*files, os.path.join(source, "Makefile"))
    return kept(name, f"{target}-{key}", lambda out: make(source, out, target))


def card_driver(kernel):
    return module(CARD, "minivmm_card.ko", kernel, CONTRACT)


def card_explore():
    return program(CARD, "card-explore", "explore", *glob.glob(os.path.join(CARD, "explore*.[ch]")), CONTRACT)


def edu_driver(kernel):
    return module(ZOO, "minivmm_edu.ko", kernel)


def no_msix(kernel):
    return module(ZOO, "minivmm_nomsix.ko", kernel)


def bars():
    return program(ZOO, "bars", "bars", os.path.join(ZOO, "bars.c"))


def logged():
    return program(ZOO, "logged", "logged", os.path.join(ZOO, "logged.c"))


def nvme_virt():
    return program(ZOO, "nvme-virt", "nvme-virt", os.path.join(ZOO, "nvme-virt.c"))

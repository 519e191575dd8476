"""Kernels for L1 with what Debian's lack: iommufd, a node for each VFIO device,
the sample of a mediated device; own-7 also gives BARs as dma-bufs.

Built from Debian's own source packages with own-kernel.config, everything built
in, in five to fifteen minutes; kept under the package's version and the config.
"""
import glob
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

from fetch import CACHE, HERE, TOP, Trouble, debian

# What each is made of: the arguments of fetch.debian, files of options, options
# of those files that newer kernels have given up or made the only choice.
FRAGMENT = os.path.join(HERE, "own-kernel.config")
SERIES = {
    "own": (("linux-source", "bookworm-backports", "linux-source-6.12"), (FRAGMENT,), ()),
    "own-7": (("linux-source-7", "trixie-backports", "linux-source-7.*"),
              (FRAGMENT, os.path.join(HERE, "own-kernel-7.config")),
              ("CONFIG_PREEMPT_VOLUNTARY=y", "CONFIG_PROC_SYSCTL=y")),
}
RESULTS = ("bzImage", "modules.builtin", "version")


def lines_of(path):
    with open(path) as f:
        return [line.strip() for line in f]


def source(package):
    """(archive, package version) of Debian's source."""
    root = debian(*package)
    version = lines_of(os.path.join(root, ".debfetch"))[1].split()[-1]
    return glob.glob(root + "/usr/src/linux-source-*.tar.xz")[0], version


def run(what, *argv):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, errors="replace")
    if done.returncode:
        words = [line for line in done.stderr.splitlines() if "rror" in line] or done.stderr.splitlines()
        raise Trouble(f"cannot {what}: {(words or ['it failed'])[0]}")


def options(fragments):
    return "".join("".join(open(name)) for name in fragments)


def configure(tree, wanted, gone):
    """tinyconfig and what is wanted; every line of it must have come through."""
    run("configure the kernel", "make", "-C", tree, "tinyconfig")
    config = os.path.join(tree, ".config")
    with open(config, "a") as out:
        out.write(wanted)
    run("configure the kernel", "make", "-C", tree, "olddefconfig")
    have = set(lines_of(config))
    for line in wanted.splitlines():
        if line.startswith("CONFIG_") and line not in have and line not in gone:
            raise Trouble(f"the kernel has no {line}, which own-kernel*.config asks for")


def build(archive, wanted, gone, out):
    run("install what building a kernel needs", os.path.join(TOP, "tests", "tools", "deps"), "kernel")
    with tempfile.TemporaryDirectory(dir=os.path.dirname(out)) as work:
        run("unpack the kernel's source", "tar", "-xf", archive, "-C", work)
        tree = glob.glob(work + "/linux-source-*")[0]
        configure(tree, wanted, gone)
        run("build the kernel", "make", "-C", tree, "-j2", "bzImage")
        made = os.path.join(work, "made")
        os.mkdir(made)
        shutil.copy(os.path.join(tree, "arch/x86/boot/bzImage"), made)
        shutil.copy(os.path.join(tree, "modules.builtin"), made)
        shutil.copy(os.path.join(tree, "include/config/kernel.release"), os.path.join(made, "version"))
        os.rename(made, out)


class Kernel:
    """As fetch.Kernel, without modules."""

    takes_modules = False

    def __init__(self, series="own"):
        package, fragments, gone = SERIES[series]
        archive, version = source(package)
        wanted = options(fragments)
        key = f"{version}-{hashlib.sha256(wanted.encode()).hexdigest()[:16]}"
        folder = os.path.join(CACHE, "own-kernel", key)
        if not all(os.path.exists(os.path.join(folder, name)) for name in RESULTS):
            print(f"rig: building kernel {version} for L1, once; this takes five to fifteen minutes",
                  file=sys.stderr, flush=True)
            os.makedirs(os.path.dirname(folder), exist_ok=True)
            build(archive, wanted, gone, folder)
        self.image = os.path.join(folder, "bzImage")
        self.builtin = os.path.join(folder, "modules.builtin")
        self.modules = os.path.join(folder, "modules")      # there is none
        self.version = lines_of(os.path.join(folder, "version"))[0]

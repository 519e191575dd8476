"""What the rig takes from Debian: QEMU, a kernel, busybox, lspci.

Nothing is installed: tests/tools/debfetch unpacks packages into the cache, and
programs run through the dynamic loader that came with them.
"""
import copy
import glob
import os
import subprocess
import sys

import qemufix

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
CACHE = os.path.abspath(os.environ.get("RIG_CACHE", os.path.join(TOP, "build", "rig")))
DEBFETCH = os.path.join(TOP, "tests", "tools", "debfetch")
LIBS = ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu")


class Trouble(Exception):
    """The rig itself cannot go on; the text is for the user."""


def debian(name, suite, *packages, deps=False):
    """The folder into which these packages of a Debian suite are unpacked."""
    out = os.path.join(CACHE, name)
    if not os.path.exists(os.path.join(out, ".debfetch")):
        print(f"rig: fetching {' '.join(packages)} from {suite}", file=sys.stderr, flush=True)
    args = [DEBFETCH, "--cache", os.path.join(CACHE, "debfetch")]
    args += ["--deps"] if deps else []
    done = subprocess.run(args + [suite, out, *packages], stdin=subprocess.DEVNULL)
    if done.returncode:
        raise Trouble(f"cannot fetch {' '.join(packages)} from {suite}")
    return out


# Series: (suite, packages). A name with * is the newest like that.
KERNELS = {
    "6.12": ("kernel", "bookworm-backports", "linux-image-amd64@"),
    "7.2": ("kernel-7.2", "trixie-backports", "linux-binary-7.2.*+deb13-amd64",
            "linux-modules-7.2.*+deb13-amd64"),
}


class Kernel:
    """One of Debian's kernels: bzImage, and a folder of modules."""

    takes_modules = True

    def __init__(self, series="6.12"):
        root = debian(*KERNELS[series])
        self.modules = (glob.glob(root + "/lib/modules/*/kernel") or
                        glob.glob(root + "/usr/lib/modules/*/kernel"))[0]
        folder = os.path.dirname(self.modules)
        self.version = os.path.basename(folder)
        self.builtin = os.path.join(folder, "modules.builtin")
        self.image = (glob.glob(root + "/boot/vmlinuz-*") or [os.path.join(folder, "vmlinuz")])[0]


class Program:
    """A program from an unpacked tree, with the libraries that it loads."""

    def __init__(self, root, path):
        self.root, self.path = root, path
        loaders = [os.path.join(root, d, "ld-linux-x86-64.so.2") for d in ("lib64", "usr/lib64")]
        self.loader = next((p for p in loaders if os.path.exists(p)), loaders[0])
        self.libpath = ":".join(os.path.join(root, d) for d in LIBS)

    def argv(self, *args):
        return [self.loader, "--library-path", self.libpath,
                os.path.join(self.root, self.path), *args]

    def files(self, prefix):
        """{path in an image: file here} to run it there from `prefix`."""
        names = {f"{prefix}/{os.path.basename(self.path)}": os.path.join(self.root, self.path),
                 f"{prefix}/ld.so": self.loader}
        listing = subprocess.run([self.loader, "--library-path", self.libpath, "--list",
                                  os.path.join(self.root, self.path)],
                                 capture_output=True, text=True, check=True).stdout
        for line in listing.splitlines():
            words = line.split()
            if len(words) > 2 and words[1] == "=>":
                names[f"{prefix}/{words[0]}"] = os.path.realpath(words[2])
        return names


class Qemu(Program):
    FIRMWARE = ("usr/share/seabios/bios-256k.bin", "usr/share/qemu/linuxboot_dma.bin",
                "usr/share/qemu/kvmvapic.bin", "usr/share/qemu/pvh.bin")

    def __init__(self):
        root = debian("qemu", "bookworm-backports", "qemu-system-x86", "seabios", "ipxe-qemu",
                      deps=True)
        super().__init__(root, "usr/bin/qemu-system-x86_64")
        self.data = [os.path.join(root, d) for d in
                     ("usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu")]

    def argv(self, *args):
        data = [a for d in self.data for a in ("-L", d)]
        return super().argv(*data, *args)

    def files(self, prefix):
        names = super().files(prefix)
        for path in self.FIRMWARE:
            names[f"{prefix}/data/{os.path.basename(path)}"] = os.path.join(self.root, path)
        return names


class NewQemu(Qemu):
    """QEMU 11.1: vfio-user-pci, an AMD IOMMU that translates."""

    def __init__(self, older):
        root = debian("qemu-11", "trixie-backports", "qemu-system-x86", "seabios", deps=True)
        Program.__init__(self, root, "usr/bin/qemu-system-x86_64")
        self.data = [os.path.join(root, d) for d in ("usr/share/qemu", "usr/share/seabios")]
        self.data += [older.data[-1]]   # the option ROMs


def for_l0(qemu):
    """The same, fit to emulate SVM."""
    stock = os.path.join(qemu.root, qemu.path)
    l0 = copy.copy(qemu)
    l0.path = qemufix.fixed(stock)
    if l0.path == stock:
        print("rig: QEMU is not one that qemufix.py knows: guests may hang", file=sys.stderr)
    return l0


class Tools:
    """busybox for both guests, lspci where a case asks for it, mke2fs here."""

    def __init__(self):
        root = debian("tools", "bookworm", "busybox-static", "pciutils", "e2fsprogs", deps=True)
        self.busybox = os.path.join(root, "bin/busybox")
        self.lspci = Program(root, "usr/bin/lspci")
        self.mke2fs = Program(root, "sbin/mke2fs")
        self.pci_ids = os.path.join(root, "usr/share/misc/pci.ids")

    def lspci_files(self):
        names = self.lspci.files("/lspci")
        names["/usr/share/misc/pci.ids"] = self.pci_ids
        return names


def libraries(binary):
    """The files that a program built on this host loads, {its path: the file}."""
    done = subprocess.run(["ldd", binary], capture_output=True, text=True)
    names = {}
    for line in done.stdout.splitlines():
        for word in line.split():
            if word.startswith("/"):
                names[word] = os.path.realpath(word)
    return names

"""Initramfs images: a cpio writer, kernel modules in load order, a cache.

An initramfs may be several cpio archives end to end. The large unchanging ones
are built once and named after their contents; what a case adds is small.
"""
import hashlib
import os
import re
import stat

from fetch import CACHE, HERE, Trouble

RIG = os.path.dirname(HERE)


def cpio(files):
    """A newc archive. `files` maps a path to bytes, or to the name of a file
    here, or to ("node", mode, major, minor), or to ("link", target)."""
    out, made = [], set()

    def entry(path, mode, data=b"", rdev=(0, 0)):
        name = path.lstrip("/").encode() + b"\0"
        fields = (len(made) + len(out) + 1, mode, 0, 0, 1, 0, len(data), 0, 0, *rdev, len(name), 0)
        head = b"070701" + b"".join(b"%08x" % f for f in fields) + name
        out.append(head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4))

    def parents(path):
        parent = os.path.dirname(path)
        if parent not in ("", "/") and parent not in made:
            parents(parent)
            made.add(parent)
            entry(parent, stat.S_IFDIR | 0o755)

    for path, what in files.items():
        parents(path)
        if isinstance(what, bytes):
            entry(path, stat.S_IFREG | 0o755, what)
        elif isinstance(what, str):
            with open(what, "rb") as f:
                entry(path, stat.S_IFREG | 0o755, f.read())
        elif what[0] == "node":
            entry(path, what[1], rdev=what[2:])
        else:
            entry(path, stat.S_IFLNK | 0o777, what[1].encode())
    entry("TRAILER!!!", 0)
    return b"".join(out)


def cached_cpio(name, files):
    """The name of a file holding cpio(files), built only if it is not there."""
    key = hashlib.sha256()
    for path, what in files.items():
        key.update(path.encode() + b"\0")
        if isinstance(what, str):
            st = os.stat(what)
            key.update(f"{what} {st.st_size} {st.st_mtime_ns}".encode())
        else:
            key.update(repr(what).encode())
    os.makedirs(os.path.join(CACHE, "images"), exist_ok=True)
    out = os.path.join(CACHE, "images", f"{name}-{key.hexdigest()[:16]}.cpio")
    if not os.path.exists(out):
        write_atomically(out, cpio(files))
    return out


def write_atomically(path, data):
    new = f"{path}.{os.getpid()}.new"
    with open(new, "wb") as f:
        f.write(data)
    os.rename(new, path)


class Modules:
    """Debian's .ko.xz files, and what each depends on, from its own .modinfo.
    What is built into the kernel needs no loading."""

    def __init__(self, kernel):
        self.where = {}
        self.builtin = set()
        if os.path.exists(kernel.builtin):      # Debian's 7.2 has the list in no package that we need
            with open(kernel.builtin) as f:
                self.builtin = {os.path.basename(line.strip()).split(".ko")[0].replace("-", "_") for line in f}
        for folder, _, names in os.walk(kernel.modules):
            for name in names:
                if name.endswith((".ko", ".ko.xz")):
                    self.where[name.split(".ko")[0].replace("-", "_")] = os.path.join(folder, name)
        self.cache = os.path.join(CACHE, "modules", kernel.version)
        os.makedirs(self.cache, exist_ok=True)

    def plain(self, name):
        """The uncompressed module: decompressing in the guest would be slow."""
        path = os.path.join(self.cache, name + ".ko")
        if not os.path.exists(path):
            if name not in self.where:
                raise Trouble(f"the kernel has no module {name}")
            import lzma     # here: who only reads the cases does without
            opener = lzma.open if self.where[name].endswith(".xz") else open
            with opener(self.where[name], "rb") as f:
                write_atomically(path, f.read())
        return path

    def order(self, names):
        """`names` and what they need, in the order in which they load."""
        done = []

        def visit(name):
            name = name.replace("-", "_")
            if name in done or name in self.builtin:
                return
            with open(self.plain(name), "rb") as f:
                depends = re.search(rb"\0depends=([^\0]*)\0", f.read())
            for other in depends.group(1).decode().split(",") if depends else ():
                if other:
                    visit(other)
            done.append(name)

        for name in names:
            visit(name)
        return done

    def files(self, names):
        """The modules for an image; /modules/NAME.load lists the load order."""
        files = {}
        for name in names:
            order = self.order([name])
            for m in order:
                files[f"/modules/{m}.ko"] = self.plain(m)
            files[f"/modules/{name}.load"] = "".join(m + "\n" for m in order).encode()
        return files


def text(path):
    with open(os.path.join(RIG, path), "rb") as f:
        return f.read()


def base_files(tools):
    return {
        "/dev/console": ("node", stat.S_IFCHR | 0o600, 5, 1),
        "/bin/busybox": tools.busybox,
        "/bin/sh": ("link", "busybox"),
        "/etc/passwd": b"root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
        "/etc/group": b"root:x:0:\nnogroup:x:65534:\n",
        "/lib/common.sh": text("guest/common.sh"),
    }


def guest_files(tools):
    """What every L2 has."""
    return {**base_files(tools),
            "/init": text("guest/init"),
            "/lib/guest.sh": text("guest/guest.sh"),
            "/lib/udhcpc": text("guest/udhcpc")}


HOST_MODULES = ("kvm_amd", "vfio_iommu_type1", "vfio_pci")


def host_files(tools, guest_kernel, modules):
    """What every L1 has, whichever VMM it runs."""
    return {**base_files(tools),
            "/init": text("host/init"),
            "/lib/host.sh": text("host/host.sh"),
            "/lib/trace.sh": text("host/trace.sh"),
            "/bin/traced": text("host/traced"),
            "/lib/udhcpc": text("guest/udhcpc"),
            "/l2/bzImage": guest_kernel.image,
            **modules.files(HOST_MODULES)}

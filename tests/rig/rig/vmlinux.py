"""The ELF kernel inside a bzImage (protocol 2.08 and later says where it is).

As a program: vmlinux.py BZIMAGE OUT.
"""
import os
import struct
import subprocess
import sys

from fetch import CACHE, Trouble
from image import write_atomically


def extract(bzimage, out):
    with open(bzimage, "rb") as f:
        data = f.read()
    setup_sectors = data[0x1f1] or 4
    offset, length = struct.unpack_from("<II", data, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    payload = data[start:start + length - 4]        # its last 4 bytes: the unpacked size
    if payload[:4] != b"\x28\xb5\x2f\xfd":
        raise Trouble(f"{bzimage}: its kernel is not compressed with zstd")
    done = subprocess.run(["zstd", "-dcq"], input=payload, stdout=subprocess.PIPE)
    if done.returncode or done.stdout[:4] != b"\x7fELF":
        raise Trouble(f"{bzimage}: cannot unpack its kernel")
    write_atomically(out, done.stdout)


def cached(kernel_image):
    out = os.path.join(CACHE, os.path.basename(kernel_image).replace("vmlinuz", "vmlinux"))
    if not os.path.exists(out):
        extract(kernel_image, out)
    return out


if __name__ == "__main__":
    extract(sys.argv[1], sys.argv[2])

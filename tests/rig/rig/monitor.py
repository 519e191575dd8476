"""QEMU's monitor of L0, for cases in which the hardware itself does something.

A line `@@ l0 WORDS` on the console of L1 or L2 is a command; what was said is
in monitor.log.
"""
import os
import shutil
import socket
import tempfile

PROMPT = b"(qemu) "


class Monitor:
    def __init__(self, log):
        self.log = log
        # Short: a socket's path has 107 bytes at most.
        self.folder = tempfile.mkdtemp(prefix="l0-", dir="/tmp")
        self.path = os.path.join(self.folder, "monitor")

    def args(self):
        return ["-monitor", f"unix:{self.path},server=on,wait=off"]

    def tell(self, words):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(self.path)
            until_prompt(s)
            s.sendall(words.encode() + b"\n")
            answer = until_prompt(s)
        with open(self.log, "a") as f:
            f.write(f"{words}\n{answer}\n")

    def stop(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def until_prompt(s):
    said = b""
    while not said.endswith(PROMPT):
        data = s.recv(4096)
        if not data:
            break
        said += data
    return said.removesuffix(PROMPT).decode(errors="replace")

"""The simulated card in L0: minivmm-card, one socket for each function.

To L1 it is hardware: QEMU 11.1's vfio-user-pci puts each function behind a root
port. A line `@@ card NAME WORDS` on the console of L1 or L2 is a command for
that card's control socket; the answers are the case's to judge.
"""
import os
import shutil
import socket
import subprocess
import tempfile
import time

from fetch import TOP, Trouble

UP_LIMIT = 10
CARDS = os.environ.get("MINIVMM_CARDS", os.path.join(TOP, "tests", "card"))


def program():
    path = os.environ.get("MINIVMM_CARD", os.path.join(TOP, "build", "minivmm-card"))
    if not os.access(path, os.X_OK):
        raise Trouble(f"no minivmm-card at {path} (build it, or give MINIVMM_CARD=FILE)")
    return path


class Card:
    """`name` is a description in tests/card/. `ports` says where L1 finds the
    functions: ports[i] = (root port, function number there)."""

    def __init__(self, name, ports=((1, 0),)):
        self.name, self.ports = name, ports
        self.file = os.path.join(CARDS, name + ".card")
        self.folder = self.process = None
        self.answers = []

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, log):
        """A short folder: a socket's path has 107 bytes at most."""
        self.folder = tempfile.mkdtemp(prefix="card-", dir="/tmp")
        self.answers = []
        sockets = [self.path(f"{i}.sock") for i in range(len(self.ports))]
        with open(log, "wb") as out:
            self.process = subprocess.Popen([program(), "--control", self.path("control"), self.file, *sockets],
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        end = time.monotonic() + UP_LIMIT
        while not all(os.path.exists(s) for s in (*sockets, self.path("control"))):
            if self.process.poll() is not None or time.monotonic() > end:
                with open(log, errors="replace") as f:
                    raise Trouble("minivmm-card does not start: " + f.read().strip())
            time.sleep(0.01)

    def l0_args(self):
        args, several = [], {port for port, f in self.ports if f}
        for i, (port, function) in enumerate(self.ports):
            more = ',"multifunction":true' if port in several else ""
            args += ["-device", f'{{"driver":"vfio-user-pci","bus":"rp{port}","addr":"0.{function}"{more},'
                                f'"socket":{{"type":"unix","path":"{self.path(f"{i}.sock")}"}}}}']
        return args

    def tell(self, words):
        """One command; its answer is kept."""
        answer = "no answer"
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(10)
                s.connect(self.path("control"))
                s.sendall(words.encode() + b"\n")
                answer = s.recv(4096).decode().strip()
        except OSError as e:
            answer = f"no answer: {e.strerror or e}"
        self.answers.append((words, answer))
        return answer

    def stop(self):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder = None

    def config(self, function):
        """The function's config space at power-on, as the description says."""
        done = subprocess.run([program(), "--config-raw", self.file, str(function)], capture_output=True)
        if done.returncode or len(done.stdout) != 4096:
            raise Trouble(f"minivmm-card --config-raw {self.name} {function}: {done.stderr.decode().strip()}")
        return done.stdout

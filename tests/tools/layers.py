#!/usr/bin/env python3
"""layers.py: no include, call or word where it does not belong.

Reads the sources of all rooms and refuses
  * an include that points up or sideways (docs/rooms.md), or runs in a circle;
  * a kernel ABI header in a room that must not know it;
  * a system call outside vmm/base/sys*.c, printing outside vmm/machine and
    trace.c, exit() outside main.c, errno outside vmm/base/sys*;
  * the name of an architecture outside that architecture's folder;
  * a file of more than 500 lines, TODO and FIXME.
"""
import os
import re
import sys

# What each room may include besides itself.
BASE = {"vmm/base"}
VMM = BASE | {"vmm"}
PCIE = VMM | {"pcie"}
ROOMS = {
    "vmm/base": set(),
    "vmm": BASE,
    "pcie": VMM,
    "firmware": BASE,
    "devices": PCIE,
    "vfio": PCIE,
    "vmm/machine": PCIE | {"firmware", "devices", "vfio"},
}

# A tool beside the rooms, and what it may include of them.
TOOLS = {
    "tests/card": ("tests/card/", "vmm/base/", "vfio/user_wire.h"),
}

# Who may know which part of the kernel.
ABI = {
    "linux/kvm.h": {"vmm/base", "vmm", "vfio"},
    "linux/vfio.h": {"vmm/base", "vfio"},
    "linux/iommufd.h": {"vmm/base", "vfio"},
}

HOST_CALLS = """
open openat creat close read write readv writev pread pwrite preadv pwritev ioctl
mmap mmap64 munmap mremap mprotect madvise mlock mlockall memfd_create ftruncate
stat fstat lstat access readlink opendir readdir closedir scandir unlink rename
mkdir rmdir dup dup2 dup3 fcntl pipe pipe2 poll ppoll select eventfd eventfd_read
eventfd_write epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait
timerfd_create timerfd_settime timer_create signalfd sigaction signal
pthread_sigmask sigprocmask kill raise fork execve execvp system popen socket
bind connect listen accept accept4 send sendmsg recv recvmsg getrlimit setrlimit
prctl syscall sysconf isatty tcgetattr tcsetattr posix_openpt grantpt unlockpt
ptsname ptsname_r clock_gettime clock_nanosleep nanosleep usleep sleep time
gettimeofday fopen fdopen fread fwrite fclose freopen tmpfile getenv
""".split()
PRINTS = "printf vprintf fprintf vfprintf puts fputs putchar fputc perror dprintf".split()
ENDS = "exit _exit quick_exit abort".split()

CALL = r"(?<![\w.>])(?:%s)\s*\("
HOST_CALL = re.compile(CALL % "|".join(HOST_CALLS))
PRINT = re.compile(CALL % "|".join(PRINTS) + r"|(?<!\w)(?:stdout|stderr)(?!\w)")
END = re.compile(CALL % "|".join(ENDS))
ERRNO = re.compile(r"(?<![\w.><])errno(?![\w.])")
ARCH_NAME = re.compile(r"__x86_64__|__i386__|__aarch64__|__riscv")
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX)\b")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)
# Comments and literals, so that words inside are not taken for code.
NOT_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)

HOST_DOOR = re.compile(r"vmm/base/sys\w*\.[ch]$")
# Writing a trace through the door would trace the writing.
TRACE = "vmm/base/trace.c"
# The time limit ends the process when nothing else can.
MAY_END = {"vmm/machine/main.c", "vmm/machine/deadline.c"}
MAX_LINES = 500


def room_of(path):
    """The room that @path is in: the longest that fits."""
    fits = [r for r in ROOMS if path.startswith(r + "/")]
    return max(fits, key=len) if fits else None


def code_of(text):
    """@text with comments and literals blanked, its lines kept."""
    return NOT_CODE.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def find(pattern, code):
    for m in pattern.finditer(code):
        yield code.count("\n", 0, m.start()) + 1, m[0].rstrip("( \t")


def check_includes(path, room, text):
    for m in INCLUDE.finditer(text):
        line, name = text.count("\n", 0, m.start()) + 1, m[2]
        if m[1] == "<":
            if room not in ABI.get(name, {room}):
                yield line, f"{room} must not know <{name}>"
            continue
        other = room_of(name)
        if other is None:
            # made at build time, below $(B)/gen
            if not name.startswith(room + "/"):
                yield line, f'"{name}" is in no room'
        elif other != room and other not in ROOMS[room]:
            yield line, f"{room} must not include {other}: \"{name}\""


def check_tool(path, may, text):
    for m in INCLUDE.finditer(text):
        if m[1] == '"' and not m[2].startswith(may):
            yield text.count("\n", 0, m.start()) + 1, f"a tool must not include \"{m[2]}\""
    yield from check_size(text)


def check_size(text):
    for line, word in find(UNFINISHED, text):
        yield line, f"{word}: say 'Not modelled: ...' with what follows from it"
    lines = text.count("\n")
    if lines > MAX_LINES:
        yield lines, f"{lines} lines; {MAX_LINES} is the limit"


def check_words(path, room, text, code):
    if not HOST_DOOR.match(path):
        if path != TRACE:
            for line, word in find(HOST_CALL, code):
                yield line, f"{word}() is for vmm/base/sys*.c only; use sys_..."
        for line, _ in find(ERRNO, code):
            yield line, "errno is for vmm/base/sys*.c only"
    if room != "vmm/machine" and path != TRACE:
        for line, word in find(PRINT, code):
            yield line, f"{word}: only vmm/machine prints; return an err, or log"
    if path not in MAY_END:
        for line, word in find(END, code):
            yield line, f"{word}() is for main alone"
    if not re.search(r"/(x86_64|aarch64)/", path):
        for line, word in find(ARCH_NAME, code):
            yield line, f"{word}: architecture is a folder, not an #ifdef"
    yield from check_size(text)


def circles(graph):
    """Circles among headers, each once."""
    done, path, out = set(), [], []

    def visit(node):
        if node in path:
            out.append(path[path.index(node):] + [node])
            return
        if node in done:
            return
        path.append(node)
        for n in graph.get(node, ()):
            visit(n)
        path.pop()
        done.add(node)

    for node in sorted(graph):
        visit(node)
    return out


def sources(folders):
    seen = set()
    for folder in folders:
        for top, _, names in os.walk(folder):
            seen.update(os.path.join(top, n) for n in names if n.endswith((".c", ".h")))
    return sorted(seen)


def main():
    bad, graph = [], {}
    for tool, may in TOOLS.items():
        for path in sources([tool]):
            with open(path, encoding="utf-8") as f:
                bad += [f"{path}:{line}: {what}" for line, what in check_tool(path, may, f.read())]
    for path in sources(ROOMS):
        with open(path, encoding="utf-8") as f:
            text = f.read()
        room = room_of(path)
        for line, what in [*check_includes(path, room, text),
                           *check_words(path, room, text, code_of(text))]:
            bad.append(f"{path}:{line}: {what}")
        if path.endswith(".h"):
            graph[path] = [m[2] for m in INCLUDE.finditer(text) if m[1] == '"']
    bad += [f"{c[0]}:1: headers in a circle: {' -> '.join(c)}" for c in circles(graph)]
    for line in bad:
        print(line)
    return 1 if bad else 0


os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.exit(main())

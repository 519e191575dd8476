"""A copy of L0's QEMU that injects an interrupt once.

QEMU's VMRUN (target/i386/tcg/system/svm_helper.c, helper_vmrun) delivers an
injected interrupt at once, but leaves its vector in exception_index. If somebody
asks the virtual CPU to leave its loop before the guest's next exit,
cpu_handle_exception (accel/tcg/cpu-exec.c) delivers it again, whether the guest
takes interrupts then or not: Linux waits for a lock that it holds itself, or ends
in a triple fault. In the copy the store of the vector is gone.

Read from the program itself: it must be the one such store in front of the one
call of do_interrupt_x86_hardirq in helper_vmrun, or there is no copy.
"""
import os
import re
import struct

SECTION = struct.Struct("<IIQQQQIIQQ")
SYMBOL = struct.Struct("<IBBHQQ")
STRTAB_OF, SYMTAB_TYPE = 6, 11          # sh_link; SHT_DYNSYM
# mov %esi,exception_index; movl $0,exception_is_int; movq $-1,exception_next_eip.
# Up to the call there is a test whether to log it.
STORE = re.compile(rb"\x89\xb3.{4}(?=\xc7\x83.{4}\0{4}\x48\xc7\x83.{4}\xff{4}.{0,32}?\xe8(.{4}))", re.DOTALL)
NOTHING = bytes.fromhex("660f1f440000")  # nopw 0x0(%rax,%rax,1)


def sections(elf):
    at, = struct.unpack_from("<Q", elf, 0x28)
    size, n = struct.unpack_from("<HH", elf, 0x3a)
    return [SECTION.unpack_from(elf, at + i * size) for i in range(n)]


def symbols(elf, wanted):
    """{name: (address, size)} of dynamic symbols."""
    every = sections(elf)
    table = next(s for s in every if s[1] == SYMTAB_TYPE)
    names = every[table[STRTAB_OF]][4]
    found = {}
    for at in range(table[4], table[4] + table[5], SYMBOL.size):
        name, _, _, _, address, size = SYMBOL.unpack_from(elf, at)
        text = elf[names + name:elf.index(b"\0", names + name)].decode()
        if text in wanted:
            found[text] = (address, size)
    return found


def offset_of(elf, address):
    s = next(s for s in sections(elf) if s[1] == 1 and s[3] <= address < s[3] + s[5])
    return address - s[3] + s[4]


def find(elf):
    """Where the store is, or None."""
    known = symbols(elf, {"helper_vmrun", "do_interrupt_x86_hardirq"})
    if len(known) != 2:
        return None
    start, size = known["helper_vmrun"]
    code = offset_of(elf, start)
    hits = [m.start() for m in STORE.finditer(elf, code, code + size)
            if start + m.end(1) - code + struct.unpack("<i", m.group(1))[0] == known["do_interrupt_x86_hardirq"][0]]
    return hits[0] if len(hits) == 1 else None


def fixed(path):
    """The copy's path; @path itself where the store was not found."""
    copy = path + ".fixed"
    if os.path.exists(copy) and os.path.getmtime(copy) >= os.path.getmtime(path):
        return copy
    with open(path, "rb") as f:
        elf = f.read()
    at = find(elf)
    if at is None:
        return path
    with open(copy + ".new", "wb") as f:
        f.write(elf[:at] + NOTHING + elf[at + len(NOTHING):])
    os.chmod(copy + ".new", 0o755)
    os.rename(copy + ".new", copy)
    return copy

"""Functions that no stock driver knows: DMA of 28 bits with MSI and INTx, BARs of 1 and 64 GiB, I/O ports."""
import struct

from animals import BIG_HOLE, GIB, own_files, shared
from animals import OWN as animals
from case import here
from zoo import LINE_ONLY, judge_zoo, zoo_case

disks = [shared]
case = zoo_case(animals, own_files)
case.l0 += BIG_HOLE
variants = LINE_ONLY

STEP = 0x10000          # as tests/guest/zoo/bars.c has it
WRITES = 100


def wrong_words():
    """How many of bars.c's words are not in L0's file."""
    wrong = 0
    with open(here(shared.path), "rb") as f:
        for step in range(GIB // STEP):
            f.seek(step * STEP + step * 8 % STEP)
            wrong += f.read(8) != struct.pack("<Q", 0x6d696e69766d6d00 ^ step * 0x100000001b3)
    return wrong


def judge(r):
    words = judge_zoo(r, animals)
    r.equal("words that the guest finds missing at first", r.guest.get("ivshmem/before"), str(GIB // STEP))
    r.equal("words missing in L0's file", wrong_words(), 0)
    host = r.runs[-1].host
    if r.case.home:
        r.equal("words that L1 finds missing", host.get("ivshmem/before"), "0")
    for kind in ("mmio", "io"):
        tests = r.guest.get("testdev/" + kind)
        r.check(f" {WRITES};" in tests, f"pci-testdev counted: {tests}")
        if r.case.home:
            r.equal(f"pci-testdev's {kind} tests", tests, host.get("testdev/" + kind))
    return words

"""Cases beside each other: a process each, with a folder of its own for disks.

A case leaves half of a CPU or more idle: guests wait for devices, hosts boot on
one of their two CPUs. Images are made by one at a time.
"""
import multiprocessing
import os
import queue
import signal
import sys

import case
import machine
from fetch import Trouble

MOST = 8
ROOM_EACH = 5 << 30     # bytes: L0 with 3 GiB for L1, and the files of both
PATIENCE = 2.0          # how much longer everything may take

fork = multiprocessing.get_context("fork")


def as_many_as_fit():
    room = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(MOST, len(os.sched_getaffinity(0)), room // ROOM_EACH))


def work(i, rig, names, one, results):
    """Takes names until there is none left; sends what `one` returns, or the
    words of what keeps the rig from going on."""
    machine.die_with_parent(signal.SIGTERM)
    signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
    case.run_folder = os.path.join(case.run_folder, str(i))
    machine.patience = PATIENCE
    try:
        for name in iter(names.get, None):
            results.put(one(rig, name))
        results.put(None)
    except Trouble as e:
        results.put(str(e))


def each(rig, names, one, count):
    """Yields what one(rig, name) returns, for every name, `count` at a time."""
    waiting, results = fork.Queue(), fork.Queue()
    rig.preparing = fork.Lock()
    for name in [*names, *[None] * count]:
        waiting.put(name)
    workers = [fork.Process(target=work, args=(i, rig, waiting, one, results)) for i in range(count)]
    for w in workers:
        w.start()
    try:
        yield from until_all_are_done(workers, results)
    finally:
        for w in workers:
            w.terminate()
            w.join()


def until_all_are_done(workers, results):
    working = len(workers)
    while working:
        try:
            result = results.get(timeout=1)
        except queue.Empty:
            if any(w.exitcode for w in workers):
                raise Trouble("a process of the rig ended by itself") from None
            continue
        if isinstance(result, str):
            raise Trouble(result)
        if result is None:
            working -= 1
        else:
            yield result

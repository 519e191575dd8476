"""Registers in BARs that lead to config space or the MSI-X table show the guest's; repeated writes in their pages do not trap: VFIO-BAR-15, VFIO-BAR-21."""
import cards
from card import Card
from driver import bars

GRAPHICS, NIC = "0000:01:00.0", "0000:02:00.0"
COPY, OWN, TIMES = 0x88000, 0x704, 10000


def files(kernel):
    return {**cards.driver_files(kernel), "/bin/bars": bars()}


case = cards.case(
    cards=(Card("graphics"), Card("rtl8168", ports=((2, 0),))),
    bind=[GRAPHICS, NIC],
    host=f"""
        dev=$PCI/{GRAPHICS}
        echo 1 >$dev/enable
        mark hardware $(bars copy $dev/resource0 {COPY + 0x10} 4 | od -An -tx4)
        mark register $(od -An -tx4 -j16 -N4 $dev/config)
        echo 0 >$dev/enable
        bind {GRAPHICS}
        bind {NIC}
        vmm --vfio {GRAPHICS} --vfio {NIC}
    """,
    guest=f"""
        dev=$PCI/{GRAPHICS}
        echo 1 >$dev/enable
        bars copy $dev/resource0 {COPY} 4096 >/tmp/copy
        cat $dev/config >/tmp/config
        cmp /tmp/copy /tmp/config && mark same yes
        mark bar $(od -An -tx4 -j16 -N4 /tmp/copy)
        mark resource $(head -n1 $dev/resource)
        # Registers beside the MSI-X table, and one of the copy that no
        # capability owns.
        # The card is asked a moment after the line came.
        mark card graphics stats
        sleep 2
        bars write $dev/resource1 0x800 7 {TIMES}
        mark beside $(bars copy $dev/resource1 0x800 4 | od -An -tx4)
        bars write $dev/resource0 {COPY + OWN} 0x55 {TIMES}
        mark own $(bars copy $dev/resource0 {COPY + OWN} 4 | od -An -tx4)
        mark card graphics stats
        dev=$PCI/{NIC}
        echo 1 >$dev/enable
        # Entry 1 of the table gets an address, and tells it, by the window.
        bars write $dev/resource2 0x70 0xfee01000
        bars write $dev/resource2 0x74 0x8001f010
        mark done $(bars copy $dev/resource2 0x74 4 | od -An -tx4)
        mark table $(bars copy $dev/resource4 0x10 4 | od -An -tx4)
        bars write $dev/resource4 0x14 0xabc
        bars write $dev/resource2 0x74 0x1f014
        mark read $(bars copy $dev/resource2 0x70 8 | od -An -tx4)
    """,
    guest_files=files,
    host_files=files,
    give_back="",
    only=("minivmm",),
)


def written(answer):
    return int(answer[1].split(" writes=")[1].split()[0])


def trapped(r, bar):
    graphics, = (f for f in r.runs[0].stats["functions"] if f["name"] == GRAPHICS)
    return sum(p["writes"] for b in graphics["bars"] if b["bar"] == bar for p in b["pages"])


def judge(r):
    g = r.guest
    r.equal("the hardware's copy, seen by L1", r.host.get("hardware"), r.host.get("register"))
    r.equal("the copy is config space", g.get("same"), "yes")
    r.equal("BAR 0 in the copy", int(g.get("bar"), 16) & ~0xf, int(g.get("resource").split()[0], 16))
    r.equal("the register beside the table", g.get("beside"), "00000007")
    r.equal("the register of the copy", g.get("own"), "00000055")
    before, after = (written(a) for a in r.case.cards[0].answers)
    r.check(after - before >= 2 * TIMES, f"the card saw {after - before} writes of {2 * TIMES}")
    traps = trapped(r, "BAR0"), trapped(r, "BAR1")
    r.check(0 < min(traps) and max(traps) < 200, f"writes that trapped: {traps}")
    r.equal("a write by the window is done", g.get("done"), "0001f010")
    r.equal("it reached the guest's table", g.get("table"), "fee01000")
    r.equal("a read by the window", g.get("read"), "00000abc 8001f014")
    return (f"the guest's own config space in the copy, byte for byte; of 2 * {TIMES} writes all arrived and "
            f"{traps[0]} and {traps[1]} trapped; the window leads to the guest's table")

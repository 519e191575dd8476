"""What cases with the simulated card share: how to judge, what the guest gets."""
from card import Card, program
from case import Case, root_port
from config_space import NAMES, ext_caps, steady
from driver import card_driver, card_explore
from fetch import libraries
from image import text


def driver_files(kernel):
    """The card's driver for a guest or a host with this kernel."""
    if not kernel.takes_modules:
        return {"/lib/card.sh": text("guest/card.sh")}
    return {"/lib/card.sh": text("guest/card.sh"),
            "/modules/minivmm_card.ko": card_driver(kernel),
            "/modules/minivmm_card.load": b"minivmm_card\n"}


def guest_files(kernel):
    return {**driver_files(kernel), "/bin/card-explore": card_explore()}


def server_files(*names):
    """minivmm-card and descriptions, for a host that serves the card itself."""
    return {"/bin/minivmm-card": program(), **libraries(program()), "/lib/card-host.sh": text("host/card.sh"),
            **{f"/card/{name}.card": Card(name).file for name in names}}


def case(**fields):
    """A Case with cards behind root ports of their own, whose driver L1 and L2
    have. Functions are given back to L1, which moves data with them again."""
    ports = 1 + max(port for card in fields["cards"] for port, _ in card.ports)
    bind = fields["bind"]
    given = {
        "l0": [a for n in range(1, ports) for a in root_port(n)],
        "guest_files": guest_files,
        "host_files": driver_files,
        "ours": True,
        "give_back": ". /lib/card.sh\n" + "\n".join(
            f"give_back {bdf} minivmm_card; card_do {bdf} transfer both 1 0" for bdf in bind),
    }
    fields["guest"] = ". /lib/card.sh\n" + fields["guest"]
    return Case(**{**given, **fields})


def facts(r, bdf, run=None):
    g = (run or r.runs[0]).guest
    return {name: g.get(f"{bdf}/{name}") for name in
            ("vsec", "uuid", "irq_kind", "vectors", "interrupts", "transfer", "wild", "fire", "reset", "peer")}


def check_config(r, card, function, bdf, hidden=(), run=None):
    """The guest's extended capabilities are the description's, byte for byte,
    less those that somebody hides; and config space is 4096 bytes."""
    found = (run or r.runs[0]).guest.blob("config-" + bdf)
    wanted = card.config(function)
    r.equal(f"{bdf}: bytes of config space", len(found), 4096)
    want = [c for c in ext_caps(wanted) if c.id not in hidden]
    have = ext_caps(found)
    r.equal(f"{bdf}: chain", [(c.offset, c.id, c.version) for c in have], [(c.offset, c.id, c.version) for c in want])
    for w, h in zip(want, have):
        n = min(len(w.body), len(h.body))
        r.check(steady(w, n) == steady(h, n), f"{bdf}: {w} has other bytes than the card's description")
    return " ".join(f"{NAMES.get(c.id, hex(c.id))}@{c.offset:x}" for c in have)


PF0, PF1 = "0000:01:00.0", "0000:01:00.1"

# What a guest with both functions in slot 1 does, however they came to it.
BOTH = f"""
    card_up {PF0} {PF1} || finish
    for f in {PF0} {PF1}; do card_all $f; done
    # A masked vector's interrupt waits; it comes once, when it is unmasked.
    before=$(card_get {PF1} interrupts)
    card_do {PF1} mask 3
    card_refused {PF1} fire 3
    mark masked "$before / $(card_get {PF1} interrupts)"
    card_do {PF1} unmask 3
    sleep 1
    mark unmasked "$(card_get {PF1} interrupts)"
    card_do {PF1} peer {PF0} 16
    card_do {PF0} peer {PF1} 16
    card_do {PF1} reset
    card_do {PF1} transfer both 8 1
    # Without a driver, from userspace.
    echo {PF1} >$PCI/{PF1}/driver/unbind
    mark explored $(card-explore {PF1} --dma >/tmp/explored && echo ok)
    blob explored /tmp/explored
"""


def judge_both(r, card):
    g = r.guest
    chains = [check_config(r, card, f, bdf) for f, bdf in enumerate((PF0, PF1))]
    check_function(r, PF0, "msi", 1)
    f = check_function(r, PF1, "msix", 8)
    before, masked = ([int(n) for n in part.split()] for part in g.get("masked").split("/"))
    unmasked = [int(n) for n in g.get("unmasked").split()]
    r.equal("interrupts of a masked vector", masked[3], before[3])
    r.equal("interrupts after unmasking", unmasked[3], before[3] + 1)
    for bdf in (PF0, PF1):
        r.check(g.get(bdf + "/peer").startswith("ok"), f"{bdf}: peer to peer: {g.get(bdf + '/peer')}")
    r.check(g.get(PF1 + "/reset").startswith("ok"), f"reset: {g.get(PF1 + '/reset')}")
    r.equal("card-explore", g.get("explored"), "ok")
    return (f"VSEC {f['vsec'].split()[0]}, chain {chains[1]}, 64 MiB each way, MSI, 8 MSI-X vectors, "
            "a masked one waits, FLR, peer to peer")


def check_back(r):
    """L1's own driver moved data afterwards."""
    for bdf in r.case.bind if r.case.home else ():
        r.check(r.host.get(bdf + "/transfer").startswith("ok "),
                f"{bdf} back in L1: {r.host.get(bdf + '/transfer') or 'nothing'}")


def check_function(r, bdf, kind, vectors, run=None):
    """The driver found its way and everything it did was right."""
    f = facts(r, bdf, run)
    r.check(f["vsec"], f"{bdf}: the driver found no VSEC")
    r.equal(f"{bdf}: interrupts are", f["irq_kind"], kind)
    r.equal(f"{bdf}: vectors", f["vectors"], str(vectors))
    counts = [int(n) for n in f["interrupts"].split()]
    r.check(len(counts) == vectors and all(counts), f"{bdf}: interrupts per vector: {counts}")
    r.check(f["transfer"].startswith("ok "), f"{bdf}: DMA: {f['transfer']}")
    r.check("Bad address" in f["wild"], f"{bdf}: DMA outside guest memory: {f['wild']}")
    return f

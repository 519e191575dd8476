"""Compares the extended capabilities that a guest sees with the host's.

As a program: config_space.py HOST GUEST [HIDDEN_ID...]; both files hold the raw
config space, or hex digits. Prints both chains, exits 1 when they differ.
"""
import struct
import sys

NAMES = {0x01: "AER", 0x02: "VC", 0x03: "DSN", 0x0b: "VSEC", 0x0d: "ACS", 0x0e: "ARI", 0x0f: "ATS",
         0x10: "SR-IOV", 0x13: "PRI", 0x15: "ReBAR", 0x17: "TPH", 0x18: "LTR", 0x1b: "PASID",
         0x1d: "DPC", 0x1e: "L1SS", 0x1f: "PTM", 0x23: "DVSEC", 0x2e: "DOE"}

# vfio-pci of Linux 6.12 removes all others from the chain. (DOE: measured.)
VFIO_SHOWS = {0x01, 0x02, 0x03, 0x04, 0x08, 0x09, 0x0b, 0x0d, 0x0e, 0x0f, 0x10, 0x12, 0x13,
              0x15, 0x16, 0x17, 0x18, 0x23, 0x2e}
# minivmm removes what would need virtual topology or a virtual IOMMU, and what
# only the host may control.
MINIVMM_HIDES = {0x0e, 0x0f, 0x10, 0x13, 0x15, 0x19, 0x1b, 0x1d, 0x1e, 0x1f,
                 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x2e}

# What changes by itself or by a driver: (offset, length) inside a capability.
VOLATILE = {0x01: [(0x04, 4), (0x10, 4), (0x1c, 16)], 0x0d: [(0x06, 2)], 0x15: [(0x04, 8)], 0x18: [(0x04, 4)]}
LENGTHS = {0x01: 0x48, 0x03: 0x0c, 0x0e: 0x08, 0x18: 0x08, 0x0d: 0x08}


class ExtCap:
    def __init__(self, config, offset):
        header = struct.unpack_from("<I", config, offset)[0]
        self.offset, self.id = offset, header & 0xffff
        self.version, self.next = header >> 16 & 0xf, header >> 20
        self.body = b""

    def __str__(self):
        return f"{self.offset:#05x} {NAMES.get(self.id, f'{self.id:#x}')} v{self.version}"


def ext_caps(config):
    """The chain in its own order. An ID of 0 at 100h stands for a hidden first."""
    caps, offset = [], 0x100
    while 0x100 <= offset <= len(config) - 4 and offset not in [c.offset for c in caps]:
        cap = ExtCap(config, offset)
        if cap.id in (0, 0xffff) and cap.next == 0:
            break
        caps.append(cap)
        offset = cap.next
    caps = [c for c in caps if c.id not in (0, 0xffff)]
    for cap in caps:
        after = [c.offset for c in caps if c.offset > cap.offset]
        length = min(after + [len(config)]) - cap.offset
        if cap.id in (0x0b, 0x23):
            # QEMU's CXL device has a DVSEC whose length runs into a DOE.
            length = min(length, struct.unpack_from("<I", config, cap.offset + 4)[0] >> 20)
        length = min(length, LENGTHS.get(cap.id, length))
        cap.body = config[cap.offset + 4:cap.offset + length]
    return caps


def steady(cap, length):
    body = bytearray(cap.body[:length])
    for at, n in VOLATILE.get(cap.id, []):
        for i in range(at - 4, min(at - 4 + n, len(body))):
            body[i] = 0
    return bytes(body)


def differences(host, guest, hidden):
    """Sentences; none if the guest sees the host's chain less the hidden."""
    found = []
    if len(guest) != len(host):
        found.append(f"the guest sees {len(guest)} bytes of config space, the host {len(host)}")
    wanted = [c for c in ext_caps(host) if c.id not in hidden]
    have = ext_caps(guest)
    if [str(c) for c in wanted] != [str(c) for c in have]:
        found.append(f"chain is [{', '.join(map(str, have))}], not [{', '.join(map(str, wanted))}]")
        return found
    for w, h in zip(wanted, have):
        length = min(len(w.body), len(h.body))  # what follows may be hidden
        a, b = steady(w, length), steady(h, length)
        if a != b:
            at = next(i for i in range(length) if a[i] != b[i])
            found.append(f"{w}: byte {w.offset + 4 + at:#05x} is {b[at]:#04x}, the host's is {a[at]:#04x}")
    return found


def hidden_by(vmm):
    everything = set(range(0x10000))
    mine = {"minivmm": MINIVMM_HIDES, "qemu": {0x10, 0x0e}}.get(vmm, set())
    return (everything - VFIO_SHOWS) | mine


def standard_differences(host, guest):
    """Identity, class, header type, and the chain of capabilities below 100h,
    less those that a VMM or vfio may hide (VPD stays, nothing else is known)."""
    found = []
    for name, at, n in (("vendor and device", 0, 4), ("revision and class", 8, 4),
                        ("subsystem", 0x2c, 4)):
        if host[at:at + n] != guest[at:at + n]:
            found.append(f"{name}: {guest[at:at + n].hex()}, the host's: {host[at:at + n].hex()}")
    if caps(host) != caps(guest):
        found.append(f"capabilities {caps(guest)}, the host's {caps(host)}")
    return found


def check(r, bdf):
    """For judges: the guest's dump beside L1's of the same function."""
    host, guest = r.host.blob("host-config-" + bdf), r.guest.blob("config")
    r.check(len(host) == 4096, f"L1 saw {len(host)} bytes of {bdf}'s config space")
    found = differences(host, guest, hidden_by(r.vmm)) + standard_differences(host, guest)
    r.check(not found, "; ".join(found))
    return "config equal"


def caps(config):
    if not config[0x06] & 0x10:         # PCI_STATUS_CAP_LIST: whatever the pointer says
        return []
    chain, at = [], config[0x34] & 0xfc
    while 0x40 <= at < 0x100 and len(chain) < 48:
        chain.append(f"{config[at]:#04x}@{at:#04x}")
        at = config[at + 1] & 0xfc
    return chain


def read(path):
    with open(path, "rb") as f:
        data = f.read()
    try:
        return bytes.fromhex(data.decode())
    except ValueError:
        return data


if __name__ == "__main__":
    host_config, guest_config = read(sys.argv[1]), read(sys.argv[2])
    ids = {int(i, 0) for i in sys.argv[3:]} or hidden_by("minivmm")
    for title, config in (("host", host_config), ("guest", guest_config)):
        print(f"{title}: {', '.join(map(str, ext_caps(config)))}")
    problems = standard_differences(host_config, guest_config) + differences(host_config, guest_config, ids)
    print("\n".join(problems) or "equal")
    sys.exit(1 if problems else 0)

"""What all network cards must show, whatever their interrupts are."""
from case import Case, net, net_file_sha, root_port
from config_space import check, ext_caps

GUEST = f"""
    net_up || finish
    mark address $(ip -4 addr show dev $NIC | awk '$1 == "inet" {{ print $2 }}')
    dump_config $(basename $(readlink -f /sys/class/net/$NIC/device))
    io_begin
    nc 10.0.2.100 9000 </dev/null | head -c 16777216 >/tmp/file
    io_end
    mark file $(sha256sum </tmp/file | cut -d' ' -f1)
    irq_report $NIC
"""


def give_back(bdf, module):
    return f"""
        give_back {bdf} {module}
        net_up && mark host-address $(ip -4 addr show dev $NIC | awk '$1 == "inet" {{ print $2 }}')
    """


def nic_case(model, **more):
    return Case(l0=root_port(1) + net(model, "rp1"), bind=["0000:01:00.0"],
                guest_modules=[model], host_modules=[model], guest=GUEST,
                give_back=give_back("0000:01:00.0", model), **more)


def line_controller(vmm):
    """Where lines end, as /proc/interrupts has it. kvmtool always tells its
    guest noapic."""
    return "XT-PIC" if vmm == "lkvm" else "IO-APIC"


def judge_traffic(r):
    g = r.guest
    r.check(g.get("address").startswith("10.0.2."), "no lease from L0's DHCP server")
    r.equal("hash of 16 MiB", g.get("file"), net_file_sha())
    r.check(r.host.get("host-address").startswith("10.0.2."), "L1 gets no lease afterwards")
    return "lease, 16 MiB sha ok"


def judge_caps(r, seen, hidden):
    config = r.guest.blob("config")
    check(r, "0000:01:00.0")
    ids = [c.id for c in ext_caps(config)]
    for name, i in seen.items():
        r.check(i in ids, f"{name} is not visible")
    for name, i in hidden.items():
        r.check(i not in ids, f"{name} is visible")
    return " ".join(seen) + " visible" + (f", {' '.join(hidden)} hidden" if hidden else "")
